"""What the why-log says of prices: once when they come, again when they change, never every second."""

import msgspec
import pytest

from phasewise.engine.plan_events import TOLD_BLOCKS, PlanWatch
from phasewise.model import ControlSettings, Settings, Site, Snapshot
from phasewise.model.event import PlanBlock, PlanChanged
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval

MIDNIGHT = 1_780_264_800.0
"""2026-06-01 00:00 in Amsterdam."""
DYNAMIC = Settings(Site(), (), ControlSettings(strategy="dynamic"))
CHEAP = {2, 3, 4}
EXPENSIVE = {18, 19, 20}


def day(cheap: set[int] = CHEAP, expensive: set[int] = EXPENSIVE) -> tuple[PriceInterval, ...]:
    def price(hour: int) -> float:
        return 0.05 if hour in cheap else 0.45 if hour in expensive else 0.25

    return tuple(
        PriceInterval(MIDNIGHT + 3600 * h, MIDNIGHT + 3600 * (h + 1), price(h), price(h)) for h in range(24)
    )


def at(hour: float, prices: tuple[PriceInterval, ...]) -> Snapshot:
    utc_s = MIDNIGHT + 3600 * hour
    return Snapshot(utc_s, utc_s, None, False, 1.0, (), prices=prices)


def test_new_prices_are_told_once_with_when_and_for_how_much() -> None:
    watch, prices = PlanWatch(), day()
    told = watch.follow(at(0.5, prices), DYNAMIC, Memory())
    assert told is not None
    charge = [block for block in told.blocks if block.action == "charge"]
    assert charge == [PlanBlock("charge", "02:00", "05:00", 0.05)]
    assert all(watch.follow(at(h / 4, prices), DYNAMIC, Memory()) is None for h in range(2, 90))


def test_the_same_plan_is_not_told_again_and_another_one_is() -> None:
    watch = PlanWatch()
    assert watch.follow(at(0.5, day()), DYNAMIC, Memory()) is not None
    assert watch.follow(at(0.6, day()), DYNAMIC, Memory()) is None
    assert watch.follow(at(0.7, day(cheap={4, 5})), DYNAMIC, Memory()) is not None


def test_prices_that_hardly_differ_plan_nothing() -> None:
    assert PlanWatch().follow(at(0.5, day(set(), set())), DYNAMIC, Memory()) in (None, PlanChanged(blocks=()))


def test_what_is_past_is_not_told_and_tomorrow_has_its_date() -> None:
    told = PlanWatch().follow(at(-1.0, day()), DYNAMIC, Memory())
    assert told is not None
    assert told.blocks[0].start == "2026-06-01 02:00"
    late = PlanWatch().follow(at(12.0, day()), DYNAMIC, Memory())
    assert late is not None
    assert all(block.action == "discharge" for block in late.blocks)


def test_many_stretches_are_not_all_told() -> None:
    odd = set(range(1, 24, 2))
    told = PlanWatch().follow(at(0.5, day(odd, set(range(0, 24, 2)))), DYNAMIC, Memory())
    assert told is not None
    assert len(told.blocks) <= TOLD_BLOCKS


@pytest.mark.parametrize("strategy", ["self-consumption", "charge", "timed"])
def test_without_the_dynamic_strategy_nothing_is_told(strategy: str) -> None:
    settings = msgspec.structs.replace(DYNAMIC, control=ControlSettings(strategy=strategy))
    assert PlanWatch().follow(at(0.5, day()), settings, Memory()) is None
    assert PlanWatch().follow(at(0.5, ()), DYNAMIC, Memory()) is None
