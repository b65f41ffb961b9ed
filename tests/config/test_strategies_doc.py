"""docs/strategies.md: every strategy is there, and every example is valid."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from config_fakes import REGISTRY

from phasewise.config import parse_config
from phasewise.control.choose import LOAD_LASTS_S, STILL_ON, wish
from phasewise.control.strategies.goals import RESUME_PCT
from phasewise.model import ControlSettings, Intent, Settings, Site, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import ChargeGoal, FollowUp, SellGoal
from phasewise.registry import load_plugins

DOC = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOC, flags=re.DOTALL)
NOTHING_YET = Snapshot(0.0, 0.0, grid=None, grid_is_new=False, grid_cadence_s=1.0, batteries=())


def test_every_strategy_that_comes_with_phasewise_is_described() -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \| [^|]*\| [^|]*\| [^|]*\| [^|]*\|", DOC, flags=re.MULTILINE))
    assert rows == set(load_plugins().strategies)


@pytest.mark.parametrize("name", [*ChargeGoal, *SellGoal, *FollowUp])
def test_every_goal_and_follow_up_is_described(name: str) -> None:
    assert f"`{name}`" in DOC


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_valid(example: str) -> None:
    registry = replace(REGISTRY, strategies=load_plugins().registry().strategies)
    head = "meter: {driver: dsmr, url: x}\nbatteries: []\n"
    control = parse_config(head + example, Path("home.yaml"), registry).control
    assert control != parse_config(head, Path("home.yaml"), registry).control


def test_the_strategy_of_your_own_works() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC, flags=re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - our own documentation
    assert wish(
        NOTHING_YET, Settings(Site(), (), ControlSettings("calm")), Memory(), {"calm": found["Calm"]()}
    ) == (Intent(grid_target_w=100.0, may_charge=False, executing="calm"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


def test_the_numbers_are_those_of_the_source() -> None:
    assert f"more than {RESUME_PCT:g} % away" in DOC
    assert f"for {LOAD_LASTS_S:g} s or longer" in DOC
    assert f"{STILL_ON:.0%}".replace("%", " %") in DOC
