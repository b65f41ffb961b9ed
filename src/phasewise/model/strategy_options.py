"""Settings of the strategies that come with Phasewise. The keys are those of the configuration file."""

from enum import StrEnum

from msgspec import Struct

from phasewise.model.phase import Phase


class ChargeGoal(StrEnum):
    """When `charge` is done."""

    FULL = "full"
    """Each battery at its own ceiling."""
    SOC = "soc"
    """The mean state of charge, weighted by capacity, at `soc_pct`."""
    ENERGY = "energy"
    """`energy_kwh` available above the floors."""
    SOLAR = "solar"
    """Room left for exactly the surplus that the sun is expected to give."""


class SellGoal(StrEnum):
    """When `sell` is done."""

    EMPTY = "empty"
    """Each battery at its own floor."""
    SOC = "soc"
    """The mean state of charge, weighted by capacity, at `soc_pct`."""
    ENERGY = "energy"
    """`energy_kwh` left above the floors."""


class FollowUp(StrEnum):
    """What runs once a goal is reached."""

    CHARGE_PV = "charge-pv"
    SELF_CONSUMPTION = "self-consumption"
    ZERO_IMPORT = "zero-import"
    STANDBY = "standby"
    FULL_STOP = "full-stop"


class ChargeOptions(Struct, frozen=True):
    """Settings of `charge`."""

    goal: ChargeGoal = ChargeGoal.FULL
    soc_pct: float | None = None
    """Needed by the goal `soc`."""
    energy_kwh: float | None = None
    """Needed by the goal `energy`."""
    reserved_for_house_kwh: float = 0.0
    """Goal `solar`: what the house itself will use of the sun's energy."""
    grid_limit_w: float | None = None
    """Charge so that the grid is held at this import; None = charge at full power."""
    follow_up: FollowUp = FollowUp.CHARGE_PV


class SellOptions(Struct, frozen=True):
    """Settings of `sell`."""

    goal: SellGoal = SellGoal.EMPTY
    soc_pct: float | None = None
    """Needed by the goal `soc`."""
    energy_kwh: float | None = None
    """Needed by the goal `energy`."""
    grid_limit_w: float | None = None
    """Discharge so that the grid is held at this export, as a positive number; None = at full power."""
    follow_up: FollowUp = FollowUp.CHARGE_PV


class Weekday(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class Window(Struct, frozen=True):
    """A daily stretch of local time and the strategy that runs in it."""

    start_min: int
    """Minutes on the wall clock after midnight, 0 to 1439."""
    end_min: int
    """Likewise, 0 to 1440, not included. Not after the start: it ends on the next day."""
    strategy: str
    days: tuple[Weekday, ...] = tuple(Weekday)
    """Days on which it begins."""
    charge: ChargeOptions | None = None
    """Settings of `charge` in this window; None = those of every day."""
    sell: SellOptions | None = None
    target_grid_w: float | None = None


class TimedOptions(Struct, frozen=True):
    """Settings of `timed`."""

    default: str = "self-consumption"
    """Runs outside all windows."""
    windows: tuple[Window, ...] = ()
    """The first that fits counts."""


class Algorithm(StrEnum):
    """How `dynamic` tells cheap from expensive."""

    PAIRS = "pairs"
    """Day by day, the cheapest interval against the dearest."""
    PLAN = "plan"
    """The cheapest plan for what is stored now, as far as prices are known."""


class DynamicOptions(Struct, frozen=True):
    """Settings of `dynamic`."""

    algorithm: Algorithm = Algorithm.PAIRS
    min_spread_eur_kwh: float = 0.05
    """Less is not worth cycling for: losses, and the wear of the battery."""
    max_cheap_h: float = 0.0
    max_expensive_h: float = 0.0
    """Most hours of a day, for `pairs`; 0 = no limit."""
    expected_load_w: float = 400.0
    """What the house draws on average, for `plan`: 3,500 kWh a year."""
    cheap: str = "charge"
    """Runs while energy is cheap."""
    neutral: str = "charge-pv"
    expensive: str = "self-consumption"
    fallback: str = "self-consumption"
    """Runs while no price is known."""


class EvOverride(Struct, frozen=True):
    """Keep the batteries out of a car's charging, or another large load."""

    strategy: FollowUp = FollowUp.FULL_STOP
    """`full-stop` or `standby`."""
    input: str | None = None
    """Name of a boolean input that says so."""
    threshold_w: float | None = None
    """Or: the house draws at least this much."""
    phase: Phase | None = None
    """On this phase; None = in total."""
    clear_after_s: float = 300.0
    """How long the power must have been below before it counts as ended."""
