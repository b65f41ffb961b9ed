"""The keys of `control` that belong to a strategy that comes with Phasewise."""

import re
from typing import Annotated, Literal, Self

from pydantic import model_validator

from phasewise.config.fields import NotEmpty, NotNegative, Percent, Positive, Says, Section, rule
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
    Says(pattern=f"^{_CLOCK.pattern}$", **{"x-format": "time-of-day"}),
]
EndTime = Annotated[
    str,
    rule(
        lambda value: value == _END_OF_DAY or _CLOCK.fullmatch(value) is not None,
        "is not a time of day",
        "hours and minutes in two digits each, such as 07:30 or 24:00",
    ),
    Says(pattern=f"^({_CLOCK.pattern}|{_END_OF_DAY})$", **{"x-format": "time-of-day"}),
]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)


class ChargeSection(Section):
    """Settings of `charge`."""

    goal: ChargeGoal = ChargeGoal.FULL
    """When charging is done: every battery full, a state of charge, an amount of energy, or room left
    for the sun."""
    soc_pct: Percent | None = None
    """Mean state of charge to reach; needed by the goal soc."""
    energy_kwh: Positive | None = None
    """Energy to have above the floors; needed by the goal energy."""
    reserved_for_house_kwh: NotNegative = 0.0
    """For the goal solar: what the house itself uses of the sun."""
    grid_limit_w: NotNegative | None = None
    """Hold the grid at this import while charging; left out: full power."""
    follow_up: FollowUp = FollowUp.CHARGE_PV
    """What runs once the goal is reached."""

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
    """When selling is done: every battery empty, a state of charge, or an amount of energy."""
    soc_pct: Percent | None = None
    """Mean state of charge to go down to; needed by the goal soc."""
    energy_kwh: NotNegative | None = None
    """Energy to leave above the floors; needed by the goal energy."""
    grid_limit_w: NotNegative | None = None
    """Hold the grid at this export while selling; left out: full power."""
    follow_up: FollowUp = FollowUp.CHARGE_PV
    """What runs once the goal is reached."""

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
    """When it begins, by the wall clock of the site."""
    end: EndTime
    """When it ends; not after the start means on the next day."""
    days: Annotated[tuple[Weekday, ...], rule(bool, "is empty", "at least one day"), Says(minItems=1)] = (
        tuple(Weekday)
    )
    """Days on which it begins."""
    strategy: str
    """What runs in this window."""
    charge: ChargeSection | None = None
    """Settings of charge in this window, all of them; left out: those of control.charge."""
    sell: SellSection | None = None
    """Settings of sell in this window, all of them; left out: those of control.sell."""
    target_grid_w: float | None = None
    """Grid power to hold in this window; left out: that of control.target_grid_w."""

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
    """What runs outside all windows."""
    windows: tuple[WindowSection, ...] = ()
    """Daily windows; the first that fits counts."""

    def to_model(self) -> TimedOptions:
        """The same for the control core."""
        return TimedOptions(self.default, tuple(window.to_model() for window in self.windows))


class DynamicSection(Section):
    """Settings of `dynamic`."""

    algorithm: Algorithm = Algorithm.PAIRS
    """How cheap and expensive are told apart: by pairs of hours, or by a plan that knows the batteries
    and the sun."""
    min_spread_eur_kwh: NotNegative = 0.05
    """Least price difference worth cycling for."""
    max_cheap_h: NotNegative = 0.0
    """For pairs: most cheap hours a day; 0: no limit."""
    max_expensive_h: NotNegative = 0.0
    """For pairs: most expensive hours a day; 0: no limit."""
    expected_load_w: NotNegative = 400.0
    """For plan: what the house draws on average."""
    cheap: str = "charge"
    """What runs while energy is cheap."""
    neutral: str = "charge-pv"
    """What runs in between."""
    expensive: str = "self-consumption"
    """What runs while energy is expensive."""
    fallback: str = "self-consumption"
    """What runs while no price is known."""

    def to_model(self) -> DynamicOptions:
        """The same for the control core."""
        return DynamicOptions(**dict(self))


class EvOverrideSection(Section):
    """Keep the batteries out of a car's charging; empty = off."""

    strategy: Literal["full-stop", "standby"] = "full-stop"
    """What runs meanwhile."""
    input: NotEmpty | None = None
    """Name of an input that says so; it is switched through the API."""
    threshold_w: Positive | None = None
    """Or: the house without the batteries draws this much."""
    phase: Literal["total", "L1", "L2", "L3"] = "total"
    """Where it draws that."""
    clear_after_s: NotNegative = 300.0
    """How long it must have been below before it counts as over."""

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
            phase=None if self.phase == "total" else Phase[self.phase],
            clear_after_s=self.clear_after_s,
        )
