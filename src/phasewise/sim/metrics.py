"""Figures from a run. In all of them less is better; inf = it never happened."""

import math
from collections.abc import Callable, Sequence

from phasewise.sim.closed_loop import Trace
from phasewise.sim.entries import Metric, MetricKind
from phasewise.sim.fuse import budget_used
from phasewise.sim.peak_metrics import peak_clear_s, peak_wasted_wh, quarter_peak_w
from phasewise.sim.phase_metrics import (
    alarm_count,
    alarm_raised_s,
    opposed_s,
    phase_clear_s,
    phase_import_w,
    phase_over_s,
    phase_power_w,
    phase_swings,
)
from phasewise.sim.scenario import Scenario
from phasewise.sim.strategy_metrics import (
    charged_wh,
    discharged_wh,
    other_strategy_s,
    soc_off_pct,
    strategy_changes,
)
from phasewise.sim.view import View

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


def _settle(view: View, metric: Metric) -> float:
    total_w = view.total_w[view.span(metric)]
    return settle_s(total_w, view.scenario.tick_s, band_w=metric.band_w, hold_s=metric.hold_s)


def _energy(view: View, metric: Metric) -> tuple[float, float]:
    return energy_wh(view.total_w[view.span(metric)], view.scenario.tick_s)


def _stop(view: View, metric: Metric) -> float:
    powers = view.trace.battery_w[view.span(metric)]
    if metric.battery is not None:
        of = [battery.id for battery in view.scenario.batteries].index(metric.battery)
        powers = [(watts[of],) for watts in powers]
    return stop_s(powers, view.scenario.tick_s)


def _fuse(view: View, metric: Metric) -> float:
    span, tick_s = view.span(metric), view.scenario.tick_s
    currents = view.trace.current_a[: span.stop]
    used = [
        budget_used([amps[p.ordinal] for amps in currents], view.scenario.site.ratings_a[p.ordinal], tick_s)
        for p in metric.phases
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
    MetricKind.STOP: _stop,
    MetricKind.FUSE: _fuse,
    MetricKind.PHASE_CLEAR: phase_clear_s,
    MetricKind.PHASE_OVER: phase_over_s,
    MetricKind.PHASE_POWER: phase_power_w,
    MetricKind.PHASE_IMPORT: phase_import_w,
    MetricKind.PHASE_SWINGS: phase_swings,
    MetricKind.OPPOSED: opposed_s,
    MetricKind.ALARM_RAISED: alarm_raised_s,
    MetricKind.ALARM_COUNT: alarm_count,
    MetricKind.PEAK_CLEAR: peak_clear_s,
    MetricKind.PEAK_WASTED: peak_wasted_wh,
    MetricKind.QUARTER_PEAK: quarter_peak_w,
    MetricKind.CHARGED: charged_wh,
    MetricKind.DISCHARGED: discharged_wh,
    MetricKind.SOC_OFF: soc_off_pct,
    MetricKind.OTHER_STRATEGY: other_strategy_s,
    MetricKind.STRATEGY_CHANGES: strategy_changes,
}


def measure(trace: Trace, scenario: Scenario) -> list[float]:
    """The value of each metric of the scenario, in their order."""
    view = View(trace, scenario)
    return [_MEASURES[metric.kind](view, metric) for metric in scenario.metrics]
