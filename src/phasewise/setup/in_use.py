"""The devices that the running Phasewise talks to: set-up leaves them alone."""

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from phasewise.discovery import Finding, Kind, Note, NoteCode

DEFAULT_PORTS = {"tcp": 23, "modbus-tcp": 502, "http": 80, "https": 443, "udp": 30000}
"""What a url without a port means to its driver."""


class InUse(Struct, frozen=True):
    """One device of the configuration in force."""

    kind: Kind
    name: str
    driver: str
    url: str | None
    """None for a driver that has none."""


class Places(Struct, frozen=True):
    """Where these devices are."""

    sockets: frozenset[tuple[str, int]] = frozenset()
    """IPv4 address and port."""
    serial: frozenset[Path] = frozenset()
    """Links followed."""

    def shares_with(self, other: "Places") -> bool:
        """Whether any place is in both."""
        return bool(self.sockets & other.sockets or self.serial & other.serial)


async def places(urls: Iterable[str | None]) -> Places:
    """Where these urls lead; what is no url, or a name that can't be looked up, leads nowhere."""
    sockets: set[tuple[str, int]] = set()
    serial: set[Path] = set()
    for url in urls:
        try:
            parts = urlsplit(url or "")
            port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:  # a driver may take any text, and say itself what is wrong with it
            continue
        if parts.hostname:
            sockets |= {(address, port) for address in await _addresses(parts.hostname)}
        elif parts.path:
            serial.add(_device(parts.path))
    return Places(frozenset(sockets), frozenset(serial))


def _device(path: str) -> Path:
    return Path(path).resolve()


async def _addresses(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_, address in found]


def finding(device: InUse) -> Finding:
    """So that a scan shows what is there already."""
    notes = (Note(NoteCode.IN_USE),)
    return Finding(device.kind, device.name, notes, device.driver, device.url, configured=True)
