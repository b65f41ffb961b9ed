"""Scenarios as data: a house, its batteries, what goes wrong, and how good control must be."""

import re
from datetime import datetime
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from phasewise.config import ConfigError, Problem, read_text
from phasewise.config.document import Document, Place, parse
from phasewise.config.errors import KeyPath, did_you_mean, key_text
from phasewise.model import AlarmCode, Assignment, Settings, Site
from phasewise.sim.closed_loop import TICK_S
from phasewise.sim.entries import (
    BatteryEntry,
    ControlEntry,
    Fault,
    FaultKind,
    MeterEntry,
    Metric,
    MetricKind,
    PricesEntry,
    SiteEntry,
    TelemetryEntry,
)
from phasewise.sim.loads import LoadFunction, Loads, Ramp, load_function
from phasewise.sim.strict import Positive, Seconds, Strict

PACKAGED = "phasewise.sim.scenarios"
Count = Annotated[int, Meta(ge=1)]


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
    starts_utc: datetime | None = None
    """When it is then, with an offset; null: long ago, where the time of day does not count."""
    prices: PricesEntry | None = None
    site: SiteEntry = SiteEntry()
    loads: Loads = Loads()
    pv: tuple[Ramp, ...] = ()
    meter: MeterEntry = MeterEntry()
    telemetry: TelemetryEntry = TelemetryEntry()
    control: ControlEntry = ControlEntry()
    faults: tuple[Fault, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @property
    def starts_utc_s(self) -> float:
        """Unix time at the end of the warm-up."""
        return self.warm_up_s if self.starts_utc is None else self.starts_utc.timestamp()

    def settings(self) -> Settings:
        """What the controller is configured with."""
        site, cadence_s = self.site, self.telemetry.cadence_s
        return Settings(
            Site(
                main_fuse_a=site.ratings_a,
                nominal_voltage_v=site.voltage_v,
                connection=site.connection,
            ),
            tuple(battery.settings(cadence_s, self.starts_utc_s) for battery in self.batteries),
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
    _check_faults(document, scenario)
    _check_metrics(document, scenario)
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


def _check_faults(document: Document, scenario: Scenario) -> None:
    ids = [battery.id for battery in scenario.batteries]
    for index, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", index)
        if fault.kind.of_meter and fault.battery is not None:
            raise _wrong(document, (*path, "battery"), f"'{fault.kind}' is about the meter")
        if not fault.kind.of_meter and fault.battery not in ids:
            message = f"'{fault.kind}' needs the battery that it is about"
            raise _wrong(document, (*path, "battery"), message, ", ".join(ids))
        if (fault.kind is FaultKind.PHASE_LOST) != (fault.phase is not None):
            message = f"'{FaultKind.PHASE_LOST}' needs the phase that it is about, and nothing else does"
            raise _wrong(document, (*path, "phase"), message, "L1, L2, L3")


def _check_metrics(document: Document, scenario: Scenario) -> None:
    ids = [battery.id for battery in scenario.batteries]
    for index, metric in enumerate(scenario.metrics):
        path: KeyPath = ("metrics", index)
        if metric.battery is not None and metric.battery not in ids:
            raise _wrong(document, (*path, "battery"), f"no battery '{metric.battery}'", ", ".join(ids))
        if not metric.phases:
            raise _wrong(document, (*path, "phases"), "at least one phase is needed", "L1, L2, L3")
        if metric.kind is MetricKind.ALARM_RAISED and metric.alarm is None:
            message = f"'{metric.kind}' needs the alarm that it is about"
            raise _wrong(document, (*path, "alarm"), message, ", ".join(AlarmCode))
        if metric.kind is MetricKind.OTHER_STRATEGY and metric.strategy is None:
            raise _wrong(document, (*path, "strategy"), f"'{metric.kind}' needs the strategy that should run")


def _check_times(document: Document, scenario: Scenario) -> None:
    if scenario.starts_utc is not None and scenario.starts_utc.tzinfo is None:
        raise _wrong(
            document, ("starts_utc",), "its offset from UTC is missing", "such as 2026-10-25T00:00:00Z"
        )
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
