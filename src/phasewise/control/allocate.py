"""The exact split of a wanted sum over the batteries.

In priority order, for units whose only common limit is the sum, filling one after the other is exactly
optimal: as much of the sum as the boxes allow, lexicographically in order. No solver, no iteration.
"""

from collections.abc import Sequence

from phasewise.control.limits import Unit


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


def split(wanted_w: float, units: Sequence[Unit], order: Sequence[int]) -> list[float]:
    """Power per unit, in the order of `units`, that adds up as near to `wanted_w` as the boxes allow.

    Every unit starts at the power nearest to 0 that its box allows; the rest goes to one unit after
    the other in `order`. Powers are multiples of each unit's step inside its box: at most one unit, the
    one that takes the remainder, is rounded, to the nearest step.
    """
    powers_w = [min(max(0.0, unit.lo_w), unit.hi_w) for unit in units]
    rest_w = wanted_w - sum(powers_w)
    for index in order:
        if rest_w == 0.0:
            break
        unit = units[index]
        at_w = min(max(powers_w[index] + rest_w, unit.lo_w), unit.hi_w)
        rest_w -= at_w - powers_w[index]
        powers_w[index] = at_w
    return [stepped(power_w, unit) for power_w, unit in zip(powers_w, units, strict=True)]


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
    if stepped_w > unit.hi_w:
        stepped_w -= unit.step_w
    elif stepped_w < unit.lo_w:
        stepped_w += unit.step_w
    return stepped_w if unit.lo_w <= stepped_w <= unit.hi_w else power_w
