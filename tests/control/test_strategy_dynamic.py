"""Dynamic: cheap, neutral and expensive intervals, and what runs when no price is known."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from control_kit import picture, seen
from msgspec.structs import replace
from strategy_kit import STRATEGIES, asker

from phasewise.control.choose import wish
from phasewise.control.strategies.dynamic import NO_PRICE, Dynamic
from phasewise.model import Settings
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import Algorithm, DynamicOptions

MIDNIGHT = datetime(2026, 5, 1, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
HOUR_S = 3600.0
WITH_DYNAMIC = {**STRATEGIES, "dynamic": Dynamic()}
DAY = [0.20] * 24
DAY[3], DAY[4], DAY[18], DAY[19] = 0.05, 0.06, 0.40, 0.39


def tariff(by_hour: list[float]) -> tuple[PriceInterval, ...]:
    return tuple(
        PriceInterval(MIDNIGHT + hour * HOUR_S, MIDNIGHT + (hour + 1) * HOUR_S, buy, buy - 0.02)
        for hour, buy in enumerate(by_hour)
    )


def home(**options: object) -> Settings:
    dynamic = DynamicOptions(**options)  # type: ignore[arg-type]  # keyword table
    return asker(2, strategy="dynamic", dynamic=dynamic).settings


class Day:
    """Goes through a day; every answer is remembered."""

    def __init__(self, settings: Settings, prices: tuple[PriceInterval, ...]) -> None:
        self.settings, self.prices = settings, prices
        self.forecast: tuple[ForecastInterval, ...] = ()
        self.load_forecast: tuple[ForecastInterval, ...] = ()
        self.memory = Memory()

    def at(
        self, hour: float, soc_pct: float = 50.0, capacity_wh: float | None = 5120.0
    ) -> tuple[str | None, tuple[str, ...]]:
        batteries = [
            seen(b.id, soc_pct=soc_pct, capacity_wh=capacity_wh, time_s=HOUR_S * hour)
            for b in self.settings.batteries
        ]
        snapshot = replace(
            picture(HOUR_S * hour, 0.0, batteries, utc_s=MIDNIGHT + hour * HOUR_S),
            prices=self.prices,
            forecast=self.forecast,
            load_forecast=self.load_forecast,
        )
        found = wish(snapshot, self.settings, self.memory, WITH_DYNAMIC)
        self.memory = replace(self.memory, notes=found.notes, plan=found.plan)
        return found.executing, found.notes

    def hours(self, **how: float) -> dict[str | None, list[int]]:
        """The hours in which each strategy runs."""
        found: dict[str | None, list[int]] = {}
        for hour in range(24):
            found.setdefault(self.at(hour + 0.5, **how)[0], []).append(hour)
        return found


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_day_with_a_cheap_night_and_a_dear_evening(algorithm: Algorithm) -> None:
    settings = home(algorithm=algorithm, cheap="charge", neutral="standby", expensive="zero-import")
    found = Day(settings, tariff(DAY)).hours(soc_pct=20.0)
    assert {3, 4} <= set(found["charge"])
    assert {18, 19} <= set(found["zero-import"])
    if algorithm is Algorithm.PAIRS:
        assert len(found["charge"]) == len(found["zero-import"]) == 2


def test_no_spread_no_cycling() -> None:
    flat = Day(home(neutral="standby"), tariff([0.20 + 0.001 * hour for hour in range(24)]))
    assert set(flat.hours()) == {"standby"}


def test_caps_in_hours() -> None:
    settings = home(max_cheap_h=1.0, max_expensive_h=1.0, neutral="standby", expensive="zero-import")
    found = Day(settings, tariff(DAY)).hours()
    assert (found["charge"], found["zero-import"]) == ([3], [18])


def test_after_the_last_known_price_the_fallback_runs() -> None:
    day = Day(home(fallback="full-stop"), tariff(DAY)[:12])
    assert day.at(11.99)[0] != "full-stop"
    assert day.at(12.0) == ("full-stop", (NO_PRICE,))
    assert Day(home(fallback="full-stop"), ()).at(5.0) == ("full-stop", (NO_PRICE,))
    day.prices = tariff(DAY)
    assert day.at(12.5)[0] != "full-stop"


def test_a_plan_stands_for_its_interval_and_knows_what_is_stored() -> None:
    settings = home(algorithm=Algorithm.PLAN)
    day = Day(settings, tariff(DAY))
    assert day.at(3.1, soc_pct=20.0)[0] == "charge"
    made = day.memory.plan
    # Nothing is planned anew when the state of charge changes, and yet a full battery is not charged.
    assert day.at(3.5, soc_pct=100.0)[0] in ("standby", "zero-import")
    assert made is not None
    assert day.memory.plan is not None
    assert day.memory.plan.made_s == made.made_s
    day.at(4.0, soc_pct=100.0)
    assert day.memory.plan.made_s == 4.0 * HOUR_S


def test_a_plan_charges_as_much_as_it_needs_and_no_more() -> None:
    # Until the next cheap hour 5 kWh are drawn, half of what the batteries hold.
    day = Day(home(algorithm=Algorithm.PLAN, expected_load_w=230.0), tariff(DAY))
    found = {soc: day.at(4.5, soc_pct=soc)[0] for soc in (20.0, 40.0, 60.0, 95.0)}
    assert found[20.0] == found[40.0] == "charge"
    assert found[95.0] != "charge"
    # Wherever that is, nothing goes back and forth between two steps of a SoC register.
    for soc in range(30, 90):
        names = [day.at(4.5, soc_pct=step)[0] for step in (soc, soc + 1.0) * 4]
        assert len(set(names[1:])) == 1


@pytest.mark.parametrize("sells", [False, True])
def test_a_plan_sells_only_where_it_may(sells: bool) -> None:
    dear = [0.05] * 12 + [0.60] * 3 + [0.20] * 9
    settings = home(algorithm=Algorithm.PLAN, expensive="sell" if sells else "self-consumption")
    day = Day(settings, tariff(dear))
    assert day.at(13.0, soc_pct=90.0)[0] == ("sell" if sells else "zero-import")
    only_sun = Day(home(algorithm=Algorithm.PLAN, cheap="charge-pv"), tariff(dear))
    assert only_sun.at(10.0, soc_pct=15.0)[0] == "charge-pv"


def test_new_prices_make_a_new_plan_within_a_minute_and_a_battery_that_comes_and_goes_does_not() -> None:
    day = Day(home(algorithm=Algorithm.PLAN), tariff(DAY))
    made = []
    for second in range(130):
        if second == 20:
            day.prices = tariff([0.3] * 24)
        day.at(3.0 + second / 3600.0, capacity_wh=5120.0 + second % 2)
        assert day.memory.plan is not None
        made.append(day.memory.plan.made_s)
    assert 2 <= len(set(made)) <= 3


def test_the_house_learnt_counts_instead_of_the_expected_load() -> None:
    day = Day(home(algorithm=Algorithm.PLAN, expected_load_w=0.0), tariff(DAY))
    assert day.at(3.5, soc_pct=20.0)[0] != "charge"
    day = Day(home(algorithm=Algorithm.PLAN, expected_load_w=0.0), tariff(DAY))
    day.load_forecast = (ForecastInterval(MIDNIGHT, MIDNIGHT + 24 * HOUR_S, 1000.0),)
    assert day.at(3.5, soc_pct=20.0)[0] == "charge"


def test_a_plan_makes_room_for_the_sun() -> None:
    settings = home(algorithm=Algorithm.PLAN, neutral="standby", expected_load_w=300.0)
    dark, sunny = Day(settings, tariff(DAY)), Day(settings, tariff(DAY))
    sunny.forecast = (ForecastInterval(MIDNIGHT + 10 * HOUR_S, MIDNIGHT + 16 * HOUR_S, 3000.0),)
    # Surplus that finds no room earns nothing here.
    worthless = tuple(replace(price, sell_eur_kwh=0.0) for price in tariff(DAY))
    dark.prices = sunny.prices = worthless
    assert dark.at(4.5, soc_pct=50.0)[0] == "charge"
    assert sunny.at(4.5, soc_pct=50.0)[0] == "self-consumption"


def test_without_a_capacity_pairs_are_matched() -> None:
    settings = home(algorithm=Algorithm.PLAN, neutral="standby")
    assert Day(settings, tariff(DAY)).at(3.5, capacity_wh=None)[0] == "charge"


def test_new_settings_and_new_prices_count_at_once() -> None:
    day = Day(home(neutral="standby"), tariff(DAY))
    assert day.at(3.1)[0] == "charge"
    day.settings = home(neutral="standby", min_spread_eur_kwh=1.0)
    assert day.at(3.2)[0] == "standby"
    day.settings = home(neutral="standby")
    day.prices = tariff([0.3] * 24)
    assert day.at(3.3)[0] == "standby"
