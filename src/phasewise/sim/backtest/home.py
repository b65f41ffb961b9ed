"""The house of a backtest: mean power per quarter of an hour, and what could have been forecast of it."""

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from phasewise.control.strategies.planned import means_w
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import DynamicOptions
from phasewise.sim.household import DAY_S, HOUR_S, SKIES, Household
from phasewise.sim.loads import read_csv
from phasewise.sources.load_profile import LoadProfile, learn_profile

STEP_S = 900.0
"""Length of a step: a quarter of an hour, as loads are metered, also where prices are hourly."""
SAMPLE_S = 180.0
"""A quarter's mean is that of samples this far apart: appliances switch within it."""
LATITUDE_RAD = math.radians(52.1)
LONGITUDE_H = 5.2 / 15.0
"""The middle of the Netherlands; sun time is so many hours ahead of UTC."""
TILT_RAD = math.radians(35.0)
CLEAR_SKY_SHARE = 0.99
"""AC power per rated power in full sunlight; with the drawn skies it makes 900 kWh a year per kW of panels,
what a good Dutch roof gives."""
LEARNT_DAYS = 28
"""As long as the engine remembers the house."""
LOAD_WEEKS = 4
PV_DAYS = 7
"""A forecast is the mean of the same quarter: of this many weekdays alike, of this many days."""


class Step(Struct, frozen=True):
    """A quarter of an hour, in local time."""

    price: PriceInterval
    day: int
    """Ordinal of the local date."""
    slot: int
    """Quarter of the wall clock's day, 0 to 95."""


class Home(Struct, frozen=True):
    """Mean powers per step, W."""

    steps: tuple[Step, ...]
    load_w: tuple[float, ...]
    """Of the house alone; with a recording: of all that it measured, PV included."""
    pv_w: tuple[float, ...]
    """>= 0."""

    @property
    def net_w(self) -> tuple[float, ...]:
        """What the house draws without a battery."""
        return tuple([load - pv for load, pv in zip(self.load_w, self.pv_w, strict=True)])


def quarters(prices: Sequence[PriceInterval], zone: ZoneInfo) -> tuple[Step, ...]:
    """The price intervals cut into quarters of an hour."""
    steps = []
    for price in prices:
        count = max(1, round((price.end_utc_s - price.start_utc_s) / STEP_S))
        for index in range(count):
            start_s = price.start_utc_s + index * STEP_S
            end_s = price.end_utc_s if index == count - 1 else start_s + STEP_S
            local = datetime.fromtimestamp(start_s, UTC).astimezone(zone)
            part = PriceInterval(start_s, end_s, price.buy_eur_kwh, price.sell_eur_kwh)
            steps.append(Step(part, local.toordinal(), local.hour * 4 + local.minute // 15))
    return tuple(steps)


def generated_home(steps: tuple[Step, ...], *, seed: int, pv_peak_w: float) -> Home:
    """A generated household, with the sun of each season on its panels."""
    household = Household(seed, pv_peak_w=0.0)
    return Home(steps, _loads(steps, household.demand_w), _pv(steps, pv_peak_w, seed))


def recorded_home(steps: tuple[Step, ...], path: Path, *, pv_peak_w: float, seed: int) -> Home:
    """A recording that begins at midnight and comes again day after day. Raises ConfigError."""
    recording = read_csv(path)
    repeats_s = max(1.0, math.ceil(recording.duration_s / DAY_S)) * DAY_S

    def phases_w(time_s: float) -> Sequence[float]:
        return recording.phases_w(time_s % repeats_s)

    return Home(steps, _loads(steps, phases_w), _pv(steps, pv_peak_w, seed))


def forecast_w(home: Home) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(load, PV) per step as one could have expected them on the day before: by habit.

    The house: the mean of the same quarter of the last four days of that weekday; before there is one, of the
    newest known day. The sun: the mean of the same quarter of the last seven known days. Known are days up to
    two before: what is planned for tomorrow is planned today, and today is not over.
    """
    at = {(step.day, step.slot): index for index, step in enumerate(home.steps)}

    def mean(powers_w: Sequence[float], days: Sequence[int], slot: int) -> float | None:
        known = [powers_w[at[day, slot]] for day in days if (day, slot) in at]
        return sum(known) / len(known) if known else None

    loads, suns = [], []
    for step in home.steps:
        weeks = [step.day - 7 * week for week in range(1, LOAD_WEEKS + 1)]
        load_w = mean(home.load_w, weeks, step.slot)
        if load_w is None:
            load_w = mean(home.load_w, [step.day - 2], step.slot) or 0.0
        days = range(step.day - 1 - PV_DAYS, step.day - 1)
        loads.append(load_w)
        suns.append(mean(home.pv_w, days, step.slot) or 0.0)
    return tuple(loads), tuple(suns)


class Learnt:
    """What the engine learns of the house: each midnight a profile of the four weeks before."""

    def __init__(self, home: Home, time_zone: str) -> None:
        self._home, self._time_zone = home, time_zone
        self._first: dict[int, int] = {}
        for index, step in enumerate(home.steps):
            self._first.setdefault(step.day, index)
        self._profiles: dict[int, LoadProfile | None] = {}

    def load_w(self, today: int, prices: Sequence[PriceInterval], begin: int, end: int) -> list[float]:
        """Expected per price interval; `today` is the ordinal of the local date."""
        profile = self._profile(today)
        if profile is None:
            return [DynamicOptions().expected_load_w] * (end - begin)
        return means_w(
            profile.forecast(prices[begin].start_utc_s, prices[end - 1].end_utc_s), prices[begin:end], 0.0
        )

    def _profile(self, today: int) -> LoadProfile | None:
        if today not in self._profiles:
            first = self._first.get(today - LEARNT_DAYS, 0)
            past = range(first, self._first[today])
            samples = [(self._home.steps[i].price.start_utc_s, self._home.load_w[i]) for i in past]
            self._profiles[today] = learn_profile(samples, self._time_zone)
        return self._profiles[today]


def _loads(steps: Sequence[Step], phases_w: Callable[[float], Sequence[float]]) -> tuple[float, ...]:
    """Means per step. Day 0 of the powers is the Monday of the first week: weekdays stay what they are."""
    # 0001-01-01, ordinal 1, was a Monday.
    monday = steps[0].day - (steps[0].day - 1) % 7
    samples = round(STEP_S / SAMPLE_S)
    means = []
    for step in steps:
        start_s = (step.day - monday) * DAY_S + step.slot * STEP_S
        means.append(sum(sum(phases_w(start_s + n * SAMPLE_S)) for n in range(samples)) / samples)
    return tuple(means)


def _pv(steps: Sequence[Step], peak_w: float, seed: int) -> tuple[float, ...]:
    """Power of panels facing south, under a sky drawn per day."""
    rng = random.Random(f"{seed}/sky")
    powers, today, sky = [], -1, (0.0, 1.0)
    for step in steps:
        if step.day != today:
            today, sky = step.day, rng.choice(SKIES)
        clear_w = peak_w * CLEAR_SKY_SHARE * _sunlight(step.price.start_utc_s + STEP_S / 2)
        powers.append(clear_w * rng.uniform(*sky))
    return tuple(powers)


def _sunlight(utc_s: float) -> float:
    """Share of full sunlight on the panels under a clear sky."""
    moment = datetime.fromtimestamp(utc_s, UTC)
    season = 2.0 * math.pi * (moment.timetuple().tm_yday + 10) / 365.25
    declination = math.radians(-23.44) * math.cos(season)
    hour_angle = math.pi * (utc_s % DAY_S / HOUR_S + LONGITUDE_H - 12.0) / 12.0
    height = _cosine(LATITUDE_RAD, declination, hour_angle)
    if height <= 0.0:
        return 0.0
    # What the air lets through, along its path: Meinel's clear-sky formula.
    direct = 1.1 * math.pow(0.7, math.pow(1.0 / max(height, 0.02), 0.678))
    return max(_cosine(LATITUDE_RAD - TILT_RAD, declination, hour_angle), 0.1) * direct


def _cosine(latitude: float, declination: float, hour_angle: float) -> float:
    """Of the angle between the sun and a level surface's normal at this latitude."""
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )
