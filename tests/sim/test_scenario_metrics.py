"""Figures from hand-made traces whose answers are known."""

import math
from itertools import pairwise

import pytest

from phasewise.control.fuse import COOLING_S, HOLD, hold_s
from phasewise.sim.closed_loop import Trace
from phasewise.sim.entries import Metric, MetricKind
from phasewise.sim.fuse import budget_used
from phasewise.sim.metrics import energy_wh, measure, overshoot_w, rms_w, settle_s, stop_s, swings
from phasewise.sim.scenario import Scenario, parse_scenario

TICK_S = 0.1


@pytest.mark.parametrize(
    ("total_w", "expected_s"),
    [
        ([500.0] * 30 + [0.0] * 81, 3.0),
        ([500.0] * 30 + [0.0] * 80, math.inf),  # 8 s are 80 ticks and the one they begin with
        ([0.0] * 81, 0.0),
        ([500.0] * 10 + [100.0] * 40 + [-100.1] + [-100.0] * 81, 5.1),
        ([], math.inf),
    ],
)
def test_settled_is_inside_the_band_for_eight_seconds(total_w: list[float], expected_s: float) -> None:
    found_s = settle_s(total_w, TICK_S, band_w=100.0, hold_s=8.0)
    assert found_s == pytest.approx(expected_s)


def test_import_and_export_are_counted_apart() -> None:
    imported, exported = energy_wh([3600.0] * 10 + [-1800.0] * 10, TICK_S)
    assert (imported, exported) == (pytest.approx(1.0), pytest.approx(0.5))


def test_rms_of_a_square_wave_is_its_height() -> None:
    assert rms_w([300.0, -300.0] * 5) == pytest.approx(300.0)
    assert rms_w([300.0, 400.0]) == pytest.approx(math.sqrt(125_000.0))


def test_overshoot_is_beyond_zero_on_the_side_opposite_to_the_edge() -> None:
    total_w = [3000.0, 500.0, -80.0, 20.0]
    assert overshoot_w(total_w, 3000.0) == 80.0
    assert overshoot_w(total_w, -3000.0) == 3000.0
    assert overshoot_w([3000.0, 10.0], 3000.0) == 0.0


def test_swings_are_passages_from_one_side_of_the_band_to_the_other() -> None:
    assert swings([3000.0, 150.0, -150.0, 150.0], 200.0) == 0
    assert swings([3000.0, 0.0, -900.0, 0.0, 500.0, 0.0], 200.0) == 2
    assert swings([3000.0, 0.0, 3000.0], 200.0) == 0


def test_stopped_means_every_battery_and_to_the_end() -> None:
    assert stop_s([(-500.0, 0.0)] * 20 + [(0.0, 0.5)] * 5, TICK_S) == pytest.approx(2.0)
    assert stop_s([(0.0, 0.0)] * 5, TICK_S) == 0.0
    assert stop_s([(0.0, 0.0)] * 5 + [(0.0, 30.0)], TICK_S) == math.inf


def _scenario(metrics: str) -> Scenario:
    text = (
        "title: t\ndescription: d\nduration_s: 2\nwarm_up_s: 1\n"
        "batteries:\n  - {id: m1, connected_to: L1}\n  - {id: m2, connected_to: L2}\n"
        f"metrics:\n{metrics}"
    )
    return parse_scenario(text, "t.yaml")


def test_times_of_metrics_count_from_the_end_of_the_warm_up() -> None:
    scenario = _scenario(
        "  - {name: all, kind: import}\n"
        "  - {name: second, kind: import, from_s: 1}\n"
        "  - {name: first, kind: import, until_s: 1}\n"
        "  - {name: both, kind: exchanged}\n"
    )
    grid_w = [(9e9, 0.0, 0.0)] * 10 + [(3600.0, 0.0, 0.0)] * 10 + [(3600.0, 3600.0, -10800.0)] * 10
    trace = Trace(grid_w=grid_w, battery_w=[(0.0, 0.0)] * 30)
    assert measure(trace, scenario) == pytest.approx([1.0, 0.0, 1.0, 2.0])


def test_edges_know_their_own_sign() -> None:
    scenario = _scenario("  - {name: overshoot, kind: overshoot, edges_s: [0, 1]}\n")
    # A load of 1 kW that starts at 0 s and ends at 1 s; the battery comes late and gives too much.
    grid_w = [0.0] * 10 + [1000.0] * 5 + [-40.0] * 5 + [-1040.0] * 5 + [70.0] * 5
    battery_w = [0.0] * 15 + [-1040.0] * 10 + [70.0] * 5
    trace = Trace(grid_w=[(w, 0.0, 0.0) for w in grid_w], battery_w=[(w, 0.0) for w in battery_w])
    assert measure(trace, scenario) == [70.0]


def test_writes_are_those_of_the_busiest_battery_inside_the_window() -> None:
    scenario = _scenario("  - {name: writes, kind: writes}\n  - {name: late, kind: writes, from_s: 1}\n")
    trace = Trace(
        grid_w=[(0.0, 0.0, 0.0)] * 30,
        battery_w=[(0.0, 0.0)] * 30,
        write_s=[[0.2, 0.9, 1.0, 1.5, 2.0, 2.9], [2.1, 2.2]],
    )
    assert measure(trace, scenario) == pytest.approx([4 * 30.0, 2 * 60.0])


def test_what_a_strategy_makes_of_the_batteries() -> None:
    scenario = _scenario(
        "  - {name: charged, kind: charged}\n"
        "  - {name: discharged, kind: discharged}\n"
        "  - {name: off, kind: soc-off, expected_soc_pct: 60, until_s: 1}\n"
        "  - {name: other, kind: other-strategy, strategy: charge}\n"
        "  - {name: changes, kind: strategy-changes}\n"
        "  - {name: late changes, kind: strategy-changes, from_s: 1.5}\n"
    )
    trace = Trace(
        grid_w=[(0.0, 0.0, 0.0)] * 30,
        battery_w=[(9e9, 9e9)] * 10 + [(3600.0, -7200.0)] * 10 + [(3600.0, 0.0)] * 10,
        soc_pct=[(40.0, 70.0)] * 20 + [(99.0, 99.0)] * 10,
        executing=[(0.0, "sell"), (0.5, "charge"), (1.5, "standby"), (2.25, "charge")],
    )
    assert measure(trace, scenario) == pytest.approx([2.0, 2.0, 5.0, 0.75, 2.0, 0.0])


def test_every_kind_of_metric_can_be_measured() -> None:
    lines = "".join(
        f"  - {{name: {kind.value}, kind: {kind.value}, alarm: meter-lost, strategy: standby}}\n"
        for kind in MetricKind
    )
    ticks = 30
    trace = Trace(
        grid_w=[(230.0 * 50.0, 0.0, 0.0)] * ticks,
        current_a=[(50.0, 0.0, 0.0)] * ticks,
        battery_w=[(0.0, 0.0)] * ticks,
        soc_pct=[(50.0, 50.0)] * ticks,
        write_s=[[], []],
        relieving=[False] * ticks,
    )
    scenario = _scenario(lines)
    found = dict(zip([m.kind for m in scenario.metrics], measure(trace, scenario), strict=True))
    assert found[MetricKind.FUSE] == pytest.approx(100.0 * 3.0 / 12.0, rel=0.01)  # 3 s at twice the rating
    assert found[MetricKind.SETTLE] == math.inf
    assert all(kind.unit is not None for kind in found)


def test_a_metric_without_an_end_ends_with_the_run() -> None:
    assert Metric("x", MetricKind.RMS).until_s is None


@pytest.mark.parametrize(("multiple", "seconds"), HOLD[:-1])
def test_a_fuse_holds_as_long_as_the_table_says(multiple: float, seconds: float) -> None:
    assert hold_s(multiple) == pytest.approx(seconds)


def test_hold_times_fall_steadily_between_the_points_of_the_table() -> None:
    multiples = [1.13 + 0.001 * n for n in range(1870)]
    times = [hold_s(multiple) for multiple in multiples]
    assert all(later < earlier for earlier, later in pairwise(times))
    assert hold_s(1.1299) == math.inf
    assert hold_s(3.0) == 0.0
    assert hold_s(math.sqrt(1.6 * 2.0)) < math.sqrt(109.0 * 12.0) * 1.6  # log-log, not linear


def test_the_thermal_budget_follows_its_differential_equation() -> None:
    # used' = 1/hold - used/cooling, from 0: used = cooling/hold (1 - exp(-t/cooling)).
    seconds = 200
    used = budget_used([1.45 * 25.0] * (10 * seconds), 25.0, TICK_S)
    expected = COOLING_S / 294.0 * (1.0 - math.exp(-seconds / COOLING_S))
    assert used[-1] == pytest.approx(expected, rel=2e-3)


def test_the_thermal_budget_is_full_at_once_at_three_times_the_rating_and_then_decays() -> None:
    used = budget_used([75.0] + [10.0] * 9000, 25.0, TICK_S)
    assert used[0] == 1.0
    assert used[-1] == pytest.approx(math.exp(-1.0), rel=1e-6)
    assert budget_used([25.0 * 1.129] * 1000, 25.0, TICK_S)[-1] == 0.0
