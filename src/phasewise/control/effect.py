"""Does relief arrive? What a battery gives must show on the phase that it is said to be on.

A battery that is not there relieves nothing and burdens another phase, and those that make up for it may be
the ones that are on the overloaded phase. It shows in the estimates: while its power changes, the load of its
phase seems to change by as much the other way, and that of another phase by as much with it. So every few
seconds of an overload it is asked what batteries and loads did meanwhile. A battery found elsewhere rests,
and its stopping is the second look: where that shows on its own phase, it was an appliance after all.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.estimate import BatteryPower, Load
from phasewise.control.protection import PhaseView
from phasewise.model import PHASES, BatterySettings, Phase, Settings, Snapshot
from phasewise.model.memory import Doubt, OverloadLook, ProtectionMemory

OVER_W = 50.0
"""Far less than the margin."""
PATIENCE_S = 10.0
PATIENCE_SAMPLES = 4
"""The slowest battery has relieved its phase by then, also with a slow meter."""
LEAST_W = 200.0
"""Less cannot be told from the appliances of a house."""
OFF = 0.2
"""Loads that differ by more than this share from what a wrong phase would make of them are something else."""
HALF = 0.5
"""At the second look: nearer to a wrong phase than to the right one."""
AT_MOST = 3.0
"""Times the patience: for so long a look waits for batteries that are on their way, and the second one for
the battery to stop."""
REST_S = 300.0
"""How long it rests, or is not doubted again: as long as a battery that does not respond is left out."""


def watch(
    views: Sequence[PhaseView], load: Load, settings: Settings, memory: ProtectionMemory, snapshot: Snapshot
) -> ProtectionMemory:
    """Remember which batteries are in doubt after this sample."""
    if not snapshot.grid_is_new:
        return memory
    over = [seen.phase for seen in views if _is_over(seen)]
    if not over and memory.look is None and not memory.doubts:
        return memory
    now = _Now(snapshot, settings, views, load)
    doubts = now.reviewed(memory.doubts)
    look = memory.look
    if not over or None in now.loads_w or (look is not None and look.placed != now.placed):
        look = None
    elif look is None:
        look = now.look
    elif now.may_judge(snapshot.time_s - look.time_s):
        doubts += now.found_out(over, look, spared=[doubt.battery for doubt in doubts])
        look = now.look
    return replace(memory, look=look, doubts=doubts)


def resting(memory: ProtectionMemory) -> dict[str, Doubt]:
    """The batteries that are to rest, by their ids."""
    return {doubt.battery: doubt for doubt in memory.doubts if doubt.seen_on is not None}


def _is_over(seen: PhaseView) -> bool:
    if seen.load_w is None or seen.lo_w is None or seen.hi_w is None:
        return False
    return not seen.lo_w - OVER_W <= seen.load_w + seen.assigned_w <= seen.hi_w + OVER_W


class _Suspects(Struct, frozen=True):
    """Batteries that may be on each other's phases: positions of those set to the one and to the other."""

    here: tuple[int, ...]
    there: tuple[int, ...]
    off_w: float
    """By how much the loads did otherwise than that would make them."""


class _Now:
    """Phases and batteries as of this sample."""

    def __init__(
        self, snapshot: Snapshot, settings: Settings, views: Sequence[PhaseView], load: Load
    ) -> None:
        self.time_s = snapshot.time_s
        self.patience_s = max(PATIENCE_S, PATIENCE_SAMPLES * snapshot.grid_cadence_s)
        self.batteries: Sequence[BatterySettings] = settings.batteries
        self.placed = tuple([(battery.id, battery.phase.value) for battery in settings.batteries])
        self.loads_w = tuple([seen.load_w for seen in views])
        self.powers_w = tuple([_known_w(power) for power in load.batteries])
        self.on_their_way = False
        for known_w, power in zip(self.powers_w, load.batteries, strict=True):
            self.on_their_way |= known_w is None and power is not None

    def may_judge(self, passed_s: float) -> bool:
        """Whether so long after the last look it is time for the next one."""
        return passed_s >= self.patience_s * (AT_MOST if self.on_their_way else 1.0)

    @property
    def look(self) -> OverloadLook:
        """What the next look compares with."""
        return OverloadLook(self.time_s, self.placed, self.loads_w, self.powers_w)

    def found_out(
        self, over: Sequence[Phase], before: OverloadLook, spared: Sequence[str]
    ) -> tuple[Doubt, ...]:
        """Doubts about the batteries whose being elsewhere explains best what the loads did; often none."""
        best: tuple[Phase, Phase, _Suspects] | None = None
        for here, there in product(over, PHASES[: len(self.loads_w)]):
            if here is not there:
                for suspects in self._suspects(here, there, before, spared):
                    if best is None or suspects.off_w < best[2].off_w:
                        best = (here, there, suspects)
        if best is None:
            return ()
        here, there, suspects = best
        return tuple(
            [self._doubt(index, here, there) for index in suspects.here]
            + [self._doubt(index, there, here) for index in suspects.there]
        )

    def _suspects(
        self, here: Phase, there: Phase, before: OverloadLook, spared: Sequence[str]
    ) -> Iterator[_Suspects]:
        """Sets of batteries on these two phases that may have been taken for those of the other."""
        grown_w, fell_w = _change_w(before, self.loads_w, here), -_change_w(before, self.loads_w, there)
        moved_w: dict[int, float] = {}
        on: dict[Phase, list[int]] = {here: [], there: []}
        powers_w = zip(self.batteries, before.powers_w, self.powers_w, strict=True)
        for index, (battery, then_w, now_w) in enumerate(powers_w):
            phase = battery.phase.phase
            if then_w is None or now_w is None or phase not in on or battery.id in spared:
                continue
            if abs(now_w - then_w) >= LEAST_W:
                moved_w[index] = now_w - then_w
                on[phase].append(index)
        for ours, theirs in product(_sets(on[here]), [(), *_sets(on[there])]):
            by_w = sum([moved_w[i] for i in theirs]) - sum([moved_w[i] for i in ours])
            off_w = max(abs(grown_w - by_w), abs(fell_w - by_w))
            if abs(by_w) >= LEAST_W and off_w <= OFF * abs(by_w):
                yield _Suspects(ours, theirs, off_w)

    def _doubt(self, index: int, phase: Phase, seen_on: Phase) -> Doubt:
        return Doubt(
            battery=self.batteries[index].id,
            phase=phase,
            seen_on=seen_on,
            since_s=self.time_s,
            until_s=self.time_s + REST_S,
            loads_w=self.loads_w,
            power_w=self.powers_w[index] or 0.0,
        )

    def reviewed(self, doubts: Sequence[Doubt]) -> tuple[Doubt, ...]:
        """Those that still stand: no longer where the time is over or the user has assigned it otherwise."""
        standing = [d for d in doubts if self.time_s < d.until_s and (d.battery, d.phase) in self.placed]
        return tuple([self._second_look(doubt) for doubt in standing])

    def _second_look(self, doubt: Doubt) -> Doubt:
        """Whether its stopping showed on its own phase after all."""
        passed_s = self.time_s - doubt.since_s
        power_w = self.powers_w[self.placed.index((doubt.battery, doubt.phase))]
        waits = self.patience_s <= passed_s < AT_MOST * self.patience_s
        if doubt.seen_on is None or not waits or power_w is None or None in self.loads_w:
            return doubt
        moved_w = power_w - doubt.power_w
        if abs(moved_w) < LEAST_W:
            return doubt
        missed = -_change_w(doubt, self.loads_w, doubt.phase) / moved_w
        shown = _change_w(doubt, self.loads_w, doubt.seen_on) / moved_w
        if missed < HALF and shown < HALF:
            return replace(doubt, seen_on=None, until_s=self.time_s + REST_S)
        return doubt


def _known_w(power: BatteryPower | None) -> float | None:
    """What a battery does, where that is sure enough to be compared."""
    if power is None or power.hi_w - power.lo_w >= LEAST_W:
        return None
    return (power.lo_w + power.hi_w) / 2.0


def _change_w(before: OverloadLook | Doubt, loads_w: Sequence[float | None], phase: Phase) -> float:
    """By how much the load of a phase has grown since."""
    return (loads_w[phase.ordinal] or 0.0) - (before.loads_w[phase.ordinal] or 0.0)


def _sets(found: Sequence[int]) -> list[tuple[int, ...]]:
    """Each one alone, and all together."""
    alone: list[tuple[int, ...]] = [(index,) for index in found]
    return [*alone, tuple(found)] if len(found) > 1 else alone
