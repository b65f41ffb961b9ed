"""Why a battery gets what it gets: watts given minus watts wanted, each with a name."""

from collections.abc import Sequence

from phasewise.control.limits import Unit
from phasewise.model import Reason, ReasonCode

WORTH_SAYING_W = 1.0
"""Smaller differences are rounding."""


def reasons(
    units: Sequence[Unit],
    given_w: Sequence[float],
    wanted_w: float,
    idle: ReasonCode | None,
) -> list[tuple[Reason, ...]]:
    """Reasons per unit, in the order of `units`.

    The watts that the boxes leave undelivered are shared evenly by the units that are at the end of
    their box, so the reasons' power adds up to what was given minus what was wanted.
    """
    if idle is not None:
        code_of = [u.lo_code if u.lo_w == u.hi_w and not u.commandable else idle for u in units]
        return [(Reason(code),) for code in code_of]
    missing_w = wanted_w - sum(given_w)
    found: list[tuple[Reason, ...]] = [_standing(u) for u in units]
    if abs(missing_w) <= WORTH_SAYING_W * len(units):
        return found
    charging = missing_w > 0
    blamed = [i for i, u in enumerate(units) if _binds(u, given_w[i], charging)]
    for index in blamed:
        u = units[index]
        code = u.hi_code if charging else u.lo_code
        share_w = -missing_w / len(blamed)
        found[index] = (*(r for r in found[index] if r.code is not code), Reason(code, share_w))
    return found


def _standing(u: Unit) -> tuple[Reason, ...]:
    """What keeps a unit out or fixed altogether, whether or not it is missed now."""
    if u.lo_w == u.hi_w:
        return (Reason(u.lo_code),)
    return ()


def _binds(u: Unit, given_w: float, charging: bool) -> bool:
    """Whether this unit would be asked for more if its box were larger."""
    return given_w >= u.hi_w - u.step_w if charging else given_w <= u.lo_w + u.step_w
