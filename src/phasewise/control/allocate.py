"""The exact split of a wanted sum over the batteries.

In this order: the phases' boxes (`ground`), then as much of the sum as possible, then the user's preference
(`fill`), then what units can be set to (`settle`).
"""

from collections.abc import Sequence

from msgspec import Struct

from phasewise.control.fill import fill
from phasewise.control.ground import Ground, ground_of
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.room import Limits, Room
from phasewise.control.settle import settle
from phasewise.model import Split


class Shares(Struct, frozen=True):
    """Power per unit, in the order of the units."""

    powers_w: list[float]
    relief_w: list[float]
    """What each unit does for its phase, because the phase must have it."""


def exact(
    wanted_w: float,
    units: Sequence[Unit],
    orders: Orders,
    limits: Limits | None = None,
    split: Split = Split.PRIORITY,
) -> Shares:
    """The split, not rounded to what units can be set to."""
    ground = ground_of(units, orders, limits)
    room = _filled(wanted_w, units, ground, Preference(orders, split))
    return Shares(room.powers_w, ground.relief_w)


def goal(
    wanted_w: float,
    units: Sequence[Unit],
    preference: Preference,
    limits: Limits | None = None,
    before_w: Sequence[float] = (),
) -> list[float]:
    """The settled split, in powers that the units can be set to (steps, minimum power).

    It adds up as near to `wanted_w` as the boxes allow. `before_w`: the setpoints in force.
    """
    return goal_above(ground_of(units, preference.orders, limits), wanted_w, units, preference, before_w)


def goal_above(
    ground: Ground,
    wanted_w: float,
    units: Sequence[Unit],
    preference: Preference,
    before_w: Sequence[float] = (),
) -> list[float]:
    """The same, where the ground is known already."""
    room = _filled(wanted_w, units, ground, preference)
    return settle(room, preference.orders.of(up=wanted_w >= sum(ground.powers_w)), before_w)


def _filled(wanted_w: float, units: Sequence[Unit], ground: Ground, preference: Preference) -> Room:
    rest_w = wanted_w - sum(ground.powers_w)
    room = one_way(units, ground, up=rest_w > 0)
    fill(room, rest_w, preference)
    return room


def one_way(units: Sequence[Unit], ground: Ground, *, up: bool) -> Room:
    """The room above (or below) the ground: no unit goes the other way."""
    at_w = ground.powers_w
    if up:
        lo_w, hi_w = list(at_w), [u.hi_w if u.hi_w > w else w for w, u in zip(at_w, units, strict=True)]
    else:
        lo_w, hi_w = [u.lo_w if u.lo_w < w else w for w, u in zip(at_w, units, strict=True)], list(at_w)
    return ground.room.above_or_below(lo_w, hi_w)
