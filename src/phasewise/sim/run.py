"""Puts a scenario and a controller together, and lets time pass."""

import math
from collections.abc import Callable, Mapping
from enum import StrEnum

from phasewise.config import ConfigError, Problem
from phasewise.control.strategies import Strategy
from phasewise.model import Phase, Settings
from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, Controller, LoopTiming, Trace
from phasewise.sim.controllers import Clairvoyant, DoNothing, Ours, Pid
from phasewise.sim.entries import BatteryEntry, Fault, FaultKind
from phasewise.sim.house import PerPhase, SimHouse
from phasewise.sim.loads import ramps_function
from phasewise.sim.scenario import Loaded, Scenario

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
"""Multiples of it, modulo 1, cover the interval evenly however many there are."""


class ControllerName(StrEnum):
    """What can be put on the plant."""

    OURS = "ours"
    DO_NOTHING = "do-nothing"
    PID = "pid"
    CLAIRVOYANT = "clairvoyant"


def run(
    loaded: Loaded,
    controller: ControllerName,
    strategies: Mapping[str, Strategy],
    *,
    seed: int = 0,
    settings: Settings | None = None,
) -> Trace:
    """Run a scenario from its warm-up to its end. Equal arguments give equal traces.

    `seed` draws the noise and where the load's edges fall between the meter's samples. `settings`
    replace those of the scenario: for the same batteries, in the same order.
    Raises ConfigError when there is no strategy of the name that is selected.
    """
    settings = settings or loaded.scenario.settings()
    selected = settings.control.strategy
    if controller is ControllerName.OURS and selected not in strategies:
        # Control would stop all batteries with an alarm, which many a figure praises.
        allowed = ", ".join(strategies)
        message = f"there is no strategy '{selected}'"
        raise ConfigError([Problem(loaded.name, None, None, "control.strategy", None, message, allowed)])
    loop = _build(loaded, controller, strategies, seed, settings)
    scenario = loaded.scenario
    ends_s = scenario.warm_up_s + scenario.duration_s
    loop.run(scenario.warm_up_s)
    # Everybody starts up; that is no reason to be told.
    loop.trace.reasons.clear()
    for at_s, change in changes(scenario):
        loop.run(min(at_s, ends_s) - loop.now_s)
        change(loop)
    loop.run(ends_s - loop.now_s)
    return loop.trace


def _build(
    loaded: Loaded,
    name: ControllerName,
    strategies: Mapping[str, Strategy],
    seed: int,
    settings: Settings,
) -> ClosedLoop:
    scenario = loaded.scenario
    warm_up_s = scenario.warm_up_s
    loads_w = loaded.loads_w
    pv_w = ramps_function(scenario.pv) if scenario.pv else None
    house = SimHouse(
        lambda now_s: loads_w(now_s - warm_up_s),
        [_battery(entry, 97 * seed + index) for index, entry in enumerate(scenario.batteries)],
        pv_w=None if pv_w is None else lambda now_s: pv_w(now_s - warm_up_s),
        voltage_v=scenario.site.voltage_v,
        power_factor=scenario.loads.power_factors,
        noise_w=scenario.meter.noise_w,
        seed=seed,
    )
    return ClosedLoop(
        house,
        [battery.id for battery in settings.batteries],
        _controller(name, strategies, settings, scenario, house),
        site=settings.site,
        timing=_timing(scenario, seed),
        tick_s=scenario.tick_s,
        every_tick=name is ControllerName.CLAIRVOYANT,
        seed=seed,
        prices=() if scenario.prices is None else scenario.prices.intervals(scenario.starts_utc_s),
    )


def _battery(entry: BatteryEntry, seed: int) -> tuple[int | None, SimBattery]:
    phase = entry.connected_to.phase
    return None if phase is None else phase.ordinal, SimBattery(entry, soc_pct=entry.soc_pct, seed=seed)


def _timing(scenario: Scenario, seed: int) -> LoopTiming:
    meter, telemetry, tick_s = scenario.meter, scenario.telemetry, scenario.tick_s
    ticks = round(meter.cadence_s / tick_s)
    return LoopTiming(
        meter_cadence_s=meter.cadence_s,
        meter_delay_s=meter.delay_s,
        assumed_delay_s=meter.delay_s if meter.assumed_delay_s is None else meter.assumed_delay_s,
        telemetry_cadence_s=telemetry.cadence_s,
        meter_phase_s=int(seed * GOLDEN % 1.0 * ticks) * tick_s,
        current_quantum_a=meter.current_quantum_a,
        current_rounding=meter.current_rounding,
        dropouts=meter.dropouts,
        telemetry_delay_s=telemetry.delay_s,
        telemetry_capacity=telemetry.capacity,
        utc_offset_s=scenario.starts_utc_s - scenario.warm_up_s,
    )


def _controller(
    name: ControllerName,
    strategies: Mapping[str, Strategy],
    settings: Settings,
    scenario: Scenario,
    house: SimHouse,
) -> Controller:
    if name is ControllerName.OURS:
        return Ours(settings, strategies)
    if name is ControllerName.PID:
        return Pid(settings)
    if name is ControllerName.DO_NOTHING:
        return DoNothing(settings)
    ticks = round((scenario.warm_up_s + scenario.duration_s) / scenario.tick_s) + 1
    loads_w = [sum(load_w(house, index * scenario.tick_s)) for index in range(ticks)]
    return Clairvoyant(settings, scenario.batteries, loads_w, scenario.tick_s)


def load_w(house: SimHouse, now_s: float) -> PerPhase:
    """What a house draws per phase without its batteries, PV subtracted."""
    p1, p2, p3 = house.loads_w(now_s)
    if house.pv_w is not None:
        v1, v2, v3 = house.pv_w(now_s)
        p1, p2, p3 = p1 - v1, p2 - v2, p3 - v3
    return (p1, p2, p3)


def changes(scenario: Scenario) -> list[tuple[float, Callable[[ClosedLoop], None]]]:
    """(time on the clock of the run, what happens) for the beginning and the end of every fault."""
    found: list[tuple[float, Callable[[ClosedLoop], None]]] = []
    for fault in scenario.faults:
        found.append((scenario.warm_up_s + fault.at_s, _switch(fault, scenario, broken=True)))
        if fault.until_s is not None:
            found.append((scenario.warm_up_s + fault.until_s, _switch(fault, scenario, broken=False)))
    return sorted(found, key=lambda pair: pair[0])


def _switch(fault: Fault, scenario: Scenario, *, broken: bool) -> Callable[[ClosedLoop], None]:
    index = next((i for i, b in enumerate(scenario.batteries) if b.id == fault.battery), -1)
    phase = fault.phase or Phase.L1

    def change(loop: ClosedLoop) -> None:
        match fault.kind:
            case FaultKind.METER_DEAD:
                loop.meter_alive = not broken
            case FaultKind.METER_REPLAYS:
                loop.meter_replays = broken
            case FaultKind.METER_NO_PHASES:
                loop.lost_phases = set(range(3)) if broken else set()
            case FaultKind.PHASE_LOST:
                lose = loop.lost_phases.add if broken else loop.lost_phases.discard
                lose(phase.ordinal)
            case FaultKind.BATTERY_UNREACHABLE:
                loop.reachable[index] = not broken
            case FaultKind.BATTERY_IGNORES:
                loop.house.batteries[index][1].fault = _if(broken, BatteryFault.IGNORES)
            case FaultKind.BATTERY_INVERTED:
                loop.house.batteries[index][1].fault = _if(broken, BatteryFault.INVERTED)
            case FaultKind.TELEMETRY_FROZEN:
                loop.telemetry[index].frozen = broken
            case FaultKind.TELEMETRY_LATE:
                loop.telemetry[index].delay_s = fault.late_s if broken else scenario.telemetry.delay_s

    return change


def _if(broken: bool, fault: BatteryFault) -> BatteryFault:
    return fault if broken else BatteryFault.NONE
