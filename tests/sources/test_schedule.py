"""When a source is asked, and what is kept: days in milliseconds of virtual time."""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_fakes import AMSTERDAM, local, starts

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice, covered_until
from phasewise.sources.base import SourceUnreachable
from phasewise.sources.days import local_day
from phasewise.sources.schedule import FORECAST, PRICES, Problem, Schedule, merge

HOUR = 3600.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Never waits: when nothing is ready, its time jumps to the next timer."""

    def __init__(self) -> None:
        self.virtual_s = 0.0
        selector = selectors.DefaultSelector()
        real = selector.select

        def select(timeout: float | None = None) -> Any:
            events = real(0)
            if not events:
                assert timeout is not None, "nothing will ever happen again"
                self.virtual_s += timeout
            return events

        selector.select = select  # type: ignore[method-assign] # the one place where time is made
        super().__init__(selector)

    def time(self) -> float:
        return self.virtual_s


class World:
    """A market that publishes tomorrow at a given local time, and a schedule that follows it."""

    def __init__(self, begin: str, published_at: str = "12:57") -> None:
        self.begin_utc_s = local(begin)
        self.published_at = published_at
        self.late_s = 0.0
        self.error: Exception | None = None
        self.corrected = 0.0
        self.asked: list[float] = []
        self.seen: list[tuple[MarketPrice, ...]] = []
        self.schedule = Schedule(self.fetch, PRICES, "Europe/Amsterdam", self, self.seen.append)

    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_s(self) -> float:
        return self.begin_utc_s + self.now_s()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        self.asked.append(now_utc_s)
        if self.error is not None:
            raise self.error
        today = local_day(now_utc_s, AMSTERDAM)
        days = [today]
        if now_utc_s >= local(f"{today} {self.published_at}") + self.late_s:
            days.append(today + timedelta(days=1))
        return tuple(
            MarketPrice(at, at + 900, at % 86400 / 1e6 + self.corrected)
            for day in days
            for at in starts(day, 900)
        )

    @property
    def known(self) -> tuple[MarketPrice, ...]:
        return self.seen[-1] if self.seen else ()

    async def until(self, when: str) -> None:
        await asyncio.sleep(local(when) - self.utc_s())


def play(scenario: Callable[[World], Coroutine[Any, Any, None]], world: World) -> None:
    async def main() -> None:
        task = asyncio.create_task(world.schedule.run())
        await scenario(world)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())


def whole(*days: date) -> list[float]:
    return [at for day in days for at in starts(day, 900)]


def hours_asked(world: World, day: str) -> list[str]:
    from datetime import datetime

    moments = [datetime.fromtimestamp(at, AMSTERDAM) for at in world.asked]
    return [f"{m:%H:%M}" for m in moments if str(m.date()) == day]


def test_two_ordinary_days() -> None:
    async def scenario(world: World) -> None:
        await world.until("2026-11-23 10:01")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 23))
        await world.until("2026-11-23 13:02")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 23), date(2026, 11, 24))
        await world.until("2026-11-24 00:01")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 24)), "yesterday is dropped"
        await world.until("2026-11-24 23:00")
        assert world.schedule.problem is None

    world = World("2026-11-23 10:00")
    play(scenario, world)
    assert hours_asked(world, "2026-11-23") == ["10:00", "13:00", "19:00"]
    assert len(world.asked) <= 8, "a public service is not asked more than needed"
    assert len(world.seen) == 4, "published only when something changes"


@pytest.mark.parametrize("day", [date(2027, 3, 28), date(2027, 10, 31)])
def test_days_when_the_clocks_change(day: date) -> None:
    async def scenario(world: World) -> None:
        await world.until(f"{day - timedelta(days=1)} 13:05")
        assert [p.start_utc_s for p in world.known] == whole(day - timedelta(days=1), day)
        await world.until(f"{day} 00:05")
        assert [p.start_utc_s for p in world.known] == whole(day)
        await world.until(f"{day} 13:05")
        assert [p.start_utc_s for p in world.known] == whole(day, day + timedelta(days=1))

    play(scenario, World(f"{day - timedelta(days=1)} 08:00"))


def test_prices_that_come_late_are_asked_for_every_ten_minutes() -> None:
    async def scenario(world: World) -> None:
        world.late_s = 35 * 60.0
        await world.until("2026-11-23 15:00")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 23), date(2026, 11, 24))

    world = World("2026-11-23 10:00")
    play(scenario, world)
    assert hours_asked(world, "2026-11-23") == ["10:00", "13:00", "13:10", "13:20", "13:30", "13:40"]


def test_while_the_source_fails_what_is_known_stays_and_the_pauses_grow() -> None:
    async def scenario(world: World) -> None:
        await world.until("2026-11-23 13:05")
        world.error = SourceUnreachable("the service can't be reached")
        before = world.known
        await world.until("2026-11-23 23:59")
        assert world.known is before
        assert world.schedule.problem == Problem("prices", "the service can't be reached", 1800.0)
        await world.until("2026-11-24 23:00")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 24)), "to the end of their day"
        await world.until("2026-11-25 00:01")
        assert world.known == ()
        world.error = None
        await world.until("2026-11-25 00:35")
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 25))
        assert world.schedule.problem is None

    world = World("2026-11-23 10:00")
    play(scenario, world)
    failed = [at for at in world.asked if local("2026-11-23 13:30") < at < local("2026-11-25 00:01")]
    pauses = [b - a for a, b in itertools.pairwise(failed)]
    assert pauses[:5] == [60, 120, 240, 480, 960]
    assert set(pauses[5:]) == {1800}


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("x")])
def test_a_source_with_a_fault_is_said_and_asked_again(error: Exception) -> None:
    async def scenario(world: World) -> None:
        world.error = error
        await world.until("2026-11-23 10:00:30")
        assert world.schedule.problem is not None
        assert type(error).__name__ in (world.schedule.problem.why or "")
        world.error = None
        await world.until("2026-11-23 10:05")
        assert world.known
        assert world.schedule.problem is None

    play(scenario, World("2026-11-23 10:00"))


def test_a_source_that_never_answers_is_given_up() -> None:
    async def scenario(world: World) -> None:
        await world.until("2026-11-23 10:02:30")
        assert world.schedule.problem == Problem("prices", "there was no answer within 120 s", 60.0)

    class Hanging(World):
        async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
            await asyncio.Event().wait()
            raise AssertionError

    play(scenario, Hanging("2026-11-23 10:00"))


def test_a_source_that_knows_nothing_of_now_is_said() -> None:
    async def scenario(world: World) -> None:
        await world.until("2026-11-23 10:01")
        assert world.schedule.problem == Problem("prices", None, 600.0)
        assert world.seen == []

    class Empty(World):
        async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
            return ()

    play(scenario, Empty("2026-11-23 10:00"))


def test_a_correction_replaces_what_was_known() -> None:
    async def scenario(world: World) -> None:
        await world.until("2026-11-23 13:05")
        world.corrected = 0.5
        await world.until("2026-11-23 19:05")
        assert all(price.eur_kwh >= 0.5 for price in world.known)
        assert [p.start_utc_s for p in world.known] == whole(date(2026, 11, 23), date(2026, 11, 24))

    play(scenario, World("2026-11-23 10:00"))


def test_a_forecast_is_asked_for_every_hour() -> None:
    asked: list[float] = []
    seen: list[tuple[ForecastInterval, ...]] = []

    async def fetch(now_utc_s: float) -> tuple[ForecastInterval, ...]:
        asked.append(now_utc_s)
        begin = now_utc_s // HOUR * HOUR
        return tuple(ForecastInterval(begin + n * HOUR, begin + n * HOUR + HOUR, 1.0) for n in range(72))

    async def scenario(world: World) -> None:
        await world.until("2026-11-23 16:00:10")

    world = World("2026-11-23 10:00")
    world.schedule = Schedule(fetch, FORECAST, "Europe/Amsterdam", world, seen.append)  # type: ignore[assignment,arg-type] # of forecasts
    play(scenario, world)
    assert len(asked) == 7
    assert seen[-1][-1].end_utc_s == local("2026-11-25 00:00")


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3)), max_size=8)


def intervals(spans: list[tuple[int, int]], value: float) -> tuple[MarketPrice, ...]:
    found: list[MarketPrice] = []
    for start, length in sorted(spans):
        if not found or start >= found[-1].end_utc_s:
            found.append(MarketPrice(float(start), float(start + length), value))
    return tuple(found)


@given(SPANS, SPANS)
def test_merging_loses_nothing_new_and_nothing_old_that_still_fits(
    old_spans: list[tuple[int, int]], new_spans: list[tuple[int, int]]
) -> None:
    old, new = intervals(old_spans, 1.0), intervals(new_spans, 2.0)
    merged = merge(old, new)
    assert set(new) <= set(merged)
    for item in old:
        overlaps = any(n.start_utc_s < item.end_utc_s and item.start_utc_s < n.end_utc_s for n in new)
        assert (item in merged) is not overlaps
    assert all(a.end_utc_s <= b.start_utc_s for a, b in itertools.pairwise(merged))


@given(SPANS, st.integers(0, 22))
def test_covered_until_is_the_first_moment_that_nothing_holds_at(
    spans: list[tuple[int, int]], at: int
) -> None:
    known = intervals(spans, 1.0)
    moment = at + 0.5
    covered = covered_until(known, moment)
    assert not any(i.start_utc_s <= covered < i.end_utc_s for i in known)
    if covered > moment:
        steps = [moment + n for n in range(int(covered - moment))]
        assert all(any(i.start_utc_s <= s < i.end_utc_s for i in known) for s in steps)
