"""The exact split of a wanted sum over the batteries.

In this order: the phases' boxes, then as much of the sum as possible, then the user's preference. Units on
one phase, all phases: nested sets, so filling one unit after the other (or all in proportion) is exactly
optimal, without a solver and without iteration. Units that take room on several phases (three-phase ones,
unassigned ones under worst-case) break the nesting: before such a unit or one beside it moves, it is asked
how much the rest could still deliver, and nobody moves so far that less is delivered in the end.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from msgspec import Struct

from phasewise.control.limits import Unit
from phasewise.control.protection import SHARES
from phasewise.control.room import NOTHING_W, THIRD, Limits, Room, Spent
from phasewise.model import PHASES, Split

FEW = 10
"""Up to so many units every set is tried for the fewest that can deliver; of more, the largest are taken."""
KEEP = 1.1
"""`efficient` does without a unit only where the others could give a tenth more: the noise of a house."""
ROOT_STEPS = 32
"""Halvings of a search: from any power of a house down to a fraction of `SLOPE_W`."""


SLOPE_W = 1e-4
"""Far below any step of a unit, far above rounding: which way a sum goes is seen over this."""
ENOUGH_W = 1e-7
"""Nothing is missing: the rounding of sums of sums."""
LEAST_COST = 0.1
"""A watt in the wrong place costs a third of a watt at least."""


LEAST_STEP_W = 1.0
"""No unit takes finer steps."""


class Orders(Struct, frozen=True):
    """Positions of the units, first to be used first."""

    up: Sequence[int]
    """To charge."""
    down: Sequence[int]
    """To discharge."""

    def of(self, *, up: bool) -> Sequence[int]:
        """The order in one direction."""
        return self.up if up else self.down


class Preference(Struct, frozen=True):
    """How power is divided when there is a choice."""

    orders: Orders
    split: Split = Split.PRIORITY
    own_w: tuple[float, float, float] | None = None
    """Load per phase, import positive, that the units on it are to serve first; None = no such wish."""
    sizes: Callable[[], Sequence[float]] | None = None
    """Each unit's part in a split in proportion, asked for only when there is one; None = the units' own."""
    in_use: int = 0
    """How many units work already: `efficient` keeps that number until a tenth less power is wanted."""


class Ground(Struct, frozen=True):
    """Where the units stand before anything is done for the wanted sum."""

    powers_w: list[float]
    relief_w: list[float]
    """What each unit does for its phase, because the phase must have it."""
    room: Room
    """Where these units take room, whatever their powers and boxes in it."""


class Shares(Struct, frozen=True):
    """Power per unit, in the order of the units."""

    powers_w: list[float]
    relief_w: list[float]
    """What each unit does for its phase, because the phase must have it."""


def ordered(ids: Sequence[str], priority: Sequence[str], *, charging: bool) -> list[int]:
    """Positions in `ids` in the order in which the batteries are used.

    `priority` names ids, first to charge first; those it does not name follow as listed. Discharging
    goes in reverse: what was charged first is kept longest.
    """
    if not priority:
        return list(range(len(ids))) if charging else list(range(len(ids) - 1, -1, -1))
    rank = {battery_id: index for index, battery_id in enumerate(priority)}
    order = sorted(range(len(ids)), key=lambda i: (rank.get(ids[i], len(rank)), i))
    return order if charging else order[::-1]


def exact(
    wanted_w: float,
    units: Sequence[Unit],
    orders: Orders,
    limits: Limits | None = None,
    split: Split = Split.PRIORITY,
) -> Shares:
    """The split, not rounded to what units can be set to."""
    room, ground = _filled(wanted_w, units, Preference(orders, split), limits)
    return Shares(room.powers_w, ground.relief_w)


def goal(
    wanted_w: float, units: Sequence[Unit], preference: Preference, limits: Limits | None = None
) -> list[float]:
    """The settled split, in powers that the units can be set to (steps, minimum power).

    It adds up as near to `wanted_w` as the boxes allow.
    """
    room, ground = _filled(wanted_w, units, preference, limits)
    return settle(room, preference.orders.of(up=wanted_w >= sum(ground.powers_w)))


def _filled(
    wanted_w: float, units: Sequence[Unit], preference: Preference, limits: Limits | None
) -> tuple[Room, Ground]:
    ground = ground_of(units, preference.orders, limits)
    rest_w = wanted_w - sum(ground.powers_w)
    room = one_way(units, ground, up=rest_w > 0)
    fill(room, rest_w, preference)
    return room, ground


def one_way(units: Sequence[Unit], ground: Ground, *, up: bool) -> Room:
    """The room above (or below) the ground: no unit goes the other way."""
    at_w = ground.powers_w
    if up:
        lo_w, hi_w = list(at_w), [max(w, unit.hi_w) for w, unit in zip(at_w, units, strict=True)]
    else:
        lo_w, hi_w = [min(w, unit.lo_w) for w, unit in zip(at_w, units, strict=True)], list(at_w)
    return ground.room.again(list(at_w), lo_w, hi_w)


# --- the ground: relief, and what units must do anyway -------------------------------------------


def ground_of(units: Sequence[Unit], orders: Orders, limits: Limits | None) -> Ground:
    """Each unit at the power nearest to 0 that its box allows, moved as far as its phase demands."""
    base_w = [unit.lo_w if unit.lo_w > 0.0 else (unit.hi_w if unit.hi_w < 0.0 else 0.0) for unit in units]
    if limits is None:
        return Ground(base_w, [0.0] * len(units), Room(units, base_w, base_w, base_w, None))
    powers_w, own_lo_w, own_hi_w = [], [], []
    for unit, rest_w in zip(units, base_w, strict=True):
        confined = limits.confines(unit)
        power_w = min(max(unit.at_w, unit.can_lo_w), unit.can_hi_w) if confined else rest_w
        powers_w.append(power_w)
        own_lo_w.append(unit.can_lo_w if unit.can_lo_w < power_w else power_w)
        own_hi_w.append(unit.can_hi_w if unit.can_hi_w > power_w else power_w)
    room = Room(units, powers_w, own_lo_w, own_hi_w, limits)
    relief_w = [0.0] * len(units)
    if any(_excess_w(room, limits, p) for p in range(3)):
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
    for up in (False, True):
        left_w = min(room.all_left_w(up=up))
        for index in orders.of(up=up):
            way_w = base_w[index] - room.powers_w[index]
            if index in room.confined and (way_w > 0) == up and way_w != 0.0:
                free_w = room.free_w(index, up=up)
                by_w = min(abs(way_w), free_w + left_w)
                left_w -= max(0.0, by_w - free_w)
                room.move(index, by_w if up else -by_w)


# --- the fill: the wanted sum -----------------------------------------------------------------


def fill(room: Room, rest_w: float, preference: Preference) -> float:
    """Move units by `rest_w` together, or as much of it as can be. Returns what could not be."""
    up = rest_w > 0
    order = preference.orders.of(up=up)
    need_w = abs(rest_w)
    if room.coupled:
        need_w = min(need_w, room.most_w(order, up=up))
    asked_w = abs(rest_w) - need_w
    if preference.own_w is not None:
        need_w = _own_first(room, need_w, preference.own_w, order, up=up)
    if preference.split is Split.PRIORITY:
        need_w = _in_order(room, need_w, order, up=up)
    else:
        if preference.split is Split.EFFICIENT:
            order = _fewest(room, need_w, order, preference.in_use, up=up)
        room.sizes = preference.sizes() if preference.sizes else [unit.size_w for unit in room.units]
        need_w = _in_proportion(room, need_w, order, up=up)
    left_w = need_w + asked_w
    return left_w if up else -left_w


def _in_order(room: Room, need_w: float, order: Sequence[int], *, up: bool) -> float:
    """One after the other, each as far as it can."""
    for position, index in enumerate(order):
        if need_w <= NOTHING_W:
            break
        by_w = min(room.can_w(index, up=up), need_w)
        if room.coupled:
            by_w = _keeping(room, index, by_w, need_w, order[position + 1 :], up=up)
        room.move(index, by_w if up else -by_w)
        need_w -= by_w
    return need_w


def _own_first(
    room: Room, need_w: float, load_w: Sequence[float], order: Sequence[int], *, up: bool
) -> float:
    """Units serve what their own phase draws (or has left over) before anything else."""
    open_w = [max(0.0, -w if up else w) for w in load_w]
    for phase, sum_w in enumerate(room.sums_w):
        open_w[phase] = max(0.0, open_w[phase] - abs(sum_w))
    for index in order:
        phase_of = room.units[index].phase.phase
        if phase_of is None or need_w <= NOTHING_W:
            continue
        by_w = min(room.can_w(index, up=up), need_w, open_w[phase_of.ordinal])
        if room.coupled:
            others = [i for i in order if i != index]
            by_w = _keeping(room, index, by_w, need_w, others, up=up)
        room.move(index, by_w if up else -by_w)
        open_w[phase_of.ordinal] -= by_w
        need_w -= by_w
    return need_w


def _keeping(room: Room, index: int, by_w: float, need_w: float, others: Sequence[int], *, up: bool) -> float:
    """The largest part of `by_w` after which the others can still deliver the rest of `need_w`."""
    if by_w <= 0.0:
        return 0.0
    free_w = room.free_w(index, up=up) if index in room.confined else 0.0

    def short_w(part_w: float) -> float:
        spent = _spent(room, index, part_w, free_w)
        return need_w - part_w - room.most_w(others, up=up, spent_w=spent)

    return by_w if short_w(by_w) <= ENOUGH_W else _root(short_w, by_w)


def _spent(room: Room, index: int, part_w: float, free_w: float) -> Spent:
    """The room that this part takes on each phase."""
    phase = room.phase_of(index)
    if phase is not None:
        return (part_w if phase == 0 else 0.0, part_w if phase == 1 else 0.0, part_w if phase == 2 else 0.0)
    if index in room.three:
        third_w = part_w * THIRD
        return (third_w, third_w, third_w)
    if index in room.confined:
        beyond_w = max(0.0, part_w - free_w)
        return (beyond_w, beyond_w, beyond_w)
    return (0.0, 0.0, 0.0)


def _root(short_w: Callable[[float], float], most_w: float) -> float:
    """The largest part below `most_w` at which nothing falls short, or where it falls short the least.

    What falls short is convex in the part: it may fall at first (the unit itself is needed) and rises in
    the end (it takes the room of others), so halving finds where it last leaves its least.
    """
    low_w, high_w = 0.0, most_w
    for _ in range(ROOT_STEPS):
        middle_w = (low_w + high_w) / 2.0
        here_w = short_w(middle_w)
        if here_w <= ENOUGH_W or here_w < short_w(max(0.0, middle_w - SLOPE_W)) - NOTHING_W:
            low_w = middle_w
        else:
            high_w = middle_w
    return _kink(short_w, low_w, most_w)


def _kink(short_w: Callable[[float], float], near_w: float, most_w: float) -> float:
    """Where two straight lines meet near a point: halving finds it only as well as a slope can be seen."""
    reach_w = 10.0 * SLOPE_W
    if not 2.0 * reach_w <= near_w <= most_w - 2.0 * reach_w:
        return near_w
    left_w, right_w = near_w - reach_w, near_w + reach_w
    left, right = short_w(left_w), short_w(right_w)
    rises_left = (left - short_w(left_w - reach_w)) / reach_w
    rises_right = (short_w(right_w + reach_w) - right) / reach_w
    if rises_right - rises_left < LEAST_COST:
        return near_w
    meet_w = (left - right + rises_right * right_w - rises_left * left_w) / (rises_right - rises_left)
    return meet_w if left_w <= meet_w <= right_w else near_w


def _in_proportion(room: Room, need_w: float, order: Sequence[int], *, up: bool) -> float:
    """All together, each in proportion to its size, until it or its phase can no more."""
    active = [i for i in order if room.can_w(i, up=up) > NOTHING_W]
    while active and need_w > NOTHING_W:
        level, stops = _next_stop(room, active, need_w, up=up)
        kept = _keeping_level(room, active, level, need_w, order, up=up) if room.coupled else level
        need_w -= _raise(room, active, kept, up=up)
        if kept < level:
            stops = _costly(room, active, order, up=up)
        active = [i for i in active if i not in stops and room.can_w(i, up=up) > NOTHING_W]
    return need_w


def _costly(room: Room, active: Sequence[int], order: Sequence[int], *, up: bool) -> list[int]:
    """Units that would cost deliverable power by going on, alone or else together."""
    before_w = room.most_w(order, up=up)

    def costs(index: int) -> bool:
        by_w = min(SLOPE_W, room.can_w(index, up=up))
        room.move(index, by_w if up else -by_w)
        lost_w = before_w - by_w - room.most_w(order, up=up)
        room.move(index, -by_w if up else by_w)
        return lost_w > by_w * LEAST_COST

    alone = [index for index in active if costs(index)]
    # Where only all together cost something, those that take room on several phases stop.
    return alone or [i for i in active if room.phase_of(i) is None] or list(active)


def _next_stop(room: Room, active: Sequence[int], need_w: float, *, up: bool) -> tuple[float, list[int]]:
    """Until which level all active units can go on together, and which ones stop there."""
    sizes_w = [room.sizes[i] for i in active]
    level, stops = need_w / sum(sizes_w), list(active)
    rates = [0.0, 0.0, 0.0]
    for index, size_w in zip(active, sizes_w, strict=True):
        phase = room.phase_of(index)
        free_w = room.free_w(index, up=up) if index in room.confined else 0.0
        if phase is not None:
            rates[phase] += size_w
        elif index in room.three:
            rates = [rate + size_w * THIRD for rate in rates]
        elif index in room.confined and free_w <= NOTHING_W:
            rates = [rate + size_w for rate in rates]
        own_w = room.own_w(index, up=up)
        if own_w / size_w < level:
            level, stops = own_w / size_w, [index]
        if NOTHING_W < free_w < own_w and free_w / size_w < level:
            # From here on it takes room of the phases: nobody stops, but the pace of the phases changes.
            level, stops = free_w / size_w, []
    if room.limits is not None:
        for p, rate in enumerate(rates):
            if rate > 0.0 and room.left_w(p, up=up) / rate < level:
                level = room.left_w(p, up=up) / rate
                stops = [i for i in active if _uses(room, i, p, up=up)]
    return level, stops


def _uses(room: Room, index: int, phase: int, *, up: bool) -> bool:
    """Whether moving this unit takes room on that phase."""
    if room.phase_of(index) is not None:
        return room.phase_of(index) == phase
    return index in room.three or (index in room.confined and room.free_w(index, up=up) <= NOTHING_W)


def _keeping_level(
    room: Room, active: Sequence[int], level: float, need_w: float, order: Sequence[int], *, up: bool
) -> float:
    """The highest level up to `level` after which the units can still deliver the rest of `need_w`."""
    size_w = sum([room.sizes[index] for index in active])

    def short_w(together_w: float) -> float:
        at = together_w / size_w
        moved_w = _raise(room, active, at, up=up)
        short = need_w - moved_w - room.most_w(order, up=up)
        _raise(room, active, -at, up=up)
        return short

    together_w = level * size_w
    return level if short_w(together_w) <= ENOUGH_W else _root(short_w, together_w) / size_w


def _raise(room: Room, active: Sequence[int], level: float, *, up: bool) -> float:
    """Move all active units by a level; returns the sum of the moves."""
    moved_w = 0.0
    for index in active:
        by_w = level * room.sizes[index]
        room.move(index, by_w if up else -by_w)
        moved_w += by_w
    return moved_w


def _fewest(room: Room, need_w: float, order: Sequence[int], in_use: int, *, up: bool) -> Sequence[int]:
    """The fewest units that can deliver it, earliest in the order among sets of that size.

    As many as work already go on until clearly fewer are enough: no relay clicks to and fro.
    """
    able = [i for i in order if room.can_w(i, up=up) > NOTHING_W]
    most_w = room.most_w(able, up=up)
    need_w = min(need_w, most_w)
    if need_w <= NOTHING_W:
        return []
    chosen = _set_of(room, able, need_w, 1, up=up)
    if in_use <= len(chosen):
        return chosen
    with_care = _set_of(room, able, min(KEEP * need_w, most_w), 1, up=up)
    return _set_of(room, able, need_w, min(in_use, len(with_care)), up=up)


def _set_of(room: Room, able: Sequence[int], need_w: float, least: int, *, up: bool) -> Sequence[int]:
    """The smallest set of no fewer units than `least` that can deliver it."""
    if len(able) <= FEW:
        for count in range(least, len(able)):
            for chosen in combinations(able, count):
                if room.most_w(chosen, up=up) >= need_w - NOTHING_W:
                    return chosen
        return able
    chosen_few: list[int] = []
    while len(chosen_few) < len(able) and (
        len(chosen_few) < least or room.most_w(chosen_few, up=up) < need_w - NOTHING_W
    ):
        rest = [i for i in able if i not in chosen_few]
        chosen_few.append(max(rest, key=lambda i: room.most_w([*chosen_few, i], up=up)))
    return sorted(chosen_few, key=able.index)


# --- what units can be set to --------------------------------------------------------------------


def settle(room: Room, order: Sequence[int]) -> list[float]:
    """Powers that the units can be set to, near those of the room: minimum power, steps, remainder.

    A unit is off or at least at its minimum; what it can't take goes to another. Steps are rounded, on a
    phase that has no room toward its safe side, and one unit takes the remainder.
    """
    if any(unit.min_power_w > 0.0 for unit in room.units):
        _heed_minimum(room, order)
    powers_w = [stepped(w, unit) for w, unit in zip(room.powers_w, room.units, strict=True)]
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
            others_w = [w for i, w in enumerate(powers_w) if room.phase_of(i) == phase and i != index]
            sum_w = sum(others_w) + powers_w[index] + by_w
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
        if room.limits is not None and not room.allows(room.powers_w):
            # What its phase demands, only units on that phase can take over.
            phase = room.phase_of(index)
            others = [i for i in others if phase is not None and room.phase_of(i) == phase]
        rest_w = _in_order(room, abs(power_w), others, up=up)
        if rest_w > NOTHING_W:
            room.move(index, rest_w if up else -rest_w)


def stepped(power_w: float, unit: Unit) -> float:
    """The nearest power that the unit can run at, inside its box."""
    if power_w == 0.0:
        return 0.0
    if abs(power_w) < unit.min_power_w:
        at_least_w = unit.min_power_w if power_w > 0 else -unit.min_power_w
        fits = unit.lo_w <= at_least_w <= unit.hi_w
        may_be_off = unit.lo_w <= 0.0 <= unit.hi_w
        if fits and (2 * abs(power_w) >= unit.min_power_w or not may_be_off):
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
