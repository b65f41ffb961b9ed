"""What is asked of the past. Everything here reads with a connection of its own, and may take a while."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from phasewise.store import energy
from phasewise.store.codec import salvaged
from phasewise.store.schema import reading
from phasewise.store.series import parts, unit
from phasewise.store.tiers import COARSE, DAY_S, MINUTES, QUARTERS, SECONDS, Tier, tail

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200)
"""What people read off an axis; each divides the chunks of the tier that it is made from. Then whole days."""
CSV_VALUES = 20_000
"""So many are held at a time: a file may have a million rows."""


class Curve(Struct, frozen=True):
    """One series, value by value; None where nothing is known."""

    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]


class Curves(Struct, frozen=True):
    """What was measured."""

    begin: int = field(name="from")
    end: int = field(name="to")
    step_s: int
    time: list[int]
    """Unix times in s at which the steps begin."""
    series: dict[str, Curve]


class _Bins:
    """Sum, count, least and most of one series, step by step."""

    def __init__(self, first: int, count: int, step_s: int) -> None:
        """`first`: the number of the first step since 1970."""
        self._first, self._step_s = first, step_s
        self.sums = [0] * count
        self.counts = [0] * count
        self.lows: list[int | None] = [None] * count
        self.highs: list[int | None] = [None] * count

    def seconds(self, start: int, column: Sequence[int | None]) -> None:
        """Take seconds."""
        if self._step_s == SECONDS.step_s:
            counts = [0 if value is None else 1 for value in column]
            self._put(start, [value or 0 for value in column], counts, column, column)
            return
        gaps = None in column
        for index, begin, end in self._slices(start, len(column), SECONDS.step_s):
            values = column[begin:end]
            known = [v for v in values if v is not None] if gaps else values
            if known:
                self._add(index, sum(known), len(known), min(known), max(known))  # type: ignore[type-var, arg-type]  # without gaps there is no None

    def coarse(self, start: int, unit_s: int, columns: Sequence[Sequence[int | None]]) -> None:
        """Take sums, counts, least and most."""
        sums, counts, lows, highs = columns
        known_sums, known_counts = [value or 0 for value in sums], [value or 0 for value in counts]
        if self._step_s == unit_s:
            self._put(start, known_sums, known_counts, lows, highs)
            return
        gaps = None in counts
        for index, begin, end in self._slices(start, len(counts), unit_s):
            count, low, high = sum(known_counts[begin:end]), lows[begin:end], highs[begin:end]
            if gaps:
                low, high = [v for v in low if v is not None], [v for v in high if v is not None]
            if count:
                self._add(index, sum(known_sums[begin:end]), count, min(low), max(high))  # type: ignore[type-var, arg-type]  # without gaps there is no None

    def _put(
        self,
        start: int,
        sums: list[int],
        counts: list[int],
        lows: Sequence[int | None],
        highs: Sequence[int | None],
    ) -> None:
        """Values that each are a step already: the only ones of it."""
        index = start // self._step_s - self._first
        first, last = max(0, -index), min(len(sums), len(self.sums) - index)
        if first < last:
            there = slice(index + first, index + last)
            self.sums[there], self.counts[there] = sums[first:last], counts[first:last]
            self.lows[there], self.highs[there] = lows[first:last], highs[first:last]

    def _slices(self, start: int, length: int, unit_s: int) -> Iterator[tuple[int, int, int]]:
        """Which of these values belong to which step: its index, begin and end."""
        each = self._step_s // unit_s
        index, begin = start // self._step_s - self._first, 0
        end = each - start % self._step_s // unit_s
        while begin < length:
            if 0 <= index < len(self.sums):
                yield index, begin, min(end, length)
            index, begin, end = index + 1, end, end + each

    def _add(self, index: int, total: int, count: int, low: int, high: int) -> None:
        self.sums[index] += total
        self.counts[index] += count
        before_low, before_high = self.lows[index], self.highs[index]
        self.lows[index] = low if before_low is None else min(low, before_low)
        self.highs[index] = high if before_high is None else max(high, before_high)

    def curve(self, name: str) -> Curve:
        """In its unit."""
        scale = parts(name)
        digits = len(str(scale))
        return Curve(
            [
                round(total / (count * scale), digits) if count else None
                for total, count in zip(self.sums, self.counts, strict=True)
            ],
            [None if low is None else low / scale for low in self.lows],
            [None if high is None else high / scale for high in self.highs],
        )


class History:
    """The past, for everybody who wants to look at it. All methods block: call them in a thread."""

    def __init__(self, path: Path, time_zone: Callable[[], str], now: Callable[[], float]) -> None:
        """`time_zone`: of the site, by which days begin. `now`: as Unix time."""
        self._path = path
        self._time_zone = time_zone
        self.now = now

    @property
    def zone(self) -> ZoneInfo:
        """Of the site, now."""
        return ZoneInfo(self._time_zone())

    def curves(self, begin: float, end: float, points: int, names: Sequence[str]) -> Curves:
        """From one Unix time to another, with at most `points` values per series. Raises UnreadableError."""
        step_s = step_for(begin, end, points)
        with reading(self._path) as db:
            if db is not None:
                step_s = max(step_s, _finest_kept(db, begin, step_s))
            return _curves(db, begin, end, step_s, names)

    def quarters(self, begin: float, end: float, names: Sequence[str]) -> Curves:
        """By quarter hours. Raises UnreadableError."""
        with reading(self._path) as db:
            return _curves(db, begin, end, QUARTERS.step_s, names)

    def csv(self, begin: float, end: float, points: int, names: Sequence[str]) -> Iterator[str]:
        """The same as lines of a file, in parts. `names`: at least one. Raises UnreadableError."""
        step_s = step_for(begin, end, points)
        with reading(self._path) as db:
            if db is not None:
                step_s = max(step_s, _finest_kept(db, begin, step_s))
        yield ",".join(["time", *_columns(names, step_s)]) + "\r\n"
        rows = max(1, CSV_VALUES // len(names))
        while begin < end:
            until = min(end, (begin // step_s + rows) * step_s)
            with reading(self._path) as db:
                yield _lines(_curves(db, begin, until, step_s, names))
            begin = until

    def days(self, first: date, last: date) -> list[energy.Day]:
        """Energy and money by day, both days included. Raises UnreadableError."""
        with reading(self._path) as db:
            return list(energy.days(db, first, last, self.zone))

    def energy_totals(self) -> dict[str, float]:
        """Since the file was begun, by the names of `energy`. Raises UnreadableError."""
        with reading(self._path) as db:
            return {} if db is None else energy.totals(db)

    def fact(self, name: str) -> str | None:
        """A small fact that was kept; None where there is none. Raises UnreadableError."""
        with reading(self._path) as db:
            row = (
                None
                if db is None
                else db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
            )
        return None if row is None else str(row[0])


def step_for(begin: float, end: float, points: int) -> int:
    """The shortest step that cuts this time into at most so many."""
    for step_s in STEPS_S:
        if _count(begin, end, step_s) <= points:
            return step_s
    days = 1
    while _count(begin, end, days * DAY_S) > points:
        days += 1
    return days * DAY_S


def _count(begin: float, end: float, step_s: int) -> int:
    return int(-(-end // step_s) - begin // step_s)


def _tier_for(step_s: int) -> Tier:
    return next(tier for tier in (QUARTERS, MINUTES, SECONDS) if step_s >= tier.step_s)


def _finest_kept(db: sqlite3.Connection, begin: float, step_s: int) -> int:
    """The step of the finest tier that still has what the coarser ones have from this moment on."""
    tier = _tier_for(step_s)
    oldest = {
        t.step_s: db.execute("SELECT min(start) FROM chunk WHERE step_s = ?", (t.step_s,)).fetchone()[0]
        for t in (SECONDS, MINUTES, QUARTERS)
    }
    for coarser in (MINUTES, QUARTERS):
        since, coarse_since = oldest[tier.step_s], oldest[coarser.step_s]
        if coarser.step_s <= tier.step_s or coarse_since is None:
            continue
        if since is None or (begin < since and coarse_since + coarser.chunk_s <= since):
            tier = coarser
    return tier.step_s


def _curves(
    db: sqlite3.Connection | None, begin: float, end: float, step_s: int, names: Sequence[str]
) -> Curves:
    first, count = int(begin // step_s), _count(begin, end, step_s)
    bins = {name: _Bins(first, count, step_s) for name in names}
    if db is not None:
        _gather(db, _tier_for(step_s), first * step_s, (first + count) * step_s, bins)
    return Curves(
        first * step_s,
        (first + count) * step_s,
        step_s,
        [number * step_s for number in range(first, first + count)],
        {name: each.curve(name) for name, each in bins.items()},
    )


def _gather(db: sqlite3.Connection, tier: Tier, begin: int, end: int, bins: dict[str, _Bins]) -> None:
    coarse = {name: [f"{name}:{column}" for column in COARSE] for name in bins}
    wanted = frozenset(bins) if tier is SECONDS else {c for columns in coarse.values() for c in columns}
    rows = "SELECT start, data FROM chunk WHERE step_s = ? AND start > ? AND start < ? ORDER BY start"
    for start, data in db.execute(rows, (tier.step_s, begin - tier.chunk_s, end)):
        columns = salvaged(data, wanted) or {}
        for name, each in bins.items():
            if tier is SECONDS and name in columns:
                each.seconds(start, columns[name])
            elif coarse[name][0] in columns:
                each.coarse(start, tier.step_s, [columns[column] for column in coarse[name]])
    for run in tail(db, begin, end, bins):
        for name, column in run.columns.items():
            bins[name].seconds(run.start, column)


def _columns(names: Sequence[str], step_s: int) -> Iterator[str]:
    for name in names:
        if step_s == SECONDS.step_s:
            yield f"{name} ({unit(name)})"
            continue
        for column in ("mean", "min", "max"):
            yield f"{name} {column} ({unit(name)})"


def _lines(curves: Curves) -> str:
    columns: list[list[float | None]] = []
    for curve in curves.series.values():
        of_it = (curve.mean,) if curves.step_s == SECONDS.step_s else (curve.mean, curve.min, curve.max)
        columns.extend(of_it)
    rows = zip(*columns, strict=True) if columns else ([] for _ in curves.time)
    return "".join(
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ},"
        + ",".join("" if value is None else f"{value:.10g}" for value in row)
        + "\r\n"
        for at, row in zip(curves.time, rows, strict=True)
    )
