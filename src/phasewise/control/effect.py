"""Does relief arrive? What a battery gives must show on the phase that it is said to be on.

A battery that is not there relieves nothing and burdens another phase, and those that make up for it may be
the ones that are on the overloaded phase. It shows in the estimates: the load of its phase seems to grow by
what it gives, and that of another phase to fall by it.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from phasewise.control.protection import PhaseBox, PhaseView
from phasewise.model import PHASES, Snapshot
from phasewise.model.memory import PhaseMemory, ProtectionMemory

OVER_W = 50.0
"""Far less than the margin."""
PATIENCE_S = 10.0
PATIENCE_SAMPLES = 4
"""The slowest battery has relieved its phase by then, also with a slow meter."""
LEAST_W = 200.0
"""Less cannot be told from the appliances of a house."""
IN_VAIN = 0.5
"""Where the load seems to have grown by this share of the relief, the relief does not arrive."""
ELSEWHERE = 0.8
"""And where another phase's load also fell by this share, it arrives there."""
REST_S = 300.0
"""Then no more is asked for so long: as long as a battery that does not respond is left out."""


def watch(
    views: tuple[PhaseView, ...], memory: ProtectionMemory, snapshot: Snapshot
) -> tuple[tuple[PhaseView, ...], ProtectionMemory]:
    """Mark phases whose relief does not arrive; take the relief out of the box where it arrives elsewhere."""
    if not snapshot.grid_is_new or _is_quiet(views, memory, snapshot.time_s):
        return views, memory
    loads_w = tuple([seen.load_w or 0.0 for seen in views])
    pairs = [
        _judged(seen, phase, loads_w, snapshot) for seen, phase in zip(views, memory.phases, strict=True)
    ]
    remembered = tuple([phase for _, phase in pairs])
    return tuple([seen for seen, _ in pairs]), replace(memory, phases=remembered)


def _is_quiet(views: tuple[PhaseView, ...], memory: ProtectionMemory, now_s: float) -> bool:
    """Whether no phase is over, was a moment ago, or rests."""
    for phase in memory.phases:
        if phase.over_s is not None or phase.vain_until_s > now_s:
            return False
    return not any(map(_is_over, views))


def _is_over(seen: PhaseView) -> bool:
    if seen.load_w is None or seen.lo_w is None or seen.hi_w is None:
        return False
    return not seen.lo_w - OVER_W <= seen.load_w + seen.assigned_w <= seen.hi_w + OVER_W


def _judged(
    seen: PhaseView, phase: PhaseMemory, loads_w: tuple[float, ...], snapshot: Snapshot
) -> tuple[PhaseView, PhaseMemory]:
    now_s, box = snapshot.time_s, seen.box
    if box is None:
        return seen, phase
    if not _is_over(seen):
        phase = replace(phase, over_s=None)
    elif phase.over_s is None or len(phase.over_loads_w) != len(loads_w):
        phase = replace(phase, over_s=now_s, over_loads_w=loads_w)
    patience_s = max(PATIENCE_S, PATIENCE_SAMPLES * snapshot.grid_cadence_s)
    long = phase.over_s is not None and now_s - phase.over_s >= patience_s
    if long and abs(seen.assigned_w) > LEAST_W:
        here, elsewhere = _shares(seen, phase.over_loads_w, loads_w)
        seen = replace(seen, in_vain=here >= IN_VAIN)
        if here >= ELSEWHERE and elsewhere is not None:
            up = seen.assigned_w > 0.0
            phase = replace(phase, vain_until_s=now_s + REST_S, vain_on=elsewhere, vain_up=up)
    if now_s < phase.vain_until_s:
        lo_w = min(box.lo_w, 0.0) if phase.vain_up else box.lo_w
        hi_w = box.hi_w if phase.vain_up else max(box.hi_w, 0.0)
        seen = replace(seen, box=PhaseBox(min(lo_w, hi_w), hi_w), vain_on=phase.vain_on)
    return seen, phase


def _shares(seen: PhaseView, then_w: Sequence[float], now_w: Sequence[float]) -> tuple[float, str | None]:
    """By which share of the relief the phase's own load has grown, and the phase whose load fell by it."""
    here, elsewhere = 0.0, None
    for phase, before_w, load_w in zip(PHASES, then_w, now_w, strict=False):
        grown = (before_w - load_w) / seen.assigned_w
        if phase is seen.phase:
            here = grown
        elif -grown >= ELSEWHERE:
            elsewhere = phase.value
    return here, elsewhere
