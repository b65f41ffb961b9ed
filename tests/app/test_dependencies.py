"""What is imported is named in pyproject.toml: what another package brings along may be gone tomorrow."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PART_OF = {"pydantic-core": "pydantic"}
"""Released together, and pinned by it to the last digit."""


def imported() -> set[str]:
    """Top-level names of all modules that the sources import."""
    names = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"phasewise"}


def test_every_package_that_is_imported_is_named_as_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    brought_by = packages_distributions()
    found = {name: canonicalize_name(brought_by[name][0]) for name in imported()}
    assert len(found) > 10
    assert {name for name, package in found.items() if PART_OF.get(package, package) not in named} == set()
