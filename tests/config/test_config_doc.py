"""The documentation names every key there is, and none that there is not; and law 5 holds in the source."""

import ast
import functools
import re
import typing
from pathlib import Path

import pytest
from config_fakes import CONTRACT, REGISTRY
from pydantic import BaseModel

from phasewise.config import parse_config
from phasewise.config.check import model_in
from phasewise.config.control import ControlSection
from phasewise.config.schema import (
    BatterySection,
    FileSections,
    FurtherMeterSection,
    MeterSection,
    SiteSection,
)
from phasewise.config.services import AlarmsSection, HistorySection, MqttSection, WebSection
from phasewise.config.sources import ForecastSection, PricesSection
from phasewise.config.strategies import ChargeSection, SellSection

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[BaseModel]] = {
    "site": SiteSection,
    "meter": MeterSection,
    "meters[]": FurtherMeterSection,
    "batteries[]": BatterySection,
    "control": ControlSection,
    "prices": PricesSection,
    "forecast": ForecastSection,
    "history": HistorySection,
    "mqtt": MqttSection,
    "alarms": AlarmsSection,
    "web": WebSection,
}
DESCRIBED_ONCE = (ChargeSection, SellSection)
"""A window of `timed` may have these too."""


def keys(model: type[BaseModel], prefix: str) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        name = field.alias or name  # noqa: PLW2901 - the name in the file
        found.append(f"{prefix}{name}")
        inner = model_in(field.annotation)
        if inner is None or (inner in DESCRIBED_ONCE and prefix != "control."):
            continue
        of_items = "[]" if typing.get_origin(field.annotation) is tuple else ""
        found += keys(inner, f"{prefix}{name}{of_items}.")
    return found


KEYS = [
    *FileSections.model_fields,
    *(key for name, model in SECTIONS.items() for key in keys(model, f"{name}.")),
]


def test_the_sections_are_those_of_the_file() -> None:
    assert {name.removesuffix("[]") for name in SECTIONS} == set(FileSections.model_fields)


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in DOC


def test_no_documented_key_is_made_up() -> None:
    documented = re.findall(r"^\| `([^`]+)`", DOC, flags=re.MULTILINE)
    assert len(documented) > 30
    assert set(documented) <= set(KEYS)


def test_the_example_in_the_documentation_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", DOC, flags=re.DOTALL)
    assert parse_config(example, tmp_path / "home.yaml", REGISTRY).batteries


def test_the_contract_names_every_key_too() -> None:
    names = {key.split(".")[-1] for key in KEYS} - {
        "hold",
        "power_w",
        "until",
        "L1",
        "L2",
        "L3",
        "token_file",
    }
    assert [name for name in sorted(names) if f"{name}:" not in CONTRACT] == []


@functools.cache
def calls() -> frozenset[tuple[str, str]]:
    """Every call in the package: the name that is called, and `file:function` of where."""
    found = set()
    for file in (ROOT / "src").rglob("*.py"):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        called = (
                            node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
                        )
                        found.add((called, f"{file.name}:{function.name}"))
    return frozenset(found)


def callers(name: str) -> list[str]:
    """`file:function` of every call of `name` in the package."""
    return sorted(where for called, where in calls() if called == name)


def test_only_the_users_own_edit_writes_a_phase() -> None:
    """Law 5: what a user's request ends in, and nothing else, may write the assignment."""
    assert {caller.split(":")[1] for caller in callers("set_battery_phase")} <= {"set_phase"}
    assert callers("with_changes") == ["settings_file.py:edited"]
    assert callers("edited") == ["app.py:change_settings"]
    # Over MQTT that is the target of the grid alone; a phase goes through set_phase there too.
    assert callers("change_settings") == ["mqtt_commands.py:_hold", "settings.py:change_settings"]
    assert set(callers("set_value")) == {
        "edit.py:set_battery_override", "edit.py:set_battery_phase", "edit.py:set_strategy"
    }  # fmt: skip
