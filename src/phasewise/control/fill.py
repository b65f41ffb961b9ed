"""Filling: as much of a wanted sum as the units can take, divided by preference.

Units on one phase, all phases: nested sets, so filling one unit after the other (or all in proportion) is
exactly optimal, without a solver. Units that take room on several phases break the nesting: before such a
unit or one beside it moves, it is asked how much the rest could still deliver, and nobody moves so far
that less is delivered in the end.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

from phasewise.control.order import Preference
from phasewise.control.room import NOTHING_W, THIRD, Room, Spent
from phasewise.model import Split

FEW = 10
"""Up to so many units every set is tried for the fewest that can deliver; of more, the largest are taken."""
KEEP = 1.1
"""`efficient` does without a unit only where the others could give a tenth more: the noise of a house."""
ROOT_STEPS = 32
"""Halvings of a search: from any power of a house down to a fraction of `SLOPE_W`."""
SLOPE_W = 1e-4
"""Far below any step of a unit, far above rounding: which way a sum goes is seen over this."""
ENOUGH_W = 1e-8
"""Nothing is missing: the rounding of sums of sums."""
LEAST_COST = 0.1
"""A watt in the wrong place costs a third of a watt at least."""


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
        need_w = in_order(room, need_w, order, up=up)
    else:
        if preference.split is Split.EFFICIENT:
            order = _fewest(room, need_w, order, preference.in_use, up=up)
        room.sizes = preference.sizes() if preference.sizes else [unit.size_w for unit in room.units]
        need_w = _in_proportion(room, need_w, order, up=up)
    left_w = need_w + asked_w
    return left_w if up else -left_w


def in_order(room: Room, need_w: float, order: Sequence[int], *, up: bool) -> float:
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
