"""A simulated HomeWizard P1 meter on real sockets: the API without a token on HTTP, with one on HTTPS.

Written from HomeWizard's API documentation, independently of the driver. The meter behind it measures every
`cadence_s`; what it measured last is what is told.
"""

import asyncio
import json
import random
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from aiohttp import WSMsgType, web

from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import Demand, Style, format_telegram
from phasewise.sim.servers.web_meter import WebMeter

API_VERSION = "2.0.0"
TOKEN_DIGITS = 32
AUTHORIZE_WITHIN_S = 40.0
BUTTON_S = 30.0
"""So long after the button was pressed a token is given out."""
_ZONE = ZoneInfo("Europe/Amsterdam")


class Fault(StrEnum):
    """What is wrong with the device, or the meter behind it."""

    NONE = "none"
    SILENT = "silent"
    """Connections are taken, nothing is answered or sent."""
    DOWN = "down"
    """Connections are dropped and refused."""
    GARBAGE = "garbage"
    """Answers without meaning."""
    REPLAY = "replay"
    """What was measured last is told for ever, on new connections too."""
    ABSURD = "absurd"
    """Powers and currents a thousand times too high."""
    NAN = "nan"
    """The total power is NaN, which is not even JSON."""
    NO_TOTAL = "no-total"
    INDISCREET = "indiscreet"
    """It repeats the token that it refuses."""
    API_OFF = "api-off"
    """The user has not switched the API without a token on."""


class Product(StrEnum):
    """Which device."""

    P1 = "HWE-P1"
    KWH3 = "HWE-KWH3"
    """A three-phase meter of HomeWizard's own: no telegram, no timestamp, thousandths of amps."""


class HomeWizardServer(WebMeter):
    """One device. `sample_source` gives what is measured now, None for nothing new.

    `tls`: the device's certificate; then it speaks the API with a token, else the one without. `utc_s` is the
    meter's clock, told in whole seconds of local time.
    """

    def __init__(
        self,
        sample_source: Callable[[], MeterSample | None],
        *,
        tls: ssl.SSLContext | None = None,
        product: Product = Product.P1,
        style: Style = Style.DSMR5,
        phase_count: int = 3,
        cadence_s: float = 1.0,
        utc_s: Callable[[], float] = time.time,
        host: str = "127.0.0.1",
        seed: int = 1,
    ) -> None:
        super().__init__(cadence_s=cadence_s, host=host, tls=tls)
        self.product = product
        self.style = style
        self.phase_count = phase_count
        self.token: str | None = None
        """The one that is valid; none before the button was pressed."""
        self.requests: list[str] = []
        """Every path that was asked for."""
        self._sample_source = sample_source
        self._utc_s = utc_s
        self._random = random.Random(seed)
        self._fault = Fault.NONE
        self._demand = Demand()
        self._values: dict[str, object] = {}
        self._telegram = b""
        self._button_s = float("-inf")
        self._measured = asyncio.Condition()

    @property
    def fault(self) -> Fault:
        """What is wrong now. `down` acts at once, others from the next answer on."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault is Fault.DOWN:
            self._hang_up()

    def press_button(self) -> None:
        """As a user does, to let somebody have a token."""
        self._button_s = time.monotonic()

    def new_token(self) -> str:
        """A token that is valid from now on; the one before is not."""
        self.token = "".join(self._random.choices("0123456789ABCDEF", k=TOKEN_DIGITS))
        return self.token

    def _is_down(self) -> bool:
        return self._fault is Fault.DOWN

    async def _measure_and_tell(self) -> None:
        async with self._measured:
            if self._measure():
                self._measured.notify_all()

    def _measure(self) -> bool:
        if self._fault is Fault.REPLAY and self._values:
            return True
        sample = self._sample_source()
        if sample is None:
            return False
        utc_s = self._utc_s()
        demand_w = self._demand.update(utc_s, sample.energy_import_wh)
        self._telegram = format_telegram(sample, utc_s, self.style)
        self._values = self._values_of(sample, utc_s, demand_w)
        return True

    def _values_of(self, sample: MeterSample, utc_s: float, demand_w: float) -> dict[str, object]:
        """By the names of the API with a token."""
        own = self.product is Product.KWH3
        belgian = self.style is Style.FLUVIUS and not own
        digits = 3 if own else None
        amps_digits = 3 if own else 2 if belgian else None
        told: dict[str, object] = {
            "energy_import_kwh": round(sample.energy_import_wh / 1000, 3),
            "energy_export_kwh": round(sample.energy_export_wh / 1000, 3),
            "power_w": round(sample.total_w, digits),
        }
        if not own:
            local = datetime.fromtimestamp(utc_s, tz=UTC).astimezone(_ZONE)
            told |= {
                "protocol_version": 40 if self.style is Style.DSMR4 else 50,
                "meter_model": "SIM",
                "unique_id": "53494D303031",
                "timestamp": local.strftime("%Y-%m-%dT%H:%M:%S"),
                "tariff": 1,
            }
        if belgian:
            told |= {
                "average_power_15m_w": round(demand_w),
                "monthly_power_peak_w": round(self._demand.month_peak_w),
            }
        for n in range(self.phase_count):
            power_w, current_a = sample.power_w[n], sample.current_a[n]
            told[f"power_l{n + 1}_w"] = round(power_w, digits)
            told[f"current_l{n + 1}_a"] = round(-current_a if power_w < 0 else current_a, amps_digits)
            if self.style is not Style.DSMR4:
                told[f"voltage_l{n + 1}_v"] = round(sample.voltage_v[n], 1)
        return told

    def _answer(self) -> dict[str, object]:
        """What is told now, by the names of the API with a token."""
        told = dict(self._values)
        if self._fault is Fault.ABSURD:
            for key, value in told.items():
                if isinstance(value, int | float) and key.endswith(("_w", "_a")):
                    told[key] = value * 1000
        if self._fault is Fault.NAN:
            told["power_w"] = float("nan")
        if self._fault is Fault.NO_TOTAL:
            del told["power_w"]
        return told

    def _garbage(self) -> str:
        return "".join(chr(self._random.randint(32, 0x2FF)) for _ in range(200))

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request.path)
        if self._fault is Fault.SILENT:
            while self._fault is Fault.SILENT:  # noqa: ASYNC110 - a fault is set from anywhere
                await asyncio.sleep(0.02)
        if self._tls is None:
            return self._without_token(request)
        if request.path == "/api/user" and request.method == "POST":
            return await self._give_token(request)
        if request.path == "/api/ws":
            return await self._push(request)
        if (
            request.path == "/api/measurement"
            and request.headers.get("Authorization") == f"Bearer {self.token}"
        ):
            return web.json_response(self._answer())
        return web.json_response({"error": "user:unauthorized"}, status=401)

    def _without_token(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/api":
            return web.json_response(
                {
                    "product_type": self.product.value,
                    "product_name": "P1 meter",
                    "serial": "5c2fafaabbcc",
                    "firmware_version": "5.18",
                    "api_version": "v1",
                }
            )
        if self._fault is Fault.API_OFF:
            off = {"error": {"id": 202, "description": "API not enabled"}}
            return web.json_response(off, status=403)
        if self._fault is Fault.GARBAGE:
            return web.Response(text=self._garbage())
        if request.path == "/api/v1/data":
            return web.Response(
                text=json.dumps(self._named_as_before()), content_type="application/json", charset="utf-8"
            )
        if request.path == "/api/v1/telegram" and self.product is Product.P1:
            return web.Response(body=self._telegram, content_type="text/plain")
        return web.Response(status=404)

    def _named_as_before(self) -> dict[str, object]:
        """The names of the API without a token."""
        names = {
            "protocol_version": "smr_version",
            "energy_import_kwh": "total_power_import_kwh",
            "energy_export_kwh": "total_power_export_kwh",
            "tariff": "active_tariff",
            "average_power_15m_w": "active_power_average_w",
            "monthly_power_peak_w": "montly_power_peak_w",
        }
        told: dict[str, object] = {"wifi_ssid": "Home", "wifi_strength": self._random.randint(60, 70)}
        for key, value in self._answer().items():
            if key in names:
                told[names[key]] = value
            elif key.startswith(("power_", "current_", "voltage_")):
                told[f"active_{key}"] = value
            elif key != "timestamp":
                told[key] = value
        return told

    async def _give_token(self, request: web.BaseRequest) -> web.Response:
        name = str((await request.json()).get("name", ""))
        if not name.startswith("local/"):
            return web.json_response({"error": "user:invalid-prefix"}, status=400)
        if time.monotonic() - self._button_s > BUTTON_S:
            return web.json_response({"error": "user:creation-not-enabled"}, status=403)
        return web.json_response({"token": self.new_token(), "name": name})

    async def _push(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=0.1)
        await socket.prepare(request)
        asked = {"type": "authorization_requested", "data": {"api_version": API_VERSION}}
        await socket.send_json(asked)
        said = await socket.receive_json(timeout=AUTHORIZE_WITHIN_S)
        if said.get("type") != "authorization" or said.get("data") != self.token or self.token is None:
            why = str(said) if self._fault is Fault.INDISCREET else "user:unauthorized"
            await socket.send_json({"type": "error", "data": {"message": why}})
            await socket.close()
            return socket
        await socket.send_json({"type": "authorized"})
        pushing: asyncio.Task[None] | None = None
        try:
            async for message in socket:
                wanted = json.loads(message.data) if message.type is WSMsgType.TEXT else None
                if wanted == {"type": "subscribe", "data": "measurement"} and pushing is None:
                    pushing = asyncio.create_task(self._push_measurements(socket))
        finally:
            if pushing is not None:
                pushing.cancel()
                await asyncio.gather(pushing, return_exceptions=True)
        return socket

    async def _push_measurements(self, socket: web.WebSocketResponse) -> None:
        """The last one at once, then every new one."""
        while True:
            if self._fault is Fault.GARBAGE:
                await socket.send_str(self._garbage())
            elif self._fault is not Fault.SILENT:
                await socket.send_str(json.dumps({"type": "measurement", "data": self._answer()}))
            async with self._measured:
                await self._measured.wait()
