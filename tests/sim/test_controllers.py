"""Controllers on the plant: what knows the future is the lower bound, doing nothing is the house itself."""

import math
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.control.strategies import Strategy
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import BatteryReading, BatterySnapshot, GridReading, Snapshot
from phasewise.sim.controllers import Pid, nearest_path
from phasewise.sim.metrics import energy_wh, measure
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, Scenario, load_packaged

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption(), "full-stop": FullStop()}
SHORT = ("hob", "pv-ramp", "step-d0.3", "step-d1.5", "step-d4", "step-lag", "step-meter10s")


def figures(loaded: Loaded, controller: ControllerName, seed: int = 0) -> dict[str, float]:
    values = measure(run(loaded, controller, STRATEGIES, seed=seed), loaded.scenario)
    return {metric.name: value for metric, value in zip(loaded.scenario.metrics, values, strict=True)}


def exchanged_wh(loaded: Loaded, controller: ControllerName, seed: int) -> float:
    trace = run(loaded, controller, STRATEGIES, seed=seed)
    first = round(loaded.scenario.warm_up_s / loaded.scenario.tick_s)
    return sum(energy_wh(trace.total_w()[first:], loaded.scenario.tick_s))


@pytest.mark.parametrize("name", SHORT)
def test_whoever_knows_the_future_exchanges_the_least_energy(name: str) -> None:
    loaded = load_packaged(name)
    bound_wh = exchanged_wh(loaded, ControllerName.CLAIRVOYANT, 0)
    for seed, controller in product((0, 1), (ControllerName.OURS, ControllerName.PID)):
        assert bound_wh <= exchanged_wh(loaded, controller, seed) + 1e-6


def test_the_bound_of_a_step_is_half_a_ramp_on_either_side() -> None:
    # 3 kW at 3 x 1,250 W/s: a triangle of 0.4 s and 1,500 W before each edge and one after it.
    found = figures(load_packaged("step-d0.3"), ControllerName.CLAIRVOYANT)
    assert found["exchanged"] == pytest.approx(2 * 2 * 0.5 * 0.4 * 1500.0 / 3600.0, rel=0.35)
    assert found["settle up"] <= 0.5


def test_doing_nothing_gives_the_analytic_figures_of_the_hob() -> None:
    found = figures(load_packaged("hob"), ControllerName.DO_NOTHING)
    on_s, all_s = 115.0, 225.0
    assert found["import"] == pytest.approx((500.0 * all_s + 2000.0 * on_s) / 3600.0, rel=1e-3)
    assert found["export"] == 0.0
    expected_w = math.sqrt((on_s * 2500.0**2 + (all_s - on_s) * 500.0**2) / all_s)
    assert found["rms"] == pytest.approx(expected_w, rel=1e-3)
    assert found["writes"] == 0.0


def test_doing_nothing_gives_the_analytic_figures_of_the_pv_ramp() -> None:
    found = figures(load_packaged("pv-ramp"), ControllerName.DO_NOTHING)
    # 800 - p(t): 100 s up to 4 kW, 70 s there, 40 s down, 60 s of 800 W; mean square of a ramp by thirds.
    ramp = (800.0**2 + 800.0 * -3200.0 + 3200.0**2) / 3.0
    expected_w = math.sqrt((140.0 * ramp + 70.0 * 3200.0**2 + 60.0 * 800.0**2) / 270.0)
    assert found["rms"] == pytest.approx(expected_w, rel=2e-3)


def test_a_textbook_pid_settles_where_it_was_tuned_and_swings_where_it_was_not() -> None:
    tuned = figures(load_packaged("step-d1.5"), ControllerName.PID)
    assert 5.0 < tuned["settle up"] < 30.0
    assert figures(load_packaged("step-meter10s"), ControllerName.PID)["settle up"] == math.inf


@pytest.mark.parametrize("controller", list(ControllerName))
def test_equal_seeds_give_equal_runs(controller: ControllerName) -> None:
    loaded = load_packaged("step-lag")
    first, second = (run(loaded, controller, STRATEGIES, seed=3) for _ in range(2))
    assert first == second


def test_another_seed_draws_other_noise_and_another_phase() -> None:
    loaded = load_packaged("step-d1.5")
    traces = [run(loaded, ControllerName.OURS, STRATEGIES, seed=seed) for seed in (0, 1)]
    assert traces[0].grid_w != traces[1].grid_w
    assert traces[0].write_s != traces[1].write_s


def test_no_controller_is_told_the_true_dead_time_or_phase() -> None:
    settings_of = load_packaged("step-d4").scenario.settings()
    assert all(not battery.phase.is_assigned for battery in settings_of.batteries)
    assert settings_of == load_packaged("step-d0.3").scenario.settings()


def _snapshot(scenario: Scenario, now_s: float, total_w: float, soc_pct: float) -> Snapshot:
    reading = BatteryReading(time_s=now_s, ac_power_w=0.0, soc_pct=soc_pct)
    return Snapshot(
        time_s=now_s,
        utc_s=now_s,
        grid=GridReading(received_s=now_s, total_power_w=total_w),
        grid_is_new=True,
        grid_cadence_s=1.0,
        batteries=tuple(BatterySnapshot(b.id, reading, True) for b in scenario.batteries),
    )


def test_a_pid_does_not_wind_up_while_its_batteries_are_empty() -> None:
    scenario = load_packaged("step-d1.5").scenario
    pid = Pid(scenario.settings())
    for second in range(600):
        told = pid.control(_snapshot(scenario, float(second), 5000.0, soc_pct=5.0))
        assert all(b.setpoint_w == 0.0 for b in told.batteries)
    for second in range(600, 630):
        told = pid.control(_snapshot(scenario, float(second), -3000.0, soc_pct=5.0))
    assert told.wanted_w > 2500.0


def cost(path: list[int], wanted: list[int]) -> int:
    return sum(abs(a - b) for a, b in zip(path, wanted, strict=True))


def cheapest(wanted: list[int], step: int) -> int:
    """By trying everything: with whole numbers some best path is of whole numbers."""
    levels = range(min(wanted), max(wanted) + 1)
    best = {x: abs(x - wanted[0]) for x in levels}
    for value in wanted[1:]:
        best = {x: abs(x - value) + min(best[y] for y in levels if abs(x - y) <= step) for x in levels}
    return min(best.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-12, 12), min_size=1, max_size=14), st.integers(1, 9))
def test_the_nearest_path_is_as_near_as_any(wanted: list[int], step: int) -> None:
    path = nearest_path(wanted, step)
    assert all(abs(b - a) <= step + 1e-9 for a, b in pairwise(path))
    assert cost([round(x) for x in path], wanted) == cheapest(wanted, step)
    assert sum(abs(a - b) for a, b in zip(path, wanted, strict=True)) == pytest.approx(cheapest(wanted, step))
