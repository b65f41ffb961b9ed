"""Figures of the grid total against its limits, and of clock quarters. Less is better in all."""

import math

from phasewise.control.quarter import QUARTER_S
from phasewise.sim.entries import Metric
from phasewise.sim.view import View


def _limits_w(view: View) -> tuple[float, float]:
    """Least and most grid total by `control.peak`."""
    peak = view.scenario.control.peak
    return (
        -math.inf if peak.export_w is None else -peak.export_w,
        math.inf if peak.import_w is None else peak.import_w,
    )


def peak_clear_s(view: View, metric: Metric) -> float:
    """Seconds until the true total is inside its limits, and stays there to the end of the span."""
    least_w, most_w = _limits_w(view)
    total_w = view.total_w[view.span(metric)]
    beyond = [index for index, w in enumerate(total_w) if not least_w <= w <= most_w]
    last = beyond[-1] if beyond else -1
    return math.inf if last == len(total_w) - 1 else (last + 1) * view.scenario.tick_s


def peak_wasted_wh(view: View, metric: Metric) -> float:
    """What batteries exchange beyond what the limits demand: for a strategy that wants nothing itself."""
    least_w, most_w = _limits_w(view)
    span = view.span(metric)
    wasted_ws = 0.0
    for total_w, battery_w in zip(view.total_w[span], view.trace.battery_w[span], strict=True):
        given_w = sum(battery_w)
        load_w = total_w - given_w
        needed_w = min(max(load_w, least_w), most_w) - load_w
        beyond_w = given_w - needed_w if needed_w >= 0.0 else needed_w - given_w
        # Too little is not a waste, but the wrong way is.
        wasted_ws += abs(given_w) if needed_w * given_w <= 0.0 else max(0.0, beyond_w)
    return wasted_ws * view.scenario.tick_s / 3600.0


def quarter_peak_w(view: View, metric: Metric) -> float:
    """Highest mean import of the clock quarters that end within the span."""
    span, tick_s = view.span(metric), view.scenario.tick_s
    per_quarter = round(QUARTER_S / tick_s)
    ends = [end for end in range(per_quarter, span.stop + 1, per_quarter) if end > span.start]
    means = [sum([max(0.0, w) for w in view.total_w[end - per_quarter : end]]) / per_quarter for end in ends]
    return max(means, default=math.inf)
