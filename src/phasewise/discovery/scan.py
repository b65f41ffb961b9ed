"""One scan: announcements, open ports, and what answers on them. Started by the user, never by itself."""

import asyncio
import contextlib
from collections.abc import Collection
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from urllib.parse import urlsplit

from phasewise.discovery import marstek, marstek_udp, mdns, p1, serial_ports
from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion
from phasewise.discovery.network import open_ports


class Protocol(StrEnum):
    """What may be spoken on a port, in the order in which it is tried."""

    P1 = "p1"
    MODBUS_TCP = "modbus-tcp"
    RTU_OVER_TCP = "modbus-rtu-tcp"


USUAL_PORTS: dict[int, tuple[Protocol, ...]] = {
    # Converters that only listen to the meter.
    23: (Protocol.P1,),
    2001: (Protocol.P1,),
    8088: (Protocol.P1,),
    # Batteries on Ethernet, and gateways that translate.
    502: (Protocol.MODBUS_TCP,),
    # As RS485 bridges leave the factory (Elfin EW11, Waveshare); either kind of device may be behind them.
    8899: tuple(Protocol),
    4196: tuple(Protocol),
}
"""Where the devices are that our drivers speak with, unless somebody changed it."""
MAX_LOOKS = 64
"""More than a home has on these ports: a firewall that takes every connection must not cost half an hour."""
LOOKS_AT_ONCE = 16
"""Each is one connection to one device."""
FIRST_WORD_S = 0.3
"""Modbus never speaks first: what does so within this time is not asked."""
BRIDGE_QUIET_S = 1.5
"""Behind a bridge a meter that sends every second is heard within this time; then Modbus is tried."""


class Scan:
    """What is found, and how far it is; both grow while `run` runs."""

    def __init__(
        self,
        network: IPv4Network,
        ports: Collection[int] | None = None,
        *,
        spared: Collection[tuple[str, int]] = (),
        spared_serial: Collection[Path] = (),
        mdns_interfaces: mdns.Interfaces = mdns.EVERYWHERE,
        dev: Path = serial_ports.DEV,
        udp_port: int = marstek_udp.PORT,
    ) -> None:
        """`ports`: instead of the usual ones; every protocol is tried on them.

        `spared`: where devices in use are; never touched. `udp_port`: of Marstek's local API.
        """
        self.network = network
        self.protocols = USUAL_PORTS if ports is None else dict.fromkeys(ports, tuple(Protocol))
        self.findings: list[Finding] = []
        self.problems: list[Note] = []
        self.note = Note(NoteCode.LOOKING, {"network": str(network)})
        self._spared = frozenset(spared)
        self._spared_serial = frozenset(path.resolve() for path in spared_serial)
        self._mdns_interfaces = mdns_interfaces
        self._dev = dev
        self._udp_port = udp_port if ports is None or udp_port in ports else None
        self._tried = 0
        self._targets = [
            (str(address), port)
            for address in network.hosts()
            for port in self.protocols
            if (str(address), port) not in self._spared
        ]
        self._looked = 0
        self._open_count: int | None = None
        """None before every door was knocked at."""

    @property
    def progress(self) -> float:
        """0 to 1; it only grows. The knocking counts for half, the looking for the other."""
        knocked = self._tried / len(self._targets) if self._targets else 1.0
        if self._open_count is None:
            return 0.5 * knocked
        return 0.5 + 0.5 * (self._looked / self._open_count if self._open_count else 1.0)

    async def run(self) -> None:
        """Look everywhere. What can't be done is in `problems`; raises for nothing that a device does."""
        self._list_serial_ports()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_announcements())
            group.create_task(self._ask_by_udp())
            group.create_task(self._knock_and_look())
        self.note = self._summary()

    async def _knock_and_look(self) -> None:
        every = await open_ports(self._targets, self._count_tried)
        opened = every[:MAX_LOOKS]
        if len(every) > MAX_LOOKS:
            self.problems.append(Note(NoteCode.TOO_MANY, {"count": len(every), "looked": MAX_LOOKS}))
        self._open_count = len(opened)
        self.note = Note(NoteCode.ASKING, {"count": len(opened)})
        turns = asyncio.Semaphore(LOOKS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for address, port in opened:
                group.create_task(self._look(address, port, turns))

    def _count_tried(self) -> None:
        self._tried += 1

    def _list_serial_ports(self) -> None:
        for path in serial_ports.serial_ports(self._dev):
            if path.resolve() not in self._spared_serial:
                self.findings.append(serial_ports.finding(path))

    async def _hear_announcements(self) -> None:
        try:
            found = await mdns.browse(interfaces=self._mdns_interfaces)
        except mdns.MdnsError as error:
            self.problems.append(Note(NoteCode.NO_MDNS, {"why": str(error)}))
            return
        self.findings += [finding for finding in found if not self._is_in_use(finding)]

    async def _ask_by_udp(self) -> None:
        """One by one, not by broadcast, which would reach those in use too."""
        in_use = {address for address, _ in self._spared}
        addresses = [str(host) for host in self.network.hosts() if str(host) not in in_use]
        if self._udp_port is not None and addresses:
            # Where there is no network to send to, knocking finds nothing either.
            with contextlib.suppress(OSError):
                self.findings += await marstek_udp.ask(addresses, self._udp_port)

    def _is_in_use(self, finding: Finding) -> bool:
        """Whichever of its two web servers is used, it is the same device."""
        host = urlsplit(finding.url or "").hostname
        return host is not None and not self._spared.isdisjoint({(host, 80), (host, 443)})

    async def _look(self, address: str, port: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            found = await _identified(address, port, self.protocols[port])
        if found is not None:
            self.findings.append(found)
        self._looked += 1

    def _summary(self) -> Note:
        kinds = [finding.kind for finding in self.findings]
        meters, batteries = kinds.count(Kind.METER), kinds.count(Kind.BATTERY)
        return Note(NoteCode.FOUND, {"meters": meters, "batteries": batteries, "network": str(self.network)})


async def _identified(address: str, port: int, protocols: Collection[Protocol]) -> Finding | None:
    """What is behind an open port; None where nothing says that it concerns us."""
    await asyncio.sleep(marstek.REOPEN_S)
    heard = await p1.listen(address, port, _quiet_s(protocols))
    if Protocol.P1 in protocols and (found := p1.finding(address, port, heard)) is not None:
        return found
    if heard.bytes_count:
        return _noise(address, port) if Protocol.P1 in protocols else None
    await asyncio.sleep(marstek.REOPEN_S)
    for protocol in protocols:
        if protocol is Protocol.P1:
            continue
        found = await marstek.look(f"{protocol}://{address}:{port}?unit=1", f"{address}:{port}")
        if found is not None:
            return found
    return _silence(address, port, protocols)


def _quiet_s(protocols: Collection[Protocol]) -> float:
    if Protocol.P1 not in protocols:
        return FIRST_WORD_S
    return BRIDGE_QUIET_S if len(protocols) > 1 else p1.SLOWEST_S


def _noise(address: str, port: int) -> Finding:
    return Finding(Kind.OTHER, f"{address}:{port}", (Note(NoteCode.NOISE),))


def _silence(address: str, port: int, protocols: Collection[Protocol]) -> Finding:
    note = Note(NoteCode.SILENT, {"protocols": ", ".join(protocols)})
    url = f"tcp://{address}:{port}"
    listening = (Suggestion(Kind.METER, "dsmr", {"url": url}),) if Protocol.P1 in protocols else ()
    return Finding(Kind.OTHER, f"{address}:{port}", (note,), suggestions=listening)
