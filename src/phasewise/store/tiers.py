"""Seconds as they come in, and the coarser tiers that are made of them: what is kept how long.

New seconds go to the tail, a row per batch. When a quarter of an hour is over, its rows become one chunk of
seconds, and minutes and a quarter hour are made of that, so that no tier is rounded twice. In the coarser
tiers a series has four columns: sum, count, least and most of its seconds. Sums are whole numbers, so they
add up exactly from tier to tier.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import structlog
from msgspec import Struct

from phasewise.store.codec import pack, salvaged

DAY_S = 86_400
QUARTER_S = 900
KEEP_MINUTES_S = 400 * DAY_S
"""A year to compare with, and the month before."""
SETTLED = 4
"""Chunks of seconds within a day before a moment by which others are too old: an hour. A clock that is wrong
for a while, as after a start without network, must not have everything forgotten."""
COARSE = ("sum", "n", "min", "max")

log = structlog.get_logger("phasewise.history")


class Tier(Struct, frozen=True):
    """One resolution."""

    step_s: int
    chunk_s: int
    """How much time one row of the file holds: it begins at a multiple of this."""


SECONDS = Tier(1, QUARTER_S)
MINUTES = Tier(60, 3600)
QUARTERS = Tier(QUARTER_S, DAY_S)
TIERS = (SECONDS, MINUTES, QUARTERS)


class Run(Struct, frozen=True):
    """Seconds without a gap between them."""

    start: int
    """Unix time in s."""
    columns: dict[str, list[int | None]]
    """By series, of equal length, in parts of the unit."""


class Total(Struct, frozen=True):
    """Of some seconds of one series."""

    sum: int
    n: int
    """How many of them are known."""
    min: int
    max: int


def total(values: Sequence[int | None]) -> Total | None:
    """None where nothing is known."""
    known = [value for value in values if value is not None]
    return Total(sum(known), len(known), min(known), max(known)) if known else None


def write_runs(db: sqlite3.Connection, runs: Iterable[Run], *, keep_days: float) -> None:
    """Keep new seconds; make chunks of the quarter hours that are over."""
    newest = None
    for run in runs:
        for part in _by_quarter(run):
            db.execute("INSERT INTO tail (start, data) VALUES (?, ?)", (part.start, pack(part.columns)))
            newest = _begin(part.start, QUARTER_S)
    if newest is None:
        return
    over = {_begin(start, QUARTER_S) for (start,) in db.execute("SELECT start FROM tail")} - {newest}
    for quarter in sorted(over):
        _close(db, quarter)
    if over and _is_settled(db, newest):
        _forget(db, SECONDS, newest - keep_days * DAY_S)
        _forget(db, MINUTES, newest - KEEP_MINUTES_S)


def tail(db: sqlite3.Connection, begin: int, end: int, wanted: Iterable[str] | None = None) -> Iterator[Run]:
    """Seconds that are in no chunk yet, in the order in which they were written; later ones count."""
    names = None if wanted is None else frozenset(wanted)
    rows = "SELECT start, data FROM tail WHERE start > ? AND start < ? ORDER BY id"
    for start, data in db.execute(rows, (begin - QUARTER_S, end)):
        columns = salvaged(data, names)
        if columns is not None:
            yield Run(start, columns)


def _by_quarter(run: Run) -> Iterator[Run]:
    length = max((len(column) for column in run.columns.values()), default=0)
    at = 0
    while at < length:
        start = run.start + at
        until = min(length, at + QUARTER_S - start % QUARTER_S)
        yield Run(start, {name: column[at:until] for name, column in run.columns.items()})
        at = until


def _close(db: sqlite3.Connection, quarter: int) -> None:
    """Make a chunk of a quarter hour, over what was written of it before, and of that the coarser tiers."""
    seconds: dict[str, list[int | None]] = _chunk(db, SECONDS, quarter)
    for run in tail(db, quarter, quarter + QUARTER_S):
        if _begin(run.start, QUARTER_S) == quarter:
            _overlay(seconds, run.columns, run.start - quarter, QUARTER_S)
    _put(db, SECONDS, quarter, seconds)
    for tier in (MINUTES, QUARTERS):
        _merge(db, tier, quarter, _coarser(seconds, tier.step_s))
    db.execute("DELETE FROM tail WHERE start >= ? AND start < ?", (quarter, quarter + QUARTER_S))


def write_minutes(db: sqlite3.Connection, start: int, minutes: dict[str, list[Total]]) -> None:
    """Keep minutes that were never seconds in this file: whole quarter hours from `start`, Unix time."""
    each = QUARTER_S // MINUTES.step_s
    quarters = {
        name: [_together(totals[at : at + each]) for at in range(0, len(totals), each)]
        for name, totals in minutes.items()
    }
    for tier, named in ((MINUTES, minutes), (QUARTERS, quarters)):
        count = max((len(totals) for totals in named.values()), default=0)
        at = 0
        while at < count:
            begin = start + at * tier.step_s
            until = at + (_begin(begin, tier.chunk_s) + tier.chunk_s - begin) // tier.step_s
            _merge(db, tier, begin, _columns({name: totals[at:until] for name, totals in named.items()}))
            at = until


def _together(totals: Sequence[Total]) -> Total:
    return Total(
        sum(t.sum for t in totals),
        sum(t.n for t in totals),
        min(t.min for t in totals),
        max(t.max for t in totals),
    )


def _columns(totals: dict[str, list[Total]]) -> dict[str, list[int | None]]:
    return {
        f"{name}:{field}": [getattr(t, field) for t in each]
        for name, each in totals.items()
        for field in COARSE
    }


def _merge(db: sqlite3.Connection, tier: Tier, begin: int, columns: dict[str, list[int | None]]) -> None:
    """Put values from `begin` on into the row that holds them all."""
    chunk = _begin(begin, tier.chunk_s)
    row = _chunk(db, tier, chunk)
    _overlay(row, columns, (begin - chunk) // tier.step_s, tier.chunk_s // tier.step_s)
    _put(db, tier, chunk, row)


def _coarser(seconds: dict[str, list[int | None]], step_s: int) -> dict[str, list[int | None]]:
    columns: dict[str, list[int | None]] = {}
    for name, column in seconds.items():
        totals = [total(column[at : at + step_s]) for at in range(0, QUARTER_S, step_s)]
        for field in COARSE:
            columns[f"{name}:{field}"] = [None if t is None else getattr(t, field) for t in totals]
    return columns


def _overlay(
    under: dict[str, list[int | None]], over: dict[str, list[int | None]], at: int, length: int
) -> None:
    """What is known of `over` replaces what is in `under` from `at` on."""
    for name, column in over.items():
        below = under.setdefault(name, [None] * length)
        until = at + len(column)
        below[at:until] = [
            old if new is None else new for old, new in zip(below[at:until], column, strict=True)
        ]


def _chunk(db: sqlite3.Connection, tier: Tier, start: int) -> dict[str, list[int | None]]:
    row = db.execute("SELECT data FROM chunk WHERE step_s = ? AND start = ?", (tier.step_s, start)).fetchone()
    columns = {} if row is None else salvaged(row[0])
    if columns is None:
        log.warning("damaged values dropped", step_s=tier.step_s, start=start, next="the rest is kept")
        return {}
    return columns


def _put(db: sqlite3.Connection, tier: Tier, start: int, columns: dict[str, list[int | None]]) -> None:
    put = "INSERT OR REPLACE INTO chunk (step_s, start, data) VALUES (?, ?, ?)"
    db.execute(put, (tier.step_s, start, pack(columns)))


def _forget(db: sqlite3.Connection, tier: Tier, before: float) -> None:
    last = before - tier.chunk_s
    db.execute("DELETE FROM chunk WHERE step_s = ? AND start <= ?", (tier.step_s, last))


def _is_settled(db: sqlite3.Connection, now: int) -> bool:
    """Whether the clock has been about there for a while."""
    counted = "SELECT count(*) FROM chunk WHERE step_s = ? AND start > ? AND start < ?"
    lately: int = db.execute(counted, (SECONDS.step_s, now - DAY_S, now)).fetchone()[0]
    return lately >= SETTLED


def _begin(at: int, length_s: int) -> int:
    return at // length_s * length_s
