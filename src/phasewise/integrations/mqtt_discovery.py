"""What Home Assistant is told of Phasewise: one device with all that can be seen and set.

As of Home Assistant's documentation, "MQTT: device discovery payload". Its templates turn null into `None`,
which it understands as unknown.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from phasewise.engine.state import BatteryState, SystemState
from phasewise.model import Assignment

MANUFACTURER = "Phasewise"
UNASSIGNED = "Unassigned"
"""What the phase of a battery without one is called in a list."""
OVERRIDES = ("auto", "out-of-service")
"""What can be chosen for a battery; to hold a power takes a number too."""
SINGLE_PHASE = 1

Component = dict[str, Any]
Components = dict[str, Component]

_POWER = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}
_CURRENT = {"device_class": "current", "state_class": "measurement", "unit_of_measurement": "A"}
_ENERGY = {"device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh"}
_SOC = {"device_class": "battery", "state_class": "measurement", "unit_of_measurement": "%"}
_SHARE = {"state_class": "measurement", "unit_of_measurement": "%"}
_TEXT: Component = {}
_DIAGNOSTIC = {"entity_category": "diagnostic"}
_CONFIG = {"entity_category": "config"}

_OF_PHASE: tuple[tuple[str, str, str, Component], ...] = (
    ("power", "power", "power_w", _POWER),
    ("current", "current", "current_a", _CURRENT),
    ("fuse_use", "fuse use", "fuse_use_pct", _SHARE),
    ("headroom_import", "headroom import", "headroom_import_a", _CURRENT),
    ("headroom_export", "headroom export", "headroom_export_a", _CURRENT),
    ("support_down", "support down", "support_down_w", _POWER),
    ("support_up", "support up", "support_up_w", _POWER),
)
"""Component, what it is called after the phase, field, and what kind of quantity it is."""
_OF_BATTERY: tuple[tuple[str, str, str, Component], ...] = (
    ("power", "power", "power_w", _POWER),
    ("soc", "state of charge", "soc_pct", _SOC),
    ("setpoint", "setpoint", "setpoint_w", _POWER),
    ("reason", "reason", "reason", _TEXT),
)


def device_id(topic: str) -> str:
    """Of the device that publishes below this topic: letters, digits, `-` and `_`."""
    return topic.replace("/", "_")


def discovery_topic(prefix: str, topic: str) -> str:
    """Where the device is announced."""
    return f"{prefix}/device/{device_id(topic)}/config"


def payload(state: SystemState, topic: str, components: Mapping[str, Component]) -> dict[str, Any]:
    """The announcement of a device with these components."""
    return {
        "device": {
            "identifiers": [device_id(topic)],
            "name": "Phasewise",
            "manufacturer": MANUFACTURER,
            "model": state.site,
            "sw_version": state.version,
        },
        "origin": {"name": MANUFACTURER, "sw_version": state.version},
        "availability_topic": f"{topic}/availability",
        "components": dict(components),
    }


def removed(platforms: Mapping[str, str]) -> Components:
    """Components that are no more, by name with their platform: only that, and Home Assistant drops them."""
    return {name: {"platform": platform} for name, platform in platforms.items()}


def components(state: SystemState, topic: str) -> Components:
    """All that can be seen and set now. `topic`: that of Phasewise."""
    found: Components = {}
    for name, component in _all(state, topic):
        found[name] = {"unique_id": f"{device_id(topic)}_{name}", **component}
    return found


def _all(state: SystemState, topic: str) -> Iterator[tuple[str, Component]]:
    yield from _house(state, topic)
    for phase in state.grid.phases:
        at = f"{topic}/phase/{phase}"
        for name, called, field, kind in _OF_PHASE:
            yield f"{phase}_{name}", _sensor(f"{phase} {called}", at, _of(field), kind)
    for battery in state.batteries:
        yield from _battery(battery, len(state.grid.phases), topic)
    yield from _control(state, topic)
    for given in state.inputs:
        name = quote(given.name, safe="")
        yield (
            f"input_{name}",
            {
                "platform": "switch",
                "name": f"Input {given.name}",
                "state_topic": f"{topic}/inputs",
                "value_template": _of(given.name),
                "command_topic": f"{topic}/input/{name}/set",
            },
        )


def _house(state: SystemState, topic: str) -> Iterator[tuple[str, Component]]:
    grid, energy = f"{topic}/grid", f"{topic}/energy"
    yield "grid_power", _sensor("Grid power", grid, _of("power_w"), _POWER)
    yield "house_power", _sensor("House power", grid, _of("house_w"), _POWER)
    yield "grid_import", _sensor("Grid import", energy, _of("import_kwh"), _ENERGY)
    yield "grid_export", _sensor("Grid export", energy, _of("export_kwh"), _ENERGY)
    for role, called, meter in (("pv", "Solar", state.pv), ("ev", "Car", state.ev)):
        if meter is not None:
            yield f"{role}_power", _sensor(f"{called} power", grid, _of(f"{role}_w"), _POWER)
            yield f"{role}_energy", _sensor(f"{called} energy", energy, _of(f"{role}_kwh"), _ENERGY)


def _battery(battery: BatteryState, phases: int, topic: str) -> Iterator[tuple[str, Component]]:
    of, at = f"battery_{battery.id}", f"{topic}/battery/{battery.id}"
    for name, called, field, kind in _OF_BATTERY:
        yield f"{of}_{name}", _sensor(f"{battery.name} {called}", at, _of(field), kind)
    for direction in ("charged", "discharged"):
        value = _of("batteries", battery.id, f"{direction}_kwh")
        component = _sensor(f"{battery.name} {direction}", f"{topic}/energy", value, _ENERGY)
        yield f"{of}_{direction}", component
    phase = f"{{{{ '{UNASSIGNED}' if value_json['phase'] == 'unassigned' else value_json['phase'] }}}}"
    yield (
        f"{of}_phase",
        _select(f"{battery.name} phase", at, phase, f"{at}/phase/set", phase_options(phases), _CONFIG),
    )
    yield (
        f"{of}_override",
        _select(f"{battery.name} override", at, _of("override"), f"{at}/override/set", OVERRIDES, _CONFIG),
    )


def phase_options(phases: int) -> tuple[str, ...]:
    """Where a battery may be, in a home with so many phases."""
    if phases == SINGLE_PHASE:
        return (UNASSIGNED, Assignment.L1.value)
    return (UNASSIGNED, *(each.value for each in Assignment if each is not Assignment.UNASSIGNED))


def _control(state: SystemState, topic: str) -> Iterator[tuple[str, Component]]:
    control, alarms = f"{topic}/control", f"{topic}/alarms"
    strategies = state.strategy.available
    yield (
        "strategy",
        _select("Strategy", control, _of("strategy"), f"{topic}/strategy/set", strategies, {}),
    )
    yield "executing", _sensor("Running strategy", control, _of("executing"), _DIAGNOSTIC)
    yield "summary", _sensor("Summary", control, _of("summary"), _TEXT)
    most_w = _most_w(state)
    yield (
        "target",
        {
            "platform": "number",
            "name": "Grid target",
            "state_topic": control,
            "value_template": _of("target_grid_w"),
            "command_topic": f"{topic}/target/set",
            "device_class": "power",
            "unit_of_measurement": "W",
            "min": -most_w,
            "max": most_w,
            "step": 1,
            "mode": "box",
            **_CONFIG,
        },
    )
    yield (
        "problem",
        {
            "platform": "binary_sensor",
            "name": "Problem",
            "state_topic": alarms,
            "value_template": _of("problem"),
            "device_class": "problem",
            "json_attributes_topic": alarms,
            **_DIAGNOSTIC,
        },
    )
    yield "alarm", _sensor("Alarm", alarms, _of("text"), _DIAGNOSTIC)


def _most_w(state: SystemState) -> int:
    """More than the fuses carry at any voltage is no target; a larger number in the file stays possible."""
    volts = 250.0
    carried_w = sum(phase.fuse_a for phase in state.grid.phases.values()) * volts
    return round(max(carried_w, abs(state.target_grid_w)))


def _sensor(name: str, topic: str, value: str, kind: Component) -> Component:
    return {"platform": "sensor", "name": name, "state_topic": topic, "value_template": value, **kind}


def _select(
    name: str, topic: str, value: str, command_topic: str, options: tuple[str, ...], kind: Component
) -> Component:
    return {
        "platform": "select",
        "name": name,
        "state_topic": topic,
        "value_template": value,
        "command_topic": command_topic,
        "options": list(options),
        **kind,
    }


def _of(*keys: str) -> str:
    """The template of a value; names of inputs are the user's, so they are quoted."""
    path = "".join(f"[{_quoted(key)}]" for key in keys)
    return f"{{{{ value_json{path} }}}}"


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
