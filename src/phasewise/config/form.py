"""The JSON Schema of a configuration file, as a form needs it: one document, without references."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from phasewise.config.control import ControlSection
from phasewise.config.errors import is_secret
from phasewise.config.registry import BatteryEntry, MeterEntry, NotLoadedError, Registry, SourceEntry
from phasewise.config.schema import (
    BatterySection,
    FileSections,
    FurtherMeterSection,
    MeterSection,
    SiteSection,
)
from phasewise.config.services import AlarmsSection, HistorySection, MqttSection, WebSection
from phasewise.config.sources import ForecastSection, PricesSection

SECTIONS: dict[str, type[BaseModel]] = {
    "site": SiteSection,
    "meter": MeterSection,
    "meters": FurtherMeterSection,
    "batteries": BatterySection,
    "control": ControlSection,
    "prices": PricesSection,
    "forecast": ForecastSection,
    "history": HistorySection,
    "mqtt": MqttSection,
    "alarms": AlarmsSection,
    "web": WebSection,
}
"""What may be set, in the order of the file."""
LISTS = frozenset({"meters", "batteries"})
"""Sections that are a list of these."""

_Schema = dict[str, Any]
_Path = tuple[str, ...]
Entries = Mapping[str, MeterEntry] | Mapping[str, BatteryEntry] | Mapping[str, SourceEntry]

_UNITS = {
    "eur_kwh": "EUR/kWh",
    "kwh": "kWh",
    "wh": "Wh",
    "kwp": "kWp",
    "w": "W",
    "a": "A",
    "v": "V",
    "pct": "%",
    "s": "s",
    "h": "h",
    "minutes": "min",
    "days": "d",
}
"""By the end of a name; the longest that fits counts."""

_WORDS = {"soc": "SoC", "pv": "PV", "ev": "EV", "vat": "VAT", "url": "URL", "id": "ID", "api": "API"}

_OWN = ("charge", "sell", "timed", "dynamic", "ev_override")
_GROUPS: dict[_Path, str] = {
    **{(name,): name for name in SECTIONS},
    **{("control", name): "protection" for name in ("phase_protection", "peak", "capacity_tariff")},
    **{("control", name): "strategies" for name in _OWN},
}

_ADVANCED: frozenset[_Path] = frozenset({
    ("site", "nominal_voltage_v"),
    ("site", "connection"),
    ("site", "time_zone"),
    ("control", "target_grid_w"),
    ("control", "regulate"),
    ("control", "cycle"),
    ("control", "prefer_own_phase"),
    ("control", "idle_minutes"),
    ("control", "relief_in_full_stop"),
    ("control", "phase_protection", "margin_a"),
    ("control", "phase_protection", "unassigned"),
    ("control", "ev_override", "clear_after_s"),
    ("history", "path"),
    ("history", "keep_days"),
    ("mqtt", "ca_file"),
    ("mqtt", "topic"),
    ("mqtt", "discovery_prefix"),
    ("web", "host"),
    ("web", "port"),
    ("web", "token_file"),
})  # fmt: skip
"""What most homes never touch: a default is right for them, or a mistake locks out."""

_RESTART = (("web",), ("history", "path"))
"""The server is bound, and the file of history opened, when Phasewise starts."""


def json_schema(registry: Registry) -> _Schema:
    """JSON Schema 2020-12 of the whole file, with the models of everything that is installed."""
    properties = {name: _section(name, model, registry) for name, model in SECTIONS.items()}
    for name, model in registry.strategies.items():
        known = properties["control"]["properties"]
        if model is not None and name not in known:
            known[name] = {**_of(model), "x-group": "strategies"}
    _name_strategies(properties["control"], tuple(registry.strategies))
    for name, section in properties.items():
        section["description"] = FileSections.model_fields[name].description
        _decorate(section, (name,))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "title": "Configuration",
        "properties": properties,
        "required": ["meter", "batteries"],
        "additionalProperties": False,
    }


def _section(name: str, model: type[BaseModel], registry: Registry) -> _Schema:
    entries = driver_entries(registry).get(name)
    if entries is None:
        return _of(model)
    one = {"oneOf": [_with_driver(model, driver, options) for driver, options in _loaded(entries)]}
    if name in LISTS:
        return {"type": "array", "items": one}
    if name == "meter":
        return {"type": "object", **one}
    return {"oneOf": [*one["oneOf"], {"type": "null"}], "default": None}


def driver_entries(registry: Registry) -> dict[str, Entries]:
    """By section: the drivers, some of whose options are keys of it."""
    return {
        "meter": registry.meters,
        "meters": registry.meters,
        "batteries": registry.batteries,
        "prices": registry.prices,
        "forecast": registry.forecasts,
    }


def _loaded(entries: Entries) -> list[tuple[str, type[BaseModel]]]:
    """Without those whose package is broken: they cannot be chosen either."""
    found = []
    for name in entries:
        try:
            found.append((name, entries[name].options_model))
        except NotLoadedError:
            continue
    return found


def _with_driver(common: type[BaseModel], driver: str, options: type[BaseModel]) -> _Schema:
    """An entry of the file: the keys that all drivers share, then its driver's own."""
    schema, own = _of(common), _of(options)
    schema["properties"] |= own.get("properties", {})
    schema["properties"]["driver"] = {
        "const": driver,
        "description": common.model_fields["driver"].description,
    }
    schema["required"] = [*schema.get("required", ()), *own.get("required", ())]
    return {**schema, "title": driver, "description": own.get("description", "")}


def _of(model: type[BaseModel]) -> _Schema:
    schema = model.model_json_schema(mode="validation")
    inlined: _Schema = _inlined(schema, schema.get("$defs", {}))
    return inlined


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """The same without references; what stands beside one wins over what it refers to."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _inlined(value, definitions) for key, value in node.items() if key not in {"$ref", "$defs"}}
    if "$ref" not in node:
        return rest
    target = definitions[str(node["$ref"]).removeprefix("#/$defs/")]
    return {**_inlined(target, definitions), **rest}


def _name_strategies(control: _Schema, names: tuple[str, ...]) -> None:
    """Which strategies may stand where: none contains itself."""
    others = [name for name in names if name != "timed"]
    simple = [name for name in others if name != "dynamic"]
    properties = control["properties"]
    timed, dynamic = properties["timed"]["properties"], properties["dynamic"]["properties"]
    window = timed["windows"]["items"]["properties"]
    for schema, allowed in (
        (properties["strategy"], names),
        (timed["default"], others),
        (window["strategy"], others),
        *((dynamic[key], simple) for key in ("cheap", "neutral", "expensive", "fallback")),
    ):
        schema |= {"enum": list(allowed), "x-format": "strategy"}


def _decorate(schema: _Schema, path: _Path) -> None:
    """Titles, units and hints, down to the leaves."""
    name = path[-1]
    if len(path) > 1 or "title" not in schema or schema.get("type") == "object":
        schema["title"] = _title(name)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if path in _GROUPS:
        schema["x-group"] = _GROUPS[path]
    if path in _ADVANCED:
        schema["x-advanced"] = True
    if any(path[: len(of)] == of for of in _RESTART):
        schema["x-restart"] = True
    if is_secret(path) or is_secret((*path, "any")):  # such as each of the headers
        schema["x-secret"] = True
    if path[:2] == ("control", "priority"):
        schema.setdefault("items", {})["x-format"] = "battery-id"
    elif (text := _text_format(name)) is not None and "x-format" not in schema:
        schema["x-format"] = text
    _decorate_inside(schema, path)


def _decorate_inside(schema: _Schema, path: _Path) -> None:
    unit = _unit(path)
    if "anyOf" in schema:
        schema["anyOf"] = [inner for form in schema["anyOf"] for inner in form.get("oneOf", [form])]
    items = schema.get("items", {})
    forms = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), items, *items.get("oneOf", ())]
    for form in forms:
        if unit is not None and form.get("type") in {"number", "integer"}:
            schema["x-unit"] = unit
        if form is not schema and "driver" not in form.get("properties", {}):
            form.pop("title", None)  # the name of a class
        for key, inner in form.get("properties", {}).items():
            _decorate(inner, (*path, key))


def _unit(path: _Path) -> str | None:
    """Of the name, or for a phase of the name around it."""
    name = path[-2] if path[-1] in {"L1", "L2", "L3"} else path[-1]
    parts = name.split("_")
    return next((_UNITS[end] for i in range(len(parts)) if (end := "_".join(parts[i:])) in _UNITS), None)


def _text_format(name: str) -> str | None:
    return next((kind for kind in ("file", "url") if re.search(rf"(^|_){kind}$", name)), None)


def _title(name: str) -> str:
    """`max_charge_w`: Max charge."""
    parts = name.replace("-", "_").split("_")
    for size in (2, 1):
        if len(parts) > size and "_".join(parts[-size:]) in _UNITS:
            parts = parts[:-size]
            break
    words = " ".join(_WORDS.get(part, part) for part in parts if part)
    return words[:1].upper() + words[1:]
