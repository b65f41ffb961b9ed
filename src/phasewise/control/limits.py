"""What each battery may do now: its box of AC power, and the name of whatever narrows it."""

import math
from collections.abc import Sequence

from msgspec import Struct

from phasewise.model import (
    Assignment,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Intent,
    ReasonCode,
    Snapshot,
)
from phasewise.model.memory import HealthMemory

NO_POWER_W = 0.0
WHOLE = 1e-9
"""Of a step: a power that is a whole number of steps, but for the rounding of floats."""

# Python 3.11 looks a member of an enum up by a call: once per module instead of once per battery.
HOLD = ReasonCode.HOLD
_BATTERY_LIMIT = ReasonCode.BATTERY_LIMIT


class Unit(Struct, frozen=True):
    """One battery as the allocator sees it. Charging positive; always lo_w <= hi_w."""

    id: str
    lo_w: float
    hi_w: float
    lo_code: ReasonCode = ReasonCode.BATTERY_LIMIT
    """What sets `lo_w`, as the reason for not discharging more."""
    hi_code: ReasonCode = ReasonCode.BATTERY_LIMIT
    """What sets `hi_w`, as the reason for not charging more."""
    step_w: float = 1.0
    min_power_w: float = 0.0
    commandable: bool = True
    """False: nothing is written to it."""
    can_lo_w: float = 0.0
    """The battery's own box, whatever the strategy or the user would have it do: what relief may use. It
    contains the box above."""
    can_hi_w: float = 0.0
    phase: Assignment = Assignment.UNASSIGNED
    for_phase: str | None = None
    """The phase that narrowed the box, where one did."""
    at_w: float = 0.0
    """What it did at the meter's instant, where that is needed: unassigned under worst-case."""
    size_w: float = 1.0
    """Its part in a fair split is proportional to this; > 0."""
    write_interval_s: float = 0.0
    """Least time between two setpoints that it is told."""


def is_usable(battery: BatterySnapshot, health: HealthMemory, now_s: float) -> bool:
    """Whether its power is known and what it is told counts, so that it can be told apart from the load.

    One that does not do what it is told, or can't be told anything, is part of the load, whatever it does.
    """
    reading = battery.reading
    if reading is None or not battery.reachable or not reading.controllable or reading.ac_power_w is None:
        return False
    return now_s >= health.excluded_until_s


def unit(
    settings: BatterySettings,
    battery: BatterySnapshot,
    health: HealthMemory,
    intent: Intent | None,
    snapshot: Snapshot,
) -> Unit:
    """The box of one battery: what it can, what the user allows, what the strategy allows.

    Without an intent (meter lost, stopped, starting) a power held by the user is not held either.
    """
    blocked = _blocked(settings, battery, health, snapshot)
    if blocked is not None:
        code, commandable = blocked
        return Unit(
            settings.id, NO_POWER_W, NO_POWER_W, code, code, commandable=commandable, phase=settings.phase
        )
    own = wished = _own_box(settings, health)
    if intent is not None and (
        settings.override.hold_power_w is not None
        or intent.stop
        or not (intent.may_charge and intent.may_discharge)
    ):
        wished = _wished(own, settings, intent, snapshot.utc_s)
    pv_w = None if battery.reading is None else battery.reading.pv_power_w
    if pv_w and pv_w > 0:
        own, wished = _beside_pv(own, wished, pv_w, settings.capabilities)
    can_lo_w, _, can_hi_w, _ = own
    lo_w, lo_code, hi_w, hi_code = wished
    capabilities = settings.capabilities
    return Unit(
        settings.id,
        lo_w,
        hi_w,
        lo_code,
        hi_code,
        capabilities.step_w,
        capabilities.min_power_w,
        can_lo_w=can_lo_w,
        can_hi_w=can_hi_w,
        phase=settings.phase,
        write_interval_s=capabilities.write_interval_s,
    )


_Box = tuple[float, ReasonCode, float, ReasonCode]
"""Least power, what sets it, most power, what sets that."""


def _wished(own: _Box, settings: BatterySettings, intent: Intent, utc_s: float) -> _Box:
    """What the strategy or the user leaves of the battery's own box."""
    lo_w, lo_code, hi_w, hi_code = own
    hold_w = _held(settings, utc_s)
    if hold_w is not None:
        power_w = _settable_w(hold_w, lo_w, hi_w, settings.capabilities)
        return power_w, HOLD, power_w, HOLD
    if intent.stop:
        return NO_POWER_W, ReasonCode.FULL_STOP, NO_POWER_W, ReasonCode.FULL_STOP
    if not intent.may_discharge and lo_w < 0:
        lo_w, lo_code = NO_POWER_W, ReasonCode.DIRECTION
    if not intent.may_charge and hi_w > 0:
        hi_w, hi_code = NO_POWER_W, ReasonCode.DIRECTION
    return lo_w, lo_code, hi_w, hi_code


def _beside_pv(own: _Box, wished: _Box, pv_w: float, capabilities: Capabilities) -> tuple[_Box, _Box]:
    """Both boxes, so far those of the cells, at the terminals, through which the unit's own PV leaves too."""
    floor_w = -capabilities.max_discharge_w
    can_lo_w, can_lo_code, can_hi_w, can_hi_code = own
    lo_w, lo_code, hi_w, hi_code = wished
    if hi_w - pv_w < 0:
        hi_code = ReasonCode.PV_SURPLUS
    return (
        (max(can_lo_w - pv_w, floor_w), can_lo_code, max(can_hi_w - pv_w, floor_w), can_hi_code),
        (max(lo_w - pv_w, floor_w), lo_code, max(hi_w - pv_w, floor_w), hi_code),
    )


def _settable_w(power_w: float, lo_w: float, hi_w: float, capabilities: Capabilities) -> float:
    """What a unit can be set to for a power that is held: no more, but where its minimum is nearer than 0."""
    least_w, step_w = capabilities.min_power_w, capabilities.step_w
    power_w = min(max(power_w, lo_w), hi_w)
    size_w = step_w * math.floor(abs(power_w) / step_w + WHOLE)
    if size_w < least_w:
        size_w = least_w if 2.0 * abs(power_w) >= least_w else 0.0
    settable_w = size_w if power_w >= 0.0 else -size_w
    return settable_w if lo_w <= settable_w <= hi_w else NO_POWER_W


def _own_box(settings: BatterySettings, health: HealthMemory) -> _Box:
    """What the battery itself can do: its limits, what it was seen to follow, its charge."""
    lo_w, lo_code = -settings.max_discharge_w, _BATTERY_LIMIT
    hi_w, hi_code = settings.max_charge_w, _BATTERY_LIMIT
    # One that may not be told as much as its minimum can be told nothing that way, also not for a phase.
    if settings.max_discharge_w < settings.capabilities.min_power_w:
        lo_w = NO_POWER_W
    if settings.max_charge_w < settings.capabilities.min_power_w:
        hi_w = NO_POWER_W
    if health.cap_discharge_w is not None and -health.cap_discharge_w > lo_w:
        lo_w, lo_code = -health.cap_discharge_w, ReasonCode.NOT_RESPONDING
    if health.cap_charge_w is not None and health.cap_charge_w < hi_w:
        hi_w, hi_code = health.cap_charge_w, ReasonCode.NOT_RESPONDING
    if health.empty:
        lo_w, lo_code = NO_POWER_W, ReasonCode.SOC_LIMIT
    if health.full:
        hi_w, hi_code = NO_POWER_W, ReasonCode.SOC_LIMIT
    return lo_w, lo_code, hi_w, hi_code


def beside_held(wanted_w: float, units: Sequence[Unit]) -> float:
    """The wanted sum without having the others work against a power that the user holds.

    A battery held at charging takes its power from the grid or the sun, not out of another battery:
    the others still cover the house, but no more.
    """
    held_w = sum([unit.lo_w for unit in units if unit.lo_code is HOLD])
    if held_w == 0.0:
        return wanted_w
    others_w = wanted_w - held_w
    if held_w > 0:
        others_w = max(others_w, min(wanted_w, 0.0))
    elif held_w < 0:
        others_w = min(others_w, max(wanted_w, 0.0))
    return held_w + others_w


def _blocked(
    settings: BatterySettings, battery: BatterySnapshot, health: HealthMemory, snapshot: Snapshot
) -> tuple[ReasonCode, bool] | None:
    """Why a battery takes no part, and whether it is still told 0 W."""
    if not battery.reachable:
        return ReasonCode.UNREACHABLE, False
    reading = battery.reading
    if reading is None or reading.ac_power_w is None:
        return ReasonCode.STARTING, False
    if not reading.controllable:
        return ReasonCode.NOT_CONTROLLABLE, False
    if settings.override.out_of_service:
        return ReasonCode.OUT_OF_SERVICE, True
    if health.stopped:
        return ReasonCode.WRONG_DIRECTION, True
    if snapshot.time_s < health.excluded_until_s:
        return ReasonCode.NOT_RESPONDING, True
    if reading.soc_pct is None:
        return ReasonCode.SOC_LIMIT, True
    return None


def _held(settings: BatterySettings, utc_s: float) -> float | None:
    override = settings.override
    if override.hold_power_w is None:
        return None
    if override.hold_until_utc_s is not None and utc_s >= override.hold_until_utc_s:
        return None
    return override.hold_power_w
