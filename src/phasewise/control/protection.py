"""Phase protection: amps per phase -> the watts that the batteries on each phase may have together.

The seam between protection and the allocator is `PhaseBox`. With no phase-aware feature on, or with no
battery assigned, there are no boxes at all (None), and the aggregate path is taken exactly as if this
room did not exist: laws 1 and 2 hold by construction.

A box is made anew from every sample. Room is cut at once; it is given back gradually on a phase whose limit
bound in the last 30 s. The software is no substitute for a fuse.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.estimate import Load
from phasewise.control.freshness import freshness
from phasewise.model import (
    Assignment,
    Connection,
    Fact,
    FactCode,
    Freshness,
    Phase,
    PhaseReading,
    Settings,
    Snapshot,
    UnassignedPolicy,
)
from phasewise.model.memory import PhaseMemory, ProtectionMemory

SLOWEST_CADENCE_S = 10.5
"""A meter slower than 10 s cannot protect a phase; half a second for jitter."""
SAMPLES_TO_TRUST = 2
"""A phase that was lost counts again after so many samples in a row: one may be the tail of a fault."""
REACTIVE_DECAY_S = 300.0
"""Minutes: a compressor that stopped may start again. Whole amps show it only now and then."""
BOUND_S = 30.0
"""For so long after a limit bound, room is given back gradually."""
GIVE_BACK_S = 4.0
"""Time constant at cadences up to 2 s."""
FAST_CADENCE_S = 2.0
GIVE_BACK_SLOW = 1.0 / 3.0
"""Of the rest, per sample, on slower meters."""
HYSTERESIS_W = 60.0
"""A quarter of an amp: the noise of meter and house does not move the limits to and fro. It lies inside the
margin on one side, and costs a quarter of an amp on the other."""
CUT_W = 10.0
"""Less than 0.05 A: not worth a write a second. It lies inside the margin."""
FORGET_S = 3600.0
"""After this nothing of a decay is left, also when a phase was never seen."""
LOST_STEP = 0.25
"""A phase that is lost takes its batteries to 0 W in this share of their power per sample: four steps, so
that others can take over what they did."""
LOST_STEP_W = 200.0
"""And no less than this."""
USUAL_VOLTAGE = (0.5, 1.5)
"""Multiples of the nominal voltage that are believed; below or above, the nominal one is used."""

THIRD = 1.0 / 3.0
NEVER_S = float("-inf")

# Python 3.11 looks a member of an enum up by a call: once per module instead of once per phase or battery.
UNASSIGNED = Assignment.UNASSIGNED
FRESH = Freshness.FRESH


class PhaseBox(Struct, frozen=True):
    """Range that the sum of the batteries assigned to one phase must stay in. Charging positive, W.

    0 outside the box means that relief is required.
    """

    lo_w: float
    hi_w: float


PhaseBoxes = tuple[PhaseBox | None, PhaseBox | None, PhaseBox | None]
"""L1, L2, L3; None = this phase limits nothing."""


class PhaseView(Struct, frozen=True):
    """What is known of one phase, and what follows for its batteries."""

    phase: Phase
    freshness: Freshness
    load_w: float | None = None
    """Its power without the batteries assigned to it, import positive."""
    lo_w: float | None = None
    """Least grid power inside its limits."""
    hi_w: float | None = None
    box: PhaseBox | None = None
    """None while it is not known."""
    returns: bool = False
    """It is lost only until its next reading: it is heard again, with the meter."""
    assigned_w: float = 0.0
    """What its batteries did at the meter's instant, by the same estimate as `load_w`."""


class _Flow(Struct, frozen=True):
    """What the batteries assigned to a phase may be doing at the meter's instant: least, most, as read."""

    lo_w: float
    hi_w: float
    read_w: float


def is_active(settings: Settings) -> bool:
    """Whether any decision may depend on the battery-to-phase mapping."""
    if settings.control.phase_aware:
        for battery in settings.batteries:
            if battery.phase.is_assigned:
                return True
    return False


def refusal(snapshot: Snapshot, settings: Settings, memory: ProtectionMemory) -> Fact | None:
    """Why phase protection cannot work here; None when it can."""
    if settings.site.connection is Connection.DELTA:
        return Fact(FactCode.DELTA)
    if snapshot.grid is None:
        return None
    if snapshot.grid_cadence_s > SLOWEST_CADENCE_S:
        return Fact(FactCode.CADENCE_S, round(snapshot.grid_cadence_s))
    for reading in snapshot.grid.phases[: settings.site.phase_count]:
        if reading is not None and reading.power_w is not None:
            return None
    ever = any(phase.seen_s > NEVER_S for phase in memory.phases)
    return None if ever else Fact(FactCode.NO_PHASE_POWER)


class Sighting(Struct, frozen=True):
    """All phases after a snapshot, and what the unassigned batteries did at the meter's instant."""

    views: tuple[PhaseView, ...]
    confined_w: tuple[float, ...]
    """Per battery of the settings: W, 0 for all but unassigned ones under worst-case."""


def look(
    snapshot: Snapshot, settings: Settings, memory: ProtectionMemory, load: Load
) -> tuple[Sighting, ProtectionMemory]:
    """What is known of each phase after this snapshot, and the boxes that follow when protection is on."""
    phases = settings.site.phases
    known = memory.phases if len(memory.phases) == len(phases) else (PhaseMemory(),) * len(phases)
    flows = _flows(settings, load)
    views, remembered = [], []
    for phase, past, flow in zip(phases, known, flows, strict=False):
        seen, after = _seen(phase, snapshot, settings, past, flow)
        views.append(seen)
        remembered.append(after)
    confined_w = _confined_at_w(snapshot, settings, load, views)
    if settings.control.phase_protection.enabled:
        sum_w = sum(confined_w)
        for index, past in enumerate(known):
            boxed, kept = _boxed(views[index], remembered[index], past, snapshot, sum_w)
            views[index], remembered[index] = boxed, kept
    return Sighting(tuple(views), tuple(confined_w)), replace(memory, phases=tuple(remembered))


def _seen(
    phase: Phase, snapshot: Snapshot, settings: Settings, before: PhaseMemory, flow: _Flow
) -> tuple[PhaseView, PhaseMemory]:
    reading = snapshot.grid.phase(phase) if snapshot.grid is not None else None
    if reading is None or reading.power_w is None:
        return _without_reading(phase, snapshot, before)
    if not snapshot.grid_is_new:
        return _unchanged(phase, reading, settings, before)
    return _with_reading(phase, reading, snapshot, settings, before, flow)


def _without_reading(phase: Phase, snapshot: Snapshot, before: PhaseMemory) -> tuple[PhaseView, PhaseMemory]:
    """The last telegram said nothing of this phase: its load is unknown, which is not zero."""
    if before.seen_s == NEVER_S:
        return PhaseView(phase, Freshness.ABSENT), before
    fresh = freshness(snapshot.time_s - before.seen_s, snapshot.grid_cadence_s)
    if fresh is Freshness.FRESH:
        # Not missed for long yet, but there is nothing to judge a change by either.
        fresh = Freshness.AGING
    if fresh is Freshness.LOST and (before.load_w is not None or before.in_a_row):
        before = PhaseMemory(seen_s=before.seen_s, reactive_va2=before.reactive_va2)
    return PhaseView(phase, fresh), before


def _unchanged(
    phase: Phase, reading: PhaseReading, settings: Settings, before: PhaseMemory
) -> tuple[PhaseView, PhaseMemory]:
    """No news: the room of the last sample stands."""
    if before.load_w is None or before.in_a_row < SAMPLES_TO_TRUST:
        return PhaseView(phase, Freshness.LOST, returns=before.with_meter), before
    rating = rating_of(phase, reading, settings)
    lo_w, hi_w = limits_w(rating, settings, max(before.reactive_va2, before.reactive_seen_va2))
    assigned_w = (reading.power_w or 0.0) - before.load_w
    return PhaseView(phase, Freshness.FRESH, before.load_w, lo_w, hi_w, assigned_w=assigned_w), before


def _with_reading(
    phase: Phase,
    reading: PhaseReading,
    snapshot: Snapshot,
    settings: Settings,
    before: PhaseMemory,
    flow: _Flow,
) -> tuple[PhaseView, PhaseMemory]:
    power_w = reading.power_w or 0.0
    load_w = before.load_w if before.load_w is not None else power_w - flow.read_w
    # As for the total: move the estimate only as far as what the batteries may be doing demands.
    least_w, most_w = power_w - flow.hi_w, power_w - flow.lo_w
    load_w = least_w if load_w < least_w else (most_w if load_w > most_w else load_w)
    allowance_a = snapshot.grid.current_allowance_a if snapshot.grid is not None else 0.0
    rating = rating_of(phase, reading, settings)
    seen_va2 = _reactive_va2(rating, reading, allowance_a)
    reactive_va2 = before.reactive_va2
    if reactive_va2:
        reactive_va2 *= math.exp(-(snapshot.time_s - before.seen_s) / REACTIVE_DECAY_S)
    # One sample alone may pair the current of now with the power of before: it counts now, not for minutes.
    twice_va2 = before.reactive_seen_va2 if before.reactive_seen_va2 < seen_va2 else seen_va2
    reactive_va2 = twice_va2 if twice_va2 > reactive_va2 else reactive_va2
    lo_w, hi_w = limits_w(rating, settings, seen_va2 if seen_va2 > reactive_va2 else reactive_va2)
    in_a_row = before.in_a_row
    if in_a_row < SAMPLES_TO_TRUST:
        in_a_row = SAMPLES_TO_TRUST if before.seen_s == NEVER_S else in_a_row + 1
    remembered = replace(
        before,
        seen_s=snapshot.time_s,
        in_a_row=in_a_row,
        load_w=load_w,
        reactive_va2=reactive_va2,
        reactive_seen_va2=seen_va2,
        lo_room_w=None,
        hi_room_w=None,
    )
    if in_a_row < SAMPLES_TO_TRUST:
        return PhaseView(phase, Freshness.LOST, returns=before.with_meter), remembered
    if before.with_meter:
        remembered = replace(remembered, with_meter=False)
    return PhaseView(phase, FRESH, load_w, lo_w, hi_w, assigned_w=power_w - load_w), remembered


def _boxed(
    seen: PhaseView, after: PhaseMemory, before: PhaseMemory, snapshot: Snapshot, confined_w: float
) -> tuple[PhaseView, PhaseMemory]:
    """The same with the box for the phase's batteries.

    Room is remembered as what its batteries and all unassigned ones may have together, because what an
    unassigned one does may or may not be part of the phase's load: only so does its own power not
    move the limit that it is held at.
    """
    load_w, lo_w, hi_w = seen.load_w, seen.lo_w, seen.hi_w
    if load_w is None or lo_w is None or hi_w is None:
        return seen, after
    if not snapshot.grid_is_new:
        if after.lo_room_w is None or after.hi_room_w is None:
            return seen, after
        return replace(seen, box=PhaseBox(after.lo_room_w - confined_w, after.hi_room_w - confined_w)), after
    passed_s = snapshot.time_s - before.seen_s
    shift_w = confined_w - load_w
    room = _box(lo_w + shift_w, hi_w + shift_w, before, passed_s, snapshot)
    after = replace(after, lo_room_w=room.lo_w, hi_room_w=room.hi_w)
    return replace(seen, box=PhaseBox(room.lo_w - confined_w, room.hi_w - confined_w)), after


def _flows(settings: Settings, load: Load) -> list[_Flow]:
    """Per phase, L1 to L3."""
    flows = []
    for members in feeding(tuple([battery.phase for battery in settings.batteries])):
        lo_w = hi_w = read_w = 0.0
        for index, share in members:
            power = load.batteries[index]
            if power is not None:
                lo_w += share * power.lo_w
                hi_w += share * power.hi_w
                read_w += share * power.read_w
        flows.append(_Flow(lo_w, hi_w, read_w))
    return flows


@lru_cache(maxsize=64)
def feeding(assignments: tuple[Assignment, ...]) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Per phase the batteries that feed it: position, and which part of their power flows on it.

    A home has the same ones in every decision.
    """
    shares = [SHARES[assignment] for assignment in assignments]
    return tuple(
        [
            tuple([(i, of_battery[p]) for i, of_battery in enumerate(shares) if of_battery[p]])
            for p in range(3)
        ]
    )


def voltage_of(reading: PhaseReading, settings: Settings) -> float:
    """What the phase is taken to have, in V: as measured where that can be, else nominal."""
    nominal_v = settings.site.nominal_voltage_v
    voltage_v = reading.voltage_v
    least, most = USUAL_VOLTAGE
    if voltage_v is None or not least * nominal_v <= voltage_v <= most * nominal_v:
        return nominal_v
    return voltage_v


class PhaseRating(Struct, frozen=True):
    """What a phase is measured against now."""

    ordinal: int
    voltage_v: float
    limit_a: float
    """What it is held at by its fuse."""


def rating_of(phase: Phase, reading: PhaseReading, settings: Settings) -> PhaseRating:
    return PhaseRating(phase.ordinal, voltage_of(reading, settings), operating_limit_a(phase, settings))


def _reactive_va2(of: PhaseRating, reading: PhaseReading, allowance_a: float) -> float:
    """Square of the reactive power that the meter's current may hide, by the pessimistic reading of it."""
    if reading.current_a is None:
        return 0.0
    power_w = abs(reading.power_w or 0.0)
    apparent_va = of.voltage_v * (abs(reading.current_a) + allowance_a)
    if apparent_va <= power_w:
        return 0.0
    most_va = of.voltage_v * of.limit_a
    seen_va2 = apparent_va * apparent_va - power_w * power_w
    return seen_va2 if seen_va2 < most_va * most_va else most_va * most_va


def operating_limit_a(phase: Phase, settings: Settings) -> float:
    """What a phase is held at: its fuse's rating less the margin."""
    return settings.site.main_fuse_a[phase.ordinal] - settings.control.phase_protection.margin_a


def limits_w(of: PhaseRating, settings: Settings, reactive_va2: float) -> tuple[float, float]:
    """Least and most real power that a phase may carry, beside this reactive power. Import positive."""
    protection, p = settings.control.phase_protection, of.ordinal
    import_a, import_w = protection.limit_import_a[p], protection.limit_import_w[p]
    export_a, export_w = protection.limit_export_a[p], protection.limit_export_w[p]
    hi_w = _real_w(of, import_a, import_w, reactive_va2)
    if export_a == import_a and export_w == import_w:
        return -hi_w, hi_w
    return -_real_w(of, export_a, export_w, reactive_va2), hi_w


def _real_w(of: PhaseRating, limit_a: float | None, limit_w: float | None, reactive_va2: float) -> float:
    """Most real power in one direction."""
    apparent_va = of.voltage_v * (of.limit_a if limit_a is None or limit_a > of.limit_a else limit_a)
    left_va2 = apparent_va * apparent_va - reactive_va2
    real_w = math.sqrt(left_va2) if left_va2 > 0.0 else 0.0
    return real_w if limit_w is None or limit_w > real_w else limit_w


def _box(lo_w: float, hi_w: float, before: PhaseMemory, passed_s: float, snapshot: Snapshot) -> PhaseBox:
    """The box as the limits say, given back gradually where it bound not long ago."""
    if snapshot.time_s - before.bound_s > BOUND_S:
        return PhaseBox(lo_w, hi_w)
    fast = snapshot.grid_cadence_s <= FAST_CADENCE_S
    part = 1.0 - math.exp(-min(passed_s, FORGET_S) / GIVE_BACK_S) if fast else GIVE_BACK_SLOW
    # What one limit demands now is not kept waiting by what the other demanded a moment ago.
    least_w, most_w = lo_w, max(lo_w, hi_w)
    if before.hi_room_w is not None:
        hi_w = max(_room_w(hi_w, before.hi_room_w, part), least_w)
    if before.lo_room_w is not None:
        lo_w = min(-_room_w(-lo_w, -before.lo_room_w, part), most_w)
    return PhaseBox(min(lo_w, hi_w), hi_w)


def _room_w(now_w: float, before_w: float, part: float) -> float:
    """Room upward: cut at once, given back by a part of what is missing, left alone in between."""
    if now_w < before_w:
        return now_w if now_w < before_w - CUT_W else before_w
    if (before_w >= 0.0 or now_w < 0.0) and now_w <= before_w + HYSTERESIS_W:
        return before_w
    # A little beyond the goal, so that the tail of a relief comes to an end.
    return min(now_w, before_w + (now_w + HYSTERESIS_W - before_w) * part)


def phase_boxes(views: Sequence[PhaseView]) -> PhaseBoxes:
    """The boxes for the allocator."""
    boxes: list[PhaseBox | None] = [None, None, None]
    for seen in views:
        boxes[seen.phase.ordinal] = seen.box
    first, second, third = boxes
    return (first, second, third)


def _confined_at_w(
    snapshot: Snapshot, settings: Settings, load: Load, views: Sequence[PhaseView]
) -> list[float]:
    """What each unassigned battery did at the meter's instant, in the order of the settings (0 for others).

    What all batteries did together is known from the total, what the assigned ones did from their phases;
    the rest is the unassigned ones'. So a power that was told is counted either as not there yet or in the
    meter's value, and never twice.
    """
    found_w = [0.0] * len(settings.batteries)
    protection = settings.control.phase_protection
    if not protection.enabled or protection.unassigned is not UnassignedPolicy.WORST_CASE:
        return found_w
    powers, lo_w, hi_w = [], 0.0, 0.0
    for index, battery in enumerate(settings.batteries):
        if battery.phase is UNASSIGNED and (power := load.batteries[index]) is not None:
            powers.append((index, power))
            lo_w += power.lo_w
            hi_w += power.hi_w
    if not powers or snapshot.grid is None:
        return found_w
    all_w = snapshot.grid.total_power_w - load.power_w
    rest_w = all_w - sum([seen.assigned_w for seen in views])
    part = 0.5 if hi_w <= lo_w else min(max((rest_w - lo_w) / (hi_w - lo_w), 0.0), 1.0)
    for index, power in powers:
        found_w[index] = power.lo_w + part * (power.hi_w - power.lo_w)
    return found_w


SHARES: dict[Assignment, tuple[float, float, float]] = {
    Assignment.L1: (1.0, 0.0, 0.0),
    Assignment.L2: (0.0, 1.0, 0.0),
    Assignment.L3: (0.0, 0.0, 1.0),
    Assignment.THREE_PHASE: (THIRD, THIRD, THIRD),
    Assignment.UNASSIGNED: (0.0, 0.0, 0.0),
}
"""Which part of a battery's power flows on each phase, as far as that is known."""


def touches(assignment: Assignment, phase: Phase) -> bool:
    """Whether a battery so assigned feeds this phase."""
    return SHARES[assignment][phase.ordinal] > 0.0


def forgotten(memory: ProtectionMemory) -> ProtectionMemory:
    """After the meter was lost: nothing of what it said counts, but a phase that was seen is not absent."""
    if not memory.phases:
        return memory
    phases = tuple([PhaseMemory(seen_s=phase.seen_s, with_meter=True) for phase in memory.phases])
    return ProtectionMemory(phases, doubts=memory.doubts)
