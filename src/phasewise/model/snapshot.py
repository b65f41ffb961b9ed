"""The frozen picture of the world that one decision is made from."""

from enum import StrEnum

from msgspec import Struct

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import PriceInterval
from phasewise.model.readings import BatteryReading, GridReading


class Freshness(StrEnum):
    """How far a reading can be trusted by its age."""

    FRESH = "fresh"
    AGING = "aging"
    """No battery may increase the magnitude of its power."""
    LOST = "lost"
    """The value is unknown, which is not zero."""
    ABSENT = "absent"
    """This meter or home does not have it."""


class BatterySnapshot(Struct, frozen=True):
    """What is known of one battery now."""

    id: str
    reading: BatteryReading | None = None
    """The newest telemetry; None before the first."""
    reachable: bool = False
    """False while the driver fails to reach the device."""


class Snapshot(Struct, frozen=True):
    """One picture: everything `decide` may look at besides settings and its own memory."""

    time_s: float
    """Monotonic seconds; its origin has no meaning."""
    utc_s: float
    """Unix time, for rules in local time only: it may jump."""
    grid: GridReading | None
    """The newest accepted reading of the main meter, or None before the first."""
    grid_is_new: bool
    """True when `grid` arrived since the previous snapshot."""
    grid_cadence_s: float
    """Observed seconds between accepted readings."""
    batteries: tuple[BatterySnapshot, ...]
    """In the order of the settings."""
    prices: tuple[PriceInterval, ...] = ()
    """Today and tomorrow as far as known, in order of time; the identical object until they change."""
    forecast: tuple[ForecastInterval, ...] = ()
    """What the house's own panels are expected to give; the identical object until it changes."""
    load_forecast: tuple[ForecastInterval, ...] = ()
    """What the house is expected to draw without panels and batteries; empty until that was learnt; the
    identical object until it changes."""
    inputs: tuple[str, ...] = ()
    """Names of the boolean inputs that are on, such as one that says that a car is charging."""
