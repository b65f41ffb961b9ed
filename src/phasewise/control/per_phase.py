"""Regulation phase by phase, for those who are billed per phase.

Each phase is driven to its own target, `target_grid_w` divided by the number of phases, with the batteries
on it; batteries on different phases may work in opposite directions. Three-phase batteries, which can't
tell the phases apart, serve the sum of what the phases want, a third each; those of a single phase do the
rest. Unassigned batteries rest: nobody knows which phase they would help or harm. Fuses come first here as
everywhere: every phase's box holds as it does for the total.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.estimate import Load
from phasewise.control.ground import Ground, ground_of
from phasewise.control.guard import Guard
from phasewise.control.limits import Unit, beside_held
from phasewise.control.order import Orders, Preference
from phasewise.control.protection import SHARES, PhaseBox
from phasewise.control.reasons import reasons
from phasewise.control.regulate import regulate
from phasewise.control.room import THIRD, Limits
from phasewise.control.steer import Steered, steer
from phasewise.model import PHASES, Assignment, Intent, Reason, ReasonCode, Regulate, Settings, Snapshot
from phasewise.model.memory import PerPhaseMemory, RegulateMemory, SteerMemory

SINGLE = (Assignment.L1, Assignment.L2, Assignment.L3)
Wishes = tuple[float, ...]
"""What the batteries of L1, L2 and L3 should do, charging positive."""


class Outcome(Struct, frozen=True):
    """What each battery gets, and why, in the order of the units."""

    steered: Steered
    reasons: tuple[tuple[Reason, ...], ...]
    wanted_w: float
    """Of all phases that have a battery."""


def applies(settings: Settings, intent: Intent, guarded: Guard) -> bool:
    """Whether phases are regulated one by one now: a strategy that names a power has no target per phase."""
    return (
        settings.control.regulate is Regulate.PER_PHASE
        and not intent.stop
        and intent.battery_power_w is None
        and any(seen.load_w is not None for seen in guarded.views)
    )


def resting(units: Sequence[Unit]) -> list[Unit]:
    """The units with the unassigned ones at rest, or as near to it as they can be."""
    found = []
    for unit in units:
        if unit.phase is Assignment.UNASSIGNED and unit.lo_w < unit.hi_w:
            rest_w = min(max(0.0, unit.lo_w), unit.hi_w)
            code = ReasonCode.UNASSIGNED
            found.append(replace(unit, lo_w=rest_w, hi_w=rest_w, lo_code=code, hi_code=code))
        else:
            found.append(unit)
    return found


def wishes(
    intent: Intent, load: Load, guarded: Guard, memory: PerPhaseMemory, snapshot: Snapshot
) -> tuple[Wishes, tuple[RegulateMemory, ...]]:
    """What each phase wants of its batteries, and what to remember. Where the load is unknown: nothing."""
    target_w = (intent.grid_target_w or 0.0) / len(guarded.views)
    found, regulated = [], []
    for index, seen in enumerate(guarded.views):
        before = memory.regulate[index] if index < len(memory.regulate) else RegulateMemory()
        if seen.load_w is None:
            found.append(0.0)
            regulated.append(RegulateMemory())
            continue
        # How fast the load of one phase rises is not known: only the total is watched for slopes.
        of_phase = replace(load, power_w=seen.load_w, slope_w_s=0.0)
        aim = replace(intent, grid_target_w=target_w)
        wanted_w, after = regulate(aim, of_phase, before, snapshot.time_s, snapshot.grid_cadence_s)
        found.append(wanted_w)
        regulated.append(after)
    return tuple(found), tuple(regulated)


def split(
    wanted_w: Wishes,
    units: Sequence[Unit],
    prefers: Mapping[bool, Preference],
    before_w: Sequence[float],
    memory: PerPhaseMemory,
    *,
    load: Load,
    limits: Limits | None,
    now_s: float,
) -> tuple[Outcome, PerPhaseMemory]:
    """Three-phase batteries first, then phase by phase, each group as the total would be split.

    `prefers`: preferences for going up (True) and down.
    """
    ground = ground_of(units, prefers[True].orders, limits)
    powers_w, done = list(ground.powers_w), []
    why = [_standing(unit, power_w) for unit, power_w in zip(units, powers_w, strict=True)]
    steering = list(memory.steer) or [SteerMemory()] * (1 + len(PHASES))
    asked_w = three_w = 0.0
    for position, assignment in enumerate((Assignment.THREE_PHASE, *SINGLE[: len(wanted_w)])):
        members = [index for index, unit in enumerate(units) if unit.phase is assignment]
        if not members:
            continue
        of_group = [units[i] for i in members]
        wish_w = wanted_w[position - 1] - three_w * THIRD if position else sum(wanted_w)
        wish_w = beside_held(wish_w, of_group)
        steered, steering[position] = steer(
            wish_w,
            of_group,
            _preference(prefers[wish_w > 0.0], members),
            [before_w[i] for i in members],
            steering[position],
            now_s,
            limits=_limits(limits, units, powers_w, members, ground),
            powers=[load.batteries[i] for i in members],
        )
        if not position:
            # What three-phase batteries can't do of it, those of the phases are asked for.
            three_w = wish_w = sum(steered.powers_w)
        asked_w += wish_w
        of_reasons = reasons(of_group, steered, wish_w)
        for index, power_w, because in zip(members, steered.powers_w, of_reasons, strict=True):
            powers_w[index], why[index] = power_w, because
        done.append((members, steered))
    together = _together(units, powers_w, ground, done, up=asked_w >= 0.0)
    return Outcome(together, tuple(why), asked_w), PerPhaseMemory(memory.regulate, tuple(steering))


def _standing(unit: Unit, power_w: float) -> tuple[Reason, ...]:
    """What keeps a unit out altogether: what it does all the same, no phase wants."""
    return (Reason(unit.lo_code, power_w, unit.for_phase),) if unit.lo_w == unit.hi_w else ()


def _together(
    units: Sequence[Unit],
    powers_w: list[float],
    ground: Ground,
    done: Sequence[tuple[Sequence[int], Steered]],
    *,
    up: bool,
) -> Steered:
    """What was found group by group, as one."""
    relief_w = list(ground.relief_w)
    for members, steered in done:
        for index, power_w in zip(members, steered.relief_w, strict=True):
            relief_w[index] = power_w
    held = sorted([members[local] for members, steered in done for local in steered.held])
    waiting = [members[local] for members, steered in done for local in steered.waiting]
    least_w = [min(unit.lo_w, w) for unit, w in zip(units, powers_w, strict=True)]
    most_w = [max(unit.hi_w, w) for unit, w in zip(units, powers_w, strict=True)]
    room = ground.room.again(list(powers_w), least_w, most_w)
    return Steered(powers_w, relief_w, room, up, tuple(held), frozenset(waiting))


def _preference(preference: Preference, members: Sequence[int]) -> Preference:
    """The same for a part of the units, by their places in it."""
    place = {index: local for local, index in enumerate(members)}
    orders, sizes = preference.orders, preference.sizes

    def of_members() -> list[float]:
        every = sizes() if sizes is not None else ()
        return [every[i] for i in members]

    return replace(
        preference,
        orders=Orders(
            [place[i] for i in orders.up if i in place], [place[i] for i in orders.down if i in place]
        ),
        own_w=None,
        sizes=None if sizes is None else of_members,
    )


def _limits(
    limits: Limits | None,
    units: Sequence[Unit],
    powers_w: Sequence[float],
    members: Sequence[int],
    ground: Ground,
) -> Limits | None:
    """What the phases leave to these units beside all others."""
    if limits is None:
        return None
    inside = set(members)
    over_w, under_w = (ground.room.strayed_w(up=up) if ground.room.confined else 0.0 for up in (True, False))
    boxes: list[PhaseBox | None] = []
    for phase, box in enumerate(limits.boxes):
        others_w = sum(
            [
                SHARES[unit.phase][phase] * w
                for i, (unit, w) in enumerate(zip(units, powers_w, strict=True))
                if i not in inside
            ]
        )
        if box is None:
            boxes.append(None)
            continue
        hi_w = box.hi_w - others_w - over_w
        boxes.append(PhaseBox(min(box.lo_w - others_w + under_w, hi_w), hi_w))
    return Limits((boxes[0], boxes[1], boxes[2]), worst_case=False)
