"""An event loop whose clock jumps to the next timer: real asyncio code, hours in milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from phasewise.devices.base import Clock

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Never waits: when nothing is ready, its time jumps to the next timer."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        selector = selectors.DefaultSelector()
        real_select = selector.select

        def select(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            events = real_select(0)
            if not events:
                if timeout is None:
                    raise RuntimeError("nothing will ever happen again: the test hangs")
                self._virtual_s += timeout
            return events

        selector.select = select  # type: ignore[method-assign] # the one place where time is made
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual_s


class LoopClock(Clock):
    """A clock that shows the loop's time."""

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_s(self) -> float:
        return 1_700_000_000.0 + self.now_s()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
