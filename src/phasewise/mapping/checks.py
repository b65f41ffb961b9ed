"""Whether a phase can be identified safely, with how much power, and what ends it at once.

The phase of the battery under test is unknown, so every phase has to have the headroom. All sentences say
what is in the way and what to do.
"""

from enum import StrEnum

from msgspec import Struct

from phasewise.control.freshness import freshness
from phasewise.mapping.evidence import PerPhase
from phasewise.model import (
    PHASES,
    Assignment,
    BatterySettings,
    BatterySnapshot,
    Connection,
    Freshness,
    GridReading,
    Phase,
    Settings,
    Snapshot,
)

AMPLITUDE_W = 1000.0
"""Far above what small appliances do, and where batteries are efficient and quick."""
LEAST_W = 300.0
"""A smaller step drowns in what the household does."""
SOC_ROOM_PCT = 5.0
"""Units derate near full and near empty; a run itself moves well under 2 %."""
SPARE_W = 100.0
"""Kept free of the headroom: the house goes on while the battery is tested."""
SLOWEST_METER_S = 10.5
"""Slower than that (10 s, and jitter), a run would take for ever."""
OWN_PV_W = 50.0
"""A unit in the sun cannot be held at 0 W, and its power changes with the clouds."""
FULL_STOP = "full-stop"
"""The strategy in which batteries stay at 0 W, whatever else they are wanted for."""


class Wave(Struct, frozen=True):
    """The two powers of the square wave, charging positive. Each is 0 or at least LEAST_W in magnitude."""

    high_w: float
    low_w: float


class Cause(StrEnum):
    """What ends a run."""

    SETTINGS = "settings"
    BATTERY = "battery"
    SOC = "soc"
    METER = "meter"
    OVERLOAD = "overload"


class Danger(Struct, frozen=True):
    """Why a run ends now."""

    code: str
    text: str
    """English."""


def settings_of(battery_id: str, settings: Settings) -> BatterySettings:
    """The battery's settings. Raises StopIteration for one that is not there."""
    return next(battery for battery in settings.batteries if battery.id == battery_id)


def seen_of(battery_id: str, snapshot: Snapshot) -> BatterySnapshot:
    """What is known of the battery; nothing, where it is not there."""
    found = (seen for seen in snapshot.batteries if seen.id == battery_id)
    return next(found, BatterySnapshot(battery_id))


def powers_of(grid: GridReading | None) -> PerPhase | None:
    """Power of each phase, or None unless all three are there."""
    if grid is None:
        return None
    first, second, third = (of_phase.power_w if of_phase is not None else None for of_phase in grid.phases)
    if first is None or second is None or third is None:
        return None
    return first, second, third


def refusal(battery_id: str, snapshot: Snapshot, settings: Settings) -> str | None:
    """Why no run can begin, apart from power: English; None if it can."""
    site = settings.site
    if all(battery.id != battery_id for battery in settings.batteries):
        return "The battery is not set up yet. Try again in a moment."
    if site.phase_count != len(PHASES):
        return "This home has one phase: there is nothing to identify."
    if site.connection is Connection.DELTA:
        return (
            "In a delta connection (3 x 230 V without neutral) no battery is on one phase, and the phase "
            "readings do not mean what they mean in star: nothing can be identified here."
        )
    if settings.control.strategy == FULL_STOP:
        return "Full stop is selected: no battery may run. Select another strategy first."
    return (
        _battery_problem(settings_of(battery_id, settings), seen_of(battery_id, snapshot), snapshot.utc_s)
        or _meter_problem(snapshot)
        or _overload(snapshot, settings)
    )


def danger(
    battery_id: str, power_w: float, began_with: Settings, snapshot: Snapshot, settings: Settings
) -> Danger | None:
    """Why a run has to end now. `power_w`: what the battery is held at."""
    if settings is not began_with and settings != began_with:
        return Danger(Cause.SETTINGS, "The settings were changed. Start again.")
    battery, seen = settings_of(battery_id, settings), seen_of(battery_id, snapshot)
    problem = _reach_problem(seen)
    if problem is not None:
        return Danger(Cause.BATTERY, problem)
    soc_pct = (seen.reading.soc_pct if seen.reading is not None else None) or 0.0
    if power_w > 0 and soc_pct >= battery.max_soc_pct:
        return Danger(Cause.SOC, f"The battery is full ({soc_pct:.0f} %). Start again when it has room.")
    if power_w < 0 and soc_pct <= battery.min_soc_pct:
        return Danger(Cause.SOC, f"The battery is empty ({soc_pct:.0f} %). Start again when it has charge.")
    problem = _meter_problem(snapshot)
    if problem is not None:
        return Danger(Cause.METER, problem)
    problem = _overload(snapshot, settings)
    return Danger(Cause.OVERLOAD, problem) if problem is not None else None


def wave(battery_id: str, snapshot: Snapshot, settings: Settings) -> Wave | str:
    """How far the battery may go either way; or, in English, why not far enough."""
    battery = settings_of(battery_id, settings)
    reading = seen_of(battery_id, snapshot).reading
    soc_pct = (reading.soc_pct if reading is not None else None) or 0.0
    up_phase, up_w, down_phase, down_w = _headroom(battery_id, snapshot, settings)
    may_charge = soc_pct <= battery.max_soc_pct - SOC_ROOM_PCT
    may_discharge = soc_pct >= battery.min_soc_pct + SOC_ROOM_PCT
    high_w = _usable_w(min(AMPLITUDE_W, battery.max_charge_w, up_w), battery) if may_charge else 0.0
    low_w = _usable_w(min(AMPLITUDE_W, battery.max_discharge_w, down_w), battery) if may_discharge else 0.0
    if high_w or low_w:
        return Wave(high_w, -low_w)
    room = (
        f"{up_phase} has room for {max(0.0, up_w):.0f} W more import and {down_phase} for "
        f"{max(0.0, down_w):.0f} W more export"
    )
    return (
        f"There is not enough room: at least {LEAST_W:.0f} W is needed one way, and the phase that the "
        f"battery is on is not known. With all batteries at 0 W {room}; the battery is at {soc_pct:.0f} % "
        f"and may charge with {battery.max_charge_w:.0f} W up to {battery.max_soc_pct:.0f} %, "
        f"discharge with {battery.max_discharge_w:.0f} W down to {battery.min_soc_pct:.0f} %. "
        "Try again when the house draws less, or the battery is nearer to half full."
    )


def _usable_w(power_w: float, battery: BatterySettings) -> float:
    step_w = battery.capabilities.step_w
    power_w = power_w // step_w * step_w
    return power_w if power_w >= max(LEAST_W, battery.capabilities.min_power_w) else 0.0


def _reach_problem(seen: BatterySnapshot) -> str | None:
    reading = seen.reading
    if not seen.reachable or reading is None or reading.ac_power_w is None:
        return "The battery cannot be reached. See to its connection, then try again."
    if not reading.controllable:
        state = f" ({reading.state})" if reading.state else ""
        return f"The battery takes no commands now{state}. Try again when it does."
    if reading.soc_pct is None:
        return "The battery does not say how full it is. Try again when it does."
    return None


def _battery_problem(battery: BatterySettings, seen: BatterySnapshot, utc_s: float) -> str | None:
    override = battery.override
    if override.out_of_service:
        return "The battery is out of service. Take it into service first."
    if override.hold_power_w is not None and utc_s < (override.hold_until_utc_s or float("inf")):
        return "You hold the battery at a power. Set its override to auto first."
    if seen.reading is not None and (seen.reading.pv_power_w or 0.0) > OWN_PV_W:
        return "The battery has sun on its own panels, so its power cannot be set freely. Try after sunset."
    return _reach_problem(seen)


def _meter_problem(snapshot: Snapshot) -> str | None:
    grid = snapshot.grid
    if grid is None or freshness(snapshot.time_s - grid.received_s, snapshot.grid_cadence_s) is not (
        Freshness.FRESH
    ):
        return "The meter says nothing new. See to its connection, then try again."
    if snapshot.grid_cadence_s > SLOWEST_METER_S:
        return f"The meter speaks every {snapshot.grid_cadence_s:.0f} s only; 10 s is the slowest that works."
    missing = [
        phase.value
        for phase, reading in zip(PHASES, grid.phases, strict=True)
        if reading is None or reading.power_w is None
    ]
    if missing:
        return f"The meter gives no power of {' and '.join(missing)}, so it cannot show which phase reacts."
    return None


def _overload(snapshot: Snapshot, settings: Settings) -> str | None:
    """The phase that is beyond its operating limit, if one is."""
    for phase in PHASES:
        current_a = _current_a(phase, snapshot, settings)
        limit_a = _limit_a(phase, settings)
        if current_a > limit_a:
            return (
                f"{phase} carries {current_a:.1f} A and its limit is {limit_a:.1f} A. "
                "Try again when the house draws less."
            )
    return None


def _current_a(phase: Phase, snapshot: Snapshot, settings: Settings) -> float:
    """The larger of what the meter says and what its power says; 0 while unknown."""
    reading = snapshot.grid.phase(phase) if snapshot.grid is not None else None
    if reading is None:
        return 0.0
    voltage_v = reading.voltage_v or settings.site.nominal_voltage_v
    return max(abs(reading.current_a or 0.0), abs(reading.power_w or 0.0) / voltage_v)


def _limit_a(phase: Phase, settings: Settings) -> float:
    return settings.site.main_fuse_a[phase.ordinal] - settings.control.phase_protection.margin_a


def _headroom(battery_id: str, snapshot: Snapshot, settings: Settings) -> tuple[Phase, float, Phase, float]:
    """The phase with the least room for more import, how much, and the same for export.

    That is with all batteries at 0 W: what they do now is taken off where it makes things worse, of an
    unassigned battery (and of the one under test) on every phase.
    """
    up: dict[Phase, float] = {}
    down: dict[Phase, float] = {}
    for phase in PHASES:
        reading = snapshot.grid.phase(phase) if snapshot.grid is not None else None
        power_w = (reading.power_w if reading is not None else None) or 0.0
        voltage_v = (reading.voltage_v if reading is not None else None) or settings.site.nominal_voltage_v
        allowance_a = snapshot.grid.current_allowance_a if snapshot.grid is not None else 0.0
        metered_a = reading.current_a if reading is not None else None
        # What the current is above the real power: reactive current, and what the meter rounds off.
        other_w = max(0.0, (abs(metered_a) + allowance_a) * voltage_v - abs(power_w)) if metered_a else 0.0
        limit_w = _limit_a(phase, settings) * voltage_v - other_w - SPARE_W
        import_w, export_w = _watt_limits(phase, limit_w, settings)
        more_w, less_w = _freed(phase, battery_id, snapshot, settings)
        up[phase] = import_w - (power_w + more_w)
        down[phase] = export_w + (power_w - less_w)
    up_phase, down_phase = min(up, key=up.__getitem__), min(down, key=down.__getitem__)
    return up_phase, up[up_phase], down_phase, down[down_phase]


def _watt_limits(phase: Phase, limit_w: float, settings: Settings) -> tuple[float, float]:
    """Import and export limit of a phase, with those in watts where protection holds them."""
    protection = settings.control.phase_protection
    if not protection.enabled:
        return limit_w, limit_w
    own_w = (protection.limit_import_w[phase.ordinal], protection.limit_export_w[phase.ordinal])
    import_w, export_w = (limit_w if w is None else min(limit_w, w - SPARE_W) for w in own_w)
    return import_w, export_w


def _freed(phase: Phase, battery_id: str, snapshot: Snapshot, settings: Settings) -> tuple[float, float]:
    """How much the phase may rise, and fall, when all batteries go to 0 W. Both >= 0."""
    known_w = more_w = less_w = 0.0
    for battery in settings.batteries:
        reading = seen_of(battery.id, snapshot).reading
        power_w = (reading.ac_power_w if reading is not None else None) or 0.0
        if battery.id == battery_id or not battery.phase.is_assigned:
            more_w += max(0.0, -power_w)
            less_w += max(0.0, power_w)
        elif battery.phase is Assignment.THREE_PHASE:
            known_w -= power_w / len(PHASES)
        elif battery.phase.phase is phase:
            known_w -= power_w
    return max(0.0, more_w + known_w), max(0.0, less_w - known_w)
