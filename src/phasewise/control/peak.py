"""Limits of the grid total, on top of every strategy: only what is too much is shaved.

It works on the wanted sum: what the house draws and what the batteries do together must lie between the
limits. So nothing is left to take back when a peak ends: the strategy's own wish is in force again at once.
A strategy's allowed directions, and last of all a power that the user holds, give way; what a battery can
do, its charge and its phase never do.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.limits import Unit
from phasewise.control.quarter import pace
from phasewise.model import Reason, ReasonCode, Settings
from phasewise.model.memory import Memory, PeakMemory

INSIDE_W = 40.0
INSIDE = 0.1
"""Inside the limit by so much, or by this share of a small limit: noise of a meter (5 W) and idle
appliances stay within it. A limit of 0 is held at 0."""
SLACK_W = 25.0
"""Smaller changes are not followed: they cost more writes than they shave. Less than `INSIDE_W`."""
LATCH_S = 10.0
"""So long after a limit was last exceeded, batteries do not turn round for the other one: longer than any
battery takes to show what it does."""
INFINITE = float("inf")


class Shave(Struct, frozen=True):
    """A wish that would exceed a limit, and what becomes of it. Sums of all batteries, charging positive."""

    wanted_w: float
    """What the strategy wants."""
    allowed_w: float
    """What it would get of that."""
    target_w: float
    """What they are to do instead."""
    units: Sequence[Unit]
    """With boxes as wide as that takes."""


def is_on(settings: Settings) -> bool:
    """Whether anything limits the grid total."""
    control = settings.control
    limits = control.peak
    return limits.import_w is not None or limits.export_w is not None or control.capacity_tariff.enabled


def shave(
    wanted_w: float, load_w: float, units: Sequence[Unit], settings: Settings, memory: Memory, now_s: float
) -> tuple[Shave | None, Memory]:
    """Keep `load_w` and what the batteries do together inside the limits; None when it is."""
    allowed_w = min(max(wanted_w, sum([u.lo_w for u in units])), sum([u.hi_w for u in units]))
    least_w, most_w, memory = _range(allowed_w, load_w, units, settings, memory)
    peak = memory.peak
    before_w = {peak.side: peak.target_w}
    latched = peak.side if now_s - peak.exceeded_s < LATCH_S else 0
    side, target_w = 1, _held_w(allowed_w, most_w, before_w.get(1))
    if target_w is not None and latched == -1:
        target_w = max(target_w, min(allowed_w, 0.0))
    if target_w is None:
        side, mirrored_w = -1, _held_w(-allowed_w, -least_w, _negative(before_w.get(-1)))
        target_w = _negative(mirrored_w)
        if target_w is not None and latched == 1:
            target_w = min(target_w, max(allowed_w, 0.0))
    if target_w is None:
        if peak.target_w is None and latched == peak.side:
            return None, memory
        return None, replace(memory, peak=PeakMemory(latched, peak.exceeded_s))
    # While the other side is latched it stays so: it is that one's end that is waited for.
    after = PeakMemory(-side, peak.exceeded_s) if latched == -side else PeakMemory(side, now_s)
    memory = replace(memory, peak=replace(after, target_w=target_w))
    return Shave(wanted_w, allowed_w, target_w, _widened(units, target_w)), memory


def still(wanted_w: float, units: Sequence[Unit], memory: PeakMemory) -> Shave | None:
    """The shave of the last sample, while there is no newer one."""
    if memory.target_w is None:
        return None
    allowed_w = min(max(wanted_w, sum([u.lo_w for u in units])), sum([u.hi_w for u in units]))
    return Shave(wanted_w, allowed_w, memory.target_w, _widened(units, memory.target_w))


def _negative(power_w: float | None) -> float | None:
    return None if power_w is None else -power_w


def _range(
    allowed_w: float, load_w: float, units: Sequence[Unit], settings: Settings, memory: Memory
) -> tuple[float, float, Memory]:
    """Least and most that the batteries may do together."""
    limits = settings.control.peak
    least_w, most_w = -INFINITE, INFINITE
    if limits.import_w is not None:
        most_w = _inside_w(limits.import_w) - load_w
    if limits.export_w is not None:
        least_w = -_inside_w(limits.export_w) - load_w
    if settings.control.capacity_tariff.enabled:
        idle_w = min(allowed_w, 0.0)
        help_w = idle_w - sum([u.can_lo_w for u in units])
        pace_w, quarter = pace(memory.quarter, settings, load_w + idle_w, max(0.0, help_w))
        memory = replace(memory, quarter=quarter)
        # Charging less costs nothing; discharging waits until it is due.
        due = quarter.limit_w is not None
        most_w = min(most_w, pace_w - load_w if due else max(pace_w - load_w, idle_w))
    return least_w, most_w, memory


def _inside_w(limit_w: float) -> float:
    return limit_w - min(INSIDE_W, INSIDE * limit_w)


def _held_w(sum_w: float, most_w: float, before_w: float | None) -> float | None:
    """What a sum is held to so that it is not above `most_w`; None when it is not."""
    if before_w is None:
        return most_w if sum_w > most_w + SLACK_W else None
    if abs(before_w - most_w) <= SLACK_W:
        most_w = before_w
    return most_w if sum_w > most_w else None


def _widened(units: Sequence[Unit], target_w: float) -> Sequence[Unit]:
    """The units with boxes in which the target lies, if they can: powers that the user holds come last."""
    for code in (ReasonCode.DIRECTION, ReasonCode.HOLD):
        if target_w < sum([u.lo_w for u in units]):
            units = [_lower(u) if u.lo_code is code else u for u in units]
        elif target_w > sum([u.hi_w for u in units]):
            units = [_higher(u) if u.hi_code is code else u for u in units]
    return units


def _lower(u: Unit) -> Unit:
    code = ReasonCode.BATTERY_LIMIT if u.can_lo_w < 0.0 else ReasonCode.SOC_LIMIT
    return replace(u, lo_w=u.can_lo_w, lo_code=code)


def _higher(u: Unit) -> Unit:
    code = ReasonCode.BATTERY_LIMIT if u.can_hi_w > 0.0 else ReasonCode.SOC_LIMIT
    return replace(u, hi_w=u.can_hi_w, hi_code=code)


def explained(
    found: Sequence[tuple[Reason, ...]], shaved: Shave, units: Sequence[Unit], given_w: Sequence[float]
) -> list[tuple[Reason, ...]]:
    """The reasons beside the target, with those of the way from the strategy's wish to it.

    `units`: as the strategy sees them.
    """
    reasons = [list(of_unit) for of_unit in found]
    short_w = shaved.allowed_w - shaved.wanted_w
    if short_w:
        for of_unit, u in zip(reasons, units, strict=True):
            _add(of_unit, u.lo_code if short_w > 0 else u.hi_code, short_w / len(units), u.for_phase)
    peak_w = shaved.target_w - shaved.allowed_w
    works = shaved.target_w * peak_w > 0.0
    for of_unit, part in zip(reasons, _parts(peak_w, units, given_w, works=works), strict=True):
        if part:
            _add(of_unit, ReasonCode.PEAK, peak_w * part, None)
    return [tuple(of_unit) for of_unit in reasons]


def _parts(peak_w: float, units: Sequence[Unit], given_w: Sequence[float], *, works: bool) -> list[float]:
    """Each unit's share: of what they do for the limit, or else of what they leave undone."""
    up = peak_w > 0
    if works:
        sizes_w = [max(0.0, w if up else -w) for w in given_w]
    else:
        sizes_w = [max(0.0, w - u.lo_w if up else u.hi_w - w) for w, u in zip(given_w, units, strict=True)]
    sum_w = sum(sizes_w)
    return [size_w / sum_w if sum_w else 1.0 / len(units) for size_w in sizes_w]


def _add(found: list[Reason], code: ReasonCode, power_w: float, phase: str | None) -> None:
    """One cause is named once."""
    for index, reason in enumerate(found):
        if reason.code is code:
            found[index] = replace(reason, power_w=reason.power_w + power_w)
            return
    found.append(Reason(code, power_w, phase))
