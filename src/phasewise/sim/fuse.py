"""The thermal budget of a fuse along a run; what a fuse holds is in `control.fuse`."""

from collections.abc import Iterable

from phasewise.control.fuse import warmed


def budget_used(current_a: Iterable[float], rating_a: float, tick_s: float) -> list[float]:
    """Share of the thermal budget used at each tick, 0 to 1: once it is 1 the fuse may be gone."""
    used = 0.0
    found = []
    for ampere in current_a:
        used = warmed(used, ampere, rating_a, tick_s)
        found.append(used)
    return found
