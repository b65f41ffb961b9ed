"""From the setpoints in force to the next ones: the same sum as wanted, reached as fast as can be.

The settled split follows the user's preference (`allocate.split`). But a battery needs seconds to ramp by
kilowatts, and several that share a large step arrive in a fraction of the time. So a large step is shared
by all, and once the house has been quiet, power is handed over to the preferred units in small portions that
leave the sum alone.
"""

from collections.abc import Sequence

from phasewise.control.allocate import split, stepped
from phasewise.control.limits import Unit
from phasewise.model.memory import SteerMemory

SHARE_W = 750.0
"""A kettle or a hob; less is not worth waking other units."""
QUIET_S = 25.0
"""Longer than the cycle of a pulsing hob, which would otherwise find the power gathered again each time."""
HANDOVER_W = 250.0
HANDOVER_EVERY_S = 5.0
"""Each portion costs two writes. Two units of unlike dead time show a bump of one portion for as long as
they differ."""

NEGLIGIBLE_W = 0.5
"""Less than the step of any unit."""


def steer(
    wanted_w: float,
    units: Sequence[Unit],
    order: Sequence[int],
    before_w: Sequence[float],
    memory: SteerMemory,
    now_s: float,
) -> tuple[list[float], SteerMemory]:
    """Next power per unit, in the order of `units`, that adds up as near to `wanted_w` as the boxes allow.

    `order` as for `split`: first to be used first. `before_w`: the setpoints in force.
    """
    look = now_s - memory.looked_s >= HANDOVER_EVERY_S
    if not look and abs(wanted_w - sum(before_w)) <= NEGLIGIBLE_W and _fits(before_w, units):
        return list(before_w), memory
    forced_w = sum(min(max(0.0, unit.lo_w), unit.hi_w) for unit in units)
    boxes = [_one_way(unit, wanted_w - forced_w) for unit in units]
    powers_w = [min(max(w, lo_w), hi_w) for w, (lo_w, hi_w) in zip(before_w, boxes, strict=True)]
    if abs(wanted_w - sum(before_w)) >= SHARE_W:
        _share(wanted_w - sum(powers_w), powers_w, boxes)
        powers_w = [stepped(w, unit) for w, unit in zip(powers_w, units, strict=True)]
        look, memory = False, SteerMemory(looked_s=now_s + QUIET_S - HANDOVER_EVERY_S)
    rest_w = wanted_w - sum(powers_w)
    grows = (wanted_w - forced_w) * rest_w > 0
    _follow(rest_w, powers_w, boxes, order if grows else order[::-1])
    if look:
        _hand_over(powers_w, split(sum(powers_w), units, order), order)
        memory = SteerMemory(looked_s=now_s)
    return [stepped(w, unit) for w, unit in zip(powers_w, units, strict=True)], memory


def _fits(powers_w: Sequence[float], units: Sequence[Unit]) -> bool:
    return all(unit.lo_w <= w <= unit.hi_w for w, unit in zip(powers_w, units, strict=True))


def _one_way(unit: Unit, free_w: float) -> tuple[float, float]:
    """The unit's box without the direction that is not wanted, so that no unit works against another.

    `free_w`: the wanted sum without what units must do anyway (a held power, the sun on a full one).
    """
    if free_w >= 0:
        return min(max(unit.lo_w, 0.0), unit.hi_w), unit.hi_w
    return unit.lo_w, max(min(unit.hi_w, 0.0), unit.lo_w)


def _share(rest_w: float, powers_w: list[float], boxes: Sequence[tuple[float, float]]) -> None:
    """Add the rest in equal parts, as far as the boxes allow."""
    open_units = list(range(len(powers_w)))
    while open_units and abs(rest_w) > 1e-6:
        part_w = rest_w / len(open_units)
        still_open = []
        for index in open_units:
            lo_w, hi_w = boxes[index]
            at_w = min(max(powers_w[index] + part_w, lo_w), hi_w)
            if at_w == powers_w[index] + part_w:
                still_open.append(index)
            rest_w -= at_w - powers_w[index]
            powers_w[index] = at_w
        if len(still_open) == len(open_units):
            return
        open_units = still_open


def _follow(
    rest_w: float, powers_w: list[float], boxes: Sequence[tuple[float, float]], order: Sequence[int]
) -> None:
    """Add the rest to one unit after the other."""
    for index in order:
        if rest_w == 0.0:
            return
        lo_w, hi_w = boxes[index]
        at_w = min(max(powers_w[index] + rest_w, lo_w), hi_w)
        rest_w -= at_w - powers_w[index]
        powers_w[index] = at_w


def _hand_over(powers_w: list[float], goal_w: Sequence[float], order: Sequence[int]) -> None:
    """Move one portion from the least preferred unit that has too much to the most preferred that lacks."""
    sign = 1.0 if sum(goal_w) >= 0 else -1.0
    lacking = [i for i in order if (goal_w[i] - powers_w[i]) * sign > 0]
    having = [i for i in reversed(order) if (powers_w[i] - goal_w[i]) * sign > 0]
    if not lacking or not having:
        return
    to, source = lacking[0], having[0]
    portion_w = min(
        HANDOVER_W, (goal_w[to] - powers_w[to]) * sign, (powers_w[source] - goal_w[source]) * sign
    )
    powers_w[to] += sign * portion_w
    powers_w[source] -= sign * portion_w
