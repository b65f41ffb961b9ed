"""The why-log on disk: what happened, newest first, bounded in age and count.

Rows keep facts, not sentences, so that an old event is told in whatever language is asked for.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from phasewise.model import Severity
from phasewise.model.event import Event
from phasewise.store.lookup import looked_up
from phasewise.store.schema import reading
from phasewise.store.writer import Job, Writer

KEEP_S = 400 * 86400.0
"""Thirteen months: this winter beside the last one."""
SETTLED = 50
"""Events at least since a moment by which others are too old: about a day's. A clock that is wrong for a
while, as after a start without network, must not have everything forgotten."""
KEEP_COUNT = 100_000
"""About 25 MB; a home has some dozens a day."""

VERSION = 2
"""Of the file, since which it has events."""

WAITING = 1000
"""Events that wait for the writer; it asks for them every few seconds."""

_LEVELS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ALARM: 2}


class KeptEvent(Struct, frozen=True):
    """An event as it was kept."""

    id: int
    """Newer ones have higher ones; never used twice."""
    utc_s: float
    event: Event


class EventQuery(Struct, frozen=True):
    """Which events. What is None does not matter."""

    from_utc_s: float | None = None
    to_utc_s: float | None = None
    """Itself not included."""
    phase: str | None = None
    battery_id: str | None = None
    least: Severity = Severity.INFO
    before: int | None = None
    """Only those with a lower id."""
    limit: int = 100


class EventPage(Struct, frozen=True):
    """Events, newest first."""

    events: tuple[KeptEvent, ...]
    next: int | None
    """`before` of the next page; None when this is the last."""


NO_EVENTS = EventPage((), None)


class EventLog:
    """Takes events without waiting, and finds those that were kept."""

    def __init__(self, writer: Writer) -> None:
        self._path = writer.path
        self._waiting: deque[tuple[float, Event]] = deque(maxlen=WAITING)
        writer.add_source(self._take)

    def tell(self, utc_s: float, event: Event) -> None:
        """Keep an event, which happened at this Unix time. Never waits, never raises."""
        self._waiting.append((utc_s, event))

    def _take(self) -> Job | None:
        """In the writer's thread: what has gathered."""
        events = [self._waiting.popleft() for _ in range(len(self._waiting))]
        return (lambda connection: add(connection, events)) if events else None

    async def page(self, query: EventQuery) -> EventPage:
        """What was kept; nothing while there is no file. What is newer than some seconds is not in it yet.

        Raises UnreadableError.
        """
        return await looked_up(self._page, query)

    def _page(self, query: EventQuery) -> EventPage:
        with reading(self._path, version=VERSION) as db:
            return NO_EVENTS if db is None else page(db, query)


def add(db: sqlite3.Connection, events: Sequence[tuple[float, Event]]) -> None:
    """Keep events, each with its Unix time, and forget what is too old or too much."""
    for utc_s, event in events:
        db.execute(
            "INSERT INTO event (utc_s, level, phase, batteries, data) VALUES (?, ?, ?, ?, ?)",
            (
                utc_s,
                _LEVELS[event.severity],
                event.phase,
                f",{','.join(event.batteries)},",
                msgspec.json.encode(event),
            ),
        )
    newest = "SELECT min(utc_s) FROM (SELECT utc_s FROM event ORDER BY id DESC LIMIT ?)"
    db.execute(f"DELETE FROM event WHERE utc_s < ({newest}) - ?", (SETTLED, KEEP_S))  # noqa: S608 - of the above
    db.execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (KEEP_COUNT,))


def page(db: sqlite3.Connection, query: EventQuery) -> EventPage:
    """The newest events that the query asks for. Those of a newer version are left out."""
    wanted: list[tuple[str, Any]] = [
        ("utc_s >= ?", query.from_utc_s),
        ("utc_s < ?", query.to_utc_s),
        ("phase = ?", query.phase),
        ("instr(batteries, ?) > 0", None if query.battery_id is None else f",{query.battery_id},"),
        ("id < ?", query.before),
        ("level >= ?", _LEVELS[query.least]),
    ]
    wanted = [(condition, value) for condition, value in wanted if value is not None]
    where = " AND ".join(condition for condition, _ in wanted)
    rows = db.execute(
        f"SELECT id, utc_s, data FROM event WHERE {where} ORDER BY id DESC LIMIT ?",  # noqa: S608 - of the above
        (*(value for _, value in wanted), query.limit + 1),
    ).fetchall()
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    found = [
        KeptEvent(id_, utc_s, event) for id_, utc_s, data in rows if (event := _decoded(data)) is not None
    ]
    return EventPage(tuple(found), rows[-1][0] if more else None)


def _decoded(data: bytes) -> Event | None:
    try:
        event: Event = msgspec.json.decode(data, type=Event)
    except ValueError:  # of a newer version, or damaged
        return None
    return event
