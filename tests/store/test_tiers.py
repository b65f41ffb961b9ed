"""Tiers: sums are exact from one to the next, extremes are kept, gaps stay gaps, and old chunks go."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_kit import BEGIN, DAY_S, QUARTER_S, filled, past, write

from phasewise.store import Total, open_to_write, write_minutes
from phasewise.store.codec import unpack
from phasewise.store.query import STEPS_S, step_for
from phasewise.store.tiers import KEEP_MINUTES_S, MINUTES, QUARTERS, SECONDS

NAME = "grid.total_w"


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, list[int | None]]:
    """A begin, and an hour or so of seconds: flat stretches, jumps and gaps."""
    parts = draw(
        st.lists(st.tuples(st.integers(1, 700), st.none() | st.integers(-20_000, 20_000)), min_size=1)
    )
    column = [value for length, value in parts for _ in range(length)][:4000]
    return BEGIN + draw(st.integers(0, 5000)), column


@settings(max_examples=30, deadline=None)
@given(
    stretches(), st.sampled_from([10, 37, 100, 400, 4000]), st.integers(1, 900), st.sampled_from([7, 60, 999])
)
def test_any_step_keeps_energy_and_extremes(
    stretch: tuple[int, list[int | None]], points: int, shift: int, batch: int
) -> None:
    start, column = stretch
    begin, end = start - shift, start + len(column)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "h.db"
        filled(path, start, {NAME: column}, batch=batch).close()
        found = past(path).curves(begin, end, points, [NAME])
    assert len(found.time) <= points
    assert found.time == list(range(found.begin, found.end, found.step_s))
    assert found.begin <= begin
    assert end <= found.end
    curve = found.series[NAME]
    total_ws = 0.0
    for at, mean, low, high in zip(found.time, curve.mean, curve.min, curve.max, strict=True):
        inside = [
            value
            for second, value in enumerate(column, start)
            if at <= second < at + found.step_s and value is not None
        ]
        if not inside:
            assert (mean, low, high) == (None, None, None)
            continue
        assert (low, high) == (min(inside), max(inside))
        # A mean is shown in hundredths of what is kept.
        assert mean == pytest.approx(sum(inside) / len(inside), abs=0.051)
        total_ws += (mean or 0.0) * len(inside)
    known = [value for value in column if value is not None]
    assert total_ws == pytest.approx(sum(known), abs=0.051 * len(known) + 1e-6)


def test_every_tier_has_the_same_sums_to_the_last_watt_second(tmp_path: Path) -> None:
    column: list[int | None] = [(n * 7919) % 5000 - 2500 if n % 977 > 40 else None for n in range(9000)]
    db = filled(tmp_path / "h.db", BEGIN, {NAME: column})
    closed = [value for value in column[: len(column) // QUARTER_S * QUARTER_S] if value is not None]
    rows = "SELECT data FROM chunk WHERE step_s = ?"
    seconds = [
        v for (data,) in db.execute(rows, (SECONDS.step_s,)) for v in unpack(data)[NAME] if v is not None
    ]
    # The last quarter hour is closed by the first second of the next.
    assert sum(seconds) == sum(closed[: len(seconds)])
    for tier in (MINUTES, QUARTERS):
        columns = [unpack(data) for (data,) in db.execute(rows, (tier.step_s,))]
        for field, expected in (("sum", sum(seconds)), ("n", len(seconds))):
            assert sum(v or 0 for c in columns for v in c[f"{NAME}:{field}"]) == expected
    db.close()


def test_minutes_without_seconds_are_as_those_made_of_seconds(tmp_path: Path) -> None:
    """Over the end of a day, from the middle of an hour on."""
    start, minutes = BEGIN + DAY_S - 5 * QUARTER_S, [(n * 37) % 500 - 250 for n in range(150)]
    # One second more, so that the last quarter hour is closed.
    seconds = [value for value in minutes for _ in range(60)] + [0]
    made = filled(tmp_path / "seconds.db", start, {NAME: list(seconds)}, batch=600)
    given = open_to_write(tmp_path / "minutes.db")
    write_minutes(given, start, {NAME: [Total(60 * value, 60, value, value) for value in minutes]})
    rows = "SELECT step_s, start, data FROM chunk WHERE step_s > 1 ORDER BY step_s, start"
    found, expected = (
        [(step_s, at, unpack(data)) for step_s, at, data in db.execute(rows)] for db in (given, made)
    )
    assert found == expected
    assert len(found) == 4 + 2
    made.close()
    given.close()


def test_seconds_that_come_again_replace_what_was_there(tmp_path: Path) -> None:
    """A clock that was set back tells of the same time twice: the later word counts, in every tier."""
    path = tmp_path / "h.db"
    db = filled(path, BEGIN, {NAME: [100] * 2000})
    write(db, BEGIN + 60, {NAME: [700] * 60})
    write(db, BEGIN + 2000, {NAME: [100] * 2000})
    db.close()
    by_minute = past(path).curves(BEGIN, BEGIN + 1800, 30, [NAME])
    assert by_minute.series[NAME].mean == [100.0, 700.0] + [100.0] * 28
    by_quarter = past(path).curves(BEGIN, BEGIN + 2 * DAY_S, 192, [NAME])
    assert by_quarter.series[NAME].mean[0] == pytest.approx(140.0)


@pytest.mark.parametrize("table", ["chunk", "tail"])
def test_a_damaged_value_costs_itself_alone(tmp_path: Path, table: str) -> None:
    """SQLite has no check sums: it hands out what a bad block made of it."""
    path = tmp_path / "h.db"
    db = filled(path, BEGIN, {NAME: [100] * (QUARTER_S + 400)})
    db.execute(f"UPDATE {table} SET data = x'0102030405'")  # noqa: S608 - of the above
    more_s = 3 * QUARTER_S
    write(db, BEGIN + QUARTER_S + 400, {NAME: [300] * more_s})
    db.close()
    found = past(path).curves(BEGIN, BEGIN + QUARTER_S + 400 + more_s, 10_000, [NAME])
    mean = found.series[NAME].mean
    assert mean[QUARTER_S + 400 :][:more_s] == [300.0] * more_s
    assert mean[QUARTER_S - 1] == (None if table == "chunk" else 100.0)
    for points in (60, 10):
        coarse = past(path).curves(BEGIN, BEGIN + 4 * QUARTER_S, points, [NAME])
        assert coarse.series[NAME].mean[-1] == 300.0


def test_what_is_too_old_goes_and_the_coarser_tier_answers(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    db = filled(path, BEGIN, {NAME: [100] * 3600}, keep_days=0.5)
    late = BEGIN + KEEP_MINUTES_S - DAY_S
    write(db, late, {NAME: [300] * 4500}, keep_days=0.5)
    steps = "SELECT step_s, count(*) FROM chunk WHERE start < ? GROUP BY step_s"
    assert dict(db.execute(steps, (late,))) == {MINUTES.step_s: 1, QUARTERS.step_s: 1}
    old = past(path).curves(BEGIN, BEGIN + 600, 1000, [NAME])
    assert (old.step_s, old.series[NAME].mean) == (60, [100.0] * 10)
    write(db, late + 3 * DAY_S, {NAME: [300] * 4500}, keep_days=0.5)
    assert dict(db.execute(steps, (late,))) == {QUARTERS.step_s: 1}
    oldest = past(path).curves(BEGIN, BEGIN + 1800, 1000, [NAME])
    assert (oldest.step_s, oldest.series[NAME].mean) == (900, [100.0, 100.0])
    newest = past(path).curves(late + 3 * DAY_S, late + 3 * DAY_S + 600, 1000, [NAME])
    assert newest.step_s == 1
    db.close()


@pytest.mark.parametrize("jump_s", [10 * 365 * DAY_S, -BEGIN + QUARTER_S])
def test_a_clock_that_is_wrong_for_a_while_makes_nothing_forgotten(tmp_path: Path, jump_s: int) -> None:
    path = tmp_path / "h.db"
    db = filled(path, BEGIN, {NAME: [100] * 3600})
    write(db, BEGIN + jump_s, {NAME: [200] * 3000})
    write(db, BEGIN + 3600, {NAME: [300] * 3600})
    db.close()
    found = past(path).curves(BEGIN, BEGIN + 7200, 10_000, [NAME])
    assert (found.step_s, found.series[NAME].mean) == (1, [100.0] * 3600 + [300.0] * 3600)


@given(st.floats(0, 4e9), st.floats(1, 3e9), st.integers(10, 10_000))
def test_a_step_is_the_shortest_round_one_that_fits(begin: float, span: float, points: int) -> None:
    def count(step_s: int) -> int:
        return int(-(-(begin + span) // step_s) - begin // step_s)

    step_s = step_for(begin, begin + span, points)
    assert count(step_s) <= points
    assert step_s in STEPS_S or step_s % DAY_S == 0
    if step_s in STEPS_S[1:]:
        assert count(STEPS_S[STEPS_S.index(step_s) - 1]) > points


def test_every_step_is_made_of_whole_values_of_its_tier() -> None:
    for step_s in STEPS_S:
        tier = next(tier for tier in (QUARTERS, MINUTES, SECONDS) if step_s >= tier.step_s)
        assert step_s % tier.step_s == 0
        assert tier.chunk_s % step_s == 0 or step_s % tier.chunk_s == 0


def test_without_a_file_all_is_a_gap(tmp_path: Path) -> None:
    found = past(tmp_path / "none.db").curves(BEGIN, BEGIN + 20, 100, [NAME, "battery.m1.soc_pct"])
    assert found.step_s == 1
    assert found.series["battery.m1.soc_pct"].mean == [None] * 20


def test_a_file_of_rows_says_the_same_as_the_curves(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    names = [NAME, "L1.voltage_v"]
    filled(path, BEGIN, {NAME: [1, None, 3] * 5000, "L1.voltage_v": [2301] * 15_000}).close()
    parts = list(past(path).csv(BEGIN, BEGIN + 15_000, 1_000_000, names))
    assert [part.count("\n") for part in parts] == [1, 10_000, 5000]
    lines = "".join(parts).splitlines()
    assert lines[:3] == [
        "time,grid.total_w (W),L1.voltage_v (V)",
        "2025-12-01T00:00:00Z,1,230.1",
        "2025-12-01T00:00:01Z,,230.1",
    ]
    assert len(lines) == 15_001
    coarse = "".join(past(path).csv(BEGIN, BEGIN + 4500, 75, names)).splitlines()
    assert coarse[0] == "time," + ",".join(
        f"{name} {of} ({unit})"
        for name, unit in ((NAME, "W"), ("L1.voltage_v", "V"))
        for of in ("mean", "min", "max")
    )
    assert coarse[1] == "2025-12-01T00:00:00Z,2,1,3,230.1,230.1,230.1"
