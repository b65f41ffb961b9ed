"""What the engine learns of the house: from when on, how much it keeps, and what of it is the sun's."""

import pytest

from phasewise.engine.habit import KEEP_DAYS, Habit
from phasewise.model.forecast import ForecastInterval

DAY_S = 86_400.0
MONDAY = 1_767_571_200.0
"""2026-01-05 00:00 UTC."""
ZONE = "UTC"


def lived(
    habit: Habit, days: float, load_w: dict[int, float], sun: tuple[ForecastInterval, ...] = ()
) -> float:
    """A house that draws so much from each of these hours on; one sample per five minutes."""
    at_s = MONDAY
    while at_s < MONDAY + days * DAY_S:
        hour = at_s % DAY_S / 3600.0
        now_w = load_w[max(begin for begin in load_w if begin <= hour)]
        habit.saw(at_s, now_w, sun, ZONE)
        at_s += 300.0
    return at_s


def test_nothing_is_forecast_before_a_day_was_seen() -> None:
    habit = Habit()
    lived(habit, 0.95, {0: 500.0})
    assert habit.forecast == ()


def test_the_evening_is_expected_where_it_was() -> None:
    habit = Habit()
    now_s = lived(habit, 10, {0: 200.0, 18: 2000.0, 22: 300.0})
    expected = {round(part.start_utc_s % DAY_S / 3600.0, 2): part.power_w for part in habit.forecast}
    assert expected[3.0] == pytest.approx(200.0, rel=0.3)
    assert expected[19.0] > 1500.0
    assert habit.forecast[-1].end_utc_s > now_s + DAY_S


def test_it_is_the_same_object_for_hours() -> None:
    habit = Habit()
    now_s = lived(habit, 2, {0: 500.0})
    before = habit.forecast
    habit.saw(now_s + 10.0, 800.0, (), ZONE)
    assert habit.forecast is before
    habit.saw(now_s + DAY_S / 2, 800.0, (), ZONE)
    assert habit.forecast is not before


def test_what_the_sun_gave_is_not_taken_for_a_house_that_draws_less() -> None:
    sun = tuple(
        ForecastInterval(MONDAY + day * DAY_S + 10 * 3600, MONDAY + day * DAY_S + 14 * 3600, 1500.0)
        for day in range(3)
    )
    habit = Habit()
    lived(habit, 3, {0: 400.0, 10: -1100.0, 14: 400.0}, sun)
    assert [part.power_w for part in habit.forecast] == pytest.approx([400.0] * len(habit.forecast))


def test_a_year_needs_no_more_memory_than_a_month() -> None:
    habit = Habit()
    for quarter in range((KEEP_DAYS + 40) * 96):
        habit.saw(MONDAY + quarter * 900.0, 500.0, (), ZONE)
    assert len(habit._means) == KEEP_DAYS * 96
