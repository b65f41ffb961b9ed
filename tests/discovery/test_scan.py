"""A scan of this machine with a meter, every battery, and everything that only looks like one."""

import asyncio
import os
import random
import time
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from scan_world import (
    NamedMarstek,
    RandomModbus,
    Rude,
    ZeroModbus,
    announcing,
    answers,
    floods,
    floods_when_asked,
    hangs_up,
    marstek,
    meter,
    multicast_noise,
    running,
    silent,
    talks_http,
    trickles,
)

from phasewise.devices.batteries.marstek import MarstekOptions
from phasewise.devices.meters.dsmr import DsmrOptions
from phasewise.devices.modbus import LineTiming
from phasewise.discovery import USUAL_PORTS, Finding, Kind, NoteCode, Scan, Suggestion, mdns, p1
from phasewise.discovery import marstek as marstek_probe
from phasewise.setup.words import said
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server

HOME = IPv4Network("127.0.0.0/30")
LOCAL = ("127.0.0.1",)


@dataclass
class Scanned:
    """A scan, and what it met."""

    scan: Scan
    took_s: float
    progress: list[float]
    longest_pause_s: float
    """Of the event loop: control runs in it."""
    servers: dict[str, MarstekServer | P1Server | Rude]

    def at(self, name: str) -> Finding | None:
        port = self.servers[name].port
        found = [f for f in self.scan.findings if str(port) in f"{f.url} {f.name}"]
        assert len(found) <= 1
        return found[0] if found else None


async def _run(scan: Scan) -> tuple[list[float], float]:
    """Progress at twenty a second, and the longest time that the loop was busy with something else."""
    task = asyncio.create_task(scan.run())
    progress, longest_s = [scan.progress], 0.0
    while not task.done():
        before_s = time.monotonic()
        await asyncio.sleep(0.05)
        longest_s = max(longest_s, time.monotonic() - before_s - 0.05)
        progress.append(scan.progress)
    await task
    return progress, longest_s


async def _scanned(dev: Path) -> Scanned:
    servers = {
        "meter": meter(),
        "v2": marstek(MarstekServer, "venus-e-v2", rtu=True),
        "v2-gateway": marstek(MarstekServer, "venus-e-v2"),
        "v3": marstek(MarstekServer, "venus-e-v3", soc_pct=41.0),
        "v3-newer": marstek(NamedMarstek, "venus-e-v3", newer_firmware=True),
        "a": marstek(MarstekServer, "venus-a"),
        "d": marstek(MarstekServer, "venus-d"),
        "zeros": marstek(ZeroModbus, "venus-e-v3"),
        "random": marstek(RandomModbus, "venus-e-v3"),
        "in-use": marstek(MarstekServer, "venus-e-v3"),
        "silent": Rude(silent),
        "hangs-up": Rude(hangs_up),
        "floods": Rude(floods),
        "trickles": Rude(trickles),
        "http": Rude(talks_http),
        "noise": Rude(answers(random.Random(1).randbytes(300))),
        "floods-when-asked": Rude(floods_when_asked),
    }
    async with running(*servers.values()), announcing():
        ports = [server.port for server in servers.values()]
        spared = [("127.0.0.1", servers["in-use"].port)]
        scan = Scan(HOME, ports, spared=spared, mdns_interfaces=LOCAL, dev=dev)
        noise = asyncio.create_task(multicast_noise())
        began_s = time.monotonic()
        progress, longest_s = await _run(scan)
        noise.cancel()
        return Scanned(scan, time.monotonic() - began_s, progress, longest_s, servers)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    dev = tmp_path_factory.mktemp("dev")
    (dev / "serial" / "by-id").mkdir(parents=True)
    for port in ("ttyUSB0", "ttyUSB1"):
        os.mkfifo(dev / port)  # whoever opened one to read would wait for ever
    (dev / "serial" / "by-id" / "usb-FTDI_P1_cable-if00").symlink_to(dev / "ttyUSB0")
    (dev / "serial" / "by-id" / "what is this?").symlink_to(dev / "ttyUSB1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mdns, "BROWSE_S", 1.5)
        patch.setattr(p1, "SLOWEST_S", 2.0)
        patch.setattr(marstek_probe, "TIMING", LineTiming(0.15, 1.0, reopen_wait_s=1.0, settle_s=0.2))
        return asyncio.run(_scanned(dev))


def test_the_meter_is_found_by_its_telegrams(scanned: Scanned) -> None:
    found = scanned.at("meter")
    assert found is not None
    assert (found.kind, found.driver) == (Kind.METER, "dsmr")
    assert found.url == f"tcp://127.0.0.1:{scanned.servers['meter'].port}"
    assert [s.options for s in found.suggestions] == [{"url": found.url}]
    assert "512 W" in said(found.notes)
    assert "L1, L2, L3" in said(found.notes)


@pytest.mark.parametrize(
    ("name", "scheme", "models"),
    [
        ("v2", "modbus-rtu-tcp", ["venus-e-v2"]),
        ("v2-gateway", "modbus-tcp", ["venus-e-v2"]),
        ("v3", "modbus-tcp", ["venus-e-v3"]),
        ("v3-newer", "modbus-tcp", ["venus-e-v3"]),
        ("a", "modbus-tcp", ["venus-a", "venus-d"]),
        ("d", "modbus-tcp", ["venus-d"]),
    ],
)
def test_batteries_are_found_by_their_registers(
    scanned: Scanned, name: str, scheme: str, models: list[str]
) -> None:
    found = scanned.at(name)
    assert found is not None
    assert (found.kind, found.driver) == (Kind.BATTERY, "marstek")
    assert found.url == f"{scheme}://127.0.0.1:{scanned.servers[name].port}?unit=1"
    assert [s.options for s in found.suggestions] == [{"url": found.url, "model": m} for m in models]
    assert ("VNSE3-0" in said(found.notes)) is (name == "v3-newer")
    assert ("Choose the model" in said(found.notes)) is (len(models) > 1)


def test_what_a_battery_says_is_shown(scanned: Scanned) -> None:
    found = scanned.at("v3")
    assert found is not None
    assert "41 % charged" in said(found.notes)


@pytest.mark.parametrize(
    "name",
    ["zeros", "random", "silent", "hangs-up", "floods", "trickles", "http", "noise", "floods-when-asked"],
)
def test_what_is_neither_is_not_called_so(scanned: Scanned, name: str) -> None:
    found = scanned.at(name)
    assert found is None or (found.kind, found.driver) == (Kind.OTHER, None)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("HomeWizard Plug-In Battery, 127.0.0.1", Kind.BATTERY, "another release"),
        ("HomeWizard Energy Socket, 127.0.0.1", Kind.OTHER, "HWE-SKT"),
        ("HomeWizard nameless, 127.0.0.1", Kind.OTHER, "nameless"),
        ("Shelly 3EM, 127.0.0.1", Kind.METER, "another release"),
        ("Zendure Hyper2000, 127.0.0.1", Kind.BATTERY, "another release"),
        ("Home Assistant (Our house), 127.0.0.1", Kind.OTHER, "two controllers fight"),
    ],
)
def test_what_announces_itself_is_found_once_and_not_offered(
    scanned: Scanned, name: str, kind: Kind, says: str
) -> None:
    (found,) = [finding for finding in scanned.scan.findings if finding.name == name]
    assert (found.kind, found.driver, found.url, found.suggestions) == (kind, None, None, ())
    assert says in said(found.notes)


@pytest.mark.parametrize(
    ("name", "driver"),
    [("HomeWizard P1 Meter, 127.0.0.1", "homewizard"), ("Shelly Pro3EM, 127.0.0.1", "shelly")],
)
def test_what_announces_itself_is_offered_where_there_is_a_driver(
    scanned: Scanned, name: str, driver: str
) -> None:
    (found,) = [finding for finding in scanned.scan.findings if finding.name == name]
    url = "http://127.0.0.1"
    assert (found.kind, found.driver, found.url) == (Kind.METER, driver, url)
    assert found.suggestions == (Suggestion(Kind.METER, driver, {"url": url}),)
    assert "another release" not in said(found.notes)


@pytest.mark.parametrize(("port", "spares"), [(443, True), (81, False)])
async def test_what_is_in_use_is_not_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int, spares: bool
) -> None:
    monkeypatch.setattr(mdns, "BROWSE_S", 1.5)
    async with announcing():
        spared = {("127.0.0.1", port)}
        scan = Scan(IPv4Network("127.0.0.1/32"), [9], spared=spared, mdns_interfaces=LOCAL, dev=tmp_path)
        await scan.run()
    assert spares is not any(finding.driver == "shelly" for finding in scan.findings)


def test_switches_and_printers_are_left_out(scanned: Scanned) -> None:
    assert not [f for f in scanned.scan.findings if "plug" in f.name.lower() and "Shelly" in f.name]
    assert not [f for f in scanned.scan.findings if "Printer" in said(f.notes) + f.name]


def test_serial_ports_are_listed_by_their_lasting_name_and_not_opened(scanned: Scanned) -> None:
    found = {f.name: f for f in scanned.scan.findings if [n.code for n in f.notes] == [NoteCode.SERIAL]}
    assert set(found) == {"usb-FTDI_P1_cable-if00", "ttyUSB1"}
    port = found["usb-FTDI_P1_cable-if00"]
    assert (port.kind, port.driver) == (Kind.OTHER, None)
    meter_url, battery_url = (s.options["url"] for s in port.suggestions)
    assert meter_url.startswith("serial:///")
    assert battery_url.endswith("?baudrate=115200&unit=1")
    assert DsmrOptions(url=meter_url)
    assert MarstekOptions(url=battery_url, model=port.suggestions[1].options["model"])


def test_a_silent_port_may_be_held_by_another_program(scanned: Scanned) -> None:
    found = scanned.at("silent")
    assert found is not None
    assert "one program at a time" in said(found.notes)


def test_nothing_is_written_and_every_device_gets_the_rest_it_needs(scanned: Scanned) -> None:
    batteries = [server for server in scanned.servers.values() if isinstance(server, MarstekServer)]
    assert sum(server.requests for server in batteries) > 30
    for server in batteries:
        assert not server.writes
        assert server.violations == []


def test_what_is_in_use_is_not_touched(scanned: Scanned) -> None:
    server = scanned.servers["in-use"]
    assert isinstance(server, MarstekServer)
    assert server.requests == 0
    assert scanned.at("in-use") is None


def test_it_takes_seconds_and_the_loop_goes_on(scanned: Scanned) -> None:
    assert scanned.took_s < 45
    assert scanned.progress == sorted(scanned.progress)
    assert scanned.progress[-1] <= 1.0
    assert scanned.scan.progress == 1.0
    assert scanned.longest_pause_s < 3.0  # the machine may be busy with other tests
    assert said([scanned.scan.note]) == "Search of 127.0.0.0/30 finished. Meters: 4, batteries: 9."
    assert scanned.scan.problems == []


async def test_an_empty_network_is_said_to_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "BROWSE_S", 0.1)
    scan = Scan(IPv4Network("127.0.0.1/32"), [9], mdns_interfaces=LOCAL, dev=tmp_path)
    await scan.run()
    assert scan.findings == []
    assert (scan.progress, said([scan.note])) == (
        1.0,
        "Search of 127.0.0.1/32 finished. Meters: 0, batteries: 0.",
    )


async def test_a_network_where_everything_answers_does_not_take_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that takes every connection itself."""
    looked = []

    async def look(address: str, port: int, protocols: object) -> None:
        looked.append((address, port))

    async def all_open(targets: list[tuple[str, int]], tried: object) -> tuple[tuple[str, int], ...]:
        return tuple(targets)

    monkeypatch.setattr(mdns, "BROWSE_S", 0.1)
    monkeypatch.setattr("phasewise.discovery.scan._identified", look)
    monkeypatch.setattr("phasewise.discovery.scan.open_ports", all_open)
    scan = Scan(IPv4Network("192.168.1.0/24"), mdns_interfaces=LOCAL, dev=tmp_path)
    await scan.run()
    assert len(looked) == 64
    (problem,) = scan.problems
    assert said([problem]).startswith(f"{254 * len(USUAL_PORTS)} addresses take connections")


async def test_without_announcements_the_rest_is_done_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdns, "BROWSE_S", 0.1)
    scan = Scan(IPv4Network("127.0.0.1/32"), [9], mdns_interfaces=["192.0.2.254"], dev=tmp_path)
    await scan.run()
    assert scan.progress == 1.0
    (problem,) = scan.problems
    assert "only looked for by address" in said([problem])


def test_the_usual_ports_are_those_of_the_docs() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "set-up.md").read_text()
    for port in USUAL_PORTS:
        assert f"| {port} |" in docs
