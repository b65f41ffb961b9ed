"""Day-ahead prices of the ENTSO-E Transparency Platform, for every European bidding zone; needs a free token.

Asked for here and not through a library: `entsoe-py` brings pandas and blocks, `entsoe-apy` is GPL. One
document of one kind is read; its form is that of IEC 62325-451-3 ("Publication_MarketDocument").
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Self
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

from pydantic import field_validator

from phasewise.model.prices import MarketPrice
from phasewise.sources import checks
from phasewise.sources.base import (
    SourceBadData,
    SourceOptions,
    SourcePlace,
    SourceRefused,
    SourceUnreachable,
    own,
)
from phasewise.sources.checks import Span
from phasewise.sources.days import today_and_tomorrow
from phasewise.sources.web import get, session, shown

URL = "https://web-api.tp.entsoe.eu/api"
NAME = "ENTSO-E"

ZONES = {
    "AT": "10YAT-APG------L",
    "BE": "10YBE----------2",
    "CH": "10YCH-SWISSGRIDZ",
    "CZ": "10YCZ-CEPS-----N",
    "DE-LU": "10Y1001A1001A82H",
    "DK1": "10YDK-1--------W",
    "DK2": "10YDK-2--------M",
    "ES": "10YES-REE------0",
    "FI": "10YFI-1--------U",
    "FR": "10YFR-RTE------C",
    "NL": "10YNL----------L",
    "NO1": "10YNO-1--------2",
    "NO2": "10YNO-2--------T",
    "NO3": "10YNO-3--------J",
    "NO4": "10YNO-4--------9",
    "NO5": "10Y1001A1001A48H",
    "PL": "10YPL-AREA-----S",
    "PT": "10YPT-REN------W",
    "SE1": "10Y1001A1001A44P",
    "SE2": "10Y1001A1001A45N",
    "SE3": "10Y1001A1001A46L",
    "SE4": "10Y1001A1001A47J",
}
"""Codes of bidding zones (EIC, type Y) by their usual names; any other code can be given as it is."""

_STEPS_S = {"PT15M": 900.0, "PT30M": 1800.0, "PT60M": 3600.0, "PT1H": 3600.0}
_DAY_AHEAD = "A01"
"""Type of a market agreement: the same document can also hold intraday auctions (A07)."""
_COUPLED = "1"
"""Germany and Austria also publish an auction of 10:15 as sequence 2; sequence 1 is the European one."""
_NO_DATA = "999"
_EIC_LENGTH = 16


class EntsoeOptions(SourceOptions):
    """Which prices, and who asks."""

    zone: str
    """Bidding zone, such as NL."""
    token_file: str
    """File with your security token; relative to the configuration file."""

    @field_validator("zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        if zone not in ZONES and len(zone) != _EIC_LENGTH:
            raise ValueError(
                f"{zone!r} is not a bidding zone; allowed: {', '.join(ZONES)}, or an EIC of 16 characters"
            )
        return zone


class EntsoePrices:
    """A `PriceSource`."""

    options_model: ClassVar[type[SourceOptions]] = EntsoeOptions

    def __init__(self, options: EntsoeOptions, place: SourcePlace, *, url: str = URL) -> None:
        self._code = ZONES.get(options.zone, options.zone)
        self._token_file = place.folder / options.token_file
        self._zone = ZoneInfo(place.time_zone)
        self._url = url

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        return cls(own(options, EntsoeOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Today and, once it is known, tomorrow. Raises SourceError."""
        token = await asyncio.to_thread(_token, self._token_file)
        start_s, _, end_s = today_and_tomorrow(now_utc_s, self._zone)
        params = {
            "securityToken": token,
            "documentType": "A44",
            "in_Domain": self._code,
            "out_Domain": self._code,
            "periodStart": _stamp(start_s),
            "periodEnd": _stamp(end_s),
        }
        try:
            async with session() as web:
                body = await get(web, self._url, params=params)
        except SourceRefused as refused:
            if refused.status in {401, 403}:
                raise SourceRefused(
                    f"{NAME} refused the token in {self._token_file}: make one on transparency.entsoe.eu "
                    "under My Account"
                ) from refused
            raise
        return checks.prices(_spans(_root(body, token), self._code), NAME)


def _token(file: Path) -> str:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnreachable(f"{file}, with the token for {NAME}, cannot be read: {error}") from error
    if not token:
        raise SourceUnreachable(f"{file} is empty: write the token for {NAME} into it")
    return token


def _stamp(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y%m%d%H%M")


def _root(body: bytes, token: str) -> ElementTree.Element:
    """The document without namespaces: they change with each version of the schema, the names do not."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - size is bounded, and expat refuses entity bombs
    except ElementTree.ParseError as error:
        raise SourceBadData(
            f"{NAME} sent something that is not XML: {shown(body, secrets=(token,))}"
        ) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _spans(root: ElementTree.Element, code: str) -> list[Span]:
    if root.tag == "Acknowledgement_MarketDocument":
        if root.findtext("Reason/code") == _NO_DATA:
            return []
        raise SourceRefused(f"{NAME} refused: {root.findtext('Reason/text')}")
    if root.tag != "Publication_MarketDocument":
        raise SourceBadData(f"{NAME} sent a {root.tag} instead of prices")
    series = [s for s in root.iterfind("TimeSeries") if _is_day_ahead(s)]
    if not series and root.find("TimeSeries") is not None:
        raise SourceBadData(f"{NAME} has other auctions for {code}, but no prices of the day-ahead coupling")
    try:
        return [span for one in series for period in one.iterfind("Period") for span in _period(period)]
    except (ValueError, KeyError) as error:
        raise SourceBadData(f"{NAME} sent a period that is not understood: {error}") from error


def _is_day_ahead(series: ElementTree.Element) -> bool:
    contract = series.findtext("contract_MarketAgreement.type", _DAY_AHEAD)
    sequence = series.findtext("classificationSequence_AttributeInstanceComponent.position", _COUPLED)
    if (currency := series.findtext("currency_Unit.name", "EUR")) != "EUR":
        raise SourceBadData(f"{NAME} gives prices in {currency}; only EUR is understood")
    return (contract, sequence) == (_DAY_AHEAD, _COUPLED)


def _period(period: ElementTree.Element) -> Iterator[Span]:
    """The intervals of a period. A position that is left out has the price of the one before it."""
    start = datetime.fromisoformat(period.findtext("timeInterval/start", ""))
    end = datetime.fromisoformat(period.findtext("timeInterval/end", ""))
    step_s = _STEPS_S[period.findtext("resolution", "")]
    points = {
        int(point.findtext("position", "")): float(point.findtext("price.amount", ""))
        for point in period.iterfind("Point")
    }
    if 1 not in points:
        raise ValueError("the first price is missing")
    eur_mwh = points[1]
    for position in range(1, round((end - start) / timedelta(seconds=step_s)) + 1):
        eur_mwh = points.get(position, eur_mwh)
        begins_s = start.timestamp() + (position - 1) * step_s
        yield Span(begins_s, begins_s + step_s, eur_mwh / 1000.0)
