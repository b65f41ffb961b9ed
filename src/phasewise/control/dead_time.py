"""How long a battery takes to act on a command, learnt from watching it.

A run is a battery at rest that is then told to go one way, by one command or by many. A reading tells which
of them it acts on: one that has passed the goal of the command before has begun, and its dead time is no
longer than that. One whose predecessor's goal it still rests at has not begun, or its telemetry is late: that
says nothing of the least. Only where it contradicts what was seen before (the dead time changes from command
to command) does the longest that was seen count instead of the shortest.
"""

from msgspec.structs import replace

from phasewise.model.memory import TimedPower, Track

DEAD_TIME_MIN_S = 0.2
DEAD_TIME_MAX_S = 4.3
"""Marstek units were seen to take 0.3 to 4 s from a write to the first change, writing included."""
DEAD_TIME_USUAL_S = 1.5
"""Taken for the middle until a battery was seen to move: a Marstek v3 with a meter's worth of luck."""
RAMP_MIN_W_S = 500.0
"""The slowest rise that a household battery was seen with; also covers the tail of a 1 s lag."""
RAMP_MAX_W_S = 12_500.0
"""Full power in 0.2 s."""
TELEMETRY_LAG_S = 1.0
"""A device may refresh its own registers this much later than it moves. Some do so 10 s later."""
TOLERANCE_W = 25.0
TOLERANCE = 0.04
"""A battery rests at a setpoint when its reading is this near to it."""
READINGS = 8
"""Bounds remembered: about as many as one busy minute gives."""
RUN = 8
"""Commands of a run that are kept: more than can be under way at one a second."""
SHORTEST_S = DEAD_TIME_MIN_S + 0.6
"""Never sure to less: the write itself takes 0.6 s to reach the device."""
EVERYTHING = (DEAD_TIME_MIN_S, DEAD_TIME_MAX_S)


def at_rest(track: Track) -> bool:
    """Whether nothing is under way: one command is in force, and the battery certainly runs at it."""
    return len(track.commands) == 1 and track.lo_w == track.commands[0].power_w == track.hi_w


def watch(track: Track, command: TimedPower) -> Track:
    """Note a command that is given: it continues the run under watch, begins one, or confuses it."""
    if at_rest(track):
        return replace(track, run=(track.commands[0], command))
    if track.run and _goes_on(track.run, command.power_w):
        return replace(track, run=(*track.run[1 - RUN :], command))
    return replace(track, run=()) if track.run else track


def _goes_on(run: tuple[TimedPower, ...], power_w: float) -> bool:
    """Whether a command goes the way of the run, or back by less than a reading could show."""
    way = 1.0 if run[-1].power_w >= run[0].power_w else -1.0
    farthest_w = max([(command.power_w - run[0].power_w) * way for command in run])
    return (power_w - run[0].power_w) * way >= farthest_w - TOLERANCE_W


def hear(track: Track, reading: TimedPower) -> Track:
    """Learn from a reading what it tells of the dead time."""
    if not track.run:
        return track
    bounds = _bounds(track.run, reading)
    if bounds == EVERYTHING:
        return track
    seen = (*track.seen[1 - READINGS :], bounds)
    return replace(track, seen=seen, dead_hi_s=_longest_s(seen))


def _bounds(run: tuple[TimedPower, ...], reading: TimedPower) -> tuple[float, float]:
    """The dead times that one reading allows."""
    lo_s, hi_s = EVERYTHING
    start_w = run[0].power_w
    way = 1.0 if run[-1].power_w >= start_w else -1.0
    tolerance_w = max(TOLERANCE_W, TOLERANCE * abs(reading.power_w))
    gone_w = (reading.power_w - start_w) * way
    goal_w = 0.0
    for command in run[1:]:
        next_w = (command.power_w - start_w) * way
        if reading.time_s > command.time_s and next_w - goal_w > 2.0 * tolerance_w:
            if gone_w > goal_w + tolerance_w:
                hi_s = min(hi_s, reading.time_s - command.time_s)
            elif gone_w >= goal_w - tolerance_w:
                # It may have begun and not be out of the tolerance yet.
                began_s = reading.time_s - TELEMETRY_LAG_S - 2.0 * tolerance_w / RAMP_MIN_W_S
                lo_s = max(lo_s, began_s - command.time_s)
        goal_w = max(goal_w, next_w)
    return lo_s, hi_s


def _longest_s(seen: tuple[tuple[float, float], ...]) -> float:
    """The longest dead time that these bounds allow."""
    los_s, his_s = [lo_s for lo_s, _ in seen], [hi_s for _, hi_s in seen]
    hi_s = min(his_s) if max(los_s) <= min(his_s) else max(his_s)
    return min(max(hi_s, SHORTEST_S), DEAD_TIME_MAX_S)
