"""What energy costs, interval by interval, and how a contract turns market prices into what is paid.

All times are Unix times: no local time, no DST. All prices are EUR/kWh.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Protocol

from msgspec import Struct


class MarketPrice(Struct, frozen=True):
    """One interval (15, 30 or 60 min) of the market, without taxes and fees."""

    start_utc_s: float
    end_utc_s: float
    eur_kwh: float
    """May be negative."""


class PriceInterval(Struct, frozen=True):
    """One interval (15 or 60 min) with one price each way. Times are Unix times: no local time, no DST."""

    start_utc_s: float
    end_utc_s: float
    buy_eur_kwh: float
    """What a kWh from the grid costs, all taxes and fees included; may be negative."""
    sell_eur_kwh: float
    """What a kWh to the grid earns, all deductions made; may be negative."""


class PriceFormula(Struct, frozen=True):
    """`(market price * factor + add_eur_kwh) * (1 + vat_pct / 100)`."""

    factor: float = 1.0
    add_eur_kwh: float = 0.0
    """Energy tax and the supplier's fee, without VAT; negative for a deduction."""
    vat_pct: float = 0.0


class TariffPeriod(Struct, frozen=True):
    """What a contract says from one moment on, until the next period begins."""

    from_utc_s: float
    buy: PriceFormula = PriceFormula()
    sell: PriceFormula | None = None
    """None: netting, what is sold earns what buying would cost."""


class Interval(Protocol):
    """Anything that holds for a time."""

    @property
    def start_utc_s(self) -> float:
        """Its begin."""
        ...

    @property
    def end_utc_s(self) -> float:
        """Its end."""
        ...


def covered_until(intervals: Sequence[Interval], utc_s: float) -> float:
    """Up to when there is no gap from this moment on; the moment itself when nothing holds at it.

    `intervals` in order of time.
    """
    for interval in intervals:
        if interval.start_utc_s > utc_s:
            break
        utc_s = max(utc_s, interval.end_utc_s)
    return utc_s


def price_at(prices: tuple[PriceInterval, ...], utc_s: float) -> PriceInterval | None:
    """The interval that holds at this moment; None when none does. `prices` in order of time."""
    index = bisect_right(prices, utc_s, key=attrgetter("start_utc_s")) - 1
    if index < 0 or prices[index].end_utc_s <= utc_s:
        return None
    return prices[index]
