"""A simulated house with three batteries, run by the real engine in virtual time."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from virtual_time import LoopClock

from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.engine.engine import Engine
from phasewise.engine.state import BatteryState, SystemState
from phasewise.model import Assignment, BatterySettings, Settings, Site
from phasewise.model.event import Event
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.drivers import SimBatteryDriver, SimMeterDriver, drivers_for
from phasewise.sim.house import PerPhase, SimHouse

IDS = ("m1", "m2", "m3")
STRATEGIES = {"self-consumption": SelfConsumption(), "full-stop": FullStop()}


@dataclass
class Rig:
    """The parts of a running system, within reach of a test."""

    engine: Engine
    meter: SimMeterDriver
    batteries: dict[str, SimBatteryDriver]
    house: SimHouse
    clock: LoopClock
    loads_w: list[float] = field(default_factory=lambda: [200.0, 150.0, 150.0])
    told: list[Event] = field(default_factory=list)
    """What happened, for the why-log."""

    async def wait(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    @property
    def state(self) -> SystemState:
        state = self.engine.live.current
        assert state is not None
        return state

    def battery(self, battery_id: str) -> BatteryState:
        return next(b for b in self.state.batteries if b.id == battery_id)

    def alarm_codes(self) -> set[str]:
        return {alarm.code for alarm in self.state.alarms}

    def total_w(self) -> float:
        return sum(self.house.power_w(self.clock.now_s()))


def make_rig() -> Rig:
    loads_w = [200.0, 150.0, 150.0]

    def loads(_: float) -> PerPhase:
        return (loads_w[0], loads_w[1], loads_w[2])

    physical = [SimBattery(BatterySpec(dead_time_s=1.0)) for _ in IDS]
    house = SimHouse(loads, list(enumerate(physical)), noise_w=3.0)
    clock = LoopClock()
    meter, batteries = drivers_for(house, IDS, clock)
    settings = Settings(
        Site(),
        tuple(
            BatterySettings(i, i, batteries[i].capabilities, Assignment(f"L{n}"), 2500.0, 2500.0)
            for n, i in enumerate(IDS, start=1)
        ),
    )
    told: list[Event] = []
    engine = Engine(
        settings,
        meter,
        batteries,
        strategies=STRATEGIES,
        clock=clock,
        tell=lambda _, event: told.append(event),
    )
    return Rig(engine, meter, batteries, house, clock, loads_w, told)


Scenario = Callable[[Rig], Coroutine[Any, Any, None]]
