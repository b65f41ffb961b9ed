"""Piecewise linear curves, exactly: no grid of states, so no grid error.

The value of stored energy is such a curve, and one interval turns it into another: the least over all
changes `d` of `step(d) + value(x + d)`. For two convex curves that is a merge of their segments by slope
(infimal convolution). Other curves are cut into convex parts; the least over all pairs of parts is again
piecewise linear, and taken at its true corners.

Here x is stored energy in Wh, y is cost in EUR.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct

SAME_EUR = 1e-12
"""Rounding of sums of euros: a corner that stands out less is none. A year of quarters adds up to < 1e-7."""
SAME_WH = 1e-6
"""Corners nearer than this are one: worth less than 1e-9 EUR at any price."""
INFINITY = float("inf")


class Curve(Struct, frozen=True):
    """Straight lines between corners. `xs` strictly rising, as many `ys`, at least one."""

    xs: Sequence[float]
    ys: Sequence[float]

    def at(self, x: float) -> float:
        """The value; beyond the ends, the end's."""
        xs, ys = self.xs, self.ys
        right = bisect_left(xs, x)
        if right == 0:
            return ys[0]
        if right == len(xs):
            return ys[-1]
        part = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
        return ys[right - 1] + part * (ys[right] - ys[right - 1])

    def slope_at(self, x: float) -> float:
        """The slope to the right of x; at the right end and beyond, that of the last segment."""
        if len(self.xs) == 1:
            return 0.0
        right = min(max(bisect_right(self.xs, x), 1), len(self.xs) - 1)
        return (self.ys[right] - self.ys[right - 1]) / (self.xs[right] - self.xs[right - 1])

    def segments(self) -> list[tuple[float, float]]:
        """(slope, length) from left to right."""
        points = zip(self.xs, self.ys, strict=True)
        return [((y1 - y0) / (x1 - x0), x1 - x0) for (x0, y0), (x1, y1) in pairwise(points)]


def least_over_steps(step: Curve, value: Curve) -> Curve:
    """The least over d of `step(d) + value(x + d)`, for every x where `value` is defined.

    `step` is defined around 0. Neither has to be convex.
    """
    steps, values = convex_parts(step), convex_parts(value)
    lo, hi = value.xs[0], value.xs[-1]
    if len(steps) == len(values) == 1:
        only = _merged(step, value, lo, hi)
        if only is not None:
            return only
    found = [_merged(one, other, lo, hi) for one in steps for other in values]
    return lower_envelope([curve for curve in found if curve is not None])


def best_step(step: Curve, value: Curve, x: float) -> float:
    """The d for which `step(d) + value(x + d)` is least; of equal ones the one nearest to 0."""
    lo, hi = max(step.xs[0], value.xs[0] - x), min(step.xs[-1], value.xs[-1] - x)
    first, last = bisect_left(value.xs, x + lo), bisect_right(value.xs, x + hi)
    corners = [min(max(d, lo), hi) for d in (0.0, *step.xs)]
    corners += [min(max(corner - x, lo), hi) for corner in value.xs[first:last]]
    best, least = 0.0, INFINITY
    for d in sorted(corners, key=abs):
        cost = step.at(d) + value.at(x + d)
        if cost < least - SAME_EUR:
            best, least = d, cost
    return best


def convex_parts(curve: Curve) -> list[Curve]:
    """The curve, cut where it bends down."""
    segments = curve.segments()
    cuts = [
        index + 1
        for index, ((before, length), (after, next_length)) in enumerate(pairwise(segments))
        if (before - after) * min(length, next_length) > SAME_EUR
    ]
    if not cuts:
        return [curve]
    ends = [0, *cuts, len(curve.xs) - 1]
    return [Curve(curve.xs[a : b + 1], curve.ys[a : b + 1]) for a, b in pairwise(ends)]


def _merged(step: Curve, value: Curve, lo: float, hi: float) -> Curve | None:
    """`least_over_steps` for two convex curves, within lo and hi; None if it is defined nowhere there."""
    mirrored = [(-slope, length) for slope, length in step.segments()]
    x, y = value.xs[0] - step.xs[-1], value.ys[0] + step.ys[-1]
    end = value.xs[-1] - step.xs[0]
    if end < lo or x > hi:
        return None
    xs, ys = ([x], [y]) if x >= lo else ([], [])
    last_slope = INFINITY
    for slope, length in sorted(value.segments() + mirrored):
        right = x + length
        if right > lo:
            if not xs:
                xs.append(lo)
                ys.append(y + slope * (lo - x))
            stop = min(right, hi)
            height = y + slope * (stop - x)
            straight = (slope - last_slope) * length <= SAME_EUR or stop - xs[-1] <= SAME_WH
            if len(xs) > 1 and straight:
                xs[-1], ys[-1] = stop, height
            elif stop - xs[-1] > SAME_WH:
                xs.append(stop)
                ys.append(height)
                last_slope = slope
            if right >= hi:
                break
        x, y = right, y + slope * length
    return Curve(xs or [lo], ys or [y])


def lower_envelope(curves: Sequence[Curve]) -> Curve:
    """The lowest of some curves at every x where any is defined. Together they leave no gap and no jump."""
    if len(curves) == 1:
        return curves[0]
    xs = _apart(sorted({x for curve in curves for x in curve.xs}))
    sampled = [_sampled(curve, xs) for curve in curves]
    columns = list(zip(*sampled, strict=True))
    lows = [min(column) for column in columns]
    points = [(xs[0], lows[0])]
    for index in range(len(xs) - 1):
        here, there = columns[index], columns[index + 1]
        lowest = here.index(lows[index])
        if there[lowest] > lows[index + 1] + SAME_EUR:
            lines = [pair for pair in zip(here, there, strict=True) if INFINITY not in pair]
            points += _corners(lines, xs[index], xs[index + 1])
        points.append((xs[index + 1], lows[index + 1]))
    return _without_straight_corners(points)


def _apart(xs: list[float]) -> list[float]:
    kept = [xs[0]]
    for x in xs:
        if x - kept[-1] > SAME_WH:
            kept.append(x)
    return kept


def _sampled(curve: Curve, xs: Sequence[float]) -> list[float]:
    """The curve at xs, which hold all of its own corners; infinite where it is not defined."""
    lo, hi = curve.xs[0] - SAME_WH, curve.xs[-1] + SAME_WH
    first, end = bisect_left(xs, lo), bisect_right(xs, hi)
    inside = [curve.at(x) for x in xs[first:end]]
    return [INFINITY] * first + inside + [INFINITY] * (len(xs) - end)


def _corners(lines: Sequence[tuple[float, float]], a: float, b: float) -> list[tuple[float, float]]:
    """Where the lowest of some lines changes between a and b. Each line: its y at a and at b."""
    if b - a <= SAME_WH or len(lines) < 2:
        return []
    left = min(lines)
    right = min(lines, key=lambda line: (line[1], line[0]))
    gap_a, gap_b = right[0] - left[0], left[1] - right[1]
    if gap_a <= SAME_EUR or gap_b <= SAME_EUR:
        return []
    part = gap_a / (gap_a + gap_b)
    x = a + part * (b - a)
    middle = [line[0] + part * (line[1] - line[0]) for line in lines]
    low = min(middle)
    if low >= left[0] + part * (left[1] - left[0]) - SAME_EUR:
        return [(x, low)]
    before = [(line[0], y) for line, y in zip(lines, middle, strict=True)]
    after = [(y, line[1]) for line, y in zip(lines, middle, strict=True)]
    return [*_corners(before, a, x), (x, low), *_corners(after, x, b)]


def _without_straight_corners(points: Sequence[tuple[float, float]]) -> Curve:
    xs, ys = [points[0][0]], [points[0][1]]
    for (x, y), (next_x, next_y) in pairwise(points[1:]):
        if x - xs[-1] <= SAME_WH:
            continue
        straight = ys[-1] + (next_y - ys[-1]) * (x - xs[-1]) / (next_x - xs[-1])
        if abs(y - straight) > SAME_EUR:
            xs.append(x)
            ys.append(y)
    if points[-1][0] > xs[-1]:
        xs.append(points[-1][0])
        ys.append(points[-1][1])
    return Curve(xs, ys)
