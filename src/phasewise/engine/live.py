"""The newest state, and a way to follow it that never makes the control loop wait."""

import asyncio
from collections.abc import AsyncIterator

from phasewise.engine.state import SystemState


class Live:
    """Holds the newest state; any number of followers each see the latest, none slows another."""

    def __init__(self) -> None:
        self._current: SystemState | None = None
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def current(self) -> SystemState | None:
        """The newest state, or None before the first."""
        return self._current

    def publish(self, state: SystemState) -> None:
        """Replace the state and wake all followers. Never blocks."""
        self._current = state
        self._wake()

    def close(self) -> None:
        """End every follower's stream."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changes(self) -> AsyncIterator[SystemState]:
        """The current state, then each newer one; a slow follower skips states, never queues them."""
        seen: SystemState | None = None
        while not self._closed:
            changed = self._changed
            if self._current is not None and self._current is not seen:
                seen = self._current
                yield seen
            else:
                await changed.wait()
