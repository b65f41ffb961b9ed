"""The writer: whatever happens to the disk or the process, control goes on and nothing written is lost."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from phasewise.store import MIGRATIONS, Job, Writer, energy, open_to_read, open_to_write
from phasewise.store.writer import BATCH_S

SOON_S = 15.0
"""A deadline, not a wait."""


def insert(name: str, value: str = "x" * 50) -> Job:
    return lambda db: db.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (name, value)) and None


def names(path: Path) -> set[str]:
    with contextlib.closing(open_to_read(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM fact")}


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < end_s, "not reached"
        time.sleep(0.01)


def written(path: Path, name: str) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return name in names(path)
        except sqlite3.Error:
            return False

    return look


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home.history.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path, batch_s=0.02, queue_jobs=20)
    writer.start()
    yield writer
    writer.close()


def test_a_batch_is_less_than_ten_seconds() -> None:
    assert BATCH_S + 1.0 < 10.0


def test_what_is_left_is_written_at_the_end(path: Path) -> None:
    writer = Writer(path, batch_s=3600.0)
    gathered = iter([insert("gathered")])
    writer.add_source(lambda: next(gathered, None))
    writer.start()
    writer.submit(insert("handed over"))
    writer.close()
    assert names(path) == {"gathered", "handed over"}


def test_one_bad_record_costs_itself_alone(writer: Writer, path: Path) -> None:
    def half(db: sqlite3.Connection) -> None:
        insert("half")(db)
        raise ValueError("at fault")

    def broken_source() -> None:
        raise ValueError("at fault")

    writer.add_source(broken_source)
    for job in (insert("before"), half, insert("after")):
        writer.submit(job)
    until(written(path, "after"))
    assert names(path) == {"before", "after"}
    assert writer.trouble is None


def test_a_place_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "usb-stick" / "h.db"
    writer = Writer(path, batch_s=0.02, queue_jobs=3)
    writer.start()
    for number in range(5):
        writer.submit(insert(f"{number}"))
    until(lambda: writer.trouble is not None and writer.trouble.waiting == 3)
    assert writer.trouble is not None
    assert (writer.trouble.lost, "unable to open" in writer.trouble.text) == (2, True)
    path.parent.mkdir()
    until(lambda: writer.trouble is None)
    assert names(path) == {"2", "3", "4"}
    writer.close()


def test_a_file_that_was_taken_away_is_made_anew(writer: Writer, path: Path) -> None:
    writer.submit(insert("a"))
    until(written(path, "a"))
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink()
    writer.submit(insert("b"))
    until(written(path, "b"))
    assert names(path) == {"b"}


@pytest.mark.parametrize("damage", ["all", "middle"])
def test_a_damaged_file_is_moved_aside_and_nothing_is_deleted(path: Path, damage: str) -> None:
    with contextlib.closing(open_to_write(path)) as db:
        for number in range(500):
            insert(f"old{number}")(db)
    content = bytearray(path.read_bytes())
    content[0 if damage == "all" else 100 :] = b"\xa5" * (len(content) - (0 if damage == "all" else 100))
    path.write_bytes(content)
    writer = Writer(path, batch_s=0.02)
    writer.start()
    writer.submit(insert("new"))
    until(written(path, "new"))
    writer.close()
    assert writer.trouble is None
    assert writer.moved_to is not None
    assert writer.moved_to.parent == path.parent
    assert writer.moved_to.read_bytes() == content


def test_a_record_that_looks_like_damage_moves_no_more_than_one_file(path: Path) -> None:
    def damaged(_: sqlite3.Connection) -> None:
        error = sqlite3.DatabaseError("file is not a database")
        error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
        raise error

    writer = Writer(path, batch_s=3600.0)
    writer.start()
    writer.submit(damaged)
    writer.close()
    assert writer.trouble is not None
    assert len([name for name in path.parent.iterdir() if ".damaged-" in name.name]) == 1


def test_files_of_others_and_of_newer_versions_are_left_alone(path: Path) -> None:
    for prepare in ("CREATE TABLE theirs (x)", f"PRAGMA user_version = {len(MIGRATIONS) + 1}"):
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(prepare)
        before = path.read_bytes()
        writer = Writer(path, batch_s=0.02)
        writer.start()
        writer.submit(insert("a"))
        writer.close()
        assert writer.trouble is not None
        assert path.read_bytes() == before
        assert writer.moved_to is None


IMPORTS = """
import os, resource, signal, sys, time
from pathlib import Path
from phasewise.store import Writer
"""
IN_A_PROCESS = """
writer = Writer(Path(sys.argv[1]), batch_s=0.05, queue_jobs=100_000)
writer.start()
number = 0
was = None
print("go", flush=True)
while True:
    value = f"{time.time():.3f}"
    writer.submit(lambda db, n=number, v=value: db.execute("INSERT INTO fact VALUES (?, ?)", (f"{n:06}", v)))
    number += 1
    trouble = writer.trouble is not None
    if trouble != was:
        was = trouble
        print("trouble" if trouble else "well", number, flush=True)
    time.sleep(0.002)
"""


@contextlib.contextmanager
def process(path: Path, first: str = "") -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", IMPORTS + first + IN_A_PROCESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "go\n"
        try:
            yield running
        finally:
            running.kill()


def test_a_killed_process_loses_no_more_than_the_last_batch(path: Path) -> None:
    with process(path) as running:
        until(written(path, "000300"))
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        killed_s = time.time()
    with contextlib.closing(open_to_write(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT name, value FROM fact ORDER BY name").fetchall()
    # No hole: all of each batch or nothing. A busy machine may be late with a batch of 0.05 s.
    assert [int(name) for name, _ in rows] == list(range(len(rows)))
    assert killed_s - float(rows[-1][1]) < 5.0


def said(running: "subprocess.Popen[str]") -> str:
    """The next word of its own; the log goes the same way."""
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith(("well ", "trouble ")):
            return line.split()[0]
    raise AssertionError("it ended")


def test_a_full_disk_is_said_and_recovers_by_itself(path: Path) -> None:
    """A limit on the size of files stands for the disk: the same call of the kernel fails."""
    first = """
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, lambda *_: limit(resource.RLIM_INFINITY))
limit(100_000)
"""
    with process(path, first) as running:
        assert said(running) == "well"
        assert said(running) == "trouble"
        os.kill(running.pid, signal.SIGUSR1)
        assert said(running) == "well"
        newest = max(names(path))
        until(lambda: max(names(path)) > newest)
    kept = sorted(names(path))
    assert [int(name) for name in kept] == list(range(len(kept)))


def test_a_file_that_may_not_be_written_is_said_and_recovers_by_itself() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "h.db"
        Path(folder).chmod(0o777)
        open_to_write(path).close()
        path.chmod(0o444)
        # For root there is no such file.
        with process(path, "if os.geteuid() == 0: os.setuid(65534)\n") as running:
            assert said(running) == "well"
            assert said(running) == "trouble"
            path.chmod(0o666)
            assert said(running) == "well"
            until(lambda: len(names(path)) > 0)
        assert min(names(path)) == "000000"


VERSION_1 = """
CREATE TABLE tail (id INTEGER PRIMARY KEY, start INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE TABLE chunk (
    step_s INTEGER NOT NULL, start INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (step_s, start)
) STRICT;
CREATE TABLE energy (
    quarter INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (quarter, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1346918227;
PRAGMA user_version = 1;
INSERT INTO fact VALUES ('kept', 'since version 1');
INSERT INTO energy VALUES (1764547200, 'import', 12.5);
"""
"""A file as version 1 left it."""


def shape(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Tables, indexes and their columns."""
    found = db.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
    columns = "SELECT name, type, pk FROM pragma_table_info(?)"
    return [(*row, *db.execute(columns, (row[1],))) for row in found]


def test_a_file_of_the_first_version_becomes_one_of_this_with_all_that_is_in_it(
    path: Path, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1)
    with (
        contextlib.closing(open_to_write(path)) as db,
        contextlib.closing(open_to_write(tmp_path / "new.db")) as new,
    ):
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("SELECT * FROM fact").fetchall() == [("kept", "since version 1")]
        assert db.execute("SELECT * FROM energy").fetchall() == [(1764547200, "import", 12.5)]
        assert shape(db) == shape(new)
        assert energy.totals(db) == {"import": 12.5}


def test_a_step_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_write(path).close()
    monkeypatch.setattr(
        "phasewise.store.schema.MIGRATIONS", [*MIGRATIONS, "CREATE TABLE more (x) STRICT; DROP TABLE fact"]
    )
    with pytest.raises(sqlite3.Error):
        open_to_write(path)
    with contextlib.closing(open_to_read(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("SELECT count(*) FROM fact").fetchone() == (0,)
