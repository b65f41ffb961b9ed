"""Figures of phases, of opposed batteries and of alarms, from hand-made traces whose answers are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.model import Alarm, AlarmCode, Severity
from phasewise.sim.closed_loop import Raised, Trace
from phasewise.sim.metrics import measure
from phasewise.sim.phase_metrics import TAIL_S, turns
from phasewise.sim.scenario import Scenario, parse_scenario

WARM_UP_TICKS = 10


def scenario(metrics: str, *, duration_s: float = 3.0, site: str = "{}") -> Scenario:
    text = (
        f"title: t\ndescription: d\nduration_s: {duration_s}\nwarm_up_s: 1\nsite: {site}\n"
        "batteries:\n  - {id: m1, connected_to: L1}\n  - {id: m2, connected_to: L2}\n"
        f"metrics:\n{metrics}"
    )
    return parse_scenario(text, "t.yaml")


def amperes(l1: list[float], l2: list[float]) -> Trace:
    """Currents of two phases after a warm-up in which both were far too high."""
    pairs = [(99.0, 99.0)] * WARM_UP_TICKS + list(zip(l1, l2, strict=True))
    return Trace(current_a=[(a, b, 0.0) for a, b in pairs])


def test_a_phase_is_clear_when_it_stays_below_its_limit_to_the_end() -> None:
    trace = amperes([30.0] * 5 + [24.0] * 10 + [24.6] + [24.5] * 14, [10.0] * 28 + [26.0] * 2)
    of = scenario(
        "  - {name: l1, kind: phase-clear, phases: [L1], limit_a: 24.5}\n"
        "  - {name: early, kind: phase-clear, phases: [L1], limit_a: 24.5, until_s: 1}\n"
        "  - {name: rating, kind: phase-clear, phases: [L1]}\n"
        "  - {name: l2, kind: phase-clear, phases: [L2]}\n"
        "  - {name: all, kind: phase-clear}\n"
        "  - {name: l3, kind: phase-clear, phases: [L3]}\n"
    )
    assert measure(trace, of) == pytest.approx([1.6, 0.5, 0.5, math.inf, math.inf, 0.0])


def test_seconds_above_the_limit_are_those_of_any_phase() -> None:
    trace = amperes([25.1] * 5 + [10.0] * 25, [10.0] * 3 + [21.0] * 4 + [10.0] * 23)
    lines = (
        "  - {name: all, kind: phase-over}\n"
        "  - {name: l1, kind: phase-over, phases: [L1]}\n"
        "  - {name: late, kind: phase-over, from_s: 0.4}\n"
        "  - {name: low, kind: phase-over, limit_a: 9}\n"
    )
    assert measure(trace, scenario(lines)) == pytest.approx([0.5, 0.5, 0.1, 3.0])
    ratings = "{main_fuse_a: {L1: 35, L2: 20, L3: 16}}"
    assert measure(trace, scenario(lines, site=ratings)) == pytest.approx([0.4, 0.0, 0.3, 3.0])


def test_powers_of_phases_are_means_over_the_span() -> None:
    trace = Trace(grid_w=[(9e9, 0.0, 0.0)] * 10 + [(600.0, -200.0, 90.0), (800.0, -400.0, -110.0)] * 15)
    of = scenario(
        "  - {name: l1, kind: phase-power, phases: [L1], expected_w: 650}\n"
        "  - {name: others, kind: phase-power, phases: [L2, L3], expected_w: -310}\n"
        "  - {name: import, kind: phase-import, phases: [L2, L3]}\n"
        "  - {name: most, kind: phase-import}\n"
    )
    assert measure(trace, of) == pytest.approx([50.0, 0.0, 0.0, 700.0])


@pytest.mark.parametrize(
    ("power_w", "expected"),
    [
        ([6500.0, 6000.0, 5500.0, 5400.0, 5500.0], 0),
        ([6500.0, 5000.0, 5500.0, 5500.0], 1),
        ([6500.0, 5000.0, 5500.0, 5000.0, 5500.0], 3),
        ([5500.0, 5550.0, 5500.0, 5550.0] * 9, 0),
        ([], 0),
        ([0.0, 300.0, 0.0], 1),
        ([0.0, -300.0, -200.0, -400.0, 0.0], 1),
    ],
)
def test_turns_are_counted_that_are_larger_than_the_band(power_w: list[float], expected: int) -> None:
    assert turns(power_w, 200.0) == expected


@given(st.lists(st.integers(-9, 9)), st.integers(1, 5))
def test_turns_do_not_depend_on_the_sign_or_on_standstills(power_w: list[int], band_w: int) -> None:
    found = turns(power_w, band_w)
    assert found == turns([-w for w in power_w], band_w)
    assert found == turns([w for w in power_w for _ in range(3)], band_w)
    assert found <= turns(power_w, band_w / 2)


def test_the_phase_that_turns_most_is_told() -> None:
    trace = Trace(grid_w=[(0.0, 0.0, 0.0)] * 10 + [(0.0, 0.0, 0.0), (50.0, 900.0, 0.0)] * 15)
    lines = "  - {name: all, kind: phase-swings}\n  - {name: l1, kind: phase-swings, phases: [L1, L3]}\n"
    assert measure(trace, scenario(lines)) == [28.0, 0.0]


def test_batteries_oppose_each_other_unless_relief_demands_it() -> None:
    tail = round(TAIL_S * 10)
    # 1 s of warm-up, 1 s opposed, 1 s of relief, then opposed until 10 s after its tail.
    relieving = [False] * 20 + [True] * 10 + [False] * (tail + 100)
    trace = Trace(battery_w=[(900.0, -900.0)] * len(relieving), relieving=relieving)
    line = "  - {name: opposed, kind: opposed}\n"
    assert measure(trace, scenario(line, duration_s=12.0 + TAIL_S)) == pytest.approx([11.0])
    trace.battery_w = [(900.0, -40.0)] * len(relieving)
    assert measure(trace, scenario(line, duration_s=12.0 + TAIL_S)) == [0.0]


def test_relief_before_the_span_has_its_tail_in_it() -> None:
    relieving = [True] * 10 + [False] * 300
    trace = Trace(battery_w=[(900.0, -900.0)] * 310, relieving=relieving)
    of = scenario("  - {name: opposed, kind: opposed, from_s: 5}\n", duration_s=30.0)
    assert measure(trace, of) == pytest.approx([30.0 - TAIL_S])


def raised(code: AlarmCode, subject: str, from_s: float, until_s: float = math.inf) -> Raised:
    return Raised(Alarm(code, Severity.ALARM, subject), from_s, until_s)


def test_alarms_are_counted_and_timed_within_the_span() -> None:
    trace = Trace(
        alarms=[
            raised(AlarmCode.METER_LOST, "meter", 0.2, 0.9),
            raised(AlarmCode.PHASE_LOST, "L2", 0.5, 2.0),
            raised(AlarmCode.PHASE_OVERLOAD, "L1", 2.5, 2.7),
            raised(AlarmCode.PHASE_OVERLOAD, "L1", 3.5),
        ]
    )
    of = scenario(
        "  - {name: overload, kind: alarm-raised, alarm: phase-overload}\n"
        "  - {name: late, kind: alarm-raised, alarm: phase-overload, from_s: 2}\n"
        "  - {name: stands, kind: alarm-raised, alarm: phase-lost}\n"
        "  - {name: over, kind: alarm-raised, alarm: phase-lost, from_s: 1}\n"
        "  - {name: L2, kind: alarm-raised, alarm: phase-overload, subject: L2}\n"
        "  - {name: any, kind: alarm-count}\n"
        "  - {name: two, kind: alarm-count, alarm: phase-overload, subject: L1}\n"
        "  - {name: none, kind: alarm-count, alarm: meter-lost}\n"
        "  - {name: first, kind: alarm-count, until_s: 0.5}\n"
    )
    assert measure(trace, of) == pytest.approx([1.5, 0.5, 0.0, math.inf, math.inf, 3.0, 2.0, 0.0, 1.0])


def test_a_battery_can_be_asked_for_by_itself() -> None:
    powers: list[tuple[float, ...]] = [(0.0, -500.0)] * 10 + [(-300.0, -500.0)] * 5 + [(0.0, -500.0)] * 25
    trace = Trace(battery_w=powers)
    lines = "  - {name: one, kind: stop, battery: m1}\n  - {name: every, kind: stop}\n"
    assert measure(trace, scenario(lines)) == [pytest.approx(0.5), math.inf]
