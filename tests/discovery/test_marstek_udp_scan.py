"""Marstek's local API and Zendure's announcements in a scan, with simulated units on real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from phasewise.devices.batteries.marstek_udp import MarstekUdpOptions
from phasewise.devices.batteries.zendure import ZendureOptions
from phasewise.discovery import Finding, Kind, Scan, Suggestion, marstek_udp, mdns
from phasewise.setup.words import said
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.marstek_udp import MarstekUdpServer

HOME = IPv4Network("127.0.0.1/32")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "BROWSE_S", 0.1)
    monkeypatch.setattr(marstek_udp, "LISTEN_S", 0.4)


@asynccontextmanager
async def unit(device: str = "VenusE 3.0") -> AsyncIterator[MarstekUdpServer]:
    battery = SimBattery(BatterySpec(), now_s=time.monotonic())
    server = MarstekUdpServer(battery, now=time.monotonic)
    server.device = device
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def scanned(server: MarstekUdpServer, dev: Path, **more: object) -> list[Finding]:
    scan = Scan(HOME, [server.port], mdns_interfaces=("127.0.0.1",), dev=dev, udp_port=server.port, **more)
    await scan.run()
    assert scan.progress == 1.0
    return [finding for finding in scan.findings if finding.driver == "marstek-udp"]


async def test_a_unit_is_found_by_its_nameplate_and_modbus_is_advised(tmp_path: Path) -> None:
    async with unit() as server:
        (found,) = await scanned(server, tmp_path)
        options = {"url": f"udp://127.0.0.1:{server.port}", "model": "venus-e-v3"}
        assert found.kind is Kind.BATTERY
        assert found.suggestions == (Suggestion(Kind.BATTERY, "marstek-udp", options),)
        assert MarstekUdpOptions(**options)
        assert "It calls itself VenusE 3.0." in said(found.notes)
        assert "Use its Modbus instead" in said(found.notes)
        assert [method for _, method in server.requests] == ["Marstek.GetDevice"]  # asked once
        assert server.configs == []


@pytest.mark.parametrize(
    ("device", "models"),
    [
        ("VenusE", ["venus-e-v2"]),
        ("VenusA", ["venus-a"]),
        ("VenusD", ["venus-d"]),
        ("VNSEM-0", ["venus-e-v2", "venus-e-v3", "venus-a", "venus-d"]),
    ],
)
async def test_models(tmp_path: Path, device: str, models: list[str]) -> None:
    async with unit(device) as server:
        (found,) = await scanned(server, tmp_path)
    assert [suggestion.options["model"] for suggestion in found.suggestions] == models
    assert ("Choose the model" in said(found.notes)) is (len(models) > 1)


async def test_one_that_is_in_use_is_not_asked(tmp_path: Path) -> None:
    async with unit() as server:
        assert await scanned(server, tmp_path, spared=[("127.0.0.1", server.port)]) == []
        assert server.requests == []


async def test_it_is_not_asked_where_other_ports_are_looked_at(tmp_path: Path) -> None:
    async with unit() as server:
        scan = Scan(HOME, [9], mdns_interfaces=("127.0.0.1",), dev=tmp_path, udp_port=server.port)
        await scan.run()
        assert server.requests == []


@pytest.mark.parametrize(
    "result", [None, 5, {}, {"device": 5}, {"device": ""}, {"device": "x" * 99}, {"device": "\u0000"}]
)
async def test_what_answers_something_else_is_no_battery(result: object) -> None:
    class Odd(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            number = json.loads(data)["id"]
            for answer in (
                {"id": number, "result": result},
                {"id": number + 1, "result": {"device": "VenusE"}},
            ):
                self.transport.sendto(json.dumps(answer).encode(), addr)
            self.transport.sendto(b"\xff{", addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Odd, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    assert await marstek_udp.ask(["127.0.0.1"], port) == []
    transport.close()


@pytest.mark.parametrize(
    ("announced", "model"),
    [
        ("SolarFlow800", "solarflow-800"),
        ("SolarFlow 800 Pro", "solarflow-800"),
        ("SolarFlow2400AC", "solarflow-2400-ac"),
        ("solarFlow2400AC+", "solarflow-2400-ac"),
        ("SolarFlow2400Pro", "solarflow-2400-pro"),
        ("SolarFlow1600AC", "solarflow-1600-ac"),
    ],
)
def test_a_zendure_is_offered_with_its_model(announced: str, model: str) -> None:
    heard = mdns.Announcement("_zendure._tcp.local.", f"Zendure-{announced}-HOA1X", "192.168.1.40", {})
    found = mdns.SERVICES[heard.service](heard)
    assert found is not None
    options = {"url": "http://192.168.1.40", "model": model}
    assert found.suggestions == (Suggestion(Kind.BATTERY, "zendure", options),)
    assert ZendureOptions(**options)


@pytest.mark.parametrize(("announced", "kind"), [("SmartMeter3CT", Kind.METER), ("Hyper2000", Kind.BATTERY)])
def test_what_has_no_driver_is_not_offered(announced: str, kind: Kind) -> None:
    heard = mdns.Announcement("_zendure._tcp.local.", f"Zendure-{announced}-HOA1X", "192.168.1.40", {})
    found = mdns.SERVICES[heard.service](heard)
    assert found is not None
    assert (found.kind, found.driver, found.suggestions) == (kind, None, ())
