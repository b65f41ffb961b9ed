"""Identify phase: drive a square wave with one battery, and see which phase of the meter follows.

Started by the user for one battery. All others are held at 0 W meanwhile, and the battery under test goes
through LEVELS: 0 W, then up and down in turn. A level lasts until the battery's own telemetry shows that
it has arrived, and the meter has then shown it for some samples: so neither a dead time, a ramp nor late
telemetry has to be known, and only what is surely settled counts. `evidence` weighs the levels.

A run changes no setting, so that what was there is back the moment it ends: while it is active, `decide`
is simply given the `effective` settings, in which each battery is held at a power as the user could do,
and everything that `decide` watches over goes on. Nothing here writes an assignment: the user does.
"""

import statistics
from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from phasewise.mapping.checks import Danger, Wave, danger, powers_of, refusal, seen_of, settings_of, wave
from phasewise.mapping.evidence import Evidence, Finding, Level, PerPhase, weigh
from phasewise.model import Override, Settings, Snapshot

CYCLES_LEAST = 3
CYCLES_MOST = 8
"""Some three minutes with a usual battery and meter; what is unclear then will not get clear."""
LEVEL_S = 10.0
VARIED_S = (0.0, 1.0, 9.0, 10.0, 4.0)
"""Each level goes on for one of these once it is measured: a pulsing hob must not keep in step with the wave.
(Two short ones, two long ones: so the middles of the levels are apart by unlike times too.)"""
GUARD_S = 3.0
"""From telemetry that shows the level to the first meter value that counts: the tail of a slow approach, and
a meter whose values are older than thought."""
SAMPLES = 4
SAMPLES_SLOW = 2
SLOW_S = 2.5
"""So many meter values make a level; fewer of a meter that is slower than this, or it would take for ever."""
ARRIVED_W = 60.0
ARRIVED = 0.15
"""A battery has arrived when it reads this near to what it was told."""
IDLE_W = 100.0
IDLE_WITHIN_S = 20.0
"""The others are waited for so long: a unit with sun of its own may be unable to reach 0 W."""
RESTS_AFTER_S = 15.0
RESTS = 0.5
"""One that gives less than it was told, but this share of it or more, and the same in two readings after this
long, has a limit of its own: that is no obstacle. Shorter, it might be on its way."""
FOLLOW_S = 30.0
FOLLOW_READINGS = 2.0
"""A battery has this long plus so many of its readings to arrive: three times the longest dead time and the
slowest ramp, as what it was held to be capable of may have to grow first."""
SHOWN_S = 180.0
"""Samples for the plot."""


class Stage(StrEnum):
    """How far a run is."""

    RUNNING = "running"
    DONE = "done"
    ABORTED = "aborted"


class Code(StrEnum):
    """Why a run was aborted, beside what `checks` finds."""

    NOT_FOLLOWING = "not-following"
    WRONG_DIRECTION = "wrong-direction"
    USER = "user"


class Sample(Struct, frozen=True):
    """One meter value, and what the battery last said."""

    at_s: float
    """Since the run began."""
    battery_w: float
    phases_w: PerPhase


class Refusal(Struct, frozen=True):
    """A run that was not begun."""

    reason: str
    """English: why, and what to do."""


class IdentifyRun(Struct, frozen=True):
    """A run, as it stands."""

    battery_id: str
    settings: Settings
    """The user's settings when it began; others end it."""
    wave: Wave
    began_s: float
    level_s: float
    """When the present level was commanded."""
    arrived_s: float | None = None
    """When telemetry first showed it."""
    read_s: float = float("-inf")
    read_w: float = 0.0
    """The newest reading taken in."""
    window: tuple[PerPhase, ...] = ()
    """What the meter showed of it so far."""
    levels: tuple[Level, ...] = ()
    """Those that are done, the one at 0 W first."""
    samples: tuple[Sample, ...] = ()
    stage: Stage = Stage.RUNNING
    code: str | None = None
    """Why it was aborted, or what was found instead of an answer."""
    detail: str = ""
    """English, when it was aborted: why."""
    ended_s: float | None = None

    @property
    def power_w(self) -> float:
        """What the battery is held at now, charging positive."""
        first_w, then_w = self.wave.high_w, self.wave.low_w
        if not first_w:
            # Never two levels of the same power in a row: it begins at 0 W.
            first_w, then_w = then_w, first_w
        if not self.levels:
            return 0.0
        return first_w if len(self.levels) % 2 else then_w

    @property
    def cycle(self) -> int:
        """Counted from 1; 0 while the batteries come to rest."""
        return (len(self.levels) + 1) // 2 if self.stage is Stage.RUNNING else len(self.levels) // 2

    @property
    def progress(self) -> float:
        """0 to 1: nine tenths for the cycles that any run takes, the rest for those of an unclear one."""
        if self.stage is not Stage.RUNNING:
            return 1.0
        least, most = 2 * CYCLES_LEAST + 1, 2 * CYCLES_MOST + 1
        levels = len(self.levels)
        more = 0.1 * max(0, levels - least) / (most - least)
        return 0.9 * min(levels, least) / least + more


def begin(battery_id: str, snapshot: Snapshot, settings: Settings) -> IdentifyRun | Refusal:
    """A run for one battery, or why not now."""
    reason = refusal(battery_id, snapshot, settings)
    if reason is not None:
        return Refusal(reason)
    found = wave(battery_id, snapshot, settings)
    if isinstance(found, str):
        return Refusal(found)
    return IdentifyRun(battery_id, settings, found, snapshot.time_s, snapshot.time_s)


def abort(run: IdentifyRun, now_s: float) -> IdentifyRun:
    """The user ends it."""
    return _aborted(run, Danger(Code.USER, "You ended it."), now_s)


def effective(run: IdentifyRun, settings: Settings) -> Settings:
    """What to decide with: the user's settings, but every battery held. Unchanged once the run has ended."""
    if run.stage is not Stage.RUNNING:
        return settings
    batteries = [
        battery
        if battery.override.out_of_service
        else replace(
            battery,
            override=Override(hold_power_w=run.power_w if battery.id == run.battery_id else 0.0),
        )
        for battery in settings.batteries
    ]
    return replace(settings, batteries=tuple(batteries))


def advance(run: IdentifyRun, snapshot: Snapshot, settings: Settings) -> IdentifyRun:
    """The run after one more picture; call it before every decision."""
    if run.stage is not Stage.RUNNING:
        return run
    now_s = snapshot.time_s
    found = danger(run.battery_id, run.power_w, run.settings, snapshot, settings)
    if found is not None:
        return _aborted(run, found, now_s)
    run = _listen(run, snapshot)
    if snapshot.grid_is_new:
        run = _look(run, snapshot)
    late = _late(run, snapshot)
    if late is not None:
        return _aborted(run, late, now_s)
    return _next(run, snapshot) if _is_measured(run, snapshot) else run


def result(run: IdentifyRun) -> Evidence:
    """What all levels so far say."""
    return weigh(run.levels)


def _aborted(run: IdentifyRun, why: Danger, now_s: float) -> IdentifyRun:
    return replace(run, stage=Stage.ABORTED, code=why.code, detail=why.text, ended_s=now_s)


def _listen(run: IdentifyRun, snapshot: Snapshot) -> IdentifyRun:
    """Has the battery arrived at its level? One that leaves it again has not."""
    reading = seen_of(run.battery_id, snapshot).reading
    if reading is None or reading.ac_power_w is None or reading.time_s <= max(run.level_s, run.read_s):
        return run
    there = _is_there(run, reading.ac_power_w, reading.time_s)
    if not run.levels and snapshot.time_s - run.level_s < IDLE_WITHIN_S:
        there = there and _others_rest(run, snapshot)
    run = replace(run, read_s=reading.time_s, read_w=reading.ac_power_w)
    if not there:
        return replace(run, arrived_s=None, window=())
    return run if run.arrived_s is not None else replace(run, arrived_s=reading.time_s)


def _is_there(run: IdentifyRun, power_w: float, time_s: float) -> bool:
    told_w = run.power_w
    if abs(power_w - told_w) <= max(ARRIVED_W, ARRIVED * abs(told_w)):
        return True
    rests = run.read_s > run.level_s and abs(power_w - run.read_w) <= ARRIVED_W
    return time_s - run.level_s >= RESTS_AFTER_S and rests and power_w * told_w > RESTS * told_w * told_w


def _others_rest(run: IdentifyRun, snapshot: Snapshot) -> bool:
    return all(
        abs(seen.reading.ac_power_w or 0.0) <= IDLE_W
        for seen in snapshot.batteries
        if seen.id != run.battery_id and seen.reachable and seen.reading is not None
    )


def _look(run: IdentifyRun, snapshot: Snapshot) -> IdentifyRun:
    """Take in a meter value."""
    grid, reading = snapshot.grid, seen_of(run.battery_id, snapshot).reading
    phases_w = powers_of(grid)
    if grid is None or phases_w is None:
        return run
    at_s = snapshot.time_s - run.began_s
    battery_w = (reading.ac_power_w if reading is not None else None) or 0.0
    kept = [sample for sample in run.samples if sample.at_s > at_s - SHOWN_S]
    run = replace(run, samples=(*kept, Sample(at_s, battery_w, phases_w)))
    guard_s = max(GUARD_S, grid.sample_age_s + 2.0)
    if run.arrived_s is None or grid.received_s < run.arrived_s + guard_s:
        return run
    return replace(run, window=(*run.window, phases_w))


def _late(run: IdentifyRun, snapshot: Snapshot) -> Danger | None:
    """Why the battery is given up, if it does not do what it is told."""
    reading = seen_of(run.battery_id, snapshot).reading
    power_w = (reading.ac_power_w if reading is not None else None) or 0.0
    told_w, after_s = run.power_w, snapshot.time_s - run.level_s
    said = f"it was told {told_w:.0f} W and is at {power_w:.0f} W after {after_s:.0f} s"
    if len(run.levels) == 1 and told_w * power_w < 0 and abs(power_w) > IDLE_W:
        # It comes from rest, so this is no late reading of another level.
        text = f"The battery runs the wrong way: {said}. The sign of its power is wrong; check its set-up."
        return Danger(Code.WRONG_DIRECTION, text)
    cadence_s = settings_of(run.battery_id, run.settings).capabilities.read_cadence_s
    within_s = FOLLOW_S + FOLLOW_READINGS * cadence_s + (0.0 if run.levels else IDLE_WITHIN_S)
    if run.arrived_s is not None or after_s <= within_s:
        return None
    what = "does not move" if abs(power_w) <= IDLE_W and told_w else "does not follow"
    text = f"The battery {what}: {said}. See whether it takes commands at all, or is held back by a limit."
    return Danger(Code.NOT_FOLLOWING, text)


def _is_measured(run: IdentifyRun, snapshot: Snapshot) -> bool:
    cadence_s = snapshot.grid_cadence_s
    samples = SAMPLES if cadence_s <= SLOW_S else SAMPLES_SLOW
    samples += round(VARIED_S[len(run.levels) % len(VARIED_S)] / cadence_s)
    return len(run.window) >= samples and snapshot.time_s - run.level_s >= LEVEL_S


def _next(run: IdentifyRun, snapshot: Snapshot) -> IdentifyRun:
    """Close a level: go on to the next, or end."""
    reading = seen_of(run.battery_id, snapshot).reading
    battery_w = (reading.ac_power_w if reading is not None else None) or 0.0
    medians_w = _per_phase(run.window, statistics.median)
    noise_w = _per_phase(run.window, _deviation_w)
    middle_s = (run.level_s + snapshot.time_s) / 2.0
    levels = (*run.levels, Level(middle_s, battery_w, medians_w, noise_w))
    run = replace(run, levels=levels, level_s=snapshot.time_s, arrived_s=None, window=())
    cycles, half = divmod(len(levels) - 1, 2)
    if half or cycles < CYCLES_LEAST:
        return run
    evidence = weigh(levels)
    if evidence.finding is Finding.DISTURBED and cycles < CYCLES_MOST:
        return run
    code = evidence.finding.value if evidence.finding is not None else None
    return replace(run, stage=Stage.DONE, code=code, ended_s=snapshot.time_s)


def _per_phase(window: Sequence[PerPhase], of: Callable[[list[float]], float]) -> PerPhase:
    first, second, third = (of([phases_w[p] for phases_w in window]) for p in range(3))
    return first, second, third


def _deviation_w(powers_w: list[float]) -> float:
    """Median absolute deviation."""
    middle_w = statistics.median(powers_w)
    return statistics.median([abs(power_w - middle_w) for power_w in powers_w])
