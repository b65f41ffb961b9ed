"""A generated household: appliances with their phases, and PV. Seeded, so every run is the same.

Powers and cycles are those of ordinary appliances, rounded; how often they run is per day.
"""

import bisect
import math
import random

from msgspec import Struct

from phasewise.sim.house import PerPhase

DAY_S = 86_400.0


class Appliance(Struct, frozen=True):
    """One kind of appliance on one phase (0, 1, 2)."""

    name: str
    phase: int
    power_w: float
    runs_per_day: float
    run_s: tuple[float, float]
    """Shortest and longest run."""
    on_s: float = 0.0
    """With `off_s`: a thermostat that switches the element on and off during the run."""
    off_s: float = 0.0


APPLIANCES = (
    Appliance("fridge", 0, 90.0, 40.0, (500.0, 900.0)),
    Appliance("kettle", 0, 2200.0, 7.0, (90.0, 200.0)),
    Appliance("hob", 0, 2000.0, 3.0, (600.0, 1500.0), on_s=10.0, off_s=10.0),
    Appliance("oven", 1, 2600.0, 1.0, (1500.0, 3000.0), on_s=45.0, off_s=60.0),
    Appliance("washing machine", 1, 2000.0, 0.8, (900.0, 1300.0), on_s=240.0, off_s=600.0),
    Appliance("dishwasher", 2, 1900.0, 0.9, (1800.0, 2400.0), on_s=600.0, off_s=900.0),
    Appliance("heat pump", 2, 1400.0, 14.0, (600.0, 1800.0)),
    Appliance("vacuum cleaner", 1, 800.0, 0.6, (400.0, 1200.0)),
    Appliance("microwave", 2, 1300.0, 4.0, (60.0, 240.0)),
    Appliance("TV and computers", 0, 180.0, 3.0, (3600.0, 9000.0)),
)
BASE_W: PerPhase = (140.0, 90.0, 110.0)
PV_PEAK_W = 4600.0
"""Fourteen panels, feeding all three phases evenly."""
SUNRISE_S, SUNSET_S = 6.5 * 3600.0, 20.5 * 3600.0
CLOUD_S = 45.0
"""Clouds change the PV power within about this time."""


class _Run(Struct, frozen=True):
    start_s: float
    end_s: float
    appliance: Appliance


class Household:
    """Loads of a three-phase home, day after day the same pattern.

    `pace` multiplies how often appliances run: above 1 for a demonstration that should not be dull.
    """

    def __init__(self, seed: int = 1, *, pace: float = 1.0) -> None:
        rng = random.Random(seed)
        runs = []
        for appliance in APPLIANCES:
            for _ in range(max(1, round(appliance.runs_per_day * pace))):
                start_s = _start(rng, appliance)
                length_s = rng.uniform(*appliance.run_s) / math.sqrt(pace)
                runs.append(_Run(start_s, start_s + length_s, appliance))
        self._runs = sorted(runs, key=lambda run: run.start_s)
        self._starts = [run.start_s for run in self._runs]
        self._longest_s = max(run.end_s - run.start_s for run in runs)
        self._clouds = [rng.uniform(0.25, 1.0) for _ in range(int(DAY_S / CLOUD_S) + 2)]
        self._phases = [rng.uniform(0.0, math.tau) for _ in range(3)]

    def loads_w(self, time_s: float) -> PerPhase:
        """Power per phase without batteries, PV as negative load. `time_s` counts from midnight."""
        day_s = time_s % DAY_S
        phases = [
            base + 12.0 * math.sin(day_s / 17.0 + p) for base, p in zip(BASE_W, self._phases, strict=True)
        ]
        first = bisect.bisect_left(self._starts, day_s - self._longest_s)
        for run in self._runs[first : bisect.bisect_right(self._starts, day_s)]:
            if day_s < run.end_s and _is_on(run, day_s):
                phases[run.appliance.phase] += run.appliance.power_w
        pv_w = self.pv_w(time_s) / 3.0
        return (phases[0] - pv_w, phases[1] - pv_w, phases[2] - pv_w)

    def pv_w(self, time_s: float) -> float:
        """PV power, >= 0: a clear-sky bell under passing clouds."""
        day_s = time_s % DAY_S
        if not SUNRISE_S < day_s < SUNSET_S:
            return 0.0
        sun = math.sin(math.pi * (day_s - SUNRISE_S) / (SUNSET_S - SUNRISE_S))
        index, part = divmod(day_s / CLOUD_S, 1.0)
        clear = self._clouds[int(index)] * (1.0 - part) + self._clouds[int(index) + 1] * part
        return PV_PEAK_W * sun**1.5 * clear


def _start(rng: random.Random, appliance: Appliance) -> float:
    """Short, strong things happen while people are up; long ones at any time."""
    if appliance.runs_per_day > 10.0:
        return rng.uniform(0.0, DAY_S)
    return rng.triangular(6.5 * 3600.0, 23.0 * 3600.0, rng.choice((8.0, 12.5, 18.5)) * 3600.0)


def _is_on(run: _Run, day_s: float) -> bool:
    appliance = run.appliance
    if not appliance.on_s:
        return True
    return (day_s - run.start_s) % (appliance.on_s + appliance.off_s) < appliance.on_s
