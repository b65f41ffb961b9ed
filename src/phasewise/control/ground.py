"""The ground that allocation stands on: relief, and what batteries must do anyway.

What a phase demands is met before anything is done for the wanted sum, by the units on it, then by
three-phase ones. Unassigned units under worst-case go home to where they belong, as far as that is safe
on every phase.
"""

from collections.abc import Sequence

from msgspec import Struct

from phasewise.control.limits import Unit
from phasewise.control.order import Orders
from phasewise.control.room import NOTHING_W, THIRD, Limits, Room, places_of


class Ground(Struct, frozen=True):
    """Where the units stand before anything is done for the wanted sum."""

    powers_w: list[float]
    relief_w: list[float]
    """What each unit does for its phase, because the phase must have it."""
    room: Room
    """Where these units take room, whatever their powers and boxes in it."""


def ground_of(units: Sequence[Unit], orders: Orders, limits: Limits | None) -> Ground:
    """Each unit at the power nearest to 0 that its box allows, moved as far as its phase demands."""
    base_w = [unit.lo_w if unit.lo_w > 0.0 else (unit.hi_w if unit.hi_w < 0.0 else 0.0) for unit in units]
    if limits is None:
        return Ground(base_w, [0.0] * len(units), Room(units, base_w, base_w, base_w, None))
    places = places_of(tuple([unit.phase for unit in units]), limits.worst_case)
    powers_w = list(base_w)
    for index in places.confined:
        powers_w[index] = min(max(units[index].at_w, units[index].can_lo_w), units[index].can_hi_w)
    own_lo_w, own_hi_w = [], []
    for unit, power_w in zip(units, powers_w, strict=True):
        own_lo_w.append(unit.can_lo_w if unit.can_lo_w < power_w else power_w)
        own_hi_w.append(unit.can_hi_w if unit.can_hi_w > power_w else power_w)
    room = Room(units, powers_w, own_lo_w, own_hi_w, limits, places)
    relief_w = [0.0] * len(units)
    if not room.inside:
        before_w = list(powers_w)
        _relieve(room, limits, orders)
        relief_w = [after - before for after, before in zip(room.powers_w, before_w, strict=True)]
        # What relief left outside stays outside, but is not to be made worse.
        room = room.again(room.powers_w, own_lo_w, own_hi_w)
    if room.confined:
        _go_home(room, base_w, orders)
    return Ground(room.powers_w, relief_w, room)


def _excess_w(room: Room, limits: Limits, phase: int) -> float:
    """By how much the units on a phase are above its box (> 0) or below it (< 0)."""
    box = limits.boxes[phase]
    if box is None:
        return 0.0
    sum_w = room.sums_w[phase]
    if sum_w > box.hi_w:
        return sum_w - box.hi_w
    return sum_w - box.lo_w if sum_w < box.lo_w else 0.0


def _relieve(room: Room, limits: Limits, orders: Orders) -> None:
    """Move what is on each phase into its box: its own units first, three-phase ones for what is left."""
    if room.three:
        _relieve_with_three(room, limits, orders)
    for phase in range(3):
        excess_w = _excess_w(room, limits, phase)
        up = excess_w < 0
        for index in orders.of(up=up):
            if excess_w == 0.0:
                break
            if room.phase_of(index) == phase:
                by_w = min(abs(excess_w), room.own_w(index, up=up))
                by_w = by_w if up else -by_w
                room.move(index, by_w)
                excess_w += by_w


def _relieve_with_three(room: Room, limits: Limits, orders: Orders) -> None:
    """Move three-phase units as little as leaves the least violation once the others do what they can."""
    reach = []
    for phase, box in enumerate(limits.boxes):
        if box is not None:
            on_it = [i for i in range(len(room.units)) if room.phase_of(i) == phase]
            least_w = room.sums_w[phase] - sum([room.own_w(i, up=False) for i in on_it])
            most_w = room.sums_w[phase] + sum([room.own_w(i, up=True) for i in on_it])
            reach.append((least_w - box.hi_w, box.lo_w - most_w))

    def violation_w(by_w: float) -> float:
        third_w = by_w * THIRD
        return sum([max(0.0, over_w + third_w, under_w - third_w) for over_w, under_w in reach])

    down_w = -sum([room.own_w(i, up=False) for i in room.three])
    up_w = sum([room.own_w(i, up=True) for i in room.three])
    best_w = 0.0
    least_w = violation_w(0.0)
    kinks = [down_w, up_w, *(-3.0 * over for over, _ in reach), *(3.0 * under for _, under in reach)]
    for by_w in sorted([w for w in kinks if down_w <= w <= up_w], key=abs):
        at_w = violation_w(by_w)
        if at_w < least_w - NOTHING_W:
            best_w, least_w = by_w, at_w
    for index in orders.of(up=best_w > 0):
        if index in room.three and best_w != 0.0:
            by_w = min(abs(best_w), room.own_w(index, up=best_w > 0))
            by_w = by_w if best_w > 0 else -by_w
            room.move(index, by_w)
            best_w -= by_w


def _go_home(room: Room, base_w: Sequence[float], orders: Orders) -> None:
    """Bring confined units from what they do to where they belong, as far as is safe on every phase."""
    falling = [i for i in room.confined if base_w[i] < room.powers_w[i]]
    rising = [i for i in room.confined if base_w[i] > room.powers_w[i]]
    for up, going in ((False, falling), (True, rising)):
        if not going:
            continue
        left_w = min(room.all_left_w(up=up))
        for index in orders.of(up=up):
            if index in going:
                way_w = base_w[index] - room.powers_w[index]
                free_w = room.free_w(index, up=up)
                by_w = min(abs(way_w), free_w + left_w)
                left_w -= max(0.0, by_w - free_w)
                room.move(index, by_w if up else -by_w)
