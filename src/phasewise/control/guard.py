"""What phase awareness adds to one decision: boxes per phase, narrower units, alarms, what to remember.

Nothing of it exists while no phase-aware feature is on, or while no battery is assigned (laws 1 and 2).
"""

import math
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control import fuse
from phasewise.control.effect import watch
from phasewise.control.estimate import Load
from phasewise.control.limits import Unit
from phasewise.control.protection import (
    FRESH,
    PhaseView,
    feeding,
    forgotten,
    is_active,
    look,
    phase_boxes,
    refusal,
    touches,
    voltage_of,
)
from phasewise.control.room import Limits
from phasewise.control.steer import Steered
from phasewise.model import (
    Alarm,
    AlarmCode,
    Fact,
    FactCode,
    Freshness,
    PhaseDecision,
    PhaseReading,
    Regulate,
    Settings,
    Severity,
    Snapshot,
    UnassignedPolicy,
)
from phasewise.model.memory import ProtectionMemory

MISSING_W = 50.0
"""Far less than the margin: less than this is not worth an alarm."""
ROUND_W = 100.0
ROUND_PCT = 10.0
"""An alarm is to be read, not to change with every sample."""
RELIEF_LEAST_W = 0.5
NOT_KNOWN = (Freshness.LOST, Freshness.ABSENT)


class Guard(Struct, frozen=True):
    """What phase awareness says before anything is split."""

    memory: ProtectionMemory
    limits: Limits | None = None
    """None = phases play no part in this decision."""
    views: tuple[PhaseView, ...] = ()
    confined_w: tuple[float, ...] = ()
    """What unassigned batteries did at the meter's instant, per battery of the settings."""
    own_w: tuple[float, float, float] | None = None
    """Load per phase that its own batteries are to serve first; None = no such wish."""
    protecting: bool = False
    alarms: tuple[Alarm, ...] = ()


def guard(
    snapshot: Snapshot, settings: Settings, memory: ProtectionMemory, load: Load | None, meter: Freshness
) -> Guard:
    """What is known of the phases, and what follows for this decision."""
    control = settings.control
    if not is_active(settings):
        enabled = control.phase_protection.enabled
        idle = (Alarm(AlarmCode.PROTECTION_IDLE, Severity.INFO),) if enabled else ()
        return Guard(memory, alarms=idle)
    if meter is Freshness.LOST or load is None:
        return Guard(forgotten(memory) if meter is Freshness.LOST else memory)
    refused = refusal(snapshot, settings, memory)
    if refused is not None:
        alarms = []
        if control.phase_protection.enabled:
            alarms.append(Alarm(AlarmCode.PROTECTION_REFUSED, Severity.ALARM, facts=(refused,)))
        if control.regulate is Regulate.PER_PHASE:
            alarms.append(Alarm(AlarmCode.REGULATION_REFUSED, Severity.WARNING, facts=(refused,)))
        return Guard(memory, alarms=tuple(alarms))
    sighting, memory = look(snapshot, settings, memory, load)
    views = sighting.views
    if control.phase_protection.enabled:
        memory = watch(views, load, settings, memory, snapshot)
    protecting = control.phase_protection.enabled
    worst_case = protecting and control.phase_protection.unassigned is UnassignedPolicy.WORST_CASE
    return Guard(
        memory,
        limits=Limits(phase_boxes(views), worst_case),
        views=views,
        confined_w=sighting.confined_w,
        own_w=_own_w(views) if control.prefer_own_phase else None,
        protecting=protecting,
    )


def _own_w(views: Sequence[PhaseView]) -> tuple[float, float, float] | None:
    """What each phase draws without its batteries; None where one of them is not known."""
    loads_w = [0.0, 0.0, 0.0]
    for position, seen in enumerate(views):
        if seen.load_w is None:
            return None
        loads_w[position] = seen.load_w
    return (loads_w[0], loads_w[1], loads_w[2])


def outcome(
    guarded: Guard,
    units: Sequence[Unit],
    powers_w: Sequence[float],
    steered: Steered | None,
    settings: Settings,
    now_s: float,
) -> tuple[tuple[PhaseDecision, ...], tuple[Alarm, ...], ProtectionMemory]:
    """What protection made of each phase, what a person should know, and what to remember.

    `steered` is None while all batteries are to be at 0 W, whatever a phase demands.
    """
    if not guarded.protecting:
        return (), guarded.alarms, guarded.memory
    relief_w: Sequence[float] = [0.0] * len(units) if steered is None else steered.relief_w
    binding = _binding(guarded, units, relief_w, steered)
    sums_w = _sums_w(settings, powers_w) if steered is None else steered.room.sums_w
    decided, alarms = [], list(guarded.alarms)
    for seen in guarded.views:
        ordinal = seen.phase.ordinal
        of_phase = _decided(seen, sums_w[ordinal], binding=binding[ordinal])
        decided.append(of_phase)
        if seen.freshness in NOT_KNOWN and not seen.returns:
            alarms.append(Alarm(AlarmCode.PHASE_LOST, Severity.ALARM, seen.phase.value))
        elif of_phase.missing_w and abs(of_phase.missing_w) > MISSING_W:
            alarms.append(_overload(of_phase, settings))
    memory = guarded.memory
    for doubt in memory.doubts:
        if doubt.seen_on is not None:
            facts = (Fact(FactCode.SEEN_ON, doubt.seen_on.value),)
            alarms.append(Alarm(AlarmCode.MAPPING_DOUBTFUL, Severity.WARNING, doubt.battery, facts=facts))
    relief_w = _with_held(relief_w, powers_w, memory.relief_w, units, guarded)
    relieves = any(relief_w)
    if relieves or any(binding) or memory.relief_w:
        phases = [
            replace(phase, bound_s=now_s) if binding[index] else phase
            for index, phase in enumerate(memory.phases)
        ]
        memory = replace(memory, phases=tuple(phases), relief_w=tuple(relief_w) if relieves else ())
    return tuple(decided), tuple(alarms), memory


def _with_held(
    relief_w: Sequence[float],
    powers_w: Sequence[float],
    before_w: Sequence[float],
    units: Sequence[Unit],
    guarded: Guard,
) -> Sequence[float]:
    """What units do for their phase, with what those on a phase that is not heard of go on doing for it."""
    if not before_w:
        return relief_w
    found_w = list(relief_w)
    for seen in guarded.views:
        if seen.freshness is not FRESH:
            for index, unit in enumerate(units):
                if touches(unit.phase, seen.phase) and before_w[index] * powers_w[index] > 0.0:
                    size_w = min(abs(before_w[index]), abs(powers_w[index]))
                    found_w[index] = math.copysign(size_w, before_w[index])
    return found_w


def _binding(
    guarded: Guard,
    units: Sequence[Unit],
    relief_w: Sequence[float],
    steered: Steered | None,
) -> list[bool]:
    """Phases whose limit holds a battery back, or makes one work."""
    binding = [False, False, False]
    for index, power_w in enumerate(relief_w):
        if power_w and abs(power_w) > RELIEF_LEAST_W:
            for seen in guarded.views:
                if touches(units[index].phase, seen.phase):
                    binding[seen.phase.ordinal] = True
    if steered is not None:
        for index in steered.held:
            phase = steered.room.phase_of(index)
            binding[steered.room.tightest(up=steered.up) if phase is None else phase] = True
    return binding


def _sums_w(settings: Settings, powers_w: Sequence[float]) -> list[float]:
    """What the batteries assigned to each phase do together on it."""
    return [
        sum([share * powers_w[index] for index, share in members])
        for members in feeding(tuple([battery.phase for battery in settings.batteries]))
    ]


def _decided(seen: PhaseView, sum_w: float, *, binding: bool) -> PhaseDecision:
    """`sum_w`: of the phase's batteries."""
    if seen.load_w is None or seen.lo_w is None or seen.hi_w is None or seen.box is None:
        return PhaseDecision(seen.phase, seen.freshness)
    grid_w = seen.load_w + sum_w
    return PhaseDecision(
        phase=seen.phase,
        freshness=seen.freshness,
        load_w=seen.load_w,
        lo_w=seen.lo_w,
        hi_w=seen.hi_w,
        relief_w=_outside_w(0.0, seen.box.lo_w, seen.box.hi_w),
        missing_w=_outside_w(grid_w, seen.lo_w, seen.hi_w),
        binding=binding,
    )


def _outside_w(power_w: float, lo_w: float, hi_w: float) -> float:
    """How far a power would have to move to be inside; 0 where it is."""
    if power_w > hi_w:
        return hi_w - power_w
    return lo_w - power_w if power_w < lo_w else 0.0


def _overload(of_phase: PhaseDecision, settings: Settings) -> Alarm:
    """How much is missing on a phase, rounded so that it does not change with every sample."""
    much_w = ROUND_W * math.ceil(abs(of_phase.missing_w) / ROUND_W)
    imports = of_phase.missing_w < 0
    facts = [Fact(FactCode.IMPORT_OVER_W if imports else FactCode.EXPORT_OVER_W, much_w)]
    if not any(touches(battery.phase, of_phase.phase) for battery in settings.batteries):
        facts.append(Fact(FactCode.NO_BATTERY))
    name = of_phase.phase.value
    return Alarm(AlarmCode.PHASE_OVERLOAD, Severity.ALARM, name, facts=tuple(facts))


def fuses_used(
    snapshot: Snapshot, settings: Settings, used: tuple[float, float, float], since_s: float | None
) -> tuple[float, float, float]:
    """Thermal budget used per phase after this sample, 0 to 1."""
    if snapshot.grid is None:
        return used
    passed_s = snapshot.grid_cadence_s if since_s is None else snapshot.time_s - since_s
    now = list(used)
    for p, reading in enumerate(snapshot.grid.phases[: settings.site.phase_count]):
        current_a = 0.0 if reading is None else _current_a(reading, settings)
        now[p] = fuse.warmed(used[p], current_a, settings.site.main_fuse_a[p], passed_s)
    return (now[0], now[1], now[2])


def _current_a(reading: PhaseReading, settings: Settings) -> float:
    measured_a = abs(reading.current_a or 0.0)
    real_a = abs(reading.power_w or 0.0) / voltage_of(reading, settings)
    return measured_a if measured_a > real_a else real_a


def fuse_alarms(used: Sequence[float], settings: Settings) -> tuple[Alarm, ...]:
    """Fuses that have used up half of their thermal budget."""
    if max(used) < fuse.WARM:
        return ()
    return tuple(
        [
            Alarm(
                AlarmCode.FUSE_WARM,
                Severity.ALARM,
                phase.value,
                facts=(Fact(FactCode.USED_PCT, ROUND_PCT * int(100.0 * used[phase.ordinal] / ROUND_PCT)),),
            )
            for phase in settings.site.phases
            if used[phase.ordinal] >= fuse.WARM
        ]
    )
