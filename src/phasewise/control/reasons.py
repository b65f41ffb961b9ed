"""Why a battery gets what it gets: watts given minus watts wanted, each with a name.

Over all batteries the reasons' power adds up, to the watt, to what was given minus what was wanted.
"""

from collections.abc import Sequence

from phasewise.control.limits import Unit
from phasewise.control.room import Room
from phasewise.control.steer import Steered
from phasewise.model import PHASES, Reason, ReasonCode

WORTH_SAYING_W = 1.0
"""Smaller differences are rounding."""


def idle_reasons(units: Sequence[Unit], idle: ReasonCode) -> list[tuple[Reason, ...]]:
    """Reasons per unit while all are to be at 0 W."""
    return [(Reason(u.lo_code if u.lo_w == u.hi_w and not u.commandable else idle),) for u in units]


def reasons(units: Sequence[Unit], steered: Steered, wanted_w: float) -> list[tuple[Reason, ...]]:
    """Reasons per unit, in the order of `units`.

    What a unit does for its phase beyond what the strategy wants is relief; what others do to make up for
    that is compensation; the watts that nobody could give are shared evenly by the units that would have
    been asked.
    """
    given_w = steered.powers_w
    # What keeps a unit out or fixed altogether is said whether or not the unit is missed now.
    found = [[Reason(u.lo_code, phase=u.for_phase)] if u.lo_w == u.hi_w else [] for u in units]
    extra_w = sum(given_w) - wanted_w
    if any(steered.relief_w):
        extra_w -= _relief(units, steered, wanted_w, found)
    if abs(extra_w) > WORTH_SAYING_W:
        _missing(units, steered, -extra_w, found)
    for index in steered.held:
        if not any(reason.code in _OF_PHASE for reason in found[index]):
            found[index].append(_phase_reason(steered.room, index, up=steered.up))
    return [tuple(of_unit) for of_unit in found]


_OF_PHASE = (ReasonCode.PHASE_LIMIT, ReasonCode.UNASSIGNED_WORST_CASE, ReasonCode.RELIEF)


def _relief(units: Sequence[Unit], steered: Steered, wanted_w: float, found: Sequence[list[Reason]]) -> float:
    """Name relief and what makes up for it. Returns the watts so named."""
    relief_w = steered.relief_w
    with_w = sum([w for w in relief_w if w * wanted_w > 0.0])
    # Relief that goes the strategy's way is, up to what the strategy wants, no deviation.
    credit_w = max(with_w, wanted_w) if wanted_w < 0 else min(with_w, wanted_w)
    share = credit_w / with_w if with_w else 0.0
    named_w = 0.0
    for index, power_w in enumerate(relief_w):
        if power_w:
            beyond_w = power_w * (1.0 - share) if power_w * wanted_w > 0.0 else power_w
            found[index].append(Reason(ReasonCode.RELIEF, beyond_w, _phase_name(units[index])))
            named_w += beyond_w
    others_w = [given - relief for given, relief in zip(steered.powers_w, relief_w, strict=True)]
    made_up_w = sum(others_w) - (wanted_w - credit_w)
    if made_up_w * named_w >= 0.0:
        return named_w
    made_up_w = max(made_up_w, -named_w) if made_up_w < 0 else min(made_up_w, -named_w)
    sum_w = sum([w for w in others_w if w * made_up_w > 0.0])
    if not sum_w:
        return named_w
    for index, power_w in enumerate(others_w):
        if power_w * made_up_w > 0.0:
            found[index].append(Reason(ReasonCode.COMPENSATION, made_up_w * power_w / sum_w))
    return named_w + made_up_w


def _missing(
    units: Sequence[Unit], steered: Steered, missing_w: float, found: Sequence[list[Reason]]
) -> None:
    """Share out the watts that could not be given.

    First to those that could have given more but were held back, up to what they could have; what is left
    then, to those that are at the end of their box.
    """
    up = missing_w > 0
    held: list[tuple[float, int, ReasonCode, str | None]] = []
    ended: list[tuple[int, ReasonCode, str | None]] = []
    for index, u in enumerate(units):
        given_w = steered.powers_w[index]
        if given_w >= u.hi_w - u.step_w if up else given_w <= u.lo_w + u.step_w:
            ended.append((index, u.hi_code if up else u.lo_code, u.for_phase))
        elif (cause := _cause(index, steered, up=up)) is not None:
            own_w = u.hi_w - given_w if up else given_w - u.lo_w
            held.append((own_w, index, *cause))
    if not units:
        return
    if not held and not ended:
        ended.append(_of_setting(units, steered.powers_w))
    left_w = abs(missing_w)
    for position, (own_w, index, code, phase) in enumerate(sorted(held)):
        share_w = left_w / (len(held) - position)
        share_w = min(share_w, own_w) if ended else share_w
        left_w -= share_w
        _name(found[index], code, -share_w if up else share_w, phase)
    for index, code, phase in ended:
        share_w = left_w / len(ended)
        if share_w > 0.0 or units[index].lo_w == units[index].hi_w:
            _name(found[index], code, -share_w if up else share_w, phase)


def _name(found: list[Reason], code: ReasonCode, power_w: float, phase: str | None) -> None:
    found[:] = [reason for reason in found if reason.code is not code]
    found.append(Reason(code, power_w, phase))


def _cause(index: int, steered: Steered, *, up: bool) -> tuple[ReasonCode, str | None] | None:
    """What keeps a unit that is not at the end of its box from giving more; None when nothing does."""
    if index in steered.waiting:
        return ReasonCode.DIRECTION_CHANGE, None
    if index in steered.held:
        reason = _phase_reason(steered.room, index, up=up)
        return reason.code, reason.phase
    return None


def _of_setting(units: Sequence[Unit], powers_w: Sequence[float]) -> tuple[int, ReasonCode, str | None]:
    """Nobody is at a limit: it is a matter of what units can be set to."""
    low = [i for i, u in enumerate(units) if abs(powers_w[i]) <= u.min_power_w and u.min_power_w > 0]
    if low:
        return low[0], ReasonCode.MINIMUM_POWER, None
    coarsest = max(range(len(units)), key=lambda i: units[i].step_w)
    return coarsest, ReasonCode.STEP, None


def _phase_reason(room: Room, index: int, *, up: bool) -> Reason:
    phase = room.phase_of(index)
    if phase is None:
        phase = room.tightest(up=up)
    confined = index in room.confined
    code = ReasonCode.UNASSIGNED_WORST_CASE if confined else ReasonCode.PHASE_LIMIT
    return Reason(code, phase=PHASES[phase].value)


def _phase_name(u: Unit) -> str | None:
    return None if u.phase.phase is None else u.phase.phase.value
