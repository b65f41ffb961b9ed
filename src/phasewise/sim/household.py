"""A generated household: appliances on their phases, and PV. Seeded: the same seed gives the same days.

Powers, stages and cycles are those of ordinary appliances, rounded. Every day is drawn anew: how often,
when and how long things run, how cold it is and how cloudy. Day 0 is a Monday.
"""

import bisect
import math
import random
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from phasewise.sim.house import PerPhase

DAY_S = 86_400.0
HOUR_S = 3600.0
_WEEKEND = (5, 6)


class Stage(Struct, frozen=True):
    """One part of an appliance's run."""

    power_w: float
    for_s: tuple[float, float]
    """Shortest and longest."""
    on_s: float = 0.0
    off_s: float = 0.0
    """With `on_s`: a thermostat or a drum that switches during this stage; 0 = on all the time."""


class Appliance(Struct, frozen=True):
    """One kind of appliance. Three-phase ones draw each stage's power on every phase."""

    name: str
    phases: tuple[int, ...]
    runs_per_day: float
    """Mean over working days."""
    stages: tuple[Stage, ...]
    hours: tuple[float, ...] = ()
    """Around which of these hours of the day it runs; empty = at any time."""
    weekend: float = 1.0
    """How much more often at the weekend."""
    cold: bool = False
    """Runs more often on a cold day."""


APPLIANCES = (
    Appliance("fridge", (0,), 28.0, (Stage(85.0, (700.0, 1100.0)),)),
    Appliance("kettle", (0,), 5.0, (Stage(2200.0, (80.0, 200.0)),), (7.3, 10.5, 15.5, 20.5), weekend=1.3),
    Appliance("coffee maker", (2,), 2.5, (Stage(1400.0, (40.0, 90.0), 6.0, 5.0),), (7.5, 13.0, 19.5)),
    Appliance("hob, left", (0,), 2.2, (Stage(2000.0, (500.0, 1500.0), 10.0, 10.0),), (12.3, 18.2), 1.3),
    Appliance("hob, right", (1,), 1.6, (Stage(1500.0, (400.0, 1500.0), 6.0, 7.0),), (12.4, 18.3), 1.3),
    Appliance(
        "oven",
        (1,),
        0.5,
        (Stage(2600.0, (500.0, 700.0)), Stage(2600.0, (900.0, 2400.0), 45.0, 60.0)),
        (18.0,),
    ),
    Appliance("microwave", (2,), 2.5, (Stage(1300.0, (60.0, 240.0)),), (8.0, 12.5, 18.0)),
    Appliance(
        "washing machine",
        (1,),
        0.7,
        (
            Stage(2000.0, (700.0, 1100.0)),
            Stage(220.0, (1800.0, 2600.0), 12.0, 8.0),
            Stage(450.0, (240.0, 420.0)),
        ),
        (9.5, 14.0, 20.0),
        weekend=2.0,
    ),
    Appliance(
        "dishwasher",
        (2,),
        0.8,
        (Stage(1900.0, (600.0, 800.0)), Stage(90.0, (1500.0, 2000.0)), Stage(1900.0, (500.0, 700.0))),
        (13.5, 20.3),
    ),
    Appliance(
        "heat pump",
        (2,),
        9.0,
        (Stage(600.0, (120.0, 240.0)), Stage(1500.0, (500.0, 1500.0)), Stage(900.0, (300.0, 900.0))),
        cold=True,
    ),
    Appliance("hair dryer", (1,), 1.0, (Stage(1500.0, (120.0, 420.0), 25.0, 6.0),), (7.2, 21.5)),
    Appliance("vacuum cleaner", (1,), 0.4, (Stage(800.0, (400.0, 1200.0)),), (10.0, 16.0), weekend=2.0),
    Appliance("TV and computers", (0,), 3.0, (Stage(170.0, (3600.0, 10000.0)),), (10.0, 16.0, 20.5)),
    Appliance("lights", (1,), 2.0, (Stage(110.0, (3600.0, 14000.0)),), (6.8, 19.5)),
)
EVS = (
    Appliance("no EV", (0,), 0.0, ()),
    Appliance(
        "EV, one phase", (2,), 0.5, (Stage(3600.0, (5400.0, 16000.0)), Stage(1500.0, (300.0, 900.0))), (18.5,)
    ),
    Appliance(
        "EV, three phases",
        (0, 1, 2),
        0.5,
        (Stage(3600.0, (2400.0, 9000.0)), Stage(1400.0, (300.0, 900.0))),
        (18.5,),
    ),
)
"""A household has one of these; the seed decides which."""
PAUSE_S = 60.0
"""Between two runs of one appliance: it never runs twice at once."""
BASE_W: PerPhase = (110.0, 70.0, 80.0)
FLICKER_W = 12.0
"""Standard deviation, per phase, of what small things add and leave out."""
FLICKER_S = 15.0
FLICKER_MEMORY = 0.9
PV_PEAK_W = 4600.0
"""Fourteen panels, feeding all three phases evenly."""
SUNRISE_S, SUNSET_S = 6.5 * HOUR_S, 20.5 * HOUR_S
CLOUD_S = 45.0
"""Clouds change the PV power within about this time."""
SKIES = ((0.9, 1.0), (0.25, 1.0), (0.4, 0.95), (0.1, 0.35))
"""Lowest and highest share of clear-sky PV: clear, broken cloud twice, overcast."""


class _Day:
    """Everything of one day, ready to be looked up."""

    def __init__(self, changes: Sequence[tuple[float, int, float]], rng: random.Random) -> None:
        """`changes`: (second of the day, phase, W more), those before 0 included."""
        self._starts_s: list[list[float]] = [[-math.inf], [-math.inf], [-math.inf]]
        self._levels_w: list[list[float]] = [[w] for w in BASE_W]
        for at_s, phase, more_w in sorted(changes):
            self._starts_s[phase].append(at_s)
            self._levels_w[phase].append(self._levels_w[phase][-1] + more_w)
        self._flicker = [_wander(rng, int(DAY_S / FLICKER_S) + 2) for _ in range(3)]
        low, high = rng.choice(SKIES)
        self._clear = [rng.uniform(low, high) for _ in range(int(DAY_S / CLOUD_S) + 2)]

    def demand_w(self, day_s: float) -> list[float]:
        index, part = divmod(day_s / FLICKER_S, 1.0)
        at = int(index)
        found = []
        for starts_s, levels_w, flicker in zip(self._starts_s, self._levels_w, self._flicker, strict=True):
            power_w = levels_w[bisect.bisect_right(starts_s, day_s) - 1]
            found.append(power_w + flicker[at] * (1.0 - part) + flicker[at + 1] * part)
        return found

    def clear(self, day_s: float) -> float:
        index, part = divmod(day_s / CLOUD_S, 1.0)
        return self._clear[int(index)] * (1.0 - part) + self._clear[int(index) + 1] * part


class Household:
    """Loads of a three-phase home, day after day, each one different.

    `pace` multiplies how often appliances run: above 1 for a demonstration that should not be dull.
    """

    def __init__(self, seed: int = 1, *, pace: float = 1.0, pv_peak_w: float = PV_PEAK_W) -> None:
        self.seed = seed
        self.pace = pace
        self.pv_peak_w = pv_peak_w
        self.ev = EVS[random.Random(f"{seed}/ev").randrange(len(EVS))]
        self._today: tuple[int, _Day] | None = None

    def demand_w(self, time_s: float) -> PerPhase:
        """Power per phase of the appliances alone. `time_s` counts from midnight before day 0."""
        index, day_s = divmod(time_s, DAY_S)
        p1, p2, p3 = self._day(int(index)).demand_w(day_s)
        return (p1, p2, p3)

    def pv_w(self, time_s: float) -> float:
        """PV power, >= 0: a clear-sky bell under passing clouds."""
        index, day_s = divmod(time_s, DAY_S)
        if not SUNRISE_S < day_s < SUNSET_S:
            return 0.0
        sun = math.sin(math.pi * (day_s - SUNRISE_S) / (SUNSET_S - SUNRISE_S))
        return self.pv_peak_w * math.pow(sun, 1.5) * self._day(int(index)).clear(day_s)

    def loads_w(self, time_s: float) -> PerPhase:
        """Power per phase without batteries, PV as negative load."""
        pv_w = self.pv_w(time_s) / 3.0
        p1, p2, p3 = self.demand_w(time_s)
        return (p1 - pv_w, p2 - pv_w, p3 - pv_w)

    def _day(self, index: int) -> _Day:
        if self._today is None or self._today[0] != index:
            # What began the evening before may still run.
            before = [(at_s - DAY_S, phase, w) for at_s, phase, w in self._changes(index - 1)]
            changes = before + list(self._changes(index))
            self._today = (index, _Day(changes, random.Random(f"{self.seed}/{index}/weather")))
        return self._today[1]

    def _changes(self, index: int) -> Iterator[tuple[float, int, float]]:
        """(second of that day, phase, W more) of everything that begins on one day."""
        rng = random.Random(f"{self.seed}/{index}/people")
        weekend = index % 7 in _WEEKEND
        busy, cold = rng.uniform(0.7, 1.3), rng.uniform(0.5, 1.5)
        for appliance in (*APPLIANCES, self.ev):
            runs = appliance.runs_per_day * self.pace
            if appliance.hours:
                runs *= busy * (appliance.weekend if weekend else 1.0)
            if appliance.cold:
                runs *= cold
            free_s = 0.0
            for start_s in _starts(rng, appliance, runs, late_h=1.3 if weekend else 0.0):
                run = _run(rng, appliance, max(start_s, free_s), 1.0 / math.sqrt(self.pace))
                free_s = run[-1][0] + PAUSE_S
                yield from run


def _starts(rng: random.Random, appliance: Appliance, runs: float, *, late_h: float) -> list[float]:
    """When an appliance is asked for, in order."""
    count = int(runs) + (rng.random() < runs % 1.0)
    if not appliance.hours:
        # Thermostats: evenly over the day, with some play.
        return [(n + rng.uniform(0.0, 0.4)) * DAY_S / count for n in range(count)]
    drawn = [rng.gauss(rng.choice(appliance.hours), 0.8) for _ in range(count)]
    return [min(max((h + (late_h if h < 12.0 else 0.0)) * HOUR_S, 0.0), DAY_S - 1.0) for h in sorted(drawn)]


def _run(
    rng: random.Random, appliance: Appliance, start_s: float, shorter: float
) -> list[tuple[float, int, float]]:
    """(second, phase, W more) in order of time."""
    at_s = start_s
    like_w = rng.uniform(0.94, 1.06)
    changes = []
    for stage in appliance.stages:
        end_s = at_s + rng.uniform(*stage.for_s) * shorter
        for on_s, off_s in _cycles(stage, at_s, end_s, rng.uniform):
            changes += [(on_s, phase, stage.power_w * like_w) for phase in appliance.phases]
            changes += [(off_s, phase, -stage.power_w * like_w) for phase in appliance.phases]
        at_s = end_s
    return changes


def _cycles(
    stage: Stage, at_s: float, end_s: float, uniform: Callable[[float, float], float]
) -> Iterator[tuple[float, float]]:
    """(on, off) times within a stage."""
    if not stage.on_s:
        yield at_s, end_s
        return
    while at_s < end_s:
        off_s = min(at_s + stage.on_s * uniform(0.9, 1.1), end_s)
        yield at_s, off_s
        at_s = off_s + stage.off_s * uniform(0.9, 1.1)


def _wander(rng: random.Random, count: int) -> list[float]:
    """A random walk that returns to 0, with standard deviation FLICKER_W."""
    kick_w = FLICKER_W * math.sqrt(1.0 - FLICKER_MEMORY**2)
    value_w, found = 0.0, []
    for _ in range(count):
        value_w = FLICKER_MEMORY * value_w + rng.gauss(0.0, kick_w)
        found.append(value_w)
    return found
