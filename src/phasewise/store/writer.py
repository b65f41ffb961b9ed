"""The one thread that writes. Whoever has something to keep hands it over and never waits.

All that was handed over is written in a transaction every few seconds: SD cards wear out by the number of
writes. While the file can't be written everything waits in memory, in a queue of bounded length, and is
tried again with each batch.
"""

import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import structlog
from msgspec import Struct

from phasewise.store.schema import ForeignFileError, open_to_write

BATCH_S = 8.0
"""A killed process loses at most this and the second that runs: less than 10 s."""
QUEUE_JOBS = 1000
"""Two hours of batches: time to make room on a disk. Six batteries take some MB for it."""
TRANSACTION_JOBS = 50
"""Usually all there are. While a disk is full only so many are tried in vain."""
CLOSE_S = 2.0
"""The last batch gets so long when Phasewise ends; it takes milliseconds unless the disk is stuck."""

Job = Callable[[sqlite3.Connection], None]
"""Writes something, inside a transaction that is not its own: no BEGIN, COMMIT or ROLLBACK."""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_OUTSIDE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Not the fault of what was to be written: it is kept, and tried again."""

log = structlog.get_logger("phasewise.history")


class Trouble(Struct, frozen=True):
    """Why nothing is written just now."""

    problem: str
    """What was tried and what came back."""
    waiting: int
    """Records that wait in memory."""
    lost: int
    """Records that were given up since the trouble began, the oldest first."""

    @property
    def text(self) -> str:
        """All of it, for people."""
        given_up = f"; {self.lost} given up" if self.lost else ""
        return f"{self.problem} ({self.waiting} records wait in memory{given_up})"


class Writer:
    """Owns the file. `submit` from any thread; `start` and `close` once."""

    def __init__(self, path: Path, *, batch_s: float = BATCH_S, queue_jobs: int = QUEUE_JOBS) -> None:
        """`path`: of the file; it is opened, and made where it is missing, with the first batch."""
        self.path = path
        self.trouble: Trouble | None = None
        """None while all is well."""
        self.moved_to: Path | None = None
        """Where the last damaged file was moved; None when there was none since the start."""
        self._batch_s = batch_s
        self._queue_jobs = queue_jobs
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._lost = 0
        self._sources: list[Callable[[], Job | None]] = []
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def submit(self, job: Job) -> None:
        """Have it done with the next batch. Never waits, never raises."""
        with self._lock:
            self._waiting.append(job)
            while len(self._waiting) > self._queue_jobs:
                self._waiting.popleft()
                self._lost += 1

    def add_source(self, take: Callable[[], Job | None]) -> None:
        """Have `take` asked before each batch for what has gathered until then; None = nothing.

        It is called in the writer's thread.
        """
        self._sources.append(take)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left, and end. Blocks for at most CLOSE_S. Idempotent."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ending.wait(self._batch_s)
            for take in self._sources:
                self._ask(take)
            self._batch()
        self._close_file()

    def _ask(self, take: Callable[[], Job | None]) -> None:
        try:
            job = take()
        except Exception:  # a fault in one source must not end history for all
            log.exception("nothing to write was got", next="asked again with the next batch")
            return
        if job is not None:
            self.submit(job)

    def _batch(self) -> None:
        """All that waits, in transactions of some records each; what fails waits on."""
        again = True
        while jobs := self._next():
            try:
                self._write(jobs)
            except sqlite3.Error as error:
                if not (again and _primary(error) in _DAMAGED and self._begun_anew(error)):
                    self._failed(f"{self.path}: {error}")
                    return
                again = False
            except (ForeignFileError, OSError) as error:
                self._failed(f"{self.path}: {error}")
                return
            else:
                self._done(jobs)

    def _next(self) -> list[Job]:
        with self._lock:
            return list(islice(self._waiting, TRANSACTION_JOBS))

    def _write(self, jobs: list[Job]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                self._do(connection, job)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _do(self, connection: sqlite3.Connection, job: Job) -> None:
        """One job, or nothing of it when it is at fault itself."""
        connection.execute("SAVEPOINT job")
        try:
            job(connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and _primary(error) in _DAMAGED | _OUTSIDE:
                raise
            log.exception("one record was not written", next="it is dropped; the others go on")
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def _open(self) -> sqlite3.Connection:
        """The connection, opened anew when the file was replaced or taken away."""
        if self._connection is not None and self._inode != _inode(self.path):
            self._close_file()
        if self._connection is None:
            _give_rights(self.path)
            self._connection = open_to_write(self.path)
            self._inode = _inode(self.path)
        return self._connection

    def _close_file(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _done(self, jobs: list[Job]) -> None:
        with self._lock:
            written = set(map(id, jobs))
            self._waiting = deque(job for job in self._waiting if id(job) not in written)
            lost, self._lost = self._lost, 0
        if self.trouble is not None:
            log.info("history is written again", file=str(self.path), lost=lost)
            self.trouble = None

    def _begun_anew(self, error: sqlite3.Error) -> bool:
        """Whether the damaged file could be moved aside."""
        self._close_file()
        try:
            self.moved_to = move_aside(self.path)
        except OSError as blocked:
            log.warning("damaged file not moved aside", error=str(blocked), damage=str(error))
            return False
        log.warning("damaged file moved aside", to=str(self.moved_to), next="history begins anew")
        return True

    def _failed(self, problem: str) -> None:
        self._close_file()
        if self.trouble is None:
            log.warning("history not written", problem=problem, next="kept in memory and tried again")
        with self._lock:
            self.trouble = Trouble(problem, len(self._waiting), self._lost)


def move_aside(path: Path) -> Path:
    """Rename a damaged file, with what belongs to it, and say to what. Nothing is deleted. Raises OSError."""
    stem = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(path.with_name(stem + suffix))
    return path.rename(path.with_name(stem))


def _give_rights(path: Path) -> None:
    """SQLite makes its companion files with the rights of the file: they stay when its own change."""
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        with contextlib.suppress(OSError):
            if not os.access(companion, os.W_OK):
                companion.chmod(path.stat().st_mode & 0o777)


def _primary(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its details; None where the error is Python's own."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
