"""From the setpoints in force to the next ones: the same sum as wanted, reached as fast as can be.

The settled split follows the user's preference (`allocate.goal`). But a battery needs seconds to ramp by
kilowatts, and several that share a large step arrive in a fraction of the time. So a large step is shared
by all, and once the house has been quiet, power is handed over to the preferred units in small portions that
leave the sum alone. What a phase demands never waits: it is met first, with every new sample.
"""

from collections.abc import Sequence

from msgspec import Struct

from phasewise.control.allocate import goal_above, one_way
from phasewise.control.estimate import BatteryPower
from phasewise.control.fill import fill
from phasewise.control.ground import Ground, ground_of
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.room import NOTHING_W, Limits, Room
from phasewise.control.settle import settle
from phasewise.model.memory import SteerMemory

SHARE_W = 750.0
"""A kettle or a hob; less is not worth waking other units."""
QUIET_S = 25.0
"""Longer than the cycle of a pulsing hob, which would otherwise find the power gathered again each time."""
HANDOVER_W = 250.0
HANDOVER_EVERY_S = 5.0
"""Each portion costs two writes. Two units of unlike dead time show a bump of one portion for as long as
they differ."""
OWN_LEAST_W = 50.0
"""What a phase draws changes all the time: serving it by its own units is not worth a write for less."""
OTHER_WAY_W = 60.0
"""A unit that was read at rest may run at up to 50 W either way."""
TURN_AT_MOST_S = 15.0
"""The slowest unit has turned by then; one that has not does not obey, which is for `health`."""

NEGLIGIBLE_W = 0.5
"""Less than the step of any unit."""


class Steered(Struct, frozen=True):
    """The next powers, and why they are not other ones."""

    powers_w: list[float]
    relief_w: list[float]
    """What each unit does for its phase, charging positive."""
    room: Room
    """At these powers."""
    up: bool
    """Whether units were to go up from where they must be."""
    held: tuple[int, ...] = ()
    """Units that a phase keeps from going on the way that is wanted."""
    waiting: frozenset[int] = frozenset()
    """Units that wait for others to stop working the other way."""


def begin(
    wanted_w: float, units: Sequence[Unit], preference: Preference, limits: Limits | None = None
) -> Steered:
    """The first powers: the settled split, at once."""
    ground = ground_of(units, preference.orders, limits)
    up = wanted_w >= sum(ground.powers_w)
    room = one_way(units, ground, up=up)
    fill(room, wanted_w - sum(room.powers_w), preference)
    return _done(room, ground, preference.orders, up=up)


def _done(
    room: Room,
    ground: Ground,
    orders: Orders,
    before_w: Sequence[float] = (),
    waiting: frozenset[int] = frozenset(),
    *,
    up: bool,
) -> Steered:
    powers_w = settle(room, orders.of(up=up), before_w)
    room.put(powers_w)
    return Steered(powers_w, ground.relief_w, room, up, room.held(up=up), waiting)


def steer(
    wanted_w: float,
    units: Sequence[Unit],
    preference: Preference,
    before_w: Sequence[float],
    memory: SteerMemory,
    now_s: float,
    *,
    limits: Limits | None = None,
    powers: Sequence[BatteryPower | None] = (),
) -> tuple[Steered, SteerMemory]:
    """Next power per unit, in the order of `units`, that adds up as near to `wanted_w` as the boxes allow.

    `before_w`: the setpoints in force. `powers`: what each unit may be doing now; None or nothing where
    that is not known.
    """
    passed_s = now_s - memory.looked_s
    look = passed_s >= HANDOVER_EVERY_S and passed_s >= _pace_s(units)
    off_w = wanted_w - sum(before_w)
    ground = ground_of(units, preference.orders, limits)
    up = wanted_w >= sum(ground.powers_w)
    room = one_way(units, ground, up=up)
    if not look and abs(off_w) <= NEGLIGIBLE_W and _stays(before_w, room, ground):
        at_rest = memory if memory.turning_s is None else SteerMemory(memory.looked_s)
        return Steered(list(before_w), ground.relief_w, room, up, room.held(up=up)), at_rest
    waiting, memory = _turn(room, ground, before_w, powers, memory, now_s, up=up)
    order = preference.orders.of(up=up)
    if abs(off_w) >= SHARE_W and preference.own_w is not None:
        fill(room, wanted_w - sum(room.powers_w), preference)
        memory = SteerMemory(now_s, memory.turning_s)
        return _done(room, ground, preference.orders, before_w, waiting, up=up), memory
    _keep(room, before_w, order)
    if abs(off_w) >= SHARE_W:
        _share(room, wanted_w - sum(room.powers_w))
        room.put(settle(room, order, before_w))
        look, memory = False, SteerMemory(now_s + QUIET_S - HANDOVER_EVERY_S, memory.turning_s)
    rest_w = wanted_w - sum(room.powers_w)
    _follow(room, rest_w, order if (rest_w > 0) == up else order[::-1])
    if room.coupled and abs(wanted_w - sum(room.powers_w)) > NEGLIGIBLE_W:
        # Who goes first decides how much goes: only the exact split is sure to find the most.
        room = one_way(units, ground, up=up)
        _hold_back(room, waiting, before_w, up=up)
        fill(room, wanted_w - sum(room.powers_w), preference)
    elif look:
        goal_w = goal_above(ground, sum(room.powers_w), units, preference, before_w)
        _hand_over(room, goal_w, order, up=up, least_w=0.0 if preference.own_w is None else OWN_LEAST_W)
        memory = SteerMemory(now_s, memory.turning_s)
    return _done(room, ground, preference.orders, before_w, waiting, up=up), memory


def _pace_s(units: Sequence[Unit]) -> float:
    """Time between portions.

    Of two units that can't be told at any time, one may be told a whole interval after the other, and the
    next portion waits until that has shown.
    """
    return HANDOVER_EVERY_S + 2.0 * max([unit.write_interval_s for unit in units], default=0.0)


def _stays(powers_w: Sequence[float], room: Room, ground: Ground) -> bool:
    """Leave these powers if units' boxes, and what phases demand now, still allow them."""
    for index, power_w in enumerate(powers_w):
        if not room.lo_w[index] <= power_w <= room.hi_w[index]:
            # Relief was rounded to what the unit can be set to, toward the safe side.
            slack_w = room.units[index].step_w if ground.relief_w[index] else 0.0
            if not room.lo_w[index] - slack_w <= power_w <= room.hi_w[index] + slack_w:
                return False
    return room.put_if_allowed(powers_w)


def _turn(
    room: Room,
    ground: Ground,
    before_w: Sequence[float],
    powers: Sequence[BatteryPower | None],
    memory: SteerMemory,
    now_s: float,
    *,
    up: bool,
) -> tuple[frozenset[int], SteerMemory]:
    """Let no unit begin to work one way while another may still work the other way.

    Relief is exempt, and so is a unit that turns by itself, alone.
    """
    way = 1.0 if up else -1.0
    turning = [
        index
        for index, power in enumerate(powers)
        if power is not None
        and not ground.relief_w[index]
        and ground.powers_w[index] * way >= 0.0
        and (before_w[index] * way < 0.0 or (power.now_lo_w if up else -power.now_hi_w) < -OTHER_WAY_W)
    ]
    if not turning:
        return frozenset(), memory if memory.turning_s is None else SteerMemory(memory.looked_s)
    since_s = now_s if memory.turning_s is None else memory.turning_s
    memory = SteerMemory(memory.looked_s, since_s)
    if now_s - since_s > TURN_AT_MOST_S:
        return frozenset(), memory
    waiting = frozenset([i for i in range(len(before_w)) if turning != [i] and before_w[i] * way <= 0.0])
    _hold_back(room, waiting, before_w, up=up)
    return waiting, memory


def _hold_back(room: Room, waiting: frozenset[int], before_w: Sequence[float], *, up: bool) -> None:
    """Those that wait go no further than to rest."""
    for index in waiting:
        at_w = room.powers_w[index]
        if up:
            room.hi_w[index] = min(room.hi_w[index], max(at_w, 0.0))
        else:
            room.lo_w[index] = max(room.lo_w[index], min(at_w, 0.0))


def _keep(room: Room, before_w: Sequence[float], order: Sequence[int]) -> None:
    """Go back to the setpoints in force, as far as boxes and phases allow it now, most preferred first."""
    for index in order:
        by_w = min(max(before_w[index], room.lo_w[index]), room.hi_w[index]) - room.powers_w[index]
        if by_w:
            can_w = room.can_w(index, up=by_w > 0)
            room.move(index, min(by_w, can_w) if by_w > 0 else max(by_w, -can_w))


def _share(room: Room, rest_w: float) -> None:
    """Add the rest in equal parts, as far as boxes and phases allow."""
    up = rest_w > 0
    open_units = list(range(len(room.powers_w)))
    while open_units and abs(rest_w) > NOTHING_W:
        part_w = abs(rest_w) / len(open_units)
        still_open = []
        for index in open_units:
            by_w = min(part_w, room.can_w(index, up=up))
            if by_w == part_w:
                still_open.append(index)
            by_w = by_w if up else -by_w
            rest_w -= by_w
            room.move(index, by_w)
        if len(still_open) == len(open_units):
            return
        open_units = still_open


def _follow(room: Room, rest_w: float, order: Sequence[int]) -> None:
    """Add the rest to one unit after the other."""
    up = rest_w > 0
    for index in order:
        if abs(rest_w) <= NOTHING_W:
            return
        by_w = min(abs(rest_w), room.can_w(index, up=up))
        by_w = by_w if up else -by_w
        rest_w -= by_w
        room.move(index, by_w)


def _hand_over(
    room: Room, goal_w: Sequence[float], order: Sequence[int], *, up: bool, least_w: float
) -> None:
    """Move one portion from the least preferred unit that has too much to the most preferred that lacks.

    The taker is told to take in the same decision in which the giver is told to give: at most a portion is
    ever missing or too much, for as long as the two differ in dead time (docs/decisions/0010).
    """
    way = 1.0 if up else -1.0
    lacking = [i for i in order if (goal_w[i] - room.powers_w[i]) * way > least_w]
    having = [i for i in reversed(order) if (room.powers_w[i] - goal_w[i]) * way > least_w]
    for to in lacking:
        for source in having:
            lacks_w, has_w = goal_w[to] - room.powers_w[to], room.powers_w[source] - goal_w[source]
            most_w = min(HANDOVER_W, lacks_w * way, has_w * way)
            given_w = min(most_w, room.can_w(source, up=not up))
            room.move(source, -way * given_w)
            taken_w = min(given_w, room.can_w(to, up=up))
            room.move(to, way * taken_w)
            room.move(source, way * (given_w - taken_w))
            if taken_w > NOTHING_W:
                return
