"""What price-driven planning takes and gives. Powers in W at the AC side, charging and import positive."""

from enum import StrEnum

from msgspec import Struct

WH_PER_KWH = 1000.0
SECONDS_PER_HOUR = 3600.0


class Mark(StrEnum):
    """What an interval's price is good for."""

    CHEAP = "cheap"
    NEUTRAL = "neutral"
    EXPENSIVE = "expensive"


class Storage(Struct, frozen=True):
    """All batteries of a home as one."""

    stored_wh: float
    """Now. Outside of floor and ceiling it counts as being at the nearer one."""
    floor_wh: float
    ceiling_wh: float
    max_charge_w: float
    max_discharge_w: float
    """Both >= 0."""
    charge_efficiency: float = 0.95
    """Energy stored per energy taken from the AC side, above 0, at most 1."""
    discharge_efficiency: float = 0.95
    """Energy given to the AC side per energy taken from the store, above 0, at most 1."""
    from_grid: bool = True
    """Whether it may be charged with more than the surplus of the house."""
    to_grid: bool = True
    """Whether it may be discharged with more than the house draws."""

    def __post_init__(self) -> None:
        """Refuse what no battery can be, with a ValueError that names it."""
        if not self.floor_wh <= self.ceiling_wh:
            raise ValueError(f"storage: floor_wh {self.floor_wh:g} is above ceiling_wh {self.ceiling_wh:g}")
        if not (self.max_charge_w >= 0.0 and self.max_discharge_w >= 0.0):
            raise ValueError("storage: max_charge_w and max_discharge_w must be 0 or more")
        for efficiency in (self.charge_efficiency, self.discharge_efficiency):
            if not 0.0 < efficiency <= 1.0:
                raise ValueError(f"storage: an efficiency is above 0 and at most 1, not {efficiency:g}")


class PlannedInterval(Struct, frozen=True):
    """What to do in one interval."""

    start_utc_s: float
    end_utc_s: float
    battery_w: float
    """Mean AC power of all batteries together."""
    grid_w: float
    """What the grid then gives, if house and sun are as forecast."""
    stored_wh: float
    """At the end."""
    mark: Mark
    """Cheap: charge from the grid. Expensive: discharge. Neutral: neither; surplus may be stored."""
    cost_eur: float
    """Of grid and wear; negative = earned."""


class Plan(Struct, frozen=True):
    """The cheapest way through the intervals."""

    intervals: tuple[PlannedInterval, ...]
    cost_eur: float
    """Of grid and wear over all intervals. What is still stored at the end is not deducted."""
    value_eur_kwh: float
    """What one more kWh in the store would be worth now; at the ceiling: what the last one is worth."""
