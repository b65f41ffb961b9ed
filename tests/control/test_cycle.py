"""Whose turn it is, from day to day and by charge."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from control_kit import battery_settings, picture, seen

from phasewise.control.cycle import SLOT_S, in_turn, turns
from phasewise.model import Cycle, Settings, Site, Split
from phasewise.model.memory import PreferMemory
from phasewise.model.site import ControlSettings

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOTHING = PreferMemory()


def utc_s(year: int, month: int, day: int, hour: int, minute: int = 0, *, fold: int = 0) -> float:
    return datetime(year, month, day, hour, minute, fold=fold, tzinfo=AMSTERDAM).timestamp()


def home(cycle: Cycle, priority: tuple[str, ...] = (), split: Split = Split.PRIORITY) -> Settings:
    batteries = tuple(battery_settings(i) for i in ("m1", "m2", "m3"))
    return Settings(Site(), batteries, ControlSettings(cycle=cycle, priority=priority, split=split))


def order(settings: Settings, at_s: float, socs: tuple[float | None, ...] = (50.0, 50.0, 50.0)) -> str:
    """The order in force at a time, without anything remembered."""
    batteries = [seen(f"m{n}", soc_pct=soc) for n, soc in enumerate(socs, start=1)]
    found, _ = in_turn(picture(0.0, 0.0, batteries, utc_s=at_s), settings, NOTHING)
    return " ".join(found.control.priority)


def changes(days: int, start_s: float, hours: float) -> list[datetime]:
    """Local times at which the order turned, looked at every minute."""
    times = [start_s + 60.0 * n for n in range(round(hours * 60))]
    counts = [turns(at_s, "Europe/Amsterdam", days) for at_s in times]
    for before, after in pairwise(counts):
        assert after - before in (0, 1)
    return [
        datetime.fromtimestamp(at_s, AMSTERDAM).replace(tzinfo=None)
        for at_s, before, after in zip(times[1:], counts, counts[1:], strict=False)
        if after > before
    ]


@pytest.mark.parametrize(
    ("day", "month", "turned_at"),
    [(10, 6, "02:00"), (29, 3, "03:00"), (25, 10, "02:00")],
    ids=["summer", "the day of 23 hours", "the day of 25 hours"],
)
def test_every_day_turns_once(day: int, month: int, turned_at: str) -> None:
    midnight_s = utc_s(2026, month, day, 0)
    found = changes(1, midnight_s, 23.0)
    # On the day of 23 hours the wall clock goes from 02:00 straight to 03:00.
    assert [at.strftime("%H:%M") for at in found] == [turned_at]


def test_every_week_turns_on_sunday() -> None:
    found = changes(7, utc_s(2026, 3, 16, 0), 24 * 21)
    assert [at.strftime("%a %d.%m. %H:%M") for at in found] == [
        "Sun 22.03. 02:00",
        "Sun 29.03. 03:00",
        "Sun 05.04. 02:00",
    ]


def test_everyone_is_first_equally_often_and_the_order_stays_a_circle() -> None:
    settings = home(Cycle.DAILY, ("m3", "m1", "m2"))
    noon_s = utc_s(2026, 6, 1, 12)
    found = [order(settings, noon_s + timedelta(days=n).total_seconds()) for n in range(6)]
    assert found[:3] == found[3:]
    assert sorted(found[:3]) == ["m1 m2 m3", "m2 m3 m1", "m3 m1 m2"]


def test_without_cycling_nothing_is_touched() -> None:
    settings = home(Cycle.NEVER)
    found, memory = in_turn(picture(0.0, 0.0, [seen("m1")]), settings, NOTHING)
    assert found is settings
    assert memory is NOTHING


def test_the_emptiest_is_charged_first_and_the_order_stands_for_half_an_hour() -> None:
    settings = home(Cycle.AUTO)

    def look(at_s: float, socs: tuple[float, float, float], memory: PreferMemory) -> tuple[str, PreferMemory]:
        batteries = [seen(f"m{n}", soc_pct=soc) for n, soc in enumerate(socs, start=1)]
        found, memory = in_turn(picture(0.0, 0.0, batteries, utc_s=at_s), settings, memory)
        return " ".join(found.control.priority), memory

    first, memory = look(10 * SLOT_S, (60.0, 20.0, 40.0), NOTHING)
    assert first == "m2 m3 m1"
    later, memory = look(10 * SLOT_S + SLOT_S - 1.0, (10.0, 20.0, 40.0), memory)
    assert later == "m2 m3 m1"
    then, memory = look(11 * SLOT_S, (10.0, 20.0, 40.0), memory)
    assert then == "m1 m2 m3"


def test_by_charge_those_whose_charge_is_not_known_come_last() -> None:
    settings = home(Cycle.AUTO)
    assert order(settings, 0.0, (90.0, None, 10.0)) == "m3 m1 m2"
    assert order(settings, 0.0, (None, None, None)) == "m1 m2 m3"
    remembered = PreferMemory(slot=0, order=("m3", "gone", "m1"))
    batteries = [seen(i, soc_pct=soc) for i, soc in (("m1", 50.0), ("m2", None), ("m3", 60.0))]
    found, after = in_turn(picture(0.0, 0.0, batteries, utc_s=1.0), settings, remembered)
    assert (found.control.priority, after) == (("m3", "m1", "m2"), remembered)
    # As soon as it is known it takes its place.
    batteries[1] = seen("m2", soc_pct=55.0)
    found, _ = in_turn(picture(0.0, 0.0, batteries, utc_s=2.0), settings, after)
    assert found.control.priority == ("m1", "m2", "m3")


def test_a_balanced_split_goes_by_charge_that_has_moved_by_two_percent() -> None:
    settings = home(Cycle.NEVER, split=Split.SOC_BALANCE)
    memory = NOTHING
    by = []
    for soc_pct in (50.0, 51.0, 51.9, 52.0, 51.0, 50.0, None):
        snapshot = picture(0.0, 0.0, [seen("m1", soc_pct=soc_pct)])
        _, after = in_turn(snapshot, settings, memory)
        assert (after is memory) == (after == memory)
        memory = after
        by.append(memory.socs_pct["m1"])
    assert by == [50.0, 50.0, 50.0, 52.0, 52.0, 50.0, 50.0]
    unknown = picture(0.0, 0.0, [seen("m1", soc_pct=None)])
    assert in_turn(unknown, settings, NOTHING) == (settings, NOTHING)
