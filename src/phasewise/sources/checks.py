"""Turns what a source said into prices or a forecast, or says what is wrong with it."""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice
from phasewise.sources.base import SourceBadData

MAX_PRICE_EUR_KWH = 10.0
"""The European day-ahead auction is bounded at 5 EUR/kWh; a price in EUR/MWh taken for one in EUR/kWh is
beyond this on almost every day."""
MAX_PRICE_S = 3600.0
"""Market intervals last 15, 30 or 60 min. A longer one is a gap that was taken for an interval."""
MAX_POWER_W = 1e6
"""No house has panels of a megawatt; W taken for kW are beyond this."""
MAX_FORECAST_S = 24 * 3600.0
"""Some services say a whole night in one interval."""


class Span(NamedTuple):
    """A value for an interval, in the unit it will have in the model."""

    start_utc_s: float
    end_utc_s: float
    value: float


def prices(spans: Iterable[Span], source: str) -> tuple[MarketPrice, ...]:
    """In order of time, each moment once. `source` names it in messages. Raises SourceBadData."""
    found = []
    for span in _in_order(spans, source, MAX_PRICE_S):
        if abs(span.value) > MAX_PRICE_EUR_KWH:
            raise SourceBadData(
                f"{source} says {span.value:g} EUR/kWh at {moment(span.start_utc_s)}: that cannot be, the "
                "unit must be another one"
            )
        found.append(MarketPrice(*span))
    return tuple(found)


def forecast(spans: Iterable[Span], source: str) -> tuple[ForecastInterval, ...]:
    """In order of time, each moment once. `source` names it in messages. Raises SourceBadData."""
    found = []
    for span in _in_order(spans, source, MAX_FORECAST_S):
        if not 0.0 <= span.value <= MAX_POWER_W:
            raise SourceBadData(
                f"{source} says {span.value:g} W at {moment(span.start_utc_s)}: that cannot be, the unit "
                "must be another one"
            )
        found.append(ForecastInterval(*span))
    return tuple(found)


def _in_order(spans: Iterable[Span], source: str, longest_s: float) -> Iterator[Span]:
    """Sorted; a repeated interval counts once, as public data does repeat some."""
    before: Span | None = None
    for span in sorted(spans):
        if span == before:
            continue
        if not math.isfinite(span.value):
            raise SourceBadData(f"{source} has no number at {moment(span.start_utc_s)}")
        if not 0.0 < span.end_utc_s - span.start_utc_s <= longest_s:
            minutes = (span.end_utc_s - span.start_utc_s) / 60.0
            raise SourceBadData(
                f"{source} has an interval of {minutes:g} min at {moment(span.start_utc_s)}; "
                f"up to {longest_s / 60.0:g} min are possible"
            )
        if before is not None and span.start_utc_s < before.end_utc_s:
            raise SourceBadData(
                f"{source} says two things of {moment(span.start_utc_s)}: {before.value:g} and {span.value:g}"
            )
        before = span
        yield span


def moment(utc_s: float) -> str:
    """A Unix time for people."""
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
