"""What control would have done: a scenario or a recording, run once and summed up for people."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from phasewise import __version__
from phasewise.config import Config
from phasewise.control.strategies import Strategy
from phasewise.model import PHASES, Assignment, BatterySettings, Settings
from phasewise.sim.closed_loop import TICK_S, Trace
from phasewise.sim.entries import BatteryEntry
from phasewise.sim.fuse import budget_used
from phasewise.sim.house import PerPhase
from phasewise.sim.loads import Loads, read_csv
from phasewise.sim.metrics import energy_wh, measure
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, Scenario, load_packaged, load_scenario

LONG_S = 3600.0
"""A longer recording is run at LONG_TICK_S: nobody's CSV is finer, and a day takes seconds."""
LONG_TICK_S = 1.0
BATTERIES = tuple(BatteryEntry(id=f"m{n}", connected_to=Assignment(f"L{n}")) for n in (1, 2, 3))
"""Without a configuration: three units of the most usual kind, one on each phase."""


class BatterySummary(Struct, frozen=True):
    """What one battery did."""

    id: str
    connected_to: str
    charged_wh: float
    """At its AC terminals, as the two below."""
    discharged_wh: float
    soc_start_pct: float
    soc_end_pct: float
    writes: int


class PhaseSummary(Struct, frozen=True):
    """How one phase was used, with the batteries and without."""

    phase: str
    fuse_a: float
    most_a: float
    most_without_a: float
    above_rating_s: float
    above_rating_without_s: float
    fuse_budget_pct: float
    """Most of the fuse's thermal budget used at any time; at 100 it may have gone."""
    fuse_budget_without_pct: float


class Cause(Struct, frozen=True):
    """One reason why a battery did not do what the strategy wanted."""

    battery: str
    code: str
    seconds: float
    energy_wh: float
    """Given minus wanted, charging positive."""


class Raised(Struct, frozen=True):
    """One alarm."""

    code: str
    severity: str
    subject: str | None
    detail: str | None
    at_s: float
    """When it was raised first; counts from the end of the warm-up."""


class Figure(Struct, frozen=True):
    """One metric of the scenario."""

    name: str
    unit: str
    value: float | None
    must: float | None
    goal: float | None


class Summary(Struct, frozen=True):
    """The outcome in numbers."""

    version: str
    name: str
    title: str
    description: str
    strategy: str
    duration_s: float
    import_wh: float
    export_wh: float
    import_without_wh: float
    export_without_wh: float
    batteries: tuple[BatterySummary, ...]
    phases: tuple[PhaseSummary, ...]
    causes: tuple[Cause, ...]
    alarms: tuple[Raised, ...]
    figures: tuple[Figure, ...]
    assumptions: tuple[str, ...]
    """What had to be assumed, for people."""


class Simulation(Struct, frozen=True):
    """A run with everything that a report needs."""

    scenario: Scenario
    settings: Settings
    trace: Trace
    summary: Summary

    @property
    def first(self) -> int:
        """Position in the trace at which the warm-up is over."""
        return round(self.scenario.warm_up_s / self.scenario.tick_s)


def open_scenario(what: str) -> Loaded:
    """A CSV or YAML file, or the name of a packaged scenario. Raises ConfigError."""
    path = Path(what)
    if path.suffix.lower() == ".csv":
        return from_csv(path)
    if path.suffix.lower() in {".yaml", ".yml"}:
        return load_scenario(path)
    return load_packaged(what)


def from_csv(path: Path) -> Loaded:
    """A house that draws what a recording says, with three usual batteries. Raises ConfigError."""
    recording = read_csv(path)
    scenario = Scenario(
        title=path.stem,
        description=f"The loads of {path.name}.",
        duration_s=recording.duration_s,
        tick_s=TICK_S if recording.duration_s <= LONG_S else LONG_TICK_S,
        batteries=BATTERIES,
        loads=Loads(csv=str(path)),
    )
    return Loaded(path.stem, scenario, recording.phases_w)


def simulate(
    loaded: Loaded, strategies: Mapping[str, Strategy], *, config: Config | None = None, seed: int = 0
) -> Simulation:
    """Run a scenario once. With `config`, its site, batteries and settings replace the scenario's."""
    settings = loaded.scenario.settings()
    assumptions: list[str] = []
    if config is not None:
        settings = config.settings()
        entries = tuple(_entry(battery, assumptions) for battery in settings.batteries)
        site = replace(loaded.scenario.site, voltage_v=settings.site.nominal_voltage_v)
        loaded = replace(loaded, scenario=replace(loaded.scenario, batteries=entries, site=site, faults=()))
    assumptions += _physics(loaded.scenario)
    trace = run(loaded, ControllerName.OURS, strategies, seed=seed, settings=settings)
    summary = _summary(loaded, settings, trace, tuple(assumptions))
    return Simulation(loaded.scenario, settings, trace, summary)


def _entry(battery: BatterySettings, assumptions: list[str]) -> BatteryEntry:
    connected_to = battery.phase
    if not battery.phase.is_assigned:
        connected_to = Assignment.L1
        assumptions.append(f"{battery.id} has no phase in the configuration; it is simulated on L1.")
    return BatteryEntry(
        id=battery.id,
        connected_to=connected_to,
        phase=battery.phase,
        max_charge_w=battery.max_charge_w,
        max_discharge_w=battery.max_discharge_w,
        min_power_w=battery.capabilities.min_power_w,
        reserve_soc_pct=battery.min_soc_pct,
        ceiling_soc_pct=battery.max_soc_pct,
    )


def _physics(scenario: Scenario) -> list[str]:
    """What was assumed of units that are all alike; a scenario that differs says so itself."""
    kinds = {
        (b.capacity_wh, b.soc_pct, b.dead_time_s, b.ramp_w_s, b.lag_s, b.one_way_efficiency)
        for b in scenario.batteries
    }
    if len(kinds) != 1:
        return []
    capacity_wh, soc_pct, dead_time_s, ramp_w_s, lag_s, efficiency = kinds.pop()
    moves = f"a lag of {lag_s:g} s" if lag_s else f"{ramp_w_s:,.0f} W/s"
    return [
        f"Each battery holds {capacity_wh / 1000.0:g} kWh, begins at {soc_pct:g} %, moves {dead_time_s:g} s "
        f"after a setpoint with {moves}, and keeps {100.0 * efficiency:g} % each way."
    ]


def _summary(loaded: Loaded, settings: Settings, trace: Trace, assumptions: tuple[str, ...]) -> Summary:
    scenario = loaded.scenario
    first = round(scenario.warm_up_s / scenario.tick_s)
    grid_w = trace.grid_w[first:]
    loads_w = loads_per_phase(trace, scenario)[first:]
    imported, exported = energy_wh([sum(p) for p in grid_w], scenario.tick_s)
    imported_without, exported_without = energy_wh([sum(p) for p in loads_w], scenario.tick_s)
    return Summary(
        version=__version__,
        name=loaded.name,
        title=scenario.title,
        description=scenario.description.strip(),
        strategy=settings.control.strategy,
        duration_s=scenario.duration_s,
        import_wh=round(imported, 1),
        export_wh=round(exported, 1),
        import_without_wh=round(imported_without, 1),
        export_without_wh=round(exported_without, 1),
        batteries=tuple(
            _battery_summary(i, entry, trace, first, scenario.tick_s)
            for i, entry in enumerate(scenario.batteries)
        ),
        phases=_phase_summaries(settings, trace, loads_w, first, scenario),
        causes=_causes(trace),
        alarms=_alarms(trace, scenario),
        figures=_figures(trace, scenario),
        assumptions=assumptions,
    )


def loads_per_phase(trace: Trace, scenario: Scenario) -> list[PerPhase]:
    """What the house would draw without its batteries, PV subtracted, at every tick."""
    where = [b.connected_to.phase for b in scenario.batteries]
    shares = [tuple(1.0 / 3.0 if phase is None else float(phase is of) for phase in where) for of in PHASES]
    found = []
    for grid_w, battery_w in zip(trace.grid_w, trace.battery_w, strict=True):
        l1, l2, l3 = (
            grid - sum([share * w for share, w in zip(of, battery_w, strict=True)])
            for grid, of in zip(grid_w, shares, strict=True)
        )
        found.append((l1, l2, l3))
    return found


def _battery_summary(
    index: int, entry: BatteryEntry, trace: Trace, first: int, tick_s: float
) -> BatterySummary:
    charged_wh, discharged_wh = energy_wh([powers[index] for powers in trace.battery_w[first:]], tick_s)
    return BatterySummary(
        id=entry.id,
        connected_to=entry.connected_to,
        charged_wh=round(charged_wh, 1),
        discharged_wh=round(discharged_wh, 1),
        soc_start_pct=round(trace.soc_pct[first][index], 1),
        soc_end_pct=round(trace.soc_pct[-1][index], 1),
        writes=sum(at_s >= trace.time_s[first] for at_s in trace.write_s[index]),
    )


def _phase_summaries(
    settings: Settings, trace: Trace, loads_w: Sequence[PerPhase], first: int, scenario: Scenario
) -> tuple[PhaseSummary, ...]:
    volts, tick_s = scenario.site.voltage_v, scenario.tick_s
    found = []
    for phase in settings.site.phases:
        of, fuse_a = phase.ordinal, settings.site.main_fuse_a[phase.ordinal]
        with_a = [amps[of] for amps in trace.current_a[first:]]
        # What is reactive stays when the batteries are taken away.
        without_a = [
            math.sqrt(max(a * a + (load[of] * load[of] - grid[of] * grid[of]) / (volts * volts), 0.0))
            for a, load, grid in zip(with_a, loads_w, trace.grid_w[first:], strict=True)
        ]
        found.append(
            PhaseSummary(
                phase=phase,
                fuse_a=fuse_a,
                most_a=round(max(with_a), 2),
                most_without_a=round(max(without_a), 2),
                above_rating_s=round(sum(a > fuse_a for a in with_a) * tick_s, 1),
                above_rating_without_s=round(sum(a > fuse_a for a in without_a) * tick_s, 1),
                fuse_budget_pct=round(100.0 * max(budget_used(with_a, fuse_a, tick_s)), 2),
                fuse_budget_without_pct=round(100.0 * max(budget_used(without_a, fuse_a, tick_s)), 2),
            )
        )
    return tuple(found)


def _causes(trace: Trace) -> tuple[Cause, ...]:
    """Longest first."""
    causes = [
        Cause(battery, code, round(seconds, 1), round(energy, 2))
        for (battery, code), (seconds, energy) in trace.reasons.items()
    ]
    return tuple(sorted(causes, key=lambda cause: (-cause.seconds, cause.battery, cause.code)))


def _alarms(trace: Trace, scenario: Scenario) -> tuple[Raised, ...]:
    """Each once, as it was raised first."""
    first: dict[tuple[str, str | None], Raised] = {}
    for raised in trace.alarms:
        alarm, at_s = raised.alarm, raised.from_s - scenario.warm_up_s
        entry = Raised(alarm.code, alarm.severity, alarm.subject, alarm.detail, at_s)
        first.setdefault((alarm.code, alarm.subject), entry)
    return tuple(first.values())


def _figures(trace: Trace, scenario: Scenario) -> tuple[Figure, ...]:
    values = measure(trace, scenario)
    return tuple(
        Figure(m.name, m.kind.unit, round(v, 3) if math.isfinite(v) else None, m.must, m.goal)
        for m, v in zip(scenario.metrics, values, strict=True)
    )


def summary_rows(summary: Summary) -> list[tuple[str, str, str]]:
    """What, without the batteries, with them: a table for people."""
    rows = [
        ("import", f"{_kwh(summary.import_without_wh)}", f"{_kwh(summary.import_wh)}"),
        ("export", f"{_kwh(summary.export_without_wh)}", f"{_kwh(summary.export_wh)}"),
    ]
    for phase in summary.phases:
        rows.append(
            (f"{phase.phase}, highest current", f"{phase.most_without_a:.1f} A", f"{phase.most_a:.1f} A")
        )
        rows.append(
            (
                f"{phase.phase}, above {phase.fuse_a:g} A",
                f"{phase.above_rating_without_s:g} s",
                f"{phase.above_rating_s:g} s",
            )
        )
    for battery in summary.batteries:
        energies = f"{_kwh(battery.charged_wh)} in, {_kwh(battery.discharged_wh)} out"
        rows.append((f"{battery.id} on {battery.connected_to}", "", energies))
        soc = f"{battery.soc_start_pct:.0f} to {battery.soc_end_pct:.0f} %, {battery.writes} setpoints"
        rows.append(("", "", soc))
    return rows


def _kwh(energy_wh: float) -> str:
    return f"{energy_wh / 1000.0:.3f} kWh" if energy_wh < 100_000.0 else f"{energy_wh / 1000.0:,.0f} kWh"
