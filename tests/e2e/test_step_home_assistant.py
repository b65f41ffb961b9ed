"""The closed-loop step with everything behind Home Assistant, and with the meter or the batteries alone."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from step_world import BatteryMaker, MeterMaker, Part, SampleSource, StepResult, marstek, p1_meter, step

from phasewise.sim.battery import SimBattery
from phasewise.sim.servers.home_assistant import TOKEN, HomeAssistantServer
from phasewise.sim.servers.home_assistant_units import HassMarstek, HassMeter

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class Home:
    """One Home Assistant, with what a test puts behind it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(TOKEN)
        self.server = HomeAssistantServer(now=time.monotonic, utc=time.time)
        self.things: list[HassMeter | HassMarstek] = []

    async def start(self) -> None:
        await self.server.start()
        for thing in self.things:
            await thing.start()

    async def stop(self) -> None:
        for thing in self.things:
            await thing.stop()
        await self.server.stop()

    def meter(self, seen: SampleSource) -> Part:
        self.things.append(HassMeter(self.server, seen))
        return Part(self, self._entry)

    def battery(self, battery: SimBattery) -> Part:
        number = sum(isinstance(thing, HassMarstek) for thing in self.things) + 1
        unit = HassMarstek(self.server, battery, f"marstek_m{number}", phase=f"L{number}")
        self.things.append(unit)
        return Part(self, lambda: self._entry(prefix=unit.prefix))

    def _entry(self, **more: object) -> dict[str, object]:
        return {"driver": "home-assistant", "url": self.server.url, "token_file": "token", **more}


async def test_a_step_is_held_through_home_assistant(tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("both", "meter", "batteries")]

    async def run(name: str, meter: MeterMaker, batteries: Sequence[BatteryMaker]) -> StepResult:
        return await step(tmp_path / name, meter=meter, batteries=batteries)

    both, meter, batteries = homes
    results = await asyncio.gather(
        run("both", both.meter, [both.battery] * 3),
        run("meter", meter.meter, [marstek] * 3),
        run("batteries", p1_meter, [batteries.battery] * 3),
    )
    for name, result in zip(("both", "meter", "batteries"), results, strict=True):
        print(f"{name}: {result}")
        assert result.settle_s <= 15
        assert result.overshoot_w <= 400
        assert [alarm for alarm in result.state.alarms if alarm.severity != "info"] == []
