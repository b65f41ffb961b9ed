"""Further meters, of panels and car chargers. They are shown; nothing is controlled by them."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from msgspec import Struct

from phasewise.control.freshness import MeterWatch, admit, freshness
from phasewise.devices.base import Clock, MeterDriver
from phasewise.engine.state import SubmeterState
from phasewise.model import Alarm, AlarmCode, Freshness, Severity, Site

RETRY_S = 1.0
"""Pause before a driver with a fault of its own is started again."""
FIRST_TELEGRAM_S = 20.0
"""No alarm before: the slowest meters send every 10 s, and a connection takes a moment."""
_WORST = (Freshness.FRESH, Freshness.AGING, Freshness.LOST, Freshness.ABSENT)

log = structlog.get_logger("phasewise.submeters")


class Submeter(Struct, frozen=True):
    """A meter to be read."""

    driver: MeterDriver
    role: str
    """pv or ev."""
    name: str
    """What it is called in an alarm."""


class Submeters:
    """Reads any number of further meters, each with its own freshness."""

    def __init__(self) -> None:
        self._readers: list[_Reader] = []

    async def follow(self, meters: Iterable[Submeter], site: Site, clock: Clock) -> None:
        """Read these from now on, instead of those before."""
        await self.stop()
        self._readers = [_Reader(meter, site, clock) for meter in meters]

    async def stop(self) -> None:
        """Read none any more, and close their connections. Idempotent."""
        readers, self._readers = self._readers, []
        await asyncio.gather(*(reader.stop() for reader in readers))

    def state(self, role: str, now_s: float) -> SubmeterState | None:
        """What those of one role say together; None where there are none."""
        readers = [reader for reader in self._readers if reader.meter.role == role]
        if not readers:
            return None
        worst = max((reader.freshness(now_s) for reader in readers), key=_WORST.index)
        powers_w = [reader.power_w(now_s) for reader in readers]
        known_w = [power_w for power_w in powers_w if power_w is not None]
        total_w = round(sum(known_w), 1) if len(known_w) == len(powers_w) else None
        return SubmeterState(total_w, worst.value)

    def alarms(self, now_s: float) -> Sequence[Alarm]:
        """Of those that are not heard."""
        return [
            Alarm(AlarmCode.SUBMETER_LOST, Severity.INFO, reader.meter.name, reader.meter.driver.status)
            for reader in self._readers
            if reader.is_missed(now_s)
        ]


class _Reader:
    """Reads one, until stopped."""

    def __init__(self, meter: Submeter, site: Site, clock: Clock) -> None:
        self.meter = meter
        self._site = site
        self._clock = clock
        self._watch = MeterWatch()
        self._began_s = clock.now_s()
        self._reading = asyncio.create_task(self._read(), name=f"submeter {meter.name}")

    async def stop(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.meter.driver.close()

    def freshness(self, now_s: float) -> Freshness:
        last = self._watch.last
        if last is None:
            return Freshness.ABSENT
        return freshness(now_s - last.received_s, self._watch.cadence_s)

    def is_missed(self, now_s: float) -> bool:
        if self._watch.last is None:
            return now_s - self._began_s > FIRST_TELEGRAM_S
        return self.freshness(now_s) is Freshness.LOST

    def power_w(self, now_s: float) -> float | None:
        """None while it is not heard. Of panels: whichever way round they were wired, they give."""
        last = self._watch.last
        if last is None or self.freshness(now_s) is Freshness.LOST:
            return None
        return abs(last.total_power_w) if self.meter.role == "pv" else last.total_power_w

    async def _read(self) -> None:
        while True:
            try:
                async for reading in self.meter.driver.readings():
                    self._watch, _, _ = admit(self._watch, reading, self._site)
            except Exception:  # a driver's bug is this meter's trouble alone
                log.exception("meter driver failed", meter=self.meter.name, next="started again in a second")
            await self._clock.sleep(RETRY_S)
