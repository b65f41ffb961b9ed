import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.estimate import Load
from phasewise.control.regulate import JUMP_W, TRIM_INTERVAL_S, regulate
from phasewise.model import Intent
from phasewise.model.memory import RegulateMemory

HOLD_ZERO = Intent(grid_target_w=0.0)


def load(power_w: float, slope_w_s: float = 0.0) -> Load:
    """As of one second before 6.0 s; the batteries take 1.5 s."""
    return Load(power_w, power_w, power_w, at_s=5.0, slope_w_s=slope_w_s, dead_time_s=1.5)


def follow(loads_w: list[float], intent: Intent = HOLD_ZERO) -> list[float]:
    """The wanted sum for a load sampled every second."""
    memory, wanted = RegulateMemory(), []
    for second, load_w in enumerate(loads_w):
        wanted_w, memory = regulate(intent, load(load_w), memory, float(second), 1.0)
        assert memory.wanted_w == wanted_w
        wanted.append(wanted_w)
    return wanted


def changes(values: list[float]) -> int:
    return sum(a != b for a, b in pairwise(values))


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_chased(seed: int) -> None:
    """5 W of noise over ten minutes: less than one write a minute."""
    gauss = random.Random(seed).gauss
    wanted = follow([500.0 + gauss(0.0, 5.0) for _ in range(600)])
    assert changes(wanted[1:]) <= 10
    assert all(abs(w + 500.0) < 25.0 for w in wanted)


@pytest.mark.parametrize("seed", range(5))
def test_an_unruly_house_costs_few_writes(seed: int) -> None:
    """20 W of noise: at most the six small corrections a minute that are promised."""
    gauss = random.Random(seed).gauss
    wanted = follow([500.0 + gauss(0.0, 15.0) for _ in range(600)])
    assert changes(wanted[1:]) <= 60


@given(st.floats(-8000.0, 8000.0), st.floats(-8000.0, 8000.0), st.floats(-1000.0, 1000.0))
def test_a_step_passes_whole_and_at_once(before_w: float, after_w: float, target_w: float) -> None:
    wanted = follow([before_w] * 5 + [after_w], Intent(grid_target_w=target_w))
    if abs(after_w - before_w) > JUMP_W + 1e-6:
        assert wanted[-1] == target_w - after_w
    else:
        assert abs(wanted[-1] - (target_w - after_w)) <= JUMP_W + 1e-6


@given(st.floats(-8000.0, 8000.0), st.floats(-50.0, 50.0))
def test_a_small_lasting_error_is_removed(load_w: float, error_w: float) -> None:
    wanted = follow([load_w] * 3 + [load_w + error_w] * 60)
    assert abs(wanted[-1] + load_w + error_w) <= 8.0 + 1e-6


def test_small_corrections_keep_their_distance() -> None:
    wanted = follow([500.0 + 3.0 * second for second in range(100)])
    at = [second for second in range(1, 100) if wanted[second] != wanted[second - 1]]
    assert min(b - a for a, b in pairwise(at)) >= TRIM_INTERVAL_S


def test_the_first_call_asks_for_the_whole() -> None:
    assert regulate(HOLD_ZERO, load(700.0), RegulateMemory(), 0.0, 1.0)[0] == -700.0


def test_a_wanted_battery_power_is_passed_on_and_leaves_bumplessly() -> None:
    wanted_w, memory = regulate(Intent(battery_power_w=2000.0), load(700.0), RegulateMemory(-500.0), 5.0, 1.0)
    assert wanted_w == 2000.0
    assert regulate(HOLD_ZERO, load(700.0), memory, 6.0, 1.0)[0] == -700.0


@given(st.floats(-3000.0, 3000.0), st.lists(st.floats(-40.0, 40.0), min_size=20, max_size=60))
def test_smoothing_never_flips_a_sign(load_w: float, noise: list[float]) -> None:
    """A house that draws all the time never makes the batteries charge."""
    loads_w = [load_w + n for n in noise]
    wanted = follow(loads_w)
    if min(loads_w) > 0:
        assert max(wanted) <= 0
    if max(loads_w) < 0:
        assert min(wanted) >= 0


def test_a_slope_is_met_where_it_will_be() -> None:
    """40 W/s, one second since the sample, 1.5 s dead time, and half of the second that it stands."""
    wanted_w, _ = regulate(HOLD_ZERO, load(700.0, slope_w_s=40.0), RegulateMemory(), 6.0, 1.0)
    assert wanted_w == -700.0 - 40.0 * (1.0 + 1.5 + 0.5)
