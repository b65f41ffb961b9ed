"""Figures from a run. In all of them less is better; inf = it never happened."""

import bisect
import math
from collections.abc import Callable, Sequence

from phasewise.sim.closed_loop import LATENESS, Trace
from phasewise.sim.fuse import budget_used
from phasewise.sim.scenario import Metric, MetricKind, Scenario

IDLE_W = 1.0
"""A battery at less than this is at 0 W."""


def settle_s(total_w: Sequence[float], tick_s: float, *, band_w: float, hold_s: float) -> float:
    """Seconds until the total is within the band and stays there for `hold_s`."""
    needed = round(hold_s / tick_s) + 1
    inside = 0
    for index, power_w in enumerate(total_w):
        inside = inside + 1 if abs(power_w) <= band_w else 0
        if inside == needed:
            return (index - needed + 1) * tick_s
    return math.inf


def energy_wh(total_w: Sequence[float], tick_s: float) -> tuple[float, float]:
    """Imported and exported energy, both >= 0; each value holds for one tick."""
    imported = sum([w for w in total_w if w > 0])
    exported = -sum([w for w in total_w if w < 0])
    return imported * tick_s / 3600.0, exported * tick_s / 3600.0


def rms_w(total_w: Sequence[float]) -> float:
    """Root mean square."""
    return math.sqrt(sum([w * w for w in total_w]) / len(total_w))


def overshoot_w(total_w: Sequence[float], edge_w: float) -> float:
    """How far the total goes to the other side of 0 after the load changed by `edge_w`."""
    return max(0.0, *(-math.copysign(1.0, edge_w) * w for w in total_w))


def swings(total_w: Sequence[float], band_w: float) -> int:
    """How often the total goes from beyond one side of the band to beyond the other."""
    side, found = 0, 0
    for power_w in total_w:
        now = (power_w > band_w) - (power_w < -band_w)
        if now and side and now != side:
            found += 1
        side = now or side
    return found


def stop_s(battery_w: Sequence[Sequence[float]], tick_s: float) -> float:
    """Seconds until every battery is at 0 W and stays there to the end."""
    running = [i for i, powers in enumerate(battery_w) if any(abs(w) > IDLE_W for w in powers)]
    last = running[-1] if running else -1
    return math.inf if last == len(battery_w) - 1 else (last + 1) * tick_s


class View:
    """A trace in the time of its scenario."""

    def __init__(self, trace: Trace, scenario: Scenario) -> None:
        self.trace = trace
        self.scenario = scenario
        self.total_w = trace.total_w()

    def tick(self, at_s: float) -> int:
        """Position of a time of the scenario."""
        return round((self.scenario.warm_up_s + at_s) / self.scenario.tick_s)

    def span(self, metric: Metric) -> slice:
        """Positions from `from_s` up to, not including, `until_s`."""
        until_s = self.scenario.duration_s if metric.until_s is None else metric.until_s
        return slice(self.tick(metric.from_s), self.tick(until_s))

    def after_edges(self, metric: Metric) -> list[tuple[float, list[float]]]:
        """For each edge of the metric, how the load changed and the total from it to the next."""
        trace, found = self.trace, []
        ends = [self.tick(at_s) for at_s in metric.edges_s[1:]] + [self.span(metric).stop]
        for at_s, end in zip(metric.edges_s, ends, strict=True):
            start = self.tick(at_s)
            before_w, after_w = (
                self.total_w[i] - sum(trace.battery_w[i]) for i in (max(start - 1, 0), start)
            )
            found.append((after_w - before_w, self.total_w[start:end]))
        return found

    def writes_per_minute(self, metric: Metric) -> float:
        """Of the battery that is written most."""
        offset_s = self.scenario.warm_up_s
        span = self.span(metric)
        from_s = offset_s + metric.from_s
        until_s: float = span.stop * self.scenario.tick_s
        counts = [
            bisect.bisect_left(at_s, until_s - LATENESS) - bisect.bisect_left(at_s, from_s - LATENESS)
            for at_s in self.trace.write_s
        ]
        return max(counts, default=0) * 60.0 / (until_s - from_s)


def _settle(view: View, metric: Metric) -> float:
    total_w = view.total_w[view.span(metric)]
    return settle_s(total_w, view.scenario.tick_s, band_w=metric.band_w, hold_s=metric.hold_s)


def _energy(view: View, metric: Metric) -> tuple[float, float]:
    return energy_wh(view.total_w[view.span(metric)], view.scenario.tick_s)


def _fuse(view: View, metric: Metric) -> float:
    span, rating_a = view.span(metric), view.scenario.site.main_fuse_a
    used = [
        budget_used([amps[p] for amps in view.trace.current_a[: span.stop]], rating_a, view.scenario.tick_s)
        for p in range(3)
    ]
    return 100.0 * max(max(of_phase[span]) for of_phase in used)


_MEASURES: dict[MetricKind, Callable[[View, Metric], float]] = {
    MetricKind.SETTLE: _settle,
    MetricKind.IMPORT: lambda view, metric: _energy(view, metric)[0],
    MetricKind.EXPORT: lambda view, metric: _energy(view, metric)[1],
    MetricKind.EXCHANGED: lambda view, metric: sum(_energy(view, metric)),
    MetricKind.OVERSHOOT: lambda view, metric: max(
        overshoot_w(total_w, edge_w) for edge_w, total_w in view.after_edges(metric)
    ),
    MetricKind.RMS: lambda view, metric: rms_w(view.total_w[view.span(metric)]),
    MetricKind.SWINGS: lambda view, metric: float(
        max(swings(total_w, metric.band_w) for _, total_w in view.after_edges(metric))
    ),
    MetricKind.WRITES: View.writes_per_minute,
    MetricKind.STOP: lambda view, metric: stop_s(
        view.trace.battery_w[view.span(metric)], view.scenario.tick_s
    ),
    MetricKind.FUSE: _fuse,
}


def measure(trace: Trace, scenario: Scenario) -> list[float]:
    """The value of each metric of the scenario, in their order."""
    view = View(trace, scenario)
    return [_MEASURES[metric.kind](view, metric) for metric in scenario.metrics]
