"""Days of energy: they begin at local midnight, have 23 to 25 hours, and add up."""

import contextlib
import sqlite3
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import past

from phasewise.store import energy, open_to_write
from phasewise.store.schema import migrate

ZONES = (
    "Europe/Amsterdam",
    "UTC",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Havana",
)
FIRST = date(2025, 1, 1)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.dates(FIRST, date(2027, 12, 31)), st.integers(1, 5))
def test_days_follow_each_other_without_a_gap_and_are_as_long_as_the_clock_says(
    zone: str, first: date, count: int
) -> None:
    found = list(energy.days(None, first, first + timedelta(days=count - 1), ZoneInfo(zone)))
    assert [day.date for day in found] == [(first + timedelta(days=n)).isoformat() for n in range(count)]
    for before, after in pairwise(found):
        assert before.end == after.start
    for day in found:
        begin, end = (datetime.fromisoformat(at) for at in (day.start, day.end))
        assert begin.timestamp() % 900 == 0
        hours = (end - begin) / timedelta(hours=1)
        assert hours in {23.0, 23.5, 24.0, 24.5, 25.0}
        # The last moment before, and the moment itself, lie on different local days.
        edge = [datetime.fromtimestamp(begin.timestamp() + s, ZoneInfo(zone)).date() for s in (-1, 0)]
        assert edge[0] < edge[1] == date.fromisoformat(day.date)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_kilowatt_all_day_is_as_many_kilowatt_hours_as_the_day_has(
    tmp_path: Path, day: date, hours: int
) -> None:
    path = tmp_path / "h.db"
    db = open_to_write(path)
    noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()) // 900 * 900
    for quarter in range(noon - 300 * 900, noon + 300 * 900, 900):
        energy.add(db, {(quarter, energy.IMPORT): 150.0, (quarter, energy.MEASURED): 500.0})
        energy.add(db, {(quarter, energy.IMPORT): 100.0, (quarter, energy.MEASURED): 400.0})
    db.close()
    (found,) = past(path).days(day, day)
    assert (found.import_wh, found.measured_s) == (1000.0 * hours, 3600.0 * hours)


def test_what_is_not_there_is_unknown_or_zero(tmp_path: Path) -> None:
    (empty,) = past(tmp_path / "none.db").days(FIRST, FIRST)
    assert (empty.import_wh, empty.batteries, empty.measured_s) == (0.0, {}, 0.0)
    assert (empty.pv_wh, empty.cost_eur, empty.cost_without_eur, empty.saved_eur) == (None, None, None, None)


def test_money_and_batteries_of_a_day(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    db = open_to_write(path)
    quarter = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp())
    energy.add(
        db,
        {
            (quarter, energy.COST): 1.5,
            (quarter, energy.SAVED): 0.25,
            (quarter, "charged:m1"): 700.0,
            (quarter, "discharged:m2"): 300.0,
        },
    )
    db.close()
    (found,) = past(path).days(date(2026, 6, 1), date(2026, 6, 1))
    assert (found.cost_eur, found.cost_without_eur, found.saved_eur) == (1.5, 1.75, 0.25)
    assert found.batteries == {
        "m1": energy.BatteryEnergy(700.0, 0.0),
        "m2": energy.BatteryEnergy(0.0, 300.0),
    }


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.tuples(st.integers(0, 3).map(lambda n: n * 900), st.sampled_from(("import", "charged:m1"))),
            st.integers(0, 5000).map(float),
        )
    )
)
def test_totals_are_the_sums_of_all_quarters(batches: list[dict[tuple[int, str], float]]) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        for batch in batches:
            before = energy.totals(db)
            energy.add(db, batch)
            after = energy.totals(db)
            assert all(after[name] >= was for name, was in before.items())
        assert energy.totals(db) == dict(db.execute("SELECT name, sum(value) FROM energy GROUP BY name"))


def test_totals_of_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    assert past(tmp_path / "none.db").energy_totals() == {}
