"""Settings of the strategies: what they become, and what a mistake in them is answered with."""

# ruff: noqa: E501 - a message and the text that causes it are easier to compare unbroken
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from config_fakes import REGISTRY
from pydantic import BaseModel, ConfigDict, field_validator

from phasewise.config import ConfigError, Registry, parse_config
from phasewise.config.strategies import (
    ChargeSection,
    DynamicSection,
    EvOverrideSection,
    SellSection,
    TimedSection,
)
from phasewise.model import ControlSettings, Phase
from phasewise.model.strategy_options import (
    ChargeGoal,
    ChargeOptions,
    DynamicOptions,
    EvOverride,
    FollowUp,
    SellGoal,
    SellOptions,
    TimedOptions,
    Weekday,
    Window,
)

HEAD = "meter: {driver: dsmr, url: x}\nbatteries: []\n"


class EveningOptions(BaseModel):
    """Of a strategy of another package."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peak_w: float = 500.0
    days: Literal["all", "work"] = "all"

    @field_validator("peak_w")
    @classmethod
    def _mistake(cls, value: float) -> float:
        return value / 0 if value == 13 else value


WITH_PACKAGE = replace(
    REGISTRY, strategies={**REGISTRY.strategies, "evening": EveningOptions, "charge": None}
)


def control(text: str, registry: Registry = WITH_PACKAGE) -> ControlSettings:
    return parse_config(f"{HEAD}control:\n{text}\n", Path("home.yaml"), registry).control


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        control(text)
    return str(caught.value)


def test_nothing_given_is_what_the_core_has_by_default() -> None:
    assert ChargeSection().to_model() == ChargeOptions()
    assert SellSection().to_model() == SellOptions()
    assert TimedSection().to_model() == TimedOptions()
    assert DynamicSection().to_model() == DynamicOptions()
    assert EvOverrideSection().to_model() is None
    given = EvOverrideSection(threshold_w=3700.0).to_model()
    assert given == EvOverride(threshold_w=3700.0)


def test_everything_given() -> None:
    found = control(
        "  charge: {goal: soc, soc_pct: 80, grid_limit_w: 4000, follow_up: standby}\n"
        "  sell: {goal: energy, energy_kwh: 2.5, follow_up: zero-import}\n"
        "  ev_override: {strategy: standby, threshold_w: 3700, phase: L2, clear_after_s: 60}\n"
        "  timed:\n"
        "    default: full-stop\n"
        "    windows:\n"
        "      - {start: 23:00, end: 06:30, days: [fri, sat], strategy: charge, charge: {goal: solar, reserved_for_house_kwh: 3}}\n"
        "      - {start: '00:00', end: '24:00', strategy: my-own, target_grid_w: -50}"
    )
    assert found.charge == ChargeOptions(
        goal=ChargeGoal.SOC, soc_pct=80.0, grid_limit_w=4000.0, follow_up=FollowUp.STANDBY
    )
    assert found.sell == SellOptions(goal=SellGoal.ENERGY, energy_kwh=2.5, follow_up=FollowUp.ZERO_IMPORT)
    assert found.ev_override == EvOverride(
        strategy=FollowUp.STANDBY, threshold_w=3700.0, phase=Phase.L2, clear_after_s=60.0
    )
    night = ChargeOptions(goal=ChargeGoal.SOLAR, reserved_for_house_kwh=3.0)
    assert found.timed == TimedOptions(
        "full-stop",
        (
            Window(23 * 60, 6 * 60 + 30, "charge", (Weekday.FRI, Weekday.SAT), charge=night),
            Window(0, 24 * 60, "my-own", target_grid_w=-50.0),
        ),
    )


WRONG = {
    "charge: {goal: ful}": "charge.goal: 'ful' is not a goal (did you mean 'full'?); allowed: full, soc, energy, solar",
    "charge: {goal: empty}": "charge.goal: 'empty' is not a goal; allowed: full, soc, energy, solar",
    "charge: {goal: soc}": "charge: the goal 'soc' needs a state of charge: add 'soc_pct: 80'",
    "charge: {goal: energy}": "charge: the goal 'energy' needs an amount: add 'energy_kwh: 3'",
    "charge: {goal: soc, soc_pct: 101}": "charge.soc_pct: 101 is out of range; allowed: 0 to 100",
    "charge: {grid_limit_w: -1}": "charge.grid_limit_w: -1 is too low; allowed: 0 or more",
    "charge: {follow_up: sell}": "charge.follow_up: 'sell' is not a follow-up; allowed: charge-pv, self-consumption, zero-import, standby, full-stop",
    "charge: {goal_pct: 80}": "charge.goal_pct: unknown key (did you mean 'soc_pct'?)",
    "charge: full": "charge: 'full' is not a mapping (key: value)",
    "sell: {goal: solar}": "sell.goal: 'solar' is not a goal; allowed: empty, soc, energy",
    "sell: {goal: energy}": "sell: the goal 'energy' needs an amount: add 'energy_kwh: 3'",
    "dynamic: {algorithm: pair}": "dynamic.algorithm: 'pair' is not one of the allowed values (did you mean 'pairs'?); allowed: pairs, plan",
    "dynamic: {cheap: chrge}": "dynamic.cheap: 'chrge' is not a strategy in this version (did you mean 'charge'?); allowed: self-consumption, full-stop, my-own, evening, charge",
    "dynamic: {max_cheap_h: -1}": "dynamic.max_cheap_h: -1 is too low; allowed: 0 or more",
    "timed: {default: timed}": "timed.default: 'timed' is not a strategy in this version; allowed: self-consumption, full-stop, my-own, evening, charge",
    "timed: {windows: [{start: 7:00, end: '08:00', strategy: charge}]}": "timed.windows[#1].start: '7:00' is not a time of day; allowed: hours and minutes in two digits each, such as 07:30",
    "timed: {windows: [{start: '24:00', end: '08:00', strategy: charge}]}": "timed.windows[#1].start: '24:00' is not a time of day; allowed: hours and minutes in two digits each, such as 07:30",
    "timed: {windows: [{start: '07:00', end: '24:01', strategy: charge}]}": "timed.windows[#1].end: '24:01' is not a time of day; allowed: hours and minutes in two digits each, such as 07:30 or 24:00",
    "timed: {windows: [{start: '07:00', end: '09:00', strategy: chrge}]}": "timed.windows[#1].strategy: 'chrge' is not a strategy in this version (did you mean 'charge'?); allowed: self-consumption, full-stop, my-own, evening, charge",
    "timed: {windows: [{start: '07:00', end: '09:00', strategy: charge, days: []}]}": "timed.windows[#1].days: a list is empty; allowed: at least one day",
    "timed: {windows: [{end: '09:00', strategy: charge}]}": "timed.windows[#1].start: missing",
    "ev_override: {strategy: charge, threshold_w: 1}": "ev_override.strategy: 'charge' is not one of the allowed values; allowed: full-stop, standby",
    "ev_override: {strategy: standby}": "ev_override: nothing would start it: add 'threshold_w: 3700'",
    "ev_override: {threshold_w: 0}": "ev_override.threshold_w: 0 is too low; allowed: above 0",
    "ev_override: {threshold_w: 1, phase: L4}": "ev_override.phase: 'L4' is not a phase; allowed: total, L1, L2, L3",
    "evening: {peak: 500}": "evening.peak: unknown key (did you mean 'peak_w'?)",
    "evening: {days: weekend}": "evening.days: 'weekend' is not one of the allowed values; allowed: all, work",
    "evening: [1]": "evening: a list is not a mapping (key: value)",
    "evening: {peak_w: 13}": "evening: the strategy 'evening' failed on these settings (ZeroDivisionError: float division by zero); report this to its maker",
    "evning: {}": "evning: unknown key (did you mean 'evening'?)",
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), WRONG.items(), ids=WRONG.keys())
def test_a_mistake_is_answered_with_its_line(line: str, says: str) -> None:
    assert problems(f"  {line}") == f"home.yaml:4: control.{says}"


def test_timed_cannot_run_itself() -> None:
    registry = replace(WITH_PACKAGE, strategies={**WITH_PACKAGE.strategies, "timed": None})
    with pytest.raises(
        ConfigError, match=r"control\.timed\.default: 'timed' can't be one of its own strategies"
    ):
        control("  timed: {default: timed}", registry)


def test_a_single_phase_home_has_no_car_on_l3() -> None:
    with pytest.raises(ConfigError, match="'L3' is not a phase of this home, which has 'phases: 1'"):
        control("  ev_override: {threshold_w: 3700, phase: L3}\nsite: {phases: 1}")


def test_the_line_of_a_mistake_in_a_window() -> None:
    text = (
        "  timed:\n    windows:\n      - start: '22:00'\n        end: '06:00'\n        strategy: charge\n"
        "        charge:\n          goal: soc\n          soc_pct: 800"
    )
    assert problems(text) == (
        "home.yaml:11: control.timed.windows[#1].charge.soc_pct: 800 is out of range; allowed: 0 to 100"
    )


def test_a_packages_strategy_gets_plain_values_given_or_not() -> None:
    assert control("  strategy: evening").options == {"evening": {"peak_w": 500.0, "days": "all"}}
    found = control("  evening: {peak_w: 750, days: work}").options
    assert found == {"evening": {"peak_w": 750.0, "days": "work"}}
