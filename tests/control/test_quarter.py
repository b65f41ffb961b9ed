from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from control_kit import battery_settings, settings_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.quarter import INSIDE_W, QUARTER_S, decided, follow, pace, target_w
from phasewise.model import CapacityTariff, GridReading, Settings, Snapshot
from phasewise.model.memory import QuarterMemory

BRUSSELS = ZoneInfo("Europe/Brussels")
QUARTER = datetime(2026, 11, 22, 18, 15, tzinfo=BRUSSELS).timestamp()


def tariff(target: float = 2500.0) -> Settings:
    return settings_of(battery_settings(), capacity_tariff=CapacityTariff(enabled=True, target_w=target))


def sample(utc_s: float, total_w: float, **more: float) -> Snapshot:
    """A telegram of this instant, by the meter's clock; ours is two minutes ahead."""
    grid = GridReading(received_s=utc_s, total_power_w=total_w, meter_time_s=utc_s, **more)  # type: ignore[arg-type]  # keyword table
    return Snapshot(utc_s, utc_s + 120.0, grid, True, 1.0, ())


def after(samples: list[Snapshot], memory: QuarterMemory | None = None) -> QuarterMemory:
    memory = memory or QuarterMemory()
    for snapshot in samples:
        memory = follow(snapshot, tariff(), memory)
    return memory


def steady(power_w: float, from_s: float, until_s: float, every_s: float = 10.0) -> list[Snapshot]:
    count = round((until_s - from_s) / every_s)
    return [sample(QUARTER + from_s + n * every_s, power_w) for n in range(count + 1)]


def test_imported_energy_adds_up_and_export_takes_nothing_back() -> None:
    memory = after(steady(3600.0, 0.0, 300.0) + steady(-4000.0, 300.0, 600.0))
    assert memory.imported_wh == pytest.approx(300.0)
    assert memory.complete


@pytest.mark.parametrize("every_s", [1.0, 10.0])
def test_a_whole_quarter_becomes_the_peak_of_the_month(every_s: float) -> None:
    memory = after(steady(3000.0, 0.0, 905.0, every_s))
    assert memory.month == "2026-11"
    assert memory.month_peak_w == pytest.approx(3000.0, rel=1e-6)
    assert target_w(memory, tariff()) == memory.month_peak_w
    assert memory.imported_wh < 10.0


def test_a_quarter_that_was_seen_in_part_counts_as_at_the_target_and_is_no_peak() -> None:
    memory = after(steady(4000.0, 450.0, 460.0))
    assert memory.imported_wh == pytest.approx((2500.0 - INSIDE_W) / 8.0 + 4000.0 / 360.0)
    assert after(steady(4000.0, 450.0, 905.0)).month_peak_w == 0.0


def test_a_long_silence_makes_no_peak() -> None:
    telegrams = [*steady(9000.0, 0.0, 100.0), *steady(9000.0, 800.0, 905.0)]
    assert after(telegrams).month_peak_w == 0.0


def test_what_the_meter_says_of_the_quarter_and_the_month_counts() -> None:
    memory = after([sample(QUARTER + 600.0, 500.0, quarter_demand_w=1800.0, month_peak_w=3064.0)])
    assert memory.imported_wh == 450.0
    assert memory.complete
    assert target_w(memory, tariff()) == 3064.0
    # Just after the turn it may still tell the demand of the quarter before.
    memory = follow(sample(QUARTER + 900.0, 500.0, quarter_demand_w=1966.0), tariff(), memory)
    assert memory.imported_wh < 1.0


def test_a_new_month_begins_at_local_midnight() -> None:
    midnight = datetime(2026, 12, 1, tzinfo=BRUSSELS).timestamp()
    memory = QuarterMemory(month="2026-11", month_peak_w=4000.0)
    assert follow(sample(midnight - 10.0, 0.0), tariff(), memory).month_peak_w == 4000.0
    begun = follow(sample(midnight + 10.0, 0.0), tariff(), memory)
    assert (begun.month, begun.month_peak_w) == ("2026-12", 0.0)


@pytest.mark.parametrize("clocks_change", [(2026, 3, 29), (2026, 10, 25)])
def test_quarters_are_those_of_the_clock_when_clocks_change(clocks_change: tuple[int, int, int]) -> None:
    begins_s = datetime(*clocks_change, tzinfo=BRUSSELS).timestamp()
    for n in range(0, 30 * 4):
        memory = follow(sample(begins_s + n * QUARTER_S + 1.0, 0.0), tariff(), QuarterMemory())
        assert memory.start_utc_s is not None
        local = datetime.fromtimestamp(memory.start_utc_s, BRUSSELS)
        assert (local.minute % 15, local.second) == (0, 0)


def at(passed_s: float, so_far_w: float, limit_w: float | None = None) -> QuarterMemory:
    return QuarterMemory(
        start_utc_s=QUARTER,
        at_utc_s=QUARTER + passed_s,
        imported_wh=so_far_w / 4.0,
        complete=True,
        limit_w=limit_w,
    )


def test_a_short_load_is_waited_for() -> None:
    _, memory = pace(at(10.0, 0.0), tariff(), 4000.0, 7500.0)
    assert memory.limit_w is None


def test_what_helps_is_never_more_than_what_is_imported() -> None:
    """10 kW of battery take 3.6 kW off a load of 3.6 kW: the last moment comes sooner than by 10 kW."""
    passed_s = next(
        s for s in range(900) if pace(at(float(s), 3600.0 * s / 900.0), tariff(), 3600.0, 1e4)[1].limit_w
    )
    left_wh = (2500.0 - INSIDE_W - 3600.0 * passed_s / 900.0) / 4.0
    assert left_wh > 0.0, "it begins before everything is used up"
    assert passed_s > 300, "and not at once"


@given(st.floats(0.0, 899.0), st.floats(0.0, 6000.0), st.floats(-3000.0, 20000.0), st.floats(0.0, 15000.0))
def test_the_pace_lands_on_the_limit(passed_s: float, so_far_w: float, house_w: float, help_w: float) -> None:
    pace_w, memory = pace(at(passed_s, so_far_w), tariff(), house_w, help_w)
    assert pace_w >= 0.0
    ends_w = so_far_w + pace_w * (900.0 - passed_s) / 900.0
    assert ends_w == pytest.approx(max(2500.0 - INSIDE_W, so_far_w), abs=1e-3)
    if so_far_w >= 2500.0 and house_w > 0.0:
        assert memory.limit_w == 0.0, "what was imported may not pass the limit while a battery can help"
    if memory.limit_w is not None:
        assert house_w > pace_w, "nobody is asked without need"


def test_the_target_has_a_floor() -> None:
    assert target_w(QuarterMemory(), tariff(1000.0)) == 2500.0
    assert target_w(QuarterMemory(), tariff(4000.0)) == 4000.0


def test_the_forecast_is_what_the_quarter_will_end_with() -> None:
    shown = decided(replace(at(450.0, 1000.0), month_peak_w=2600.0), tariff(), 1500.0)
    assert shown is not None
    assert (shown.so_far_w, shown.forecast_w, shown.target_w) == (1000.0, 1750.0, 2600.0)
    assert decided(QuarterMemory(), tariff(), 1500.0) is None
