"""Figures of what a strategy makes of the batteries, and of which one runs. Less is better in all."""

from collections.abc import Iterator
from itertools import pairwise

from phasewise.sim.entries import Metric
from phasewise.sim.view import View


def charged_wh(view: View, metric: Metric) -> float:
    """Energy that the batteries take from the AC side."""
    return _energy_wh(view, metric, 1.0)


def discharged_wh(view: View, metric: Metric) -> float:
    """Energy that the batteries give to the AC side."""
    return _energy_wh(view, metric, -1.0)


def _energy_wh(view: View, metric: Metric, sign: float) -> float:
    powers = view.trace.battery_w[view.span(metric)]
    return sum([max(sign * w, 0.0) for each in powers for w in each]) * view.scenario.tick_s / 3600.0


def soc_off_pct(view: View, metric: Metric) -> float:
    """How far the mean state of charge is from the expected one at the end."""
    socs_pct = view.trace.soc_pct[view.span(metric)][-1]
    return abs(sum(socs_pct) / len(socs_pct) - metric.expected_soc_pct)


def other_strategy_s(view: View, metric: Metric) -> float:
    """Seconds in which another strategy runs than the one that should."""
    return sum([end_s - from_s for name, from_s, end_s in _runs(view, metric) if name != metric.strategy])


def strategy_changes(view: View, metric: Metric) -> float:
    """How often another strategy takes over."""
    return float(max(len(list(_runs(view, metric))) - 1, 0))


def _runs(view: View, metric: Metric) -> Iterator[tuple[str, float, float]]:
    """(strategy, begin, end) within the span, in order."""
    scenario = view.scenario
    until_s = scenario.duration_s if metric.until_s is None else metric.until_s
    begin_s, end_s = scenario.warm_up_s + metric.from_s, scenario.warm_up_s + until_s
    starts = [*view.trace.executing, (end_s, "")]
    for (from_s, name), (to_s, _) in pairwise(starts):
        if to_s > begin_s and from_s < end_s:
            yield name, max(from_s, begin_s), min(to_s, end_s)
