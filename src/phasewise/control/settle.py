"""From exact powers to ones that units can be set to: minimum power, steps, the remainder."""

from collections.abc import Sequence

from phasewise.control.fill import in_order
from phasewise.control.limits import Unit
from phasewise.control.protection import SHARES
from phasewise.control.room import NOTHING_W, Room
from phasewise.model import PHASES

LEAST_STEP_W = 1.0
"""No unit takes finer steps."""
STARTS_AT = 0.75
STOPS_BELOW = 0.25
"""Shares of its minimum at which a unit begins to work at it, and stops: half of the minimum lies between, so
that the noise of a house switches no relay to and fro."""


def settle(room: Room, order: Sequence[int], before_w: Sequence[float] = ()) -> list[float]:
    """Powers that the units can be set to, near those of the room: minimum power, steps, remainder.

    A unit is off or at least at its minimum; what it can't take goes to another. Steps are rounded, on a
    phase that has no room toward its safe side, and one unit takes the remainder. `before_w`: the setpoints
    in force, where there are any: a unit that works goes on until clearly less is asked of it.
    """
    if max([unit.min_power_w for unit in room.units], default=0.0) > 0.0:
        _heed_minimum(room, order)
    powers_w = [
        stepped(w, unit, before_w[index] if before_w else 0.0)
        for index, (w, unit) in enumerate(zip(room.powers_w, room.units, strict=True))
    ]
    if room.limits is not None:
        _round_safely(room, powers_w, order)
    missing_w = sum(room.powers_w) - sum(powers_w)
    if abs(missing_w) >= LEAST_STEP_W - NOTHING_W:
        _take_remainder(room, powers_w, missing_w, order)
    return powers_w


def _round_safely(room: Room, powers_w: list[float], order: Sequence[int]) -> None:
    """Undo the rounding of units that took a phase beyond its box, least preferred first."""
    for phase in range(len(PHASES)):
        shares = [SHARES[unit.phase][phase] for unit in room.units]
        over_w = sum(
            [share * (w - at) for share, w, at in zip(shares, powers_w, room.powers_w, strict=True) if share]
        )
        up = over_w > 0
        beyond_w = abs(over_w) - room.left_w(phase, up=up)
        for index in reversed(order):
            if beyond_w <= NOTHING_W:
                break
            rounded_w = powers_w[index] - room.powers_w[index]
            if shares[index] and rounded_w and (rounded_w > 0) == up:
                taken_back_w = _one_step(powers_w[index], room.units[index], up=not up)
                beyond_w -= shares[index] * abs(powers_w[index] - taken_back_w)
                powers_w[index] = taken_back_w


def _one_step(power_w: float, unit: Unit, *, up: bool) -> float:
    """The next power that the unit can be set to in one direction; the same where it can go no further."""
    least_w = unit.min_power_w
    next_w = power_w + (unit.step_w if up else -unit.step_w)
    if 0.0 < abs(next_w) < least_w:
        next_w = 0.0 if (next_w > 0) != up else (least_w if up else -least_w)
    return next_w if unit.can_lo_w <= next_w <= unit.can_hi_w else power_w


def _take_remainder(room: Room, powers_w: list[float], missing_w: float, order: Sequence[int]) -> None:
    """What rounding left over, in whole steps, to the first unit that can take it."""
    up = missing_w > 0
    for index in order:
        unit = room.units[index]
        steps = int(abs(missing_w) / unit.step_w + NOTHING_W)
        by_w = steps * unit.step_w if up else -steps * unit.step_w
        if not steps or powers_w[index] == 0.0:
            continue
        phase = room.phase_of(index)
        if phase is not None:
            shares = [SHARES[unit.phase][phase] for unit in room.units]
            sum_w = by_w + sum([share * w for share, w in zip(shares, powers_w, strict=True)])
            strayed_w = room.strayed_w(up=up) if up else -room.strayed_w(up=up)
            if not room.low_w[phase] <= sum_w + strayed_w <= room.high_w[phase]:
                continue
        elif room.limits is not None:
            continue
        at_w = powers_w[index] + by_w
        if room.lo_w[index] <= at_w <= room.hi_w[index] and abs(at_w) >= unit.min_power_w:
            powers_w[index] = at_w
            return


def _heed_minimum(room: Room, order: Sequence[int]) -> None:
    """Units below their minimum, least preferred first: hand their power to others, or raise them to it."""
    for index in reversed(order):
        power_w, least_w = room.powers_w[index], room.units[index].min_power_w
        may_be_off = room.lo_w[index] <= 0.0 <= room.hi_w[index]
        if not may_be_off or not 0.0 < abs(power_w) < least_w:
            continue
        up = power_w > 0
        others = [i for i in order if i != index and abs(room.powers_w[i]) >= room.units[i].min_power_w > 0]
        others += [i for i in order if i != index and room.units[i].min_power_w == 0.0]
        room.move(index, -power_w)
        if not room.put_if_allowed(room.powers_w):
            # What its phase demands, only units on that phase can take over.
            phase = room.phase_of(index)
            others = [i for i in others if phase is not None and room.phase_of(i) == phase]
        rest_w = in_order(room, abs(power_w), others, up=up)
        if rest_w > NOTHING_W:
            room.move(index, rest_w if up else -rest_w)


def stepped(power_w: float, unit: Unit, before_w: float = 0.0) -> float:
    """A power that the unit can run at, inside its box: the nearest, but for a unit's minimum.

    Below that it is off or at the minimum: whether it was on (`before_w`) decides where it turns.
    """
    if power_w == 0.0:
        return 0.0
    if abs(power_w) < unit.min_power_w:
        at_least_w = unit.min_power_w if power_w > 0 else -unit.min_power_w
        fits = unit.lo_w <= at_least_w <= unit.hi_w
        may_be_off = unit.lo_w <= 0.0 <= unit.hi_w
        turns_at = STOPS_BELOW if before_w * power_w > 0.0 else STARTS_AT
        if fits and (abs(power_w) >= turns_at * unit.min_power_w or not may_be_off):
            power_w = at_least_w
        elif may_be_off:
            power_w = 0.0
    stepped_w = round(power_w / unit.step_w) * unit.step_w
    lo_w, hi_w = unit.lo_w, unit.hi_w
    if not lo_w <= power_w <= hi_w:
        # Relief, which may use all that the battery can.
        lo_w, hi_w = min(unit.can_lo_w, power_w), max(unit.can_hi_w, power_w)
    if stepped_w > hi_w:
        stepped_w -= unit.step_w
    elif stepped_w < lo_w:
        stepped_w += unit.step_w
    return stepped_w if lo_w <= stepped_w <= hi_w else power_w
