"""P1 smart meters (DSMR, ESMR, e-MUCS and their relatives) on a network converter or a cable."""

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import Field, field_validator

from phasewise.devices.base import Clock, DeviceUnreachable, DriverOptions
from phasewise.devices.meters.reconnecting import ReconnectingMeter
from phasewise.devices.p1 import Discard, Telegram, TelegramError, TelegramReader, parse
from phasewise.devices.p1.link import Link, LinkError, SerialEndpoint, SerialMode, open_link, parse_url
from phasewise.model import GridReading

SILENT_S = 15.0
"""Without a usable telegram for this long the connection is opened anew. The slowest meters send
every 10 s; a meter that died must not be waited for, so that a converter that lost track of us (its
side of the connection is gone, ours is not told) is back within the time the control loop allows."""
SILENT_CADENCES = 3.5
"""A slow meter may miss two telegrams before its connection is given up."""
BURST_GAP_S = 0.01
"""Bytes that follow a telegram within this time were waiting: parts of a burst come back to back,
live telegrams at least 1 s apart. It delays each telegram by as much."""
BURST_MAX_S = 0.25
"""A stream that never pauses is not waited out longer than this."""


class CurrentRounding(StrEnum):
    """What a meter does with the decimals of a current that it does not tell."""

    NEAREST = "nearest"
    DOWN = "down"


_ALLOWANCE_QUANTA = {CurrentRounding.NEAREST: 0.5, CurrentRounding.DOWN: 1.0}
"""How many quanta a true current may lie above the one told: half a one when it was rounded, a whole one
when decimals were cut off."""


class DsmrOptions(DriverOptions):
    """Settings of a P1 meter."""

    url: str
    """tcp://HOST:PORT (port 23 if left out), or serial:///dev/ttyUSB0, there with ?baudrate=115200
    (8N1) or ?baudrate=9600 (7E1) if it should not be found out."""
    sample_age_s: float = Field(
        default=1.0, ge=0.0, le=60.0, allow_inf_nan=False, json_schema_extra={"x-advanced": True}
    )
    """How old the values are when a telegram arrives."""
    current_rounding: CurrentRounding = Field(
        default=CurrentRounding.NEAREST, json_schema_extra={"x-advanced": True}
    )
    """Whether currents are rounded or cut off; the meters that were looked into round them."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        parse_url(url)
        return url


class DsmrMeter(ReconnectingMeter):
    """A `MeterDriver`: telegrams in, readings out; reconnects for ever."""

    options_model: ClassVar[type[DriverOptions]] = DsmrOptions

    def __init__(self, options: DsmrOptions, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        self._options = options
        self._silent_s = silent_s
        self._endpoint = parse_url(options.url)
        self._mode_index = 0
        super().__init__(clock, f"Connecting to the meter at {self._where}.")
        self._framer = TelegramReader()
        self._not_understood = 0
        self._link: Link | None = None

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, DsmrOptions):
            raise TypeError(f"DsmrMeter needs DsmrOptions, not {type(options).__name__}")
        return cls(options, clock)

    @property
    def rejected(self) -> int:
        """How many telegrams were thrown away so far: torn, wrong, garbage or not understood."""
        return self._framer.discarded.total() + self._not_understood

    async def _hang_up(self) -> None:
        if self._link is not None:
            await self._link.close()

    @property
    def _mode(self) -> SerialMode | None:
        """Line settings in use; None on a network."""
        if not isinstance(self._endpoint, SerialEndpoint):
            return None
        return self._endpoint.modes[self._mode_index % len(self._endpoint.modes)]

    @property
    def _where(self) -> str:
        return f"{self._options.url} ({self._mode})" if self._mode else self._options.url

    async def _connection(self) -> AsyncGenerator[GridReading, None]:
        """The readings of one connection. Raises DeviceUnreachable when it is over."""
        where = self._where
        try:
            link = await open_link(self._endpoint, self._mode)
        except LinkError as error:
            raise DeviceUnreachable(f"Could not connect to the meter at {where}: {error}.") from error
        self._link = link
        self._framer.reset()
        self._status = f"Connected to the meter at {where}, waiting for its first telegram."
        loop = asyncio.get_running_loop()
        limit_s, last_s = self._silent_s, None
        try:
            while not self._closed.is_set():
                reading = await self._next_reading(link, limit_s)
                now_s = loop.time()
                if last_s is not None:
                    limit_s = max(self._silent_s, SILENT_CADENCES * (now_s - last_s))
                last_s = now_s
                yield reading
        except _SilenceError as error:
            if last_s is None:
                # Not one telegram on this connection: try the other line settings next.
                self._mode_index += 1
            raise DeviceUnreachable(f"The meter at {where} {error}.") from error
        except LinkError as error:
            raise DeviceUnreachable(f"The connection to the meter at {where} broke: {error}.") from error
        finally:
            self._link = None
            await link.close()

    async def _next_reading(self, link: Link, limit_s: float) -> GridReading:
        """The next usable telegram. Raises _SilenceError if there is none in time, LinkError."""
        discarded_before = self._framer.discarded.copy()
        refusal = ""
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    payload, received_s = await self._newest_telegram(link)
                    try:
                        return self._understand(payload, received_s)
                    except TelegramError as error:
                        self._not_understood += 1
                        refusal = str(error)
                        self._status = f"A telegram of the meter at {self._where} was rejected: {error}."
        except TimeoutError as error:
            discarded = self._framer.discarded - discarded_before
            came = _came(discarded, refusal)
            raise _SilenceError(f"sent no usable telegram for {limit_s:g} s: {came}") from error

    def _understand(self, payload: bytes, received_s: float) -> GridReading:
        telegram = parse(payload)
        notes = "; ".join(telegram.notes[:3])
        self._status = f"The meter at {self._where} is read only in part: {notes}." if notes else None
        return _to_reading(telegram, payload, received_s, self._options)

    async def _newest_telegram(self, link: Link) -> tuple[bytes, float]:
        """The next telegram, or the last of those that arrive at once, and when it was complete."""
        newest = None
        while newest is None:
            newest = self._take(await link.read())
        loop = asyncio.get_running_loop()
        end_s = loop.time() + BURST_MAX_S
        while loop.time() < end_s:
            try:
                async with asyncio.timeout(BURST_GAP_S):
                    chunk = await link.read()
            except (TimeoutError, LinkError):
                # A connection that is gone says so again at the next read.
                break
            newest = self._take(chunk) or newest
        return newest

    def _take(self, chunk: bytes) -> tuple[bytes, float] | None:
        telegrams = self._framer.feed(chunk)
        return (telegrams[-1], self._clock.now_s()) if telegrams else None


class _SilenceError(Exception):
    """The connection stands, but no usable telegram comes."""


def _came(discarded: Counter[Discard], refusal: str) -> str:
    if Discard.ENCRYPTED in discarded:
        return "its telegrams are encrypted, as in Luxembourg, and encrypted meters are not supported yet"
    if refusal:
        return f"the last was rejected, {refusal}"
    if discarded:
        return ", ".join(f"{count} x {why}" for why, count in discarded.items()) + " thrown away"
    return "nothing came, or too little to tell what it is"


def _to_reading(telegram: Telegram, payload: bytes, received_s: float, options: DsmrOptions) -> GridReading:
    quantum_a = telegram.current_quantum_a
    return GridReading(
        received_s=received_s,
        total_power_w=telegram.total_power_w,
        phases=telegram.phases,
        sample_age_s=options.sample_age_s,
        meter_time_s=telegram.time_utc_s,
        content_id=zlib.crc32(payload),
        current_quantum_a=quantum_a,
        current_allowance_a=(quantum_a or 0.0) * _ALLOWANCE_QUANTA[options.current_rounding],
        energy_import_wh=telegram.energy_import_wh,
        energy_export_wh=telegram.energy_export_wh,
        quarter_demand_w=telegram.quarter_demand_w,
        month_peak_w=telegram.month_peak_w,
        meter_id=telegram.meter_id,
    )
