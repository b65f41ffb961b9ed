"""The real controller on the plant: how well it controls, in numbers. Nothing is re-tuned between tests."""

import math
from statistics import median

import pytest
from loop_kit import (
    BASE_W,
    WARM_UP_S,
    Plant,
    energy_wh,
    overshoot_w,
    plant,
    pulses,
    rms_w,
    settle_s,
)
from msgspec.structs import replace

from phasewise.model import AlarmCode, ReasonCode
from phasewise.sim.battery import BatteryFault, BatterySpec
from phasewise.sim.closed_loop import LoopTiming
from phasewise.sim.house import PerPhase

UP_S, DOWN_S, END_S = WARM_UP_S, WARM_UP_S + 120.0, WARM_UP_S + 225.0
STEP_W = 3000.0


def alarm_codes(of: Plant) -> set[AlarmCode]:
    assert of.controller.decision is not None
    return {alarm.code for alarm in of.controller.decision.alarms}


# --- a step of 3 kW, up and down


@pytest.mark.parametrize(
    ("dead_time_s", "must_settle_s"), [(0.3, 7.0), (0.5, 7.0), (1.5, 8.0), (2.5, 10.0), (4.0, 14.0)]
)
def test_a_step_is_settled_whatever_the_dead_time(dead_time_s: float, must_settle_s: float) -> None:
    up, down, beyond, writes = [], [], [], []
    for seed in (1, 4, 8):
        found = plant(pulses((0, STEP_W), (120, 0)), seed=seed, spec=BatterySpec(dead_time_s=dead_time_s))
        total_w = found.loop.run(END_S).total_w()
        up.append(settle_s(total_w, UP_S, DOWN_S))
        down.append(settle_s(total_w, DOWN_S, END_S))
        beyond.append(overshoot_w(total_w, UP_S, DOWN_S, edge_w=STEP_W))
        beyond.append(overshoot_w(total_w, DOWN_S, END_S, edge_w=-STEP_W))
        writes += found.loop.trace.writes
    assert max(up) <= must_settle_s
    assert max(down) <= must_settle_s
    assert max(beyond) <= 100.0
    # The step itself and a few corrections over almost five minutes.
    assert max(writes) <= 12


def test_a_step_exchanges_little_energy() -> None:
    imported, exported = [], []
    for seed in (1, 4, 8):
        total_w = plant(pulses((0, STEP_W), (120, 0)), seed=seed).loop.run(END_S).total_w()
        import_wh, export_wh = energy_wh(total_w, UP_S, END_S)
        imported.append(import_wh)
        exported.append(export_wh)
    assert median(imported) <= 4.5
    assert median(exported) <= 4.5


@pytest.mark.parametrize("cadence_s", [2.0, 10.0])
@pytest.mark.parametrize("dead_time_s", [0.5, 2.5])
def test_a_slow_meter_settles_within_two_samples_and_the_dead_time(
    cadence_s: float, dead_time_s: float
) -> None:
    timing = LoopTiming(meter_cadence_s=cadence_s, meter_phase_s=0.3 * cadence_s)
    found = plant(pulses((0, STEP_W), (120, 0)), spec=BatterySpec(dead_time_s=dead_time_s), timing=timing)
    total_w = found.loop.run(END_S).total_w()
    for from_s, until_s, edge_w in ((UP_S, DOWN_S, STEP_W), (DOWN_S, END_S, -STEP_W)):
        assert settle_s(total_w, from_s, until_s) <= 2 * cadence_s + dead_time_s + 5.0
        assert overshoot_w(total_w, from_s, until_s, edge_w=edge_w) <= 100.0


@pytest.mark.parametrize("true_delay_s", [0.2, 0.6, 1.5])
def test_a_meter_that_is_not_as_late_as_believed_does_no_harm(true_delay_s: float) -> None:
    timing = LoopTiming(meter_delay_s=true_delay_s, assumed_delay_s=1.0, meter_phase_s=0.4)
    total_w = plant(pulses((0, STEP_W), (120, 0)), timing=timing).loop.run(END_S).total_w()
    assert settle_s(total_w, UP_S, DOWN_S) <= 12.0
    assert settle_s(total_w, DOWN_S, END_S) <= 12.0


def test_units_with_a_first_order_lag() -> None:
    """2 kW from rest; dead time 1 s, lag 1 s; the meter is not late."""

    def loads_w(now_s: float) -> PerPhase:
        return (2000.0 if now_s >= WARM_UP_S - 1e-9 else 0.0, 0.0, 0.0)

    for seed in range(4):
        timing = LoopTiming(meter_delay_s=0.0, assumed_delay_s=0.0, meter_phase_s=seed / 4)
        spec = BatterySpec(dead_time_s=1.0, lag_s=1.0)
        total_w = plant(loads_w, seed=seed, spec=spec, timing=timing).loop.run(WARM_UP_S + 60.0).total_w()
        assert settle_s(total_w, WARM_UP_S, WARM_UP_S + 60.0, within_w=200.0) <= 6.0
        assert energy_wh(total_w, WARM_UP_S, WARM_UP_S + 60.0)[0] <= 2.4
        assert overshoot_w(total_w, WARM_UP_S, WARM_UP_S + 60.0, edge_w=2000.0) <= 100.0


@pytest.mark.parametrize("jitter_s", [0.4, 1.0])
def test_a_dead_time_that_is_never_the_same(jitter_s: float) -> None:
    """What was learnt from one command is wrong for the next; that must not make it swing."""
    for seed in (1, 4, 8):
        spec = BatterySpec(dead_time_s=1.5, dead_time_jitter_s=jitter_s)
        total_w = plant(pulses((0, STEP_W), (120, 0)), seed=seed, spec=spec).loop.run(END_S).total_w()
        assert settle_s(total_w, UP_S, DOWN_S) <= 12.0
        assert settle_s(total_w, DOWN_S, END_S) <= 12.0


# --- loads that do not hold still


def hob(now_s: float) -> PerPhase:
    on = now_s >= WARM_UP_S - 1e-9 and (now_s - WARM_UP_S + 1e-9) % 20.0 < 10.0
    return (BASE_W[0] + (2000.0 if on else 0.0), BASE_W[1], BASE_W[2])


def test_a_hob_costs_less_than_leaving_it_alone() -> None:
    """Held at its mean it would cost 32 Wh of import and as much export."""
    imported, exported = [], []
    for seed in (1, 3, 6):
        import_wh, export_wh = energy_wh(plant(hob, seed=seed).loop.run(END_S).total_w(), WARM_UP_S, END_S)
        imported.append(import_wh)
        exported.append(export_wh)
    assert median(imported) <= 24.0
    assert median(exported) <= 22.0


def sun(now_s: float) -> PerPhase:
    since_s = now_s - WARM_UP_S
    rising_w = min(4000.0, 40.0 * max(since_s, 0.0))
    pv_w = rising_w if since_s < 170.0 else max(0.0, 4000.0 - 100.0 * (since_s - 170.0))
    return (300.0 - pv_w / 3.0, 250.0 - pv_w / 3.0, 250.0 - pv_w / 3.0)


def test_a_pv_ramp_is_followed() -> None:
    found = []
    for seed in (1, 3, 6):
        total_w = plant(sun, seed=seed).loop.run(WARM_UP_S + 270.0).total_w()
        found.append(rms_w(total_w, WARM_UP_S, WARM_UP_S + 270.0))
        assert abs(total_w[-1]) < 50.0
    assert median(found) <= 150.0


def test_a_quiet_house_is_left_alone() -> None:
    found = plant(pulses(), seed=5)
    found.loop.run(60.0)
    before = list(found.loop.trace.writes)
    total_w = found.loop.run(300.0).total_w()
    assert sum(found.loop.trace.writes) - sum(before) <= 5
    assert max(map(abs, total_w[600:])) <= 30.0


# --- limits and faults


def test_batteries_at_their_floor_leave_the_load_to_those_that_are_not() -> None:
    found = plant(pulses((0, STEP_W)), seed=2, socs_pct=(50.0, 50.0, 11.0))
    trace = found.loop.run(WARM_UP_S + 60.0)
    assert settle_s(trace.total_w(), UP_S, WARM_UP_S + 60.0) <= 8.0
    assert all(w[2] == 0.0 for w in trace.battery_w)
    assert found.controller.decision is not None
    assert found.controller.decision.batteries[2].lo_w == 0.0


def test_all_at_their_floor_import_and_say_why() -> None:
    found = plant(pulses((0, STEP_W)), seed=2, socs_pct=(11.0, 11.0, 11.0))
    trace = found.loop.run(WARM_UP_S + 60.0)
    assert all(w == (0.0, 0.0, 0.0) for w in trace.battery_w)
    decision = found.controller.decision
    assert decision is not None
    said = [reason for told in decision.batteries for reason in told.reasons]
    assert {reason.code for reason in said} == {ReasonCode.SOC_LIMIT}
    assert sum(reason.power_w for reason in said) == pytest.approx(-decision.wanted_w)


def test_a_dead_meter_brings_all_to_0_w_within_15_s() -> None:
    for seed in (1, 5):
        found = plant(pulses((0, STEP_W)), seed=seed)
        found.loop.run(WARM_UP_S + 40.0)
        assert sum(found.loop.trace.battery_w[-1]) < -3400.0
        found.loop.meter_alive = False
        trace = found.loop.run(15.0)
        assert trace.battery_w[-1] == (0.0, 0.0, 0.0)
        assert AlarmCode.METER_LOST in alarm_codes(found)
        found.loop.meter_alive = True
        back_s = found.loop.now_s
        total_w = found.loop.run(60.0).total_w()
        assert settle_s(total_w, back_s, back_s + 60.0) <= 10.0
        assert overshoot_w(total_w, back_s, back_s + 60.0, edge_w=1.0) <= 100.0


@pytest.mark.parametrize("fault", [BatteryFault.IGNORES, BatteryFault.INVERTED])
def test_a_battery_that_does_not_obey_is_found_out_and_replaced(fault: BatteryFault) -> None:
    found = plant(pulses((0, 2000.0)), seed=2)
    found.loop.run(WARM_UP_S - 10.0)
    found.batteries[2].fault = fault
    total_w = found.loop.run(70.0).total_w()
    assert settle_s(total_w, UP_S, WARM_UP_S + 60.0) <= 35.0
    expected = {
        BatteryFault.IGNORES: AlarmCode.BATTERY_NOT_RESPONDING,
        BatteryFault.INVERTED: AlarmCode.BATTERY_WRONG_DIRECTION,
    }
    assert alarm_codes(found) == {expected[fault]}


def test_an_unreachable_battery_is_load_from_now_on() -> None:
    found = plant(pulses((0, STEP_W)), seed=2)
    found.loop.run(WARM_UP_S + 40.0)
    found.loop.reachable[2] = False
    total_w = found.loop.run(20.0).total_w()
    assert max(map(abs, total_w[-200:])) <= 100.0
    stopped_s = found.loop.now_s
    found.batteries[2].command(0.0, stopped_s)
    total_w = found.loop.run(40.0).total_w()
    assert settle_s(total_w, stopped_s, stopped_s + 40.0) <= 10.0
    found.loop.reachable[2] = True
    assert max(map(abs, found.loop.run(60.0).total_w()[-300:])) <= 100.0


def test_a_part_of_what_was_told_is_enough_to_hold_the_grid() -> None:
    """One unit is derated by itself: the others give what it does not."""
    found = plant(pulses((0, STEP_W)), seed=2)
    found.batteries[2].spec = replace(found.batteries[2].spec, max_discharge_w=700.0)
    total_w = found.loop.run(WARM_UP_S + 60.0).total_w()
    assert settle_s(total_w, UP_S, WARM_UP_S + 60.0) <= 30.0
    assert alarm_codes(found) == set()
    health = found.controller.memory.health[2]
    assert health.cap_discharge_w == pytest.approx(800.0, abs=5.0)


# --- the measures themselves


def test_the_measures_measure() -> None:
    line = [0.0] * 100 + [500.0] * 30 + [-20.0] * 100
    assert settle_s(line, 10.0, 23.0) == 3.0
    assert settle_s(line, 10.0, 15.0) == math.inf
    assert overshoot_w(line, 10.0, 23.0, edge_w=1.0) == 20.0
    assert energy_wh(line, 10.0, 23.0) == pytest.approx((500 * 3 / 3600, 20 * 10 / 3600))
    assert rms_w([3.0, 4.0] * 50, 0.0, 10.0) == pytest.approx(math.sqrt(12.5))


# --- a meter that is not as old as it is taken to be


@pytest.mark.parametrize("delay_s", [0.0, 0.4, 1.0, 1.6])
def test_the_age_of_a_sample_need_not_be_known_exactly(delay_s: float) -> None:
    """Small steps every 8 s with fast units: each is met soon, none is taken for the units' own answer."""

    def loads_w(time_s: float) -> PerPhase:
        return (1000.0 + (600.0 if int(time_s // 8) % 2 else 0.0), 1000.0, 1000.0)

    timing = LoopTiming(meter_delay_s=delay_s, assumed_delay_s=1.0, meter_phase_s=0.3)
    fast = BatterySpec(dead_time_s=0.3, ramp_w_s=12_500.0)
    found = plant(loads_w, timing=timing, spec=fast, socs_pct=(50.0,) * 6)
    total_w = found.loop.run(200.0).total_w()
    for edge_s in range(48, 192, 8):
        rest = total_w[round((edge_s + 5.0) * 10) : round((edge_s + 8.0) * 10)]
        assert max(map(abs, rest)) <= 100.0


# --- the corners of what a battery and a meter may be


@pytest.mark.parametrize("ramp_w_s", [500.0, 12_500.0])
@pytest.mark.parametrize("dead_time_s", [0.3, 4.0])
@pytest.mark.parametrize("cadence_s", [1.0, 2.0, 5.0, 10.0])
def test_it_settles_in_every_corner(cadence_s: float, dead_time_s: float, ramp_w_s: float) -> None:
    timing = LoopTiming(meter_cadence_s=cadence_s, meter_phase_s=0.3)
    spec = BatterySpec(dead_time_s=dead_time_s, ramp_w_s=ramp_w_s)
    total_w = plant(pulses((0, STEP_W), (120, 0.0)), timing=timing, spec=spec).loop.run(END_S).total_w()
    # A sample late, the dead time, the ramp of one unit, and a second for the meter's delay.
    expected_s = cadence_s + dead_time_s + 2500.0 / ramp_w_s + 1.0
    assert settle_s(total_w, UP_S, DOWN_S) <= expected_s
    assert settle_s(total_w, DOWN_S, END_S) <= expected_s
