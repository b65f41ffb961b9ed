"""Pair matching: per local day the cheapest intervals to charge in, the dearest to discharge in."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from msgspec import Struct

from phasewise.control.plan.types import SECONDS_PER_HOUR, Mark
from phasewise.model.prices import PriceInterval

ROUNDING_EUR_KWH = 1e-9
ROUNDING_H = 1e-6


class PairOptions(Struct, frozen=True):
    """Settings of pair matching."""

    min_spread_eur_kwh: float = 0.0
    """A pair must differ by at least this. Losses and wear are not counted otherwise."""
    max_cheap_h: float = 0.0
    max_expensive_h: float = 0.0
    """At most so many hours a day are marked so; 0 = no limit."""
    sells: bool = False
    """Whether discharged energy is sold, so that the sell price counts; else it saves the buy price."""


def pairs(
    prices: Sequence[PriceInterval], time_zone: str, options: PairOptions | None = None
) -> tuple[Mark, ...]:
    """A mark for each interval, in the order given.

    Each local day by itself, also those of 23 and 25 h. The cheapest interval (by buy price) is paired with
    the dearest, moving inward while a pair's spread is above 0 and at least the wanted one. Of equal prices
    the earlier interval comes first. Order of time within the day, capacity and losses play no part.
    """
    options = options or PairOptions()
    zone = ZoneInfo(time_zone)
    marks = [Mark.NEUTRAL] * len(prices)

    def day(index: int) -> object:
        return datetime.fromtimestamp(prices[index].start_utc_s, UTC).astimezone(zone).date()

    for _, of_day in groupby(range(len(prices)), key=day):
        _mark_day(prices, list(of_day), options, marks)
    return tuple(marks)


def _mark_day(
    prices: Sequence[PriceInterval], day: Sequence[int], options: PairOptions, marks: list[Mark]
) -> None:
    """Mark the intervals of one day, in `marks`."""

    def worth(index: int) -> float:
        return prices[index].sell_eur_kwh if options.sells else prices[index].buy_eur_kwh

    def hours(indexes: Iterable[int]) -> float:
        return sum([(prices[i].end_utc_s - prices[i].start_utc_s) / SECONDS_PER_HOUR for i in indexes])

    cheapest = sorted(day, key=lambda index: (prices[index].buy_eur_kwh, index))
    dearest = sorted(day, key=lambda index: (-worth(index), index))
    cheap: list[int] = []
    dear: list[int] = []
    taken: set[int] = set()
    while len(day) - len(taken) >= 2:
        low = next(index for index in cheapest if index not in taken)
        high = next(index for index in dearest if index not in taken and index != low)
        spread = worth(high) - prices[low].buy_eur_kwh
        if spread <= ROUNDING_EUR_KWH or spread < options.min_spread_eur_kwh - ROUNDING_EUR_KWH:
            break
        cheap.append(low)
        dear.append(high)
        taken |= {low, high}
    for mark, chosen, most_h in (
        (Mark.CHEAP, cheap, options.max_cheap_h),
        (Mark.EXPENSIVE, dear, options.max_expensive_h),
    ):
        for count, index in enumerate(chosen, start=1):
            if not most_h or hours(chosen[:count]) <= most_h + ROUNDING_H:
                marks[index] = mark
