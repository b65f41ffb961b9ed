from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control import steer as steering
from phasewise.control.allocate import goal
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.steer import HANDOVER_EVERY_S, HANDOVER_W, QUIET_S, SHARE_W
from phasewise.model.memory import SteerMemory

POWER_W = st.integers(-4000, 4000).map(float)
UNITS = st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 2500)), min_size=1, max_size=6).map(
    lambda limits: [Unit(f"m{n}", -float(lo), float(hi)) for n, (lo, hi) in enumerate(limits)]
)
THREE = [Unit(f"m{n}", -2500.0, 2500.0) for n in range(3)]


def steer(
    wanted_w: float,
    units: Sequence[Unit],
    order: Sequence[int],
    before_w: Sequence[float],
    memory: SteerMemory,
    now_s: float,
) -> tuple[list[float], SteerMemory]:
    preference = Preference(Orders(order, order))
    steered, after = steering.steer(wanted_w, units, preference, before_w, memory, now_s)
    return steered.powers_w, after


def inside(units: list[Unit], powers_w: list[float]) -> bool:
    return all(u.lo_w <= w <= u.hi_w for u, w in zip(units, powers_w, strict=True))


@given(UNITS, st.lists(POWER_W, min_size=1, max_size=12))
def test_the_sum_is_what_the_boxes_allow_and_no_unit_works_against_another(
    units: list[Unit], wanted: list[float]
) -> None:
    order = list(range(len(units)))
    powers_w, memory = [0.0] * len(units), SteerMemory()
    for second, wanted_w in enumerate(wanted):
        powers_w, memory = steer(wanted_w, units, order, powers_w, memory, second * 7.0)
        assert inside(units, powers_w)
        best_w = min(max(wanted_w, sum(u.lo_w for u in units)), sum(u.hi_w for u in units))
        # Shares are whole watts; what is left over by that goes to one unit.
        assert abs(sum(powers_w) - best_w) <= len(units)
        assert all(w * wanted_w >= 0 for w in powers_w)


@given(UNITS, POWER_W)
def test_in_the_end_the_preference_holds(units: list[Unit], wanted_w: float) -> None:
    """Shared at first, then handed over portion by portion without changing the sum."""
    order = list(range(len(units)))
    powers_w, memory = steer(wanted_w, units, order, [0.0] * len(units), SteerMemory(), 0.0)
    total_w = sum(powers_w)
    now_s = 0.0
    for _ in range(200):
        now_s += HANDOVER_EVERY_S
        before_w = powers_w
        powers_w, memory = steer(total_w, units, order, powers_w, memory, now_s)
        assert sum(powers_w) == total_w
        assert max(abs(a - b) for a, b in zip(powers_w, before_w, strict=True)) <= HANDOVER_W
        if now_s < QUIET_S:
            assert powers_w == before_w
    assert powers_w == goal(total_w, units, Preference(Orders(order, order)))


@pytest.mark.parametrize(("write_interval_s", "at_least_s"), [(0.0, 5.0), (9.0, 23.0)])
def test_portions_wait_for_units_that_can_not_be_told_at_any_time(
    write_interval_s: float, at_least_s: float
) -> None:
    units = [Unit(f"m{n}", -2500.0, 2500.0, write_interval_s=write_interval_s) for n in range(2)]
    powers_w, memory = steer(-2000.0, units, [0, 1], [0.0, 0.0], SteerMemory(), 0.0)
    moved_s = []
    for second in range(1, 120):
        before_w = powers_w
        powers_w, memory = steer(-2000.0, units, [0, 1], powers_w, memory, float(second))
        if powers_w != before_w:
            moved_s.append(second)
    assert [later - earlier for earlier, later in pairwise(moved_s)] == [at_least_s] * (len(moved_s) - 1)
    assert len(moved_s) >= 2


def test_a_large_step_is_shared_and_a_small_one_is_not() -> None:
    shared, _ = steer(-1800.0, THREE, [0, 1, 2], [0.0] * 3, SteerMemory(), 0.0)
    assert shared == [-600.0, -600.0, -600.0]
    small, _ = steer(1.0 - SHARE_W, THREE, [0, 1, 2], [0.0] * 3, SteerMemory(), 0.0)
    assert small == [1.0 - SHARE_W, 0.0, 0.0]


def test_what_was_used_last_is_given_up_first() -> None:
    powers_w, _ = steer(2600.0, THREE, [0, 1, 2], [2500.0, 400.0, 0.0], SteerMemory(), 0.0)
    assert powers_w == [2500.0, 100.0, 0.0]


def test_a_change_of_direction_leaves_nobody_behind() -> None:
    powers_w, _ = steer(500.0, THREE, [0, 1, 2], [0.0, 0.0, -2500.0], SteerMemory(), 0.0)
    assert min(powers_w) >= 0.0
    assert sum(powers_w) == 500.0


def test_a_unit_whose_box_excludes_zero_keeps_to_it() -> None:
    """Full in the sun: it cannot stop feeding in, whatever the others do."""
    units = [Unit("sunny", -800.0, -300.0), Unit("other", -2500.0, 2500.0)]
    powers_w, _ = steer(1000.0, units, [0, 1], [0.0, 0.0], SteerMemory(), 0.0)
    assert powers_w == [-300.0, 1300.0]


def test_beside_a_held_power_the_others_serve_the_house() -> None:
    units = [Unit("held", 1000.0, 1000.0), Unit("free", -2500.0, 2500.0)]
    powers_w, _ = steer(700.0, units, [0, 1], [0.0, 0.0], SteerMemory(), 0.0)
    assert powers_w == [1000.0, -300.0]
