"""What the house draws without the batteries, aligned in time with the meter.

The meter shows `grid = load + batteries` as of about a second ago, and a command takes a dead time and
a ramp to show. A point prediction of the batteries' power is a trap: it is unstable as soon as the
assumed dead time is wrong. So each battery has a `Track`: an interval that contains its AC power for
EVERY dead time and ramp that a battery may have. The load then lies in an interval too, and the
estimate moves only as far as it must to lie inside. While nothing is under way the interval is a point.

A battery that does not follow is not singled out here: what it fails to give counts as load, so the others
are asked for it within seconds. (To believe its readings instead would ask it again and again.) `health`
finds out which one it is.
"""

from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.dead_time import (
    DEAD_TIME_MIN_S,
    DEAD_TIME_USUAL_S,
    RAMP_MAX_W_S,
    RAMP_MIN_W_S,
    TELEMETRY_LAG_S,
    at_rest,
    hear,
    watch,
)
from phasewise.model.memory import EstimateMemory, TimedPower, Track
from phasewise.model.snapshot import BatterySnapshot, Snapshot

PENDING_AT_MOST = 32
"""Readings that wait for the next meter sample: more than a 10 s meter lets gather; a silent one lets go."""
TELEMETRY_TOLERANCE_W = 50.0
TELEMETRY_TOLERANCE = 0.12
"""A unit that runs this far off its setpoint obeys: the loop takes the difference for load, and the
integral action of unit gain removes it."""

SLOPE_S = 5.0
"""A slope must last this long to be believed: a step never does."""
SLOPE_SAMPLES = 4
"""Two samples always lie on a line; a slow meter shows no slopes."""
SLOPE_WINDOW_S = 6.5
"""And it is measured over the last samples only."""
SLOPE_MIN_W_S = 12.0
"""Sixty watts in five seconds: beyond the noise of a meter and of idle appliances."""
SLOPE_EVEN = 0.25
"""No estimate lies farther from the straight line than this share of the rise; with steps, some do."""


class BatteryPower(Struct, frozen=True):
    """What one battery's AC power may be, charging positive."""

    lo_w: float
    """Least at the meter's instant."""
    hi_w: float
    read_w: float
    """As last read."""
    now_lo_w: float
    """Least when the meter's value arrived."""
    now_hi_w: float


class Load(Struct, frozen=True):
    """The house without the batteries that can be told apart from it. Import positive."""

    power_w: float
    """Best estimate, inside the interval."""
    lo_w: float
    hi_w: float
    at_s: float
    """The meter's instant that it speaks of."""
    slope_w_s: float
    """How fast it has risen steadily for some seconds; 0 when it has not."""
    dead_time_s: float
    """How long the batteries take to act on a command, in the middle of what is possible."""
    batteries: tuple[BatteryPower | None, ...] = ()
    """In the order of the snapshot; None for one that cannot be told apart from the load."""


def estimate(
    snapshot: Snapshot, memory: EstimateMemory, usable: Sequence[bool]
) -> tuple[Load | None, EstimateMemory]:
    """Estimate the load at the newest meter sample.

    `usable[i]` says whether battery i can be told apart from the load: reached, and with a reading.
    Returns None for the load while there is no meter reading.
    """
    grid = snapshot.grid
    if grid is None:
        return None, memory
    at_s = grid.sampled_s
    known = {track.id: track for track in memory.tracks}
    lo_w = hi_w = 0.0
    tracks = []
    powers: list[BatteryPower | None] = []
    for battery, is_usable in zip(snapshot.batteries, usable, strict=True):
        if not is_usable:
            powers.append(None)
            continue
        track = _followed(known.get(battery.id), battery, at_s)
        track_lo_w, track_hi_w = track.lo_w, track.hi_w
        now_lo_w, now_hi_w = track_lo_w, track_hi_w
        if not at_rest(track):
            # How old a sample is, is only roughly known; it is not younger than its arrival.
            now_lo_w, now_hi_w = _reach(track, grid.received_s)
            track_lo_w = track_lo_w if track_lo_w < now_lo_w else now_lo_w
            track_hi_w = track_hi_w if track_hi_w > now_hi_w else now_hi_w
        lo_w += track_lo_w
        hi_w += track_hi_w
        powers.append(BatteryPower(track_lo_w, track_hi_w, track.read_w, now_lo_w, now_hi_w))
        tracks.append(track)
    load_lo_w, load_hi_w = grid.total_power_w - hi_w, grid.total_power_w - lo_w
    slope_w_s = _slope_w_s(memory.history)
    if memory.load_w is None:
        # After a loss of the meter the batteries have had time to stop: their readings know better
        # than the middle of the interval.
        load_w = grid.total_power_w - sum([track.read_w for track in tracks])
    elif memory.history and at_s > memory.history[-1].time_s:
        load_w = memory.load_w + slope_w_s * (at_s - memory.history[-1].time_s)
    else:
        load_w = memory.load_w
    load_w = min(max(load_w, load_lo_w), load_hi_w)
    dead_times_s = [(DEAD_TIME_MIN_S + track.dead_hi_s) / 2.0 for track in tracks if track.seen]
    load = Load(
        power_w=load_w,
        lo_w=load_lo_w,
        hi_w=load_hi_w,
        at_s=at_s,
        slope_w_s=slope_w_s,
        dead_time_s=sum(dead_times_s) / len(dead_times_s) if dead_times_s else DEAD_TIME_USUAL_S,
        batteries=tuple(powers),
    )
    history = _with(memory.history, TimedPower(at_s, load_w))
    return load, EstimateMemory(load_w=load_w, history=history, tracks=tuple(tracks))


def _with(history: tuple[TimedPower, ...], newest: TimedPower) -> tuple[TimedPower, ...]:
    if history and history[-1].time_s >= newest.time_s:
        history = tuple([past for past in history if past.time_s < newest.time_s])
    since_s, first = newest.time_s - SLOPE_WINDOW_S, 0
    while first < len(history) and history[first].time_s <= since_s:
        first += 1
    return (*history[first:], newest)


def _slope_w_s(history: tuple[TimedPower, ...]) -> float:
    """The steady slope of the last few load estimates, 0 when there is none."""
    if len(history) < SLOPE_SAMPLES or history[-1].time_s - history[0].time_s < SLOPE_S:
        return 0.0
    first, last = history[0], history[-1]
    rise_w = last.power_w - first.power_w
    slope_w_s = rise_w / (last.time_s - first.time_s)
    if abs(slope_w_s) < SLOPE_MIN_W_S:
        return 0.0
    off_w = SLOPE_EVEN * abs(rise_w)
    for past in history:
        line_w = first.power_w + slope_w_s * (past.time_s - first.time_s)
        if abs(past.power_w - line_w) > off_w:
            return 0.0
    return slope_w_s


def forget_load(memory: EstimateMemory) -> EstimateMemory:
    """The meter was lost: what the house drew then says nothing of now."""
    return replace(memory, load_w=None, history=())


def forget_batteries(memory: EstimateMemory, ids: Collection[str]) -> EstimateMemory:
    """What these were told says nothing of what they do: go by their next readings."""
    return replace(memory, tracks=tuple([track for track in memory.tracks if track.id not in ids]))


def note_commands(memory: EstimateMemory, setpoints_w: dict[str, float], now_s: float) -> EstimateMemory:
    """Remember what each battery was told now."""
    tracks, is_new = [], False
    for track in memory.tracks:
        before_w = track.commands[-1].power_w
        setpoint_w = setpoints_w.get(track.id, before_w)
        if setpoint_w != before_w:
            tracks.append(_told(track, TimedPower(now_s, setpoint_w)))
            is_new = True
        else:
            tracks.append(track)
    return replace(memory, tracks=tuple(tracks)) if is_new else memory


def _told(track: Track, command: TimedPower) -> Track:
    return replace(watch(track, command), commands=(*track.commands, command))


def _followed(track: Track | None, battery: BatterySnapshot, at_s: float) -> Track:
    """The track as of `at_s`, with a new reading taken in.

    A battery seen for the first time is taken to run as it reads.
    """
    reading = battery.reading
    if reading is None or reading.ac_power_w is None:
        raise ValueError(f"battery {battery.id} is called usable but has no power reading")
    power_w, time_s = reading.ac_power_w, reading.time_s
    if track is None:
        # What it was told before is unknown; it is taken to stay where it is.
        return Track(
            id=battery.id,
            at_s=at_s,
            lo_w=power_w,
            hi_w=power_w,
            commands=(TimedPower(float("-inf"), power_w),),
            read_s=time_s,
            read_w=power_w,
        )
    rests = at_rest(track)
    to_s = at_s if at_s > track.at_s else track.at_s
    if time_s > track.read_s:
        if rests and not track.pending and abs(power_w - track.lo_w) <= TELEMETRY_TOLERANCE_W:
            # Most readings say that nothing has changed.
            return replace(track, at_s=to_s, read_s=time_s, read_w=power_w)
        pending = (*track.pending[1 - PENDING_AT_MOST :], TimedPower(time_s, power_w))
        track = replace(track, pending=pending, read_s=time_s, read_w=power_w)
    if rests:
        if track.pending:
            track = _without_what_is_known(track)
        if not track.pending:
            return replace(track, at_s=to_s)
    return _advance(track, at_s)


def _advance(track: Track, to_s: float) -> Track:
    """The track as of `to_s`, with all readings up to then used."""
    for reading in track.pending:
        if reading.time_s > to_s:
            break
        track = _believe(hear(_run(track, reading.time_s), reading), reading)
        track = replace(track, pending=track.pending[1:])
    return _run(track, to_s)


def _without_what_is_known(track: Track) -> Track:
    """At rest, readings that say so say nothing new; those from the first that does not are kept."""
    told = 0
    for reading in track.pending:
        if abs(reading.power_w - track.lo_w) > TELEMETRY_TOLERANCE_W:
            break
        told += 1
    return replace(track, pending=track.pending[told:]) if told else track


def _run(track: Track, to_s: float) -> Track:
    """The track as of `to_s`, by its commands alone."""
    if to_s <= track.at_s:
        return track
    lo_w, hi_w = _reach(track, to_s)
    commands = track.commands
    if len(commands) > 1:
        # A reading may still speak of what was in force while it was taken.
        commands = _in_force(track, to_s - TELEMETRY_LAG_S)
    return replace(track, at_s=to_s, lo_w=lo_w, hi_w=hi_w, commands=commands)


def _reach(track: Track, to_s: float) -> tuple[float, float]:
    """The interval after every admissible response to the commands until `to_s`."""
    at_s, lo_w, hi_w = track.at_s, track.lo_w, track.hi_w
    while at_s < to_s:
        until_s, low_w, high_w = _targets(track, at_s, to_s)
        if lo_w != low_w or hi_w != high_w:
            fast_w, slow_w = RAMP_MAX_W_S * (until_s - at_s), RAMP_MIN_W_S * (until_s - at_s)
            # An edge goes out as fast as it may and comes in as slowly, and stops where it heads for.
            if hi_w < high_w:
                hi_w = hi_w + fast_w if hi_w + fast_w < high_w else high_w
            else:
                hi_w = hi_w - slow_w if hi_w - slow_w > high_w else high_w
            if lo_w > low_w:
                lo_w = lo_w - fast_w if lo_w - fast_w > low_w else low_w
            else:
                lo_w = lo_w + slow_w if lo_w + slow_w < low_w else low_w
        at_s = until_s
    return lo_w, hi_w


# Comparisons are written out, here and below: `min` and `max` would be half of a decision's time.


def _targets(track: Track, at_s: float, to_s: float) -> tuple[float, float, float]:
    """Lowest and highest command that may be acted on from `at_s`, and until when that holds."""
    commands, dead_hi_s = track.commands, track.dead_hi_s
    until_s = to_s
    low_w = high_w = commands[0].power_w
    if len(commands) == 1:
        return until_s, low_w, high_w
    for newer in commands[1:]:
        begins_s = newer.time_s + DEAD_TIME_MIN_S
        if begins_s > at_s:
            # Commands come in order, so this edge is the earliest of those that begin...
            return (begins_s if begins_s < until_s else until_s), low_w, high_w
        ends_s = newer.time_s + dead_hi_s
        if ends_s <= at_s:
            # What came before is certainly over.
            low_w = high_w = newer.power_w
            continue
        # ...and those that end do so in order too: the first is the earliest.
        until_s = ends_s if ends_s < until_s else until_s
        low_w = newer.power_w if newer.power_w < low_w else low_w
        high_w = newer.power_w if newer.power_w > high_w else high_w
    return until_s, low_w, high_w


def _in_force(track: Track, at_s: float) -> tuple[TimedPower, ...]:
    """The commands without those that are certainly superseded by `at_s`."""
    drop, commands = 0, track.commands
    while drop + 1 < len(commands) and commands[drop + 1].time_s + track.dead_hi_s <= at_s:
        drop += 1
    return commands[drop:]


def _believe(track: Track, reading: TimedPower) -> Track:
    """Narrow the interval by a reading that was taken up to TELEMETRY_LAG_S before its time."""
    power_w, lo_w, hi_w = reading.power_w, track.lo_w, track.hi_w
    tolerance_w = max(TELEMETRY_TOLERANCE_W, TELEMETRY_TOLERANCE * abs(power_w))
    taken_s = reading.time_s - TELEMETRY_LAG_S
    _, low_w, high_w = _targets(track, taken_s, taken_s)
    _, low_now_w, high_now_w = _targets(track, track.at_s, track.at_s)
    low_w = low_now_w if low_now_w < low_w else low_w
    high_w = high_now_w if high_now_w > high_w else high_w
    # Since the reading was taken the unit may have moved on, toward anything it was told.
    moved_w = RAMP_MAX_W_S * (track.at_s - taken_s)
    top_w, bottom_w = power_w, power_w
    if high_w > power_w:
        top_w = high_w if high_w < power_w + moved_w else power_w + moved_w
    if low_w < power_w:
        bottom_w = low_w if low_w > power_w - moved_w else power_w - moved_w
    top_w, bottom_w = top_w + tolerance_w, bottom_w - tolerance_w
    if (bottom_w if bottom_w > lo_w else lo_w) > (top_w if top_w < hi_w else hi_w):
        # It contradicts what was thought possible: both are.
        return replace(track, lo_w=min(lo_w, power_w), hi_w=max(hi_w, power_w))
    if bottom_w <= lo_w and top_w >= hi_w:
        return track
    return replace(track, lo_w=bottom_w if bottom_w > lo_w else lo_w, hi_w=top_w if top_w < hi_w else hi_w)
