"""Shelly's three-phase energy meters of the second generation on (Pro 3EM, 3EM-63 Gen3 and relatives).

Asked once a second over a WebSocket; what the device tells by itself when a power changes is taken, too.
Shelly counts positive from the grid when the clamps are on as its manual shows.
"""

import asyncio
import hashlib
import json
import secrets
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, field_validator

from phasewise.devices.base import (
    Clock,
    DeviceBadData,
    DeviceError,
    DeviceRefused,
    DriverOptions,
    FileOfConfiguration,
)
from phasewise.devices.http_json import parse_http_url
from phasewise.devices.meters.network import (
    ANSWER_TIMEOUT_S,
    MOST_CURRENT_A,
    MOST_POWER_W,
    MOST_VOLTAGE_V,
    SILENT_S,
    NetworkMeter,
    Payload,
    Values,
    brief,
    magnitude,
    parse_object,
    quantity,
)
from phasewise.model import GridReading, PhaseReading

if TYPE_CHECKING:
    import aiohttp

POLL_S = 1.0
"""By itself it tells changes of 5 % and 10 W only, which is too coarse to hold 0 W."""
CLOSE_TIMEOUT_S = 1.0
MOST_BYTES = 65_536
"""A full status of the device has about 3 kB."""
AGE_S = 1.0
"""The device says nothing of it; as with other meters that measure once a second."""
CURRENT_QUANTUM_A = 0.001
ROUNDED = 0.5
"""Currents are rounded: a true one is at most half a step larger."""
CLIENT = "phasewise"
USER = "admin"
"""Shelly has no other."""
UNAUTHORIZED = 401
BROKEN = ("power_meter_failure", "out_of_range")
"""Errors with which the device takes its own values back; others concern the wiring or the load."""


class ShellyOptions(DriverOptions):
    """Settings of a Shelly three-phase energy meter."""

    url: str
    """http://HOST of the device."""
    password_file: FileOfConfiguration | None = Field(default=None, json_schema_extra={"x-asked": True})
    """If the device has a password: a file with it."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        return parse_http_url(url)


class ShellyMeter(NetworkMeter):
    """A `MeterDriver`."""

    options_model: ClassVar[type[DriverOptions]] = ShellyOptions

    def __init__(self, options: ShellyOptions, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        super().__init__(options.url, clock, silent_s=silent_s)
        self._options = options
        self._auth: Mapping[str, object] | None = None
        self._auth_from = 0
        """Number of the first request that carries it."""
        self._auth_worked = False
        self._asked = 0

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, ShellyOptions):
            raise TypeError(f"ShellyMeter needs ShellyOptions, not {type(options).__name__}")
        return cls(options, clock)

    async def _talk(self, session: "aiohttp.ClientSession") -> AsyncGenerator[Payload, None]:
        import aiohttp  # noqa: PLC0415 - a daemon without such a meter need not load it

        self._auth, self._auth_worked = None, False
        brisk = aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
        url = f"{self._options.url}/rpc"
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            socket = await session.ws_connect(url, timeout=brisk, max_msg_size=MOST_BYTES)
        async with socket:
            asking = asyncio.create_task(self._ask_for_ever(socket))
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        payload = Payload(message.data.encode(), self._clock.now_s())
                        if not await self._answered_error(socket, payload):
                            yield payload
            finally:
                asking.cancel()
                await asyncio.wait([asking])

    async def _ask_for_ever(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        # A connection that broke is noticed where answers are awaited.
        with suppress(OSError):
            while not socket.closed:
                await self._ask(socket)
                await self._clock.sleep(POLL_S)

    async def _ask(self, socket: "aiohttp.ClientWebSocketResponse") -> None:
        self._asked += 1
        call = {"id": self._asked, "src": CLIENT, "method": "EM.GetStatus", "params": {"id": 0}}
        request = call if self._auth is None else call | {"auth": self._auth}
        await socket.send_json(request)

    async def _answered_error(self, socket: "aiohttp.ClientWebSocketResponse", payload: Payload) -> bool:
        """Whether it was a demand for a password, which is met. Raises DeviceError, a whole sentence."""
        try:
            frame = parse_object(payload.content)
        except DeviceBadData:
            return False
        error = frame.get("error")
        if not isinstance(error, dict):
            self._auth_worked = self._auth_worked or (self._auth is not None and "result" in frame)
            return False
        if error.get("code") != UNAUTHORIZED:
            raise DeviceRefused(
                f"What is at {self._where} answered EM.GetStatus with {brief(error)}: is it a three-phase "
                "meter, in its three-phase profile?"
            )
        if self._options.password_file is None:
            raise DeviceRefused(
                f"The meter at {self._where} wants a password: name a file with it as password_file."
            )
        number = frame.get("id")
        if self._auth is not None and isinstance(number, int) and number < self._auth_from:
            return True  # asked before, answered late
        if self._auth is not None and not self._auth_worked:
            raise DeviceRefused(
                f"The meter at {self._where} refuses the password in {self._options.password_file}."
            )
        try:
            challenge = parse_object(str(error.get("message")).encode())
        except DeviceBadData as bad:
            raise DeviceBadData(f"The meter at {self._where} wants a password, but {bad}.") from bad
        self._auth = _answer(challenge, read_password(self._options.password_file))
        self._auth_from, self._auth_worked = self._asked + 1, False
        await self._ask(socket)
        return True

    def _understand(self, payload: Payload) -> GridReading | None:
        frame = parse_object(payload.content)
        status = frame.get("result")
        if status is None:
            told = frame.get("params")
            status = told.get("em:0") if isinstance(told, dict) else None
            if not isinstance(status, dict) or "total_act_power" not in status:
                return None
        if not isinstance(status, dict):
            raise DeviceBadData(f"it answered {brief(status)}")
        return to_reading(status, payload.received_s)


def to_reading(status: Values, received_s: float) -> GridReading:
    """From the status of an EM component. Raises DeviceBadData."""
    for key in ("errors", "a_errors", "b_errors", "c_errors"):
        errors = status.get(key)
        for error in errors if isinstance(errors, list) else ():
            if str(error).startswith(BROKEN):
                raise DeviceBadData(f"it reports {brief(error)}")
    total_w = quantity(status, "total_act_power", MOST_POWER_W)
    if total_w is None:
        raise DeviceBadData("there is no total power in them")
    l1, l2, l3 = (_phase(status, letter) for letter in "abc")
    has_currents = any(phase is not None and phase.current_a is not None for phase in (l1, l2, l3))
    return GridReading(
        received_s=received_s,
        total_power_w=total_w,
        phases=(l1, l2, l3),
        sample_age_s=AGE_S,
        content_id=zlib.crc32(json.dumps(status, sort_keys=True).encode()),
        current_quantum_a=CURRENT_QUANTUM_A if has_currents else None,
        current_allowance_a=ROUNDED * CURRENT_QUANTUM_A if has_currents else 0.0,
    )


def _phase(status: Values, letter: str) -> PhaseReading | None:
    power_w = quantity(status, f"{letter}_act_power", MOST_POWER_W)
    current_a = magnitude(quantity(status, f"{letter}_current", MOST_CURRENT_A))
    voltage_v = quantity(status, f"{letter}_voltage", MOST_VOLTAGE_V)
    if power_w is None and current_a is None and voltage_v is None:
        return None
    return PhaseReading(power_w, current_a, voltage_v)


def read_password(path: Path) -> str:
    """What is in a password's file. Raises DeviceError, a whole sentence."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DeviceError(f"Could not read the password from {path}: {reason}.") from error


def _answer(asked: Values, password: str) -> dict[str, object]:
    """The answer to a demand for a password: Shelly's form of HTTP's digest (RFC 7616) without HTTP."""
    realm, nonce, count = asked.get("realm"), asked.get("nonce"), asked.get("nc", 1)
    cnonce = secrets.randbelow(2**31)
    who = _digest(f"{USER}:{realm}:{password}")
    what = _digest("dummy_method:dummy_uri")
    return {
        "realm": realm,
        "username": USER,
        "nonce": nonce,
        "cnonce": cnonce,
        "response": _digest(f"{who}:{nonce}:{count}:{cnonce}:auth:{what}"),
        "algorithm": "SHA-256",
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
