"""The way to a P1 port: TCP, or a serial cable."""

import asyncio
import os
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import serialx
from msgspec import Struct

CONNECT_TIMEOUT_S = 5.0
"""A device on the local network answers within milliseconds, or not at all."""
CLOSE_TIMEOUT_S = 1.0
"""Nothing is ever sent, so nothing is left to be sent at the end."""
DEFAULT_TCP_PORT = 23
"""Of most P1 network converters."""

_ALLOWED = "tcp://HOST:PORT (such as tcp://192.168.1.20:23) or serial:///dev/ttyUSB0"


class SerialMode(Struct, frozen=True):
    """Line settings of a serial port; one stop bit."""

    baudrate: int
    byte_size: int
    parity: serialx.Parity

    def __str__(self) -> str:
        return f"{self.baudrate} {self.byte_size}{self.parity.name[0]}1"


SERIAL_MODES = (
    SerialMode(115200, 8, serialx.Parity.NONE),
    SerialMode(9600, 7, serialx.Parity.EVEN),
)
"""DSMR 4 and later, ESMR 5 and e-MUCS; DSMR 2 and 3."""


class TcpEndpoint(Struct, frozen=True):
    """A P1 network converter."""

    host: str
    port: int


class SerialEndpoint(Struct, frozen=True):
    """A P1 cable, and the line settings it may have."""

    path: str
    modes: tuple[SerialMode, ...] = SERIAL_MODES


Endpoint = TcpEndpoint | SerialEndpoint


class LinkError(Exception):
    """The connection could not be made, or broke. The text says what came back."""


def parse_url(url: str) -> Endpoint:
    """What a `url` of the configuration means. Raises ValueError with what is allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; write {_ALLOWED}") from error
    if parts.scheme == "tcp":
        extra = parts.username or parts.path.strip("/") or parts.query or parts.fragment
        if not parts.hostname or extra or port == 0:
            raise ValueError(
                f"{url!r}: write tcp://HOST:PORT and nothing more, such as tcp://192.168.1.20:23"
            )
        return TcpEndpoint(parts.hostname, DEFAULT_TCP_PORT if port is None else port)
    if parts.scheme == "serial":
        if parts.netloc or len(parts.path) < 2:
            raise ValueError(
                f"{url!r}: write three slashes and the whole path, such as serial:///dev/ttyUSB0"
            )
        return SerialEndpoint(parts.path, _modes(parts.query))
    raise ValueError(f"{url!r}: write {_ALLOWED}")


def _modes(query: str) -> tuple[SerialMode, ...]:
    if not query:
        return SERIAL_MODES
    options = parse_qsl(query, keep_blank_values=True)
    modes = tuple(mode for mode in SERIAL_MODES if options == [("baudrate", str(mode.baudrate))])
    if not modes:
        raise ValueError(
            f"?{query}: only ?baudrate=115200 (8N1) or ?baudrate=9600 (7E1) is allowed; "
            "without it both are tried"
        )
    return modes


class Link:
    """An open connection, for reading only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """The next bytes. Raises LinkError at the end of the connection."""
        try:
            data = await self._reader.read(65536)
        except (OSError, serialx.SerialException) as error:
            raise LinkError(_reason(error)) from error
        if not data:
            raise LinkError("the other side closed the connection")
        return data

    async def close(self) -> None:
        """Close it; a pending `read` ends. Idempotent, does not raise."""
        self._writer.close()
        with suppress(OSError, serialx.SerialException):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()


async def open_link(endpoint: Endpoint, mode: SerialMode | None) -> Link:
    """Connect; `mode` is for a serial endpoint. Raises LinkError."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            if isinstance(endpoint, TcpEndpoint):
                reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            else:
                mode = mode or endpoint.modes[0]
                reader, writer = await serialx.open_serial_connection(
                    endpoint.path, mode.baudrate, parity=mode.parity, byte_size=mode.byte_size
                )
    except TimeoutError as error:
        raise LinkError(f"no answer within {CONNECT_TIMEOUT_S:g} s") from error
    except (OSError, ValueError, serialx.SerialException) as error:
        # ValueError: a host name or a path of a form that the system does not take.
        raise LinkError(_reason(error)) from error
    return Link(reader, writer)


def _reason(error: Exception) -> str:
    # The library's own text for a refused connection is "Connect call failed"; the system's is clearer.
    # The numbers of failed name look-ups are negative, and no numbers of the system.
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
