"""A Modbus device on a real TCP port, with every fault that such a device, or its bridge, may have.

Written from the Modbus specifications, independently of the client: framing and checksum are its own.
"""

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

READ_HOLDING, WRITE_SINGLE = 3, 6
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, DEVICE_BUSY = 1, 2, 6
MAX_WRITES = 10_000
"""Writes that are remembered: enough for a test, and no end to a demonstration that runs for weeks."""
SURPLUS = 4
"""How many bytes an answer of the wrong length lacks."""
_TOLERANCE = 0.9
"""A wait of exactly the right length may look this much shorter from here, when the machine is busy."""


class Fault(StrEnum):
    """What is wrong with the device."""

    NONE = "none"
    SILENT = "silent"
    """Connections are accepted and stand; nothing is answered."""
    DOWN = "down"
    """Connections are dropped and refused."""
    HANGS_UP = "hangs-up"
    """Every request makes it close the connection."""
    REFUSES = "refuses"
    """Every request gets an exception (device busy)."""
    WRONG_LENGTH = "wrong-length"
    """Every request gets an exception whose length field promises more than comes."""
    GARBLED = "garbled"
    """Every request gets an exception that lacks its code."""
    LATE = "late"
    """Before each answer comes one to an older request."""
    GARBAGE = "garbage"
    """Every register that is read is 0xFFFF."""
    IGNORES = "ignores"
    """Writes are confirmed and not carried out."""
    LOSES_CONTROL = "loses-control"
    """It lets go of control by itself, as after a restart."""
    INVERTED = "inverted"
    """It charges when told to discharge."""


class LineRules(Struct, frozen=True):
    """What the device asks of its client, in real seconds."""

    single_connection: bool
    frame_pause_s: float
    reopen_wait_s: float = 0.0
    settle_s: float = 0.0


class Write(Struct, frozen=True):
    """One register write that arrived."""

    time_s: float
    register: int
    value: int


class IllegalAddressError(Exception):
    """There is no such register."""


def rtu_checksum(data: bytes) -> bytes:
    """CRC-16/MODBUS, bit by bit, as it goes over the wire."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return struct.pack("<H", register)


class ModbusServer:
    """Serves holding registers; a device derives from it and gives them their meaning."""

    def __init__(
        self, *, now: Callable[[], float], rules: LineRules, rtu: bool, host: str, port: int
    ) -> None:
        self.host = host
        self.port = port
        """0 until `start` unless given; then the real one, which stays."""
        self.rules = rules
        self.latency_s = 0.0
        """How long each answer takes."""
        self.long_refusals = False
        """Exceptions have a length field that promises more than comes, as E v3 may send them."""
        self.writes: deque[Write] = deque(maxlen=MAX_WRITES)
        self.violations: list[str] = []
        """What a client did that the real device does not put up with."""
        self.requests = 0
        self.now = now
        self._rtu = rtu
        self._fault = Fault.NONE
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._closed_s = float("-inf")

    def read_register(self, address: int) -> int:
        """One 16-bit word. Raises IllegalAddressError."""
        raise IllegalAddressError(address)

    def write_register(self, address: int, value: int) -> None:
        """Carry a write out. Raises IllegalAddressError."""
        raise IllegalAddressError(address)

    @property
    def fault(self) -> Fault:
        """What is wrong now: a `Fault` or its text. Acts at once."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault is Fault.DOWN:
            self._hang_up()
        self.on_fault()

    def on_fault(self) -> None:
        """The fault was changed; a device does what is its own part."""

    @property
    def url(self) -> str:
        """For the `url` of a battery's configuration."""
        scheme = "modbus-rtu-tcp" if self._rtu else "modbus-tcp"
        return f"{scheme}://{self.host}:{self.port}?unit=1"

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Drop all clients and stop, when the last answer in the making is done. Idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._hang_up()
        await asyncio.gather(*self._conversations)

    def _hang_up(self) -> None:
        for writer in tuple(self._clients):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._turns_away():
            writer.transport.abort()
            return
        self._clients.add(writer)
        conversation = asyncio.create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        try:
            await conversation
        finally:
            self._conversations.discard(conversation)
            self._clients.discard(writer)
            self._closed_s = asyncio.get_running_loop().time()
            writer.transport.abort()

    def _turns_away(self) -> bool:
        if self._fault is Fault.DOWN:
            return True
        if self.rules.single_connection and self._clients:
            self.violations.append("a second connection")
            return True
        waited_s = asyncio.get_running_loop().time() - self._closed_s
        if waited_s < _TOLERANCE * self.rules.reopen_wait_s:
            self.violations.append(f"opened again after {waited_s:.3f} s")
            return True
        return False

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # the client left
            await self._answer_requests(reader, writer)

    async def _answer_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        earliest_s = loop.time() + _TOLERANCE * self.rules.settle_s
        while True:
            header, pdu = await self._request(reader)
            self.requests += 1
            early_s = earliest_s - loop.time()
            if early_s > 0:
                self.violations.append(f"a request {early_s:.3f} s too early")
            if self._fault is Fault.HANGS_UP:
                return
            if self._fault is not Fault.SILENT:
                await asyncio.sleep(self.latency_s)
            # Before it is sent: on a busy machine the client may have it long before this goes on.
            earliest_s = loop.time() + _TOLERANCE * self.rules.frame_pause_s
            if self._fault is not Fault.SILENT:
                writer.write(self._reply(header, pdu))
                await writer.drain()

    async def _request(self, reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
        """Header (transaction id and unit, or unit alone) and function with its data."""
        if self._rtu:
            # Functions 3 and 6 both have requests of 8 bytes.
            frame = await reader.readexactly(8)
            if frame[-2:] != rtu_checksum(frame[:-2]):
                raise ConnectionError("checksum")
            return frame[:1], frame[1:-2]
        header = await reader.readexactly(7)
        (length,) = struct.unpack(">H", header[4:6])
        return header[:2] + header[6:], await reader.readexactly(length - 1)

    def _reply(self, header: bytes, pdu: bytes) -> bytes:
        refusal = bytes((pdu[0] | 0x80,))
        if self._fault is Fault.REFUSES:
            return self._frame(header, refusal + bytes((DEVICE_BUSY,)))
        if self._fault is Fault.GARBLED:
            return self._frame(header, refusal)
        if self._fault is Fault.WRONG_LENGTH:
            return self._frame(header, refusal + bytes((ILLEGAL_ADDRESS,)), surplus=SURPLUS)
        answer = self._answer(pdu)
        surplus = SURPLUS if self.long_refusals and answer[0] & 0x80 else 0
        reply = self._frame(header, answer, surplus=surplus)
        if self._fault is Fault.LATE and not self._rtu:
            (transaction,) = struct.unpack(">H", header[:2])
            # The one before, never 0: some clients take that for any.
            older = struct.pack(">H", transaction - 1 or 0xFFFF) + header[2:]
            return self._frame(older, struct.pack(">BBH", READ_HOLDING, 2, 0x7F7F)) + reply
        return reply

    def _frame(self, header: bytes, pdu: bytes, *, surplus: int = 0) -> bytes:
        if self._rtu:
            # No length field here: what promises more than comes is an answer cut short.
            frame = header + pdu
            return (frame + rtu_checksum(frame))[: -2 if surplus else None]
        return header[:2] + struct.pack(">HH", 0, len(pdu) + 1 + surplus) + header[2:] + pdu

    def _answer(self, pdu: bytes) -> bytes:
        function, address, argument = pdu[0], *struct.unpack(">HH", pdu[1:5])
        try:
            if function == READ_HOLDING:
                words = [self._read(address + offset) for offset in range(argument)]
                return struct.pack(f">BB{argument}H", function, 2 * argument, *words)
            if function == WRITE_SINGLE:
                self._write(address, argument)
                return pdu
        except IllegalAddressError:
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        return bytes((function | 0x80, ILLEGAL_FUNCTION))

    def _read(self, address: int) -> int:
        word = self.read_register(address)
        return 0xFFFF if self._fault is Fault.GARBAGE else word

    def _write(self, address: int, value: int) -> None:
        self.read_register(address)  # one that is not there is not written to either
        self.writes.append(Write(self.now(), address, value))
        if self._fault is not Fault.IGNORES:
            self.write_register(address, value)
