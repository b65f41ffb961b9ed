"""Units as phase protection sees them: what is doubtful, unknown or in another's way gives less, or more.

The boxes of strategy and battery come from `limits`; here they are narrowed before anything is split.
"""

import math
from collections.abc import Sequence

from msgspec.structs import replace

from phasewise.control.effect import resting
from phasewise.control.guard import RELIEF_LEAST_W, Guard
from phasewise.control.limits import Unit
from phasewise.control.protection import (
    FRESH,
    LOST_STEP,
    LOST_STEP_W,
    SHARES,
    UNASSIGNED,
    PhaseBox,
    PhaseView,
    touches,
)
from phasewise.control.room import Limits
from phasewise.model import PHASES, Freshness, Phase, ReasonCode, Settings, Snapshot
from phasewise.model.memory import Doubt


def narrowed(
    units: Sequence[Unit],
    guarded: Guard,
    snapshot: Snapshot,
    settings: Settings,
    before_w: Sequence[float],
) -> Sequence[Unit]:
    """The units as phase protection sees them: what unassigned ones did, and what a lost phase leaves."""
    limits = guarded.limits
    if not guarded.protecting or limits is None:
        return units
    changed = list(units)
    if guarded.memory.doubts:
        doubted = resting(guarded.memory)
        changed = [_rests(unit, doubted[unit.id]) if unit.id in doubted else unit for unit in units]
    if limits.worst_case:
        for index, unit in enumerate(changed):
            if unit.phase is UNASSIGNED and unit.commandable:
                changed[index] = replace(unit, at_w=guarded.confined_w[index])
        for seen in guarded.views:
            if seen.box is not None and not seen.box.lo_w <= 0.0 <= seen.box.hi_w:
                _take_back(changed, seen, seen.box, limits)
    for seen in guarded.views:
        if seen.freshness is FRESH:
            continue
        for index, unit in enumerate(changed):
            if touches(unit.phase, seen.phase) or limits.confines(unit):
                largest_w = max(
                    settings.batteries[index].max_charge_w, settings.batteries[index].max_discharge_w
                )
                stays = seen.freshness is Freshness.AGING or not snapshot.grid_is_new
                step_w = 0.0 if stays else max(LOST_STEP * largest_w, LOST_STEP_W)
                relief_w = guarded.memory.relief_w[index] if guarded.memory.relief_w else 0.0
                changed[index] = _no_more_than(unit, before_w[index], relief_w, step_w, seen.phase)
    return changed


def _take_back(units: list[Unit], seen: PhaseView, box: PhaseBox, limits: Limits) -> None:
    """Unassigned batteries let go of what a phase has too much of, beyond what its own can take back.

    Any of them may be the one that is on this phase. They never count as relief: only what they add
    themselves is taken back.
    """
    ordinal = seen.phase.ordinal
    over_w = sum([SHARES[unit.phase][ordinal] * unit.can_lo_w for unit in units]) - box.hi_w
    under_w = box.lo_w - sum([SHARES[unit.phase][ordinal] * unit.can_hi_w for unit in units])
    if max(over_w, under_w) <= RELIEF_LEAST_W:
        return
    for index, unit in enumerate(units):
        if not limits.confines(unit):
            continue
        code, name = ReasonCode.UNASSIGNED_WORST_CASE, seen.phase.value
        if over_w > RELIEF_LEAST_W and unit.hi_w > (most_w := max(0.0, unit.lo_w, unit.at_w - over_w)):
            units[index] = replace(unit, hi_w=most_w, hi_code=code, for_phase=name)
        elif under_w > RELIEF_LEAST_W and unit.lo_w < (least_w := min(0.0, unit.hi_w, unit.at_w + under_w)):
            units[index] = replace(unit, lo_w=least_w, lo_code=code, for_phase=name)
    _go_back(units, seen, limits)


def _go_back(units: list[Unit], over: PhaseView, limits: Limits) -> None:
    """Clear the way back for unassigned units: what one lets go of, another phase may have needed.

    As much more is done there by that phase's own units. Where they can't, it is let go of all the same: then
    each phase is at worst as it would be without batteries, and none is over because of one.
    """
    confined = [index for index, unit in enumerate(units) if limits.confines(unit)]
    ways_w = {i: min(max(units[i].at_w, units[i].lo_w), units[i].hi_w) - units[i].at_w for i in confined}
    back_w = sum(ways_w.values())
    blocked_w = 0.0
    for phase in PHASES:
        box = limits.boxes[phase.ordinal]
        if box is not None and phase is not over.phase:
            blocked_w = max(blocked_w, _make_room(units, phase, box, back_w))
    for index, way_w in ways_w.items():
        by_w = math.copysign(min(blocked_w, abs(way_w)), way_w)
        units[index] = replace(units[index], at_w=units[index].at_w + by_w)
        blocked_w -= abs(by_w)


def _make_room(units: list[Unit], phase: Phase, box: PhaseBox, back_w: float) -> float:
    """Have the units on a phase do as much more as others may let go of there; returns what they can't."""
    up = back_w < 0.0
    on_it = [index for index, unit in enumerate(units) if unit.phase.phase is phase]
    sum_w = sum([min(max(0.0, units[index].lo_w), units[index].hi_w) for index in on_it])
    short_w = box.lo_w - back_w - sum_w if up else sum_w + back_w - box.hi_w
    for index in on_it:
        if short_w <= RELIEF_LEAST_W:
            break
        unit = units[index]
        at_w = min(max(0.0, unit.lo_w), unit.hi_w)
        to_w = min(at_w + short_w, unit.can_hi_w) if up else max(at_w - short_w, unit.can_lo_w)
        short_w -= abs(to_w - at_w)
        lo_w, hi_w = (max(unit.lo_w, to_w), unit.hi_w) if up else (unit.lo_w, min(unit.hi_w, to_w))
        units[index] = replace(
            unit,
            lo_w=min(lo_w, to_w),
            hi_w=max(hi_w, to_w),
            lo_code=ReasonCode.RELIEF if up else unit.lo_code,
            hi_code=unit.hi_code if up else ReasonCode.RELIEF,
            for_phase=phase.value,
        )
    return short_w if short_w > RELIEF_LEAST_W else 0.0


def _rests(unit: Unit, doubt: Doubt) -> Unit:
    """A unit that nothing is asked of, as nobody knows on which phase it would show."""
    at_w = min(max(0.0, unit.can_lo_w), unit.can_hi_w)
    code = ReasonCode.PHASE_DOUBTFUL
    return replace(
        unit,
        lo_w=at_w,
        hi_w=at_w,
        can_lo_w=at_w,
        can_hi_w=at_w,
        lo_code=code if at_w > unit.lo_w else unit.lo_code,
        hi_code=code if at_w < unit.hi_w else unit.hi_code,
        for_phase=doubt.phase.value,
    )


def _no_more_than(unit: Unit, before_w: float, relief_w: float, step_w: float, phase: Phase) -> Unit:
    """A unit that may not raise its power, and has to lower it by a step.

    What it gives for the phase goes by steps too: nobody knows that the phase can do without it.
    """
    size_w = max(0.0, abs(before_w) - step_w)
    least_w, most_w = (0.0, size_w) if before_w >= 0 else (-size_w, 0.0)
    lo_w, hi_w = min(max(least_w, unit.lo_w), unit.hi_w), max(min(most_w, unit.hi_w), unit.lo_w)
    if relief_w * before_w > 0.0:
        kept_w = min(max(0.0, abs(relief_w) - step_w), size_w)
        if relief_w > 0.0:
            lo_w = min(max(lo_w, kept_w), unit.can_hi_w)
            hi_w = max(lo_w, hi_w)
        else:
            hi_w = max(min(hi_w, -kept_w), unit.can_lo_w)
            lo_w = min(lo_w, hi_w)
    return replace(
        unit,
        lo_w=lo_w,
        hi_w=hi_w,
        can_lo_w=lo_w,
        can_hi_w=hi_w,
        lo_code=ReasonCode.PHASE_LOST if lo_w > unit.lo_w else unit.lo_code,
        hi_code=ReasonCode.PHASE_LOST if hi_w < unit.hi_w else unit.hi_code,
        for_phase=phase.value,
    )
