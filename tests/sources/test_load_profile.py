"""What a house usually draws, learnt from its past."""

import itertools
import math
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_fakes import local, starts

from phasewise.sources.load_profile import learn_profile

ZONE = "Europe/Amsterdam"
MONDAY = date(2026, 11, 2)


def truth(quarter: int, weekend: bool) -> float:
    base_w = 300.0 + 200.0 * math.sin(quarter / 96 * 2 * math.pi)
    return base_w + (900.0 if weekend and 40 <= quarter < 56 else 0.0)


def days(count: int, begin: date = MONDAY, step_s: int = 900) -> list[tuple[float, float]]:
    found = []
    for n in range(count):
        day = begin + timedelta(days=n)
        for at in starts(day, step_s):
            quarter = int((at - starts(day, step_s)[0]) // 900)
            found.append((at, truth(quarter, day.weekday() >= 5)))
    return found


def test_eight_weeks_are_learnt() -> None:
    profile = learn_profile(days(56), ZONE)
    assert profile is not None
    assert profile.days == 56
    for quarter in range(96):
        assert profile.weekday_w[quarter] == pytest.approx(truth(quarter, False), rel=0.15)
        assert profile.weekend_w[quarter] == pytest.approx(truth(quarter, True), rel=0.25)
    assert profile.load_w(local("2027-01-09 11:00")) > profile.load_w(local("2027-01-08 11:00")) + 500.0


def test_a_few_days_say_little_of_weekends() -> None:
    """Before there was a weekend, one is expected to be as a weekday: never as nothing."""
    profile = learn_profile(days(4), ZONE)
    assert profile is not None
    for quarter in range(96):
        assert profile.weekend_w[quarter] == pytest.approx(profile.weekday_w[quarter], rel=0.2)
        assert profile.weekend_w[quarter] > 90.0


def test_more_days_come_nearer_to_the_truth() -> None:
    def error(count: int) -> float:
        profile = learn_profile(days(count), ZONE)
        assert profile is not None
        return sum(abs(profile.weekend_w[q] - truth(q, True)) for q in range(96))

    errors = [error(count) for count in (5, 7, 14, 28, 56)]
    assert errors == sorted(errors, reverse=True)


def test_the_cadence_of_the_samples_does_not_matter() -> None:
    coarse, fine = learn_profile(days(7), ZONE), learn_profile(days(7, step_s=300), ZONE)
    assert coarse is not None
    assert fine is not None
    assert fine.weekday_w == pytest.approx(coarse.weekday_w)
    assert fine.days == coarse.days


def test_clocks_may_change_between() -> None:
    """A load at 18:00 local time stays at 18:00."""
    samples = []
    for n in range(14):
        day = date(2027, 3, 20) + timedelta(days=n)
        evening = local(f"{day} 18:00")
        samples += [(at, 2000.0 if at == evening else 100.0) for at in starts(day, 900)]
    profile = learn_profile(samples, ZONE)
    assert profile is not None
    assert profile.weekday_w.index(max(profile.weekday_w)) == 72
    assert profile.load_w(local("2027-01-04 18:10")) == max(profile.weekday_w)
    assert profile.load_w(local("2027-07-05 18:10")) == max(profile.weekday_w)


@pytest.mark.parametrize(("day", "quarters"), [("2027-03-28", 92), ("2027-10-31", 100)])
def test_a_forecast_of_a_day_of_23_or_25_hours(day: str, quarters: int) -> None:
    profile = learn_profile(days(14), ZONE)
    assert profile is not None
    begin = local(f"{day} 00:00")
    end = local(f"{date.fromisoformat(day) + timedelta(days=1)} 00:00")
    found = profile.forecast(begin, end)
    assert len(found) == quarters
    assert (found[0].start_utc_s, found[-1].end_utc_s) == (begin, end)
    assert all(a.end_utc_s == b.start_utc_s for a, b in itertools.pairwise(found))
    assert all(i.power_w == profile.load_w(i.start_utc_s) for i in found)


def test_nothing_to_learn_from() -> None:
    assert learn_profile([], ZONE) is None


@given(
    st.lists(st.tuples(st.floats(1.7e9, 1.9e9), st.floats(-500, 20_000)), min_size=1, max_size=50),
    st.randoms(),
)
@settings(max_examples=50, deadline=None)
def test_never_below_zero_nor_above_what_was_seen_whatever_the_order(samples, random) -> None:  # type: ignore[no-untyped-def] # hypothesis gives them
    profile = learn_profile(samples, ZONE)
    assert profile is not None
    highest = max(0.0, *(load_w for _, load_w in samples))
    for load_w in (*profile.weekday_w, *profile.weekend_w):
        assert 0.0 <= load_w <= highest * (1 + 1e-9)
    shuffled = list(samples)
    random.shuffle(shuffled)
    again = learn_profile(shuffled, ZONE)
    assert again is not None
    assert again.weekday_w == pytest.approx(profile.weekday_w)
