"""What flickers is told seldom, what lasts is told, and nothing is lost of how often it came."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.engine.spells import CALM_S, GONE_S, MOST_GONE_S, Began, Ended, Settled, Spells

Told = list[tuple[int, Began[str, int] | Ended[str, int]]]


def follow(presence: list[bool], *, begin_after_s: float) -> Told:
    """One thing, looked at once a second."""
    spells: Spells[str, int] = Spells(begin_after_s=begin_after_s)
    told: Told = []
    for second, there in enumerate(presence):
        began, ended = spells.follow(float(second), {"it": second} if there else {})
        told += [(second, event) for event in (*began, *ended)]
    return told


def blinks(on_s: int, off_s: int, length_s: int) -> list[bool]:
    return [second % (on_s + off_s) < on_s for second in range(length_s)]


def test_what_lasts_is_told_once_with_how_long_it_lasted() -> None:
    told = follow([False] * 5 + [True] * 100 + [False] * 100, begin_after_s=15.0)
    assert [type(event) for _, event in told] == [Began, Ended]
    assert told[0][0] == 20
    assert told[1] == (104 + GONE_S, Ended("it", 104, 99.0, 1))


def test_what_is_short_is_not_told() -> None:
    assert follow(blinks(14, 1, 3000), begin_after_s=15.0) == []


def test_what_is_to_be_told_at_once_is() -> None:
    assert follow([True], begin_after_s=0.0) == [(0, Began("it", 0))]


def test_what_comes_and_goes_is_one_spell_with_a_count() -> None:
    told = follow([*blinks(5, 20, 250), *[False] * 100], begin_after_s=0.0)
    assert [type(event) for _, event in told] == [Began, Ended]
    ended = told[1][1]
    assert isinstance(ended, Ended)
    assert (ended.times, ended.lasted_s) == (10, 229.0)


@pytest.mark.parametrize(("on_s", "off_s"), [(1, 1), (1, 31), (5, 45), (20, 70), (40, 130), (60, 400)])
def test_a_day_of_flicker_is_a_few_events_an_hour_at_most(on_s: int, off_s: int) -> None:
    told = follow(blinks(on_s, off_s, 86400), begin_after_s=0.0)
    assert len(told) <= 12
    last_minutes = [second for second, _ in told if second > 7200]
    assert last_minutes == []


def test_after_a_calm_time_an_end_is_told_soon_again() -> None:
    presence = [*blinks(1, 40, 4000), *[False] * 2000, True, *[False] * 100]
    told = follow(presence, begin_after_s=0.0)
    assert told[-1][0] - told[-2][0] == GONE_S


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 200)), max_size=60), st.sampled_from([0.0, 2.0, 15.0])
)
def test_beginnings_and_ends_alternate_and_never_too_fast(
    runs: list[tuple[bool, int]], after_s: float
) -> None:
    presence = [there for there, length_s in runs for _ in range(length_s)]
    told = follow(presence, begin_after_s=after_s)
    assert [type(event) for _, event in told] == list(
        itertools.islice(itertools.cycle((Began, Ended)), len(told))
    )
    ends = [second for second, event in told if isinstance(event, Ended)]
    assert all(later - sooner >= GONE_S for sooner, later in itertools.pairwise(ends))
    window_s = int(MOST_GONE_S + CALM_S)
    for start in ends:
        assert sum(start <= second < start + window_s for second in ends) <= 6
    for _, event in told:
        if isinstance(event, Ended):
            assert event.lasted_s >= after_s
            assert event.times >= 1


def test_things_are_followed_one_by_one() -> None:
    spells: Spells[str, int] = Spells(begin_after_s=0.0)
    assert spells.follow(0.0, {"a": 1, "b": 2}) == ([Began("a", 1), Began("b", 2)], [])
    assert spells.follow(40.0, {"b": 3}) == ([], [Ended("a", 1, 0.0, 1)])
    assert spells.is_told("b")
    assert not spells.is_told("a")


def test_a_value_is_told_once_it_has_stayed() -> None:
    value: Settled[str] = Settled("old", stay_s=2.0)
    told = [value.follow(float(s), "new" if s >= 3 else "old") for s in range(8)]
    assert told == [False] * 5 + [True] + [False] * 2
    assert value.value == "new"


def test_a_value_that_never_stays_is_told_ever_more_seldom() -> None:
    value: Settled[int] = Settled(-1, stay_s=2.0)
    told = [s for s in range(86400) if value.follow(float(s), s // 700)]
    assert len(told) == 86400 // 700 + 1
    wild: Settled[int] = Settled(-1, stay_s=2.0)
    told = [s for s in range(86400) if wild.follow(float(s), s // 20)]
    assert len(told) <= 24 * 5


def test_a_value_that_was_told_otherwise_is_not_told_again() -> None:
    value: Settled[str] = Settled("old", stay_s=0.0)
    value.known("new")
    assert not value.follow(1.0, "new")
    assert value.follow(2.0, "old")
