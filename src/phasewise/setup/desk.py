"""What set-up does for the user: one scan at a time, a test of a device, and the first file."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import structlog
from msgspec import Struct
from pydantic import BaseModel, ValidationError

from phasewise.config import (
    AlreadyThereError,
    BatteryEntry,
    ConfigError,
    MeterEntry,
    NotWritableError,
    Registry,
    parse_config,
    write_new,
)
from phasewise.devices.base import BatteryDriver, DeviceError, MeterDriver
from phasewise.discovery import (
    USUAL_PORTS,
    Finding,
    Kind,
    Note,
    NoteCode,
    RangeError,
    Scan,
    own_ranges,
    parse_range,
)
from phasewise.discovery.marstek import REOPEN_S, nameplate
from phasewise.engine.controls import ControlError
from phasewise.model import BatteryReading
from phasewise.setup import in_use
from phasewise.setup.first_file import FirstFile
from phasewise.setup.in_use import InUse, Places, places
from phasewise.setup.trial import LISTEN_S, LISTEN_SERIAL_S, BatteryTrial, MeterTrial, try_battery, try_meter

log = structlog.get_logger("phasewise.setup")


class Mode(StrEnum):
    """Whether there is something to set up."""

    SETUP = "setup"
    """There is no configuration file; nothing is controlled."""
    RUNNING = "running"
    """Phasewise runs; devices can be looked for and tried, to be added."""


class ScanPhase(StrEnum):
    """Where a scan is."""

    RUNNING = "running"
    DONE = "done"
    ABORTED = "aborted"


class ScanState(Struct, frozen=True):
    """The scan that runs, or the last one."""

    state: ScanPhase
    range: str
    ports: tuple[int, ...]
    started: str
    """ISO 8601, UTC."""
    progress: float
    note: Note
    problems: tuple[Note, ...]
    findings: tuple[Finding, ...]


class DriverForm(Struct, frozen=True):
    """A driver that is installed."""

    kind: Kind
    name: str
    options: dict[str, Any]
    """JSON Schema of its own keys."""


class Tested(Struct, frozen=True):
    """What came of a test."""

    ok: bool
    notes: tuple[Note, ...]
    meter: MeterTrial | None = None
    battery: BatteryTrial | None = None


class NotNowError(ControlError):
    """Not possible now. The text says why, and what to do."""


class FieldProblem(Struct, frozen=True):
    """What is wrong with one value."""

    path: tuple[str | int, ...]
    message: str
    allowed: str | None = None


class InvalidError(Exception):
    """Values that are wrong, so nothing was done."""

    def __init__(self, detail: str, errors: Iterable[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class DeviceMaker(Protocol):
    """Makes a driver that has not touched its device yet."""

    def meter(self, driver: str, options: BaseModel) -> MeterDriver:
        """`options`: of the driver's own model."""
        ...

    def battery(self, driver: str, options: BaseModel) -> BatteryDriver:
        """`options`: of the driver's own model."""
        ...


class SetupDesk:
    """Serves the user interface. Nothing here ever writes to a device, or says on which phase one is."""

    def __init__(
        self,
        file: Path,
        registry: Registry,
        make: DeviceMaker,
        *,
        mode: Mode,
        devices_in_use: Callable[[], Iterable[InUse]] = tuple,
        web: Mapping[str, Any] | None = None,
    ) -> None:
        """`web`: the section of that name for the first file, so that it is served as set-up is."""
        self.file = file
        self.registry = registry
        self.mode = mode
        self.written = asyncio.Event()
        """Set once the first file is there: it is time to run."""
        self._make = make
        self._devices_in_use = devices_in_use
        self._web = web or {}
        self._scan: _RunningScan | None = None
        self._tested = Places()
        """Where a test goes on."""

    @cached_property
    def drivers(self) -> tuple[DriverForm, ...]:
        """What can be configured."""
        return tuple(
            DriverForm(kind, name, entry.options_model.model_json_schema())
            for kind, known in ((Kind.METER, self.registry.meters), (Kind.BATTERY, self.registry.batteries))
            for name, entry in known.items()
        )

    @property
    def ranges(self) -> tuple[str, ...]:
        """What a scan may look through, the most likely first."""
        return tuple(str(network) for network in own_ranges())

    @property
    def ports(self) -> tuple[int, ...]:
        """What a scan tries when it is not told."""
        return tuple(USUAL_PORTS)

    @property
    def scan(self) -> ScanState | None:
        """The scan that runs, or the last one."""
        return None if self._scan is None else self._scan.state()

    async def start_scan(self, range_text: str | None, ports: Sequence[int] | None) -> None:
        """Begin to look for devices. Raises NotNowError, InvalidError."""
        text = range_text or next(iter(self.ranges), None)
        if text is None:
            message = "this machine is in no home network that it knows of: say which range to look through"
            raise InvalidError(f"range: {message}", [FieldProblem(("range",), message)])
        try:
            network = parse_range(text)
        except RangeError as error:
            raise InvalidError(f"range: {error}", [FieldProblem(("range",), str(error))]) from error
        devices = tuple(self._devices_in_use())
        spared = await places(device.url for device in devices)
        if self._scan is not None and self._scan.runs:
            raise NotNowError("A scan runs already: wait for its end, or abort it.")
        if self._tested != Places():
            raise NotNowError("A device is being tested: wait for the end of that.")
        scan = Scan(network, ports, spared=spared.sockets, spared_serial=spared.serial)
        self._scan = _RunningScan(scan, devices)
        log.info("scan started by the user", range=str(network))

    async def abort_scan(self) -> None:
        """End the scan; what was found stays. Raises NotNowError."""
        if self._scan is None or not self._scan.runs:
            raise NotNowError("No scan runs.")
        await self._scan.abort()

    async def test(self, kind: Kind, driver: str, options: Mapping[str, Any]) -> Tested:
        """Read one device, and let it go. Raises NotNowError, InvalidError."""
        known = self.registry.meters if kind is Kind.METER else self.registry.batteries
        checked = _checked_options(known, driver, options, self.file.parent)
        url = options.get("url")
        url = url if isinstance(url, str) else None
        # What is behind a broker, or Home Assistant, has no place of its own that another could disturb.
        is_shared = getattr(checked, "is_shared", False)
        place = Places() if is_shared else await places([url])
        if not is_shared:
            await self._refuse_if_busy(place)
        self._tested = _both(self._tested, place)
        try:
            if kind is Kind.METER:
                return await self._test_meter(self._make.meter(driver, checked), url)
            return await self._test_battery(self._make.battery(driver, checked), driver, options)
        finally:
            self._tested = Places(self._tested.sockets - place.sockets, self._tested.serial - place.serial)

    async def write(
        self, site: Mapping[str, Any], meter: Mapping[str, Any], batteries: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write the first file. Raises NotNowError, InvalidError."""
        if self.mode is Mode.RUNNING:
            raise NotNowError(f"There is a configuration, {self.file}: add devices in the settings.")
        text = FirstFile(site, meter, batteries, self._web).text(self.file.name)
        try:
            parse_config(text, self.file, self.registry)
        except ConfigError as error:
            problems = [FieldProblem(p.path, p.message, p.allowed) for p in error.problems]
            detail = "; ".join(f"{p.key}: {p.message}" if p.key else p.message for p in error.problems)
            raise InvalidError(detail, problems) from error
        try:
            await asyncio.to_thread(write_new, self.file, text)
        except AlreadyThereError as error:
            raise NotNowError(f"Nothing was written: {error}. Restart Phasewise to run with it.") from error
        except NotWritableError as error:
            raise NotNowError(f"Nothing was written: {error}.") from error
        log.info("first configuration written by the user", file=str(self.file), batteries=len(batteries))
        self.written.set()

    async def close(self) -> None:
        """End what runs. Idempotent."""
        if self._scan is not None and self._scan.runs:
            await self._scan.abort()

    async def _refuse_if_busy(self, place: Places) -> None:
        for device in self._devices_in_use():
            if place.shares_with(await places([device.url])):
                raise NotNowError(
                    f"Phasewise uses it already, as {device.name}: the dashboard shows how it is. It is not "
                    "tested beside that, because many devices serve one program at a time."
                )
        if place.shares_with(self._tested):
            raise NotNowError("It is being tested already: wait for the end of that.")
        if self._scan is not None and self._scan.runs:
            raise NotNowError("A scan runs: wait for its end, or abort it. Two at once disturb a device.")

    async def _test_meter(self, driver: MeterDriver, url: str | None) -> Tested:
        is_serial = url is not None and url.startswith("serial:")
        trial = await try_meter(driver, LISTEN_SERIAL_S if is_serial else LISTEN_S)
        if not trial.readings:
            return _not_read(trial.status or "?")
        notes = [Note(NoteCode.P1, {"who": "", "power_w": trial.readings[-1].total_power_w})]
        if trial.status:
            notes.append(Note(NoteCode.READ_IN_PART, {"why": trial.status}))
        return Tested(True, tuple(notes), meter=trial)

    async def _test_battery(self, driver: BatteryDriver, name: str, options: Mapping[str, Any]) -> Tested:
        try:
            trial = await try_battery(driver)
        except DeviceError as error:
            return _not_read(f"{error}.")
        finally:
            # Whoever comes next finds it ready.
            await asyncio.sleep(REOPEN_S)
        if name == "marstek":
            plate = await nameplate(options["url"], options["model"])
            trial = BatteryTrial(trial.reading, trial.capabilities, plate)
        return Tested(True, _notes(trial.reading), battery=trial)


def _not_read(why: str) -> Tested:
    return Tested(False, (Note(NoteCode.NOT_READ, {"why": why}),))


def _notes(reading: BatteryReading) -> tuple[Note, ...]:
    notes = [Note(NoteCode.BATTERY_UNKNOWN_POWER)]
    if reading.ac_power_w is not None:
        notes = [Note(NoteCode.BATTERY, {"power_w": reading.ac_power_w})]
    if reading.soc_pct is not None:
        notes.append(Note(NoteCode.BATTERY_SOC, {"soc_pct": reading.soc_pct}))
    if not reading.controllable:
        notes.append(Note(NoteCode.BATTERY_BUSY, {"state": reading.state or "?"}))
    return tuple(notes)


class _RunningScan:
    """A scan as a task, and what is told of it."""

    def __init__(self, scan: Scan, devices: Sequence[InUse]) -> None:
        self._scan = scan
        self._started = datetime.now(UTC)
        self._known = [in_use.finding(device) for device in devices]
        self._task = asyncio.create_task(scan.run(), name="scan")
        self._task.add_done_callback(_log_failure)

    @property
    def runs(self) -> bool:
        return not self._task.done()

    async def abort(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    def state(self) -> ScanState:
        phase, scan = self._phase(), self._scan
        return ScanState(
            state=phase,
            range=str(scan.network),
            ports=tuple(scan.protocols),
            started=self._started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            progress=scan.progress,
            note=Note(NoteCode.ENDED) if phase is ScanPhase.ABORTED else scan.note,
            problems=tuple(scan.problems),
            findings=tuple(sorted((*self._known, *scan.findings), key=_order)),
        )

    def _phase(self) -> ScanPhase:
        if not self._task.done():
            return ScanPhase.RUNNING
        failed = self._task.cancelled() or self._task.exception() is not None
        return ScanPhase.ABORTED if failed else ScanPhase.DONE


def _order(finding: Finding) -> tuple[int, str]:
    return list(Kind).index(finding.kind), finding.name


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("scan failed", error=str(error), exc_info=error)


def _both(first: Places, second: Places) -> Places:
    return Places(first.sockets | second.sockets, first.serial | second.serial)


def _checked_options(
    known: Mapping[str, MeterEntry] | Mapping[str, BatteryEntry],
    driver: str,
    options: Mapping[str, Any],
    folder: Path,
) -> BaseModel:
    """The driver's own options; relative names of files begin in `folder`. Raises InvalidError."""
    if driver not in known:
        allowed = ", ".join(known)
        message = f"'{driver}' is not a driver in this version"
        raise InvalidError(
            f"driver: {message}; there are: {allowed}", [FieldProblem(("driver",), message, allowed)]
        )
    try:
        model = known[driver].options_model
        return model.model_validate_json(json.dumps(dict(options)), strict=True, context={"folder": folder})
    except ValidationError as error:
        problems = [
            FieldProblem(("options", *e["loc"]), e["msg"].removeprefix("Value error, "))
            for e in error.errors(include_url=False)
        ]
        detail = "; ".join(f"{'.'.join(str(key) for key in p.path)}: {p.message}" for p in problems)
        raise InvalidError(detail, problems) from error
