"""Recordings on disk: a row per chapter, bounded in age and bytes.

What is in a chapter is the engine's matter.
"""

import sqlite3

from msgspec import Struct

KEEP_S = 7 * 86400.0
"""A week: what was odd on Saturday can be looked at on Friday."""
SETTLED = 60
"""Chapters at least since a moment by which others are too old: an hour. As for events, no clock that is
wrong for a while may have everything forgotten."""
KEEP_BYTES = 200_000_000
"""A small part of the smallest SD card; six batteries and a meter at 1 Hz take 17 MB a day."""

VERSION = 2
"""Of the file, since which it has recordings."""


class Place(Struct, frozen=True):
    """Where a chapter belongs."""

    run: int
    """Which run of the daemon recorded it."""
    number: int
    """Within that run; one more than that of the chapter that it goes on from."""
    began_utc_s: float
    ended_utc_s: float


class KeptChapter(Struct, frozen=True):
    """A chapter that is on disk."""

    id: int
    place: Place


def add(db: sqlite3.Connection, place: Place, form: int, data: bytes) -> None:
    """Keep a chapter, and forget what is too old or too much.

    `form`: of the recording: only versions that know it can read it.
    """
    db.execute(
        "INSERT OR IGNORE INTO recording (run, number, form, began_utc_s, ended_utc_s, bytes, data)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (place.run, place.number, form, place.began_utc_s, place.ended_utc_s, len(data), data),
    )
    newest = "SELECT min(ended_utc_s) FROM (SELECT ended_utc_s FROM recording ORDER BY id DESC LIMIT ?)"
    old = f"DELETE FROM recording WHERE began_utc_s < ({newest}) - ?"  # noqa: S608 - of the above
    db.execute(old, (SETTLED, KEEP_S))
    excess = _bytes(db) - KEEP_BYTES
    while excess > 0:
        oldest, size = db.execute("SELECT id, bytes FROM recording ORDER BY id LIMIT 1").fetchone()
        db.execute("DELETE FROM recording WHERE id = ?", (oldest,))
        excess -= size


def _bytes(db: sqlite3.Connection) -> int:
    total: int = db.execute("SELECT coalesce(sum(bytes), 0) FROM recording").fetchone()[0]
    return total


def between(db: sqlite3.Connection, from_utc_s: float, to_utc_s: float, form: int) -> list[KeptChapter]:
    """The chapters with something of this time in them, oldest first."""
    rows = db.execute(
        "SELECT id, run, number, began_utc_s, ended_utc_s FROM recording"
        " WHERE ended_utc_s >= ? AND began_utc_s < ? AND form = ? ORDER BY id",
        (from_utc_s, to_utc_s, form),
    )
    return [KeptChapter(id_, Place(*place)) for id_, *place in rows]


def data_of(db: sqlite3.Connection, id_: int) -> bytes | None:
    """A chapter's content; None when it has been forgotten meanwhile."""
    row = db.execute("SELECT data FROM recording WHERE id = ?", (id_,)).fetchone()
    return None if row is None else row[0]


def span(db: sqlite3.Connection, form: int) -> tuple[float, float] | None:
    """Unix times of the first and the last that is kept; None for none."""
    begin, end = db.execute(
        "SELECT min(began_utc_s), max(ended_utc_s) FROM recording WHERE form = ?", (form,)
    ).fetchone()
    return None if begin is None else (begin, end)
