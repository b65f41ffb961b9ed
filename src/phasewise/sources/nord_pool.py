"""Day-ahead prices of Nord Pool's public data portal, through the library `pynordpool`."""

from datetime import datetime, time
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

import aiohttp
from pydantic import field_validator
from pynordpool import (
    AREAS,
    Currency,
    NordPoolClient,
    NordPoolEmptyResponseError,
    NordPoolError,
)

from phasewise.model.prices import MarketPrice
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData, SourceOptions, SourcePlace, SourceUnreachable, own
from phasewise.sources.checks import Span
from phasewise.sources.days import market_days
from phasewise.sources.web import session, shown

NAME = "Nord Pool"
_MARKET = ZoneInfo("Europe/Oslo")
"""Its days are those of central European time."""


class NordPoolOptions(SourceOptions):
    """Which prices."""

    area: str
    """Bidding area, such as NL."""

    @field_validator("area")
    @classmethod
    def _area_is_known(cls, area: str) -> str:
        if area not in AREAS:
            raise ValueError(f"{area!r} is not an area of Nord Pool; allowed: {', '.join(AREAS)}")
        return area


class NordPoolPrices:
    """A `PriceSource`."""

    options_model: ClassVar[type[SourceOptions]] = NordPoolOptions

    def __init__(self, options: NordPoolOptions, place: SourcePlace) -> None:
        self._area = options.area
        self._zone = ZoneInfo(place.time_zone)

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        return cls(own(options, NordPoolOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Today and, once it is known, tomorrow. Raises SourceError."""
        spans: list[Span] = []
        try:
            async with session() as web:
                client = NordPoolClient(web)
                for day in market_days(now_utc_s, self._zone, _MARKET):
                    asked = datetime.combine(day, time(), _MARKET)
                    spans += await self._day(client, asked)
        except NordPoolError as error:
            # The library wraps what happened; its own text is empty or has the whole answer in it.
            cause = str(error) or str(error.__cause__ or "")
            raise SourceUnreachable(f"{NAME} gave no prices: {shown(cause.encode())}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SourceUnreachable(f"{NAME} can't be reached: {type(error).__name__}: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise SourceBadData(
                f"{NAME} answered in another form than expected: {type(error).__name__}: {error}"
            ) from error
        return checks.prices(spans, NAME)

    async def _day(self, client: NordPoolClient, day: datetime) -> list[Span]:
        try:
            answer = await client.async_get_delivery_period(day, Currency.EUR, [self._area])
        except NordPoolEmptyResponseError:
            return []
        return [
            Span(entry.start.timestamp(), entry.end.timestamp(), entry.entry[self._area] / 1000.0)
            for entry in answer.entries
        ]
