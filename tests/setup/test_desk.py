"""What set-up does for the user, with simulated devices on real sockets."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from setup_kit import PLUGINS, desk

from phasewise.config import load_config
from phasewise.discovery import Kind, Note, NoteCode, Scan, mdns
from phasewise.model import Assignment
from phasewise.setup import InUse, InvalidError, Mode, NotNowError, trial
from phasewise.setup import desk as desk_module
from phasewise.setup.in_use import Places, places
from phasewise.setup.words import said
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.home_assistant import TOKEN, HomeAssistantServer
from phasewise.sim.servers.home_assistant_units import HassMarstek
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server, Style

SAMPLE = MeterSample(0.0, (700.0, -300.0, 112.0), (3.0, 1.3, 0.5), (231.0, 229.0, 230.0), 1.0e6, 2.0e5)
METER = {"driver": "dsmr", "url": "tcp://192.168.1.20:23"}
BATTERY = {"id": "m1", "driver": "marstek", "url": "modbus-tcp://192.168.1.31:502", "model": "venus-e-v3"}


def marstek(
    model: str = "venus-e-v3", *, rtu: bool = False, kind: type[MarstekServer] = MarstekServer
) -> MarstekServer:
    now_s = asyncio.get_running_loop().time
    return kind(SimBattery(BatterySpec(), soc_pct=64.0, now_s=now_s()), model=model, now=now_s, rtu=rtu)


async def _refused(call: Awaitable[object]) -> str:
    with pytest.raises(NotNowError) as refusal:
        await call
    return str(refusal.value)


async def _invalid(call: Awaitable[object]) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(InvalidError) as refusal:
        await call
    return {problem.path: problem.message for problem in refusal.value.errors}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the servers tell nobody
            await asyncio.sleep(0.01)


async def test_a_meter_shows_which_values_it_has(tmp_path: Path) -> None:
    server = P1Server(lambda: SAMPLE, cadence_s=0.2)
    await server.start()
    tested = await desk(tmp_path / "home.yaml").test(Kind.METER, "dsmr", {"url": server.url})
    assert (tested.ok, said(tested.notes)) == (True, "It answers: 512 W from the grid now.")
    assert tested.meter is not None
    assert tested.meter.cadence_s == pytest.approx(0.2, abs=0.15)
    values = tested.meter.readings[-1].phases
    assert [v and (v.power_w, v.current_a, v.voltage_v) for v in values] == [
        (700.0, 3.0, 231.0),
        (-300.0, 1.0, 229.0),
        (112.0, 0.0, 230.0),
    ]
    await _until(lambda: server.client_count == 0)  # it lets go
    await server.stop()


async def test_a_slow_meter_is_not_waited_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MORE_S", 0.3)
    server = P1Server(lambda: SAMPLE, cadence_s=None, style=Style.DSMR4)
    await server.start()
    began_s = asyncio.get_running_loop().time()
    testing = asyncio.create_task(desk(tmp_path / "home.yaml").test(Kind.METER, "dsmr", {"url": server.url}))
    await _until(lambda: server.client_count == 1)
    await server.emit()
    tested = await testing
    assert tested.meter is not None
    assert (tested.ok, len(tested.meter.readings), tested.meter.cadence_s) == (True, 1, None)
    assert asyncio.get_running_loop().time() - began_s < 6
    await server.stop()


class Named(MarstekServer):
    """With a nameplate, which the plain one lacks."""

    @property
    def registers(self) -> dict[int, int]:
        name = b"VNSE3-0".ljust(20, b"\0")
        words = {31000 + n: int.from_bytes(name[2 * n : 2 * n + 2], "big") for n in range(10)}
        return super().registers | words | {30200: 147}


async def test_batteries_are_read_once_and_let_go(tmp_path: Path) -> None:
    here = desk(tmp_path / "home.yaml")
    servers = [
        marstek("venus-e-v2", rtu=True),
        marstek("venus-e-v3"),
        marstek("venus-a"),
        marstek("venus-d"),
        marstek("venus-e-v3", kind=Named),
    ]
    servers[-1].state_override = 4
    for server in servers:
        await server.start()
    tests = (here.test(Kind.BATTERY, "marstek", {"url": s.url, "model": s.model}) for s in servers)
    found = []
    for tested in await asyncio.gather(*tests):
        assert tested.ok
        assert said(tested.notes).startswith("It answers: it rests. It is 64 % charged.")
        assert tested.battery is not None
        assert tested.battery.reading.soc_pct == 64.0
        plate, can = tested.battery.nameplate, tested.battery.capabilities
        found.append(
            (plate.name, plate.firmware, can.max_charge_w, said(tested.notes).partition("charged.")[2])
        )
    busy = " It takes no setpoints now: its state is backup."
    assert found == [
        (None, None, 2500.0, ""),
        (None, None, 2500.0, ""),
        (None, None, 1500.0, ""),
        (None, None, 2500.0, ""),
        ("VNSE3-0", "147", 2500.0, busy),
    ]
    for server in servers:
        await _until(lambda server=server: server.client_count == 0)  # type: ignore[misc] # bound now
        assert not server.writes
        assert server.violations == []
        await server.stop()


@pytest.mark.parametrize(
    ("kind", "driver", "options", "says"),
    [
        (Kind.METER, "dsmr", {"url": "tcp://127.0.0.1:9"}, "Connection refused"),
        (
            Kind.BATTERY,
            "marstek",
            {"url": "modbus-tcp://127.0.0.1:9", "model": "venus-d"},
            "no connection",
        ),
    ],
)
async def test_what_does_not_answer_says_what_was_tried(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: Kind,
    driver: str,
    options: dict[str, str],
    says: str,
) -> None:
    monkeypatch.setattr(desk_module, "LISTEN_S", 0.5)
    tested = await desk(tmp_path / "home.yaml").test(kind, driver, options)
    assert (tested.ok, tested.meter, tested.battery) == (False, None, None)
    assert says in said(tested.notes)
    assert "127.0.0.1:9" in said(tested.notes)


@pytest.mark.parametrize(
    ("kind", "driver", "options", "path"),
    [
        (Kind.METER, "marstek", {}, ("driver",)),
        (Kind.BATTERY, "nothing", {}, ("driver",)),
        (Kind.METER, "dsmr", {}, ("options", "url")),
        (Kind.METER, "dsmr", {"url": "ftp://x"}, ("options", "url")),
        (
            Kind.METER,
            "dsmr",
            {"url": "tcp://127.0.0.1:1", "sample_age_s": "old"},
            ("options", "sample_age_s"),
        ),
        (Kind.METER, "dsmr", {"url": 5}, ("options", "url")),
        (Kind.METER, "dsmr", {"url": "tcp://127.0.0.1:1", "phase": "L1"}, ("options", "phase")),
        (Kind.BATTERY, "marstek", {"url": "modbus-tcp://127.0.0.1", "model": "x"}, ("options", "model")),
    ],
)
async def test_options_that_are_wrong_are_named(
    tmp_path: Path, kind: Kind, driver: str, options: dict[str, Any], path: tuple[str, ...]
) -> None:
    assert list(await _invalid(desk(tmp_path / "home.yaml").test(kind, driver, options))) == [path]


@pytest.mark.parametrize(
    ("used", "url"),
    [
        ("modbus-tcp://127.0.0.1:5020?unit=1", "modbus-tcp://127.0.0.1:5020?unit=2"),
        ("modbus-tcp://localhost:5020", "modbus-rtu-tcp://127.0.0.1:5020"),
        ("modbus-tcp://127.0.0.1", "modbus-tcp://localhost:502"),
        ("modbus-rtu:///dev/null?baudrate=9600", "modbus-rtu:///dev/../dev/null"),
    ],
)
async def test_what_phasewise_uses_is_not_tested_beside_it(tmp_path: Path, used: str, url: str) -> None:
    running = desk(
        tmp_path / "home.yaml", mode=Mode.RUNNING, used=[InUse(Kind.BATTERY, "Garage", "marstek", used)]
    )
    refusal = await _refused(running.test(Kind.BATTERY, "marstek", {"url": url, "model": "venus-e-v3"}))
    assert "uses it already, as Garage" in refusal


async def test_a_place_is_what_its_driver_makes_of_the_url() -> None:
    assert (await places(["tcp://127.0.0.1"])).sockets == {("127.0.0.1", 23)}
    assert (await places([None, "", "tcp://no-such-name.invalid:5"])).sockets == frozenset()


async def test_one_device_is_tested_once_at_a_time_others_meanwhile(tmp_path: Path) -> None:
    server, other = marstek(), marstek()
    server.latency_s = 0.05
    await server.start()
    await other.start()
    here = desk(tmp_path / "home.yaml")
    options = {"url": server.url, "model": "venus-e-v3"}
    first = asyncio.create_task(here.test(Kind.BATTERY, "marstek", options))
    await _until(lambda: server.client_count == 1)
    assert "being tested already" in await _refused(here.test(Kind.BATTERY, "marstek", options))
    assert "is being tested" in await _refused(here.start_scan("127.0.0.1", [9]))
    second = asyncio.create_task(here.test(Kind.BATTERY, "marstek", options | {"url": other.url}))
    assert [tested.ok for tested in await asyncio.gather(first, second)] == [True, True]
    assert server.violations == []
    await server.stop()
    await other.stop()


async def test_a_test_that_is_given_up_lets_go(tmp_path: Path) -> None:
    server = marstek()
    server.fault = "silent"
    await server.start()
    here = desk(tmp_path / "home.yaml")
    testing = asyncio.create_task(
        here.test(Kind.BATTERY, "marstek", {"url": server.url, "model": "venus-e-v3"})
    )
    await _until(lambda: server.client_count == 1)
    testing.cancel()
    with suppress(asyncio.CancelledError):
        await testing
    await _until(lambda: server.client_count == 0)
    await server.stop()


class _Waiting(Scan):
    """Finds nothing, until it is told to end."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class _Broken(Scan):
    async def run(self) -> None:
        raise RuntimeError("a fault of ours")


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Scan]], None]:
    return lambda kind: monkeypatch.setattr(desk_module, "Scan", kind)


async def test_one_scan_at_a_time_and_no_test_beside_it(
    tmp_path: Path, replaced: Callable[[type[Scan]], None]
) -> None:
    replaced(_Waiting)
    here = desk(tmp_path / "home.yaml")
    assert here.scan is None
    assert "No scan runs" in await _refused(here.abort_scan())
    await here.start_scan("127.0.0.0/30", [1, 2])
    assert here.scan is not None
    assert (here.scan.state, here.scan.range, here.scan.ports) == ("running", "127.0.0.0/30", (1, 2))
    assert "runs already" in await _refused(here.start_scan("127.0.0.0/30", None))
    assert "A scan runs" in await _refused(here.test(Kind.METER, "dsmr", {"url": "tcp://127.0.0.1:9"}))
    await here.abort_scan()
    assert (here.scan.state, here.scan.note) == ("aborted", Note(NoteCode.ENDED))
    await here.start_scan("127.0.0.0/30", [1])
    await here.close()
    assert here.scan.state == "aborted"
    await here.close()


async def test_a_scan_that_fails_has_ended(tmp_path: Path, replaced: Callable[[type[Scan]], None]) -> None:
    replaced(_Broken)
    here = desk(tmp_path / "home.yaml")
    await here.start_scan("127.0.0.0/30", None)
    await asyncio.sleep(0.01)
    assert here.scan is not None
    assert here.scan.state == "aborted"
    await here.start_scan("127.0.0.0/30", None)


@pytest.mark.parametrize("text", ["8.8.8.8", "192.168.0.0/16", "home"])
async def test_a_range_that_is_not_of_a_home_is_refused(tmp_path: Path, text: str) -> None:
    assert list(await _invalid(desk(tmp_path / "home.yaml").start_scan(text, None))) == [("range",)]


async def test_without_a_network_a_range_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "own_ranges", tuple)
    problems = await _invalid(desk(tmp_path / "home.yaml").start_scan(None, None))
    assert "say which range" in problems["range",]


async def test_a_scan_while_running_shows_what_is_in_use_and_spares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdns, "BROWSE_S", 0.1)
    server = marstek()
    await server.start()
    used = [InUse(Kind.BATTERY, "Garage", "marstek", server.url.replace("127.0.0.1", "localhost"))]
    here = desk(tmp_path / "home.yaml", mode=Mode.RUNNING, used=used)
    await here.start_scan("127.0.0.1", [server.port])
    await _until(lambda: here.scan is not None and here.scan.state == "done")
    assert here.scan is not None
    (found,) = [finding for finding in here.scan.findings if finding.configured]
    assert (found.kind, found.name, found.suggestions) == (Kind.BATTERY, "Garage", ())
    assert server.requests == 0
    assert server.violations == []
    assert not [f for f in here.scan.findings if str(server.port) in f.name]
    await server.stop()


async def test_the_first_file_is_written_once(tmp_path: Path) -> None:
    here = desk(path := tmp_path / "home.yaml", web={"port": 9090})
    assert not here.written.is_set()
    await here.write({"name": "Ons huis", "main_fuse_a": {"L1": 25, "L2": 25, "L3": 35}}, METER, [BATTERY])
    assert here.written.is_set()
    config = load_config(path, PLUGINS.registry())
    assert config.site.main_fuse_a == (25, 25, 35)
    assert config.web.port == 9090
    assert [(b.id, b.settings.phase) for b in config.batteries] == [("m1", Assignment.UNASSIGNED)]
    before = path.read_bytes()
    assert "already" in await _refused(here.write({}, METER, []))
    assert path.read_bytes() == before


async def test_what_is_wrong_is_named_by_its_path_and_nothing_is_written(tmp_path: Path) -> None:
    here = desk(path := tmp_path / "home.yaml")
    wrong = BATTERY | {"max_charge_w": 9000, "phase": "L4"}
    problems = await _invalid(here.write({"phases": 2}, {"driver": "dsmr"}, [wrong, BATTERY]))
    assert set(problems) == {
        ("site", "phases"),
        ("meter", "url"),
        ("batteries", 0, "max_charge_w"),
        ("batteries", 0, "phase"),
        ("batteries", 1, "id"),
    }
    assert not path.exists()
    assert not here.written.is_set()


async def test_a_running_phasewise_has_its_file_already(tmp_path: Path) -> None:
    running = desk(path := tmp_path / "home.yaml", mode=Mode.RUNNING)
    assert "in the settings" in await _refused(running.write({}, METER, []))
    assert not path.exists()


@pytest.mark.parametrize("url", ["tcp://[::1", "tcp://h:99999", "tcp://h:-1", "http://[", "x://a:b"])
async def test_what_is_no_url_leads_nowhere(url: str) -> None:
    assert await places([url, None, ""]) == Places()


async def test_what_is_behind_home_assistant_is_tested_beside_what_is_in_use(tmp_path: Path) -> None:
    server = HomeAssistantServer(now=time.monotonic, utc=time.time)
    HassMarstek(server, SimBattery(BatterySpec(), now_s=time.monotonic()), "marstek_m2")
    await server.start()
    (tmp_path / "token").write_text(TOKEN)
    used = [InUse(Kind.METER, "Meter", "home-assistant", server.url)]
    running = desk(tmp_path / "home.yaml", mode=Mode.RUNNING, used=used)
    options = {"url": server.url, "token_file": "token", "prefix": "marstek_m2"}
    try:
        tested = await running.test(Kind.BATTERY, "home-assistant", options)
    finally:
        await server.stop()
    assert tested.ok, said(tested.notes)
    assert list(server.actions) == []
