"""The routes of the why-log: what happened, in plain sentences, and the recording of any stretch of it."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response, StreamingResponse

from phasewise.explain.events import event_text, kind_of
from phasewise.model import Severity
from phasewise.store.events import EventQuery, KeptEvent
from phasewise.web.api import REFUSALS, ControlsNow, Lang, iso_moment, problems
from phasewise.web.guard import problem

NO_RECORDING_YET = "Nothing is recorded yet: the daemon is starting. Ask again in a few seconds."
LAST_MINUTES = 10
MOST_S = 86400.0
"""A day at once: 270 MB for six batteries. Who wants more can ask twice."""
MOST_ID = 2**53
"""As far as JSON's numbers count in ones."""

FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Event(_Wire):
    """Something that happened, and why."""

    id: int
    """Newer events have higher ones."""
    time: str
    """ISO 8601, UTC."""
    kind: str
    """Such as relief-began."""
    severity: str
    """info, warning or alarm."""
    phase: str | None
    """L1, L2 or L3 that it is about, or that its battery is on."""
    battery_id: str | None
    """The one that it is about; null where there is none or several."""
    battery_ids: tuple[str, ...]
    """All that it is about, or that take part."""
    text: str
    """A sentence or two in the language asked for, with names as they were then."""


class Stretch(_Wire):
    """A stretch of time; ISO 8601, UTC."""

    begin: str
    end: str


class Events(_Wire):
    """A page of events."""

    events: tuple[Event, ...]
    """Newest first."""
    next: int | None
    """`before` of the next, older page; null when there is none."""
    recorded: Stretch | None
    """The time of which recordings are kept: there may be gaps in it. Null while there are none."""


def _instant(value: object) -> object:
    """Unix time of what stands in an address."""
    if not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError):
        return float(value)
    try:
        at = iso_moment(value)
    except ValueError as error:
        raise ValueError("is no date and time such as 2026-11-03T18:00:00Z, and no Unix seconds") from error
    if at.tzinfo is None:
        raise ValueError("needs a Z or an offset at the end, such as 2026-11-03T18:00:00Z")
    return at.timestamp()


Instant = Annotated[
    float,
    BeforeValidator(_instant),
    Field(ge=0.0, le=1e11, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "description": "ISO 8601 with Z or an offset, or Unix seconds"}),
]
From = Annotated[Instant | None, Query(alias="from")]
To = Annotated[Instant | None, Query(alias="to")]

router = APIRouter()


@router.get("/api/v1/events", response_model=Events, responses=REFUSALS | problems(422, 503))
async def events(  # noqa: PLR0917 - one per parameter of the address
    controls: ControlsNow,
    from_s: From = None,
    to_s: To = None,
    phase: Literal["L1", "L2", "L3"] | None = None,
    battery: Annotated[str | None, Query(max_length=32)] = None,
    severity: Severity = Severity.INFO,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
    lang: Lang = "en",
) -> Events:
    """What happened and why, newest first."""
    query = EventQuery(from_s, to_s, phase, battery, severity, before, limit)
    page = await controls.events(query)
    span = await controls.recorded_span()
    return Events(
        events=tuple(_event(kept, lang) for kept in page.events),
        next=page.next,
        recorded=None if span is None else Stretch(begin=_iso(span[0]), end=_iso(span[1])),
    )


@router.get(
    "/api/v1/recording",
    response_class=Response,
    responses=REFUSALS | problems(404, 422, 503) | FILE,
)
async def recording(
    controls: ControlsNow,
    minutes: Annotated[int | None, Query(ge=1, le=60)] = None,
    from_s: From = None,
    to_s: To = None,
) -> Response:
    """Decisions with all they were made from, for `phasewise replay`: the last minutes, or any stretch."""
    if from_s is None and to_s is None:
        parts = controls.recording((minutes or LAST_MINUTES) * 60.0)
        if parts is None:
            return problem(503, NO_RECORDING_YET, {"Retry-After": "2"})
        return _file(_sent(parts), datetime.now(UTC))
    if minutes is not None:
        return problem(422, "minutes: give either minutes, or from and to")
    if from_s is None:
        return problem(422, "from: give it together with to")
    to_s = time.time() if to_s is None else to_s
    if not from_s < to_s <= from_s + MOST_S:
        return problem(422, "to: it must be after from, and at most 24 hours after it")
    return _file(await controls.recording_between(from_s, to_s), datetime.fromtimestamp(from_s, UTC))


def _file(parts: AsyncIterator[bytes], at: datetime) -> Response:
    name = f"phasewise-{at:%Y%m%dT%H%M%SZ}.recording"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type="application/octet-stream", headers=headers)


async def _sent(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Without a thread for each part: they are in memory already."""
    for part in parts:
        yield part


def _event(kept: KeptEvent, lang: str) -> Event:
    event = kept.event
    return Event(
        id=kept.id,
        time=_iso(kept.utc_s),
        kind=kind_of(event),
        severity=event.severity.value,
        phase=event.phase,
        battery_id=event.batteries[0] if len(event.batteries) == 1 else None,
        battery_ids=event.batteries,
        text=event_text(event, lang),
    )


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
