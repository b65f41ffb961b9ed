"""The routes of set-up: find meters and batteries, try each, write the first configuration file.

There are no phases in anything that is found: only the user says which phase a battery is on.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from phasewise.discovery import Kind
from phasewise.model import PHASES
from phasewise.setup import InvalidError, NotNowError, ScanState, SetupDesk, Tested
from phasewise.setup.words import said
from phasewise.web import wire
from phasewise.web.api import REFUSALS, WRITE_REFUSALS, Lang

DeviceKind = Literal["meter", "battery"]


class _Wire(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, use_attribute_docstrings=True
    )


class Suggestion(_Wire):
    """What a finding can be tested as, and written into the file as."""

    kind: DeviceKind
    driver: str
    options: dict[str, JsonValue]
    """The driver's own keys, as in the file."""


class Finding(_Wire):
    """Something that was found on the network or on this machine."""

    kind: Literal["meter", "battery", "other"]
    """`meter` and `battery` only where it answered as one, or announced itself as one."""
    driver: str | None
    """Null where no driver of this version can talk to it."""
    url: str | None
    name: str
    detail: str
    """What came back, and what to do: a few sentences."""
    configured: bool
    """In use by the running Phasewise: it was not touched."""
    suggestions: tuple[Suggestion, ...]
    """None for what this version can't use; several where only the user knows which is right."""


class Scan(_Wire):
    """The scan that runs, or the last one."""

    state: Literal["running", "done", "aborted"]
    range: str
    ports: tuple[int, ...]
    started: str
    """ISO 8601, UTC."""
    progress: float
    """0 to 1."""
    text: str
    """What it does, or what came of it."""
    problems: tuple[str, ...]
    """What could not be done, such as listening for announcements."""
    findings: tuple[Finding, ...]
    """Meters first, then batteries, then the rest."""


class Driver(_Wire):
    """A driver that is installed."""

    kind: DeviceKind
    name: str
    options: dict[str, Any]
    """JSON Schema of its own keys."""


class Setup(_Wire):
    """Where set-up stands."""

    mode: Literal["setup", "running"]
    """`setup`: there is no configuration file yet, and nothing is controlled."""
    file: str
    """The configuration file that is, or will be, written."""
    ranges: tuple[str, ...]
    """What a scan may look through: the networks of this machine, the most likely first."""
    ports: tuple[int, ...]
    """What a scan tries when it is not told."""
    drivers: tuple[Driver, ...]
    scan: Scan | None


class ScanRequest(_Wire):
    """Where to look; what is left out is as `ranges[0]` and `ports` of the state say."""

    range: str | None = Field(default=None, max_length=64)
    """192.168.1.0/24, or one address; at most 1024 addresses, none of the internet."""
    ports: (
        Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(min_length=1, max_length=16)]
        | None
    ) = None
    """Instead of the usual ones. On these, every protocol of the drivers is tried."""


class TestRequest(_Wire):
    """A device to try, as the file would describe it."""

    __test__ = False  # pytest would take it for a test

    kind: DeviceKind
    driver: str = Field(max_length=64)
    options: dict[str, JsonValue]


class PhaseValues(_Wire):
    """One phase of a meter; null where the meter does not tell."""

    power_w: float | None
    current_a: float | None
    voltage_v: float | None


class MeterTest(_Wire):
    """The last of the readings that came."""

    total_power_w: float
    phases: dict[str, PhaseValues]
    """Those that the meter tells anything of."""
    readings: int
    cadence_s: float | None
    """Between two readings; null where only one came."""
    meter_id: str | None
    energy_import_wh: float | None
    energy_export_wh: float | None


class BatteryTest(_Wire):
    """One reading; null where the device does not tell."""

    power_w: float | None
    """At its AC side, charging positive."""
    soc_pct: float | None
    state: str | None
    controllable: bool
    temperature_c: float | None
    capacity_wh: float | None
    pv_power_w: float | None
    name: str | None
    """What it calls itself."""
    firmware: str | None
    """As it gives it."""
    max_charge_w: float
    max_discharge_w: float


class TestResult(_Wire):
    """What came of a test; one of `meter` and `battery` where it went well."""

    __test__ = False  # pytest would take it for a test

    ok: bool
    text: str
    """What was read, or what was tried and what came back."""
    meter: MeterTest | None
    battery: BatteryTest | None


class FirstFile(_Wire):
    """The sections of the first file, with the keys of the configuration."""

    site: dict[str, JsonValue] = {}
    meter: dict[str, JsonValue]
    batteries: list[dict[str, JsonValue]]
    """A battery without `phase` is unassigned."""


class Written(_Wire):
    """The file is there, and Phasewise begins to control."""

    file: str


class FieldProblem(_Wire):
    """What is wrong with one value."""

    path: tuple[str | int, ...]
    """Keys, and positions in lists counted from 0."""
    message: str
    allowed: str | None


class Invalid(_Wire):
    """Why nothing was written or tested."""

    detail: str
    errors: tuple[FieldProblem, ...] = ()


NOT_HERE = "There is no set-up here."
NOT_YET = "There is no configuration yet, so nothing is measured or controlled. Set-up makes one."

_INVALID: dict[int | str, dict[str, Any]] = {422: {"model": Invalid}}
_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": wire.Problem}}
_CHANGES = WRITE_REFUSALS | _INVALID | _CONFLICT


def _desk(request: Request) -> SetupDesk:
    desk: SetupDesk | None = request.app.state.setup
    if desk is None:
        raise NotNowError(NOT_HERE)
    return desk


Desk = Annotated[SetupDesk, Depends(_desk)]
router = APIRouter()


@router.get("/api/v1/setup", responses=REFUSALS | _INVALID | _CONFLICT)
async def setup(desk: Desk, lang: Lang = "en") -> Setup:
    """Where set-up stands: the scan with what it found, and what can be configured."""
    return Setup(
        mode=desk.mode.value,
        file=str(desk.file),
        ranges=desk.ranges,
        ports=desk.ports,
        drivers=tuple(Driver.model_validate(driver) for driver in desk.drivers),
        scan=None if desk.scan is None else _scan(desk.scan, lang),
    )


def _scan(scan: ScanState, lang: str) -> Scan:
    return Scan(
        state=scan.state.value,
        range=scan.range,
        ports=scan.ports,
        started=scan.started,
        progress=scan.progress,
        text=said([scan.note], lang),
        problems=tuple(said([problem], lang) for problem in scan.problems),
        findings=tuple(
            Finding(
                kind=found.kind.value,
                driver=found.driver,
                url=found.url,
                name=found.name,
                detail=said(found.notes, lang),
                configured=found.configured,
                suggestions=tuple(Suggestion.model_validate(suggestion) for suggestion in found.suggestions),
            )
            for found in scan.findings
        ),
    )


@router.post("/api/v1/setup/scan", status_code=204, response_class=Response, responses=_CHANGES)
async def start_scan(request: ScanRequest, desk: Desk) -> None:
    """Look for meters and batteries; nothing is written to any device."""
    await desk.start_scan(request.range, request.ports)


@router.delete(
    "/api/v1/setup/scan", status_code=204, response_class=Response, responses=WRITE_REFUSALS | _CONFLICT
)
async def abort_scan(desk: Desk) -> None:
    """End the scan that runs; what was found stays."""
    await desk.abort_scan()


@router.post("/api/v1/setup/test", responses=_CHANGES)
async def try_device(request: TestRequest, desk: Desk, lang: Lang = "en") -> TestResult:
    """Read one device, and let it go; nothing is written to it. It may take 20 s."""
    tested = await desk.test(Kind(request.kind), request.driver, request.options)
    text = said(tested.notes, lang)
    return TestResult(ok=tested.ok, text=text, meter=_meter(tested), battery=_battery(tested))


@router.post("/api/v1/setup/write", responses=_CHANGES)
async def write(file: FirstFile, desk: Desk) -> Written:
    """Write the first configuration file, and begin to control."""
    await desk.write(file.site, file.meter, file.batteries)
    return Written(file=str(desk.file))


def _meter(tested: Tested) -> MeterTest | None:
    if tested.meter is None:
        return None
    reading = tested.meter.readings[-1]
    return MeterTest(
        total_power_w=reading.total_power_w,
        phases={
            phase.value: PhaseValues.model_validate(values)
            for phase, values in zip(PHASES, reading.phases, strict=True)
            if values is not None
        },
        readings=len(tested.meter.readings),
        cadence_s=tested.meter.cadence_s,
        meter_id=reading.meter_id,
        energy_import_wh=reading.energy_import_wh,
        energy_export_wh=reading.energy_export_wh,
    )


def _battery(tested: Tested) -> BatteryTest | None:
    if tested.battery is None:
        return None
    reading, can, plate = tested.battery.reading, tested.battery.capabilities, tested.battery.nameplate
    return BatteryTest(
        power_w=reading.ac_power_w,
        soc_pct=reading.soc_pct,
        state=reading.state,
        controllable=reading.controllable,
        temperature_c=reading.temperature_c,
        capacity_wh=reading.capacity_wh,
        pv_power_w=reading.pv_power_w,
        name=plate.name,
        firmware=plate.firmware,
        max_charge_w=can.max_charge_w,
        max_discharge_w=can.max_discharge_w,
    )


async def invalid(_: Request, error: Exception) -> Response:
    """What is wrong, value by value, for a form."""
    problems = error.errors if isinstance(error, InvalidError) else ()
    fields = tuple(FieldProblem.model_validate(problem) for problem in problems)
    return JSONResponse(Invalid(detail=str(error), errors=fields).model_dump(mode="json"), 422)


class SetupGate:
    """ASGI middleware for the time before there is a configuration: what needs control answers 503."""

    _OPEN = frozenset({"/api/v1/login", "/api/v1/logout", "/api/v1/session"})
    """What anybody needs to get in at all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the ASGI protocol."""
        app: ASGIApp = self._app
        if scope["type"] == "http":
            path = scope["path"]
            if path == "/health":
                # Nothing is controlled, so nothing is wrong: a container must not be restarted for it.
                healthy = wire.Health(ok=True, detail=NOT_YET, last_decision_age_s=None)
                app = JSONResponse(healthy.model_dump())
            elif path == "/metrics" or (path.startswith("/api/") and not self._is_open(path)):
                app = JSONResponse({"detail": NOT_YET, "code": "setup"}, 503, {"Retry-After": "2"})
        await app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._OPEN or path == "/api/v1/setup" or path.startswith("/api/v1/setup/")
