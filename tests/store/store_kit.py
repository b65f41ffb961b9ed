"""A file of history to look into, and seconds to fill it with."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from phasewise.store import History, Run, open_to_write, write_runs

QUARTER_S = 900
DAY_S = 86_400
BEGIN = 1_764_547_200
"""2025-12-01 00:00 UTC: a multiple of every step but a week."""


def filled(
    path: Path, start: int, columns: Mapping[str, list[int | None]], *, batch: int = 8, keep_days: float = 7.0
) -> sqlite3.Connection:
    """A file into which these seconds were written in batches."""
    db = open_to_write(path)
    write(db, start, columns, batch=batch, keep_days=keep_days)
    return db


def write(
    db: sqlite3.Connection,
    start: int,
    columns: Mapping[str, list[int | None]],
    *,
    batch: int = 8,
    keep_days: float = 7.0,
) -> None:
    """More seconds."""
    length = max(len(column) for column in columns.values())
    for at in range(0, length, batch):
        part = {name: column[at : at + batch] for name, column in columns.items()}
        db.execute("BEGIN IMMEDIATE")
        write_runs(db, [Run(start + at, part)], keep_days=keep_days)
        db.execute("COMMIT")


def past(path: Path, zone: str = "Europe/Amsterdam", now: float = BEGIN) -> History:
    """Who is asked."""
    return History(path, lambda: zone, lambda: now)
