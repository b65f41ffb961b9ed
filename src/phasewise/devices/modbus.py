"""Modbus to one device, over TCP, through a transparent RS485 bridge, or by a serial cable.

pymodbus speaks the protocol; what is added here is what a control loop needs of it: every wait is
bounded, a device that died is noticed, and whatever goes wrong is one of the three device errors.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import serialx
from msgspec import Struct
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import DecodePDU, ModbusPDU

from phasewise.devices.base import DeviceBadData, DeviceRefused, DeviceUnreachable
from phasewise.devices.turns import Turns, now_s, sleep_until

CONNECT_TIMEOUT_S = 2.0
"""A device on the local network answers within milliseconds, or is not there."""
CALL_TIMEOUT_S = 9.0
"""Whatever a driver does in one call, however many frames: the seam allows 10 s."""
PYMODBUS_TIMEOUT_S = 10.0
"""Never reached: the time-outs here come first. pymodbus's own keep a call to a dead device for 12 s."""
DEFAULT_TCP_PORT = 502
DEFAULT_BAUDRATE = 115200
MAX_UNIT = 247

_ALLOWED = (
    "modbus-tcp://HOST:502?unit=1, modbus-rtu-tcp://HOST:PORT?unit=1 for a transparent RS485 bridge, "
    "or modbus-rtu:///dev/ttyUSB0?baudrate=115200&unit=1 for a cable"
)
_MISSING = {1, 2, 3}
"""Exceptions that mean that there is no such thing to read or write, now or later."""
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "device busy",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}
"""Modbus Application Protocol V1.1b3, section 7."""

# pymodbus logs as errors what is raised here, once and with its cause, as a DeviceError.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class RegisterMissing(DeviceRefused):
    """The device says that it has no such register."""


class Transport(StrEnum):
    """How the frames travel; the scheme of the url."""

    TCP = "modbus-tcp"
    RTU_OVER_TCP = "modbus-rtu-tcp"
    SERIAL = "modbus-rtu"


class Endpoint(Struct, frozen=True):
    """Where a device is."""

    transport: Transport
    host: str = ""
    port: int = 0
    path: str = ""
    """Of the serial port."""
    baudrate: int = DEFAULT_BAUDRATE
    unit: int = 1

    def __str__(self) -> str:
        """As the user would write it."""
        place = self.path if self.transport is Transport.SERIAL else f"{self.host}:{self.port}"
        return f"{self.transport}://{place} (unit {self.unit})"


class LineTiming(Struct, frozen=True):
    """What a device asks of whoever talks to it, in real seconds."""

    frame_pause_s: float
    """Silence between an answer and the next request."""
    reply_timeout_s: float
    """An answer that takes longer does not count any more, and the connection is opened anew."""
    reopen_wait_s: float = 0.0
    """From closing a connection to opening the next."""
    settle_s: float = 0.0
    """From opening a connection to the first request."""


def parse_url(url: str) -> Endpoint:
    """What a `url` of the configuration means. Raises ValueError with what is allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; write {_ALLOWED}") from error
    if parts.scheme not in list(Transport):
        raise ValueError(f"{url!r}: write {_ALLOWED}")
    transport = Transport(parts.scheme)
    serial = transport is Transport.SERIAL
    numbers = _query(url, parts.query, {"unit", "baudrate"} if serial else {"unit"})
    unit = numbers.get("unit", 1)
    if not 1 <= unit <= MAX_UNIT:
        raise ValueError(f"{url!r}: unit is {unit}; allowed: 1 to {MAX_UNIT}")
    if serial:
        if parts.netloc or len(parts.path) < 2:
            raise ValueError(f"{url!r}: write three slashes and the whole path: {_ALLOWED}")
        return Endpoint(
            transport, path=parts.path, baudrate=numbers.get("baudrate", DEFAULT_BAUDRATE), unit=unit
        )
    if port is None and transport is Transport.TCP:
        port = DEFAULT_TCP_PORT
    if not parts.hostname or not port or parts.username or parts.path.strip("/"):
        raise ValueError(f"{url!r}: write {_ALLOWED}")
    return Endpoint(transport, host=parts.hostname, port=port, unit=unit)


def _query(url: str, query: str, allowed: set[str]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in allowed or not (text.isascii() and text.isdigit()) or int(text) == 0:
            raise ValueError(f"{url!r}: ?{key}={text} is not understood; write {_ALLOWED}")
        numbers[key] = int(text)
    return numbers


class _Garbled(ModbusPDU):
    """An answer that can't be decoded, such as an exception of the wrong length."""


class _Decoder(DecodePDU):
    """Hands a garbled answer on as one; pymodbus would raise inside the event loop's callback."""

    def decode(self, frame: bytes) -> ModbusPDU | None:
        return super().decode(frame) or _Garbled()


_Request: TypeAlias = Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]


class ModbusLink:
    """One connection to one device, opened when needed and opened anew after any doubt about it.

    Calls may overlap: their frames take turns, a write before a read that is not sent yet. Every method
    raises DeviceUnreachable, DeviceRefused or DeviceBadData, with a text that says what was tried and
    what came back. It may be cancelled at any point.
    """

    def __init__(self, endpoint: Endpoint, timing: LineTiming) -> None:
        self.endpoint = endpoint
        self.timing = timing
        self.opened = 0
        """How many connections were made so far; it changes when what was known is to be doubted."""
        self._client: AsyncModbusTcpClient | None = None
        self._waiting: asyncio.Timeout | None = None
        self._turns = Turns()
        self._open_from_s = float("-inf")
        self._send_from_s = float("-inf")

    async def open(self) -> None:
        """Connect, unless connected."""
        async with self._turns.take(urgent=True):
            await self._connected("connecting")

    async def read(self, address: int, count: int = 1) -> tuple[int, ...]:
        """Holding registers `address` and on, as 16-bit words (function 3)."""
        what = f"reading register {address}" + (f" to {address + count - 1}" if count > 1 else "")
        unit = self.endpoint.unit
        answer = await self._exchange(
            what, lambda client: client.read_holding_registers(address, count=count, device_id=unit)
        )
        if len(answer.registers) != count:
            self._drop()
            raise DeviceBadData(self._says(what, f"{len(answer.registers)} words came instead of {count}"))
        return tuple(answer.registers)

    async def write(self, address: int, value: int) -> None:
        """One holding register (function 6), and its echo checked."""
        what = f"writing {value} to register {address}"
        unit = self.endpoint.unit
        answer = await self._exchange(
            what, lambda client: client.write_register(address, value, device_id=unit), urgent=True
        )
        if answer.address != address or list(answer.registers) != [value]:
            self._drop()
            echo = f"{list(answer.registers)} at {answer.address}"
            raise DeviceBadData(self._says(what, f"it confirmed something else ({echo})"))

    async def close(self) -> None:
        """Give up the connection. Idempotent; a later call opens it again."""
        self._drop()

    @asynccontextmanager
    async def deadline(self, what: str) -> AsyncIterator[None]:
        """Bounds everything inside to CALL_TIMEOUT_S; DeviceUnreachable beyond it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                yield
        except TimeoutError as error:
            raise DeviceUnreachable(self._says(what, f"not done within {CALL_TIMEOUT_S:g} s")) from error

    def _says(self, what: str, came: str) -> str:
        return f"{self.endpoint}: {what}: {came}"

    async def _exchange(self, what: str, request: _Request, *, urgent: bool = False) -> ModbusPDU:
        """One request and its answer, in turn; after anything but an answer the connection is dropped."""
        while True:
            if not urgent:
                # Not while it is one's turn: a setpoint must not wait for a reading's pause.
                await sleep_until(self._send_from_s)
            async with self._turns.take(urgent=urgent):
                if urgent or now_s() >= self._send_from_s:
                    return await self._exchange_now(what, request)

    async def _exchange_now(self, what: str, request: _Request) -> ModbusPDU:
        client = await self._connected(what)
        await sleep_until(self._send_from_s)
        answer: ModbusPDU | None = None
        try:
            async with asyncio.timeout(self.timing.reply_timeout_s) as self._waiting:
                answer = await request(client)
        except (TimeoutError, ConnectionException) as error:
            raise self._no_answer(what, client) from error
        except (ModbusException, OSError, serialx.SerialException) as error:
            raise DeviceUnreachable(self._says(what, f"the connection broke ({error})")) from error
        finally:
            self._waiting = None
            self._send_from_s = now_s() + self.timing.frame_pause_s
            if answer is None:
                # Also when cancelled: the answer may still come, and would be taken for the next one's.
                self._drop()
        return self._checked(what, answer)

    def _no_answer(self, what: str, client: AsyncModbusTcpClient) -> DeviceUnreachable | DeviceBadData:
        if not client.connected:
            came = "it closed the connection (some devices allow one only: does something else hold it?)"
            return DeviceUnreachable(self._says(what, came))
        if client.ctx.recv_buffer:
            return DeviceBadData(self._says(what, "an answer of the wrong length; next: a new connection"))
        came = f"no answer within {self.timing.reply_timeout_s:g} s; next: a new connection"
        return DeviceUnreachable(self._says(what, came))

    def _checked(self, what: str, answer: ModbusPDU) -> ModbusPDU:
        if isinstance(answer, _Garbled):
            self._drop()
            raise DeviceBadData(self._says(what, "its answer can't be decoded; next: a new connection"))
        if answer.isError():
            code = answer.exception_code
            refusal = RegisterMissing if code in _MISSING else DeviceRefused
            raise refusal(self._says(what, f"refused: {_EXCEPTIONS.get(code, 'exception')} ({code})"))
        return answer

    async def _connected(self, what: str) -> AsyncModbusTcpClient:
        client = self._client
        if client is not None and client.connected:
            return client
        self._drop()
        await sleep_until(self._open_from_s)
        self._client = client = self._new_client()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # Not client.connect(): it swallows the reason, which the user needs.
                await client.ctx.call_create()
            await asyncio.sleep(self.timing.settle_s)
        except TimeoutError as error:
            self._drop()
            came = f"no connection within {CONNECT_TIMEOUT_S:g} s"
            raise DeviceUnreachable(self._says(what, came)) from error
        except (OSError, serialx.SerialException) as error:
            self._drop()
            reason = getattr(error, "strerror", None) or error
            raise DeviceUnreachable(self._says(what, f"no connection: {reason}")) from error
        except asyncio.CancelledError:
            self._drop()
            raise
        self.opened += 1
        return client

    def _new_client(self) -> AsyncModbusTcpClient:
        endpoint = self.endpoint
        client = AsyncModbusTcpClient(
            endpoint.host,
            port=endpoint.port,
            framer=FramerType.SOCKET if endpoint.transport is Transport.TCP else FramerType.RTU,
            reconnect_delay=0,
            timeout=PYMODBUS_TIMEOUT_S,
            retries=0,
            trace_connect=self._on_connection,
        )
        client.ctx.framer.decoder = _Decoder(is_server=False)
        if endpoint.transport is Transport.SERIAL:
            # pymodbus would need pyserial; its protocol runs on any asyncio transport.
            client.ctx.call_create = partial(
                serialx.create_serial_connection,
                asyncio.get_running_loop(),
                client.ctx.handle_new_connection,  # type: ignore[arg-type] # is a Protocol in all but name
                endpoint.path,
                endpoint.baudrate,
            )
        return client

    def _on_connection(self, made: bool) -> None:
        """Called by pymodbus: once a connection is lost, waiting for an answer is of no use."""
        if not made and self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(now_s())

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
            self._open_from_s = now_s() + self.timing.reopen_wait_s
