"""The state as Prometheus text (exposition format 0.0.4), in base units. Positive = import, and charging."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from msgspec import Struct

from phasewise.engine.controls import Health
from phasewise.engine.state import (
    BatteryState,
    Counters,
    GridState,
    PhaseState,
    QuarterState,
    SystemState,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

J_PER_WH = 3600.0
"""Prometheus wants base units: joules, not watt-hours."""
PCT_PER_RATIO = 100.0
"""... and ratios, not percentages."""

T = TypeVar("T")


class Metric(Struct, frozen=True):
    """One family of samples. A counter's name ends in `_total`."""

    name: str
    help: str

    @property
    def kind(self) -> str:
        """`counter` or `gauge`."""
        return "counter" if self.name.endswith("_total") else "gauge"


Sample = tuple[Mapping[str, str], float | None]
"""Labels and value; a sample whose value is unknown is left out."""

_Table = tuple[tuple[Metric, Callable[[T], float | None]], ...]

_GRID: _Table[GridState] = (
    (Metric("phasewise_grid_power_watts", "The meter's own total power."), lambda g: g.total_power_w),
    (Metric("phasewise_grid_age_seconds", "Time since the last accepted meter value."), lambda g: g.age_s),
    (Metric("phasewise_grid_cadence_seconds", "Observed time between meter values."), lambda g: g.cadence_s),
    (
        Metric("phasewise_grid_import_energy_joules_total", "Energy taken from the grid, by the meter."),
        lambda g: _joules(g.energy_import_wh),
    ),
    (
        Metric("phasewise_grid_export_energy_joules_total", "Energy given to the grid, by the meter."),
        lambda g: _joules(g.energy_export_wh),
    ),
)

_PHASE: _Table[PhaseState] = (
    (Metric("phasewise_phase_power_watts", "Power of the phase."), lambda p: p.power_w),
    (Metric("phasewise_phase_current_amperes", "Current, as the meter gives it."), lambda p: p.current_a),
    (Metric("phasewise_phase_voltage_volts", "Voltage of the phase."), lambda p: p.voltage_v),
    (Metric("phasewise_phase_fuse_amperes", "Rating of the main fuse."), lambda p: p.fuse_a),
    (
        Metric("phasewise_phase_operating_limit_amperes", "Current that protection holds the phase to."),
        lambda p: p.operating_limit_a,
    ),
    (
        Metric("phasewise_phase_fresh", "1 while the reading of the phase is fresh, else 0."),
        lambda p: float(p.freshness == "fresh"),
    ),
    (
        Metric("phasewise_phase_support_up_watts", "How far batteries can raise the phase's power now."),
        lambda p: p.support_up_w,
    ),
    (
        Metric("phasewise_phase_support_down_watts", "How far batteries can lower the phase's power now."),
        lambda p: p.support_down_w,
    ),
    (
        Metric("phasewise_phase_headroom_import_amperes", "Current that may still be added by import."),
        lambda p: p.headroom_import_a,
    ),
    (
        Metric("phasewise_phase_headroom_export_amperes", "Current that may still be added by export."),
        lambda p: p.headroom_export_a,
    ),
    (
        Metric("phasewise_phase_fuse_used_ratio", "Thermal budget of the fuse that is used up, 0 to 1."),
        lambda p: p.fuse_used_pct / PCT_PER_RATIO,
    ),
    (
        Metric("phasewise_phase_relief_watts", "What batteries must do to keep the phase in its limits."),
        lambda p: p.relief_w,
    ),
    (
        Metric("phasewise_phase_missing_watts", "The part of the relief that batteries can't give."),
        lambda p: p.missing_w,
    ),
)

_BATTERY: _Table[BatteryState] = (
    (Metric("phasewise_battery_power_watts", "Measured AC power."), lambda b: b.power_w),
    (Metric("phasewise_battery_setpoint_watts", "AC power it was last told."), lambda b: b.setpoint_w),
    (
        Metric("phasewise_battery_state_of_charge_ratio", "State of charge, 0 to 1."),
        lambda b: None if b.soc_pct is None else b.soc_pct / PCT_PER_RATIO,
    ),
    (
        Metric("phasewise_battery_available", "1 while control can use the battery, else 0."),
        lambda b: float(b.available),
    ),
    (
        Metric("phasewise_battery_reachable", "1 while the battery answers, else 0."),
        lambda b: float(b.reachable),
    ),
    (
        Metric("phasewise_battery_age_seconds", "Time since the battery's last telemetry."),
        lambda b: b.age_s,
    ),
    (
        Metric("phasewise_battery_temperature_celsius", "Temperature of the battery."),
        lambda b: b.temperature_c,
    ),
)

_UP = Metric("phasewise_healthy", "1 while the daemon does its job, else 0.")
_DECISION_AGE = Metric("phasewise_last_decision_age_seconds", "Time since the last decision.")
_BUILD = Metric("phasewise_build_info", "Always 1; the version is in the label.")
_STRATEGY = Metric("phasewise_strategy_info", "Always 1; the selected and the running strategy are labels.")
_BATTERY_INFO = Metric("phasewise_battery_info", "Always 1; name and phase of the battery are labels.")
_ALARM = Metric("phasewise_alarm_active", "1 for each alarm that lasts.")
_LOAD = Metric("phasewise_load_power_watts", "Estimated power of the house without the batteries.")
_PV = Metric("phasewise_pv_power_watts", "What the panels give, by further meters; 0 or more.")
_EV = Metric("phasewise_ev_power_watts", "What the car charger draws, by further meters.")
_TARGET = Metric("phasewise_grid_target_power_watts", "Grid power that the strategy aims for.")

_PROTECTION = Metric("phasewise_protection_active", "1 while phase protection can act, else 0.")

_QUARTER: _Table[QuarterState] = (
    (
        Metric("phasewise_quarter_so_far_watts", "Import of the clock quarter so far, over a whole quarter."),
        lambda q: q.so_far_w,
    ),
    (
        Metric("phasewise_quarter_forecast_watts", "Mean import that the clock quarter will end with."),
        lambda q: q.forecast_w,
    ),
    (
        Metric("phasewise_quarter_target_watts", "Mean import that clock quarters are kept below."),
        lambda q: q.target_w,
    ),
    (
        Metric("phasewise_quarter_limit_watts", "Import that batteries hold the grid to for the quarter."),
        lambda q: q.limit_w,
    ),
    (
        Metric("phasewise_month_peak_watts", "Highest mean import of a clock quarter in this month."),
        lambda q: q.month_peak_w,
    ),
)

_DECISIONS = Metric("phasewise_decisions_total", "Decisions made.")
_DECIDE_SECONDS = Metric("phasewise_decide_seconds_total", "Time spent on deciding.")
_TELEGRAMS = Metric("phasewise_meter_telegrams_total", "Telegrams of the meter, by what became of them.")
_WRITES = Metric("phasewise_battery_writes_total", "Setpoints applied; keep-alives are not counted.")
_FAILURES = Metric("phasewise_battery_failures_total", "Failed reads and writes.")

METRICS: tuple[Metric, ...] = (
    *(_UP, _DECISION_AGE, _BUILD, _STRATEGY, _LOAD, _PV, _EV, _TARGET, _PROTECTION),
    *(metric for metric, _ in _QUARTER),
    *(metric for metric, _ in _GRID),
    *(metric for metric, _ in _PHASE),
    _BATTERY_INFO,
    *(metric for metric, _ in _BATTERY),
    *(_ALARM, _DECISIONS, _DECIDE_SECONDS, _TELEGRAMS, _WRITES, _FAILURES),
)
"""Every metric there is, in the order of the text."""


def render(state: SystemState | None, counters: Counters, health: Health) -> str:
    """All metrics as text. What is unknown is left out; before the first state only totals and health."""
    samples = dict(_totals(counters, health))
    if state is not None:
        samples.update(_of_state(state))
    return "".join(_family(metric, samples.get(metric, [])) for metric in METRICS)


def _totals(counters: Counters, health: Health) -> Iterator[tuple[Metric, list[Sample]]]:
    yield _UP, [({}, float(health.ok))]
    yield _DECISION_AGE, [({}, health.last_decision_age_s)]
    yield _DECISIONS, [({}, counters.decisions)]
    yield _DECIDE_SECONDS, [({}, counters.decide_seconds_sum)]
    yield (
        _TELEGRAMS,
        [
            ({"outcome": "accepted"}, counters.telegrams_accepted),
            ({"outcome": "rejected"}, counters.telegrams_rejected),
            ({"outcome": "replayed"}, counters.telegrams_replayed),
        ],
    )
    yield _WRITES, [({"battery": id_}, count) for id_, count in counters.battery_writes.items()]
    yield _FAILURES, [({"battery": id_}, count) for id_, count in counters.battery_failures.items()]


def _of_state(state: SystemState) -> Iterator[tuple[Metric, list[Sample]]]:
    strategy = {"selected": state.strategy.selected, "executing": state.strategy.executing}
    yield _BUILD, [({"version": state.version}, 1)]
    yield _STRATEGY, [(strategy, 1)]
    yield _LOAD, [({}, state.load_w)]
    for metric, submeter in ((_PV, state.pv), (_EV, state.ev)):
        yield metric, [({}, None if submeter is None else submeter.power_w)]
    yield _TARGET, [({}, state.target_grid_w)]
    yield _PROTECTION, [({}, float(state.protection.active))]
    if state.quarter is not None:
        for quarter_metric, of_quarter in _QUARTER:
            yield quarter_metric, [({}, of_quarter(state.quarter))]
    for grid_metric, of_grid in _GRID:
        yield grid_metric, [({}, of_grid(state.grid))]
    for phase_metric, of_phase in _PHASE:
        yield phase_metric, [({"phase": name}, of_phase(phase)) for name, phase in state.grid.phases.items()]
    yield _BATTERY_INFO, [({"battery": b.id, "name": b.name, "phase": b.phase}, 1) for b in state.batteries]
    for battery_metric, of_battery in _BATTERY:
        yield battery_metric, [({"battery": b.id}, of_battery(b)) for b in state.batteries]
    # Two alarms may differ only in their text; equal labels twice would make the whole text invalid.
    alarms = {(a.code, a.severity, a.subject or "") for a in state.alarms}
    yield _ALARM, [({"code": c, "severity": s, "subject": on}, 1) for c, s, on in sorted(alarms)]


def _family(metric: Metric, samples: list[Sample]) -> str:
    lines = [f"{metric.name}{_labels(labels)} {float(v)!r}\n" for labels, v in samples if v is not None]
    if not lines:
        return ""
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n{''.join(lines)}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _joules(energy_wh: float | None) -> float | None:
    return None if energy_wh is None else energy_wh * J_PER_WH
