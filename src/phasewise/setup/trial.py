"""Tries one device: opens its driver, reads, lets it go. Nothing is ever written to it."""

import asyncio
from collections.abc import AsyncGenerator

from msgspec import Struct

from phasewise.devices.base import BatteryDriver, MeterDriver
from phasewise.discovery import Nameplate
from phasewise.model import BatteryReading, Capabilities, GridReading

LISTEN_S = 12.0
"""The slowest meters send every 10 s."""
LISTEN_SERIAL_S = 32.0
"""A driver that finds out the speed of a cable tries one after the other, 15 s each."""
READINGS = 3
"""Enough to tell how often a meter sends."""
MORE_S = 2.5
"""A meter that sends every second sends two more within this time; a slow one is not waited for."""


class MeterTrial(Struct, frozen=True):
    """What a meter said; no reading when it said nothing usable."""

    readings: tuple[GridReading, ...]
    status: str | None
    """The driver's own: what was tried, what came back."""

    @property
    def cadence_s(self) -> float | None:
        """Mean time between the readings; None where only one came."""
        if len(self.readings) < 2:
            return None
        return (self.readings[-1].received_s - self.readings[0].received_s) / (len(self.readings) - 1)


class BatteryTrial(Struct, frozen=True):
    """What a battery said."""

    reading: BatteryReading
    capabilities: Capabilities
    nameplate: Nameplate = Nameplate()


async def try_meter(driver: MeterDriver, listen_s: float = LISTEN_S) -> MeterTrial:
    """Listen for a few seconds. Never raises for what the meter does."""
    readings: list[GridReading] = []
    stream = driver.readings()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(listen_s) as limit:
            async for reading in stream:
                readings.append(reading)
                if len(readings) == 1:
                    limit.reschedule(loop.time() + MORE_S)
                if len(readings) == READINGS:
                    break
    except TimeoutError:
        pass
    finally:
        status = driver.status
        await driver.close()
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    return MeterTrial(tuple(readings), status)


async def try_battery(driver: BatteryDriver) -> BatteryTrial:
    """Read once. Raises DeviceError, which says what was tried and what came back."""
    try:
        return BatteryTrial(await driver.read(), driver.capabilities)
    finally:
        await driver.close()
