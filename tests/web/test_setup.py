"""The routes of set-up, and what is served while there is no configuration."""

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from pydantic import BaseModel
from schemathesis.generation import GenerationMode
from test_schema import CHECKS, from_this_machine
from web_fakes import FakeControls, make_state

from phasewise.config import BatteryEntry, MeterEntry, Registry
from phasewise.devices.base import DeviceUnreachable, DriverOptions
from phasewise.discovery import Finding, Kind, Note, NoteCode, Scan, Suggestion
from phasewise.model import BatteryReading, Capabilities, GridReading, PhaseReading
from phasewise.setup import InUse, Mode, SetupDesk
from phasewise.setup import desk as desk_module
from phasewise.web import Access, create_app
from phasewise.web import setup as routes

LOCAL = "http://localhost:8080"
DOCS = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
MODELS = [m for m in vars(routes).values() if isinstance(m, type) and issubclass(m, BaseModel)]
FOUND = Finding(
    Kind.METER,
    "P1 meter",
    (Note(NoteCode.ANNOUNCED, {"name": "itself"}),),
    "fake",
    "tcp://127.0.0.1:23",
    (Suggestion(Kind.METER, "fake", {"url": "tcp://127.0.0.1:23"}),),
)


class Options(DriverOptions):
    """Of a device that only exists here."""

    url: str


class Meter:
    """Says two readings, then nothing."""

    status = None

    async def readings(self) -> AsyncIterator[GridReading]:
        phases = (PhaseReading(500.0, 2.2, 230.0), None, PhaseReading(12.0))
        for received_s in (1.0, 2.0):
            yield GridReading(received_s, 512.0, phases, meter_id="E0001")
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class Battery:
    """Answers, unless its url says otherwise."""

    capabilities = Capabilities(2500.0, 800.0)

    def __init__(self, url: str) -> None:
        self._url = url

    async def read(self) -> BatteryReading:
        if "dead" in self._url:
            raise DeviceUnreachable(f"{self._url}: no answer within 3 s")
        return BatteryReading(1.0, -250.0, 55.0, state="discharge")

    async def close(self) -> None: ...


class Make:
    """A `DeviceMaker`."""

    made: ClassVar[list[str]] = []

    def meter(self, driver: str, options: BaseModel) -> Any:
        return Meter()

    def battery(self, driver: str, options: BaseModel) -> Any:
        return Battery(options.model_dump()["url"])


class QuickScan(Scan):
    """Finds one meter at once, if it may end."""

    may_end: ClassVar[asyncio.Event]

    async def run(self) -> None:
        self.findings.append(FOUND)
        await self.may_end.wait()
        self.note = Note(NoteCode.FOUND, {"meters": 1, "batteries": 0, "network": "home"})


REGISTRY = Registry(
    meters={"fake": MeterEntry(Options)},
    batteries={"fake": BatteryEntry(Options, lambda _: Battery.capabilities)},
    strategies={"self-consumption": None},
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "LISTEN_S", 0.2)
    monkeypatch.setattr("phasewise.setup.trial.MORE_S", 0.05)
    monkeypatch.setattr(desk_module, "REOPEN_S", 0.0)
    monkeypatch.setattr(desk_module, "Scan", QuickScan)
    QuickScan.may_end = asyncio.Event()
    QuickScan.may_end.set()


def make_desk(file: Path, mode: Mode = Mode.SETUP) -> SetupDesk:
    used = () if mode is Mode.SETUP else (InUse(Kind.BATTERY, "Garage", "fake", "tcp://127.0.0.1:99"),)
    return SetupDesk(file, REGISTRY, Make(), mode=mode, devices_in_use=lambda: used)


def make_app(file: Path, mode: Mode = Mode.SETUP, access: Access = Access()) -> FastAPI:  # noqa: B008 - frozen
    controls = None if mode is Mode.SETUP else FakeControls(make_state())
    return create_app(controls, access=access, setup=make_desk(file, mode), static_dir=file.parent)


Serve = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    clients = []

    def serve(mode: Mode = Mode.SETUP, **more: Any) -> httpx.AsyncClient:
        app = make_app(tmp_path / "home.yaml", mode, **more)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 5))
        clients.append(httpx.AsyncClient(transport=transport, base_url=LOCAL))
        return clients[-1]

    yield serve
    for client in clients:
        await client.aclose()


async def test_without_a_configuration_everything_that_needs_one_says_so(serve: Serve) -> None:
    client = serve()
    paths = (await client.get("/openapi.json")).json()["paths"]
    refused = set()
    for path, operations in paths.items():
        for method in operations:
            answer = await client.request(method, path.replace("{id}", "m1"), json={})
            if answer.status_code == 503:
                assert answer.json()["code"] == "setup"
                assert "Set-up makes one" in answer.json()["detail"]
                refused.add(path)
    free = {"/health", "/api/v1/login", "/api/v1/logout", "/api/v1/session"}
    assert refused == {path for path in paths if "/setup" not in path} - free
    assert "/api/v1/state" in refused
    assert (await client.get("/api/v1/made-up")).status_code == 503


async def test_without_a_configuration_it_is_healthy_and_the_dashboard_is_served(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("the dashboard")
    client = serve()
    health = await client.get("/health")
    assert (health.status_code, health.json()["ok"]) == (200, True)
    assert (await client.get("/")).text == "the dashboard"


async def test_set_up_is_behind_the_token_as_all_else(serve: Serve, tmp_path: Path) -> None:
    client = serve(access=Access(token="a-token-of-enough-letters"))
    assert (await client.get("/api/v1/setup")).status_code == 401
    assert (await client.get("/api/v1/state")).status_code == 401
    write = {"meter": {"driver": "fake", "url": "tcp://h:1"}, "batteries": []}
    assert (await client.post("/api/v1/setup/write", json=write)).status_code == 401
    assert list(tmp_path.iterdir()) == []
    client.headers["Authorization"] = "Bearer a-token-of-enough-letters"
    assert (await client.get("/api/v1/setup")).status_code == 200


async def test_a_running_daemon_has_both(serve: Serve) -> None:
    client = serve(Mode.RUNNING)
    assert (await client.get("/api/v1/state")).status_code == 200
    assert (await client.get("/api/v1/setup")).json()["mode"] == "running"
    refused = await client.post("/api/v1/setup/write", json={"meter": {}, "batteries": []})
    assert (refused.status_code, "in the settings" in refused.json()["detail"]) == (409, True)
    used = {"kind": "battery", "driver": "fake", "options": {"url": "tcp://127.0.0.1:99"}}
    refused = await client.post("/api/v1/setup/test", json=used)
    assert (refused.status_code, "as Garage" in refused.json()["detail"]) == (409, True)


async def test_state_says_what_there_is_to_set_up(serve: Serve, tmp_path: Path) -> None:
    found = (await serve().get("/api/v1/setup")).json()
    assert (found["mode"], found["file"], found["scan"]) == ("setup", str(tmp_path / "home.yaml"), None)
    assert [(d["kind"], d["name"], set(d["options"]["properties"])) for d in found["drivers"]] == [
        ("meter", "fake", {"url"}),
        ("battery", "fake", {"url"}),
    ]
    assert 502 in found["ports"]


async def test_a_scan_shows_how_it_goes_and_can_be_aborted(serve: Serve) -> None:
    QuickScan.may_end.clear()
    client = serve()
    assert (await client.delete("/api/v1/setup/scan", headers=JSON)).status_code == 409
    request = {"range": "127.0.0.0/30", "ports": [5020]}
    assert (await client.post("/api/v1/setup/scan", json=request)).status_code == 204
    await asyncio.sleep(0)
    assert (await client.post("/api/v1/setup/scan", json=request)).status_code == 409
    scan = (await client.get("/api/v1/setup")).json()["scan"]
    assert (scan["state"], scan["range"], scan["ports"]) == ("running", "127.0.0.0/30", [5020])
    (found,) = scan["findings"]
    assert found == {
        "kind": "meter",
        "driver": "fake",
        "url": "tcp://127.0.0.1:23",
        "name": "P1 meter",
        "detail": "It announces itself as itself.",
        "configured": False,
        "suggestions": [{"kind": "meter", "driver": "fake", "options": {"url": "tcp://127.0.0.1:23"}}],
    }
    dutch = (await client.get("/api/v1/setup?lang=nl")).json()["scan"]
    assert dutch["findings"][0]["detail"] == "Het meldt zich als itself."
    assert (await client.delete("/api/v1/setup/scan", headers=JSON)).status_code == 204
    assert (await client.get("/api/v1/setup")).json()["scan"]["state"] == "aborted"
    QuickScan.may_end.set()
    await client.post("/api/v1/setup/scan", json=request)
    await asyncio.sleep(0.01)
    scan = (await client.get("/api/v1/setup")).json()["scan"]
    assert (scan["state"], scan["text"], len(scan["findings"])) == (
        "done",
        "Search of home finished. Meters: 1, batteries: 0.",
        1,
    )


JSON = {"Content-Type": "application/json"}


async def test_a_range_of_the_internet_is_refused_at_its_field(serve: Serve) -> None:
    answer = await serve().post("/api/v1/setup/scan", json={"range": "8.8.8.0/24"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == ["range"]


async def test_a_test_answers_with_the_reading(serve: Serve) -> None:
    options = {"url": "tcp://127.0.0.1:23"}
    client = serve()
    answer = await client.post(
        "/api/v1/setup/test", json={"kind": "meter", "driver": "fake", "options": options}
    )
    empty = {"energy_import_wh": None, "energy_export_wh": None}
    assert answer.json() == {
        "ok": True,
        "text": "It answers: 512 W from the grid now.",
        "meter": {
            "total_power_w": 512.0,
            "phases": {
                "L1": {"power_w": 500.0, "current_a": 2.2, "voltage_v": 230.0},
                "L3": {"power_w": 12.0, "current_a": None, "voltage_v": None},
            },
            "readings": 2,
            "cadence_s": 1.0,
            "meter_id": "E0001",
        }
        | empty,
        "battery": None,
    }
    answer = await client.post(
        "/api/v1/setup/test", json={"kind": "battery", "driver": "fake", "options": options}
    )
    assert answer.json()["text"] == ("It answers: it discharges with 250 W. It is 55 % charged.")
    battery = {key: value for key, value in answer.json()["battery"].items() if value is not None}
    assert battery == {
        "power_w": -250.0,
        "soc_pct": 55.0,
        "state": "discharge",
        "controllable": True,
        "max_charge_w": 2500.0,
        "max_discharge_w": 800.0,
    }


async def test_a_device_that_does_not_answer_is_an_answer(serve: Serve) -> None:
    request = {"kind": "battery", "driver": "fake", "options": {"url": "tcp://dead:1"}}
    answer = await serve().post("/api/v1/setup/test", json=request)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "ok": False,
            "text": "Nothing usable came. tcp://dead:1: no answer within 3 s.",
            "meter": None,
            "battery": None,
        },
    )


async def test_the_first_file_or_what_is_wrong_with_it(serve: Serve, tmp_path: Path) -> None:
    client = serve()
    battery = {"id": "m1", "driver": "fake", "url": "tcp://h:2", "max_charge_w": 9000}
    request: dict[str, Any] = {"meter": {"driver": "fake", "url": "tcp://h:1"}, "batteries": [battery]}
    refused = await client.post("/api/v1/setup/write", json=request)
    assert refused.status_code == 422
    (problem,) = refused.json()["errors"]
    assert problem["path"] == ["batteries", 0, "max_charge_w"]
    assert problem["allowed"] == "0 to 2500"
    assert list(tmp_path.iterdir()) == []
    battery["max_charge_w"] = 1200
    written = await client.post("/api/v1/setup/write", json=request)
    assert (written.status_code, written.json()["file"]) == (200, str(tmp_path / "home.yaml"))
    again = await client.post("/api/v1/setup/write", json=request)
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    missing = [f for f in model.model_fields if not re.search(rf'[`{{," \[]{f}[`}}," :]', DOCS)]
    assert missing == []


READS = ("GET /api/v1/setup", "DELETE /api/v1/setup/scan")
WRITES = ("POST /api/v1/setup/scan", "POST /api/v1/setup/test", "POST /api/v1/setup/write")
CASES = [
    *((label, GenerationMode.POSITIVE) for label in READS + WRITES),
    *((label, GenerationMode.NEGATIVE) for label in WRITES),
]


@functools.cache
def description() -> dict[str, Any]:
    """The same for all: it takes longer to make than a case."""
    return make_app(Path("home.yaml")).openapi()


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_answers_are_as_described_whatever_is_sent(tmp_path: Path, label: str, mode: GenerationMode) -> None:
    app = make_app(tmp_path / "home.yaml", access=Access(allowed_hosts=("testserver",)))
    app.openapi_schema = description()
    schema = schemathesis.openapi.from_asgi("/openapi.json", from_this_machine(app))
    operation = next(o.ok() for o in schema.get_all_operations() if o.ok().label == label)

    @given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    check()
