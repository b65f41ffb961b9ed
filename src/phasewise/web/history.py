"""The routes of history: what was measured, and energy and money by the day.

The models mirror `store.query` and `store.energy` field by field (a test holds them together). Whatever is
asked is looked up in a thread of its own, so that neither control nor other clients wait.
"""

import math
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from phasewise.store import series as named
from phasewise.store.energy import midnight_s
from phasewise.store.lookup import looked_up
from phasewise.store.query import History as Past
from phasewise.store.schema import UnreadableError
from phasewise.web.api import REFUSALS, iso_moment, problems
from phasewise.web.guard import problem

DAY_S = 86_400.0
POINTS = 1000
MOST_POINTS = 10_000
"""Twice as wide as any screen."""
MOST_ROWS = 1_000_000
"""Eleven days of seconds: as much as a spreadsheet takes."""
MOST_SERIES = 100
MOST_VALUES = 200_000
"""Points times series: some MB as JSON. For more there is the file."""
MOST_DAYS = 1100
"""Three years."""
USUAL_DAYS = 7
LATEST_S = 253_370_764_800.0
"""The year 9999: later dates do not exist here."""

router = APIRouter()


class _Wire(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


class Curve(_Wire):
    """One series, value by value beside `time`; null where nothing is known."""

    mean: tuple[float | None, ...]
    min: tuple[float | None, ...]
    max: tuple[float | None, ...]


class History(_Wire):
    """What was measured."""

    begin: int = Field(alias="from")
    """Unix time in s, a multiple of `step_s`: what was asked for lies within."""
    end: int = Field(alias="to")
    """Likewise."""
    step_s: int
    """From one value to the next; each tells of as long."""
    time: tuple[int, ...]
    """Unix times in s at which the steps begin: all of them, with gaps as null in the series."""
    series: dict[str, Curve]
    """Those asked for, by name."""


class BatteryEnergy(_Wire):
    """What went into and out of one battery."""

    charged_wh: float
    discharged_wh: float


class Day(_Wire):
    """One day of the site's time zone. Energy is 0 or more, and 0 where nothing was measured."""

    date: str
    """Such as 2026-11-22."""
    start: str
    """ISO 8601, UTC."""
    end: str
    """The next midnight, 23 to 25 h later, also of a day that is not over."""
    measured_s: float
    """How much of it Phasewise saw."""
    import_wh: float
    export_wh: float
    exchanged_wh: float
    """Energy imported on one phase while it was exported on another."""
    load_wh: float
    """What the house drew without its batteries, net of the panels: negative when those gave more."""
    pv_wh: float | None
    """Null without a meter for the panels."""
    ev_wh: float | None
    """Net, null without a meter for the car charger."""
    batteries: dict[str, BatteryEnergy]
    """By id: those that did anything."""
    cost_eur: float | None
    """By the prices that were in force, what was sold taken off; null without prices."""
    cost_without_eur: float | None
    """What it would have been with the same house and panels, but no battery."""
    saved_eur: float | None
    """The difference."""


class Energy(_Wire):
    """Day by day."""

    days: tuple[Day, ...]
    """In order, without gaps; the last one is today, unless `to` is earlier."""


class RefusedError(Exception):
    """A parameter that makes no sense. The text names it and says what is allowed."""


def _past(request: Request) -> Past:
    past: Past | None = request.app.state.history
    if past is None:
        raise UnreadableError("it is not kept here")
    return past


async def refused(_: Request, error: Exception) -> Response:
    """422 for a RefusedError."""
    return problem(422, str(error))


async def unreadable(_: Request, error: Exception) -> Response:
    """503 for an UnreadableError."""
    return problem(503, f"History can't be read now: {error}", {"Retry-After": "10"})


PastNow = Annotated[Past, Depends(_past)]
From = Annotated[str | None, Query(alias="from", max_length=40)]
To = Annotated[str | None, Query(alias="to", max_length=40)]
Names = Annotated[str | None, Query(alias="series", max_length=6000)]


class _Asked(Struct, frozen=True):
    """What is asked for: Unix times and names."""

    begin: float
    end: float
    names: tuple[str, ...]


@router.get("/api/v1/history", response_model=History, responses=REFUSALS | problems(422, 503))
async def history(
    past: PastNow,
    begin: From = None,
    end: To = None,
    points: Annotated[int, Query(ge=10, le=MOST_POINTS)] = POINTS,
    series: Names = None,
) -> Response:
    """What was measured, as curves of at most `points` values."""
    asked = _asked(begin, end, series, past)
    if points * len(asked.names) > MOST_VALUES:
        most = MOST_VALUES // len(asked.names)
        raise RefusedError(f"points: at most {most} for {len(asked.names)} series; the CSV file takes more")
    found = await looked_up(_curves, past, asked, points)
    return Response(found, media_type="application/json")


def _curves(past: Past, asked: _Asked, points: int) -> bytes:
    return msgspec.json.encode(past.curves(asked.begin, asked.end, points, asked.names))


@router.get(
    "/api/v1/history.csv",
    response_class=Response,
    responses=REFUSALS
    | problems(422, 503)
    | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def history_csv(
    past: PastNow,
    begin: From = None,
    end: To = None,
    points: Annotated[int, Query(ge=10, le=MOST_ROWS)] = POINTS,
    series: Names = None,
) -> Response:
    """The same as a file, row by row."""
    asked = _asked(begin, end, series, past)
    lines = past.csv(asked.begin, asked.end, points, asked.names)
    # While an error can still be told: later ones can only break the file off.
    head = await looked_up(next, lines)
    day = datetime.fromtimestamp(asked.begin, past.zone).date()
    disposition = f'attachment; filename="phasewise-{day.isoformat()}.csv"'
    return StreamingResponse(
        _text(head, lines), media_type="text/csv", headers={"Content-Disposition": disposition}
    )


async def _text(head: str, lines: Iterator[str]) -> AsyncIterator[bytes]:
    """Each part is looked up when the one before was sent."""
    part: str | None = head
    while part is not None:
        yield part.encode()
        part = await looked_up(next, lines, None)


@router.get("/api/v1/energy", response_model=Energy, responses=REFUSALS | problems(422, 503))
async def energy(past: PastNow, begin: From = None, end: To = None) -> Response:
    """Energy and money, by days of the site's time zone."""
    first, last = _days(begin, end, past)
    found = await looked_up(past.days, first, last)
    return Response(msgspec.json.encode({"days": found}), media_type="application/json")


def _days(begin: str | None, end: str | None, past: Past) -> tuple[date, date]:
    """The first and the last day that this time touches. Raises RefusedError."""
    zone = past.zone
    end_s = past.now() if end is None else _time("to", end, zone)
    last = datetime.fromtimestamp(end_s, zone).date()
    if end is not None and midnight_s(last, zone) == end_s:
        last -= timedelta(days=1)
    first = last - timedelta(days=USUAL_DAYS - 1)
    if begin is not None:
        begin_s = _time("from", begin, zone)
        if begin_s >= end_s:
            raise RefusedError("from: must be before 'to'")
        first = datetime.fromtimestamp(begin_s, zone).date()
    if (last - first).days >= MOST_DAYS:
        raise RefusedError(f"from, to: at most {MOST_DAYS} days at once")
    return first, last


def _asked(begin: str | None, end: str | None, names: str | None, past: Past) -> _Asked:
    """Raises RefusedError."""
    end_s = past.now() if end is None else _time("to", end, past.zone)
    begin_s = end_s - DAY_S if begin is None else _time("from", begin, past.zone)
    if begin_s >= end_s:
        raise RefusedError("from: must be before 'to'")
    return _Asked(begin_s, end_s, _names(names))


def _time(parameter: str, text: str, zone: ZoneInfo) -> float:
    """As Unix time. Raises RefusedError."""
    try:
        at_s = float(text)
    except ValueError:
        try:
            moment = iso_moment(text)
            at_s = (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError) as error:
            raise RefusedError(
                f"{parameter}: is no ISO date or date and time, such as 2026-11-22 or "
                "2026-11-22T18:00+01:00, and no Unix time in seconds"
            ) from error
    if not (math.isfinite(at_s) and 0.0 <= at_s <= LATEST_S):
        raise RefusedError(f"{parameter}: must lie between the years 1970 and 9999")
    return at_s


def _names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return named.USUAL
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if len(names) > MOST_SERIES:
        raise RefusedError(f"series: {len(names)} names; at most {MOST_SERIES} at once")
    for name in names:
        if not named.is_name(name):
            raise RefusedError(f"series: there is no '{name[:60]}'; there are: {', '.join(named.KINDS)}")
    return names
