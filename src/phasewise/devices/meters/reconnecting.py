"""A meter's readings never end: one connection after the other, with a pause between them that grows."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing

from phasewise.devices.base import Clock, DeviceError
from phasewise.model import GridReading

RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
"""Pause before the next attempt: doubled each time, so that a device is not flooded while it starts."""


class ReconnectingMeter(ABC):
    """A `MeterDriver`, but for `options_model`, `from_options` and `rejected`."""

    def __init__(self, clock: Clock, status: str) -> None:
        self._clock = clock
        self._status: str | None = status
        self._closed = asyncio.Event()

    @abstractmethod
    def _connection(self) -> AsyncGenerator[GridReading, None]:
        """The readings of one connection, until it is over. Raises DeviceError, a whole sentence."""

    @abstractmethod
    async def _hang_up(self) -> None:
        """End the connection, if there is one: `_connection` then ends. Idempotent."""

    @property
    def status(self) -> str | None:
        """None while all is well, else a sentence: what was tried, what came back, what is next."""
        return self._status

    async def close(self) -> None:
        """Give up the connection; `readings` then ends. Idempotent."""
        self._closed.set()
        await self._hang_up()

    async def readings(self) -> AsyncGenerator[GridReading, None]:
        """Every reading of every connection. Ends only after `close`."""
        retry_s = RETRY_MIN_S
        while not self._closed.is_set():
            try:
                async with aclosing(self._connection()) as readings:
                    async for reading in readings:
                        retry_s = RETRY_MIN_S
                        yield reading
            except DeviceError as error:
                self._status = f"{error} Next attempt in {retry_s:g} s."
            if self._closed.is_set():
                return
            await self._clock.sleep(retry_s)
            retry_s = min(2.0 * retry_s, RETRY_MAX_S)
