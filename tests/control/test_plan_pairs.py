"""Pair matching: per local day, inward, while the spread lasts."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.plan import Mark, PairOptions, pairs
from phasewise.model.prices import PriceInterval

ZONE = "Europe/Amsterdam"
C, N, E = Mark.CHEAP, Mark.NEUTRAL, Mark.EXPENSIVE


def day(
    prices: Sequence[float],
    *,
    date: tuple[int, int, int] = (2026, 11, 16),
    minutes: int = 60,
    fee: float = 0.0,
) -> tuple[PriceInterval, ...]:
    """Intervals from local midnight on. `fee`: what selling earns less."""
    start = datetime(*date, tzinfo=ZoneInfo(ZONE)).timestamp()
    seconds = 60.0 * minutes
    return tuple(
        PriceInterval(start + n * seconds, start + (n + 1) * seconds, price, price - fee)
        for n, price in enumerate(prices)
    )


def test_the_cheapest_meets_the_dearest_moving_inward() -> None:
    prices = day([0.30, 0.10, 0.22, 0.40, 0.20, 0.25])
    assert pairs(prices, ZONE, PairOptions(min_spread_eur_kwh=0.06)) == (E, C, N, E, C, N)
    assert pairs(prices, ZONE, PairOptions(min_spread_eur_kwh=0.02)) == (E, C, C, E, C, E)
    assert pairs(prices, ZONE, PairOptions(min_spread_eur_kwh=0.31)) == (N,) * 6


def test_a_spread_of_exactly_the_minimum_counts() -> None:
    assert pairs(day([0.1, 0.4]), ZONE, PairOptions(min_spread_eur_kwh=0.3)) == (C, E)


def test_caps_count_hours_on_their_own_side() -> None:
    prices = day([0.1, 0.11, 0.12, 0.3, 0.4, 0.5])
    assert pairs(prices, ZONE, PairOptions(max_cheap_h=1.0)) == (C, N, N, E, E, E)
    assert pairs(prices, ZONE, PairOptions(max_expensive_h=2.0)) == (C, C, C, N, E, E)
    quarters = day([0.1, 0.11, 0.12, 0.3, 0.4, 0.5], minutes=15)
    assert pairs(quarters, ZONE, PairOptions(max_cheap_h=0.5)) == (C, C, N, E, E, E)
    assert pairs(quarters, ZONE, PairOptions(max_cheap_h=0.25, max_expensive_h=0.25)) == (C, N, N, N, N, E)


def test_each_local_day_by_itself() -> None:
    first = day([0.10] * 12 + [0.20] * 12)
    second = day([0.50] * 12 + [0.60] * 12, date=(2026, 11, 17))
    assert pairs(first + second, ZONE) == ((C,) * 12 + (E,) * 12) * 2


@pytest.mark.parametrize(("date", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
@pytest.mark.parametrize("minutes", [15, 60])
def test_days_on_which_the_clock_changes(date: tuple[int, int, int], hours: int, minutes: int) -> None:
    count = hours * 60 // minutes
    rising = day([0.001 * n for n in range(count)], date=date, minutes=minutes)
    tomorrow = day([9.0, 9.5], date=(date[0], date[1], date[2] + 1), minutes=minutes)
    assert rising[-1].end_utc_s == tomorrow[0].start_utc_s
    half = count // 2
    middle = (N,) * (count % 2)
    assert pairs(rising + tomorrow, ZONE) == (*(C,) * half, *middle, *(E,) * half, C, E)


def test_equal_prices_are_no_pair_and_of_equals_the_earlier_is_taken() -> None:
    assert pairs(day([0.2] * 24), ZONE) == (N,) * 24
    assert pairs(day([0.1, 0.1, 0.5, 0.5]), ZONE, PairOptions(max_cheap_h=1, max_expensive_h=1)) == (
        C,
        N,
        E,
        N,
    )


def test_negative_prices_are_just_cheap() -> None:
    assert pairs(day([-0.20, -0.05, 0.10, 0.05]), ZONE, PairOptions(min_spread_eur_kwh=0.05)) == (C, C, E, E)


def test_what_is_sold_counts_at_the_sell_price() -> None:
    prices = day([0.10, 0.20, 0.35], fee=0.15)
    options = PairOptions(min_spread_eur_kwh=0.15)
    assert pairs(prices, ZONE, options) == (C, N, E)
    assert pairs(prices, ZONE, PairOptions(min_spread_eur_kwh=0.15, sells=True)) == (N, N, N)
    assert pairs(prices, ZONE, PairOptions(min_spread_eur_kwh=0.10, sells=True)) == (C, N, E)


def test_one_interval_can_be_both_cheapest_to_buy_and_dearest_to_sell() -> None:
    start = datetime(2026, 11, 16, tzinfo=ZoneInfo(ZONE)).timestamp()
    prices = (
        PriceInterval(start, start + 3600, 0.10, 0.50),
        PriceInterval(start + 3600, start + 7200, 0.20, 0.30),
    )
    assert pairs(prices, ZONE, PairOptions(sells=True)) == (C, E)


def test_no_prices_no_marks() -> None:
    assert pairs((), ZONE) == ()


@given(
    prices=st.lists(st.integers(-50, 80).map(lambda cents: cents / 100), min_size=1, max_size=24),
    spread=st.integers(0, 60).map(lambda cents: cents / 100),
)
def test_marks_are_in_pairs_and_never_the_wrong_way_round(prices: list[float], spread: float) -> None:
    marks = pairs(day(prices), ZONE, PairOptions(min_spread_eur_kwh=spread))
    by_mark = {
        mark: sorted(p for p, of in zip(prices, marks, strict=True) if of is mark) for mark in (C, N, E)
    }
    assert len(by_mark[C]) == len(by_mark[E])
    for low, high in zip(by_mark[C], reversed(by_mark[E]), strict=True):
        assert high - low >= max(spread, 0.01) - 1e-9
    if by_mark[C]:
        assert all(by_mark[C][-1] <= p <= by_mark[E][0] for p in by_mark[N])
    # And no pair was left out.
    rest = by_mark[N]
    assert len(rest) < 2 or rest[-1] - rest[0] < max(spread, 0.01)
