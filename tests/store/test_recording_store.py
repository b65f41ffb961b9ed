"""Chapters on disk: found by time, once each, bounded in age and bytes."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasewise.store import open_to_write
from phasewise.store import recordings as store
from phasewise.store.recordings import Place, add, between, data_of, span

AT = 1_780_000_000.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_to_write(tmp_path / "home.history.db")) as connection:
        yield connection


def minute(number: int, run: int = 1) -> Place:
    return Place(run, number, AT + 60 * number, AT + 60 * number + 59)


def fill(db: sqlite3.Connection, count: int, data: bytes = b"data") -> None:
    for number in range(count):
        add(db, minute(number), 1, data)


def numbers(db: sqlite3.Connection, from_s: float, to_s: float, form: int = 1) -> list[int]:
    return [kept.place.number for kept in between(db, AT + from_s, AT + to_s, form)]


def test_a_stretch_has_every_chapter_with_something_of_it(db: sqlite3.Connection) -> None:
    fill(db, 10)
    assert numbers(db, 0, 600) == list(range(10))
    assert numbers(db, 119, 121) == [1, 2]
    assert numbers(db, 120, 180) == [2]
    assert numbers(db, 130, 131) == [2]
    assert numbers(db, 700, 800) == []
    assert numbers(db, 0, 600, form=2) == []
    assert span(db, 1) == (AT, AT + 599)
    assert span(db, 2) is None


def test_content_comes_back_and_a_chapter_is_kept_once(db: sqlite3.Connection) -> None:
    add(db, minute(3), 1, b"first")
    add(db, minute(3), 1, b"again")
    (kept,) = between(db, AT, AT + 600, 1)
    assert kept.place == minute(3)
    assert data_of(db, kept.id) == b"first"
    assert data_of(db, kept.id + 1) is None


def test_what_is_old_is_forgotten(db: sqlite3.Connection) -> None:
    fill(db, 3)
    late = [Place(2, n, AT + store.KEEP_S + 61, AT + store.KEEP_S + 119) for n in range(store.SETTLED)]
    for place in late:
        add(db, place, 1, b"late")
    assert [kept.place for kept in between(db, 0, AT + 1e9, 1)] == [minute(2), *late]


def test_a_clock_that_is_wrong_for_a_while_makes_nothing_forgotten(db: sqlite3.Connection) -> None:
    fill(db, 70)
    for number in range(store.SETTLED - 1):
        add(db, Place(2, number, AT + 1e9, AT + 1e9 + 59), 1, b"ahead")
    add(db, Place(3, 0, AT + 5000, AT + 5059), 1, b"right")
    assert len(between(db, AT, AT + 1e8, 1)) == 71


def test_the_oldest_make_room(db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEEP_BYTES", 1000)
    fill(db, 30, b"x" * 100)
    assert numbers(db, 0, 1e9) == list(range(20, 30))
    add(db, minute(30), 1, b"x" * 2000)
    assert numbers(db, 0, 1e9) == [], "larger than all that may be kept"


def test_room_that_was_freed_is_used_again(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEEP_BYTES", 500_000)
    fill(db, 60, b"x" * 10_000)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    full = (tmp_path / "home.history.db").stat().st_size
    for number in range(60, 600):
        add(db, minute(number), 1, b"x" * 10_000)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "home.history.db").stat().st_size <= 1.1 * full
