"""The live stream: each state is encoded once per language, whatever the number of clients."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import msgspec
from msgspec import Struct
from starlette.responses import StreamingResponse

from phasewise.engine.live import Live
from phasewise.engine.state import SystemState
from phasewise.explain import Text

KEEP_ALIVE_S = 10.0
"""Proxies commonly cut a connection that is silent for 30 to 60 s."""

RETRY = b"retry: 2000\n\n"
"""A browser reconnects this many milliseconds after the stream ended; sent first, so that it also opens."""

KEEP_ALIVE = b": still here\n\n"


class EventStream(StreamingResponse):
    """Server-sent events that are encoded already; FastAPI's own class would format them per client."""

    media_type = "text/event-stream"


class Encoded(Struct, frozen=True):
    """One state in one language."""

    state: SystemState
    json: bytes
    event: bytes
    """JSON has no line breaks of its own, so one data line holds it."""


class StateEncoder:
    """The state as JSON and as a server-sent event, for each language once, when first asked for."""

    def __init__(self) -> None:
        self._encoded: dict[str, Encoded] = {}

    def json(self, state: SystemState, lang: str = "en") -> bytes:
        """The state as one JSON object, its texts in this language."""
        return self._in(lang, state).json

    def event(self, state: SystemState, lang: str = "en") -> bytes:
        """The same as one event."""
        return self._in(lang, state).event

    def _in(self, lang: str, state: SystemState) -> Encoded:
        encoded = self._encoded.get(lang)
        if encoded is None or encoded.state is not state:
            json = msgspec.json.encode(state, enc_hook=partial(_said, lang))
            encoded = self._encoded[lang] = Encoded(state, json, b"data: " + json + b"\n\n")
        return encoded


def _said(lang: str, value: object) -> str:
    """What a text is encoded as."""
    if not isinstance(value, Text):
        raise NotImplementedError(f"a state does not hold a {type(value).__name__}")
    return value.say(lang)


async def events(
    live: Live, encoder: StateEncoder, lang: str = "en", keep_alive_s: float = KEEP_ALIVE_S
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
            yield encoder.event(state, lang)
    finally:
        if upcoming is not None:
            upcoming.cancel()


async def _next(changes: AsyncIterator[SystemState]) -> SystemState | None:
    return await anext(changes, None)
