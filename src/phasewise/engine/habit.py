"""What the house usually draws, learnt while control runs, and at the start from what history has of it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import attrgetter

from phasewise.model.forecast import ForecastInterval
from phasewise.sources.load_profile import QUARTER_S, learn_profile

KEEP_DAYS = 28
"""Four of each weekday; a household changes within a season."""
NEEDED_DAYS = 1.0
"""Less than a day says nothing of the rest of it."""
AHEAD_S = 48 * 3600.0
"""Prices are known for today and tomorrow."""
RENEW_S = 6 * 3600.0
"""A forecast is made anew as often: each makes the strategy plan anew."""
_QUARTERS = round(KEEP_DAYS * 86_400.0 / QUARTER_S)


class Habit:
    """Means per quarter hour, and the forecast made of them: the identical object until it changes."""

    def __init__(self) -> None:
        self.forecast: tuple[ForecastInterval, ...] = ()
        self._means: dict[float, tuple[float, int]] = {}
        """Begin of a quarter hour: mean load in W, and of how many samples."""
        self._made_utc_s = float("-inf")

    def saw(self, utc_s: float, net_load_w: float, sun: Sequence[ForecastInterval], time_zone: str) -> None:
        """One sample: what the house draws without batteries, panels included.

        `sun`: what was expected of the panels, in order of time. Their own power is not measured, so it
        stands for it.
        """
        load_w = net_load_w + _power_w(sun, utc_s)
        start_s = utc_s // QUARTER_S * QUARTER_S
        mean_w, count = self._means.get(start_s, (0.0, 0))
        new = count == 0
        self._means[start_s] = (mean_w + (load_w - mean_w) / (count + 1), count + 1)
        if not new:
            return
        while len(self._means) > _QUARTERS:
            del self._means[min(self._means)]
        if not 0.0 <= utc_s - self._made_utc_s < RENEW_S:
            self._renew(utc_s, time_zone)

    def recall(self, means: Iterable[tuple[float, float]], utc_s: float, time_zone: str) -> None:
        """What is known of the past: begins of quarter hours and mean loads in W, without panels.

        What was seen since the start counts more.
        """
        known = {start_s: (mean_w, round(min(QUARTER_S, utc_s - start_s))) for start_s, mean_w in means}
        recent = sorted({**known, **self._means}.items())[-_QUARTERS:]
        self._means = dict(recent)
        self._renew(utc_s, time_zone)

    def _renew(self, utc_s: float, time_zone: str) -> None:
        profile = learn_profile([(at_s, mean_w) for at_s, (mean_w, _) in self._means.items()], time_zone)
        if profile is not None and profile.days >= NEEDED_DAYS:
            self._made_utc_s = utc_s
            self.forecast = profile.forecast(utc_s, utc_s + AHEAD_S)


def _power_w(expected: Sequence[ForecastInterval], utc_s: float) -> float:
    """At this moment; 0 where nothing is expected."""
    index = bisect_right(expected, utc_s, key=attrgetter("start_utc_s")) - 1
    return expected[index].power_w if index >= 0 and utc_s < expected[index].end_utc_s else 0.0
