"""What meters with a web server do alike: tell new values from old, and say what is wrong.

A make's driver gives one connection's payloads and what a payload means; the rest is here.
"""

import asyncio
import importlib
import json
import math
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from phasewise.devices.base import Clock, DeviceBadData, DeviceUnreachable
from phasewise.devices.meters.reconnecting import ReconnectingMeter
from phasewise.model import GridReading

if TYPE_CHECKING:
    import aiohttp

SILENT_S = 15.0
"""Without new values for this long the connection is opened anew: some devices go on with a connection that
is dead, or repeat what they last measured, until somebody connects again."""
SILENT_CADENCES = 3.5
"""A slow meter may miss two updates before its connection is given up."""
ANSWER_TIMEOUT_S = 5.0
"""On the local network an answer takes milliseconds, over poor Wi-Fi a second or two."""
MOST_POWER_W = 100_000.0
MOST_CURRENT_A = 1_000.0
MOST_VOLTAGE_V = 500.0
MOST_ENERGY_KWH = 1e9
"""More can't be true at a home's connection, as with a P1 meter; whether less is plausible at this one, the
engine judges."""

Values = Mapping[str, object]


class Payload(Struct, frozen=True):
    """What a device sent, not yet understood."""

    content: bytes
    received_s: float
    """Monotonic time at which it was complete."""
    update: int = 0
    """Differs where equal content is known to be measured anew."""


class NetworkMeter(ReconnectingMeter):
    """A `MeterDriver`, but for `options_model` and `from_options`."""

    def __init__(self, where: str, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        """`where`: the device, as the user knows it."""
        super().__init__(clock, f"Connecting to the meter at {where}.")
        self._where = where
        self._silent_s = silent_s
        self._rejected = 0
        self._session: aiohttp.ClientSession | None = None
        self._came = "nothing came"
        self._last_id: int | None = None

    @abstractmethod
    def _talk(self, session: "aiohttp.ClientSession") -> AsyncGenerator[Payload, None]:
        """Connect, and give what comes until the session is closed. Raises DeviceError, a whole sentence."""

    @abstractmethod
    def _understand(self, payload: Payload) -> GridReading | None:
        """What it means, with a `content_id`; None for what is no measurement. Raises DeviceBadData."""

    @property
    def rejected(self) -> int:
        """How many payloads were thrown away so far: not understood, or impossible."""
        return self._rejected

    async def _hang_up(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _payloads(self) -> AsyncGenerator[Payload, None]:
        # In a thread: it takes a second on a small machine, in which control may have work to do.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        import aiohttp  # noqa: PLC0415 - a daemon without such a meter need not load it

        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                self._session = session
                async with aclosing(self._talk(session)) as came:
                    async for payload in came:
                        yield payload
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if not self._closed.is_set():
                raise DeviceUnreachable(
                    f"Could not reach the meter at {self._where}: {reason_of(error)}."
                ) from error
        finally:
            self._session = None
        if not self._closed.is_set():
            raise DeviceUnreachable(f"The meter at {self._where} closed the connection.")

    async def _connection(self) -> AsyncGenerator[GridReading, None]:
        loop = asyncio.get_running_loop()
        limit_s, last_s, is_first = self._silent_s, None, True
        async with aclosing(self._payloads()) as payloads:
            while not self._closed.is_set():
                self._came = "nothing came"
                try:
                    async with asyncio.timeout(limit_s):
                        reading = await self._next_new(payloads, hold_back=is_first)
                except TimeoutError as error:
                    raise DeviceUnreachable(
                        f"The meter at {self._where} sent no new values for {limit_s:g} s: {self._came}."
                    ) from error
                if reading is None:
                    return
                is_first = False
                if last_s is not None:
                    limit_s = max(self._silent_s, SILENT_CADENCES * (loop.time() - last_s))
                last_s = loop.time()
                self._status = None
                yield reading

    async def _next_new(self, payloads: AsyncIterator[Payload], *, hold_back: bool) -> GridReading | None:
        """The next reading that says something new; None at the end.

        What comes first on a connection may have been measured long ago: it is held back until it changes.
        """
        async for payload in payloads:
            try:
                reading = self._understand(payload)
            except DeviceBadData as error:
                self._rejected += 1
                self._came = f"the last values were rejected, {error}"
                self._status = f"Values of the meter at {self._where} were rejected: {error}."
                continue
            if reading is None:
                continue
            is_new = reading.content_id != self._last_id
            self._last_id = reading.content_id
            if is_new and not hold_back:
                return reading
            hold_back = False
            self._came = "it repeats the same values"
        return None


def parse_object(content: bytes) -> Values:
    """A JSON object. Raises DeviceBadData."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DeviceBadData(f"{brief(content)} is not JSON") from error
    if not isinstance(parsed, dict):
        raise DeviceBadData(f"{brief(content)} is not a JSON object")
    return parsed


def quantity(values: Values, key: str, most: float) -> float | None:
    """A number of that magnitude at most, None where there is none. Raises DeviceBadData."""
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DeviceBadData(f"{key} is {brief(value)}, not a number")
    if not abs(value) <= most:  # so that NaN is refused, too
        raise DeviceBadData(f"{key} of {brief(value)} can't be true")
    return float(value)


def magnitude(value: float | None) -> float | None:
    """Without its sign."""
    return None if value is None else math.fabs(value)


def brief(value: object, *, hide: str | None = None) -> str:
    """As much of it as fits a sentence, without `hide`, which a device may repeat."""
    text = repr(value) if hide is None else repr(value).replace(hide, "...")
    return text if len(text) <= 60 else text[:57] + "..."


def reason_of(error: Exception) -> str:
    """What came back, in few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # aiohttp wraps the system's error, whose own text is clearer.
    inner = getattr(error, "os_error", error)
    return getattr(inner, "strerror", None) or str(error) or type(error).__name__
