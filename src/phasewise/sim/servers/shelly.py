"""A simulated Shelly Pro 3EM on a real socket: its remote procedure calls over WebSocket and HTTP.

Written from Shelly's API documentation, independently of the driver. It measures every `cadence_s`; to
clients that have asked for something it tells by itself when a power changed enough.
"""

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from enum import StrEnum

from aiohttp import WSMsgType, web

from phasewise.sim.house import MeterSample
from phasewise.sim.servers.web_meter import WebMeter

DEVICE = "shellypro3em-5c2fafaabbcc"
TOLD_RATIO, TOLD_W = 0.05, 10.0
"""A change is told by itself when it is larger than both."""
NO_HANDLER = 404


class Fault(StrEnum):
    """What is wrong with the device."""

    NONE = "none"
    SILENT = "silent"
    """Connections are taken, nothing is answered."""
    DOWN = "down"
    """Connections are dropped and refused."""
    GARBAGE = "garbage"
    """Frames without meaning."""
    REPLAY = "replay"
    """It measures no more, and tells what it measured last."""
    ABSURD = "absurd"
    """Powers and currents a thousand times too high."""
    NAN = "nan"
    """The total power is NaN, which is not even JSON."""
    NO_TOTAL = "no-total"
    """The total power is null."""
    METER_FAILURE = "meter-failure"
    """It says itself that it can't measure."""
    MONOPHASE = "monophase"
    """The user chose the profile of three single meters."""


class ShellyServer(WebMeter):
    """One device. `sample_source` gives what is measured now, None for nothing new."""

    def __init__(
        self,
        sample_source: Callable[[], MeterSample | None],
        *,
        password: str | None = None,
        cadence_s: float = 1.0,
        host: str = "127.0.0.1",
        seed: int = 1,
    ) -> None:
        super().__init__(cadence_s=cadence_s, host=host)
        self.password = password
        self.phase_count = 3
        """Of those that have a clamp; of the others only the voltage is known."""
        self.answer_after_s = 0.0
        """How long it takes over each answer."""
        self.calls = 0
        """Requests that came over WebSockets."""
        self.notifications = 0
        self._sample_source = sample_source
        self._random = random.Random(seed)
        self._fault = Fault.NONE
        self._status: dict[str, object] = {}
        self._nonce = 0
        self._clients: set[web.WebSocketResponse] = set()

    @property
    def fault(self) -> Fault:
        """What is wrong now. `down` acts at once, others from the next answer on."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault is Fault.DOWN:
            self._hang_up()

    def forget_nonce(self) -> None:
        """From now on no answer to an earlier challenge is good."""
        self._nonce += 1

    def _is_down(self) -> bool:
        return self._fault is Fault.DOWN

    async def _measure_and_tell(self) -> None:
        before = self._status
        self._measure()
        if self._fault is Fault.NONE and _is_worth_telling(before, self._status):
            told = {"ts": 1_700_000_000.0, "em:0": self._status}
            for client in tuple(self._clients):
                self.notifications += 1
                with contextlib.suppress(ConnectionError):
                    await client.send_json(
                        {"src": DEVICE, "dst": "client", "method": "NotifyStatus", "params": told}
                    )

    def _measure(self) -> bool:
        if self._fault is Fault.REPLAY and self._status:
            return True
        sample = self._sample_source()
        if sample is None:
            return False
        status: dict[str, object] = {"id": 0}
        # Real ones never show the same twice: the voltage of the grid moves by tenths all the time.
        flicker_v = round(self._random.uniform(-0.4, 0.4), 1)
        for n, letter in enumerate("abc"):
            has_clamp = n < self.phase_count
            power_w, current_a = sample.power_w[n], sample.current_a[n]
            voltage_v = sample.voltage_v[n] + flicker_v
            status[f"{letter}_current"] = round(current_a, 3) if has_clamp else None
            status[f"{letter}_voltage"] = round(voltage_v, 1)
            status[f"{letter}_act_power"] = round(power_w, 1) if has_clamp else None
            status[f"{letter}_aprt_power"] = round(voltage_v * current_a, 1) if has_clamp else None
            status[f"{letter}_freq"] = 50.0
        status["n_current"] = None
        status["total_current"] = round(sum(sample.current_a), 3)
        status["total_act_power"] = round(sample.total_w, 3)
        status["user_calibrated_phase"] = []
        self._status = status
        return True

    def _em_status(self) -> dict[str, object]:
        status = dict(self._status)
        if self._fault is Fault.ABSURD:
            for key, value in status.items():
                if isinstance(value, float) and key.endswith(("_power", "_current")):
                    status[key] = value * 1000
        if self._fault is Fault.NAN:
            status["total_act_power"] = float("nan")
        if self._fault is Fault.NO_TOTAL:
            status["total_act_power"] = None
        if self._fault is Fault.METER_FAILURE:
            status["errors"] = ["power_meter_failure"]
        return status

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        while self._fault is Fault.SILENT:  # noqa: ASYNC110 - a fault is set from anywhere
            await asyncio.sleep(0.02)
        if request.path == "/shelly":
            auth_en = self.password is not None
            return web.json_response({"id": DEVICE, "gen": 2, "app": "Pro3EM", "auth_en": auth_en})
        if request.path == "/rpc/EM.GetStatus" and self.password is None:
            return web.json_response(self._em_status())
        if request.path != "/rpc":
            return web.Response(status=404)
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and self.fault is not Fault.SILENT:
                    await self._answer(socket, json.loads(message.data))
        finally:
            self._clients.discard(socket)
        return socket

    async def _answer(self, socket: web.WebSocketResponse, call: Mapping[str, object]) -> None:
        self.calls += 1
        await asyncio.sleep(self.answer_after_s)
        if self._fault is Fault.GARBAGE:
            await socket.send_str("".join(chr(self._random.randint(32, 0x2FF)) for _ in range(200)))
            return
        answer: dict[str, object] = {"id": call.get("id"), "src": DEVICE, "dst": call.get("src")}
        if self.password is not None and not self._is_right(call.get("auth"), self.password):
            answer["error"] = {"code": 401, "message": json.dumps(self._challenge())}
        elif call.get("method") == "EM.GetStatus" and self._fault is not Fault.MONOPHASE:
            answer["result"] = self._em_status()
            self._clients.add(socket)
        else:
            answer["error"] = {"code": NO_HANDLER, "message": f"No handler for {call.get('method')}"}
        await socket.send_str(json.dumps(answer))

    def _challenge(self) -> dict[str, object]:
        return {
            "auth_type": "digest",
            "nonce": self._nonce,
            "nc": 1,
            "realm": DEVICE,
            "algorithm": "SHA-256",
        }

    def _is_right(self, auth: object, password: str) -> bool:
        if not isinstance(auth, dict) or auth.get("nonce") != self._nonce:
            return False
        ha1 = hashlib.sha256(f"admin:{DEVICE}:{password}".encode()).hexdigest()
        ha2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()
        wanted = ":".join((ha1, str(self._nonce), "1", str(auth.get("cnonce")), "auth", ha2))
        return bool(auth.get("response") == hashlib.sha256(wanted.encode()).hexdigest())


def _is_worth_telling(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    for key in ("a_act_power", "b_act_power", "c_act_power"):
        old, new = before.get(key), after.get(key)
        if isinstance(old, float) and isinstance(new, float):
            change_w = abs(new - old)
            if change_w > TOLD_W and change_w > TOLD_RATIO * abs(old):
                return True
    return False
