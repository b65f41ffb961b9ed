"""The live stream: each state is encoded once, whatever the number of clients."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.responses import StreamingResponse

from phasewise.engine.live import Live
from phasewise.engine.state import SystemState

KEEP_ALIVE_S = 10.0
"""Proxies commonly cut a connection that is silent for 30 to 60 s."""

RETRY = b"retry: 2000\n\n"
"""A browser reconnects this many milliseconds after the stream ended; sent first, so that it also opens."""

KEEP_ALIVE = b": still here\n\n"


class EventStream(StreamingResponse):
    """Server-sent events that are encoded already; FastAPI's own class would format them per client."""

    media_type = "text/event-stream"


class StateEncoder:
    """The state as JSON and as a server-sent event, encoded when first asked for and then kept."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._state: SystemState | None = None
        self._json = b""
        self._event = b""

    def json(self, state: SystemState) -> bytes:
        """The state as one JSON object."""
        self._encode(state)
        return self._json

    def event(self, state: SystemState) -> bytes:
        """The state as one event. JSON has no line breaks of its own, so one data line holds it."""
        self._encode(state)
        return self._event

    def _encode(self, state: SystemState) -> None:
        if state is not self._state:
            self._json = self._encoder.encode(state)
            self._event = b"data: " + self._json + b"\n\n"
            self._state = state


async def events(
    live: Live, encoder: StateEncoder, keep_alive_s: float = KEEP_ALIVE_S
) -> AsyncIterator[bytes]:
    """Server-sent events of the newest states, for one client, until `live` is closed.

    The next state is asked for only when the previous one was taken off our hands, so a slow client
    skips states and holds at most one.
    """
    yield RETRY
    changes = live.changes()
    upcoming: asyncio.Task[SystemState | None] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.create_task(_next(changes))
            await asyncio.wait({upcoming}, timeout=keep_alive_s)
            if not upcoming.done():
                yield KEEP_ALIVE
                continue
            state = upcoming.result()
            if state is None:
                return
            upcoming = None
            yield encoder.event(state)
    finally:
        if upcoming is not None:
            upcoming.cancel()


async def _next(changes: AsyncIterator[SystemState]) -> SystemState | None:
    return await anext(changes, None)
