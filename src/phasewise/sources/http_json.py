"""Prices or a forecast from any web address that answers with JSON."""

from typing import ClassVar, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData, SourceOptions, SourcePlace, SourceRefused, own
from phasewise.sources.checks import Span
from phasewise.sources.days import local_day, today_and_tomorrow
from phasewise.sources.rows import (
    ForecastRowOptions,
    PriceRowOptions,
    RowOptions,
    as_power,
    as_prices,
    json_spans,
)
from phasewise.sources.web import get, parsed, secrets_of, session, without

DAY = "{day}"
"""In a URL: the local day, such as 2026-12-24; such a URL is asked for today and for tomorrow."""
NOTHING_YET = (204, 404)
"""What services answer for a day that they do not know yet."""


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address; allowed: http://HOST/... or https://HOST/...")
    return url


class PriceHttpOptions(PriceRowOptions):
    """A web address of prices."""

    url: str
    """Web address of a JSON document."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent along, such as an access key."""

    _url_is_known = field_validator("url")(_web_address)


class ForecastHttpOptions(ForecastRowOptions):
    """A web address of power or energy."""

    url: str
    """Web address of a JSON document."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent along, such as an access key."""

    _url_is_known = field_validator("url")(_web_address)


class PriceHttpJson:
    """A `PriceSource`."""

    options_model: ClassVar[type[SourceOptions]] = PriceHttpOptions

    def __init__(self, options: PriceHttpOptions, place: SourcePlace) -> None:
        self._options = options
        self._zone = ZoneInfo(place.time_zone)

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        return cls(own(options, PriceHttpOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Everything that is answered. Raises SourceError."""
        options = self._options
        spans = await _spans(options.url, options.headers, options, self._zone, now_utc_s)
        return checks.prices(as_prices(spans, options), _host(options.url))


class ForecastHttpJson:
    """A `ForecastSource`."""

    options_model: ClassVar[type[SourceOptions]] = ForecastHttpOptions

    def __init__(self, options: ForecastHttpOptions, place: SourcePlace) -> None:
        self._options = options
        self._zone = ZoneInfo(place.time_zone)

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        return cls(own(options, ForecastHttpOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[ForecastInterval, ...]:
        """Everything that is answered. Raises SourceError."""
        options = self._options
        spans = await _spans(options.url, options.headers, options, self._zone, now_utc_s)
        return checks.forecast(as_power(spans, options), _host(options.url))


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


async def _spans(
    url: str, headers: dict[str, str], options: RowOptions, zone: ZoneInfo, now_utc_s: float
) -> list[Span]:
    today_s, tomorrow_s, _ = today_and_tomorrow(now_utc_s, zone)
    days = (today_s, tomorrow_s) if DAY in url else (today_s,)
    found: list[Span] = []
    secrets = secrets_of(url, {}, headers)
    async with session() as web:
        for number, start_s in enumerate(days):
            try:
                body = await get(web, url.replace(DAY, local_day(start_s, zone).isoformat()), headers=headers)
            except SourceRefused as refused:
                if number and refused.status in NOTHING_YET:
                    break
                raise
            try:
                found += json_spans(parsed(body, _host(url), secrets), options, zone, _host(url))
            except SourceBadData as error:  # a service may repeat in its answer what it was asked
                raise SourceBadData(without(secrets, str(error))) from None
    return found
