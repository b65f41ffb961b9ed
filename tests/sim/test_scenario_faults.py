"""What can go wrong on the plant goes wrong, when the scenario says so, and only then."""

import math
import statistics
from pathlib import Path

import pytest

from phasewise.config import ConfigError
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import AlarmCode, Decision, Settings, Site, Snapshot
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, LoopTiming, Rounding, Trace
from phasewise.sim.controllers import DoNothing, told
from phasewise.sim.house import PerPhase, SimHouse
from phasewise.sim.loads import load_function
from phasewise.sim.run import ControllerName, changes, run
from phasewise.sim.scenario import Loaded, parse_scenario

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption()}


class Watching:
    """Commands a constant power, and keeps every snapshot."""

    def __init__(self, settings: Settings, power_w: float) -> None:
        self.seen: list[Snapshot] = []
        self._settings = settings
        self._power_w = power_w

    def control(self, snapshot: Snapshot) -> Decision:
        self.seen.append(snapshot)
        return told(snapshot, self._settings, [self._power_w] * len(self._settings.batteries))


def loop_of(
    *, timing: LoopTiming | None = None, power_w: float = -500.0, power_factor: float = 1.0
) -> tuple[ClosedLoop, Watching]:
    scenario = parse_scenario(
        "title: t\ndescription: d\nduration_s: 9\nbatteries: [{id: m1, connected_to: L1}]\n", "t.yaml"
    )
    house = SimHouse(
        lambda now_s: (1000.0 + now_s, 0.0, 0.0),
        [(0, SimBattery(BatterySpec(dead_time_s=0.5)))],
        power_factor=power_factor,
    )
    watching = Watching(scenario.settings(), power_w)
    timing = timing or LoopTiming()
    return ClosedLoop(house, ["m1"], watching, site=Site(), timing=timing), watching


def test_a_dead_meter_says_nothing_and_comes_back_without_a_burst() -> None:
    loop, watching = loop_of()
    loop.run(10.0)
    loop.meter_alive = False
    loop.run(20.0)
    silent = [s for s in watching.seen if 11.0 < s.time_s < 30.0]
    assert silent
    assert not any(s.grid_is_new for s in silent)
    loop.meter_alive = True
    loop.run(10.0)
    news = [s.time_s for s in watching.seen if s.grid_is_new and s.time_s > 29.0]
    assert len(news) == pytest.approx(10, abs=1)


def test_a_replayed_telegram_is_not_news() -> None:
    loop, watching = loop_of()
    loop.run(10.0)
    loop.meter_replays = True
    loop.run(10.0)
    assert not any(s.grid_is_new for s in watching.seen if s.time_s > 11.0)


def test_frozen_telemetry_goes_on_answering_with_old_values() -> None:
    loop, watching = loop_of()
    loop.run(0.8)  # one reading, before the battery moved
    loop.telemetry[0].frozen = True
    loop.run(20.0)
    reading = watching.seen[-1].batteries[0].reading
    assert reading is not None
    assert reading.ac_power_w == 0.0
    assert reading.time_s > 17.0
    assert loop.trace.battery_w[-1][0] == pytest.approx(-500.0)


def test_late_telemetry_shows_what_was_some_time_ago() -> None:
    loop, watching = loop_of(timing=LoopTiming(telemetry_delay_s=6.0, telemetry_cadence_s=1.0))
    loop.run(20.0)
    shown = {
        round(s.time_s): s.batteries[0].reading.ac_power_w
        for s in watching.seen
        if s.batteries[0].reading is not None
    }
    assert shown[6] == 0.0
    assert shown[9] == -500.0


def test_dropouts_lose_that_share_of_the_telegrams() -> None:
    loop, watching = loop_of(timing=LoopTiming(dropouts=0.3))
    loop.run(400.0)
    assert sum(s.grid_is_new for s in watching.seen) / 400.0 == pytest.approx(0.7, abs=0.07)


def test_reactive_current_stays_when_a_battery_takes_the_real_power() -> None:
    loop, watching = loop_of(power_w=-1000.0, power_factor=0.8)
    loop.run(60.0)
    power_w, amps = loop.trace.grid_w[-1][0], loop.trace.current_a[-1][0]
    reactive_var = (1000.0 + 59.9) * math.tan(math.acos(0.8))
    assert amps == pytest.approx(math.hypot(power_w, reactive_var) / 230.0)
    grid = watching.seen[-1].grid
    assert grid is not None
    assert grid.phases[0] is not None
    assert grid.phases[0].current_a == round(amps)


def test_a_belgian_meter_shows_hundredths_of_an_ampere() -> None:
    loop, watching = loop_of(timing=LoopTiming(current_quantum_a=0.01), power_w=0.0)
    loop.run(3.0)
    grid = watching.seen[-1].grid
    assert grid is not None
    assert grid.phases[0] is not None
    assert grid.current_quantum_a == 0.01
    assert grid.phases[0].current_a == pytest.approx(1001.0 / 230.0, abs=0.0051)


def test_a_meter_that_cuts_off_shows_the_whole_amperes_below() -> None:
    timing = LoopTiming(current_rounding=Rounding.DOWN, current_quantum_a=2.0)
    loop, watching = loop_of(timing=timing, power_w=0.0)
    loop.run(3.0)
    grid = watching.seen[-1].grid
    assert grid is not None
    assert grid.phases[0] is not None
    # 1,001 W at 230 V are 4.35 A; what it says and what may be missing enclose that.
    assert (grid.phases[0].current_a, grid.current_allowance_a) == (4.0, 2.0)
    loop, watching = loop_of(timing=LoopTiming(), power_w=0.0)
    loop.run(3.0)
    assert watching.seen[-1].grid is not None
    assert watching.seen[-1].grid.current_allowance_a == 0.5


def test_a_lost_phase_is_missing_from_the_telegrams_and_nothing_else_is() -> None:
    loop, watching = loop_of()
    loop.run(5.0)
    loop.lost_phases.add(1)
    loop.run(5.0)
    lost = watching.seen[-1].grid
    loop.lost_phases.clear()
    loop.run(5.0)
    back = watching.seen[-1].grid
    assert lost is not None
    assert back is not None
    assert [phase is None for phase in lost.phases] == [False, True, False]
    assert lost.total_power_w == pytest.approx(1008.0 - 500.0, abs=2.0)
    assert None not in back.phases


def test_a_power_factor_of_one_phase_is_its_own() -> None:
    house = SimHouse(lambda now_s: (1000.0, 1000.0, -500.0), [], power_factor=(0.8, 1.0, 0.5))
    assert house.current_a(0.0) == pytest.approx((1250 / 230, 1000 / 230, 1000 / 230))


def test_jitter_delays_commands_differently_and_keeps_their_order() -> None:
    spec = BatterySpec(dead_time_s=2.0, dead_time_jitter_s=1.5, ramp_w_s=1e6)
    seen_s = []
    for seed in range(8):
        battery = SimBattery(spec, seed=seed)
        battery.command(-100.0, 0.0)
        battery.command(-200.0, 0.1)
        ticks = [n / 100 for n in range(500)]
        powers = []
        for now_s in ticks:
            battery.advance(now_s)
            powers.append(round(battery.ac_power_w))
        assert powers[-1] == -200, "the later command has the last word"
        seen_s.append(ticks[next(i for i, w in enumerate(powers) if w)])
    assert min(seen_s) >= 0.5
    assert max(seen_s) <= 3.6
    assert len(set(seen_s)) == 8


def test_a_three_phase_battery_feeds_all_phases_alike() -> None:
    battery = SimBattery(BatterySpec(dead_time_s=0.0))
    loads_w: PerPhase = (100.0, 200.0, 300.0)
    house = SimHouse(lambda now_s: loads_w, [(None, battery)])
    battery.command(-600.0, 0.0)
    assert house.power_w(5.0) == pytest.approx((-100.0, 0.0, 100.0))


def _with(faults: str) -> Trace:
    text = f"""\
title: t
description: d
duration_s: 120
warm_up_s: 30
loads:
  base_w: [1500, 0, 0]
  steps: [{{at_s: 20, phase: L3, power_w: 700}}]
batteries:
  - {{id: m1, connected_to: L1}}
  - {{id: m2, connected_to: L2}}
control: {{priority: [m2, m1]}}
faults:
{faults}
"""
    scenario = parse_scenario(text, "t.yaml")
    return run(Loaded("t", scenario, load_function(scenario.loads, Path())), ControllerName.OURS, STRATEGIES)


def codes(trace: Trace) -> set[AlarmCode]:
    return {raised.alarm.code for raised in trace.alarms}


def test_without_faults_there_is_no_alarm() -> None:
    trace = _with("  []")
    assert not trace.alarms
    assert abs(trace.total_w()[-1]) < 50.0


@pytest.mark.parametrize("kind", ["meter-dead", "meter-replays"])
def test_without_a_meter_everything_stops(kind: str) -> None:
    trace = _with(f"  - {{kind: {kind}, at_s: 0}}")
    assert AlarmCode.METER_LOST in codes(trace)
    assert trace.battery_w[-1] == (0.0, 0.0)


@pytest.mark.parametrize(
    ("kind", "alarm"),
    [
        ("battery-ignores", None),
        ("battery-inverted", AlarmCode.BATTERY_WRONG_DIRECTION),
        ("battery-unreachable", None),
        ("telemetry-frozen", None),
    ],
)
def test_the_other_battery_makes_up_for_a_broken_one(kind: str, alarm: AlarmCode | None) -> None:
    # m1 discharges 1.5 kW when it breaks; 20 s later the load grows by 700 W.
    trace = _with(f"  - {{kind: {kind}, at_s: 0, battery: m1}}")
    assert statistics.fmean(map(abs, trace.total_w()[-200:])) < 100.0
    assert alarm is None or alarm in codes(trace)


def test_late_telemetry_makes_nothing_grow() -> None:
    trace = _with("  - {kind: telemetry-late, at_s: 0, late_s: 6, battery: m1}")
    assert max(map(abs, trace.total_w()[-600:])) < 1200.0


def test_phases_are_lost_and_come_back_when_the_scenario_says() -> None:
    text = """\
title: t
description: d
duration_s: 30
warm_up_s: 10
batteries: [{id: m1, connected_to: L1}]
faults:
  - {kind: phase-lost, phase: L3, at_s: 5, until_s: 10}
  - {kind: meter-no-phases, at_s: 15, until_s: 20}
"""
    scenario = parse_scenario(text, "t.yaml")
    watching = Watching(scenario.settings(), 0.0)
    loop = ClosedLoop(
        SimHouse(lambda now_s: (1.0, 2.0, 3.0), [(0, SimBattery(BatterySpec()))]),
        ["m1"],
        watching,
        site=Site(),
    )
    for at_s, change in changes(scenario):
        loop.run(at_s - loop.now_s)
        change(loop)
    loop.run(40.0 - loop.now_s)
    missing = {
        round(seen.time_s): [phase is None for phase in seen.grid.phases]
        for seen in watching.seen
        if seen.grid is not None and seen.grid_is_new
    }
    none, third, every = [False] * 3, [False, False, True], [True] * 3
    assert [missing[at_s] for at_s in (14, 17, 22, 27, 33)] == [none, third, none, every, none]


def test_the_strategy_that_is_selected_has_to_exist() -> None:
    text = "title: t\ndescription: d\nduration_s: 9\nbatteries: [{id: m1, connected_to: L1}]\n"
    scenario = parse_scenario(text + "control: {strategy: dance}\n", "t.yaml")
    loaded = Loaded("t", scenario, load_function(scenario.loads, Path()))
    with pytest.raises(ConfigError, match=r"control\.strategy: .*'dance'; allowed: self-consumption"):
        run(loaded, ControllerName.OURS, STRATEGIES)
    run(loaded, ControllerName.DO_NOTHING, STRATEGIES)


def test_a_fault_ends_when_it_says() -> None:
    trace = _with("  - {kind: meter-dead, at_s: 10, until_s: 60}")
    assert AlarmCode.METER_LOST in codes(trace)
    assert trace.battery_w[round((30 + 50) / 0.1)] == (0.0, 0.0)
    assert abs(trace.total_w()[-1]) < 50.0


def test_a_house_without_control_is_its_loads() -> None:
    scenario = parse_scenario(
        "title: t\ndescription: d\nduration_s: 9\nbatteries: [{id: m1, connected_to: L1}]\n", "t.yaml"
    )
    house = SimHouse(lambda now_s: (500.0, 0.0, -20.0), [(0, SimBattery(BatterySpec(standby_w=4.0)))])
    trace = ClosedLoop(house, ["m1"], DoNothing(scenario.settings()), site=Site()).run(2.0)
    assert trace.grid_w == [(504.0, 0.0, -20.0)] * 20
