"""A simulated Home Assistant on a real socket: the part of its WebSocket API that devices need.

Written from the public description of the API, independently of the driver. It holds states; the units behind
it (`home_assistant_units`) put theirs in and carry out what is asked of them.
"""

import asyncio
import contextlib
import math
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from aiohttp import WSMsgType, web
from msgspec import Struct

from phasewise.sim.servers.home_assistant_states import (
    Context,
    State,
    diff,
    failure,
    full,
    of_context,
    success,
    whole,
)
from phasewise.sim.servers.tasks import end

TOKEN = "a long-lived access token"  # noqa: S105 - of a simulation
VERSION = "2025.4.4"
OWNER = "0f" * 16
"""The user that the token belongs to."""
_REPORTED = re.compile(r"states\['([a-z0-9_.]+)'\]\.last_reported")
MAX_ACTIONS = 10_000
RECENT_EVENTS = 40


class HassFault(StrEnum):
    """What is wrong with it."""

    NONE = "none"
    SILENT = "silent"
    """Connections stand; nothing is answered, nothing comes."""
    DOWN = "down"
    """Connections are dropped, and new ones not answered."""
    HANGS_UP = "hangs-up"
    """Every request makes it close the connection."""
    REFUSES = "refuses"
    """Every action fails."""
    GARBAGE = "garbage"
    """Sensors say a word instead of a number."""
    IGNORES = "ignores"
    """Actions are confirmed and not carried out."""
    LOSES_CONTROL = "loses-control"
    """The battery lets go of control by itself."""
    REPLAY = "replay"
    """Nothing new; what was said before is said again."""
    ABSURD = "absurd"
    """Powers and currents a thousand times too high."""
    NAN = "nan"
    """`nan` for the total power."""
    NO_TOTAL = "no-total"
    """The total power is unavailable."""


class Action(Struct, frozen=True):
    """One action that arrived."""

    time_s: float
    name: str
    entity_id: str
    data: Mapping[str, Any]


class RefusedError(Exception):
    """An action that cannot be carried out."""


class HomeAssistantServer:
    """`now` is the clock of everything behind it, `utc` the time of day that it tells."""

    def __init__(
        self, *, now: Callable[[], float], utc: Callable[[], float], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        """0 until `start` unless given; then the real one, which stays."""
        self.now = now
        self.utc = utc
        self.states: dict[str, State] = {}
        self.actions: deque[Action] = deque(maxlen=MAX_ACTIONS)
        self.handlers: dict[str, Callable[[str, Any, Context], None]] = {}
        """Carry out a value that an entity is to have; by entity."""
        self.on_fault: list[Callable[[], None]] = []
        self.settings: dict[str, Any] = {
            "location_name": "Home",
            "time_zone": "Europe/Amsterdam",
            "version": VERSION,
        }
        self.asked: list[str] = []
        """Entities of which it was asked when they were last reported."""
        self._fault = HassFault.NONE
        self._sockets: dict[web.WebSocketResponse, web.Request] = {}
        self._following: dict[web.WebSocketResponse, tuple[int, frozenset[str]]] = {}
        self._outbox: dict[web.WebSocketResponse, asyncio.Queue[dict[str, Any]]] = {}
        self._recent: deque[tuple[str, dict[str, Any]]] = deque(maxlen=RECENT_EVENTS)
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/api/websocket", self._serve)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Drop all clients and stop. Idempotent."""
        self._hang_up()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    @property
    def url(self) -> str:
        """For the `url` of a configuration."""
        return f"http://{self.host}:{self.port}"

    @property
    def connection_count(self) -> int:
        """How many WebSockets stand."""
        return len(self._sockets)

    @property
    def fault(self) -> HassFault:
        """What is wrong now: a `HassFault` or its text. Acts at once."""
        return self._fault

    @fault.setter
    def fault(self, fault: HassFault | str) -> None:
        self._fault = HassFault(fault)
        if self._fault is HassFault.DOWN:
            self._hang_up()
        for told in self.on_fault:
            told()

    def put(
        self,
        entity_id: str,
        state: str,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """An entity is so now. The same again is a report, of which no subscriber hears."""
        before, now_utc_s = self.states.get(entity_id), self.utc()
        if attributes is None:
            attributes = {} if before is None else before.attributes
        context = context or Context(uuid.uuid4().hex)
        if before is not None and (before.state, before.attributes) == (state, dict(attributes)):
            self.states[entity_id] = State(
                state,
                before.attributes,
                before.context,
                before.changed_utc_s,
                before.updated_utc_s,
                now_utc_s,
            )
            return
        same = before is not None and before.state == state
        changed_utc_s = before.changed_utc_s if before is not None and same else now_utc_s
        after = State(state, dict(attributes), context, changed_utc_s, now_utc_s, now_utc_s)
        self.states[entity_id] = after
        event = (
            {"a": {entity_id: whole(after)}} if before is None else {"c": {entity_id: diff(before, after)}}
        )
        self._recent.append((entity_id, event))
        self._publish(entity_id, event)

    def remove(self, entity_id: str) -> None:
        """There is no such entity any more."""
        if self.states.pop(entity_id, None) is not None:
            self._publish(entity_id, {"r": [entity_id]})

    def replay(self) -> None:
        """Say once more what was said last."""
        for entity_id, event in list(self._recent):
            self._publish(entity_id, event)

    def act(self, name: str, entity_id: str, data: Mapping[str, Any], context: Context) -> None:
        """Carry out an action, as one of its users. Raises RefusedError."""
        if entity_id not in self.states:
            raise RefusedError(f"Entity {entity_id} was not found")
        self.actions.append(Action(self.now(), name, entity_id, dict(data)))
        handler = self.handlers.get(entity_id)
        value = self._asked_value(name, entity_id, data)
        if handler is None:
            self.put(entity_id, value, context=context)
        else:
            handler(entity_id, value, context)

    def _asked_value(self, name: str, entity_id: str, data: Mapping[str, Any]) -> str:
        domain, _, service = name.partition(".")
        attributes = self.states[entity_id].attributes
        if domain != entity_id.partition(".")[0]:
            raise RefusedError(f"{name} does not fit {entity_id}")
        if service == "set_value":
            value = float(data["value"])
            if not attributes.get("min", -1e9) <= value <= attributes.get("max", 1e9):
                raise RefusedError(f"Value {value} for {entity_id} is outside valid range")
            return str(value)
        if service == "select_option":
            if data["option"] not in attributes.get("options", ()):
                raise RefusedError(f"Option {data['option']} is not valid for entity {entity_id}")
            return str(data["option"])
        if service in {"turn_on", "turn_off"}:
            return service.removeprefix("turn_")
        raise RefusedError(f"Service {name} not found")

    def _rendered(self, template: str) -> dict[str, Any]:
        """Of templates only what is needed here: a list of the time now and times of last reports."""
        names = list(dict.fromkeys(_REPORTED.findall(template)))
        self.asked += names
        if "as_timestamp(now())" not in template:
            return {"error": f"TemplateSyntaxError: {template}", "level": "ERROR"}
        times = [
            None if (known := self.states.get(name)) is None else math.ceil(known.reported_utc_s * 1e6) / 1e6
            for name in names
        ]
        return {"result": [self.utc(), *times], "listeners": {"all": False, "entities": names}}

    def _publish(self, entity_id: str, event: Mapping[str, Any]) -> None:
        if self._fault is HassFault.SILENT:
            return
        for socket, (number, ids) in self._following.items():
            if entity_id in ids:
                self._outbox[socket].put_nowait({"id": number, "type": "event", "event": event})

    def _hang_up(self) -> None:
        for request in self._sockets.values():
            if request.transport is not None:
                request.transport.abort()

    async def _stand_faults(self, request: web.Request) -> None:
        if self._fault in {HassFault.DOWN, HassFault.HANGS_UP}:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPServiceUnavailable
        while self._fault is HassFault.SILENT:
            if request.transport is None or request.transport.is_closing():
                raise web.HTTPServiceUnavailable
            await asyncio.sleep(0.05)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._fault is HassFault.DOWN:
            await self._stand_faults(request)
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        self._sockets[socket] = request
        self._outbox[socket] = asyncio.Queue()
        sender = asyncio.create_task(self._send(socket))
        try:
            if self._fault is not HassFault.SILENT:
                await socket.send_json({"type": "auth_required", "ha_version": VERSION})
                if await self._authenticated(socket):
                    await self._converse(socket)
        except ConnectionError:
            pass  # the client is gone
        finally:
            with contextlib.suppress(ConnectionError):
                await end(sender)
            for table in (self._sockets, self._following, self._outbox):
                table.pop(socket, None)
        return socket

    async def _authenticated(self, socket: web.WebSocketResponse) -> bool:
        asked = await socket.receive()
        if asked.type is not WSMsgType.TEXT:
            return False
        if asked.json().get("access_token") != TOKEN:
            await socket.send_json({"type": "auth_invalid", "message": "Invalid access token or password"})
            return False
        await socket.send_json({"type": "auth_ok", "ha_version": VERSION})
        return True

    async def _send(self, socket: web.WebSocketResponse) -> None:
        """One task writes: events and answers keep their order."""
        while True:
            await socket.send_json(await self._outbox[socket].get())

    async def _converse(self, socket: web.WebSocketResponse) -> None:
        last = 0
        async for message in socket:
            if message.type is not WSMsgType.TEXT or self._fault is HassFault.SILENT:
                continue
            if self._fault is HassFault.HANGS_UP:
                return
            asked = message.json()
            number = asked["id"]
            put = self._outbox[socket].put_nowait
            if number <= last:
                put(failure(number, "id_reuse", "Identifier values have to increase."))
                continue
            last = number
            self._answer(socket, number, asked)

    def _answer(self, socket: web.WebSocketResponse, number: int, asked: Mapping[str, Any]) -> None:
        put = self._outbox[socket].put_nowait
        kind = asked["type"]
        if kind == "ping":
            put({"id": number, "type": "pong"})
        elif kind == "get_states":
            put(success(number, [full(name, state) for name, state in self.states.items()]))
        elif kind == "get_config":
            put(success(number, self.settings))
        elif kind == "render_template":
            put(success(number, None))
            put({"id": number, "type": "event", "event": self._rendered(asked["template"])})
        elif kind == "unsubscribe_events":
            put(success(number, None))
        elif kind == "subscribe_entities":
            ids = frozenset(asked["entity_ids"])
            put(success(number, None))
            there = {name: whole(state) for name, state in self.states.items() if name in ids}
            put({"id": number, "type": "event", "event": {"a": there}})
            self._following[socket] = (number, ids)
        elif kind == "call_service":
            context = Context(uuid.uuid4().hex, OWNER)
            name = f"{asked['domain']}.{asked['service']}"
            entity_id = asked["target"]["entity_id"]
            try:
                if self._fault is HassFault.REFUSES:
                    raise RefusedError("the device does not want to")
                self.act(name, entity_id, asked.get("service_data", {}), context)
            except RefusedError as error:
                put(failure(number, "home_assistant_error", str(error)))
            else:
                put(success(number, {"context": of_context(context), "response": None}))
        else:
            put(failure(number, "unknown_command", "Unknown command."))
