"""The dashboard's types and the published state are the same, field for field."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields

from phasewise.engine import state

SOURCE = Path(__file__).parents[2] / "frontend" / "src" / "lib" / "state.ts"
INTERFACES = dict(
    re.findall(r"export interface (\w+) \{\n(.*?)^\}", SOURCE.read_text(), re.DOTALL | re.MULTILINE)
)


@pytest.mark.parametrize(
    "struct",
    [
        state.SupportState,
        state.PhaseState,
        state.GridState,
        state.ReasonState,
        state.MappingState,
        state.HoldState,
        state.OverrideState,
        state.BatteryState,
        state.AlarmState,
        state.GoalState,
        state.StrategyState,
        state.IdentifyPhaseState,
        state.IdentifySampleState,
        state.IdentifyState,
        state.PricesState,
        state.InputState,
        state.ProtectionState,
        state.QuarterState,
        state.SubmeterState,
        state.SystemState,
    ],
)
def test_types_agree(struct: Any) -> None:
    typescript = dict(re.findall(r"^  (\w+): (.+);$", INTERFACES[struct.__name__], re.MULTILINE))
    python = {field.name: _typescript(str(field.type)) for field in fields(struct)}
    assert typescript == python


def _typescript(python: str) -> str:
    """How a Python annotation, as text, is written in TypeScript."""
    name = re.sub(r"<class '([\w.]+)'>", r"\1", python).replace("phasewise.engine.state.", "")
    name = name.replace("str | phasewise.explain.text.Text", "str")  # what is sent has a language
    if (element := re.fullmatch(r"tuple\[(\w+), \.\.\.\]", name)) is not None:
        return f"{_typescript(element[1])}[]"
    if (value := re.fullmatch(r"dict\[str, (\w+)\]", name)) is not None:
        return f"Record<string, {_typescript(value[1])}>"
    names = {"float": "number", "int": "number", "str": "string", "bool": "boolean", "None": "null"}
    return " | ".join(names.get(part, part) for part in name.split(" | "))
