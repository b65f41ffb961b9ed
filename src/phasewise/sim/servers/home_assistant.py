"""A simulated Home Assistant on a real socket: the part of its WebSocket API that devices need.

Written from the public description of the API, independently of the driver. It holds states; a `HassMeter`
and `HassMarstek` put theirs in and carry out what is asked of them.
"""

import asyncio
import contextlib
import math
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from aiohttp import WSMsgType, web
from msgspec import Struct

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.house import MeterSample

TOKEN = "a long-lived access token"  # noqa: S105 - of a simulation
VERSION = "2025.4.4"
OWNER = "0f" * 16
"""The user that the token belongs to."""
_REPORTED = re.compile(r"states\['([a-z0-9_.]+)'\]\.last_reported")
MAX_ACTIONS = 10_000
RECENT_EVENTS = 40
WATCHDOG_S = 105.0
"""Without a refresh a Marstek lets go of control after 90 to 120 s."""
TICK_S = 0.2


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


class Context(Struct, frozen=True):
    """What caused a change."""

    id: str
    user_id: str | None = None
    parent_id: str | None = None


class State(Struct, frozen=True):
    """One entity."""

    state: str
    attributes: dict[str, Any]
    context: Context
    changed_utc_s: float
    updated_utc_s: float
    reported_utc_s: float


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
            {"a": {entity_id: _whole(after)}} if before is None else {"c": {entity_id: _diff(before, after)}}
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
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sender
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
                put(_failure(number, "id_reuse", "Identifier values have to increase."))
                continue
            last = number
            self._answer(socket, number, asked)

    def _answer(self, socket: web.WebSocketResponse, number: int, asked: Mapping[str, Any]) -> None:
        put = self._outbox[socket].put_nowait
        kind = asked["type"]
        if kind == "ping":
            put({"id": number, "type": "pong"})
        elif kind == "get_states":
            put(_success(number, [_full(name, state) for name, state in self.states.items()]))
        elif kind == "get_config":
            put(_success(number, self.settings))
        elif kind == "render_template":
            put(_success(number, None))
            put({"id": number, "type": "event", "event": self._rendered(asked["template"])})
        elif kind == "unsubscribe_events":
            put(_success(number, None))
        elif kind == "subscribe_entities":
            ids = frozenset(asked["entity_ids"])
            put(_success(number, None))
            there = {name: _whole(state) for name, state in self.states.items() if name in ids}
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
                put(_failure(number, "home_assistant_error", str(error)))
            else:
                put(_success(number, {"context": _context(context), "response": None}))
        else:
            put(_failure(number, "unknown_command", "Unknown command."))


class HassMarstek:
    """The entities of one Marstek, under the names that existing set-ups have. In `ac_power` discharging is
    positive; everywhere else here charging is."""

    def __init__(
        self,
        server: HomeAssistantServer,
        battery: SimBattery,
        prefix: str = "marstek_m1",
        *,
        phase: str | None = None,
    ) -> None:
        self.battery = battery
        self.prefix = prefix
        self.commands: list[float] = []
        """Every change of the power that the entities tell it to run at, charging positive."""
        self._server = server
        self._told_w = 0.0
        self._refreshed_s = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self.control = f"select.{prefix}_rs485_control_mode"
        self.mode = f"select.{prefix}_forcible_charge_discharge"
        self.charge_power = f"number.{prefix}_forcible_charge_power"
        self.discharge_power = f"number.{prefix}_forcible_discharge_power"
        self.work_mode = f"select.{prefix}_user_work_mode"
        put = server.put
        put(self.control, "disable", {"options": ["disable", "enable"]})
        put(self.mode, "stop", {"options": ["stop", "charge", "discharge"]})
        for number in (self.charge_power, self.discharge_power):
            put(number, "0.0", {"min": 0, "max": 2500, "step": 1, "unit_of_measurement": "W"})
        put(self.work_mode, "anti-feed", {"options": ["manual", "anti-feed", "ai"]})
        if phase is not None:
            put(f"input_select.{prefix}_phase", phase, {"options": ["Unassigned", "L1", "L2", "L3"]})
        for entity_id in (self.control, self.mode, self.charge_power, self.discharge_power, self.work_mode):
            server.handlers[entity_id] = self._carry_out
        server.on_fault.append(self._on_fault)
        self.advance()

    @property
    def controlled(self) -> bool:
        """Whether control is enabled."""
        return self._server.states[self.control].state == "enable"

    async def start(self) -> None:
        """Let its telemetry be read, in real time."""
        self._task = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """No more telemetry. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def advance(self) -> None:
        """Bring the unit, its watchdog and its sensors up to the clock."""
        now_s = self._server.now()
        if self.controlled and now_s - self._refreshed_s > WATCHDOG_S:
            self._server.put(self.control, "disable")
        self._obey()
        self.battery.advance(now_s)
        self._report()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.advance()

    def _report(self) -> None:
        if self._server.fault in {HassFault.REPLAY, HassFault.SILENT, HassFault.DOWN}:
            return
        battery, garbage = self.battery, self._server.fault is HassFault.GARBAGE
        for name, value, unit in (
            ("ac_power", f"{-battery.ac_power_w:.0f}", "W"),
            ("battery_power", f"{battery.dc_power_w:.0f}", "W"),
            ("battery_state_of_charge", f"{battery.soc_pct:.1f}", "%"),
            ("internal_temperature", "25.0", "°C"),
            ("battery_total_energy", f"{battery.spec.capacity_wh / 1000:.2f}", "kWh"),
            ("lifetime_charging_energy", f"{battery.charged_wh / 1000:.2f}", "kWh"),
            ("lifetime_discharging_energy", f"{battery.discharged_wh / 1000:.2f}", "kWh"),
        ):
            said = "garbage" if garbage else value
            self._server.put(f"sensor.{self.prefix}_{name}", said, {"unit_of_measurement": unit})
        power_w = battery.ac_power_w
        word = "Standby" if not power_w else "Charge" if power_w > 0 else "Discharge"
        self._server.put(f"sensor.{self.prefix}_inverter_state", word)

    def _carry_out(self, entity_id: str, value: str, context: Context) -> None:
        if self._server.fault is HassFault.IGNORES:
            return
        if entity_id == self.control and value == "enable":
            self._refreshed_s = self._server.now()
        self._server.put(entity_id, value, context=context)
        self.advance()

    def _obey(self) -> None:
        """Run at what the entities say."""
        states = self._server.states
        power_w = 0.0
        if self.controlled and states[self.mode].state == "charge":
            power_w = float(states[self.charge_power].state)
        elif self.controlled and states[self.mode].state == "discharge":
            power_w = -float(states[self.discharge_power].state)
        if power_w != self._told_w:
            self._told_w = power_w
            self.commands.append(power_w)
            self.battery.command(power_w, self._server.now())

    def _on_fault(self) -> None:
        if self._server.fault is HassFault.LOSES_CONTROL:
            self._server.put(self.control, "disable")
        ignores = self._server.fault is HassFault.IGNORES
        self.battery.fault = BatteryFault.IGNORES if ignores else BatteryFault.NONE
        self.advance()


class HassMeter:
    """The entities of a P1 meter, under the names that existing set-ups have."""

    def __init__(
        self,
        server: HomeAssistantServer,
        source: Callable[[], MeterSample | None],
        *,
        cadence_s: float = 1.0,
        name: str = "p1_meter",
    ) -> None:
        """`source` tells what the meter measures now; None for nothing new."""
        self.source = source
        self.poor = False
        """Only powers: no currents, no voltages."""
        self._server = server
        self._cadence_s = cadence_s
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Report, in real time."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """No more reports. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            if self._server.fault is HassFault.REPLAY:
                self._server.replay()
            elif self._server.fault not in {HassFault.SILENT, HassFault.DOWN}:
                sample = self.source()
                if sample is not None:
                    self._report(sample)
            await asyncio.sleep(self._cadence_s)

    def _report(self, sample: MeterSample) -> None:
        fault = self._server.fault
        factor = 1000.0 if fault is HassFault.ABSURD else 1.0
        total = f"{factor * sample.total_w:.0f}"
        words = {HassFault.GARBAGE: "garbage", HassFault.NAN: "nan", HassFault.NO_TOTAL: "unavailable"}
        total = words.get(fault, total)
        for index in range(3):
            phase = f"l{index + 1}"
            self._say(f"{phase}_power", f"{factor * sample.power_w[index]:.0f}", "W")
            if self.poor:
                self._server.remove(f"sensor.{self._name}_{phase}_current")
                self._server.remove(f"sensor.{self._name}_{phase}_voltage")
            else:
                self._say(f"{phase}_current", f"{factor * sample.current_a[index]:.1f}", "A")
                self._say(f"{phase}_voltage", f"{sample.voltage_v[index]:.1f}", "V")
        self._say("energy_import", f"{sample.energy_import_wh / 1000:.3f}", "kWh")
        self._say("energy_export", f"{sample.energy_export_wh / 1000:.3f}", "kWh")
        self._say("power", total, "W")

    def _say(self, quantity: str, value: str, unit: str) -> None:
        self._server.put(f"sensor.{self._name}_{quantity}", value, {"unit_of_measurement": unit})


def _context(context: Context) -> dict[str, str | None]:
    return {"id": context.id, "parent_id": context.parent_id, "user_id": context.user_id}


def _short(context: Context) -> str | dict[str, str | None]:
    plain = context.user_id is None and context.parent_id is None
    return context.id if plain else _context(context)


def _whole(state: State) -> dict[str, Any]:
    """An entity as a subscriber first hears of it."""
    said = {
        "s": state.state,
        "a": state.attributes,
        "c": _short(state.context),
        "lc": state.changed_utc_s,
    }
    if state.updated_utc_s != state.changed_utc_s:
        said["lu"] = state.updated_utc_s
    return said


def _diff(before: State, after: State) -> dict[str, Any]:
    """What changed: `+` is new, `-` is gone."""
    new: dict[str, Any] = {}
    if after.state != before.state:
        new["s"] = after.state
    if after.changed_utc_s != before.changed_utc_s:
        new["lc"] = after.changed_utc_s
    else:
        new["lu"] = after.updated_utc_s
    was, now = _context(before.context), _context(after.context)
    of_context = {key: now[key] for key in ("parent_id", "user_id") if now[key] != was[key]}
    if now["id"] != was["id"]:
        new["c"] = {**of_context, "id": now["id"]} if of_context else now["id"]
    attributes = {
        key: value
        for key, value in after.attributes.items()
        if key not in before.attributes or before.attributes[key] != value
    }
    if attributes:
        new["a"] = attributes
    gone = [key for key in before.attributes if key not in after.attributes]
    return {"+": new, "-": {"a": gone}} if gone else {"+": new}


def _full(entity_id: str, state: State) -> dict[str, Any]:
    def iso(utc_s: float) -> str:
        return datetime.fromtimestamp(utc_s, UTC).isoformat()

    return {
        "entity_id": entity_id,
        "state": state.state,
        "attributes": state.attributes,
        "last_changed": iso(state.changed_utc_s),
        "last_reported": iso(state.reported_utc_s),
        "last_updated": iso(state.updated_utc_s),
        "context": _context(state.context),
    }


def _success(number: int, result: object) -> dict[str, Any]:
    return {"id": number, "type": "result", "success": True, "result": result}


def _failure(number: int, code: str, message: str) -> dict[str, Any]:
    return {"id": number, "type": "result", "success": False, "error": {"code": code, "message": message}}
