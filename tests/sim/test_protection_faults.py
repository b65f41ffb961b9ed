"""Phases kept inside while something else goes wrong or changes: what once made protection give up."""

from random import Random

import pytest
from msgspec.structs import replace

from phasewise.control.strategies import Strategy
from phasewise.model import AlarmCode, Assignment
from phasewise.registry import load_plugins
from phasewise.sim.closed_loop import Trace
from phasewise.sim.loads import load_function
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, parse_scenario

RATING_A = 25.0
WARM_UP_S = 60.0
"""Before a scenario begins, as scenarios have it that say nothing else."""


@pytest.fixture(scope="module")
def strategies() -> dict[str, Strategy]:
    return dict(load_plugins().strategies)


def home(text: str, *, strategy: str = "self-consumption", most_w: int = 2500, batteries: int = 3) -> Loaded:
    """A home with a battery on each phase and protection on; the rest of the scenario is `text`."""
    entries = "".join(
        f"  - {{id: m{n}, connected_to: L{n}, phase: L{n}, dead_time_s: 1.5,"
        f" max_charge_w: {most_w if n == 1 else 2500}, max_discharge_w: {most_w if n == 1 else 2500}}}\n"
        for n in range(1, batteries + 1)
    )
    control = f"control: {{strategy: {strategy}, phase_protection: {{enabled: true}}}}\n"
    scenario = parse_scenario(f"title: t\ndescription: d\nbatteries:\n{entries}{control}{text}", "t.yaml")
    return Loaded("t", scenario, load_function(scenario.loads, None))


def over_s(trace: Trace, phase: int, since_s: float) -> float:
    """For how long a phase was above its rating from then on."""
    first = next(i for i, now_s in enumerate(trace.time_s) if now_s >= since_s)
    return sum(amps[phase] > RATING_A for amps in trace.current_a[first:]) / 10.0


def codes(trace: Trace) -> set[AlarmCode]:
    return {raised.alarm.code for raised in trace.alarms}


OVERLOAD = """\
duration_s: 200
loads:
  base_w: [200, 150, 150]
  steps:
    - {at_s: 5, phase: L1, power_w: 6300}
"""


@pytest.mark.parametrize("strategy", ["standby", "self-consumption", "charge"])
@pytest.mark.parametrize("more_w", [400, 700, 2000])
def test_frozen_telemetry_and_a_load_on_another_phase(
    strategy: str, more_w: int, strategies: dict[str, Strategy]
) -> None:
    text = f"""{OVERLOAD}    - {{at_s: 13, phase: L2, power_w: {more_w}}}
faults:
  - {{kind: telemetry-frozen, battery: m1, at_s: 5, until_s: 79}}
"""
    trace = run(home(text, strategy=strategy), ControllerName.OURS, strategies)
    assert over_s(trace, 0, since_s=WARM_UP_S + 20.0) == 0.0
    assert AlarmCode.BATTERY_NOT_RESPONDING not in codes(trace)


@pytest.mark.parametrize("strategy", ["standby", "self-consumption", "charge", "zero-import"])
def test_telegrams_without_the_phase_now_and_then(strategy: str, strategies: dict[str, Strategy]) -> None:
    holes = "".join(
        f"  - {{kind: phase-lost, phase: L1, at_s: {at_s}, until_s: {at_s + 1}}}\n"
        for at_s in range(30, 190, 10)
    )
    trace = run(home(f"{OVERLOAD}faults:\n{holes}", strategy=strategy), ControllerName.OURS, strategies)
    assert over_s(trace, 0, since_s=WARM_UP_S + 20.0) == 0.0


@pytest.mark.parametrize("strategy", ["standby", "self-consumption", "charge"])
def test_a_shift_between_phases_is_no_reason_to_doubt_a_battery(
    strategy: str, strategies: dict[str, Strategy]
) -> None:
    text = """\
duration_s: 400
loads:
  base_w: [200, 2000, 150]
  steps:
    - {at_s: 5, phase: L1, power_w: 6300}
    - {at_s: 45, phase: L1, power_w: 700}
    - {at_s: 45, phase: L2, power_w: -700}
"""
    trace = run(home(text, strategy=strategy, most_w=800), ControllerName.OURS, strategies)
    assert AlarmCode.MAPPING_DOUBTFUL not in codes(trace)
    assert all(powers[0] < -780.0 for powers in trace.battery_w[1000:])


@pytest.mark.parametrize("seed", range(5))
def test_appliances_beside_a_car_are_no_reason_to_doubt_a_battery(
    seed: int, strategies: dict[str, Strategy]
) -> None:
    dice = Random(seed)
    steps = ["    - {at_s: 30, phase: L1, power_w: 6000}\n"]
    for phase in ("L1", "L2", "L3"):
        for _ in range(5):
            at_s, power_w = dice.randrange(1500), dice.choice([300, 700, 1200, 2000])
            until_s = min(at_s + dice.randrange(60, 600), 1500)
            part = 0.4 if phase == "L1" else 1.0
            steps.append(
                f"    - {{at_s: {at_s}, until_s: {until_s}, phase: {phase}, power_w: {part * power_w}}}\n"
            )
    text = f"duration_s: 1500\nloads:\n  base_w: [200, 300, 300]\n  steps:\n{''.join(steps)}"
    trace = run(home(text, strategy="charge-pv", most_w=800), ControllerName.OURS, strategies)
    assert AlarmCode.MAPPING_DOUBTFUL not in codes(trace)


@pytest.mark.parametrize("back_s", [6, 8, 10])
@pytest.mark.parametrize("cadence_s", [1, 2])
def test_late_telemetry_of_a_short_gap_in_the_clouds_stops_no_battery(
    back_s: int, cadence_s: int, strategies: dict[str, Strategy]
) -> None:
    text = f"""\
duration_s: 200
telemetry: {{delay_s: 10, cadence_s: {cadence_s}}}
loads:
  base_w: [900, 150, 150]
  steps:
    - {{at_s: 40, until_s: {40 + back_s}, phase: L1, power_w: -2600}}
"""
    trace = run(home(text, batteries=2), ControllerName.OURS, strategies)
    assert not codes(trace)
    assert abs(trace.total_w()[-1]) < 50.0


@pytest.mark.parametrize("delay_s", [0, 3, 4, 5, 10])
@pytest.mark.parametrize("steps_w", [(-3000, 2500), (3500, -2700), (-2000, 3500)])
@pytest.mark.parametrize("dead_time_s", [0.5, 1.5, 2.5])
def test_however_late_telemetry_is_the_grid_comes_to_rest(
    delay_s: int, steps_w: tuple[int, int], dead_time_s: float, strategies: dict[str, Strategy]
) -> None:
    text = f"""\
duration_s: 320
telemetry: {{delay_s: {delay_s}, cadence_s: 1}}
loads:
  base_w: [300, 0, 0]
  steps:
    - {{at_s: 20, phase: L1, power_w: {steps_w[0]}}}
    - {{at_s: 140, phase: L1, power_w: {steps_w[1]}}}
"""
    loaded = home(text)
    batteries = tuple(replace(entry, dead_time_s=dead_time_s) for entry in loaded.scenario.batteries)
    loaded = replace(loaded, scenario=replace(loaded.scenario, batteries=batteries))
    trace = run(loaded, ControllerName.OURS, strategies)
    late_w = trace.total_w()[-600:]
    assert (sum(w * w for w in late_w) / len(late_w)) ** 0.5 < 60.0


def test_a_meter_that_is_back_raises_nothing_about_its_phases(strategies: dict[str, Strategy]) -> None:
    text = OVERLOAD + "faults:\n  - {kind: meter-dead, at_s: 60, until_s: 85}\n"
    trace = run(home(text), ControllerName.OURS, strategies)
    assert AlarmCode.METER_LOST in codes(trace)
    assert AlarmCode.PHASE_LOST not in codes(trace)


def with_unassigned(text: str, **control: str) -> Loaded:
    """The same with the battery on L2 unassigned, and no third one."""
    loaded = home(text, batteries=2, **control)
    first, second = loaded.scenario.batteries
    batteries = (first, replace(second, phase=Assignment.UNASSIGNED))
    return replace(loaded, scenario=replace(loaded.scenario, batteries=batteries))


@pytest.mark.parametrize("cadence_s", [1, 2])
@pytest.mark.parametrize("load_w", [4800, 5800])
def test_an_unassigned_battery_lets_go_though_another_phase_is_at_its_limit(
    load_w: int, cadence_s: int, strategies: dict[str, Strategy]
) -> None:
    """It stores the sun of L1, whose feed-in is at its limit, when L2, where it is, draws a lot."""
    text = f"""\
duration_s: 200
meter: {{cadence_s: {cadence_s}}}
loads:
  base_w: [-5900, 200, 200]
  steps:
    - {{at_s: 5, phase: L2, power_w: {load_w}}}
"""
    trace = run(with_unassigned(text), ControllerName.OURS, strategies)
    alone_a = (200.0 + load_w) / 230.0
    since = [i for i, now_s in enumerate(trace.time_s) if now_s >= WARM_UP_S + 20.0]
    assert max(trace.current_a[i][1] for i in since) < max(RATING_A, alone_a + 0.3)
    assert max(trace.current_a[i][0] for i in since) < RATING_A


@pytest.mark.parametrize("dropouts", [0.0, 0.05])
@pytest.mark.parametrize("cadence_s", [1, 2, 5])
def test_where_nobody_can_make_room_no_phase_is_worse_than_without_batteries(
    cadence_s: int, dropouts: float, strategies: dict[str, Strategy]
) -> None:
    text = f"""\
duration_s: 240
meter: {{cadence_s: {cadence_s}, dropouts: {dropouts}}}
loads:
  base_w: [300, 150, 5500]
  steps:
    - {{at_s: 5, phase: L2, power_w: -6750}}
"""
    trace = run(with_unassigned(text, strategy="sell"), ControllerName.OURS, strategies)
    since = [i for i, now_s in enumerate(trace.time_s) if now_s >= WARM_UP_S + 40.0]
    assert max(trace.current_a[i][1] for i in since) < 6600.0 / 230.0 + 0.3
    assert len({round(trace.setpoint_w[i][1]) for i in since}) == 1
