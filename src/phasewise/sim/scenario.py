"""Scenarios as data: a house, its batteries, what goes wrong, and how good control must be."""

import re
from enum import StrEnum
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from phasewise.config import ConfigError, Problem, read_text
from phasewise.config.document import Document, Place, parse
from phasewise.config.errors import KeyPath, did_you_mean, key_text
from phasewise.model import (
    Assignment,
    BatterySettings,
    Capabilities,
    ControlSettings,
    PhaseProtection,
    Settings,
    Site,
)
from phasewise.sim.battery import BatterySpec
from phasewise.sim.closed_loop import TICK_S
from phasewise.sim.loads import LoadFunction, Loads, Ramp, load_function
from phasewise.sim.strict import Percent, Positive, Power, Seconds, Share, Strict

PACKAGED = "phasewise.sim.scenarios"
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$")]


class MetricKind(StrEnum):
    """What can be measured; less is better in all of them."""

    SETTLE = "settle"
    IMPORT = "import"
    EXPORT = "export"
    EXCHANGED = "exchanged"
    OVERSHOOT = "overshoot"
    RMS = "rms"
    SWINGS = "swings"
    WRITES = "writes"
    STOP = "stop"
    FUSE = "fuse"

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return _UNITS[self]


_UNITS = {
    MetricKind.SETTLE: "s",
    MetricKind.IMPORT: "Wh",
    MetricKind.EXPORT: "Wh",
    MetricKind.EXCHANGED: "Wh",
    MetricKind.OVERSHOOT: "W",
    MetricKind.RMS: "W",
    MetricKind.SWINGS: "",
    MetricKind.WRITES: "/min",
    MetricKind.STOP: "s",
    MetricKind.FUSE: "%",
}


class Metric(Strict, frozen=True):
    """One figure, and how large it may be. Times count from the end of the warm-up."""

    name: str
    kind: MetricKind
    from_s: Seconds = 0.0
    until_s: Seconds | None = None
    """Null: the end of the run."""
    edges_s: tuple[Seconds, ...] = (0.0,)
    """`overshoot` and `swings`: when the load jumps."""
    band_w: Power = 100.0
    """`settle`: the grid total counts as settled within this. `swings`: a swing leaves it on both sides."""
    hold_s: Seconds = 8.0
    """`settle`: for this long."""
    must: float | None = None
    """At most this, or the scorecard fails."""
    goal: float | None = None


class FaultKind(StrEnum):
    """What can go wrong during a run."""

    METER_DEAD = "meter-dead"
    METER_REPLAYS = "meter-replays"
    BATTERY_UNREACHABLE = "battery-unreachable"
    BATTERY_IGNORES = "battery-ignores"
    BATTERY_INVERTED = "battery-inverted"
    TELEMETRY_FROZEN = "telemetry-frozen"
    TELEMETRY_LATE = "telemetry-late"

    @property
    def of_meter(self) -> bool:
        """Whether it is the meter's, not one battery's."""
        return self in (FaultKind.METER_DEAD, FaultKind.METER_REPLAYS)


class Fault(Strict, frozen=True):
    """Something that goes wrong, and perhaps recovers."""

    kind: FaultKind
    at_s: Seconds
    until_s: Seconds | None = None
    battery: str | None = None
    late_s: Seconds = 10.0
    """`telemetry-late`: how old the values are."""


class BatteryEntry(BatterySpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One battery: its physics, where it is, and what the user said of it."""

    id: Name
    connected_to: Assignment
    """Where it truly is: L1, L2, L3 or three-phase."""
    phase: Assignment = Assignment.UNASSIGNED
    """What the controller is told."""
    soc_pct: Percent = 50.0
    reserve_soc_pct: Percent = 12.0
    """The user's own limits; `min_soc_pct` is where the unit itself refuses."""
    ceiling_soc_pct: Percent = 100.0

    def settings(self, read_cadence_s: float) -> BatterySettings:
        """What the controller knows of it: never its dead time, ramp or true phase."""
        capabilities = Capabilities(
            self.max_charge_w,
            self.max_discharge_w,
            min_power_w=self.min_power_w,
            read_cadence_s=read_cadence_s,
        )
        return BatterySettings(
            id=self.id,
            name=self.id,
            capabilities=capabilities,
            phase=self.phase,
            max_charge_w=self.max_charge_w,
            max_discharge_w=self.max_discharge_w,
            min_soc_pct=self.reserve_soc_pct,
            max_soc_pct=self.ceiling_soc_pct,
        )


class MeterEntry(Strict, frozen=True):
    """The meter."""

    cadence_s: Positive = 1.0
    delay_s: Seconds = 1.0
    """How late a sample is seen."""
    assumed_delay_s: Seconds | None = None
    """How late the controller takes it to be; null: it knows."""
    noise_w: Power = 5.0
    """Standard deviation of the total."""
    current_quantum_a: Positive = 1.0
    dropouts: Share = 0.0


class TelemetryEntry(Strict, frozen=True):
    """How the batteries are read."""

    cadence_s: Positive = 2.0
    delay_s: Seconds = 0.0
    """How old the values are."""


class SiteEntry(Strict, frozen=True):
    """The connection: three phases and neutral."""

    main_fuse_a: Positive = 25.0
    voltage_v: Positive = 230.0


class ProtectionEntry(PhaseProtection, frozen=True, forbid_unknown_fields=True):
    """As in the configuration."""


class ControlEntry(ControlSettings, frozen=True, forbid_unknown_fields=True):
    """As in the configuration."""

    phase_protection: ProtectionEntry = ProtectionEntry()


class Scenario(Strict, frozen=True):
    """One house for a while. Times count from the end of the warm-up."""

    title: str
    description: str
    duration_s: Positive
    batteries: tuple[BatteryEntry, ...]
    warm_up_s: Seconds = 60.0
    tick_s: Positive = TICK_S
    """Resolution; 1 s for runs of hours."""
    seeds: Count = 8
    """How many seeds the scorecard takes the median of."""
    site: SiteEntry = SiteEntry()
    loads: Loads = Loads()
    pv: tuple[Ramp, ...] = ()
    meter: MeterEntry = MeterEntry()
    telemetry: TelemetryEntry = TelemetryEntry()
    control: ControlEntry = ControlEntry()
    faults: tuple[Fault, ...] = ()
    metrics: tuple[Metric, ...] = ()

    def settings(self) -> Settings:
        """What the controller is configured with."""
        fuse_a = self.site.main_fuse_a
        return Settings(
            Site(main_fuse_a=(fuse_a, fuse_a, fuse_a), nominal_voltage_v=self.site.voltage_v),
            tuple(battery.settings(self.telemetry.cadence_s) for battery in self.batteries),
            self.control,
        )


class Loaded(msgspec.Struct, frozen=True):
    """A scenario that can be run."""

    name: str
    scenario: Scenario
    loads_w: LoadFunction
    """Seconds of the scenario to W per phase."""


def packaged_names() -> list[str]:
    """The scenarios that come with Phasewise, in the order of the scorecard."""
    files = (entry.name for entry in resources.files(PACKAGED).iterdir())
    return sorted((name.removesuffix(".yaml") for name in files if name.endswith(".yaml")), key=_natural)


def _natural(name: str) -> list[tuple[float, str]]:
    """`step-d10` comes after `step-d2`."""
    return [
        (float(part), "") if re.fullmatch(r"[\d.]+", part) else (0.0, part)
        for part in re.split(r"(\d+(?:\.\d+)?)", name)
        if part
    ]


def load_packaged(name: str) -> Loaded:
    """One of `packaged_names`. Raises ConfigError."""
    if name not in packaged_names():
        near = did_you_mean(name, packaged_names())
        message = f"there is no such file, and no scenario of this name{near}"
        raise ConfigError([Problem(name, None, None, "", None, message, ", ".join(packaged_names()))])
    with resources.as_file(resources.files(PACKAGED).joinpath(f"{name}.yaml")) as path:
        return load_scenario(path)


def load_scenario(path: Path) -> Loaded:
    """Read and check a scenario file. Raises ConfigError, which names file, line and key."""
    text = read_text(path)
    scenario = parse_scenario(text, str(path))
    return Loaded(path.stem, scenario, load_function(scenario.loads, path.parent))


def parse_scenario(text: str, file: str) -> Scenario:
    """Check the text of a scenario file. Raises ConfigError, which names `file`, line and key."""
    document = parse(text, file)
    for path, place, message in document.problems:
        raise _problem(document, path, place, message)
    try:
        scenario = msgspec.convert(document.value, Scenario)
    except msgspec.ValidationError as error:
        raise _invalid(document, str(error)) from error
    _check_batteries(document, scenario)
    _check_times(document, scenario)
    return scenario


def _wrong(document: Document, path: KeyPath, message: str, allowed: str | None = None) -> ConfigError:
    place = next(document.places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in document.places)
    return _problem(document, path, place, message, allowed)


def _problem(
    document: Document, path: KeyPath, place: Place, message: str, allowed: str | None = None
) -> ConfigError:
    key = key_text(path, document.value)
    return ConfigError([Problem(document.file, place.line, place.column, key, None, message, allowed)])


def _invalid(document: Document, said: str) -> ConfigError:
    """Put the place in words of msgspec, such as `$.metrics[0].kind`, back into the file."""
    message, _, where = said.partition(" - at `")
    found = re.findall(r"\.(\w+)|\[(\d+)\]", where)
    path: KeyPath = tuple(key if key else int(number) for key, number in found)
    unknown = re.search(r"unknown field `(.*)`", message)
    if unknown is not None:
        return _wrong(document, (*path, unknown[1]), "there is no such key")
    missing = re.search(r"missing required field `(.*)`", message)
    if missing is not None:
        return _wrong(document, path, f"the key '{missing[1]}' is missing")
    return _wrong(document, path, message[0].lower() + message[1:])


def _check_batteries(document: Document, scenario: Scenario) -> None:
    ids = [battery.id for battery in scenario.batteries]
    for index, battery in enumerate(scenario.batteries):
        path: KeyPath = ("batteries", index)
        if battery.id in ids[:index]:
            raise _wrong(document, (*path, "id"), f"'{battery.id}' is used twice; ids must differ")
        if battery.connected_to is Assignment.UNASSIGNED:
            allowed = "L1, L2, L3, three-phase"
            raise _wrong(document, (*path, "connected_to"), "it is connected somewhere", allowed)
    for index, name in enumerate(scenario.control.priority):
        if name not in ids:
            raise _wrong(document, ("control", "priority", index), f"no battery '{name}'", ", ".join(ids))
    for index, fault in enumerate(scenario.faults):
        path = ("faults", index)
        if fault.kind.of_meter and fault.battery is not None:
            raise _wrong(document, (*path, "battery"), f"'{fault.kind}' is about the meter")
        if not fault.kind.of_meter and fault.battery not in ids:
            message = f"'{fault.kind}' needs the battery that it is about"
            raise _wrong(document, (*path, "battery"), message, ", ".join(ids))


def _check_times(document: Document, scenario: Scenario) -> None:
    end_s = scenario.duration_s
    spans: list[tuple[KeyPath, float, float | None]] = [
        *((("metrics", i), metric.from_s, metric.until_s) for i, metric in enumerate(scenario.metrics)),
        *((("faults", i), fault.at_s, fault.until_s) for i, fault in enumerate(scenario.faults)),
        *((("loads", "steps", i), step.at_s, step.until_s) for i, step in enumerate(scenario.loads.steps)),
    ]
    for path, from_s, until_s in spans:
        if from_s >= end_s or (until_s is not None and until_s > end_s):
            raise _wrong(document, path, f"it lies outside the {end_s:g} s of the scenario")
        if until_s is not None and until_s <= from_s:
            raise _wrong(document, (*path, "until_s"), "it must be later than the beginning")
    for part, ramps in ((("loads", "ramps"), scenario.loads.ramps), (("pv",), scenario.pv)):
        for index, ramp in enumerate(ramps):
            times_s = [time_s for time_s, _ in ramp.points]
            if not times_s or any(b <= a for a, b in pairwise(times_s)):
                message = "at least one point is needed, each later than the one before"
                raise _wrong(document, (*part, index, "points"), message)
