"""Scenarios of phase-aware control: that they can fail, and what does not fit a row of the scorecard."""

from itertools import product

import pytest
from msgspec.structs import replace

from phasewise.control.strategies import Strategy
from phasewise.model import (
    AlarmCode,
    Assignment,
    Connection,
    Intent,
    Settings,
    Snapshot,
    UnassignedPolicy,
)
from phasewise.model.memory import Memory
from phasewise.registry import load_plugins
from phasewise.sim.closed_loop import Trace
from phasewise.sim.entries import Fault, FaultKind, Metric, MetricKind, ProtectionEntry
from phasewise.sim.metrics import measure
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, Scenario, load_packaged


@pytest.fixture(scope="module")
def strategies() -> dict[str, Strategy]:
    return dict(load_plugins().strategies)


def changed(name: str, **control: object) -> Loaded:
    """A packaged scenario with other control settings."""
    loaded = load_packaged(name)
    scenario = loaded.scenario
    return replace(loaded, scenario=replace(scenario, control=replace(scenario.control, **control)))


def figures(loaded: Loaded, trace: Trace) -> dict[str, float]:
    """Value by name."""
    names = [metric.name for metric in loaded.scenario.metrics]
    return dict(zip(names, measure(trace, loaded.scenario), strict=True))


def missed_musts(loaded: Loaded, trace: Trace) -> list[str]:
    """Names of the figures that miss their must."""
    found = figures(loaded, trace)
    return [m.name for m in loaded.scenario.metrics if m.must is not None and found[m.name] > m.must]


def amps_at_the_end(trace: Trace, phase: int) -> float:
    return trace.current_a[-1][phase]


def codes(trace: Trace) -> set[AlarmCode]:
    return {raised.alarm.code for raised in trace.alarms}


OFF = ProtectionEntry()


def test_without_batteries_l1_stays_at_28_amperes(strategies: dict[str, Strategy]) -> None:
    loaded = load_packaged("overload-L1")
    trace = run(loaded, ControllerName.DO_NOTHING, strategies)
    assert amps_at_the_end(trace, 0) == pytest.approx(6500.0 / 230.0)
    assert "L1 inside" in missed_musts(loaded, trace)


@pytest.mark.parametrize("name", ["overload-L1", "overload-charging-before"])
def test_control_of_the_total_alone_leaves_l1_overloaded_for_good(
    name: str, strategies: dict[str, Strategy]
) -> None:
    # The sum needs 0.8 kW only, and whichever battery gives them, L1 stays above its fuse.
    loaded = changed(name, phase_protection=OFF)
    trace = run(loaded, ControllerName.OURS, strategies)
    after = [amps[0] for amps in trace.current_a[-600:]]
    assert 26.5 < min(after) <= max(after) < 28.5
    assert figures(loaded, trace)["L1 inside"] == float("inf")


def test_charging_without_protection_stays_above_the_fuse(strategies: dict[str, Strategy]) -> None:
    loaded = changed("overload-charge", phase_protection=OFF)
    trace = run(loaded, ControllerName.OURS, strategies)
    assert figures(loaded, trace)["L1 above 25 A"] == pytest.approx(loaded.scenario.duration_s)


@pytest.mark.parametrize(
    ("name", "missed"),
    [
        ("overload-both", "both inside"),
        ("overload-no-battery", "alarm"),
        ("overload-soc-floor", "alarm"),
        ("power-factor", "L1 above 25 A"),
        ("phase-shift", "L1 inside"),
        ("overload-fuses", "L3 inside"),
        ("phase-lost", "alarm"),
        ("unassigned", "above the rating"),
        ("overload-eight", "L1 inside"),
        ("overload-three-phase", "L1 inside"),
    ],
)
def test_every_phase_row_fails_without_protection(
    name: str, missed: str, strategies: dict[str, Strategy]
) -> None:
    loaded = changed(name, phase_protection=OFF)
    assert missed in missed_musts(loaded, run(loaded, ControllerName.OURS, strategies))


def test_own_phase_first_is_not_what_priority_does_by_itself(strategies: dict[str, Strategy]) -> None:
    loaded = changed("prefer-own-phase", prefer_own_phase=False)
    assert {"L1 at the end", "their import"} & set(
        missed_musts(loaded, run(loaded, ControllerName.OURS, strategies))
    )


@pytest.mark.parametrize(
    "strategy", ["self-consumption", "charge", "charge-pv", "zero-import", "standby", "sell", "timed"]
)
def test_relief_comes_with_every_strategy(strategy: str, strategies: dict[str, Strategy]) -> None:
    loaded = changed("overload-L1", strategy=strategy)
    trace = run(loaded, ControllerName.OURS, strategies)
    found = figures(loaded, trace)
    assert found["L1 inside"] <= 10.0
    assert found["swings"] <= 2.0


@pytest.mark.parametrize("relieves", [False, True])
def test_a_full_stop_is_exempt_from_relief_unless_the_user_says_so(
    relieves: bool, strategies: dict[str, Strategy]
) -> None:
    loaded = changed("overload-L1", strategy="full-stop", relief_in_full_stop=relieves)
    trace = run(loaded, ControllerName.OURS, strategies)
    assert (figures(loaded, trace)["L1 inside"] <= 10.0) is relieves
    moved = {index for powers in trace.battery_w for index, watts in enumerate(powers) if watts}
    assert moved == ({0} if relieves else set())
    assert (AlarmCode.PHASE_OVERLOAD in codes(trace)) is not relieves


class Failing:
    """A strategy with a mistake in it."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        raise ZeroDivisionError


def test_a_strategy_that_fails_does_not_end_protection(strategies: dict[str, Strategy]) -> None:
    # Nobody chose a full stop: the batteries stop for want of a strategy, and L1 is relieved all the same.
    loaded = changed("overload-L1", strategy="failing")
    trace = run(loaded, ControllerName.OURS, {**strategies, "failing": Failing()})
    assert AlarmCode.STRATEGY_FAILED in codes(trace)
    assert figures(loaded, trace)["L1 inside"] <= 10.0


PLACES = [Assignment.L1, Assignment.L2, Assignment.L3]


@pytest.mark.parametrize("places", list(product(PLACES, PLACES)), ids="-".join)
def test_unassigned_batteries_overload_no_phase_wherever_they_are(
    places: tuple[Assignment, Assignment], strategies: dict[str, Strategy]
) -> None:
    loaded = load_packaged("unassigned")
    scenario = loaded.scenario
    first, *others = scenario.batteries
    placed = [replace(battery, connected_to=place) for battery, place in zip(others, places, strict=True)]
    loaded = replace(loaded, scenario=replace(scenario, batteries=(first, *placed)))
    found = figures(loaded, run(loaded, ControllerName.OURS, strategies))
    assert found["above the rating"] == 0.0
    assert found["inside after 700 W more"] <= 10.0


def test_left_to_aggregate_control_unassigned_batteries_do_overload_a_phase(
    strategies: dict[str, Strategy],
) -> None:
    entry = ProtectionEntry(enabled=True, unassigned=UnassignedPolicy.AGGREGATE)
    loaded = changed("unassigned", phase_protection=entry)
    trace = run(loaded, ControllerName.OURS, strategies)
    assert figures(loaded, trace)["above the rating"] > 0.0


@pytest.mark.parametrize("why", ["delta", "no phases"])
def test_where_protection_cannot_work_it_says_so_and_everything_else_goes_on(
    why: str, strategies: dict[str, Strategy]
) -> None:
    loaded = load_packaged("overload-L1")
    scenario = loaded.scenario
    if why == "delta":
        scenario = replace(scenario, site=replace(scenario.site, connection=Connection.DELTA))
    else:
        faults = (Fault(FaultKind.METER_NO_PHASES, at_s=0.0),)
        scenario = replace(scenario, warm_up_s=0.0, faults=faults)
    total = Metric("total", MetricKind.RMS, from_s=60.0)
    loaded = replace(loaded, scenario=replace(scenario, metrics=(total,)))
    trace = run(loaded, ControllerName.OURS, strategies)
    assert AlarmCode.PROTECTION_REFUSED in codes(trace)
    assert figures(loaded, trace)["total"] < 50.0


def test_a_cut_off_current_is_taken_for_the_most_that_it_may_be(strategies: dict[str, Strategy]) -> None:
    # It shows 24.9 A as 24 A, and a meter that rounds does not.
    loaded = load_packaged("power-factor")
    scenario: Scenario = loaded.scenario
    entry = replace(scenario.meter, current_rounding="down")
    loaded = replace(loaded, scenario=replace(scenario, meter=entry))
    assert figures(loaded, run(loaded, ControllerName.OURS, strategies))["L1 above 25 A"] == 0.0
