"""What a real Home Assistant tells of values that do not change: confirmed is fresh, frozen is not."""

import asyncio
import time

import pytest
from ha_home import Home

from phasewise.devices.base import SystemClock
from phasewise.devices.meters.home_assistant import HomeAssistantMeter, HomeAssistantMeterOptions
from phasewise.model import GridReading

pytestmark = [pytest.mark.ha, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


async def test_confirmed_values_are_fresh_and_frozen_ones_are_not(home: Home) -> None:
    hass = home.hass
    await hass.show("sensor.still", "500", "W")
    options = HomeAssistantMeterOptions(url=hass.url, token_file=hass.token_file, power="sensor.still")
    driver = HomeAssistantMeter(options, SystemClock(), quiet_s=1.0)
    readings: list[GridReading] = []

    async def read() -> None:
        readings.extend([reading async for reading in _first(driver, 4)])

    await asyncio.sleep(5)
    task = asyncio.create_task(read())
    await asyncio.sleep(4)
    assert readings == []  # it was there before, and nobody has confirmed it since
    end_s = time.monotonic() + 30
    while not task.done():
        assert time.monotonic() < end_s, driver.status
        await hass.show("sensor.still", "500", "W")
        await asyncio.sleep(0.7)
    await task
    assert [reading.total_power_w for reading in readings] == [500.0] * 4
    times = [reading.meter_time_s for reading in readings]
    assert times == sorted(set(times))
    assert all(reading.sample_age_s < 4.0 for reading in readings)
    print(f"an unchanged value, reported every 0.7 s: ages {[round(r.sample_age_s, 1) for r in readings]} s")
    await driver.close()


async def _first(driver: HomeAssistantMeter, count: int):
    stream = driver.readings()
    for _ in range(count):
        yield await anext(stream)
    await stream.aclose()
