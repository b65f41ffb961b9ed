"""Prices or a forecast from a file (CSV or JSON) that something else keeps up to date."""

import asyncio
import pathlib
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from pydantic import field_validator

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData, SourceOptions, SourcePlace, SourceUnreachable, own
from phasewise.sources.checks import Span
from phasewise.sources.rows import (
    ForecastRowOptions,
    PriceRowOptions,
    RowOptions,
    as_power,
    as_prices,
    csv_spans,
    json_spans,
)
from phasewise.sources.web import parsed

MAX_BYTES = 10_000_000
"""Ten years of hours; more is not a file of prices."""
SUFFIXES = (".csv", ".json")


def _known_kind(file: str) -> str:
    if pathlib.PurePath(file).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{file!r} is not a file of a known kind; allowed: {', '.join(SUFFIXES)}")
    return file


class PriceFileOptions(PriceRowOptions):
    """A file of prices."""

    file: str
    """A .csv or .json file; relative to the configuration file."""

    _file_is_known = field_validator("file")(_known_kind)


class ForecastFileOptions(ForecastRowOptions):
    """A file of power or energy."""

    file: str
    """A .csv or .json file; relative to the configuration file."""

    _file_is_known = field_validator("file")(_known_kind)


class PriceFile:
    """A `PriceSource`."""

    options_model: ClassVar[type[SourceOptions]] = PriceFileOptions

    def __init__(self, options: PriceFileOptions, place: SourcePlace) -> None:
        self._options = options
        self._path = place.folder / options.file
        self._zone = ZoneInfo(place.time_zone)

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has not opened the file yet."""
        return cls(own(options, PriceFileOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Everything in the file. Raises SourceError."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> tuple[MarketPrice, ...]:
        spans = _spans(self._path, self._options, self._zone)
        return checks.prices(as_prices(spans, self._options), str(self._path))


class ForecastFile:
    """A `ForecastSource`."""

    options_model: ClassVar[type[SourceOptions]] = ForecastFileOptions

    def __init__(self, options: ForecastFileOptions, place: SourcePlace) -> None:
        self._options = options
        self._path = place.folder / options.file
        self._zone = ZoneInfo(place.time_zone)

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has not opened the file yet."""
        return cls(own(options, ForecastFileOptions), place)

    async def fetch(self, now_utc_s: float) -> tuple[ForecastInterval, ...]:
        """Everything in the file. Raises SourceError."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> tuple[ForecastInterval, ...]:
        spans = _spans(self._path, self._options, self._zone)
        return checks.forecast(as_power(spans, self._options), str(self._path))


def _spans(path: pathlib.Path, options: RowOptions, zone: ZoneInfo) -> list[Span]:
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else b""
    except OSError as error:
        raise SourceUnreachable(f"{path} cannot be read: {error.strerror or error}") from error
    if size > MAX_BYTES:
        raise SourceBadData(f"{path} has more than {MAX_BYTES / 1e6:g} MB: that is not a file of prices")
    if path.suffix.lower() == ".json":
        return json_spans(parsed(data, str(path)), options, zone, str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceBadData(f"{path} is not UTF-8 text; save it as UTF-8") from error
    return csv_spans(text, options, zone, str(path))
