"""Dutch market prices of EnergyZero, per quarter hour, without an account.

Asked for here and not through the library `energyzero`: that needs Python 3.12, and Phasewise runs on
3.11. The library is the reference for the form of the answer (its REST backend, version 5.1).
"""

from datetime import datetime
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from phasewise.model.prices import MarketPrice
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData, SourceOptions, SourcePlace, SourceRefused, own
from phasewise.sources.checks import Span
from phasewise.sources.days import market_days
from phasewise.sources.web import get, session, shown

URL = "https://public.api.energyzero.nl/public/v1/prices"
NAME = "EnergyZero"
_MARKET = ZoneInfo("Europe/Amsterdam")
_NO_PRICES = 404


class EnergyZeroOptions(SourceOptions):
    """It needs no settings."""


class _Amount(Struct):
    value: str | float


class _Price(Struct):
    start: datetime
    end: datetime
    price: _Amount


class _Answer(Struct):
    """The part of an answer that is used: market prices without VAT, in EUR/kWh."""

    base: list[_Price] = []


class EnergyZeroPrices:
    """A `PriceSource`."""

    options_model: ClassVar[type[SourceOptions]] = EnergyZeroOptions

    def __init__(self, place: SourcePlace, *, url: str = URL) -> None:
        self._zone = ZoneInfo(place.time_zone)
        self._url = url

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        own(options, EnergyZeroOptions)
        return cls(place)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Today and, once it is known, tomorrow. Raises SourceError."""
        spans: list[Span] = []
        async with session() as web:
            for day in market_days(now_utc_s, self._zone, _MARKET):
                params = {
                    "energyType": "ENERGY_TYPE_ELECTRICITY",
                    "date": day.strftime("%d-%m-%Y"),
                    "interval": "INTERVAL_QUARTER",
                }
                try:
                    body = await get(web, self._url, params=params)
                except SourceRefused as refused:
                    if refused.status == _NO_PRICES:
                        continue
                    raise
                spans += _spans(body)
        return checks.prices(spans, NAME)


def _spans(body: bytes) -> list[Span]:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
        return [
            Span(_utc_s(price.start), _utc_s(price.end), float(price.price.value)) for price in answer.base
        ]
    except (msgspec.DecodeError, ValueError) as error:
        raise SourceBadData(f"{NAME} answered in another form ({error}): {shown(body)}") from error


def _utc_s(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise ValueError(f"the time {moment} has no offset")
    return moment.timestamp()
