"""What history keeps of the states: energy against a sum by hand, registers, gaps, seconds."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from state_kit import BEGIN, state

from phasewise.engine.habit import Habit
from phasewise.engine.historian import HOLD_S, MOST_SECONDS, Historian, Registers, load_means, registers_of
from phasewise.engine.state import PricesState, SystemState
from phasewise.model.forecast import ForecastInterval
from phasewise.store import History, open_to_write
from phasewise.store.energy import Day

DAY = datetime.fromtimestamp(BEGIN, UTC).date()


class Kept:
    """A historian with a file of its own."""

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "h.db"
        self.past = History(self.path, lambda: "UTC", lambda: BEGIN)
        self.forecast: tuple[ForecastInterval, ...] = ()
        self.start()

    def start(self) -> None:
        self.historian = Historian(lambda: self.forecast, keep_days=lambda: 7.0)
        self.historian.recall(registers_of(self.past.fact("registers")))

    def saw(self, states: Iterable[SystemState], *, batch: int = 8) -> None:
        for number, each in enumerate(states):
            self.historian.saw(each)
            if number % batch == 0:
                self.write()
        self.write()

    def write(self) -> None:
        job = self.historian.take()
        if job is not None:
            with closing(open_to_write(self.path)) as db:
                db.execute("BEGIN")
                job(db)
                db.execute("COMMIT")

    def day(self) -> Day:
        (day,) = self.past.days(DAY, DAY)
        return day


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


POWERS = st.floats(-8000, 8000).map(lambda w: round(w, 1))


@st.composite
def days(draw: st.DrawFn) -> list[SystemState]:
    """Some states a few seconds apart, with jitter and gaps."""
    at_s = BEGIN + draw(st.floats(0, 1000))
    states = []
    for _ in range(draw(st.integers(2, 30))):
        at_s += draw(st.floats(0.2, 9.0) | st.sampled_from([1.0, 30.0, 900.0]))
        states.append(
            state(
                at_s,
                (draw(POWERS), draw(POWERS), draw(POWERS)),
                load_w=draw(st.none() | POWERS),
                battery_w=draw(st.none() | POWERS),
                price=draw(st.none() | st.just((0.3, 0.1)) | st.just((-0.05, -0.2))),
                pv_w=draw(POWERS.map(abs)),
            )
        )
    return states


def pieces(states: list[SystemState]) -> Iterator[tuple[SystemState, float]]:
    """Each state and for how many hours it held, by hand."""
    times = [datetime.fromisoformat(s.time).timestamp() for s in states]
    for before, began_s, ended_s in zip(states, times, times[1:], strict=False):
        if ended_s - began_s <= HOLD_S:
            yield before, (ended_s - began_s) / 3600.0


def bill(power_w: float, price: PricesState) -> float:
    return power_w / 1000.0 * (price.buy_eur_kwh if power_w > 0 else price.sell_eur_kwh)  # type: ignore[operator]  # both given


@settings(max_examples=30, deadline=None)
@given(days())
def test_energy_and_money_are_the_sums_over_the_time_that_was_seen(states: list[SystemState]) -> None:
    with TemporaryDirectory() as folder:
        kept = Kept(folder)
        kept.saw(states)
        day = kept.day()
    held = list(pieces(states))
    totals = [(s.grid.total_power_w or 0.0, h) for s, h in held]
    assert day.measured_s == pytest.approx(3600 * sum(h for _, h in held), abs=0.1)
    assert day.import_wh == pytest.approx(sum(max(w, 0) * h for w, h in totals), abs=0.1)
    assert day.export_wh == pytest.approx(sum(max(-w, 0) * h for w, h in totals), abs=0.1)
    assert day.load_wh == pytest.approx(sum(s.load_w * h for s, h in held if s.load_w is not None), abs=0.1)
    exchanged = 0.0
    for s, h in held:
        powers = [p.power_w or 0.0 for p in s.grid.phases.values()]
        exchanged += h * min(sum(w for w in powers if w > 0), -sum(w for w in powers if w < 0))
    assert day.exchanged_wh == pytest.approx(exchanged, abs=0.1)
    powers_w = [(s.batteries[0].power_w or 0.0, h) for s, h in held]
    battery = day.batteries.get("m1")
    assert (battery.charged_wh if battery else 0.0) == pytest.approx(
        sum(max(w, 0) * h for w, h in powers_w), abs=0.1
    )
    assert (battery.discharged_wh if battery else 0.0) == pytest.approx(
        sum(max(-w, 0) * h for w, h in powers_w), abs=0.1
    )
    priced = [(s, h) for s, h in held if s.prices is not None]
    if not priced:
        assert day.cost_eur is None
        return
    cost = sum(bill(s.grid.total_power_w or 0.0, s.prices) * h for s, h in priced if s.prices)
    both = [(s, h) for s, h in priced if s.load_w is not None]
    saved = sum(
        (bill(s.load_w or 0.0, s.prices) - bill(s.grid.total_power_w or 0.0, s.prices)) * h
        for s, h in both
        if s.prices
    )
    assert day.cost_eur == pytest.approx(cost, abs=1e-4)
    if both:
        assert day.saved_eur == pytest.approx(saved, abs=1e-4)
        assert day.cost_without_eur == pytest.approx(cost + saved, abs=2e-4)


def test_registers_count_where_the_meter_has_them(kept: Kept) -> None:
    price = (0.40, 0.10)
    kept.saw(
        state(
            BEGIN + n, (900.0, 0.0, 0.0), registers=(5000.0 + n // 2, 70.0 + n // 10), price=price, load_w=0.0
        )
        for n in range(101)
    )
    day = kept.day()
    assert (day.import_wh, day.export_wh) == (50.0, 10.0)
    assert day.cost_eur == pytest.approx(0.050 * 0.40 - 0.010 * 0.10, abs=1e-4)
    assert day.saved_eur == pytest.approx(-0.9 * 0.40 * 100 / 3600, abs=1e-4)


def test_a_meter_that_counts_import_alone(kept: Kept) -> None:
    kept.saw(state(BEGIN + n, (-3600.0, 0.0, 0.0), registers=(5000.0, None)) for n in range(101))
    assert (kept.day().import_wh, kept.day().export_wh) == (0.0, 100.0)


def test_what_the_meter_counted_while_phasewise_was_off_is_spread_over_that_time(kept: Kept) -> None:
    kept.saw(state(BEGIN + n, registers=(5000.0, 70.0)) for n in range(20))
    kept.start()
    back = BEGIN + 19 + 1800
    kept.saw(state(back + n, registers=(5600.0, 70.0)) for n in range(20))
    assert kept.day().import_wh == 600.0
    with closing(sqlite3.connect(kept.path)) as db:
        rows = db.execute(
            "SELECT quarter, value FROM energy WHERE name = 'import' ORDER BY quarter"
        ).fetchall()
    assert rows == [
        (BEGIN, pytest.approx(600 * 881 / 1800)),
        (BEGIN + 900, pytest.approx(300)),
        (BEGIN + 1800, pytest.approx(600 * 19 / 1800)),
    ]


@pytest.mark.parametrize("register", [4000.0, 900_000.0], ids=["another-meter", "misread"])
def test_a_register_that_can_not_be_true_counts_nothing(kept: Kept, register: float) -> None:
    kept.saw(state(BEGIN + n, registers=(5000.0, None)) for n in range(10))
    kept.saw(state(BEGIN + 10 + n, registers=(register, None)) for n in range(10))
    kept.saw(state(BEGIN + 20 + n, registers=(register + n, None)) for n in range(10))
    assert kept.day().import_wh == 9.0


def test_while_the_meter_is_lost_nothing_is_known_of_the_grid(kept: Kept) -> None:
    kept.saw(state(BEGIN + n, (3600.0, 0.0, 0.0), load_w=3600.0, battery_w=1800.0) for n in range(10))
    lost = [
        state(BEGIN + n, (3600.0, 0.0, 0.0), load_w=3600.0, battery_w=1800.0, freshness="lost")
        for n in range(10, 20)
    ]
    kept.saw(lost)
    day = kept.day()
    assert (day.import_wh, day.measured_s) == (10.0, 10.0)
    assert day.batteries["m1"].charged_wh == 9.5
    found = kept.past.curves(
        BEGIN, BEGIN + 19, 100, ["grid.total_w", "L1.power_w", "load_w", "battery.m1.power_w"]
    )
    for name in ("grid.total_w", "L1.power_w", "load_w"):
        assert found.series[name].mean == [3600.0] * 10 + [None] * 9
    assert found.series["battery.m1.power_w"].mean == [1800.0] * 18 + [None]


def test_a_second_is_the_mean_of_what_held_in_it(kept: Kept) -> None:
    moments = [(0.0, 100.0), (1.25, 500.0), (2.5, 300.0), (30.0, 0.0), (31.6, 0.0)]
    kept.saw((state(BEGIN + at, (w, 0.0, 0.0)) for at, w in moments), batch=1)
    found = kept.past.curves(BEGIN, BEGIN + 34, 100, ["grid.total_w"])
    # Of second 2 only half is known, and what came then did not hold; the last one is not over.
    assert found.series["grid.total_w"].mean == [100.0, 400.0, 500.0, *[None] * 27, 0.0, None, None, None]


def test_a_clock_that_goes_back_or_stands_still_makes_a_gap_and_no_energy(kept: Kept) -> None:
    times = [0, 1, 2, 2, 1, 2, 3, 3 + 7200, 3 + 7201]
    kept.saw(state(BEGIN + at, (3600.0, 0.0, 0.0)) for at in times)
    assert kept.day().import_wh == pytest.approx(5.0)


def test_while_the_writer_hangs_memory_stays_bounded_and_the_newest_is_kept(kept: Kept) -> None:
    for second in range(MOST_SECONDS + 500):
        kept.historian.saw(state(BEGIN + second, (float(second), 0.0, 0.0)))
    kept.write()
    found = kept.past.curves(BEGIN, BEGIN + MOST_SECONDS + 500, 10_000, ["grid.total_w"])
    known = [value for value in found.series["grid.total_w"].mean if value is not None]
    assert len(known) == MOST_SECONDS
    assert known[-1] == MOST_SECONDS + 497, "the last state holds no second yet, the one before is begun"


async def test_a_state_that_can_not_be_kept_ends_nothing(kept: Kept) -> None:
    from phasewise.engine.live import Live

    live = Live()
    live.publish(msgspec.structs.replace(state(BEGIN), time="no time"))
    following = kept.historian.follow(live)
    live.close()
    await following
    kept.saw(state(BEGIN + n, (3600.0, 0.0, 0.0)) for n in range(4))
    assert kept.day().import_wh == 3.0


def test_the_habit_of_a_house_survives_a_restart(kept: Kept) -> None:
    """Learnt live, and from the file: the same, also with panels that were forecast."""
    sun = ForecastInterval(BEGIN + 4 * 3600.0, BEGIN + 8 * 3600.0, 700.0)
    kept.forecast = (sun,)
    live, end = Habit(), BEGIN + 26 * 3600
    for at in range(BEGIN, end, 9):
        load_w = (1200.0 if at % 86_400 < 43_200 else 400.0) - (
            sun.power_w if sun.start_utc_s <= at < sun.end_utc_s else 0.0
        )
        kept.historian.saw(state(at, load_w=load_w))
        live.saw(at, load_w, kept.forecast, "UTC")
        if at % 900 < 9:
            kept.write()
    kept.write()
    recalled = Habit()
    recalled.recall(load_means(kept.past, end), end, "UTC")
    assert recalled._means.keys() == live._means.keys()
    for start, (mean_w, _) in live._means.items():
        assert recalled._means[start][0] == pytest.approx(mean_w, abs=20.0)  # a state holds for 9 s
    assert recalled.forecast[0].start_utc_s <= end < recalled.forecast[0].end_utc_s
    # What is seen from now on counts like one sample more, not like a quarter hour of its own.
    recalled.saw(end - 1.0, 5000.0, (), "UTC")
    assert recalled._means[end - 900.0][0] == pytest.approx(1200.0, abs=20.0)


def test_registers_that_are_no_registers_are_none() -> None:
    assert registers_of(None) is None
    assert registers_of("[]") is None
    assert registers_of(msgspec.json.encode(Registers(1.0, 2.0, None)).decode()) == Registers(1.0, 2.0, None)
