"""From market prices to what a kWh costs and earns, by formulas with dates. Pure."""

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter

from phasewise.model.prices import MarketPrice, PriceFormula, PriceInterval, TariffPeriod


def applied(formula: PriceFormula, market_eur_kwh: float) -> float:
    """A market price with what the contract and the state add, in EUR/kWh."""
    with_fees = market_eur_kwh * formula.factor + formula.add_eur_kwh
    return with_fees * (1.0 + formula.vat_pct / 100.0)


def with_tariff(
    market: Iterable[MarketPrice], periods: tuple[TariffPeriod, ...]
) -> tuple[PriceInterval, ...]:
    """Buy and sell prices, interval by interval.

    `periods` in order of time; the first also holds for what is before it. Without periods both prices
    are the market's.
    """
    found = []
    for price in market:
        period = period_at(periods, price.start_utc_s)
        buy = applied(period.buy, price.eur_kwh)
        sell = buy if period.sell is None else applied(period.sell, price.eur_kwh)
        found.append(PriceInterval(price.start_utc_s, price.end_utc_s, buy, sell))
    return tuple(found)


_MARKET = TariffPeriod(float("-inf"))


def period_at(periods: tuple[TariffPeriod, ...], utc_s: float) -> TariffPeriod:
    """The period in force at a moment."""
    if not periods:
        return _MARKET
    return periods[max(0, bisect_right(periods, utc_s, key=attrgetter("from_utc_s")) - 1)]
