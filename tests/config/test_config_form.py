"""The JSON Schema of the configuration: complete, described, and of the same opinion as the checks."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from config_fakes import CONTRACT, REGISTRY

from phasewise.config.document import parse
from phasewise.config.form import _ADVANCED, _GROUPS, LISTS, SECTIONS, json_schema
from phasewise.config.schema import FileSections
from phasewise.registry import load_plugins

INSTALLED = json_schema(load_plugins().registry())
EXAMPLES = ("phase-reserve", "full-throttle")
"""Strategies of the example packages, where those are installed: they owe nobody a description."""


def fields(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key with its schema, in whatever form."""
    forms = [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    items = schema.get("items", {})
    forms += [items, *items.get("oneOf", ()), *items.get("anyOf", ())]
    for form in forms:
        for key, inner in form.get("properties", {}).items():
            name = (*path, form["title"], key) if "driver" in form["properties"] else (*path, key)
            yield ".".join(name), inner
            yield from fields(inner, name)


FIELDS = {name: field for name, field in fields(INSTALLED) if not any(part in name for part in EXAMPLES)}


def test_every_section_of_the_file_is_there() -> None:
    assert set(SECTIONS) == set(FileSections.model_fields) == set(INSTALLED["properties"])
    assert set(SECTIONS) >= LISTS
    assert len(FIELDS) > 100


@pytest.mark.parametrize("name", FIELDS)
def test_every_key_has_a_title_and_a_description(name: str) -> None:
    field = FIELDS[name]
    assert field["title"]
    assert field.get("description", "").endswith((".", ")")), (
        "a docstring below the field, ending in a full stop"
    )
    assert "\n" not in field["description"]


UNITS = {"_w": "W", "_a": "A", "_v": "V", "_pct": "%", "_s": "s", "_kwh": "kWh", "_h": "h"}


@pytest.mark.parametrize("name", [name for name in FIELDS if any(name.endswith(end) for end in UNITS)])
def test_every_quantity_has_its_unit(name: str) -> None:
    unit = next(unit for end, unit in UNITS.items() if name.endswith(end))
    assert FIELDS[name]["x-unit"].startswith((unit, "EUR/"))


def test_hints() -> None:
    web, control = INSTALLED["properties"]["web"], INSTALLED["properties"]["control"]["properties"]
    assert all(field["x-restart"] for field in web["properties"].values())
    assert control["phase_protection"]["x-group"] == "protection"
    assert control["dynamic"]["x-group"] == "strategies"
    assert "timed" in control["strategy"]["enum"]
    assert "timed" not in control["timed"]["properties"]["default"]["enum"]
    assert "dynamic" not in control["dynamic"]["properties"]["cheap"]["enum"]
    assert control["phase_protection"]["properties"]["margin_a"]["x-advanced"]
    assert FIELDS["site.main_fuse_a.L1"]["x-unit"] == "A"
    assert FIELDS["alarms.webhook"]["x-secret"]
    assert FIELDS["prices.http-json.headers"]["x-secret"]
    assert FIELDS["batteries.marstek.url"]["x-format"] == "url"


@pytest.mark.parametrize("path", sorted({*_ADVANCED, *_GROUPS}), ids=".".join)
def test_no_hint_is_for_a_key_that_is_gone(path: tuple[str, ...]) -> None:
    assert ".".join(path) in FIELDS


def test_it_is_one_document_without_references() -> None:
    assert "$ref" not in json.dumps(INSTALLED)
    jsonschema_rs.meta.validate(INSTALLED)


SCHEMA = json_schema(REGISTRY)


def judged(*path: str | int, value: Any) -> bool:
    """Whether the contract with another value in it fits the schema."""
    plain = parse(CONTRACT, "contract.yaml").value
    here: Any = plain
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    plain["history"].pop("path")
    return bool(jsonschema_rs.Draft202012Validator(SCHEMA).is_valid(plain))


def test_the_contract_fits() -> None:
    assert judged("site", "name", value="Home")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("site", "main_fuse_a"), -1),
        (("site", "phases"), 2),
        (("site", "nominal_voltage_v"), 50),
        (("batteries", 0, "min_soc_pct"), 101),
        (("batteries", 0, "phase"), "L4"),
        (("batteries", 0, "id"), "a b"),
        (("batteries", 0, "colour"), "red"),
        (("control", "strategy"), "none"),
        (("control", "timed", "windows"), [{"start": "7:00", "end": "08:00", "strategy": "full-stop"}]),
        (("meter", "driver"), "none"),
        (("web", "port"), 0),
        (("web", "port"), "8080"),
    ],
)
def test_limits_are_in_the_schema(path: tuple[str | int, ...], value: Any) -> None:
    assert not judged(*path, value=value)
