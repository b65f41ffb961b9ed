"""How far a goal is: from the floor or the ceiling to it, without a begin."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.strategies.charge import Charge
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.sell import Sell
from phasewise.engine.goal import goal_state
from phasewise.engine.state import GoalState
from phasewise.model import (
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    ControlSettings,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import HealthMemory, Memory
from phasewise.model.strategy_options import (
    ChargeGoal,
    ChargeOptions,
    FollowUp,
    SellGoal,
    SellOptions,
    TimedOptions,
    Window,
)

NOON_S = datetime(2026, 6, 1, 12, 0, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
MEMORY = Memory(health=(HealthMemory("m1"),))


def shown(
    strategy: str,
    soc_pct: float | None,
    memory: Memory = MEMORY,
    capacity_wh: float | None = 5000.0,
    **control: Any,
) -> GoalState | None:
    """One battery of 5 kWh between 10 and 90 %."""
    reading = BatteryReading(99.0, 0.0, soc_pct, capacity_wh=capacity_wh)
    snapshot = Snapshot(100.0, NOON_S, None, False, 1.0, (BatterySnapshot("m1", reading, True),))
    return goal_state(snapshot, settings(strategy, **control), memory)


def settings(strategy: str, **control: Any) -> Settings:
    limits = {"max_charge_w": 2500.0, "max_discharge_w": 2500.0, "min_soc_pct": 10.0, "max_soc_pct": 90.0}
    battery = BatterySettings("m1", "Garage", Capabilities(2500.0, 2500.0), **limits)
    return Settings(Site(), (battery,), ControlSettings(strategy=strategy, **control))


@pytest.mark.parametrize(
    ("control", "soc_pct", "progress"),
    [
        ({"charge": ChargeOptions()}, 50.0, 0.5),
        ({"charge": ChargeOptions()}, 5.0, 0.0),
        ({"charge": ChargeOptions()}, 90.0, 1.0),
        ({"charge": ChargeOptions(ChargeGoal.SOC, soc_pct=70.0)}, 40.0, 0.5),
        ({"charge": ChargeOptions(ChargeGoal.SOC, soc_pct=70.0)}, 80.0, 1.0),
        # Of the 4 kWh between the limits.
        ({"charge": ChargeOptions(ChargeGoal.ENERGY, energy_kwh=2.0)}, 20.0, 0.25),
        ({"charge": ChargeOptions(ChargeGoal.SOLAR)}, 50.0, 0.5),
    ],
)
def test_charging(control: dict[str, Any], soc_pct: float, progress: float) -> None:
    goal = shown("charge", soc_pct, **control)
    assert goal is not None
    assert goal.progress == progress
    assert f"{soc_pct:.0f} %" in str(goal.text) or "kWh" in str(goal.text)


@pytest.mark.parametrize(
    ("options", "soc_pct", "progress"),
    [
        (SellOptions(), 50.0, 0.5),
        (SellOptions(), 95.0, 0.0),
        (SellOptions(SellGoal.SOC, soc_pct=50.0), 70.0, 0.5),
        (SellOptions(SellGoal.ENERGY, energy_kwh=1.0), 60.0, 0.5),
    ],
)
def test_selling(options: SellOptions, soc_pct: float, progress: float) -> None:
    goal = shown("sell", soc_pct, sell=options)
    assert goal is not None
    assert goal.progress == progress


def test_other_strategies_have_none_and_nobody_knows_without_a_battery() -> None:
    assert shown("self-consumption", 50.0) is None
    goal = shown("charge", None)
    assert goal is not None
    assert goal.progress is None
    by_energy = shown(
        "charge", 50.0, capacity_wh=None, charge=ChargeOptions(ChargeGoal.ENERGY, energy_kwh=2.0)
    )
    assert by_energy is not None
    assert str(by_energy.text) == "Charge until 2.0 kWh can be used."


def test_of_timed_it_is_that_of_the_window() -> None:
    own = Window(660, 780, "charge", charge=ChargeOptions(ChargeGoal.SOC, soc_pct=70.0))
    goal = shown("timed", 40.0, timed=TimedOptions(windows=(own,)))
    assert goal is not None
    assert str(goal.text) == "Charge to 70 %. Now at 40 %."
    assert shown("timed", 40.0, timed=TimedOptions(windows=(Window(0, 60, "charge"),))) is None
    assert shown("timed", 40.0, timed=TimedOptions(default="sell")) is not None


@given(
    st.sampled_from(["charge", "sell"]),
    st.floats(0, 100),
    st.floats(0, 100),
    st.sampled_from(["full", "soc", "energy"]),
)
def test_it_is_reached_where_the_strategy_says_so(
    strategy: str, soc_pct: float, target: float, goal: str
) -> None:
    charge = ChargeOptions(ChargeGoal(goal), target, max(target / 25.0, 0.1), follow_up=FollowUp.FULL_STOP)
    sell = SellOptions(
        SellGoal("empty" if goal == "full" else goal), target, target / 25.0, follow_up=FollowUp.FULL_STOP
    )
    control = {"charge": charge, "sell": sell}
    reading = BatteryReading(99.0, 0.0, soc_pct, capacity_wh=5000.0)
    snapshot = Snapshot(100.0, NOON_S, None, False, 1.0, (BatterySnapshot("m1", reading, True),))
    chosen = {"charge": Charge(), "sell": Sell(), "full-stop": FullStop()}
    answer = chosen[strategy].intent(snapshot, settings(strategy, **control), MEMORY)
    found = shown(strategy, soc_pct, Memory(health=MEMORY.health, notes=answer.notes), **control)
    assert found is not None
    assert found.progress is not None
    assert 0.0 <= found.progress <= 1.0
    latched = any(note.endswith("reached") for note in answer.notes)
    assert (found.progress == 1.0) == latched or found.progress > 0.999
    assert ("reached" in str(found.text)) == latched
