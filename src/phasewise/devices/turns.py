"""Who may send next on a connection that carries one request at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """The requests of one connection take turns; an urgent one goes before those that are not."""

    def __init__(self) -> None:
        self._taken = False
        self._urgent = 0
        """How many urgent ones wait."""
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def take(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for one's turn, and have it inside."""
        self._urgent += urgent
        try:
            while self._taken or (self._urgent and not urgent):
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._urgent -= urgent
            self._changed.set()
        self._taken = True
        try:
            yield
        finally:
            self._taken = False
            self._changed.set()


def now_s() -> float:
    """Seconds of the event loop: pauses that a device asks for are real, whatever clock a driver has."""
    return asyncio.get_running_loop().time()


async def sleep_until(at_s: float) -> None:
    """Wait until `now_s` says so much, if it does not yet."""
    wait_s = at_s - now_s()
    if wait_s > 0:
        await asyncio.sleep(wait_s)
