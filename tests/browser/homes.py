"""States of made-up homes, as the daemon publishes them."""

from typing import Any

from msgspec.structs import replace

from phasewise.engine.state import (
    AlarmState,
    BatteryState,
    GridState,
    PhaseState,
    ProtectionState,
    ReasonState,
    StrategyState,
    SupportState,
    SystemState,
)

STRATEGIES = ("self-consumption", "charge-pv", "zero-import", "standby", "full-stop")


def phase(power_w: float | None, current_a: float | None, **changes: Any) -> PhaseState:
    """One phase on a 25 A fuse; currents are magnitudes, as from a meter."""
    plain = PhaseState(
        power_w=power_w,
        current_a=current_a,
        voltage_v=231.4,
        fuse_a=25.0,
        operating_limit_a=24.0,
        freshness="fresh",
        support_up_w=0.0,
        support_down_w=0.0,
        support_up=(),
        support_down=(),
        headroom_import_a=None if power_w is None else 24.0 - power_w / 231.4,
        headroom_export_a=None if power_w is None else 24.0 + power_w / 231.4,
    )
    return replace(plain, **changes)


def battery(battery_id: str, name: str, assignment: str, **changes: Any) -> BatteryState:
    """One 2.5 kW battery at 60 %, idle."""
    plain = BatteryState(
        id=battery_id,
        name=name,
        phase=assignment,
        soc_pct=60.0,
        power_w=0.0,
        setpoint_w=0.0,
        available=True,
        reachable=True,
        state="standby",
        age_s=1.0,
        temperature_c=24.0,
        max_charge_w=2500.0,
        max_discharge_w=2500.0,
        min_soc_pct=12.0,
        max_soc_pct=100.0,
        reasons=(),
    )
    return replace(plain, **changes)


def three_phase_home() -> SystemState:
    """Exporting on L1, importing on L2, close to the limit on L3; three batteries, one unassigned."""
    garage = battery("m1", "Garage", "L1", soc_pct=78.0, power_w=1240.0, setpoint_w=1250.0)
    attic = battery("m2", "Attic", "L2", soc_pct=41.0, power_w=-620.0, setpoint_w=-600.0)
    soc = ReasonState("soc-limit", -300.0, None, "It is full: 300 W less than wanted.")
    shed = battery("m3", "Shed", "unassigned", soc_pct=100.0, setpoint_w=0.0, reasons=(soc,))
    phases = {
        "L1": phase(
            -1875.0,
            8.0,
            support_up_w=1260.0,
            support_up=(SupportState("m1", 1260.0),),
            support_down_w=3740.0,
            support_down=(SupportState("m1", 3740.0),),
        ),
        "L2": phase(438.0, 2.0, support_down_w=1880.0, support_down=(SupportState("m2", 1880.0),)),
        "L3": phase(5310.0, 23.0),
    }
    return SystemState(
        time="2026-06-21T12:00:00Z",
        version="0.1.0",
        site="Home",
        strategy=StrategyState("self-consumption", "self-consumption", STRATEGIES),
        grid=GridState(3873.0, "fresh", 0.4, 1.0, phases),
        load_w=3253.0,
        target_grid_w=0.0,
        batteries=(garage, attic, shed),
        alarms=(),
        protection=ProtectionState(False, False, "worst-case"),
    )


def with_battery(home: SystemState, battery_id: str, **changes: Any) -> SystemState:
    """The same home with one battery changed."""
    batteries = tuple(replace(b, **changes) if b.id == battery_id else b for b in home.batteries)
    return replace(home, batteries=batteries)


def with_phase(home: SystemState, name: str, **changes: Any) -> SystemState:
    """The same home with one phase changed."""
    phases = {**home.grid.phases, name: replace(home.grid.phases[name], **changes)}
    return replace(home, grid=replace(home.grid, phases=phases))


def with_protection(home: SystemState, *, active: bool = True, unassigned: str = "worst-case") -> SystemState:
    """The same home with phase protection on."""
    return replace(home, protection=ProtectionState(True, active, unassigned))


def with_strategy(home: SystemState, **changes: Any) -> SystemState:
    """The same home with another strategy selected or executing."""
    return replace(home, strategy=replace(home.strategy, **changes))


def with_alarm(home: SystemState, severity: str, text: str) -> SystemState:
    """The same home with one more alarm."""
    alarm = AlarmState("battery-unreachable", severity, "m2", text, "2026-06-21T11:55:00Z")
    return replace(home, alarms=(*home.alarms, alarm))
