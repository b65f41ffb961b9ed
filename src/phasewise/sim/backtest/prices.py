"""Market prices for a backtest: from a file, or generated; and the two contracts they are tried with."""

import csv
import math
import random
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from phasewise.config import ConfigError, Problem
from phasewise.model.prices import MarketPrice, PriceFormula, PriceInterval, TariffPeriod
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData
from phasewise.sources.rows import PriceRowOptions, as_prices, csv_spans
from phasewise.sources.tariff import with_tariff

BUY = PriceFormula(add_eur_kwh=0.13, vat_pct=21.0)
"""Dutch energy tax of 2024 (0.1088 EUR/kWh) and a usual fee of a dynamic contract (0.02), rounded."""
SELL = PriceFormula(add_eur_kwh=-0.02)
"""A usual deduction, once selling no longer earns what buying costs."""
HOUR_S = 3600.0


class Contract(StrEnum):
    """How what is sold is paid."""

    NETTING = "netting"
    """As much as buying would have cost, all taxes included: the Netherlands until the end of 2026."""
    SEPARATE = "separate"
    """The market price less a fee."""


class PriceUnit(StrEnum):
    """Unit of a file of prices."""

    EUR_KWH = "EUR/kWh"
    EUR_MWH = "EUR/MWh"
    CT_KWH = "ct/kWh"


def under_contract(market: tuple[MarketPrice, ...], contract: Contract) -> tuple[PriceInterval, ...]:
    """What is paid and earned."""
    sell = None if contract is Contract.NETTING else SELL
    return with_tariff(market, (TariffPeriod(-math.inf, BUY, sell),))


def read_prices(path: Path, unit: PriceUnit, zone: ZoneInfo) -> tuple[MarketPrice, ...]:
    """Market prices of a CSV file: its first column is the start, its second the price.

    Raises ConfigError, with the file's name, when it cannot be read or leaves a gap.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it cannot be read: {error}") from error
    head = text.partition("\n")[0]
    columns = next(csv.reader([head], delimiter=";" if ";" in head else ","), [])
    if len(columns) < 2:
        raise _wrong(path, "it needs a header and two columns: the start of each interval, and its price")
    options = PriceRowOptions(start=columns[0], value=columns[1], unit=unit.value)
    try:
        market = checks.prices(as_prices(csv_spans(text, options, zone, path.name), options), path.name)
    except SourceBadData as error:
        raise _wrong(path, str(error)) from error
    if not market:
        raise _wrong(path, "there is no price in it")
    for before, after in pairwise(market):
        if before.end_utc_s != after.start_utc_s:
            raise _wrong(
                path, f"no price from {checks.moment(before.end_utc_s)}; a backtest needs all of them"
            )
    return market


def generated_prices(
    days: int, zone: ZoneInfo, *, seed: int = 1, year: int = 2024
) -> tuple[MarketPrice, ...]:
    """Hourly market prices with the usual shape of a day, from the first of January on.

    A morning and an evening peak, a valley at noon that is deep in summer and on windy or sunny days at
    times below zero. The figures are rounded ones of the Dutch market in 2024.
    """
    rng = random.Random(f"prices {seed}")
    start = datetime(year, 1, 1, tzinfo=zone)
    end_s = (start + timedelta(days=days)).timestamp()
    market = []
    level = sun = 0.0
    today = -1
    for hour in range(round((end_s - start.timestamp()) / HOUR_S)):
        start_s = start.timestamp() + hour * HOUR_S
        local = datetime.fromtimestamp(start_s, UTC).astimezone(zone)
        if local.toordinal() != today:
            today = local.toordinal()
            # Wind: cheap and dear days come in rows.
            level = 0.7 * level + rng.gauss(0.0, 0.018)
            season = 0.5 - 0.5 * math.cos(2.0 * math.pi * (local.timetuple().tm_yday + 10) / 365.0)
            sun = (0.015 + 0.085 * season) * rng.uniform(0.3, 1.3)
        price = level + _usual_price(local) - sun * _bump(local.hour, 13.5, 2.8) + rng.gauss(0.0, 0.005)
        market.append(MarketPrice(start_s, start_s + HOUR_S, round(price, 5)))
    return tuple(market)


def _usual_price(local: datetime) -> float:
    """EUR/kWh at an hour of a day without sun."""
    weekend = 0.015 if local.weekday() >= 5 else 0.0
    morning, evening = _bump(local.hour, 8.0, 1.6), _bump(local.hour, 19.0, 2.0)
    return 0.085 - weekend + 0.030 * morning + 0.065 * evening - 0.015 * _bump(local.hour, 3.5, 2.5)


def _bump(hour: float, middle: float, width: float) -> float:
    return math.exp(-(((hour - middle) / width) ** 2))


def _wrong(path: Path, what: str) -> ConfigError:
    return ConfigError([Problem(str(path), None, None, "", None, what)])
