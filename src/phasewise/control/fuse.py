"""How warm a fuse is: the share of its thermal budget that overcurrent has used up.

A conservative reading of IEC 60269-1 (gG) and IEC 60898-1 (MCB), not normative: no fuse is
promised to hold longer than this, and none that holds shorter meets its standard. It is a reason to act
calmly, never a licence to overload, and no substitute for the fuse.
"""

import bisect
import math

HOLD: tuple[tuple[float, float], ...] = (
    (1.13, 3600.0),
    (1.25, 1320.0),
    (1.30, 900.0),
    (1.45, 294.0),
    (1.60, 109.0),
    (1.67, 71.0),
    (2.0, 12.0),
    (2.5, 1.2),
    (3.0, 0.1),
)
"""(multiple of the rating, seconds it holds at least from cold), log-log between."""
COOLING_S = 900.0
"""Time constant with which a fuse forgets: 15 minutes."""
WARM = 0.5
"""From here on a person should know."""
_MULTIPLES = [multiple for multiple, _ in HOLD]


def hold_s(multiple: float) -> float:
    """Seconds that a cold fuse holds this multiple of its rating; inf below 1.13, 0 from 3.0 on."""
    if multiple < _MULTIPLES[0]:
        return math.inf
    if multiple >= _MULTIPLES[-1]:
        return 0.0
    index = bisect.bisect_right(_MULTIPLES, multiple) - 1
    (low, low_s), (high, high_s) = HOLD[index], HOLD[index + 1]
    part = math.log(multiple / low) / math.log(high / low)
    return low_s * math.pow(high_s / low_s, part)


def warmed(used: float, current_a: float, rating_a: float, passed_s: float) -> float:
    """The share of the budget that is used after `passed_s` at this current: 0 to 1, where it may be gone."""
    if used:
        used *= math.exp(-passed_s / COOLING_S)
    if current_a < _MULTIPLES[0] * rating_a:
        return used
    holds_s = hold_s(current_a / rating_a)
    return min(1.0, used + passed_s / holds_s) if holds_s else 1.0
