"""A run seen in the time of its scenario."""

import bisect

from phasewise.sim.closed_loop import LATENESS, Trace
from phasewise.sim.entries import Metric
from phasewise.sim.scenario import Scenario


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
