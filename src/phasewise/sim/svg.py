"""Charts as inline SVG: lines over time and a heat map. Colours are CSS classes of the page."""

import math
from collections.abc import Sequence
from html import escape

from msgspec import Struct

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960, 76, 14, 10, 26
TICKS = 5


class Line(Struct, frozen=True):
    """One line of a chart: a value per tick."""

    name: str
    colour: int
    """1 to 6: the page's class `c1` to `c6`."""
    values: Sequence[float]
    dashed: bool = False


class Mark(Struct, frozen=True):
    """A horizontal line, such as a limit."""

    name: str
    value: float
    inner: bool = False
    """One that lies just inside another: drawn finer, named at the other end and on the other side."""


def chart(
    lines: Sequence[Line],
    *,
    label: str,
    unit: str,
    tick_s: float,
    marks: Sequence[Mark] = (),
    height: int = 220,
    at_least: tuple[float, float] | None = None,
) -> str:
    """Lines over time from 0 on, with a legend. `label` is read out by screen readers.

    `at_least`: the range that the axis covers in any case.
    """
    count = max(len(line.values) for line in lines)
    drawn = [_thinned(line.values, WIDTH - LEFT - RIGHT) for line in lines]
    low, high = _range([value for points in drawn for _, value in points], marks, at_least)
    bottom = height - BOTTOM

    def x(index: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * index / max(count - 1, 1)

    def y(value: float) -> float:
        return TOP + (bottom - TOP) * (high - value) / (high - low)

    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">']
    for value in _nice(low, high):
        kind = "zero" if value == 0 else "grid"
        parts.append(f'<path class="{kind}" d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="y" x="{LEFT - 8}" y="{y(value) + 4:.1f}">{value:,.6g} {escape(unit)}</text>'
        )
    for at_s, text in _time_ticks((count - 1) * tick_s):
        parts.append(f'<text class="x" x="{x(at_s / tick_s):.1f}" y="{height - 8}">{text}</text>')
    parts += [_mark(mark, y(mark.value)) for mark in marks if low <= mark.value <= high]
    for line, points in zip(lines, drawn, strict=True):
        path = "L".join(f"{x(index):.1f} {y(value):.1f}" for index, value in points)
        dash = " dashed" if line.dashed else ""
        parts.append(f'<path class="line c{line.colour}{dash}" d="M{path}"/>')
    return "".join([*parts, "</svg>", _legend(lines)])


def _mark(mark: Mark, y: float) -> str:
    # Outside, away from the values, but for one at the very top.
    above = (mark.value > 0) is not mark.inner and y > TOP + 14
    place = y - 4 if above else y + 12
    x, kind = (LEFT + 4, " inner") if mark.inner else (WIDTH - RIGHT - 4, "")
    return (
        f'<path class="limit{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="l{kind}" x="{x}" y="{place:.1f}">{escape(mark.name)}</text>'
    )


def _legend(lines: Sequence[Line]) -> str:
    if len(lines) < 2:
        return ""
    keys = "".join(
        f'<span class="key"><svg viewBox="0 0 22 8"><path class="line c{line.colour}'
        f'{" dashed" if line.dashed else ""}" d="M0 4H22"/></svg>{escape(line.name)}</span>'
        for line in lines
    )
    return f'<p class="legend">{keys}</p>'


def _thinned(values: Sequence[float], columns: int) -> list[tuple[int, float]]:
    """(position, value) with at most four points a column: first, lowest, highest, last. No peak is lost."""
    if len(values) <= 2 * columns:
        return list(enumerate(values))
    points: list[tuple[int, float]] = []
    for column in range(columns):
        start, stop = len(values) * column // columns, len(values) * (column + 1) // columns
        part = range(start, stop)
        chosen = {start, min(part, key=values.__getitem__), max(part, key=values.__getitem__), stop - 1}
        points += [(index, values[index]) for index in sorted(chosen)]
    return points


def _range(
    values: Sequence[float], marks: Sequence[Mark], at_least: tuple[float, float] | None
) -> tuple[float, float]:
    low, high = min(values), max(values)
    if at_least is not None:
        low, high = min(low, at_least[0]), max(high, at_least[1])
    # A limit is shown when the values come near it; far away it would only flatten them.
    reach = 1.6 * max(abs(low), abs(high))
    near = [mark.value for mark in marks if abs(mark.value) <= reach]
    low, high = min([low, 0.0, *near]), max([high, 0.0, *near])
    spare = 0.06 * (high - low) or 1.0
    return (low - spare if low < 0 else low), high + spare


def _nice(low: float, high: float) -> list[float]:
    """Round values for the axis."""
    raw = (high - low) / TICKS
    power = math.pow(10.0, math.floor(math.log10(raw)))
    step = next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= raw)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _time_ticks(duration_s: float) -> list[tuple[float, str]]:
    """(seconds, text) along the time axis."""
    for step_s in (10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 21_600.0, 86_400.0):
        if duration_s / step_s <= 12:
            break
    else:
        step_s = 86_400.0 * math.ceil(duration_s / 86_400.0 / 12)
    times = [n * step_s for n in range(int(duration_s / step_s) + 1)]
    if step_s < 300.0:
        return [(at_s, f"{at_s:.0f} s") for at_s in times]
    if step_s < 86_400.0:
        return [(at_s, f"{int(at_s // 3600)}:{int(at_s % 3600 // 60):02d}") for at_s in times]
    return [(at_s, f"day {at_s / 86_400.0:.0f}") for at_s in times]


class HeatCell(Struct, frozen=True):
    """One cell: its text, how good it is from 0 (worst) to 1, and the words shown on hovering."""

    text: str
    good: float
    hint: str


def heat_map(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[HeatCell]]], corner: str) -> str:
    """An HTML table with coloured cells; the value stands in each, so colour is never needed to read it."""
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>"
        + "".join(
            f"<td title='{escape(c.hint)}' style='--good:{100 * c.good:.0f}%'"
            f"{' class=never' if c.good <= 0 else ''}>{escape(c.text)}</td>"
            for c in cells
        )
        + "</tr>"
        for name, cells in rows
    )
    head = f"<thead><tr><th>{escape(corner)}</th>{head}</tr></thead>"
    return f"<table class='heat'>{head}<tbody>{body}</tbody></table>"
