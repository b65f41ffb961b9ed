"""A simulated Zendure SolarFlow with its HTTP server, true to its properties, its delays and its whims.

Written from the facts in docs/devices/zendure.md, independently of the driver. Powers are counted up from 0
in either direction, as the device does it; everywhere else here charging is positive.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.servers.marstek import Command
from phasewise.sim.servers.tasks import end

INPUT, OUTPUT = 1, 2
TICK_S = 0.1
"""How often the unit moves on, in real time."""
ECHO_S = 2.3
"""A report shows what was written so much later."""
MAX_REQUEST_BYTES = 512
"""What the real one receives of a body."""


class Fault(StrEnum):
    """What is wrong with the device, or the way to it."""

    NONE = "none"
    SILENT = "silent"
    """Connections are accepted and stand; nothing is answered."""
    DOWN = "down"
    """Connections are dropped and refused."""
    HANGS_UP = "hangs-up"
    """Every request makes it close the connection."""
    REFUSES = "refuses"
    """Every request gets status 500."""
    CLOSED_API = "closed-api"
    """As with newer firmware on which the local API was never opened."""
    GARBAGE = "garbage"
    """Every request gets bytes that are no JSON."""
    ABSURD = "absurd"
    """Values of the wrong type or size."""
    IGNORES = "ignores"
    """Writes are confirmed and not carried out."""
    LOSES_CONTROL = "loses-control"
    """It restarts: what was not written to flash is gone."""
    HEMS = "hems"
    """Zendure's own energy management sets its power, again and again."""
    INVERTED = "inverted"
    """It charges when told to discharge."""


class ZendureServer:
    """One unit. `now` is its clock: the battery's, and that of the echo."""

    def __init__(
        self,
        battery: SimBattery,
        *,
        now: Callable[[], float],
        max_charge_w: float = 2400.0,
        max_discharge_w: float = 2400.0,
        echo_s: float = ECHO_S,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.battery = battery
        self.now = now
        self.host, self.port = host, port
        self.sn = "HOA1SIM00000001"
        self.echo_s = echo_s
        self.pv_w = 0.0
        self.hems_w = 400.0
        """What its own energy management wants of it."""
        self.commands: list[Command] = []
        self.writes: list[dict[str, Any]] = []
        """Properties of each write that arrived."""
        self.flash_writes = 0
        self.overlapping = 0
        """Requests that came while another was being answered."""
        self._max_charge_w, self._max_discharge_w = max_charge_w, max_discharge_w
        self.flash: dict[str, int] = {"acMode": OUTPUT, "inputLimit": 0, "outputLimit": 0, "smartMode": 0}
        self.settings = dict(self.flash)
        self._shown = dict(self.flash)
        self._echoes: deque[tuple[float, dict[str, int]]] = deque()
        self._told_w = 0.0
        self._answering = 0
        self._fault = Fault.NONE
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """For the `url` of a battery's configuration."""
        return f"http://{self.host}:{self.port}"

    @property
    def controlled(self) -> bool:
        """Whether what was written holds in memory only, as for a controller."""
        return self.settings["smartMode"] == 1

    @property
    def fault(self) -> Fault:
        """What is wrong now: a `Fault` or its text. Acts at once."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault in {Fault.DOWN, Fault.SILENT}:
            self._hang_up()
        self.battery.fault = BatteryFault.INVERTED if self._fault is Fault.INVERTED else BatteryFault.NONE
        if self._fault is Fault.LOSES_CONTROL:
            self.settings = dict(self.flash)
            self._echoes.clear()
            self._shown = dict(self.flash)
        self.advance()

    async def start(self) -> None:
        """Listen, and let the unit run."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Drop all clients and stop. Idempotent."""
        await end(self._task)
        if self._server is not None:
            self._server.close()
            self._server = None
        self._hang_up()

    def advance(self) -> None:
        """Bring the unit up to now."""
        now_s = self.now()
        if self._fault is Fault.HEMS:
            self._store({"acMode": INPUT, "inputLimit": round(self.hems_w), "outputLimit": 0})
        while self._echoes and self._echoes[0][0] <= now_s:
            self._shown = self._echoes.popleft()[1]
        power_w = self._wanted_w()
        if power_w != self._told_w:
            self._told_w = power_w
            self.commands.append(Command(now_s, power_w))
            self.battery.command(power_w, now_s)
        self.battery.advance(now_s)

    def _wanted_w(self) -> float:
        if self.settings["acMode"] == INPUT:
            return min(float(self.settings["inputLimit"]), self._max_charge_w)
        return -min(float(self.settings["outputLimit"]), self._max_discharge_w) or 0.0

    def _store(self, properties: dict[str, int]) -> None:
        self.settings |= properties
        self._echoes.append((self.now() + self.echo_s, dict(self.settings)))

    def _hang_up(self) -> None:
        for writer in tuple(self._clients):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.DOWN:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                await self._answer_one(reader, writer)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection: it closes afterwards, as the real one does."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [
            line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")
        ]
        body = await reader.readexactly(int(lengths[0])) if lengths else b""
        self.overlapping += self._answering
        self._answering += 1
        try:
            if self._fault is Fault.SILENT:
                await reader.read()
            if self._fault in {Fault.SILENT, Fault.HANGS_UP}:
                return
            method, path, _ = head.split(" ", 2)
            status, answer = self._answer(method, path, body)
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + answer
            )
            await writer.drain()
        finally:
            self._answering -= 1

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        self.advance()
        if self._fault is Fault.REFUSES:
            return 500, b'{"error": "busy"}'
        if self._fault is Fault.CLOSED_API:
            return 200, json.dumps(
                {"code": 400, "success": False, "data": {}, "msg": "An error occurred"}
            ).encode()
        if self._fault is Fault.GARBAGE:
            return 200, b"\xff\xfe<html>"
        if (method, path) == ("GET", "/properties/report"):
            return 200, json.dumps(self._report()).encode()
        if (method, path) == ("POST", "/properties/write"):
            return self._write(body)
        return 404, b"{}"

    def _write(self, body: bytes) -> tuple[int, bytes]:
        if len(body) > MAX_REQUEST_BYTES:
            return 413, b"{}"
        request = json.loads(body)
        if request.get("sn") != self.sn:
            return 400, b'{"success": false, "msg": "sn"}'
        properties = request["properties"]
        self.writes.append(properties)
        if self._fault is not Fault.IGNORES:
            if properties.get("smartMode", self.settings["smartMode"]) == 0:
                self.flash |= properties
                self.flash_writes += 1
            self._store(properties)
            self.advance()
        return 200, json.dumps({"success": True, "code": 200, "sn": self.sn}).encode()

    def _report(self) -> dict[str, Any]:
        battery = self.battery
        ac_w, dc_w = battery.ac_power_w - self.pv_w, battery.dc_power_w
        properties: dict[str, Any] = {
            **self._shown,
            "electricLevel": round(battery.soc_pct),
            "gridInputPower": round(max(ac_w, 0.0)),
            "outputHomePower": round(max(-ac_w, 0.0)),
            "outputPackPower": round(max(dc_w, 0.0)),
            "packInputPower": round(max(-dc_w, 0.0)),
            "solarInputPower": round(self.pv_w),
            "packState": 0 if dc_w == 0 else 1 if dc_w > 0 else 2,
            "gridState": 1,
            "hyperTmp": 2981,
            "socLimit": 0,
            "socSet": 1000,
            "minSoc": 100,
        }
        if self._fault is Fault.ABSURD:
            properties |= {"electricLevel": 255, "gridInputPower": "x", "outputHomePower": -5}
        return {"timestamp": round(self.now()), "messageId": 1, "sn": self.sn, "properties": properties}

    async def _run(self) -> None:
        while True:
            self.advance()
            await asyncio.sleep(TICK_S)
