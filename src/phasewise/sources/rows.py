"""Rows with a time and a number, from any JSON document or CSV file, in the words of its maker."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator

from phasewise.sources.base import SourceBadData, SourceOptions
from phasewise.sources.checks import Span

Row = object
Getter = Callable[[Row], object]

STEP_MAX_S = 3600.0
"""Rows without an end that are further apart leave a gap between them."""
MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138: such a number counts milliseconds."""

PRICE_UNITS = {"EUR/kWh": 1.0, "EUR/MWh": 1e-3, "ct/kWh": 1e-2}
POWER_UNITS = {"W": 1.0, "kW": 1e3}
ENERGY_UNITS = {"Wh": 1.0, "kWh": 1e3}


def _expression(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"{text!r} is not a JMESPath expression: {str(error).splitlines()[0]}") from error
    return text


Path = Annotated[str, AfterValidator(_expression)]
"""A JMESPath expression (https://jmespath.org)."""


class RowOptions(SourceOptions):
    """Where in the document time and number are."""

    path: Path = "@"
    """JSON only: the list of rows in the document."""
    start: str = "start"
    """JMESPath within a row, or the name of a column."""
    end: str | None = None
    """Left out: a row holds until the next one."""
    value: str
    """JMESPath within a row, or the name of a column."""


class PriceRowOptions(RowOptions):
    """Rows of prices."""

    value: str = "price"
    """JMESPath within a row, or the name of a column."""
    unit: Literal["EUR/kWh", "EUR/MWh", "ct/kWh"] = "EUR/kWh"
    """Of the values."""


class ForecastRowOptions(RowOptions):
    """Rows of power, or of energy per interval."""

    value: str = "power"
    """JMESPath within a row, or the name of a column."""
    unit: Literal["W", "kW", "Wh", "kWh"] = "W"
    """Of the values; Wh and kWh: energy of each interval."""


def json_spans(document: object, options: RowOptions, zone: ZoneInfo, source: str) -> list[Span]:
    """The intervals of a JSON document, values as they stand there. Raises SourceBadData."""
    rows = _found(options.path, document, source)
    if not isinstance(rows, list):
        what = "nothing" if rows is None else f"{type(rows).__name__}, not a list"
        raise SourceBadData(f"{source}: the path '{options.path}' leads to {what}")
    getters = [_json_getter(name, source) for name in (options.start, options.value)]
    end = None if options.end is None else _json_getter(options.end, source)
    return _spans(rows, getters[0], getters[1], end, zone, source)


def csv_spans(text: str, options: RowOptions, zone: ZoneInfo, source: str) -> list[Span]:
    """The intervals of a CSV file with a header, values as they stand there. Raises SourceBadData."""
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    columns = reader.fieldnames or ()
    wanted = [name for name in (options.start, options.value, options.end) if name is not None]
    for name in wanted:
        if name not in columns:
            there = ", ".join(columns) or "none"
            raise SourceBadData(f"{source} has no column '{name}'; columns: {there}")
    try:
        rows = list(reader)
    except csv.Error as error:
        raise SourceBadData(f"{source}: line {reader.line_num}: {error}") from error
    if delimiter == ";":
        # Where ';' separates columns, ',' is the decimal sign.
        for row in rows:
            row[options.value] = (row[options.value] or "").replace(",", ".")
    end = None if options.end is None else _csv_getter(options.end)
    return _spans(rows, _csv_getter(options.start), _csv_getter(options.value), end, zone, source)


def as_prices(spans: list[Span], options: PriceRowOptions) -> list[Span]:
    """Values in EUR/kWh."""
    factor = PRICE_UNITS[options.unit]
    return [span._replace(value=span.value * factor) for span in spans]


def as_power(spans: list[Span], options: ForecastRowOptions) -> list[Span]:
    """Values in W, the mean of each interval."""
    if options.unit in POWER_UNITS:
        return [span._replace(value=span.value * POWER_UNITS[options.unit]) for span in spans]
    per_hour = ENERGY_UNITS[options.unit] * 3600.0
    # An interval that has no length is refused later, with its time.
    return [s._replace(value=s.value * per_hour / ((s.end_utc_s - s.start_utc_s) or 1.0)) for s in spans]


def _found(expression: str, document: object, source: str) -> object:
    try:
        return jmespath.search(expression, document)
    except JMESPathError as error:
        raise SourceBadData(f"{source}: '{expression}' does not fit the answer: {error}") from error


def _json_getter(expression: str, source: str) -> Getter:
    return lambda row: _found(expression, row, source)


def _csv_getter(column: str) -> Getter:
    return lambda row: row.get(column) if isinstance(row, dict) else None


def _spans(
    rows: Sequence[Row], start: Getter, value: Getter, end: Getter | None, zone: ZoneInfo, source: str
) -> list[Span]:
    starts: list[float] = []
    ends: list[float] = []
    values: list[float] = []
    for number, row in enumerate(rows, start=1):
        where = f"{source}, row {number}"
        starts.append(_instant(start(row), zone, starts[-1] if starts else None, where))
        values.append(_number(value(row), where))
        if end is not None:
            ends.append(_instant(end(row), zone, starts[-1], where))
    if end is None:
        ends = _ends(starts, source)
    return [Span(*span) for span in zip(starts, ends, values, strict=True)]


def _number(value: object, where: str) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise SourceBadData(f"{where}: {value!r} is not a number")


def _instant(value: object, zone: ZoneInfo, after_utc_s: float | None, where: str) -> float:
    """Unix time of an ISO 8601 text or a Unix time; without an offset it is local.

    The hour that clocks repeat in autumn is told apart by the order of the rows.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1000.0 if value > MILLISECONDS_FROM else float(value)
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise SourceBadData(
            f"{where}: {value!r} is not a time; allowed: ISO 8601 such as 2026-12-24T18:00+01:00, Unix time"
        ) from error
    if found.tzinfo is not None:
        return found.timestamp()
    utc_s = found.replace(tzinfo=zone).timestamp()
    if after_utc_s is not None and utc_s <= after_utc_s:
        utc_s = found.replace(tzinfo=zone, fold=1).timestamp()
    return utc_s


def _ends(starts: list[float], source: str) -> list[float]:
    """Each row holds until the next; the last one, and one before a gap, as long as its neighbour."""
    known = sorted(set(starts))
    steps = {a: b - a for a, b in pairwise(known) if b - a <= STEP_MAX_S}
    if not steps and starts:
        raise SourceBadData(f"{source}: the rows do not tell how long they hold; name their `end`")
    step_s = next(iter(steps.values()), STEP_MAX_S)
    ends = {}
    for start in known:
        step_s = steps.get(start, step_s)
        ends[start] = start + step_s
    return [ends[start] for start in starts]
