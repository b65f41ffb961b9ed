"""The why-log on disk: pages, filters, bounds, restarts, and a disk that is full."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasewise.model import Severity
from phasewise.model.event import BatteryUnreachable, Event, LimitBegan, Started, Stopped
from phasewise.store import UnreadableError, Writer, open_to_read, open_to_write, schema
from phasewise.store import events as store
from phasewise.store.events import NO_EVENTS, EventLog, EventQuery, KeptEvent, add, page

AT = 1_780_000_000.0
GARAGE = BatteryUnreachable(severity=Severity.WARNING, phase="L1", batteries=("m1",), battery="Garage")
BOTH = LimitBegan(phase="L2", batteries=("m1", "m12"), limit_a=24.0, held=("Garage", "Attic"))
DEADLINE_S = 20.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(open_to_write(tmp_path / "home.history.db")) as connection:
        yield connection


def texts(db: sqlite3.Connection, query: EventQuery) -> list[Event]:
    return [kept.event for kept in page(db, query).events]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)


def test_events_come_back_whole_newest_first(db: sqlite3.Connection) -> None:
    add(db, [(AT, GARAGE), (AT + 1, BOTH)])
    add(db, [(AT + 2, Stopped())])
    assert page(db, EventQuery()) == store.EventPage(
        (KeptEvent(3, AT + 2, Stopped()), KeptEvent(2, AT + 1, BOTH), KeptEvent(1, AT, GARAGE)), None
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (EventQuery(phase="L1"), [GARAGE]),
        (EventQuery(battery_id="m1"), [BOTH, GARAGE]),
        (EventQuery(battery_id="m12"), [BOTH]),
        (EventQuery(battery_id="m"), []),
        (EventQuery(battery_id="m1,m12"), [BOTH]),
        (EventQuery(least=Severity.WARNING), [GARAGE]),
        (EventQuery(least=Severity.ALARM), []),
        (EventQuery(from_utc_s=AT + 1), [Stopped(), BOTH]),
        (EventQuery(to_utc_s=AT + 1), [GARAGE]),
        (EventQuery(phase="L2", battery_id="m1", from_utc_s=AT, to_utc_s=AT + 5), [BOTH]),
        (EventQuery(battery_id="'; DROP TABLE event; --"), []),
    ],
)
def test_filters(db: sqlite3.Connection, query: EventQuery, found: list[Event]) -> None:
    add(db, [(AT, GARAGE), (AT + 1, BOTH), (AT + 2, Stopped())])
    assert texts(db, query) == found


@given(
    count=st.integers(0, 30),
    limit=st.integers(1, 12),
    arrive=st.lists(st.integers(0, 12), min_size=40, max_size=40),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_have_everything_once_whatever_arrives_meanwhile(
    tmp_path_factory: pytest.TempPathFactory, count: int, limit: int, arrive: list[int]
) -> None:
    path = tmp_path_factory.mktemp("pages") / "home.history.db"
    with contextlib.closing(open_to_write(path)) as db:
        add(db, [(AT + n, Started(version=str(n))) for n in range(count)])
        seen, before = [], None
        for more in arrive:
            found = page(db, EventQuery(limit=limit, before=before))
            seen += [kept.id for kept in found.events]
            before = found.next
            add(db, [(AT + 100, Stopped())] * more)
            if before is None:
                break
        assert seen == list(range(count, 0, -1))


def test_old_events_and_too_many_are_forgotten(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(db, [(AT, GARAGE)])
    add(db, [(AT + store.KEEP_S + 1, BOTH)] * store.SETTLED)
    assert texts(db, EventQuery()) == [BOTH] * store.SETTLED
    monkeypatch.setattr(store, "KEEP_COUNT", 5)
    add(db, [(AT + store.KEEP_S + 2, Started(version=str(n))) for n in range(20)])
    assert texts(db, EventQuery()) == [Started(version=str(n)) for n in range(19, 14, -1)]


@pytest.mark.parametrize(
    "data", [b'{"kind": "of-tomorrow"}', b'{"kind": "started", "version": "\xff"}', b"\x00"]
)
def test_an_event_of_a_newer_version_or_damaged_is_left_out(db: sqlite3.Connection, data: bytes) -> None:
    add(db, [(AT, GARAGE), (AT, BOTH), (AT, Stopped())])
    db.execute("UPDATE event SET data = ? WHERE id = 2", (data,))
    assert texts(db, EventQuery()) == [Stopped(), GARAGE]
    assert page(db, EventQuery(limit=2)).next == 2


async def test_events_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home.history.db"
    for run in range(2):
        writer = Writer(path, batch_s=0.05)
        log = EventLog(writer)
        writer.start()
        log.tell(AT + run, Started(version=str(run)))
        log.tell(AT + run, Stopped())
        writer.close()
    kept = (await log.page(EventQuery())).events
    assert [kept_event.event for kept_event in kept] == [
        Stopped(),
        Started(version="1"),
        Stopped(),
        Started(version="0"),
    ]


async def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    log = EventLog(Writer(tmp_path / "missing" / "home.history.db"))
    assert await log.page(EventQuery()) == NO_EVENTS


def test_a_clock_that_is_wrong_for_a_while_makes_nothing_forgotten(db: sqlite3.Connection) -> None:
    """As after a start without network: such as years ahead, until the time is set."""
    add(db, [(AT + n, GARAGE) for n in range(60)])
    add(db, [(AT + 10 * store.KEEP_S, Started(version="1"))])
    add(db, [(0.0, Started(version="2"))])
    add(db, [(AT + 100, BOTH)])
    assert len(texts(db, EventQuery())) == 63


async def test_before_the_file_is_brought_up_to_date_there_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "home.history.db"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        open_to_write(path).close()
    assert await EventLog(Writer(path)).page(EventQuery()) == NO_EVENTS


async def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "home.history.db"
    with contextlib.closing(open_to_write(path)) as db:
        db.execute("BEGIN")
        add(db, [(AT, Started(version=str(n))) for n in range(500)])
        db.execute("COMMIT")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    with pytest.raises(UnreadableError, match="malformed"):
        await EventLog(Writer(path)).page(EventQuery())


async def test_while_the_disk_is_away_telling_neither_waits_nor_fails(tmp_path: Path) -> None:
    folder = tmp_path / "card"
    writer = Writer(folder / "home.history.db", batch_s=0.02)
    log = EventLog(writer)
    writer.start()
    began_s = time.monotonic()
    for number in range(5 * store.WAITING):
        log.tell(AT + number, Started(version=str(number)))
    assert time.monotonic() - began_s < 2.0
    until(lambda: writer.trouble is not None)
    folder.mkdir()
    until(lambda: writer.trouble is None)
    log.tell(AT + 1e6, Stopped())
    writer.close()
    kept = (await log.page(EventQuery(limit=2))).events
    assert kept[0].event == Stopped()
    with contextlib.closing(open_to_read(writer.path)) as connection:
        count = connection.execute("SELECT count(*) FROM event").fetchone()[0]
    assert store.WAITING <= count <= 5 * store.WAITING + 1
