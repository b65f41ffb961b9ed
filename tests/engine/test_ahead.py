"""What is ahead: marks of prices, the plan, the windows of the local day, forecasts."""

import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.strategies.windows import window_at
from phasewise.engine.ahead import Ahead, ahead, day_part
from phasewise.model import (
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    ControlSettings,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import HealthMemory, Memory
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import (
    Algorithm,
    DynamicOptions,
    TimedOptions,
    Weekday,
    Window,
)

NOON_S = datetime(2026, 6, 1, 12, 0, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
MIDNIGHT_S = NOON_S - 12 * 3600.0
CHEAP_AT_NIGHT = [0.10] * 6 + [0.30] * 11 + [0.50] * 4 + [0.20] * 3


def prices(eur_kwh: list[float], hours: float = 1.0) -> tuple[PriceInterval, ...]:
    step_s = hours * 3600.0
    return tuple(
        PriceInterval(MIDNIGHT_S + n * step_s, MIDNIGHT_S + (n + 1) * step_s, eur, eur - 0.1)
        for n, eur in enumerate(eur_kwh)
    )


def known(utc_s: float = NOON_S, *, capacity_wh: float | None = 5000.0, **of_snapshot: Any) -> Snapshot:
    reading = BatteryReading(99.0, 0.0, 50.0, capacity_wh=capacity_wh)
    return Snapshot(100.0, utc_s, None, False, 1.0, (BatterySnapshot("m1", reading, True),), **of_snapshot)


def settings(strategy: str, **control: Any) -> Settings:
    battery = BatterySettings(
        "m1", "Garage", Capabilities(2500.0, 2500.0), max_charge_w=2500.0, max_discharge_w=2500.0,
        min_soc_pct=10.0,
    )  # fmt: skip
    return Settings(Site(), (battery,), ControlSettings(strategy=strategy, **control))


MEMORY = Memory(health=(HealthMemory("m1"),))


def marks(found: Ahead) -> list[str | None]:
    return [price.mark for price in found.prices]


def test_by_pairs_each_price_says_what_it_is_good_for() -> None:
    options = DynamicOptions(max_cheap_h=6.0, max_expensive_h=4.0)
    found = ahead(known(prices=prices(CHEAP_AT_NIGHT)), settings("dynamic", dynamic=options), MEMORY)
    assert marks(found) == ["charge"] * 6 + ["pv"] * 11 + ["discharge"] * 4 + ["pv"] * 3
    assert found.plan == ()
    assert (found.prices[0].start, found.prices[0].buy_eur_kwh) == ("2026-05-31T22:00:00.000Z", 0.1)


def test_another_strategy_does_not_go_by_prices() -> None:
    found = ahead(known(prices=prices(CHEAP_AT_NIGHT)), settings("self-consumption"), MEMORY)
    assert set(marks(found)) == {None}
    window = Window(0, 360, "dynamic")
    by_day = settings("timed", timed=TimedOptions(windows=(window,)))
    assert "charge" in marks(ahead(known(prices=prices(CHEAP_AT_NIGHT)), by_day, MEMORY))


def test_by_plan_the_steps_say_what_the_batteries_will_do() -> None:
    options = DynamicOptions(algorithm=Algorithm.PLAN, expensive="sell")
    snapshot = known(utc_s=NOON_S + 900.0, prices=prices(CHEAP_AT_NIGHT + CHEAP_AT_NIGHT))
    found = ahead(snapshot, settings("dynamic", dynamic=options), MEMORY)
    assert found.plan[0].start == found.time
    assert found.plan[-1].end == found.prices[-1].end
    assert found.soc_pct == 50.0
    for before, after in pairwise(found.plan):
        assert before.end == after.start
    at = {step.start: step for step in found.plan}
    # All that is above the floor goes in the dear evening; at night it is filled again.
    evening = [at[f"2026-06-01T{hour}:00:00.000Z"] for hour in (15, 16, 17, 18)]
    assert sum(step.power_w for step in evening) == pytest.approx(-0.95 * 4500.0)
    assert evening[-1].soc_pct == 10.0
    assert {step.action for step in found.plan[12:18]} == {"charge", "idle"}
    assert max(step.soc_pct for step in found.plan) == 100.0
    assert {price.mark for price in found.prices[:12]} == {None}
    assert {price.mark for price in found.prices[15:19]} & {"discharge"}


def test_surplus_of_the_sun_is_no_charging_from_the_grid() -> None:
    sun = (ForecastInterval(NOON_S, NOON_S + 7200.0, 2000.0),)
    options = DynamicOptions(algorithm=Algorithm.PLAN)
    snapshot = known(prices=prices([0.3] * 20 + [0.5] * 4), forecast=sun)
    found = ahead(snapshot, settings("dynamic", dynamic=options), MEMORY)
    assert {step.action for step in found.plan[:2]} == {"pv"}
    assert sum(step.power_w for step in found.plan[:2]) == pytest.approx(2500.0 / 0.95, abs=0.1)
    assert max(step.power_w for step in found.plan[:2]) <= 2000.0 - 400.0
    assert [(part.start, part.power_w) for part in found.pv_forecast] == [(found.time, 2000.0)]


def test_without_capacity_or_price_there_is_no_plan() -> None:
    by_plan = settings("dynamic", dynamic=DynamicOptions(algorithm=Algorithm.PLAN))
    unknown = ahead(known(prices=prices(CHEAP_AT_NIGHT), capacity_wh=None), by_plan, MEMORY)
    assert unknown.plan == ()
    assert "charge" in marks(unknown)
    assert ahead(known(), by_plan, MEMORY).plan == ()


def test_a_plan_of_two_days_in_quarters_is_quick() -> None:
    by_plan = settings("dynamic", dynamic=DynamicOptions(algorithm=Algorithm.PLAN))
    eur_kwh = [0.1 + 0.4 * ((n * 37) % 96) / 96 for n in range(192)]
    snapshot = known(utc_s=MIDNIGHT_S, prices=prices(eur_kwh, 0.25))
    began_s = time.process_time()
    assert len(ahead(snapshot, by_plan, MEMORY).plan) == 192
    # 0.05 s on a small computer.
    assert time.process_time() - began_s < 2.0


def test_the_windows_are_those_of_the_local_day() -> None:
    windows = (Window(60, 360, "charge"), Window(1320, 120, "standby", (Weekday.SUN,)))
    found = ahead(known(), settings("timed", timed=TimedOptions(windows=windows)), MEMORY)
    # A Monday; the window that began on Sunday evening goes on until two, behind the first one from one on.
    assert [(part.start[11:16], part.strategy) for part in found.windows] == [
        ("22:00", "standby"),
        ("23:00", "charge"),
        ("04:00", "self-consumption"),
    ]
    assert (found.windows[0].start[:10], found.windows[-1].end) == ("2026-05-31", "2026-06-01T22:00:00.000Z")
    assert ahead(known(), settings("self-consumption"), MEMORY).windows == ()


windows_of_days = st.builds(
    Window,
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.sampled_from(["charge", "sell", "standby"]),
    st.lists(st.sampled_from([*Weekday]), unique=True).map(tuple),
)


@given(
    st.lists(windows_of_days, max_size=4),
    st.sampled_from(["Europe/Amsterdam", "Australia/Lord_Howe", "America/St_Johns"]),
    st.sampled_from(["2026-03-29", "2026-10-25", "2026-04-05", "2026-10-04", "2026-11-01", "2026-06-01"]),
    st.integers(0, 86_399),
)
@examples(max_examples=60, deadline=None)
def test_every_moment_of_a_day_has_the_strategy_that_runs_then(
    windows: list[Window], zone: str, day: str, second: int
) -> None:
    timed = settings("timed", timed=TimedOptions(windows=tuple(windows)))
    timed = replace(timed, site=replace(timed.site, time_zone=zone))
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = ahead(known(utc_s=noon), timed, MEMORY).windows
    for before, after in pairwise(found):
        assert before.end == after.start
        assert before.strategy != after.strategy
    begin, end = (datetime.fromisoformat(text) for text in (found[0].start, found[-1].end))
    assert {moment.astimezone(ZoneInfo(zone)).strftime("%H:%M") for moment in (begin, end)} == {"00:00"}
    utc_s = begin.timestamp() + second % round((end - begin).total_seconds())
    window = window_at(windows, utc_s, zone)
    instant = datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    (here,) = [part for part in found if part.start <= instant < part.end]
    assert here.strategy == ("self-consumption" if window is None else window.strategy)
    assert day_part(utc_s, timed)[2] == here.strategy
