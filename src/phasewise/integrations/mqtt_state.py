"""The state as small JSON documents, each under a topic of its own: what changed is sent, the rest not.

Numbers are rounded to what somebody reads, so that noise is not news. Absent = null.
"""

from collections.abc import Mapping
from typing import Any

from phasewise.engine.state import (
    AlarmState,
    BatteryState,
    OverrideState,
    PhaseState,
    SubmeterState,
    SystemState,
    in_language,
)
from phasewise.store import energy

LONGEST = 255
"""Home Assistant takes no longer text as a state."""
WH_PER_KWH = 1000.0

Document = dict[str, Any]


def documents(
    state: SystemState, energy_wh: Mapping[str, float] | None, lang: str = "en"
) -> dict[str, Document]:
    """By topic below that of Phasewise, texts in the language of the tag `lang`.

    `energy_wh`: by the names of `store.energy`; None = not read yet.
    """
    found: dict[str, Document] = {
        "grid": _grid(state),
        "control": _control(state, lang),
        "alarms": _alarms(state.alarms, lang),
        "inputs": {given.name: "ON" if given.on else "OFF" for given in state.inputs},
    }
    found |= {f"phase/{name}": _phase(phase) for name, phase in state.grid.phases.items()}
    found |= {f"battery/{battery.id}": _battery(battery, lang) for battery in state.batteries}
    if energy_wh is not None:
        found["energy"] = _energy(state, energy_wh)
    return found


def _grid(state: SystemState) -> Document:
    grid = state.grid
    return {
        "power_w": _whole(grid.total_power_w),
        "house_w": _whole(state.load_w),
        "pv_w": _submeter_w(state.pv),
        "ev_w": _submeter_w(state.ev),
        "freshness": grid.freshness,
    }


def _submeter_w(meter: SubmeterState | None) -> int | None:
    return None if meter is None else _whole(meter.power_w)


def _phase(phase: PhaseState) -> Document:
    return {
        "power_w": _whole(phase.power_w),
        "current_a": _tenths(phase.current_a),
        "voltage_v": _tenths(phase.voltage_v),
        "fuse_use_pct": _tenths(_fuse_use_pct(phase)),
        "headroom_import_a": phase.headroom_import_a,
        "headroom_export_a": phase.headroom_export_a,
        "support_up_w": _whole(phase.support_up_w),
        "support_down_w": _whole(phase.support_down_w),
        "freshness": phase.freshness,
    }


def _fuse_use_pct(phase: PhaseState) -> float | None:
    """The current that flows, of what the fuse carries for ever."""
    current_a = phase.current_a
    if current_a is None and phase.power_w is not None and phase.voltage_v:
        current_a = phase.power_w / phase.voltage_v
    return None if current_a is None else 100.0 * abs(current_a) / phase.fuse_a


def _battery(battery: BatteryState, lang: str) -> Document:
    override = battery.override
    return {
        "name": battery.name,
        "phase": battery.phase,
        "power_w": _whole(battery.power_w),
        "setpoint_w": _whole(battery.setpoint_w),
        "soc_pct": _tenths(battery.soc_pct),
        "temperature_c": _tenths(battery.temperature_c),
        "reachable": battery.reachable,
        "available": battery.available,
        "state": battery.state,
        "reason": shortened(" ".join(in_language(reason.text, lang) for reason in battery.reasons)),
        # Something that can't be chosen from a list is not on it.
        "override": None if isinstance(override, OverrideState) else override,
        "hold_w": override.hold.power_w if isinstance(override, OverrideState) else None,
    }


def _control(state: SystemState, lang: str) -> Document:
    return {
        "strategy": state.strategy.selected,
        "executing": state.strategy.executing,
        "target_grid_w": state.target_grid_w,
        "summary": shortened(in_language(state.summary, lang)),
        "protection": state.protection.active,
        "version": state.version,
    }


def _alarms(alarms: tuple[AlarmState, ...], lang: str) -> Document:
    texts = [in_language(alarm.text, lang) for alarm in alarms]
    serious = [text for alarm, text in zip(alarms, texts, strict=True) if alarm.severity != "info"]
    return {
        "problem": "ON" if serious else "OFF",
        "text": shortened(" ".join(serious)),
        "alarms": [
            {
                "code": alarm.code,
                "severity": alarm.severity,
                "subject": alarm.subject,
                "text": text,
                "since": alarm.since,
                "acknowledged": alarm.acknowledged,
            }
            for alarm, text in zip(alarms, texts, strict=True)
        ],
    }


def _energy(state: SystemState, energy_wh: Mapping[str, float]) -> Document:
    def kwh(name: str) -> float:
        return round(energy_wh.get(name, 0.0) / WH_PER_KWH, 3)

    found: Document = {"import_kwh": kwh(energy.IMPORT), "export_kwh": kwh(energy.EXPORT)}
    for name, meter in ((energy.PV, state.pv), (energy.EV, state.ev)):
        if meter is not None:
            found[f"{name}_kwh"] = kwh(name)
    found["batteries"] = {
        battery.id: {
            "charged_kwh": kwh(energy.CHARGED + battery.id),
            "discharged_kwh": kwh(energy.DISCHARGED + battery.id),
        }
        for battery in state.batteries
    }
    return found


def shortened(text: str) -> str:
    """At most as long as Home Assistant takes."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3].rstrip()}..."


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
