import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.sim.battery import BatteryFault, BatterySpec, SimBattery

IDEAL = BatterySpec(dead_time_s=1.5, ramp_w_s=1250.0)


def after(
    spec: BatterySpec, seconds: float, *orders: tuple[float, float], soc_pct: float = 50.0
) -> SimBattery:
    battery = SimBattery(spec, soc_pct=soc_pct)
    for at_s, power_w in orders:
        battery.command(power_w, at_s)
    battery.advance(seconds)
    return battery


# --- shape of the response


@pytest.mark.parametrize(
    ("at_s", "power_w"), [(1.0, 0.0), (1.5, 0.0), (1.9, 500.0), (2.3, 1000.0), (3.1, 2000.0), (9.0, 2000.0)]
)
def test_dead_time_then_ramp(at_s: float, power_w: float) -> None:
    assert after(IDEAL, at_s, (0.0, 2000.0)).ac_power_w == pytest.approx(power_w)


def test_a_turn_goes_through_zero_at_the_same_slope() -> None:
    orders = ((0.0, 1000.0), (5.0, -1000.0))
    assert after(IDEAL, 6.5, *orders).ac_power_w == 1000.0
    assert after(IDEAL, 7.3, *orders).ac_power_w == pytest.approx(0.0)
    assert after(IDEAL, 8.1, *orders).ac_power_w == pytest.approx(-1000.0)


def test_first_order_lag() -> None:
    spec = BatterySpec(dead_time_s=1.0, lag_s=2.0)
    for seconds in (0.5, 2.0, 7.0):
        expected_w = 2000.0 * (1.0 - math.exp(-seconds / 2.0))
        assert after(spec, 1.0 + seconds, (0.0, 2000.0)).ac_power_w == pytest.approx(expected_w)


def test_orders_are_followed_one_after_the_other_each_after_its_dead_time() -> None:
    orders = ((0.0, 2000.0), (0.4, 0.0))
    assert after(IDEAL, 1.9, *orders).ac_power_w == pytest.approx(500.0)
    assert after(IDEAL, 2.3, *orders).ac_power_w == pytest.approx(0.0)


def test_standby_is_drawn_at_rest_only() -> None:
    spec = BatterySpec(standby_w=9.0)
    assert after(spec, 1.0).ac_power_w == 9.0
    assert after(spec, 9.0, (0.0, -700.0)).ac_power_w == -700.0


# --- exactness


def milliseconds(most_s: float) -> st.SearchStrategy[float]:
    """Seconds in whole milliseconds: nothing happens in less."""
    return st.integers(0, round(most_s * 1000)).map(lambda count: count / 1000.0)


ORDERS = st.lists(st.tuples(milliseconds(4.0), st.floats(-2600.0, 2600.0)), max_size=6)
"""(seconds since the one before, W)"""
SPECS = st.builds(
    BatterySpec,
    capacity_wh=st.sampled_from([4.0, 5120.0]),  # 4 Wh: it runs into its limits within seconds
    dead_time_s=milliseconds(3.0),
    ramp_w_s=st.floats(300.0, 12_000.0),
    lag_s=st.sampled_from([0.0, 0.0, 1.0]),
)


@settings(max_examples=100, deadline=None)
@given(SPECS, ORDERS, st.floats(20.0, 80.0), st.lists(milliseconds(30.0), max_size=40))
def test_it_does_not_matter_how_often_it_is_called(
    spec: BatterySpec, orders: list[tuple[float, float]], soc_pct: float, looks: list[float]
) -> None:
    seldom, often = SimBattery(spec, soc_pct=soc_pct), SimBattery(spec, soc_pct=soc_pct)
    now_s, looks = 0.0, sorted(looks)
    for wait_s, power_w in orders:
        now_s += wait_s
        while looks and looks[0] <= now_s:
            often.advance(looks.pop(0))
        seldom.command(power_w, now_s)
        often.command(power_w, now_s)
    for look_s in looks:
        often.advance(max(look_s, now_s))
    for battery in (seldom, often):
        battery.advance(40.0)
    assert often.ac_power_w == pytest.approx(seldom.ac_power_w, abs=1e-6)
    assert often.energy_wh == pytest.approx(seldom.energy_wh, abs=1e-9)
    assert often.charged_wh == pytest.approx(seldom.charged_wh, abs=1e-9)
    assert often.discharged_wh == pytest.approx(seldom.discharged_wh, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(SPECS, ORDERS)
def test_energy_is_what_flowed_less_the_losses(spec: BatterySpec, orders: list[tuple[float, float]]) -> None:
    """Against a fine numeric integral of the power at the terminals."""
    big = BatterySpec(dead_time_s=spec.dead_time_s, ramp_w_s=spec.ramp_w_s, lag_s=spec.lag_s)
    battery = SimBattery(big)
    before_wh = battery.energy_wh
    due = []
    now_s = 0.0
    for wait_s, power_w in orders:
        now_s += wait_s
        due.append((now_s, power_w))
    step_s = 0.01
    in_wh = out_wh = 0.0
    last_w = 0.0
    for tick in range(1, 3000):
        at_s = tick * step_s
        while due and due[0][0] <= at_s:
            battery.command(due[0][1], due[0][0] if due[0][0] >= battery.now_s else battery.now_s)
            due.pop(0)
        battery.advance(at_s)
        mean_wh = (last_w + battery.ac_power_w) / 2.0 * step_s / 3600.0
        in_wh, out_wh = in_wh + max(mean_wh, 0.0), out_wh + max(-mean_wh, 0.0)
        last_w = battery.ac_power_w
    assert battery.charged_wh == pytest.approx(in_wh, abs=0.02)
    assert battery.discharged_wh == pytest.approx(out_wh, abs=0.02)
    assert battery.energy_wh - before_wh == pytest.approx(
        battery.charged_wh * 0.95 - battery.discharged_wh / 0.95, abs=1e-9
    )


def test_a_round_trip_costs_both_ways() -> None:
    battery = SimBattery(BatterySpec(dead_time_s=0.0, ramp_w_s=1e9))
    battery.command(1000.0, 0.0)
    battery.command(0.0, 3600.0)
    assert battery.energy_wh == pytest.approx(2560.0 + 950.0, abs=0.1)
    assert after(BatterySpec(), 20.0, (0.0, 1000.0)).dc_power_w == pytest.approx(950.0)
    assert after(BatterySpec(), 20.0, (0.0, -1000.0)).dc_power_w == pytest.approx(-1000.0 / 0.95)


# --- limits


@pytest.mark.parametrize(
    ("order_w", "power_w"), [(9000.0, 2500.0), (-9000.0, -1800.0), (60.0, 0.0), (-60.0, 0.0)]
)
def test_it_keeps_its_own_limits(order_w: float, power_w: float) -> None:
    spec = BatterySpec(max_discharge_w=1800.0, min_power_w=80.0)
    assert after(spec, 20.0, (0.0, order_w)).ac_power_w == power_w


def test_it_refuses_to_discharge_at_its_floor_but_charges() -> None:
    assert after(BatterySpec(), 20.0, (0.0, -1000.0), soc_pct=10.0).ac_power_w == 0.0
    assert after(BatterySpec(), 20.0, (0.0, 1000.0), soc_pct=10.0).ac_power_w == 1000.0
    assert after(BatterySpec(), 20.0, (0.0, 1000.0), soc_pct=100.0).ac_power_w == 0.0


def test_it_stops_by_itself_when_it_is_full_or_empty() -> None:
    small = BatterySpec(capacity_wh=10.0)
    full = after(small, 60.0, (0.0, 2500.0))
    assert (full.ac_power_w, full.soc_pct) == (0.0, 100.0)
    empty = after(small, 60.0, (0.0, -500.0))
    assert empty.ac_power_w == 0.0
    assert 5.0 < empty.soc_pct <= 10.0


# --- faults


def test_a_deaf_unit_stays_as_it_is() -> None:
    battery = after(IDEAL, 9.0, (0.0, 800.0))
    battery.fault = BatteryFault.IGNORES
    battery.command(-2000.0, 9.0)
    battery.advance(60.0)
    assert battery.ac_power_w == 800.0


def test_an_inverted_unit_does_the_opposite() -> None:
    battery = SimBattery(IDEAL)
    battery.fault = BatteryFault.INVERTED
    battery.command(-900.0, 0.0)
    battery.advance(9.0)
    assert battery.ac_power_w == 900.0


def test_time_never_runs_back() -> None:
    battery = after(IDEAL, 9.0, (0.0, 800.0))
    battery.advance(3.0)
    assert (battery.now_s, battery.ac_power_w) == (9.0, 800.0)
