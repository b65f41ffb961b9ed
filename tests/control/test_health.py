from collections.abc import Callable

import pytest
from control_kit import battery_settings, seen
from msgspec.structs import replace

from phasewise.control.health import EXCLUDED_S, PROBE_W, SETTLE_S, alarms, judge, note_command
from phasewise.model import AlarmCode, BatterySnapshot, Override
from phasewise.model.memory import HealthMemory
from phasewise.sim.battery import BatteryFault, BatterySpec, SimBattery

SETTINGS = battery_settings()
CADENCE_S = 2


class Ward:
    """A battery that is told one power at a time and read every 2 s, and what is thought of it."""

    def __init__(self, spec: BatterySpec | None = None) -> None:
        self.battery = SimBattery(spec or BatterySpec())
        self.health = HealthMemory("m1")
        self.now_s = 0.0
        self.wakes: list[float] = []
        self.shown: BatterySnapshot = seen("m1")
        self.readback_w: Callable[[float], float | None] = lambda _: None
        self.jitter_w = 0.0
        self.telemetry_late_s = 0
        self.ran_w: list[float] = []
        self.settings = SETTINGS

    def tell(self, power_w: float) -> None:
        if self.health.wake or power_w != self.health.commanded_w:
            self.battery.command(power_w, self.now_s)
        if self.health.wake:
            self.wakes.append(self.now_s)
        self.health = note_command(self.health, power_w, self.now_s)

    def run(self, seconds: float, power_w: float) -> None:
        """Tell it that power every second; an excluded or stopped one is told 0 W, as `decide` does."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            idle = (
                self.settings.override.out_of_service
                or self.health.stopped
                or self.now_s < self.health.excluded_until_s
            )
            self.tell(0.0 if idle else power_w)
            self.now_s += 1.0
            self.battery.advance(self.now_s)
            self.ran_w.append(round(self.battery.ac_power_w))
            if self.now_s % CADENCE_S == 0:
                self.jitter_w = -self.jitter_w
                self.shown = seen(
                    "m1",
                    self.ran_w[-1 - min(self.telemetry_late_s, len(self.ran_w) - 1)] + self.jitter_w,
                    time_s=self.now_s,
                    readback_w=self.readback_w(self.now_s),
                )
            self.health = judge(self.health, self.settings, self.shown, self.now_s)

    def alarm_codes(self) -> set[AlarmCode]:
        return {alarm.code for alarm in alarms([self.health], [self.shown], self.now_s)}


@pytest.mark.parametrize("dead_time_s", [0.3, 1.5, 4.0])
@pytest.mark.parametrize("ramp_w_s", [600.0, 1250.0, 12_000.0])
def test_nothing_is_held_against_a_battery_that_obeys(dead_time_s: float, ramp_w_s: float) -> None:
    ward = Ward(BatterySpec(dead_time_s=dead_time_s, ramp_w_s=ramp_w_s))
    ward.jitter_w = 3.0
    for power_w, seconds in [(2000.0, 20), (-2500.0, 7), (2500.0, 5), (-300.0, 30), (0.0, 15), (60.0, 20)]:
        ward.run(seconds, power_w)
        assert ward.alarm_codes() == set()
        assert ward.health.backward < 3
    assert ward.wakes == []
    assert ward.health.cap_charge_w is None
    assert ward.health.cap_discharge_w is None


# --- deaf


@pytest.mark.parametrize("before_w", [0.0, 1500.0])
def test_a_battery_that_ignores_commands_is_woken_once_then_excluded_then_back(before_w: float) -> None:
    """Also one that stays at the power of the other direction: it is deaf, its sign is not wrong."""
    ward = Ward()
    ward.run(20, before_w)
    ward.battery.fault = BatteryFault.IGNORES
    told_s = ward.now_s
    while AlarmCode.BATTERY_NOT_RESPONDING not in ward.alarm_codes():
        ward.run(1, -1500.0)
        assert ward.now_s < told_s + 60
    assert len(ward.wakes) == 1
    assert told_s + SETTLE_S <= ward.wakes[0] <= told_s + SETTLE_S + 2 * CADENCE_S
    assert ward.now_s <= told_s + SETTLE_S + 15 + 2 * CADENCE_S
    excluded_s = ward.now_s
    ward.battery.fault = BatteryFault.NONE
    while ward.alarm_codes() and ward.now_s < excluded_s + 400:
        ward.run(1, -1500.0)
    assert ward.now_s - excluded_s == pytest.approx(EXCLUDED_S, abs=2.0)
    ward.run(20, -1500.0)
    assert ward.battery.ac_power_w == -1500.0
    assert ward.alarm_codes() == set()


def test_a_battery_that_is_deaf_until_woken_is_not_excluded() -> None:
    ward = Ward()
    ward.run(10, 0.0)
    ward.battery.fault = BatteryFault.IGNORES
    ward.run(5, -1500.0)
    ward.battery.fault = BatteryFault.NONE
    ward.run(40, -1500.0)
    assert len(ward.wakes) == 1
    assert ward.battery.ac_power_w == -1500.0
    assert ward.alarm_codes() == set()


def test_a_battery_that_was_never_told_anything_is_not_judged() -> None:
    """It runs as an earlier process, or its own programme, left it; a slow meter delays the first command."""
    health = HealthMemory("m1")
    for second in range(0, 40, 2):
        shown = seen("m1", -1500.0, time_s=float(second), readback_w=-1500.0)
        health = judge(health, SETTINGS, shown, float(second))
        assert not health.wake
        assert alarms([health], [shown], float(second)) == []


def test_a_battery_that_goes_on_after_being_told_0_w_is_noticed() -> None:
    ward = Ward()
    ward.battery.command(-1500.0, 0.0)
    ward.battery.fault = BatteryFault.NONE
    ward.battery.advance(5.0)
    ward.battery.fault = BatteryFault.IGNORES
    ward.now_s = 5.0
    ward.run(40, 0.0)
    assert len(ward.wakes) >= 1
    assert AlarmCode.BATTERY_NOT_RESPONDING in ward.alarm_codes()


# --- wrong sign


@pytest.mark.parametrize("jitter_w", [0.0, 3.0])
@pytest.mark.parametrize("power_w", [-1500.0, 1500.0])
def test_a_battery_that_moves_against_its_command_is_stopped(power_w: float, jitter_w: float) -> None:
    ward = Ward()
    ward.jitter_w = jitter_w
    ward.battery.fault = BatteryFault.INVERTED
    ward.run(10, 0.0)
    told_s = ward.now_s
    while not ward.health.stopped:
        ward.run(1, power_w)
        assert ward.now_s < told_s + 30
    # The dead time must surely be over; then three readings.
    assert ward.now_s - told_s <= 4.3 + 3 * CADENCE_S + 1
    assert ward.alarm_codes() == {AlarmCode.BATTERY_WRONG_DIRECTION}
    ward.run(400, power_w)
    assert ward.battery.ac_power_w == 0.0
    assert ward.health.stopped


@pytest.mark.parametrize("mended", [True, False])
def test_a_stopped_battery_is_tried_again_after_it_was_out_of_service(mended: bool) -> None:
    ward = Ward()
    ward.battery.fault = BatteryFault.INVERTED
    ward.run(30, 1500.0)
    assert ward.health.stopped
    ward.settings = replace(SETTINGS, override=Override(out_of_service=True))
    ward.run(20, 1500.0)
    assert ward.alarm_codes() == set()
    if mended:
        ward.battery.fault = BatteryFault.NONE
    ward.settings = SETTINGS
    ward.run(30, 1500.0)
    assert ward.health.stopped is not mended
    assert ward.battery.ac_power_w == (1500.0 if mended else 0.0)


def test_a_slow_turn_is_not_a_wrong_direction() -> None:
    ward = Ward(BatterySpec(dead_time_s=4.0, ramp_w_s=600.0))
    ward.run(4, 2500.0)
    ward.run(30, -2500.0)
    assert not ward.health.stopped
    assert ward.battery.ac_power_w == -2500.0


@pytest.mark.parametrize("gap_s", [4, 6, 8, 10, 12, 15, 20, 30])
@pytest.mark.parametrize("late_s", [0, 3, 6, 10])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_late_telemetry_of_a_turn_is_not_a_wrong_direction(gap_s: int, late_s: int, sign: float) -> None:
    ward = Ward()
    ward.telemetry_late_s = late_s
    for power_w, seconds in [(-900.0, 60), (1700.0, gap_s), (-1200.0, gap_s), (0.0, 1), (1500.0, 60)]:
        ward.run(seconds, sign * power_w)
        assert not ward.health.stopped
    assert ward.battery.ac_power_w == sign * 1500.0


# --- setpoints that get lost, foreign writers


def test_a_lost_setpoint_is_written_again() -> None:
    ward = Ward()
    ward.readback_w = lambda now_s: 0.0 if 20 <= now_s < 24 else -800.0
    ward.run(19, -800.0)
    assert ward.wakes == []
    ward.run(20, -800.0)
    assert 1 <= len(ward.wakes) <= 2
    assert ward.alarm_codes() == set()


def test_a_foreign_writer_is_told_apart_by_its_persistence() -> None:
    ward = Ward()
    ward.readback_w = lambda _: 500.0
    ward.run(12, -800.0)
    assert AlarmCode.BATTERY_FOREIGN_WRITER in ward.alarm_codes()
    assert len(ward.wakes) >= 3
    ward.readback_w = lambda _: -800.0
    ward.run(4, -800.0)
    assert ward.alarm_codes() == set()


def test_a_setpoint_that_changes_every_second_is_no_foreign_writer() -> None:
    """A PV ramp: the device always shows the command of two seconds ago."""
    ward = Ward()
    told: dict[int, float] = {}
    ward.readback_w = lambda now_s: told.get(round(now_s) - 2, 1000.0)
    ward.run(10, 1000.0)
    for second in range(60):
        power_w = 1000.0 + 20.0 * second
        told[round(ward.now_s)] = power_w
        ward.run(1, power_w)
        assert ward.alarm_codes() == set()
    assert ward.wakes == []


# --- partial followers


def test_a_battery_that_follows_in_part_is_capped_and_probed() -> None:
    ward = Ward(BatterySpec(max_charge_w=600.0))
    ward.run(30, 2000.0)
    assert ward.health.cap_charge_w == pytest.approx(600.0 + PROBE_W)
    assert ward.health.cap_discharge_w is None
    assert ward.alarm_codes() == set()
    assert ward.wakes == []


def test_telemetry_that_is_late_is_not_taken_for_a_limit() -> None:
    """Ten seconds after a larger setpoint it still shows the smaller one."""
    ward = Ward()
    ward.telemetry_late_s = 10
    for power_w in (300.0, 600.0, 1200.0, 2400.0):
        ward.run(40, power_w)
        assert ward.health.cap_charge_w is None


def test_the_cap_grows_again_when_the_battery_can_follow() -> None:
    ward = Ward(BatterySpec(max_charge_w=600.0))
    ward.run(30, 2000.0)
    ward.battery.spec = BatterySpec()
    for _ in range(10):
        ward.run(14, ward.health.cap_charge_w or 2500.0)
    assert ward.health.cap_charge_w is None


def test_the_cap_does_not_fade_while_it_is_not_used() -> None:
    ward = Ward(BatterySpec(max_charge_w=600.0))
    ward.run(30, 2000.0)
    ward.run(3600, 0.0)
    assert ward.health.cap_charge_w == pytest.approx(600.0 + PROBE_W)


def test_a_cap_follows_a_battery_that_can_less_and_less() -> None:
    ward = Ward(BatterySpec(max_charge_w=1200.0))
    ward.run(30, 2000.0)
    ward.battery.spec = BatterySpec(max_charge_w=700.0)
    ward.battery.command(2000.0, ward.now_s)
    ward.run(40, ward.health.cap_charge_w or 0.0)
    assert ward.health.cap_charge_w == pytest.approx(700.0 + PROBE_W)


# --- state of charge


def soc_flags(socs_pct: list[float | None]) -> list[tuple[bool, bool]]:
    health, flags = HealthMemory("m1"), []
    limits = battery_settings(min_soc_pct=12.0, max_soc_pct=95.0)
    for index, soc_pct in enumerate(socs_pct):
        health = judge(health, limits, seen("m1", 0.0, time_s=float(index), soc_pct=soc_pct), float(index))
        flags.append((health.empty, health.full))
    return flags


def test_soc_limits_have_hysteresis() -> None:
    empty = [flag for flag, _ in soc_flags([14.0, 12.5, 12.0, 12.9, 13.0, 12.5, 11.0, None, 13.0])]
    assert empty == [False, False, True, True, False, False, True, True, False]
    full = [flag for _, flag in soc_flags([94.0, 94.9, 95.0, 94.1, 94.0, 94.9, 100.0])]
    assert full == [False, False, True, True, False, False, True]


# --- what is not judged


def test_an_old_reading_is_judged_once() -> None:
    health = judge(HealthMemory("m1"), SETTINGS, seen("m1", 0.0, time_s=1.0, soc_pct=5.0), 1.0)
    assert judge(health, SETTINGS, seen("m1", 0.0, time_s=1.0, soc_pct=50.0), 2.0) is health


def test_an_unreachable_battery_is_not_judged() -> None:
    health = HealthMemory("m1")
    assert judge(health, SETTINGS, seen("m1", 0.0, time_s=1.0, reachable=False), 1.0) is health
    assert judge(health, SETTINGS, BatterySnapshot("m1", None, True), 1.0) is health


def test_a_battery_in_a_state_of_its_own_is_not_called_deaf() -> None:
    health = note_command(HealthMemory("m1"), -1500.0, 0.0)
    for second in range(2, 60, 2):
        shown = seen("m1", 0.0, time_s=float(second), controllable=False, state="update")
        health = judge(health, SETTINGS, shown, float(second))
    (alarm,) = alarms([health], [shown], 60.0)
    assert (alarm.code, alarm.detail) == (AlarmCode.BATTERY_NOT_CONTROLLABLE, "update")
