"""The control core and the model know no clock, no I/O, no randomness: checked on the source itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "phasewise"
FILES = sorted([*(ROOT / "control").rglob("*.py"), *(ROOT / "model").rglob("*.py")])
ALLOWED_IMPORTS = {
    "bisect",
    "collections",
    "dataclasses",
    "datetime",  # arithmetic on given times; its clocks are forbidden below
    "enum",
    "functools",
    "itertools",
    "math",
    "msgspec",
    "operator",
    "phasewise.control",
    "phasewise.model",
    "typing",
    "zoneinfo",  # rules in local time; a lookup in a table
}
CLOCKS_AND_IO = {"now", "utcnow", "today", "open", "print", "input", "exec", "eval", "globals", "__import__"}


def is_allowed(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in ALLOWED_IMPORTS)


def impurities(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if not is_allowed(alias.name)]
        elif isinstance(node, ast.ImportFrom):
            if node.level or not is_allowed(node.module or ""):
                found.append(node.module or ".")
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in CLOCKS_AND_IO:
                found.append(f"{name}()")
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.append("global")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_pure_modules(path: Path) -> None:
    assert impurities(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import asyncio, math",
        "from random import random",
        "from phasewise.engine import engine",
        "from . import x",
        "import datetime\ndatetime.datetime.now()",
        "print(1)",
        "def f():\n    global x\n    x = 1",
    ],
)
def test_the_check_sees_what_it_must(source: str) -> None:
    assert impurities(source) != []


def test_there_is_something_to_check() -> None:
    assert {"decide.py", "estimate.py", "snapshot.py"} <= {path.name for path in FILES}
