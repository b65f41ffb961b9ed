"""A simulated Marstek Venus that listens for JSON datagrams, true to its local API and its whims.

Written from the facts in docs/devices/marstek-udp.md, independently of the driver. In `ES.SetMode`
discharging is positive, and in `ongrid_power` too unless told otherwise; everywhere else here charging is.
"""

import asyncio
import json
import random
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.servers.marstek import Command
from phasewise.sim.servers.tasks import end

METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32601, -32602, -32603
"""JSON-RPC 2.0, section 5.1."""
RECEIVE_BYTES = 65536
TICK_S = 0.2
"""How often the countdown looks, in real time."""
RATED_W = {"VenusE": 2500, "VenusE 3.0": 2500, "VenusA": 1500, "VenusD": 2500}


class Fault(StrEnum):
    """What is wrong with the device, or the way to it."""

    NONE = "none"
    SILENT = "silent"
    """Nothing is answered."""
    DOWN = "down"
    """Nobody listens on the port."""
    LATE = "late"
    """Before each answer comes the one to the request before, again."""
    REFUSES = "refuses"
    """Every request gets an error."""
    GARBAGE = "garbage"
    """Every request gets bytes that are no JSON."""
    ABSURD = "absurd"
    """Values of the wrong type or size."""
    IGNORES = "ignores"
    """Modes are confirmed and not set."""
    LOSES_CONTROL = "loses-control"
    """It goes back to its own mode by itself."""
    INVERTED = "inverted"
    """It charges when told to discharge."""


class MarstekUdpServer:
    """One unit. `now` is its clock: the battery's, and that of the countdown."""

    def __init__(
        self,
        battery: SimBattery,
        *,
        now: Callable[[], float],
        device: str = "VenusE 3.0",
        firmware: int = 148,
        ongrid_sign: int = -1,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
    ) -> None:
        """`ongrid_sign`: -1 where a positive `ongrid_power` is discharging, 1 where it is charging."""
        self.battery = battery
        self.now = now
        self.host, self.port = host, port
        self.device, self.firmware = device, firmware
        self.ongrid_sign = ongrid_sign
        self.latency_s = 0.0
        """How long each answer takes, in real time."""
        self.loss = 0.0
        """Share of requests that get no answer, though they are carried out."""
        self.mode = "Auto"
        self.own_programme_w = 0.0
        """What it does by itself in any mode but Passive."""
        self.bms_silent = False
        """Zeros instead of what is known of the battery, as after a restart."""
        self.commands: list[Command] = []
        self.requests: list[tuple[float, str]] = []
        """Real time and method of each that came."""
        self.configs: list[dict[str, Any]] = []
        """Of every `ES.SetMode`."""
        self._mode_before = "Auto"
        self._passive_w = 0.0
        self._until_s = float("-inf")
        self._told_w = 0.0
        self._last_reply = b""
        self._fault = Fault.NONE
        self._random = random.Random(seed)
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """For the `url` of a battery's configuration."""
        return f"udp://{self.host}:{self.port}"

    @property
    def controlled(self) -> bool:
        """Whether it does what it was told, not what it wants."""
        return self.mode == "Passive"

    @property
    def fault(self) -> Fault:
        """What is wrong now: a `Fault` or its text. Acts at once."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault is Fault.DOWN:
            self._shut()
        else:
            self._listen()
        self.battery.fault = BatteryFault.INVERTED if self._fault is Fault.INVERTED else BatteryFault.NONE
        if self._fault is Fault.LOSES_CONTROL:
            self._let_go()
        self.advance()

    async def start(self) -> None:
        """Listen, and let the countdown run."""
        self._listen()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Idempotent."""
        await end(self._task)
        self._shut()

    def advance(self) -> None:
        """Bring countdown and battery up to now."""
        now_s = self.now()
        if self.controlled and now_s >= self._until_s:
            self._let_go()
        power_w = self._wanted_w()
        if power_w != self._told_w:
            self._told_w = power_w
            self.commands.append(Command(now_s, power_w))
            self.battery.command(power_w, now_s)
        self.battery.advance(now_s)

    def _wanted_w(self) -> float:
        if not self.controlled:
            return self.own_programme_w
        rated_w = RATED_W[self.device]
        return min(max(self._passive_w, -rated_w), rated_w)

    def _let_go(self) -> None:
        if self.controlled:
            self.mode = self._mode_before

    def _listen(self) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._socket.bind((self.host, self.port))
            self.port = self._socket.getsockname()[1]
            asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def _shut(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _receive(self) -> None:
        if self._socket is None:
            return
        try:
            data, sender = self._socket.recvfrom(RECEIVE_BYTES)
        except OSError:
            return  # a reply before could not be delivered
        loop = asyncio.get_running_loop()
        request = json.loads(data)
        self.requests.append((loop.time(), request["method"]))
        self.advance()
        reply = json.dumps(self._answer(request)).encode()
        if self._fault is Fault.SILENT or self._random.random() < self.loss:
            return
        if self._fault is Fault.GARBAGE:
            reply = self._random.randbytes(60)
        late, self._last_reply = self._last_reply, reply
        for datagram in (late, reply) if self._fault is Fault.LATE and late else (reply,):
            loop.call_later(self.latency_s, self._send, datagram, sender)

    def _send(self, datagram: bytes, sender: tuple[str, int]) -> None:
        if self._socket is not None:
            self._socket.sendto(datagram, sender)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        head = {"id": request["id"], "src": f"{self.device}-0123456789ab"}
        if self._fault is Fault.REFUSES:
            return head | {"error": {"code": INTERNAL_ERROR, "message": "Internal error"}}
        match request["method"]:
            case "Marstek.GetDevice":
                return head | {"result": self._identity()}
            case "ES.GetMode":
                return head | {"result": self._get_mode()}
            case "ES.GetStatus":
                return head | {"result": self._get_status()}
            case "Bat.GetStatus":
                return head | {"result": self._get_battery()}
            case "ES.SetMode":
                return head | self._set_mode(request["params"]["config"])
        return head | {"error": {"code": METHOD_NOT_FOUND, "message": "Method not found"}}

    def _identity(self) -> dict[str, Any]:
        macs = {"ble_mac": "0123456789ab", "wifi_mac": "0123456789ac"}
        return {"device": self.device, "ver": self.firmware, **macs, "wifi_name": "home", "ip": self.host}

    def _powers(self) -> dict[str, Any]:
        if self._fault is Fault.ABSURD:
            return {"ongrid_power": 65535, "offgrid_power": "none", "bat_soc": -1}
        soc = 0 if self.bms_silent else round(self.battery.soc_pct)
        power = self.ongrid_sign * round(self.battery.ac_power_w)
        return {"ongrid_power": power, "offgrid_power": 0, "bat_soc": soc}

    def _get_mode(self) -> dict[str, Any]:
        answer = {"id": 0, "mode": self.mode, **self._powers()}
        if self.controlled and self.firmware >= 148:
            left_s = round(self._until_s - self.now())
            answer["passive_cfg"] = {"power": -round(self._passive_w), "cd_time": left_s}
        return answer

    def _get_status(self) -> dict[str, Any]:
        capacity = 0 if self.bms_silent else round(self.battery.spec.capacity_wh)
        return {"id": 0, "bat_cap": capacity, "pv_power": 0, "bat_power": 0, **self._powers()}

    def _get_battery(self) -> dict[str, Any]:
        capacity_wh = round(self.battery.spec.capacity_wh)
        left = {"bat_capacity": round(self.battery.energy_wh), "rated_capacity": capacity_wh}
        flags = {"charg_flag": True, "dischrg_flag": True}
        return {"id": 0, "soc": round(self.battery.soc_pct), "bat_temp": 25.0, **flags, **left}

    def _set_mode(self, config: dict[str, Any]) -> dict[str, Any]:
        self.configs.append(config)
        passive = config.get("passive_cfg", {})
        if config["mode"] == "Passive" and not {"power", "cd_time"} <= passive.keys():
            return {"error": {"code": INVALID_PARAMS, "message": "Invalid params"}}
        if self._fault is not Fault.IGNORES:
            if config["mode"] == "Passive":
                if not self.controlled:
                    self._mode_before = self.mode
                self._passive_w = -float(passive["power"])
                self._until_s = self.now() + passive["cd_time"]
            self.mode = config["mode"]
            self.advance()
        return {"result": {"id": 0, "set_result": True}}

    async def _watch(self) -> None:
        while True:
            self.advance()
            await asyncio.sleep(TICK_S)
