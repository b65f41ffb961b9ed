"""What a house draws, composed of steps, ramps, pulses, a recording or a generated household."""

import bisect
import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from phasewise.config import ConfigError, Problem
from phasewise.model import Phase
from phasewise.sim.house import PerPhase
from phasewise.sim.household import Household
from phasewise.sim.strict import Positive, PositiveShare, Power, Seconds, Strict, Watts

LoadFunction = Callable[[float], PerPhase]
"""Seconds of the scenario (negative while it warms up) to W per phase."""
ON_TIME_S = 1e-9
"""Ticks are sums of floats: this much too early is on time."""


class Step(Strict, frozen=True):
    """A load that is switched on, and perhaps off."""

    at_s: Seconds
    phase: Phase
    power_w: Watts
    until_s: Seconds | None = None


class Pulses(Strict, frozen=True):
    """A load that a thermostat switches on and off."""

    phase: Phase
    power_w: Watts
    on_s: Positive
    off_s: Positive
    at_s: Seconds = 0.0
    until_s: Seconds | None = None


class Ramp(Strict, frozen=True):
    """Power along straight lines between points; before the first and after the last it stays."""

    points: tuple[tuple[float, Watts], ...]
    """(seconds, W)"""
    phase: Phase | None = None
    """Null: spread evenly over the three phases."""


class HouseholdLoad(Strict, frozen=True):
    """A generated household, its PV included."""

    seed: int
    starts_at_h: Annotated[float, Meta(ge=0)] = 0.0
    """Hours after the midnight at which its first day begins, a Monday."""
    pace: Positive = 1.0
    """How much more often than at home appliances run."""
    pv_peak_w: Power = 4600.0


class PowerFactors(Strict, frozen=True):
    """`power_factor` when the phases differ."""

    L1: PositiveShare = 1.0
    L2: PositiveShare = 1.0
    L3: PositiveShare = 1.0


class Loads(Strict, frozen=True):
    """Everything that draws power; all parts add up."""

    base_w: tuple[Watts, Watts, Watts] = (0.0, 0.0, 0.0)
    power_factor: PositiveShare | PowerFactors = 1.0
    steps: tuple[Step, ...] = ()
    ramps: tuple[Ramp, ...] = ()
    pulses: tuple[Pulses, ...] = ()
    csv: str | None = None
    """A file with `t,L1_w,L2_w,L3_w`, beside the scenario."""
    household: HouseholdLoad | None = None

    @property
    def power_factors(self) -> PerPhase:
        """The power factor of each phase."""
        factor = self.power_factor
        return (factor.L1, factor.L2, factor.L3) if isinstance(factor, PowerFactors) else (factor,) * 3


class Recording:
    """Load per phase over time, from a CSV; each value holds until the next."""

    def __init__(self, times_s: Sequence[float], powers_w: Sequence[PerPhase]) -> None:
        """Times strictly ascend from 0."""
        self._times_s = times_s
        self._powers_w = powers_w
        self.duration_s = times_s[-1]

    def phases_w(self, time_s: float) -> PerPhase:
        """Before the first value and after the last, those hold."""
        index = bisect.bisect_right(self._times_s, time_s + ON_TIME_S) - 1
        return self._powers_w[max(index, 0)]


def read_csv(path: Path) -> Recording:
    """Read `t,L1_w,L2_w,L3_w`: seconds, W. Raises ConfigError, which names file and line.

    Lines that begin with # are comments. The first column may be called t_s too; names may be in
    lower case; a home with one phase has L1_w alone. Times are counted from the first.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, None, f"the file cannot be read: {error}") from error
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    if len(rows) < 3:
        raise _wrong(path, None, "a header and at least two rows are needed: t,L1_w,L2_w,L3_w")
    columns = _columns(path, rows[0][0], next(csv.reader([rows[0][1]])))
    times_s: list[float] = []
    powers_w: list[PerPhase] = []
    for (number, _), cells in zip(rows[1:], csv.reader(line for _, line in rows[1:]), strict=True):
        try:
            values = [float(cells[column]) for column in columns]
        except (ValueError, IndexError) as error:
            raise _wrong(path, number, f"not numbers in every column: {','.join(cells)}") from error
        if not all(map(math.isfinite, values)):
            raise _wrong(path, number, "a value is not a finite number")
        if times_s and values[0] <= times_s[-1]:
            raise _wrong(path, number, f"the time {values[0]:g} does not come after {times_s[-1]:g}")
        times_s.append(values[0])
        padded = (*values[1:], 0.0, 0.0)
        powers_w.append((padded[0], padded[1], padded[2]))
    return Recording([time_s - times_s[0] for time_s in times_s], powers_w)


def _columns(path: Path, number: int, header: Sequence[str]) -> list[int]:
    """Positions of the time and of the phases that are there."""
    names = [name.strip().lower() for name in header]
    wanted = ["l1_w", "l2_w", "l3_w"] if "l2_w" in names or "l3_w" in names else ["l1_w"]
    time = next((name for name in ("t", "t_s") if name in names), "t")
    missing = [name for name in (time, *wanted) if name not in names]
    if missing:
        message = f"no column {', '.join(missing)}; the header must be t,L1_w,L2_w,L3_w or t,L1_w"
        raise _wrong(path, number, message)
    return [names.index(name) for name in (time, *wanted)]


def _wrong(path: Path, line: int | None, message: str) -> ConfigError:
    return ConfigError([Problem(str(path), line, None, "", None, message)])


def ramps_function(ramps: Sequence[Ramp]) -> LoadFunction:
    """The sum of some ramps."""
    single = [(ramp.phase, [t for t, _ in ramp.points], [w for _, w in ramp.points]) for ramp in ramps]

    def phases_w(time_s: float) -> PerPhase:
        sums = [0.0, 0.0, 0.0]
        for phase, times_s, powers_w in single:
            power_w = _along(times_s, powers_w, time_s)
            if phase is not None:
                sums[phase.ordinal] += power_w
            else:
                for index in range(3):
                    sums[index] += power_w / 3.0
        return (sums[0], sums[1], sums[2])

    return phases_w


def _along(times_s: Sequence[float], powers_w: Sequence[float], time_s: float) -> float:
    index = bisect.bisect_right(times_s, time_s)
    if index == 0:
        return powers_w[0]
    if index == len(times_s):
        return powers_w[-1]
    part = (time_s - times_s[index - 1]) / (times_s[index] - times_s[index - 1])
    return powers_w[index - 1] + part * (powers_w[index] - powers_w[index - 1])


def load_function(loads: Loads, folder: Path) -> LoadFunction:
    """The loads of a scenario as one function. A CSV is looked for in `folder`. Raises ConfigError."""
    parts: list[LoadFunction] = []
    if loads.steps or loads.pulses:
        parts.append(_switched(loads.steps, loads.pulses))
    if loads.ramps:
        parts.append(ramps_function(loads.ramps))
    if loads.csv is not None:
        parts.append(read_csv(folder / loads.csv).phases_w)
    if loads.household is not None:
        parts.append(_household(loads.household))
    base_w = loads.base_w

    def phases_w(time_s: float) -> PerPhase:
        p1, p2, p3 = base_w
        for part in parts:
            q1, q2, q3 = part(time_s)
            p1, p2, p3 = p1 + q1, p2 + q2, p3 + q3
        return (p1, p2, p3)

    return phases_w


def _switched(steps: Sequence[Step], pulses: Sequence[Pulses]) -> LoadFunction:
    def phases_w(time_s: float) -> PerPhase:
        sums = [0.0, 0.0, 0.0]
        now_s = time_s + ON_TIME_S
        for step in steps:
            if step.at_s <= now_s and (step.until_s is None or now_s < step.until_s):
                sums[step.phase.ordinal] += step.power_w
        for pulse in pulses:
            if pulse.at_s <= now_s and (pulse.until_s is None or now_s < pulse.until_s):
                in_cycle_s = (now_s - pulse.at_s) % (pulse.on_s + pulse.off_s)
                if in_cycle_s < pulse.on_s:
                    sums[pulse.phase.ordinal] += pulse.power_w
        return (sums[0], sums[1], sums[2])

    return phases_w


def _household(spec: HouseholdLoad) -> LoadFunction:
    household = Household(spec.seed, pace=spec.pace, pv_peak_w=spec.pv_peak_w)
    starts_s = spec.starts_at_h * 3600.0

    def phases_w(time_s: float) -> PerPhase:
        return household.loads_w(max(0.0, starts_s + time_s))

    return phases_w
