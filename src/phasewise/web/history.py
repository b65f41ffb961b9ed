"""The routes of history: what was measured, and energy and money by the day."""

from pydantic import BaseModel, ConfigDict, Field


class _Wire(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


class Curve(_Wire):
    """One series, value by value beside `time`; null where nothing is known."""

    mean: tuple[float | None, ...]
    min: tuple[float | None, ...]
    max: tuple[float | None, ...]


class History(_Wire):
    """What was measured."""

    begin: int = Field(alias="from")
    """Unix time in s, a multiple of `step_s`: what was asked for lies within."""
    end: int = Field(alias="to")
    """Likewise."""
    step_s: int
    """From one value to the next; each tells of as long."""
    time: tuple[int, ...]
    """Unix times in s at which the steps begin: all of them, with gaps as null in the series."""
    series: dict[str, Curve]
    """Those asked for, by name."""


class BatteryEnergy(_Wire):
    """What went into and out of one battery."""

    charged_wh: float
    discharged_wh: float


class Day(_Wire):
    """One day of the site's time zone. Energy is 0 or more, and 0 where nothing was measured."""

    date: str
    """Such as 2026-11-22."""
    start: str
    """ISO 8601, UTC."""
    end: str
    """The next midnight, 23 to 25 h later, also of a day that is not over."""
    measured_s: float
    """How much of it Phasewise saw."""
    import_wh: float
    export_wh: float
    exchanged_wh: float
    """Energy imported on one phase while it was exported on another."""
    load_wh: float
    """What the house drew without its batteries, net of the panels: negative when those gave more."""
    pv_wh: float | None
    """Null without a meter for the panels."""
    ev_wh: float | None
    """Net, null without a meter for the car charger."""
    batteries: dict[str, BatteryEnergy]
    """By id: those that did anything."""
    cost_eur: float | None
    """By the prices that were in force, what was sold taken off; null without prices."""
    cost_without_eur: float | None
    """What it would have been with the same house and panels, but no battery."""
    saved_eur: float | None
    """The difference."""


class Energy(_Wire):
    """Day by day."""

    days: tuple[Day, ...]
    """In order, without gaps; the last one is today, unless `to` is earlier."""
