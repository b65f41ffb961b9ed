"""A meter that says nothing new stops all batteries: real process, real sockets, real time."""

import asyncio
from pathlib import Path

import pytest
from world import world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


async def _meter_fault(folder: Path, fault: str) -> None:
    folder.mkdir()
    async with world(folder, load_w=3700.0) as house:
        await house.settled()
        house.meter.fault = fault
        await house.until(lambda: house.battery_w() == [0.0] * 3, 15)
        assert "meter-lost" in await house.alarms()
        assert (await house.client.get("/health")).status_code == 503
        house.meter.fault = "none"
        await house.settled(60)
        assert "meter-lost" not in await house.alarms()
        code, _ = await house.terminate()
        assert code == 0


async def test_a_meter_that_says_nothing_new_stops_all_within_15_s(tmp_path: Path) -> None:
    faults = ("silent", "frozen", "garbage", "replay")
    await asyncio.gather(*(_meter_fault(tmp_path / fault, fault) for fault in faults))
