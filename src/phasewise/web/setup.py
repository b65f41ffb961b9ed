"""The routes of set-up: find meters and batteries, try each, write the first configuration file.

There are no phases in anything that is found: only the user says which phase a battery is on.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import JSONResponse, Response

from phasewise.web import wire
from phasewise.web.api import REFUSALS, WRITE_REFUSALS

Kind = Literal["meter", "battery", "other"]
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

    kind: Kind
    """`meter` and `battery` only where it answered as one, or announced itself as one."""
    driver: str | None
    """Null where no driver of this version can talk to it."""
    url: str | None
    name: str
    detail: str
    """What came back, and what to do. English."""
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
    """What it does, or what came of it. English."""
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
    """What was read, or what was tried and what came back. English."""
    meter: MeterTest | None
    battery: BatteryTest | None


class FirstFile(_Wire):
    """The sections of the first file, with the keys of the configuration. No phase unless the user gave it."""

    site: dict[str, JsonValue] = {}
    meter: dict[str, JsonValue]
    batteries: list[dict[str, JsonValue]]


class Written(_Wire):
    """The file is there, and Phasewise begins to control."""

    file: str
    text: str
    """What happens next. English."""


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


router = APIRouter()
