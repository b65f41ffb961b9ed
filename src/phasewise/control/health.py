"""Does each battery do what it is told? Judged from commanded against delivered power, reading by reading."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from phasewise.control.dead_time import DEAD_TIME_MAX_S, RAMP_MIN_W_S
from phasewise.model import Alarm, AlarmCode, BatterySettings, BatterySnapshot, Severity
from phasewise.model.memory import Drawn, HealthMemory

SMALL_W = 100.0
"""Below this, neither command nor response says anything."""
OBEYS = 0.2
"""A unit within this share of its command obeys; a unit below this share of it does not follow at all."""
SETTLE_S = DEAD_TIME_MAX_S + 2500.0 / RAMP_MIN_W_S
"""The slowest admissible unit has arrived by then."""
LATE_S = 10.0
"""Telemetry was seen to be so old. A limit that is not there costs more than one that is seen later."""
SHOWS_W = 400.0
"""Less is lost among the appliances of a house."""
DEAF_EXCLUDE_S = 15.0
"""From the first missed command, through one wake-up, to exclusion."""
EXCLUDED_S = 300.0
BACKWARD_READINGS = 3
PROBE_W = 100.0
"""A unit that cannot follow is asked for this much more than it gives, so that it shows when it can."""
PROBE_MET_W = 50.0
PROBE_GROWTH = 1.5
READBACK_AFTER_S = 3.0
"""A write and its read-back may cross within this time."""
READBACK_TOLERANCE_W = 1.5
LOST_SETPOINTS_ALARM = 3
SOC_HYSTERESIS_PCT = 1.0
"""One step of the coarsest SoC register; less would flap between limit and no limit."""


def judge(
    health: HealthMemory,
    settings: BatterySettings,
    battery: BatterySnapshot,
    now_s: float,
    load: Drawn | None = None,
) -> HealthMemory:
    """What is to be thought of a battery after its newest reading.

    `load`: of its phase, or else of the house, as estimated by then; None while unknown.
    """
    if health.stopped and settings.override.out_of_service:
        # Somebody is seeing to it, and says when it may be tried again.
        health = replace(health, stopped=False, backward=0)
    reading = battery.reading
    if reading is None or not battery.reachable or reading.time_s <= health.judged_s:
        return health
    health = _judge_soc(health, settings, reading.soc_pct)
    power_w = reading.ac_power_w
    if power_w is None or not reading.controllable:
        return replace(health, judged_s=reading.time_s, read_w=0.0)
    commanded_w = health.commanded_w
    if commanded_w is not None:
        if reading.readback_w is not None and reading.time_s - health.commanded_s > READBACK_AFTER_S:
            lost = abs(reading.readback_w - commanded_w) > READBACK_TOLERANCE_W
            if lost or health.lost_setpoints or health.wake:
                health = replace(health, lost_setpoints=health.lost_setpoints + 1 if lost else 0, wake=lost)
        health = _judge_direction(health, commanded_w, power_w, reading.time_s)
        excluded = now_s < health.excluded_until_s
        steady_s = reading.time_s - health.steady_since_s
        if not excluded and steady_s >= SETTLE_S:
            sure = steady_s >= SETTLE_S + LATE_S
            health = _judge_delivery(health, settings, power_w, now_s, load, sure=sure)
    return replace(health, judged_s=reading.time_s, read_w=power_w)


def _judge_soc(health: HealthMemory, settings: BatterySettings, soc_pct: float | None) -> HealthMemory:
    if soc_pct is None:
        return health
    empty = soc_pct <= settings.min_soc_pct or (
        health.empty and soc_pct < settings.min_soc_pct + SOC_HYSTERESIS_PCT
    )
    full = soc_pct >= settings.max_soc_pct or (
        health.full and soc_pct > settings.max_soc_pct - SOC_HYSTERESIS_PCT
    )
    if (empty, full) == (health.empty, health.full):
        return health
    return replace(health, empty=empty, full=full)


def _judge_direction(health: HealthMemory, commanded_w: float, power_w: float, time_s: float) -> HealthMemory:
    """Count readings that went the other way than told, once the dead time is surely over.

    One that stays where it was is deaf, one that comes nearer is slow: neither has a wrong sign.
    """
    sign = 1.0 if commanded_w > 0 else -1.0
    against = (
        abs(commanded_w) > SMALL_W
        and sign * power_w < -SMALL_W
        and sign * (power_w - health.sign_read_w) < -SMALL_W
        and sign * (power_w - health.read_w) < SMALL_W
        and time_s - health.sign_since_s > DEAD_TIME_MAX_S
        # What late telemetry shows may be what it was told before.
        and time_s - (health.discharged_s if sign > 0.0 else health.charged_s) > DEAD_TIME_MAX_S + LATE_S
    )
    if not against:
        return replace(health, backward=0) if health.backward else health
    backward = health.backward + 1
    return replace(health, backward=backward, stopped=health.stopped or backward >= BACKWARD_READINGS)


def _judge_delivery(
    health: HealthMemory,
    settings: BatterySettings,
    power_w: float,
    now_s: float,
    load: Drawn | None,
    *,
    sure: bool,
) -> HealthMemory:
    """A settled unit obeys, follows in part (it has a limit of its own), or is deaf.

    `sure`: even late telemetry would show by now what it was told.
    """
    commanded_w = health.commanded_w or 0.0
    error_w = abs(power_w - commanded_w)
    if abs(commanded_w) <= SMALL_W:
        deaf = error_w > 3 * SMALL_W
    else:
        deaf = power_w * commanded_w <= 0 or abs(power_w) < OBEYS * abs(commanded_w)
    if deaf and _shows_on_the_meter(health, commanded_w - power_w, load):
        # It is its telemetry that does not follow.
        return replace(health, deaf_since_s=None)
    if deaf:
        return _deaf(health, now_s, sure=sure)
    if health.deaf_since_s is not None:
        health = replace(health, deaf_since_s=None)
    if abs(commanded_w) <= SMALL_W:
        return health
    return _learn_cap(health, settings, commanded_w, abs(power_w), error_w, sure=sure)


def _shows_on_the_meter(health: HealthMemory, missing_w: float, load: Drawn | None) -> bool:
    """Whether the meter says that the battery does what it was told, whatever its reading says.

    What a battery fails to give counts as load. So if the load is as it was when the battery was told,
    nothing is missing.
    """
    if load is None or health.obeyed is None or abs(missing_w) < SHOWS_W:
        return False
    (load_w, place), (before_w, place_before) = load, health.obeyed
    if place is not place_before:
        return False
    grown_w = load_w - before_w
    return abs(grown_w + missing_w) > abs(grown_w)


def _deaf(health: HealthMemory, now_s: float, *, sure: bool) -> HealthMemory:
    if health.deaf_since_s is None:
        return replace(health, deaf_since_s=now_s, wake=True)
    if now_s - health.deaf_since_s < DEAF_EXCLUDE_S or not sure:
        return health
    return replace(health, excluded_until_s=now_s + EXCLUDED_S, deaf_since_s=None, wake=True)


def _learn_cap(
    health: HealthMemory,
    settings: BatterySettings,
    commanded_w: float,
    delivered_w: float,
    error_w: float,
    *,
    sure: bool,
) -> HealthMemory:
    charging = commanded_w > 0
    cap_w = health.cap_charge_w if charging else health.cap_discharge_w
    told_w = abs(commanded_w)
    if error_w > max(SMALL_W, OBEYS * told_w) and delivered_w < told_w:
        cap_w = delivered_w + PROBE_W if sure else cap_w
    elif cap_w is not None and told_w >= cap_w - PROBE_MET_W and delivered_w >= told_w - PROBE_MET_W:
        cap_w *= PROBE_GROWTH
        most_w = settings.max_charge_w if charging else settings.max_discharge_w
        cap_w = None if cap_w >= most_w else cap_w
    if charging:
        return health if cap_w == health.cap_charge_w else replace(health, cap_charge_w=cap_w)
    return health if cap_w == health.cap_discharge_w else replace(health, cap_discharge_w=cap_w)


def lost_trust(before: HealthMemory, after: HealthMemory) -> bool:
    """Whether it just turned out that the battery has not been doing what it was told."""
    return (
        after.stopped > before.stopped
        or after.excluded_until_s > before.excluded_until_s
        or (after.cap_charge_w is not None and _lower(before.cap_charge_w, after.cap_charge_w))
        or (after.cap_discharge_w is not None and _lower(before.cap_discharge_w, after.cap_discharge_w))
    )


def _lower(before_w: float | None, after_w: float) -> bool:
    return before_w is None or after_w < before_w


def note_commands(
    healths: Sequence[HealthMemory], told: Mapping[str, float], now_s: float, loads: Sequence[Drawn | None]
) -> tuple[HealthMemory, ...]:
    """Remember what was told now: a setpoint per battery that was told one, by its id.

    `loads`: per battery, as for `judge`.
    """
    found = []
    for health, load in zip(healths, loads, strict=True):
        setpoint_w = told.get(health.id)
        is_old = setpoint_w == health.commanded_w and not health.wake
        found.append(
            health if setpoint_w is None or is_old else note_command(health, setpoint_w, now_s, load)
        )
    return tuple(found)


def note_command(
    health: HealthMemory, setpoint_w: float, now_s: float, load: Drawn | None = None
) -> HealthMemory:
    """Remember what a battery was told now, and what was drawn where it is."""
    commanded_w = health.commanded_w
    if setpoint_w == commanded_w:
        return replace(health, wake=False) if health.wake else health
    if commanded_w is None or abs(health.read_w - commanded_w) <= max(SMALL_W, OBEYS * abs(commanded_w)):
        health = replace(health, obeyed=load)
    if setpoint_w == 0.0 and commanded_w is not None:
        health = replace(health, rested_s=now_s)
    if commanded_w is not None and commanded_w > SMALL_W:
        health = replace(health, charged_s=now_s)
    elif commanded_w is not None and commanded_w < -SMALL_W:
        health = replace(health, discharged_s=now_s)
    health = replace(health, commanded_w=setpoint_w, commanded_s=now_s, wake=False)
    if commanded_w is None or abs(setpoint_w - health.steady_w) > max(SMALL_W, OBEYS * abs(health.steady_w)):
        health = replace(health, steady_since_s=now_s, steady_w=setpoint_w)
    if commanded_w is None or setpoint_w * commanded_w <= 0:
        health = replace(health, sign_since_s=now_s, sign_read_w=health.read_w)
    return health


def is_ready(health: HealthMemory, idle_s: float, now_s: float) -> bool:
    """Whether a battery that is told 0 W now worked less than `idle_s` ago: relays are not to click."""
    if health.commanded_w:
        return idle_s > 0.0
    return now_s - health.rested_s < idle_s


def alarms(
    healths: Sequence[HealthMemory], batteries: Sequence[BatterySnapshot], now_s: float
) -> list[Alarm]:
    """What a person should know of the batteries, in the same order."""
    found: list[Alarm] = []
    for health, battery in zip(healths, batteries, strict=True):
        if health.stopped:
            found.append(Alarm(AlarmCode.BATTERY_WRONG_DIRECTION, Severity.ALARM, battery.id))
        if now_s < health.excluded_until_s:
            found.append(Alarm(AlarmCode.BATTERY_NOT_RESPONDING, Severity.WARNING, battery.id))
        if health.lost_setpoints >= LOST_SETPOINTS_ALARM:
            found.append(Alarm(AlarmCode.BATTERY_FOREIGN_WRITER, Severity.WARNING, battery.id))
        reading = battery.reading
        if reading is not None and not reading.controllable and battery.reachable:
            found.append(
                Alarm(AlarmCode.BATTERY_NOT_CONTROLLABLE, Severity.WARNING, battery.id, reading.state)
            )
    return found
