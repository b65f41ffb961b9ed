"""Simulated devices, and servers that are none, on real sockets of this machine."""

import asyncio
import itertools
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from zeroconf import IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.modbus import IllegalAddressError
from phasewise.sim.servers.p1 import P1Server

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SAMPLE = MeterSample(
    time_s=0.0,
    power_w=(700.0, -300.0, 112.0),
    current_a=(3.0, 1.3, 0.5),
    voltage_v=(231.0, 229.0, 230.0),
    energy_import_wh=1_234_000.0,
    energy_export_wh=567_000.0,
)


class NamedMarstek(MarstekServer):
    """With the nameplate that the plain one lacks."""

    NAME, FIRMWARE = "VNSE3-0", 147

    @property
    def registers(self) -> dict[int, int]:
        padded = self.NAME.ljust(20, "\0").encode()
        name = {31000 + n: int.from_bytes(padded[2 * n : 2 * n + 2], "big") for n in range(10)}
        return super().registers | name | {30200: self.FIRMWARE}


class ZeroModbus(MarstekServer):
    """Answers 0 to everything, as some gateways do."""

    def read_register(self, address: int) -> int:
        return 0


class RandomModbus(MarstekServer):
    """Answers anything, or refuses."""

    _random = random.Random(4)

    def read_register(self, address: int) -> int:
        if self._random.random() < 0.2:
            raise IllegalAddressError(address)
        return self._random.choice((0, 1, 2, 65535, self._random.randrange(65536)))


def marstek(kind: type[MarstekServer], model: str, soc_pct: float = 55.0, **more: bool) -> MarstekServer:
    battery = SimBattery(BatterySpec(), soc_pct=soc_pct, now_s=time.monotonic())
    return kind(battery, model=model, now=time.monotonic, **more)


def meter(**more: object) -> P1Server:
    return P1Server(lambda: SAMPLE, **more)


@dataclass
class Rude:
    """A server that is no device; `handler` does what it likes."""

    handler: Handler
    port: int = 0
    connections: int = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            await self.handler(reader, writer)
        writer.transport.abort()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"\x00\x01/ABC!0000\r\n" * 400)
        await writer.drain()


async def floods_when_asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await floods(reader, writer)


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in itertools.cycle(b"/SIM5\r\n1-0:1.7.0(nan"):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def talks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


def answers(payload: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1024):
            writer.write(payload)
            await writer.drain()

    return handler


@asynccontextmanager
async def running(*servers: MarstekServer | P1Server | Rude) -> AsyncIterator[None]:
    for server in servers:
        await server.start()
    try:
        yield
    finally:
        for server in servers:
            await server.stop()


ANNOUNCED: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "_hwenergy._tcp",
        "p1meter-0A1B2C",
        {"product_type": "HWE-P1", "product_name": "P1 Meter", "api_enabled": "1"},
    ),
    ("_homewizard._tcp", "p1meter-0A1B2C", {"product_type": "HWE-P1", "product_name": "P1 Meter"}),
    ("_homewizard._tcp", "battery-0A1B2D", {"product_type": "HWE-BAT", "product_name": "Plug-In Battery"}),
    ("_hwenergy._tcp", "energysocket-0A1B2E", {"product_type": "HWE-SKT", "product_name": "Energy Socket"}),
    ("_hwenergy._tcp", "nameless", {}),
    ("_shelly._tcp", "shellypro3em-0a1b2c3d4e5f", {"app": "Pro3EM", "gen": "2"}),
    ("_shelly._tcp", "shellyplugsg3-0a1b2c3d4e60", {"app": "PlugSG3", "gen": "3"}),
    ("_http._tcp", "shellyem3-0A1B2C3D4E61", {"id": "shellyem3-0A1B2C3D4E61"}),
    ("_http._tcp", "Printer in the hall", {"path": "/"}),
    ("_zendure._tcp", "Zendure-SolarFlow800-WOB1NHMAMXXXXX3", {}),
    ("_zendure._tcp", "Zendure-Hyper2000-WOB1NHMAMXXXXX4", {}),
    ("_home-assistant._tcp", "Home", {"location_name": "Our house", "version": "2025.4.4"}),
)
"""Service, name, properties."""


@asynccontextmanager
async def announcing() -> AsyncIterator[None]:
    """Real multicast DNS, on the loopback only."""
    mdns = AsyncZeroconf(["127.0.0.1"], ip_version=IPVersion.V4Only)
    infos = [
        ServiceInfo(
            f"{service}.local.",
            f"{name}.{service}.local.",
            addresses=[socket.inet_aton("127.0.0.1")],
            port=80,
            properties=properties,
            server=f"device-{n}.local.",
        )
        for n, (service, name, properties) in enumerate(ANNOUNCED)
    ]
    try:
        await asyncio.gather(*(mdns.async_register_service(info) for info in infos))
        yield
    finally:
        await mdns.async_close()


async def multicast_noise() -> None:
    """Datagrams that are no DNS, and some that begin like it."""
    noise = random.Random(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        while True:
            head = noise.choice((b"", b"\0\0\x84\0\0\0\0\x05\0\0\0\0", b"\0\0\0\0\0\x01\0\0\0\0\0\0"))
            sender.sendto(head + noise.randbytes(noise.randrange(200)), ("224.0.0.251", 5353))
            await asyncio.sleep(0.05)
