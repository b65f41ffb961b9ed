"""The example package: what its documentation and its entry point say is true, without installing it."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import replace
from pydantic import BaseModel

from phasewise.config import ConfigError, MeterEntry, Registry, parse_config
from phasewise.control.decide import decide
from phasewise.control.strategies.standby import Standby
from phasewise.model import (
    Assignment,
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    ControlSettings,
    Decision,
    GridReading,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import Memory
from phasewise.registry import load_plugins

ROOT = Path(__file__).parents[2] / "examples" / "phasewise-strategy-example"


class MeterOptions(BaseModel):
    """Any meter."""

    url: str


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "src"))
    yield importlib.import_module("phasewise_strategy_example")
    sys.modules.pop("phasewise_strategy_example")


def entry_point() -> tuple[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((name, value),) = project["entry-points"]["phasewise.strategies"].items()
    return name, value


def decided(
    package: ModuleType, socs_pct: dict[Assignment, list[float]], load_w: float = 1000.0
) -> list[Decision]:
    """What comes of it while the states of charge go through these values."""
    batteries = tuple(
        BatterySettings(
            id=phase.value,
            name=phase.value,
            capabilities=Capabilities(2500.0, 2500.0),
            phase=phase,
            max_charge_w=2500.0,
            max_discharge_w=2500.0,
        )
        for phase in socs_pct
    )
    control = ControlSettings(strategy="phase-reserve", options={"phase-reserve": {"reserve_pct": 40.0}})
    settings = Settings(Site(), batteries, control)
    strategies = {"phase-reserve": package.PhaseReserve(), "standby": Standby()}
    memory, found = Memory(), []
    for second, socs in enumerate(zip(*socs_pct.values(), strict=True)):
        now_s = float(second)
        snapshot = Snapshot(
            time_s=now_s,
            utc_s=now_s,
            grid=GridReading(now_s, load_w),
            grid_is_new=True,
            grid_cadence_s=1.0,
            batteries=tuple(
                BatterySnapshot(battery.id, BatteryReading(now_s, 0.0, soc_pct), reachable=True)
                for battery, soc_pct in zip(batteries, socs, strict=True)
            ),
        )
        decision, memory = decide(snapshot, settings, memory, strategies)
        found.append(decision)
    return found


def gives(decision: Decision) -> bool:
    return sum(battery.setpoint_w for battery in decision.batteries) < 0


def test_the_entry_point_leads_to_the_strategy(package: ModuleType) -> None:
    name, value = entry_point()
    module, _, attribute = value.partition(":")
    assert (name, module) == (package.NAME, package.__name__)
    assert getattr(package, attribute) is package.PhaseReserve


def test_the_settings_in_its_readme_are_valid(package: ModuleType) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    registry = Registry(
        meters={"any": MeterEntry(MeterOptions)},
        batteries={},
        strategies={"self-consumption": None, entry_point()[0]: package.PhaseReserve.options_model},
    )
    head = "meter: {driver: any, url: x}\nbatteries: []\n"
    control = parse_config(head + example, Path("home.yaml"), registry).control
    assert control.strategy == "phase-reserve"
    assert control.options == {"phase-reserve": {"reserve_pct": 40.0}}
    with pytest.raises(ConfigError) as caught:
        parse_config(head + example.replace("40", "400"), Path("home.yaml"), registry)
    assert "home.yaml:5: control.phase-reserve.reserve_pct: 400 is out of range" in str(caught.value)


def test_the_registry_finds_its_settings(package: ModuleType) -> None:
    mine = {"phase-reserve": package.PhaseReserve(), "standby": Standby()}
    plugins = replace(load_plugins(), strategies=mine)
    assert plugins.registry().strategies == {"phase-reserve": package.Options, "standby": None}


def test_it_stops_discharging_when_any_phase_is_down_to_the_reserve(package: ModuleType) -> None:
    l1 = [60.0, 60.0, 60.0, 60.0, 60.0, 60.0]
    l2 = [60.0, 60.0, 40.0, 42.0, 43.5, 43.5]
    found = [gives(d) for d in decided(package, {Assignment.L1: l1, Assignment.L2: l2})]
    assert found[1:5] == [True, False, False, True]


def test_without_an_assigned_battery_it_hands_over(package: ModuleType) -> None:
    found = decided(package, {Assignment.UNASSIGNED: [60.0] * 4})
    assert {decision.executing for decision in found} == {"standby"}
    assert not any(gives(decision) for decision in found)
