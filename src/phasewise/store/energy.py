"""Energy and money per quarter hour, for ever, and the days that these make.

A local day begins and ends at a quarter of an hour in UTC in every time zone, so days are sums of rows,
whatever the clocks do.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

IMPORT, EXPORT, EXCHANGED, LOAD, PV, EV = "import", "export", "exchanged", "load", "pv", "ev"
"""In Wh."""
COST, SAVED = "cost", "saved"
"""In EUR."""
MEASURED = "measured"
"""In s."""
CHARGED, DISCHARGED = "charged:", "discharged:"
"""In Wh, followed by the battery's id."""

Increments = Mapping[tuple[int, str], float]
"""What is added: by the Unix time at which the quarter hour begins, and name."""


class BatteryEnergy(Struct, frozen=True):
    """What went into and out of one battery."""

    charged_wh: float
    discharged_wh: float


class Day(Struct, frozen=True):
    """One local day; see `web.history` for what the fields say."""

    date: str
    start: str
    end: str
    measured_s: float
    import_wh: float
    export_wh: float
    exchanged_wh: float
    load_wh: float
    pv_wh: float | None
    ev_wh: float | None
    batteries: dict[str, BatteryEnergy]
    cost_eur: float | None
    cost_without_eur: float | None
    saved_eur: float | None


def add(db: sqlite3.Connection, increments: Increments) -> None:
    """Add to what is there."""
    db.executemany(
        "INSERT INTO energy (quarter, name, value) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(quarter, name, value) for (quarter, name), value in increments.items()],
    )
    db.executemany(
        "INSERT INTO energy_total (name, value) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(name, value) for (_, name), value in increments.items()],
    )


def totals(db: sqlite3.Connection) -> dict[str, float]:
    """Everything since the file was begun, by name. What is here once does not get lost in a restart."""
    return dict(db.execute("SELECT name, value FROM energy_total").fetchall())


def midnight_s(day: date, zone: ZoneInfo) -> float:
    """The Unix time at which a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def days(db: sqlite3.Connection | None, first: date, last: date, zone: ZoneInfo) -> Iterator[Day]:
    """Each day from the first to the last, both included. `db`: None = nothing was kept."""
    day = first
    while day <= last:
        begin_s, end_s = midnight_s(day, zone), midnight_s(day + timedelta(days=1), zone)
        yield _day(day, begin_s, end_s, {} if db is None else _sums(db, begin_s, end_s))
        day += timedelta(days=1)


def _sums(db: sqlite3.Connection, begin_s: float, end_s: float) -> dict[str, float]:
    rows = db.execute(
        "SELECT name, sum(value) FROM energy WHERE quarter >= ? AND quarter < ? GROUP BY name",
        (begin_s, end_s),
    )
    return dict(rows.fetchall())


def _day(day: date, begin_s: float, end_s: float, sums: Mapping[str, float]) -> Day:
    cost_eur, saved_eur = sums.get(COST), sums.get(SAVED)
    return Day(
        date=day.isoformat(),
        start=_iso(begin_s),
        end=_iso(end_s),
        measured_s=round(sums.get(MEASURED, 0.0), 1),
        import_wh=round(sums.get(IMPORT, 0.0), 1),
        export_wh=round(sums.get(EXPORT, 0.0), 1),
        exchanged_wh=round(sums.get(EXCHANGED, 0.0), 1),
        load_wh=round(sums.get(LOAD, 0.0), 1),
        pv_wh=_rounded(sums.get(PV), 1),
        ev_wh=_rounded(sums.get(EV), 1),
        batteries=_batteries(sums),
        cost_eur=_rounded(cost_eur, 4),
        cost_without_eur=None if cost_eur is None or saved_eur is None else round(cost_eur + saved_eur, 4),
        saved_eur=_rounded(saved_eur, 4),
    )


def _batteries(sums: Mapping[str, float]) -> dict[str, BatteryEnergy]:
    ids = sorted({n.partition(":")[2] for n in sums if n.startswith((CHARGED, DISCHARGED))})
    return {
        i: BatteryEnergy(round(sums.get(CHARGED + i, 0.0), 1), round(sums.get(DISCHARGED + i, 0.0), 1))
        for i in ids
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
