"""Figures of single phases, of batteries against each other, and of alarms. Less is better in all."""

import math
from collections.abc import Sequence

from phasewise.sim.closed_loop import Raised
from phasewise.sim.entries import Metric
from phasewise.sim.view import View

OPPOSED_W = 50.0
"""A battery at less than this works neither way: it is the last of a ramp, or standby."""
TAIL_S = 15.0
"""Batteries that oppose each other are still demanded by relief this long after it ended."""


def _beyond(view: View, metric: Metric) -> list[bool]:
    """At every tick of the span, whether one of the phases carries more than its limit."""
    limits_a = [(p.ordinal, metric.limit_a or view.scenario.site.ratings_a[p.ordinal]) for p in metric.phases]
    return [
        any(amps[index] > limit_a for index, limit_a in limits_a)
        for amps in view.trace.current_a[view.span(metric)]
    ]


def phase_clear_s(view: View, metric: Metric) -> float:
    """Seconds until the true current of every phase is within its limit, and stays there."""
    beyond = _beyond(view, metric)
    if beyond[-1]:
        return math.inf
    last = max((index for index, is_beyond in enumerate(beyond) if is_beyond), default=-1)
    return (last + 1) * view.scenario.tick_s


def phase_over_s(view: View, metric: Metric) -> float:
    """Seconds in which the true current of any phase is above its limit."""
    return sum(_beyond(view, metric)) * view.scenario.tick_s


def _mean_w(view: View, metric: Metric) -> list[float]:
    grid_w = view.trace.grid_w[view.span(metric)]
    return [sum([powers[p.ordinal] for powers in grid_w]) / len(grid_w) for p in metric.phases]


def phase_power_w(view: View, metric: Metric) -> float:
    """How far the mean power of the phases together is from what it should be."""
    return abs(sum(_mean_w(view, metric)) - metric.expected_w)


def phase_import_w(view: View, metric: Metric) -> float:
    """Mean import of the phase that imports most; 0 when none does."""
    return max(0.0, *_mean_w(view, metric))


def phase_swings(view: View, metric: Metric) -> float:
    """How often the power of a phase turns round, of the phase that does so most."""
    grid_w = view.trace.grid_w[view.span(metric)]
    return float(max(turns([powers[p.ordinal] for powers in grid_w], metric.band_w) for p in metric.phases))


def turns(power_w: Sequence[float], band_w: float) -> int:
    """How often the power, having moved one way by more than the band, does so the other way."""
    found, way, low, high = 0, 0, math.inf, -math.inf
    for watts in power_w:
        low, high = min(low, watts), max(high, watts)
        if way >= 0 and watts < high - band_w:
            found, way, low = found + (way > 0), -1, watts
        elif way <= 0 and watts > low + band_w:
            found, way, high = found + (way < 0), 1, watts
    return found


def opposed_s(view: View, metric: Metric) -> float:
    """Seconds in which one battery charges while another discharges, with no relief that demands it."""
    trace, span = view.trace, view.span(metric)
    tail = round(TAIL_S / trace.tick_s)
    relieved = -tail - 1
    found = 0
    for tick in range(span.stop):
        if trace.relieving[tick]:
            relieved = tick
        if tick < span.start or tick - relieved <= tail:
            continue
        powers = trace.battery_w[tick]
        found += max(powers) > OPPOSED_W and min(powers) < -OPPOSED_W
    return found * trace.tick_s


def _standing(view: View, metric: Metric) -> list[Raised]:
    """The alarms that the figure is about, as far as they stood within its span."""
    span = view.span(metric)
    from_s, until_s = (tick * view.scenario.tick_s for tick in (span.start, span.stop))
    return [
        raised
        for raised in view.trace.alarms
        if metric.alarm in (None, raised.alarm.code)
        and metric.subject in (None, raised.alarm.subject)
        and raised.from_s < until_s
        and raised.until_s > from_s
    ]


def alarm_raised_s(view: View, metric: Metric) -> float:
    """Seconds until the alarm stands; inf = it never does."""
    from_s = view.span(metric).start * view.scenario.tick_s
    return min((max(0.0, raised.from_s - from_s) for raised in _standing(view, metric)), default=math.inf)


def alarm_count(view: View, metric: Metric) -> float:
    """How many alarms there were; one that went away and came back counts twice."""
    return float(len(_standing(view, metric)))
