"""A simulation as one HTML file: nothing outside of it is loaded, no script runs in it."""

import math
from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from itertools import groupby

from phasewise import __version__
from phasewise.model import Reason, ReasonCode
from phasewise.sim.fuse import budget_used
from phasewise.sim.scorecard import Cell
from phasewise.sim.simulate import Simulation, Summary, loads_per_phase
from phasewise.sim.svg import HeatCell, Line, Mark, chart, heat_map

Sentence = Callable[[Reason], str]
"""Says a reason in words."""
SLOW_S = 20.0
"""Settling time that is shown as barely acceptable on the stability map."""


def page(title: str, body: str) -> str:
    """A whole HTML document with our style in it."""
    style = resources.files("phasewise.sim").joinpath("report.css").read_text(encoding="utf-8")
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{body}</main><footer>Phasewise {__version__}</footer></body></html>\n"
    )


def simulation_report(simulation: Simulation, sentence: Sentence) -> str:
    """The report of one run."""
    summary = simulation.summary
    description = "" if summary.description == summary.title else f"<p>{escape(summary.description)}</p>"
    body = [
        f"<header><h1>{escape(summary.title)}</h1>{description}",
        f"<p class='quiet'>Strategy {escape(summary.strategy)}. Positive is import, and charging.</p>",
        "</header>",
        _headline(summary),
        _grid_section(simulation),
        _phase_section(simulation),
        _battery_section(simulation),
        _section("State of charge", _soc(simulation)),
        _fuse_section(simulation),
        _section("Energy", _energy_table(summary)),
        _section("Figures of this scenario", _figures_table(summary)) if summary.figures else "",
        _section("Why batteries did not do what was wanted", _causes_table(summary, sentence)),
        _section("Alarms", _alarms_table(summary)) if summary.alarms else "",
        _section("What was assumed", "".join(f"<p>{escape(a)}</p>" for a in summary.assumptions))
        if summary.assumptions
        else "",
    ]
    return page(f"{summary.title} - Phasewise", "".join(body))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _headline(summary: Summary) -> str:
    """The four figures that most people want."""
    worst = max(summary.phases, key=lambda phase: phase.most_a / phase.fuse_a)
    tiles = [
        ("Import", _kwh(summary.import_wh), f"without batteries {_kwh(summary.import_without_wh)}"),
        ("Export", _kwh(summary.export_wh), f"without batteries {_kwh(summary.export_without_wh)}"),
        (
            "Highest current",
            f"{worst.most_a:.1f} A",
            f"on {worst.phase}, fuse {worst.fuse_a:g} A; without batteries {worst.most_without_a:.1f} A",
        ),
        (
            "Setpoints written",
            f"{sum(b.writes for b in summary.batteries):,}",
            f"to {len(summary.batteries)} batteries in {_time(summary.duration_s)}",
        ),
    ]
    cells = "".join(
        f"<div class='tile'><span>{escape(name)}</span><b>{escape(value)}</b>"
        f"<small>{escape(note)}</small></div>"
        for name, value, note in tiles
    )
    return f"<div class='tiles'>{cells}</div>"


def _grid_section(simulation: Simulation) -> str:
    trace, first = simulation.trace, simulation.first
    loads_w = loads_per_phase(trace, simulation.scenario)[first:]
    lines = [
        Line("without batteries", 6, [sum(powers) for powers in loads_w]),
        Line("grid total", 1, trace.total_w()[first:]),
    ]
    target_w = simulation.settings.control.target_grid_w
    marks = [Mark("target", target_w)] if target_w else []
    drawn = chart(lines, label="Grid total over time", unit="W", tick_s=trace.tick_s, marks=marks, height=260)
    return _section("Grid total", drawn)


def _phase_section(simulation: Simulation) -> str:
    """Currents, not powers: a fuse knows nothing of power factors."""
    trace, site, first = simulation.trace, simulation.settings.site, simulation.first
    lines = []
    for phase in site.phases:
        of = phase.ordinal
        pairs = zip(trace.current_a[first:], trace.grid_w[first:], strict=True)
        lines.append(Line(phase, of + 1, [math.copysign(amps[of], powers[of]) for amps, powers in pairs]))
    ratings = sorted({site.main_fuse_a[phase.ordinal] for phase in site.phases})
    marks = [Mark(f"fuse {rating:g} A", sign * rating) for rating in ratings for sign in (1.0, -1.0)]
    protection = simulation.settings.control.phase_protection
    if protection.enabled:
        limits = [rating - protection.margin_a for rating in ratings]
        marks += [Mark(f"limit {a:g} A", sign * a, inner=True) for a in limits for sign in (1.0, -1.0)]
    drawn = chart(lines, label="Current per phase", unit="A", tick_s=trace.tick_s, marks=marks, height=260)
    return _section("Current of the phases, export negative", drawn)


def _battery_section(simulation: Simulation) -> str:
    trace, first = simulation.trace, simulation.first
    charts = []
    for index, entry in enumerate(simulation.scenario.batteries):
        lines = [
            Line("setpoint", 6, [powers[index] for powers in trace.setpoint_w[first:]], dashed=True),
            Line("power", index % 5 + 1, [powers[index] for powers in trace.battery_w[first:]]),
        ]
        name = f"{entry.id} on {entry.connected_to}"
        drawn = chart(lines, label=f"Power of {name}", unit="W", tick_s=trace.tick_s, height=170)
        charts.append(f"<h3>{escape(name)}</h3>{drawn}")
    return _section("Batteries", "".join(charts))


def _soc(simulation: Simulation) -> str:
    trace, first = simulation.trace, simulation.first
    lines = [
        Line(entry.id, index % 6 + 1, [soc[index] for soc in trace.soc_pct[first:]])
        for index, entry in enumerate(simulation.scenario.batteries)
    ]
    return chart(lines, label="State of charge", unit="%", tick_s=trace.tick_s, at_least=(0.0, 100.0))


def _fuse_section(simulation: Simulation) -> str:
    summary, trace = simulation.summary, simulation.trace
    used = max(phase.fuse_budget_pct for phase in summary.phases)
    title = "Thermal budget of the fuses"
    if used == 0.0:
        return _section(title, "<p>Untouched: no phase was ever above 1.13 times its fuse.</p>")
    lines = []
    for phase, of_phase in zip(simulation.settings.site.phases, summary.phases, strict=True):
        amps = [currents[phase.ordinal] for currents in trace.current_a[simulation.first :]]
        values = [100.0 * share for share in budget_used(amps, of_phase.fuse_a, trace.tick_s)]
        lines.append(Line(phase, phase.ordinal + 1, values))
    note = (
        "<p class='quiet'>At 100 % the fuse may have gone. A conservative reading of IEC 60269-1 and "
        "IEC 60898-1; software is no substitute for a fuse.</p>"
    )
    drawn = chart(lines, label=title, unit="%", tick_s=trace.tick_s, at_least=(0.0, 50.0))
    return _section(title, drawn + note)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _energy_table(summary: Summary) -> str:
    saved = [
        ("grid import", _kwh(summary.import_without_wh), _kwh(summary.import_wh)),
        ("grid export", _kwh(summary.export_without_wh), _kwh(summary.export_wh)),
    ]
    batteries = [
        (
            f"{b.id} on {b.connected_to}",
            _kwh(b.charged_wh),
            _kwh(b.discharged_wh),
            f"{b.soc_start_pct:.0f} to {b.soc_end_pct:.0f} %",
            f"{b.writes:,} ({60.0 * b.writes / summary.duration_s:.1f} a minute)",
        )
        for b in summary.batteries
    ]
    return _table(["", "without batteries", "with batteries"], saved) + _table(
        ["battery", "charged", "discharged", "state of charge", "setpoints"], batteries
    )


def _figures_table(summary: Summary) -> str:
    rows = [
        (
            figure.name,
            "never" if figure.value is None else f"{figure.value:g} {figure.unit}",
            "" if figure.must is None else f"{figure.must:g}",
            "" if figure.goal is None else f"{figure.goal:g}",
        )
        for figure in summary.figures
    ]
    return _table(["figure", "this run", "at most", "goal"], rows)


def _causes_table(summary: Summary, sentence: Sentence) -> str:
    if not summary.causes:
        return "<p>They always did.</p>"
    rows = [
        (
            cause.battery,
            sentence(Reason(ReasonCode(cause.code))),
            _time(cause.seconds),
            f"{cause.energy_wh:+,.1f} Wh" if abs(cause.energy_wh) >= 0.05 else "",
        )
        for cause in summary.causes
    ]
    return _table(["battery", "why", "for", "given minus wanted"], rows)


def _alarms_table(summary: Summary) -> str:
    rows = [
        (_time(alarm.at_s), alarm.severity, alarm.code, alarm.subject or "", alarm.detail or "")
        for alarm in summary.alarms
    ]
    return _table(["first at", "severity", "alarm", "about", "detail"], rows)


def stability_report(cells: Sequence[Cell]) -> str:
    """Where the step settles, over dead time x ramp x meter cadence."""
    body = [
        "<header><h1>Where the loop is stable</h1><p>Seconds until a step of 3 kW on L1 is settled (grid "
        "total within 100 W, held for 8 s), up or down, at worst. Nothing is told to the controller, "
        "nothing is tuned.</p></header>"
    ]
    for cadence_s, of_cadence in groupby(cells, key=lambda cell: cell.cadence_s):
        rows: list[tuple[str, list[HeatCell]]] = []
        columns: list[str] = []
        for ramp_w_s, of_ramp in groupby(of_cadence, key=lambda cell: cell.ramp_w_s):
            row = list(of_ramp)
            columns = [f"{cell.dead_time_s:g} s" for cell in row]
            rows.append((f"{ramp_w_s:,.0f} W/s", [_heat(cell) for cell in row]))
        table = heat_map(columns, rows, "ramp \\ dead time")
        body.append(_section(f"A meter every {cadence_s:g} s", f"<div class='wide'>{table}</div>"))
    return page("Stability - Phasewise", "".join(body))


def _heat(cell: Cell) -> HeatCell:
    where = f"dead time {cell.dead_time_s:g} s, ramp {cell.ramp_w_s:,.0f} W/s, meter {cell.cadence_s:g} s"
    if cell.settle_s is None:
        return HeatCell("never", 0.0, f"{where}: does not settle")
    slow_s = SLOW_S + 2.0 * (cell.cadence_s - 1.0)
    good = max(0.02, 1.0 - cell.settle_s / slow_s)
    return HeatCell(f"{cell.settle_s:.1f}", good, f"{where}: settles in {cell.settle_s:.1f} s")


def _kwh(energy_wh: float) -> str:
    text = f"{energy_wh / 1000.0:,.2f} kWh" if energy_wh >= 100.0 else f"{energy_wh:.1f} Wh"
    return _unbroken(text)


def _time(seconds: float) -> str:
    if seconds < 120.0:
        return _unbroken(f"{seconds:.0f} s")
    if seconds < 7200.0:
        return _unbroken(f"{seconds / 60.0:.0f} min")
    return _unbroken(f"{seconds / 3600.0:.1f} h")


def _unbroken(text: str) -> str:
    """A number and its unit stay on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
