"""The keys of `control` that belong to a strategy that comes with Phasewise."""

import re
from typing import Annotated, Literal, Self

from pydantic import model_validator

from phasewise.config.fields import NotEmpty, NotNegative, Percent, Positive, Section, rule
from phasewise.model import Phase
from phasewise.model.strategy_options import (
    Algorithm,
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

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_END_OF_DAY = "24:00"

StartTime = Annotated[
    str,
    rule(
        lambda value: _CLOCK.fullmatch(value) is not None,
        "is not a time of day",
        "hours and minutes in two digits each, such as 07:30",
    ),
]
EndTime = Annotated[
    str,
    rule(
        lambda value: value == _END_OF_DAY or _CLOCK.fullmatch(value) is not None,
        "is not a time of day",
        "hours and minutes in two digits each, such as 07:30 or 24:00",
    ),
]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)


class ChargeSection(Section):
    """Settings of `charge`."""

    goal: ChargeGoal = ChargeGoal.FULL
    soc_pct: Percent | None = None
    energy_kwh: Positive | None = None
    reserved_for_house_kwh: NotNegative = 0.0
    grid_limit_w: NotNegative | None = None
    follow_up: FollowUp = FollowUp.CHARGE_PV

    @model_validator(mode="after")
    def _has_what_the_goal_needs(self) -> Self:
        _check_goal(self.goal.value, self.soc_pct, self.energy_kwh)
        return self

    def to_model(self) -> ChargeOptions:
        """The same for the control core."""
        return ChargeOptions(**dict(self))


class SellSection(Section):
    """Settings of `sell`."""

    goal: SellGoal = SellGoal.EMPTY
    soc_pct: Percent | None = None
    energy_kwh: NotNegative | None = None
    grid_limit_w: NotNegative | None = None
    follow_up: FollowUp = FollowUp.CHARGE_PV

    @model_validator(mode="after")
    def _has_what_the_goal_needs(self) -> Self:
        _check_goal(self.goal.value, self.soc_pct, self.energy_kwh)
        return self

    def to_model(self) -> SellOptions:
        """The same for the control core."""
        return SellOptions(**dict(self))


def _check_goal(goal: str, soc_pct: float | None, energy_kwh: float | None) -> None:
    if goal == "soc" and soc_pct is None:
        raise ValueError("the goal 'soc' needs a state of charge: add 'soc_pct: 80'")
    if goal == "energy" and energy_kwh is None:
        raise ValueError("the goal 'energy' needs an amount: add 'energy_kwh: 3'")


class WindowSection(Section):
    """One daily window of `timed`."""

    start: StartTime
    end: EndTime
    days: Annotated[tuple[Weekday, ...], rule(bool, "is empty", "at least one day")] = tuple(Weekday)
    strategy: str
    charge: ChargeSection | None = None
    sell: SellSection | None = None
    target_grid_w: float | None = None

    def to_model(self) -> Window:
        """The same for the control core."""
        return Window(
            start_min=_minutes(self.start),
            end_min=_minutes(self.end),
            strategy=self.strategy,
            days=self.days,
            charge=None if self.charge is None else self.charge.to_model(),
            sell=None if self.sell is None else self.sell.to_model(),
            target_grid_w=self.target_grid_w,
        )


class TimedSection(Section):
    """Settings of `timed`."""

    default: str = "self-consumption"
    windows: tuple[WindowSection, ...] = ()

    def to_model(self) -> TimedOptions:
        """The same for the control core."""
        return TimedOptions(self.default, tuple(window.to_model() for window in self.windows))


class DynamicSection(Section):
    """Settings of `dynamic`."""

    algorithm: Algorithm = Algorithm.PAIRS
    min_spread_eur_kwh: NotNegative = 0.05
    max_cheap_h: NotNegative = 0.0
    max_expensive_h: NotNegative = 0.0
    expected_load_w: NotNegative = 400.0
    cheap: str = "charge"
    neutral: str = "charge-pv"
    expensive: str = "self-consumption"
    fallback: str = "self-consumption"

    def to_model(self) -> DynamicOptions:
        """The same for the control core."""
        return DynamicOptions(**dict(self))


class EvOverrideSection(Section):
    """Keep the batteries out of a car's charging; empty = off."""

    strategy: Literal["full-stop", "standby"] = "full-stop"
    input: NotEmpty | None = None
    threshold_w: Positive | None = None
    phase: Literal["total", "L1", "L2", "L3"] = "total"
    clear_after_s: NotNegative = 300.0

    @model_validator(mode="after")
    def _has_a_trigger(self) -> Self:
        if self.model_fields_set and self.input is None and self.threshold_w is None:
            raise ValueError("nothing would start it: add 'threshold_w: 3700'")
        return self

    def to_model(self) -> EvOverride | None:
        """The same for the control core; None when it is off."""
        if self.input is None and self.threshold_w is None:
            return None
        return EvOverride(
            strategy=FollowUp(self.strategy),
            input=self.input,
            threshold_w=self.threshold_w,
            phase=None if self.phase == "total" else Phase(self.phase),
            clear_after_s=self.clear_after_s,
        )
