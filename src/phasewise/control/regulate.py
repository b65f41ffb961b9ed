"""How much the batteries together should do.

Unit gain on the estimated load: the wanted sum is `target - load`, at once, because what is already
under way is known. There is no gain to tune. Only noise needs care: a change that is small is first
averaged, so that a steady house costs few writes.
"""

from phasewise.control.estimate import Load
from phasewise.model import Intent
from phasewise.model.memory import RegulateMemory

JUMP_W = 60.0
"""Above the noise of a meter (5 W), its resolution (1 W) and the jitter of idle appliances."""
TRIM_GAIN = 0.25
"""Mean over about four samples: halves meter noise."""
TRIM_W = 8.0
"""Smaller than this is left alone: it costs less than the write."""
TRIM_INTERVAL_S = 10.0
"""At most six small corrections a minute."""


def regulate(
    intent: Intent, load: Load, memory: RegulateMemory, now_s: float, cadence_s: float
) -> tuple[float, RegulateMemory]:
    """The wanted sum of all batteries, charging positive, in W.

    `cadence_s`: the meter's, which is how long a decision stands.
    """
    if intent.battery_power_w is not None:
        return intent.battery_power_w, RegulateMemory(wanted_w=intent.battery_power_w)
    wanted_w = (intent.grid_target_w or 0.0) - ahead_w(load, now_s, cadence_s)
    before_w = memory.wanted_w
    if before_w is None or abs(wanted_w - before_w) >= JUMP_W:
        return wanted_w, RegulateMemory(wanted_w=wanted_w, changed_s=now_s)
    trim_w = memory.trim_w + TRIM_GAIN * (wanted_w - before_w - memory.trim_w)
    if abs(trim_w) < TRIM_W or now_s - memory.changed_s < TRIM_INTERVAL_S:
        return before_w, RegulateMemory(wanted_w=before_w, trim_w=trim_w, changed_s=memory.changed_s)
    return before_w + trim_w, RegulateMemory(wanted_w=before_w + trim_w, changed_s=now_s)


def ahead_w(load: Load, now_s: float, cadence_s: float) -> float:
    """The load when a command of now works, in the middle of its time: a steady slope (the sun) goes on."""
    ahead_s = now_s - load.at_s + load.dead_time_s + cadence_s / 2.0
    return load.power_w + load.slope_w_s * ahead_s
