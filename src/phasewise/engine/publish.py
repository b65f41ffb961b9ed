"""From a decision and what it was made of to the state that the world is shown."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from phasewise import __version__
from phasewise.control.freshness import freshness
from phasewise.control.protection import operating_limit_a
from phasewise.control.support import support
from phasewise.engine.alarms import Standing
from phasewise.engine.outlook import Outlook
from phasewise.engine.state import (
    AlarmState,
    BatteryState,
    GoalState,
    GridState,
    HoldState,
    IdentifyState,
    InputState,
    MappingState,
    OverrideState,
    PhaseState,
    PricesState,
    ProtectionState,
    QuarterState,
    ReasonState,
    Said,
    StrategyState,
    SupportState,
    SystemState,
)
from phasewise.engine.submeters import Submeters
from phasewise.explain import Text, alarm_text, evidence_text, reason_text
from phasewise.mapping.plausibility import Finding
from phasewise.model import (
    AlarmCode,
    BatteryDecision,
    BatterySettings,
    BatterySnapshot,
    Command,
    Decision,
    Freshness,
    Override,
    Phase,
    PhaseDecision,
    PhaseReading,
    Settings,
    Snapshot,
)
from phasewise.model.event import Why
from phasewise.model.prices import covered_until, price_at


def system_state(
    snapshot: Snapshot,
    settings: Settings,
    decision: Decision,
    *,
    strategies: tuple[str, ...],
    applied_w: Mapping[str, float | None],
    alarms: Iterable[Standing],
    found: Iterable[Finding] = (),
    identify: IdentifyState | None = None,
    outlook: Outlook | None = None,
    inputs: tuple[InputState, ...] = (),
    submeters: Submeters | None = None,
    goal: GoalState | None = None,
    why: Why = Why.SELECTED,
    summary: Said = "",
) -> SystemState:
    """Everything that the API, the dashboard and the metrics show.

    `found`: what is thought of the phases that batteries are configured on. `outlook`: knows whether there
    is anyone to ask for prices. `why`: what makes the strategy run that runs.
    """
    mappings = {finding.id: _mapping(finding) for finding in found}
    return SystemState(
        time=_iso(snapshot.utc_s),
        version=__version__,
        site=settings.site.name,
        strategy=_strategy(decision, strategies, goal, why),
        summary=summary,
        grid=_grid(snapshot, settings, decision),
        load_w=_rounded(decision.load_w),
        target_grid_w=settings.control.target_grid_w,
        batteries=tuple(
            _battery(battery, seen, decided, applied_w.get(battery.id), snapshot, mappings.get(battery.id))
            for battery, seen, decided in zip(
                settings.batteries, snapshot.batteries, decision.batteries, strict=True
            )
        ),
        alarms=alarm_states(alarms, settings),
        protection=_protection(settings, decision),
        identify=identify,
        prices=_prices(snapshot, outlook) if outlook is not None and outlook.has_prices else None,
        inputs=inputs,
        quarter=_quarter(decision),
        pv=None if submeters is None else submeters.state("pv", snapshot.time_s),
        ev=None if submeters is None else submeters.state("ev", snapshot.time_s),
    )


def _strategy(
    decision: Decision, strategies: tuple[str, ...], goal: GoalState | None, why: Why
) -> StrategyState:
    other = decision.executing != decision.selected
    return StrategyState(
        decision.selected, decision.executing, strategies, goal, why.value if other else None
    )


def _protection(settings: Settings, decision: Decision) -> ProtectionState:
    protection = settings.control.phase_protection
    assigned = any(battery.phase.is_assigned for battery in settings.batteries)
    refused = any(alarm.code is AlarmCode.PROTECTION_REFUSED for alarm in decision.alarms)
    return ProtectionState(
        enabled=protection.enabled,
        active=protection.enabled and assigned and not refused,
        unassigned=protection.unassigned.value,
    )


def _quarter(decision: Decision) -> QuarterState | None:
    quarter = decision.quarter
    if quarter is None:
        return None
    return QuarterState(
        so_far_w=round(quarter.so_far_w, 1),
        forecast_w=round(quarter.forecast_w, 1),
        target_w=round(quarter.target_w, 1),
        limit_w=_rounded(quarter.limit_w),
        month_peak_w=round(quarter.month_peak_w, 1),
    )


def _prices(snapshot: Snapshot, outlook: Outlook) -> PricesState:
    now = price_at(snapshot.prices, snapshot.utc_s)
    return PricesState(
        until=None if now is None else _iso(covered_until(snapshot.prices, snapshot.utc_s)),
        stale=now is None,
        buy_eur_kwh=None if now is None else round(now.buy_eur_kwh, 5),
        sell_eur_kwh=None if now is None else round(now.sell_eur_kwh, 5),
        problem=outlook.price_problem,
    )


def alarm_states(alarms: Iterable[Standing], settings: Settings) -> tuple[AlarmState, ...]:
    """Alarms as shown."""
    names = {b.id: b.name for b in settings.batteries}
    return tuple(
        AlarmState(
            code=standing.alarm.code.value,
            severity=standing.alarm.severity.value,
            subject=standing.alarm.subject,
            text=Text(alarm_text, standing.alarm, names=names),
            since=_iso(standing.since_utc_s),
            acknowledged=standing.acknowledged,
        )
        for standing in alarms
    )


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rounded(power_w: float | None) -> float | None:
    """Tenths of a watt are noise in what people and programs read."""
    return None if power_w is None else round(power_w, 1)


def _grid(snapshot: Snapshot, settings: Settings, decision: Decision) -> GridState:
    grid = snapshot.grid
    age_s = None if grid is None else snapshot.time_s - grid.received_s
    fresh = Freshness.ABSENT if age_s is None else freshness(age_s, snapshot.grid_cadence_s)
    return GridState(
        total_power_w=grid.total_power_w if grid is not None else None,
        freshness=fresh.value,
        age_s=None if age_s is None else round(age_s, 1),
        cadence_s=round(snapshot.grid_cadence_s, 1),
        phases={
            phase.value: _phase(phase, snapshot, settings, decision, fresh) for phase in settings.site.phases
        },
        energy_import_wh=grid.energy_import_wh if grid is not None else None,
        energy_export_wh=grid.energy_export_wh if grid is not None else None,
    )


def _phase(
    phase: Phase, snapshot: Snapshot, settings: Settings, decision: Decision, fresh: Freshness
) -> PhaseState:
    reading = snapshot.grid.phase(phase) if snapshot.grid is not None else None
    fuse_a = settings.site.main_fuse_a[phase.ordinal]
    limit_a = operating_limit_a(phase, settings)
    decided = next((d for d in decision.phases if d.phase is phase), None)
    import_a, export_a = _headroom(reading, decided, limit_a, settings.site.nominal_voltage_v)
    seen = fresh if reading is not None else Freshness.ABSENT
    helped = support(phase, settings, decision.batteries, decision.order)
    return PhaseState(
        power_w=reading.power_w if reading is not None else None,
        current_a=reading.current_a if reading is not None else None,
        voltage_v=reading.voltage_v if reading is not None else None,
        fuse_a=fuse_a,
        operating_limit_a=limit_a,
        freshness=(seen if decided is None else decided.freshness).value,
        support_up_w=round(helped.up_w, 1),
        support_down_w=round(helped.down_w, 1),
        support_up=tuple(SupportState(i, round(w, 1)) for i, w in helped.up),
        support_down=tuple(SupportState(i, round(w, 1)) for i, w in helped.down),
        load_w=None if decided is None else _rounded(decided.load_w),
        limit_lo_w=None if decided is None else _rounded(decided.lo_w),
        limit_hi_w=None if decided is None else _rounded(decided.hi_w),
        headroom_import_a=import_a,
        headroom_export_a=export_a,
        relief_w=0.0 if decided is None else round(decided.relief_w, 1),
        missing_w=0.0 if decided is None else round(decided.missing_w, 1),
        binding=decided is not None and decided.binding,
        fuse_used_pct=round(100.0 * decision.fuse_used[phase.ordinal], 1),
    )


def _headroom(
    reading: PhaseReading | None, decided: PhaseDecision | None, limit_a: float, nominal_v: float
) -> tuple[float | None, float | None]:
    """Amps left in the direction of import, and of export; None where nothing is known.

    By the limits of protection where it works, which count the reactive current too; else by what the meter
    tells against the operating limit.
    """
    if reading is None or reading.power_w is None:
        return None, None
    voltage_v = reading.voltage_v or nominal_v
    lo_w, hi_w = -limit_a * voltage_v, limit_a * voltage_v
    power_w = reading.power_w
    if decided is not None and decided.lo_w is not None and decided.hi_w is not None:
        lo_w, hi_w = decided.lo_w, decided.hi_w
    elif reading.current_a is not None:
        power_w = math.copysign(reading.current_a * voltage_v, power_w)
    return round((hi_w - power_w) / voltage_v, 1), round((power_w - lo_w) / voltage_v, 1)


def _battery(
    battery: BatterySettings,
    seen: BatterySnapshot,
    decided: BatteryDecision,
    applied_w: float | None,
    snapshot: Snapshot,
    mapping: MappingState | None,
) -> BatteryState:
    reading = seen.reading
    fixed = decided.lo_w == decided.hi_w == 0.0
    return BatteryState(
        id=battery.id,
        name=battery.name,
        phase=battery.phase.value,
        soc_pct=reading.soc_pct if reading is not None else None,
        power_w=reading.ac_power_w if reading is not None and seen.reachable else None,
        setpoint_w=applied_w,
        available=seen.reachable and decided.command is not Command.NONE and not fixed,
        reachable=seen.reachable,
        state=reading.state if reading is not None else None,
        age_s=round(snapshot.time_s - reading.time_s, 1) if reading is not None else None,
        temperature_c=reading.temperature_c if reading is not None else None,
        max_charge_w=battery.max_charge_w,
        max_discharge_w=battery.max_discharge_w,
        min_soc_pct=battery.min_soc_pct,
        max_soc_pct=battery.max_soc_pct,
        reasons=tuple(
            ReasonState(
                code=reason.code.value,
                power_w=round(reason.power_w, 1),
                phase=reason.phase,
                text=Text(reason_text, reason),
            )
            for reason in decided.reasons
        ),
        mapping=mapping,
        override=_override(battery.override, snapshot.utc_s),
    )


def _override(override: Override, utc_s: float) -> str | OverrideState:
    """A hold that has ended is none."""
    if override.out_of_service:
        return "out-of-service"
    held_w, until_utc_s = override.held_w(utc_s), override.hold_until_utc_s
    if held_w is None:
        return "auto"
    return OverrideState(HoldState(held_w, None if until_utc_s is None else _iso(until_utc_s)))


def _mapping(finding: Finding) -> MappingState | None:
    if finding.best is None:
        return None
    return MappingState(
        fits_best=finding.best.value,
        confidence=round(finding.confidence, 4),
        doubtful=finding.doubtful,
        evidence=Text(evidence_text, finding.moves, finding.fits),
    )
