"""Charge and sell: until the goal, then the follow-up, and no flapping between them."""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from control_kit import battery_settings, settings_of
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from strategy_kit import STRATEGIES, Asker, asker

from phasewise.control.strategies.charge import NO_FORECAST
from phasewise.control.strategies.goals import RESUME_PCT
from phasewise.model import Intent, Override
from phasewise.model.forecast import ForecastInterval
from phasewise.model.strategy_options import ChargeGoal, ChargeOptions, FollowUp, SellGoal, SellOptions

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def charge(**options: object) -> dict[str, object]:
    return {"strategy": "charge", "charge": ChargeOptions(**options)}  # type: ignore[arg-type]  # keyword table


def sell(**options: object) -> dict[str, object]:
    return {"strategy": "sell", "sell": SellOptions(**options)}  # type: ignore[arg-type]  # keyword table


# --- what each wants


def test_charge_wants_all_that_may_be_charged_and_never_discharges() -> None:
    found = asker(2, strategy="charge").ask(50.0, 60.0)
    assert found == Intent(battery_power_w=5000.0, may_discharge=False, executing="charge")


def test_sell_wants_all_that_may_be_discharged_and_never_charges() -> None:
    found = asker(2, strategy="sell").ask(50.0, 60.0)
    assert found == Intent(battery_power_w=-5000.0, may_charge=False, executing="sell")


def test_a_grid_limit_holds_the_grid() -> None:
    found = asker(**charge(grid_limit_w=4000.0)).ask(50.0)
    assert found == Intent(grid_target_w=4000.0, may_discharge=False, executing="charge")
    found = asker(**sell(grid_limit_w=3000.0)).ask(50.0)
    assert found == Intent(grid_target_w=-3000.0, may_charge=False, executing="sell")


def test_the_simple_ones() -> None:
    def of(strategy: str) -> Intent:
        return asker(strategy=strategy, target_grid_w=30.0).ask(50.0)

    assert of("charge-pv") == Intent(grid_target_w=30.0, may_discharge=False, executing="charge-pv")
    assert of("zero-import") == Intent(grid_target_w=30.0, may_charge=False, executing="zero-import")
    assert of("standby") == Intent(battery_power_w=0.0, executing="standby")
    assert of("full-stop") == Intent(stop=True, executing="full-stop")


# --- goals


def test_full_is_each_battery_at_its_own_ceiling() -> None:
    settings = settings_of(battery_settings("a"), battery_settings("b", max_soc_pct=80.0), strategy="charge")
    asking = Asker(settings)
    assert asking.executing(99.0, 80.0) == "charge"
    assert asking.executing(100.0, 79.0) == "charge"
    assert asking.executing(100.0, 80.0) == "charge-pv"


def test_soc_is_the_mean_weighted_by_capacity() -> None:
    asking = asker(2, **charge(goal=ChargeGoal.SOC, soc_pct=80.0))
    assert asking.executing(60.0, 90.0, capacities_wh=(5120.0, 5120.0)) == "charge"
    assert asking.executing(60.0, 90.0, capacities_wh=(2560.0, 5120.0)) == "charge-pv"


def test_an_unknown_capacity_counts_as_the_mean_of_the_others_or_as_equal() -> None:
    asking = asker(3, **charge(goal=ChargeGoal.SOC, soc_pct=80.0))
    assert asking.executing(60.0, 90.0, 89.0, capacities_wh=(None, 5120.0, 5120.0)) == "charge"
    assert asking.executing(60.0, 90.0, 90.0, capacities_wh=(None, 5120.0, 5120.0)) == "charge-pv"
    asking = asker(2, **charge(goal=ChargeGoal.SOC, soc_pct=80.0))
    assert asking.executing(60.0, 99.0, capacities_wh=(None, None)) == "charge"
    assert asking.executing(60.0, 100.0, capacities_wh=(0.0, None)) == "charge-pv"


def test_energy_counts_above_the_floor() -> None:
    # 12 % of 5.12 kWh is the reserve; 3 kWh more are 58.6 %.
    asking = asker(**charge(goal=ChargeGoal.ENERGY, energy_kwh=3.0))
    assert asking.executing(70.0) == "charge"
    assert asking.executing(71.0) == "charge-pv"
    asking = asker(**sell(goal=SellGoal.ENERGY, energy_kwh=3.0))
    assert asking.executing(71.0) == "sell"
    assert asking.executing(70.0) == "charge-pv"


def test_energy_below_one_floor_is_not_lent_to_another_battery() -> None:
    asking = asker(2, **charge(goal=ChargeGoal.ENERGY, energy_kwh=2.0))
    assert asking.executing(5.0, 51.0) == "charge"  # 39 % above its floor is just under 2 kWh
    assert asking.executing(5.0, 51.2) == "charge-pv"


def test_energy_without_any_capacity_charges_fully_and_sells_nothing() -> None:
    asking = asker(**charge(goal=ChargeGoal.ENERGY, energy_kwh=1.0))
    assert asking.executing(99.0, capacities_wh=(None,)) == "charge"
    assert asking.executing(100.0, capacities_wh=(None,)) == "charge-pv"
    asking = asker(**sell(goal=SellGoal.ENERGY, energy_kwh=1.0))
    assert asking.executing(99.0, capacities_wh=(None,)) == "charge-pv"


def test_sell_down_to_the_floor_or_a_state_of_charge() -> None:
    asking = asker(2, strategy="sell")
    assert asking.executing(12.0, 13.0) == "sell"
    assert asking.executing(12.0, 12.0) == "charge-pv"
    asking = asker(2, **sell(goal=SellGoal.SOC, soc_pct=40.0, follow_up=FollowUp.STANDBY))
    assert asking.executing(40.0, 41.0) == "sell"
    assert asking.executing(40.0, 40.0) == "standby"


def test_a_goal_out_of_reach_ends_where_no_battery_can_go_farther() -> None:
    settings = settings_of(
        battery_settings("a", max_soc_pct=70.0), **charge(goal=ChargeGoal.SOC, soc_pct=90.0)
    )
    asking = Asker(settings)
    assert [asking.executing(soc) for soc in (69.0, 70.0, 69.0, 66.0)] == ["charge"] + ["charge-pv"] * 3
    assert asking.executing(64.0) == "charge"


@pytest.mark.parametrize("follow_up", list(FollowUp))
def test_every_follow_up(follow_up: FollowUp) -> None:
    assert asker(**charge(follow_up=follow_up)).executing(100.0) == follow_up
    assert asker(**sell(follow_up=follow_up)).executing(12.0) == follow_up


# --- who counts


def test_a_battery_that_takes_no_part_does_not_keep_the_others_from_their_goal() -> None:
    assert asker(2, strategy="charge").executing(100.0, 50.0, unreachable=(1,)) == "charge-pv"
    assert asker(2, strategy="charge").executing(100.0, None) == "charge-pv"
    for override in (Override(out_of_service=True), Override(hold_power_w=100.0)):
        settings = settings_of(
            battery_settings("a"), battery_settings("b", override=override), strategy="charge"
        )
        assert Asker(settings).executing(100.0, 50.0) == "charge-pv"
    over = Override(hold_power_w=100.0, hold_until_utc_s=5.0)
    settings = settings_of(battery_settings("a"), battery_settings("b", override=over), strategy="charge")
    assert Asker(settings, utc_s=4.0).executing(100.0, 50.0) == "charge-pv"
    assert Asker(settings, utc_s=5.0).executing(100.0, 50.0) == "charge"


def test_without_any_battery_nothing_changes() -> None:
    asking = asker(strategy="charge")
    assert asking.executing(50.0, unreachable=(0,)) == "charge"
    assert asking.executing(100.0) == "charge-pv"
    assert asking.executing(100.0, unreachable=(0,)) == "charge-pv"


# --- hysteresis


def test_a_goal_that_was_reached_is_pursued_again_only_when_it_is_clearly_lost() -> None:
    asking = asker(**charge(goal=ChargeGoal.SOC, soc_pct=80.0, follow_up=FollowUp.STANDBY))
    assert asking.executing(80.0) == "standby"
    assert asking.executing(80.0 - RESUME_PCT) == "standby"
    assert asking.executing(80.0 - RESUME_PCT - 0.1) == "charge"
    assert asking.executing(79.9) == "charge"
    assert asking.executing(80.0) == "standby"


def test_a_follow_up_that_uses_the_energy_is_not_interrupted() -> None:
    asking = asker(**charge(follow_up=FollowUp.SELF_CONSUMPTION))
    assert [asking.executing(soc) for soc in (100.0, 60.0, 12.0)] == ["self-consumption"] * 3
    asking = asker(**sell(follow_up=FollowUp.CHARGE_PV))
    assert [asking.executing(soc) for soc in (12.0, 60.0, 100.0)] == ["charge-pv"] * 3


def test_selected_anew_it_starts_anew() -> None:
    asking = asker(**charge(follow_up=FollowUp.SELF_CONSUMPTION))
    charging = asking.settings
    assert asking.executing(100.0) == "self-consumption"
    asking.settings = asker(strategy="standby").settings
    assert asking.executing(60.0) == "standby"
    asking.settings = charging
    assert asking.executing(60.0) == "charge"


def test_another_goal_starts_anew() -> None:
    asking = asker(**charge(goal=ChargeGoal.SOC, soc_pct=80.0))
    assert asking.executing(80.0) == "charge-pv"
    asking.settings = asker(**charge(goal=ChargeGoal.SOC, soc_pct=82.0)).settings
    assert asking.executing(80.0) == "charge"


@given(
    st.integers(0, 10_000),
    st.sampled_from(["charge", "sell"]),
    st.sampled_from(list(FollowUp)),
    st.lists(st.floats(20.0, 95.0), min_size=1, max_size=3),
    st.sampled_from([None, 60.0]),
)
@how(max_examples=60, deadline=None)
def test_no_flapping_over_a_day(
    seed: int, strategy: str, follow_up: FollowUp, socs_pct: list[float], goal_pct: float | None
) -> None:
    """Between two starts, the batteries have lost what was reached by more than the hysteresis."""
    options: dict[str, object] = {"follow_up": follow_up}
    if goal_pct is not None:
        options |= {"goal": ChargeGoal.SOC if strategy == "charge" else SellGoal.SOC, "soc_pct": goal_pct}
    control = charge(**options) if strategy == "charge" else sell(**options)
    asking = asker(len(socs_pct), **control)
    random = Random(seed)
    toward = 1.0 if strategy == "charge" else -1.0
    socs, starts, was = list(socs_pct), 0, ""
    most_lost_pct = 0.0
    for _ in range(24 * 20):
        noisy = [min(max(soc + random.uniform(-0.9, 0.9), 0.0), 100.0) for soc in socs]
        now = asking.executing(*noisy, after_s=180.0) or ""
        assert now in {strategy, follow_up.value}
        if now == strategy and was == follow_up.value:
            starts += 1
        was = now
        step = 2.0 * toward if now == strategy else random.choice([0.0, -0.3 * toward])
        most_lost_pct += 0.3 if now != strategy else 0.0
        socs = [min(max(soc + step, 12.0), 100.0) for soc in socs]
    assert starts <= most_lost_pct / (RESUME_PCT - 2 * 0.9)
    works_against = {
        "charge": (FollowUp.SELF_CONSUMPTION, FollowUp.ZERO_IMPORT),
        "sell": (FollowUp.SELF_CONSUMPTION, FollowUp.CHARGE_PV),
    }
    if follow_up in works_against[strategy]:
        assert starts == 0


# --- the sun


def sunny(day: datetime, kwh: float) -> tuple[ForecastInterval, ...]:
    """That much between 8 and 18 o'clock, by the hour."""
    starts = [(day.replace(hour=hour)).timestamp() for hour in range(8, 18)]
    return tuple([ForecastInterval(start, start + 3600.0, kwh * 100.0) for start in starts])


EVENING = datetime(2026, 5, 1, 22, 0, tzinfo=AMSTERDAM)
MORNING = datetime(2026, 5, 2, 4, 0, tzinfo=AMSTERDAM)


def solar(now: datetime, *days: tuple[datetime, float], reserved_kwh: float = 0.0) -> Asker:
    asking = asker(
        2,
        utc_s=now.timestamp(),
        **charge(goal=ChargeGoal.SOLAR, reserved_for_house_kwh=reserved_kwh),
    )
    asking.forecast = tuple([interval for day, kwh in days for interval in sunny(day, kwh)])
    return asking


@pytest.mark.parametrize("now", [EVENING, MORNING])
def test_the_sun_ahead_finds_room_before_and_after_midnight(now: datetime) -> None:
    # 10.24 kWh together: 5.12 kWh of surplus are half of it.
    today, tomorrow = (EVENING, 99.0), (EVENING + timedelta(days=1), 7.12)
    asking = solar(now, today, tomorrow, (EVENING + timedelta(days=2), 99.0), reserved_kwh=2.0)
    assert asking.executing(49.0, 50.0) == "charge"
    assert asking.executing(50.0, 50.0) == "charge-pv"


def test_a_house_that_uses_all_the_sun_needs_full_batteries() -> None:
    asking = solar(EVENING, (EVENING + timedelta(days=1), 4.0), reserved_kwh=6.0)
    assert asking.executing(99.0, 99.0) == "charge"
    assert asking.executing(100.0, 100.0) == "charge-pv"


def test_more_sun_than_room_charges_nothing() -> None:
    assert solar(EVENING, (EVENING + timedelta(days=1), 40.0)).executing(13.0, 13.0) == "charge-pv"


@pytest.mark.parametrize("days", [(), ((EVENING, 9.0),), ((EVENING + timedelta(days=2), 9.0),)])
def test_without_a_forecast_it_charges_fully_and_says_so(days: tuple[tuple[datetime, float], ...]) -> None:
    asking = solar(EVENING, *days)
    assert asking.ask(99.0, 99.0).notes == (NO_FORECAST,)
    assert asking.executing(100.0, 100.0) == "charge-pv"


def test_a_forecast_that_falls_is_followed() -> None:
    asking = solar(EVENING, (EVENING + timedelta(days=1), 5.12))
    assert asking.executing(50.0, 50.0) == "charge-pv"
    asking.forecast = sunny(EVENING + timedelta(days=1), 5.0)
    assert asking.executing(50.0, 50.0) == "charge-pv"
    asking.forecast = sunny(EVENING + timedelta(days=1), 4.0)
    assert asking.executing(50.0, 50.0) == "charge"


def test_the_kit_has_every_strategy_but_the_planners() -> None:
    assert {follow_up.value for follow_up in FollowUp} < set(STRATEGIES)
