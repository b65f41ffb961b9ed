"""The file: how it is opened, and how one of an older version becomes one of this."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

APPLICATION_ID = 0x50485753
"""`PHWS`, in SQLite's own header field for whose file it is: other people's files are left alone."""

MIGRATIONS: list[str] = [
    # One script per version, only ever appended to: files out there were made by the ones before.
    # 1: seconds not yet rolled up, all tiers, energy per quarter hour, and small facts.
    """
    CREATE TABLE tail (
        id INTEGER PRIMARY KEY,
        start INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE TABLE chunk (
        step_s INTEGER NOT NULL,
        start INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (step_s, start)
    ) STRICT;
    CREATE TABLE energy (
        quarter INTEGER NOT NULL,
        name TEXT NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (quarter, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE fact (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    # 2: what happened and why, and recordings to replay.
    """
    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        utc_s REAL NOT NULL,
        level INTEGER NOT NULL,
        phase TEXT,
        batteries TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX event_utc_s ON event (utc_s);
    CREATE TABLE recording (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL,
        number INTEGER NOT NULL,
        form INTEGER NOT NULL,
        began_utc_s REAL NOT NULL,
        ended_utc_s REAL NOT NULL,
        bytes INTEGER NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (run, number)
    ) STRICT;
    CREATE INDEX recording_utc_s ON recording (began_utc_s, ended_utc_s, form, bytes);
    """,
    # 3: the sums of all energy, which somebody asks for every few seconds.
    """
    CREATE TABLE energy_total (
        name TEXT PRIMARY KEY,
        value REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO energy_total SELECT name, sum(value) FROM energy GROUP BY name;
    """,
]
"""SQL that leads from each version to the next; the file's `user_version` is how many it has had."""

BUSY_S = 5.0
"""Nobody else writes; whoever looks into the file with another program may hold a lock for a moment."""


class ForeignFileError(Exception):
    """The file is not ours, or of a newer version: it is neither used nor touched."""


class UnreadableError(Exception):
    """The file is there but can't be read. The text says what came back."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file, made or brought up to date where needed. Transactions are the caller's.

    Raises sqlite3.Error, ForeignFileError.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    try:
        _check_owner(connection, path)
        # In WAL nothing is lost when the process is killed, and a reader never waits. NORMAL spares SD
        # cards a sync per batch; a power cut may cost what the card had not written yet, never the file.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that can't change anything, for any thread. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_S, check_same_thread=False)


@contextlib.contextmanager
def reading(path: Path, *, version: int = 1) -> Iterator[sqlite3.Connection | None]:
    """One picture of the file, whatever is written meanwhile. Raises UnreadableError, also for what is done
    with it.

    None before the first batch, and while the file is older than `version`, that which brought what is asked.
    """
    try:
        if not path.exists():
            yield None
            return
        with contextlib.closing(open_to_read(path)) as db:
            db.execute("BEGIN")
            yield db if _pragma(db, "user_version") >= version else None
    except (sqlite3.Error, OSError) as error:
        raise UnreadableError(f"{path}: {error}") from error


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the version of MIGRATIONS: each step entirely or not at all. Raises sqlite3.Error."""
    version = _pragma(connection, "user_version")
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]};"
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number + 1}; COMMIT"
        )


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise ForeignFileError(f"{path} is the database of another program")
    if version > len(MIGRATIONS):
        raise ForeignFileError(f"{path} was written by a newer version of Phasewise")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
