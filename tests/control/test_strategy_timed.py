"""Timed: daily windows by the wall clock, across midnight and through both changes of daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategy_kit import asker

from phasewise.control.strategies.windows import window_at
from phasewise.model.strategy_options import (
    ChargeGoal,
    ChargeOptions,
    FollowUp,
    SellOptions,
    TimedOptions,
    Weekday,
    Window,
)

ZONE = "Europe/Amsterdam"
AMSTERDAM = ZoneInfo(ZONE)


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def window(start: str, end: str, strategy: str = "charge", **more: object) -> Window:
    return Window(minutes(start), minutes(end), strategy, **more)  # type: ignore[arg-type]  # keyword table


def at(text: str, *windows: Window) -> str | None:
    """The strategy of the window at a local time such as `2026-05-01 23:30`."""
    moment = datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM)
    found = window_at(windows, moment.timestamp(), ZONE)
    return None if found is None else found.strategy


def test_a_window_holds_its_start_but_not_its_end() -> None:
    day = window("07:30", "09:00")
    times = ("07:29:59", "07:30:00", "08:59:59", "09:00:00")
    assert [at(f"2026-05-01 {t}", day) for t in times] == [None, "charge", "charge", None]


def test_the_first_that_fits_counts() -> None:
    both = (window("07:00", "09:00", "sell"), window("08:00", "10:00", "charge"))
    found = [at(f"2026-05-01 {t}", *both) for t in ("07:30", "08:30", "09:30")]
    assert found == ["sell", "sell", "charge"]


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    # 1 May 2026 is a Friday.
    night = window("23:00", "06:00", days=(Weekday.FRI,))
    found = {
        text: at(f"2026-{text}", night)
        for text in ("05-01 05:00", "05-01 23:00", "05-02 00:00", "05-02 05:59", "05-02 06:00", "05-02 23:30")
    }
    assert [text for text, strategy in found.items() if strategy] == [
        "05-01 23:00",
        "05-02 00:00",
        "05-02 05:59",
    ]


def test_monday_morning_belongs_to_sunday_night() -> None:
    assert at("2026-05-04 01:00", window("22:00", "02:00", days=(Weekday.SUN,))) == "charge"
    assert at("2026-05-04 01:00", window("22:00", "02:00", days=(Weekday.MON,))) is None


def test_a_whole_day() -> None:
    for whole in (
        window("00:00", "24:00", days=(Weekday.SAT,)),
        window("00:00", "00:00", days=(Weekday.SAT,)),
    ):
        assert at("2026-05-01 23:59:59", whole) is None
        assert at("2026-05-02 00:00", whole) == "charge"
        assert at("2026-05-02 23:59:59", whole) == "charge"
        assert at("2026-05-03 00:00", whole) is None


@pytest.mark.parametrize(
    ("night", "hours"),
    [
        ("2026-03-28", 6.0),  # 02:00 becomes 03:00: one hour less
        ("2026-10-24", 8.0),  # 03:00 becomes 02:00: one hour more
        ("2026-06-01", 7.0),
    ],
)
def test_daylight_saving_moves_no_window(night: str, hours: float) -> None:
    """Every minute of the night, in the order in which they pass: on at 23:00, off at 06:00, never else."""
    begin = datetime.fromisoformat(f"{night} 20:00").replace(tzinfo=AMSTERDAM).astimezone(UTC)
    nightly = window("23:00", "06:00")
    states, edges = [], []
    for minute in range(14 * 60):
        moment = begin + timedelta(minutes=minute)
        states.append(window_at((nightly,), moment.timestamp(), ZONE) is not None)
        if minute and states[-1] != states[-2]:
            edges.append(moment.astimezone(AMSTERDAM).strftime("%H:%M"))
    assert edges == ["23:00", "06:00"]
    assert sum(states) / 60.0 == hours


def test_a_window_in_the_hour_that_is_skipped_or_comes_twice() -> None:
    inside = window("02:00", "03:00")

    def minutes_inside(day: str) -> int:
        begin = datetime.fromisoformat(f"{day} 00:00").replace(tzinfo=AMSTERDAM).astimezone(UTC)
        moments = (begin + timedelta(minutes=m) for m in range(8 * 60))
        return sum(window_at((inside,), moment.timestamp(), ZONE) is not None for moment in moments)

    assert [minutes_inside(day) for day in ("2026-03-29", "2026-10-25", "2026-06-01")] == [0, 120, 60]


def in_window(found: Window, local: datetime) -> bool:
    """Another way to the same: go through the days on which it may have begun."""
    for days_ago in (0, 1):
        day = local.date() - timedelta(days=days_ago)
        if tuple(Weekday)[day.weekday()] not in found.days:
            continue
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall-clock arithmetic on purpose
        length = found.end_min - found.start_min
        begin = midnight + timedelta(minutes=found.start_min)
        end = begin + timedelta(minutes=length if length > 0 else length + 1440)
        if begin <= local.replace(tzinfo=None) < end:
            return True
    return False


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.sets(st.sampled_from(list(Weekday)), min_size=1),
    st.sampled_from([ZONE, "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_windows_against_another_way_to_count(
    moment: datetime, start_min: int, end_min: int, days: set[Weekday], zone: str
) -> None:
    tried = Window(start_min, end_min, "charge", tuple(days))
    expected = in_window(tried, moment.astimezone(ZoneInfo(zone)))
    assert (window_at((tried,), moment.timestamp(), zone) is not None) == expected


# --- the strategy


def test_timed_hands_over_with_the_windows_own_settings() -> None:
    half = ChargeOptions(goal=ChargeGoal.SOC, soc_pct=50.0)
    timed = TimedOptions(
        default="zero-import",
        windows=(
            window("01:00", "05:00", "charge", charge=half),
            window("05:00", "06:00", "self-consumption", target_grid_w=-100.0),
            window("18:00", "20:00", "sell", sell=SellOptions(grid_limit_w=1000.0)),
            window("20:00", "21:00", "charge"),
        ),
    )

    def executing(clock: str, soc_pct: float) -> tuple[str | None, float | None]:
        moment = datetime.fromisoformat(f"2026-05-01 {clock}").replace(tzinfo=AMSTERDAM)
        asking = asker(strategy="timed", timed=timed, target_grid_w=25.0, utc_s=moment.timestamp())
        found = asking.ask(soc_pct)
        return found.executing, found.grid_target_w

    assert executing("00:30", 40.0) == ("zero-import", 25.0)
    assert executing("02:00", 40.0) == ("charge", None)
    assert executing("02:00", 50.0) == ("charge-pv", 25.0)
    assert executing("05:30", 50.0) == ("self-consumption", -100.0)
    assert executing("19:00", 50.0) == ("sell", -1000.0)
    assert executing("20:30", 99.0) == ("charge", None)


def test_each_window_starts_its_goal_anew() -> None:
    timed = TimedOptions(windows=(window("01:00", "05:00"),))
    charge = ChargeOptions(follow_up=FollowUp.SELF_CONSUMPTION)
    asking = asker(strategy="timed", timed=timed, charge=charge)

    def at_time(text: str, soc_pct: float) -> str | None:
        asking.utc_s = datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).timestamp()
        return asking.executing(soc_pct)

    assert at_time("2026-05-01 01:00", 99.0) == "charge"
    assert at_time("2026-05-01 02:00", 100.0) == "self-consumption"
    assert at_time("2026-05-01 04:00", 80.0) == "self-consumption"
    assert at_time("2026-05-01 05:00", 70.0) == "self-consumption"
    assert at_time("2026-05-02 01:00", 70.0) == "charge"
