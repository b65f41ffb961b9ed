"""What a house usually draws, learnt from its past: by quarter hour, on weekdays and on weekends. Pure."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from phasewise.model.forecast import ForecastInterval

QUARTER_S = 900.0
QUARTERS = 96
"""A day has as many by the clock; the hour that is missing or repeated with DST is looked up like any."""
SATURDAY = 5
SHRINKAGE_DAYS = 3.0
"""So many days of one's own kind weigh as much as what all days together say."""
FLAT_DAYS = 1.0
"""So many days at one quarter hour weigh as much as the mean of all day."""


class LoadProfile(Struct, frozen=True):
    """Mean load in W for each local quarter hour, the first at 00:00."""

    time_zone: str
    weekday_w: tuple[float, ...]
    weekend_w: tuple[float, ...]
    days: float
    """How many days of samples there were."""

    def load_w(self, utc_s: float) -> float:
        """What the house is expected to draw at a moment."""
        return self._at(utc_s, ZoneInfo(self.time_zone))

    def forecast(self, start_utc_s: float, end_utc_s: float) -> tuple[ForecastInterval, ...]:
        """Every quarter hour that begins in the span and touches it, in order."""
        zone = ZoneInfo(self.time_zone)
        found = []
        at = start_utc_s // QUARTER_S * QUARTER_S
        while at < end_utc_s:
            found.append(ForecastInterval(at, at + QUARTER_S, self._at(at, zone)))
            at += QUARTER_S
        return tuple(found)

    def _at(self, utc_s: float, zone: ZoneInfo) -> float:
        quarter, weekend = _slot(utc_s, zone)
        return (self.weekend_w if weekend else self.weekday_w)[quarter]


def learn_profile(samples: Iterable[tuple[float, float]], time_zone: str) -> LoadProfile | None:
    """The profile of (Unix time, load in W) samples of any cadence and order; None without any.

    With little to learn from it is careful: a quarter hour leans on the mean of the whole day, and weekdays
    and weekends lean on each other, until there are enough days of the kind. Each quarter hour of a day
    counts once, however many samples it has. A load below zero counts as 0.
    """
    zone = ZoneInfo(time_zone)
    seen: dict[float, list[float]] = {}
    for utc_s, load_w in samples:
        bucket = seen.setdefault(utc_s // QUARTER_S, [0.0, 0.0])
        bucket[0] += max(0.0, load_w)
        bucket[1] += 1.0
    if not seen:
        return None
    kinds = ([_Mean() for _ in range(QUARTERS)], [_Mean() for _ in range(QUARTERS)])
    for number, (total_w, count) in seen.items():
        quarter, weekend = _slot(number * QUARTER_S, zone)
        kinds[weekend][quarter].add(total_w / count)
    overall_w = sum(total_w / count for total_w, count in seen.values()) / len(seen)
    both = [
        (weekday.total_w + weekend.total_w + FLAT_DAYS * overall_w)
        / (weekday.days + weekend.days + FLAT_DAYS)
        for weekday, weekend in zip(*kinds, strict=True)
    ]
    weekday_w, weekend_w = (
        tuple(mean.shrunk(toward_w) for mean, toward_w in zip(kind, both, strict=True)) for kind in kinds
    )
    return LoadProfile(time_zone, weekday_w, weekend_w, len(seen) / QUARTERS)


class _Mean:
    """Of one quarter hour on days of one kind."""

    def __init__(self) -> None:
        self.total_w = 0.0
        self.days = 0.0

    def add(self, load_w: float) -> None:
        self.total_w += load_w
        self.days += 1.0

    def shrunk(self, toward_w: float) -> float:
        return (self.total_w + SHRINKAGE_DAYS * toward_w) / (self.days + SHRINKAGE_DAYS)


def _slot(utc_s: float, zone: ZoneInfo) -> tuple[int, bool]:
    """The local quarter hour, and whether it is on a weekend."""
    local = datetime.fromtimestamp(utc_s, zone)
    return local.hour * 4 + local.minute // 15, local.weekday() >= SATURDAY
