"""Made-up market prices around today, with the shape of a sunny day: cheap at noon, dear in the evening."""

import csv
import math
from datetime import UTC, datetime
from pathlib import Path

from phasewise.model.prices import MarketPrice

HOUR_S = 3600
DAYS_BEFORE, DAYS_AFTER = 3, 2
CHEAP_AT_H, DEAR_AT_H = 13.0, 19.0
"""Of the demonstration's own clock, whose day begins in the late morning."""
BASE_EUR_KWH, DIP_EUR_KWH, PEAK_EUR_KWH = 0.11, 0.10, 0.19
WIDTH_H = 2.2


def market_prices(now_s: float, day_s: float) -> tuple[MarketPrice, ...]:
    """Per hour. `day_s`: which second of the demonstration's day it is now."""
    first = int(now_s // HOUR_S - 24 * DAYS_BEFORE) * HOUR_S
    starts = range(first, first + 24 * HOUR_S * (DAYS_BEFORE + DAYS_AFTER), HOUR_S)
    return tuple(
        MarketPrice(float(start), float(start + HOUR_S), _price((day_s + start - now_s) / HOUR_S % 24.0))
        for start in starts
    )


def _price(hour: float) -> float:
    dip, peak = (math.exp(-(((hour - at) / WIDTH_H) ** 2)) for at in (CHEAP_AT_H, DEAR_AT_H))
    return round(BASE_EUR_KWH - DIP_EUR_KWH * dip + PEAK_EUR_KWH * peak, 4)


def write_prices(path: Path, prices: tuple[MarketPrice, ...]) -> None:
    """As the price driver `file` reads them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("time", "eur_kwh"))
        for each in prices:
            rows.writerow((datetime.fromtimestamp(each.start_utc_s, UTC).isoformat(), each.eur_kwh))
