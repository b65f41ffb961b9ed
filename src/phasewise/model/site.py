"""What does not change from second to second: the connection, the batteries, the user's settings."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from phasewise.model.phase import PHASES, Assignment, Phase
from phasewise.model.strategy_options import (
    ChargeOptions,
    DynamicOptions,
    EvOverride,
    SellOptions,
    TimedOptions,
)


class Connection(StrEnum):
    """How the house is wired to the grid."""

    STAR = "star"
    """Three phases and neutral (3 x 230/400 V), or one phase and neutral."""
    DELTA = "delta"
    """Three phases without neutral (3 x 230 V): phase readings do not mean what they mean in star."""


class Site(Struct, frozen=True):
    """The grid connection."""

    name: str = "Home"
    main_fuse_a: tuple[float, float, float] = (25.0, 25.0, 25.0)
    """Rating per phase, L1 to L3."""
    nominal_voltage_v: float = 230.0
    phase_count: int = 3
    """1 or 3."""
    connection: Connection = Connection.STAR
    time_zone: str = "Europe/Amsterdam"

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases this home has: L1 alone, or L1 to L3."""
        return PHASES[: self.phase_count]


class Capabilities(Struct, frozen=True):
    """What a kind of battery can do; a driver states it once."""

    max_charge_w: float
    max_discharge_w: float
    """Both >= 0: the most that this model can do, whatever the user allows."""
    min_power_w: float = 0.0
    """A setpoint other than 0 is at least this in magnitude."""
    step_w: float = 1.0
    """Setpoints are multiples of this."""
    read_cadence_s: float = 2.0
    """How often telemetry is read."""
    write_interval_s: float = 0.0
    """Least time between two setpoint writes."""
    keep_alive_s: float | None = None
    """The setpoint must be applied again at least this often, or the device falls back by itself."""
    watchdog_s: float | None = None
    """The longest the device goes on by itself after its controller died; None = for ever."""
    can_release: bool = True
    """Whether control can be handed back to the device's own programme."""
    has_pv: bool = False
    """Whether the unit has PV inputs of its own."""
    turn_s: float = 0.0
    """How long a call may wait before its request goes out, because the device bears few of them: for so
    long it is not slow."""


class Override(Struct, frozen=True):
    """What the user decided for one battery, instead of the strategy."""

    out_of_service: bool = False
    hold_power_w: float | None = None
    hold_until_utc_s: float | None = None

    def held_w(self, utc_s: float) -> float | None:
        """The power that is held at this time, charging positive; None for none."""
        if self.hold_until_utc_s is not None and utc_s >= self.hold_until_utc_s:
            return None
        return self.hold_power_w


class BatterySettings(Struct, frozen=True):
    """One battery as configured, with what its driver says it can do."""

    id: str
    name: str
    capabilities: Capabilities
    phase: Assignment = Assignment.UNASSIGNED
    max_charge_w: float = 0.0
    max_discharge_w: float = 0.0
    """Both >= 0, never above the capabilities."""
    min_soc_pct: float = 12.0
    max_soc_pct: float = 100.0
    override: Override = Override()


class Split(StrEnum):
    """How the wanted power is divided over the batteries."""

    PRIORITY = "priority"
    FAIR = "fair"
    SOC_BALANCE = "soc-balance"
    EFFICIENT = "efficient"


class Cycle(StrEnum):
    """How the order of priority turns over time."""

    NEVER = "never"
    DAILY = "daily"
    """One place further every day, at 02:00 local time."""
    WEEKLY = "weekly"
    """The same on Sundays."""
    AUTO = "auto"
    """By charge, looked at every half hour: the emptiest is charged first, the fullest discharged first."""


class Regulate(StrEnum):
    """What is held at the target: the sum of the phases, or each phase by itself."""

    TOTAL = "total"
    PER_PHASE = "per-phase"


class UnassignedPolicy(StrEnum):
    """What unassigned batteries may do while phase protection is on."""

    WORST_CASE = "worst-case"
    AGGREGATE = "aggregate"


PerPhaseLimit = tuple[float | None, float | None, float | None]
"""W or A on L1, L2 and L3; None where there is none."""


class PhaseProtection(Struct, frozen=True):
    """Settings of phase protection."""

    enabled: bool = False
    margin_a: float = 1.0
    limit_import_w: PerPhaseLimit = (None, None, None)
    """Most import per phase besides the fuse, L1 to L3, >= 0; None = the fuse alone."""
    limit_export_w: PerPhaseLimit = (None, None, None)
    """Most export, likewise."""
    limit_import_a: PerPhaseLimit = (None, None, None)
    """The same in A, at any power factor: a current, held like that of the fuse."""
    limit_export_a: PerPhaseLimit = (None, None, None)
    unassigned: UnassignedPolicy = UnassignedPolicy.WORST_CASE


class PeakSettings(Struct, frozen=True):
    """Limits of the grid total, on top of every strategy but full stop; None = no limit."""

    import_w: float | None = None
    """Most import, >= 0."""
    export_w: float | None = None
    """Most export, >= 0: 0 means never export."""


CAPACITY_FLOOR_W = 2500.0
"""The Flemish capacity tariff charges at least this much: a lower peak saves nothing."""


class CapacityTariff(Struct, frozen=True):
    """A tariff on the highest mean import of a clock quarter in each month."""

    enabled: bool = False
    target_w: float = CAPACITY_FLOOR_W
    """Mean of a quarter of an hour to stay below; less than the floor counts as the floor."""


class ControlSettings(Struct, frozen=True):
    """The `control` section of the configuration."""

    strategy: str = "self-consumption"
    target_grid_w: float = 0.0
    regulate: Regulate = Regulate.TOTAL
    split: Split = Split.PRIORITY
    priority: tuple[str, ...] = ()
    """Battery ids, first to charge first; empty = as listed."""
    cycle: Cycle = Cycle.NEVER
    prefer_own_phase: bool = False
    idle_minutes: float = 5.0
    relief_in_full_stop: bool = False
    phase_protection: PhaseProtection = PhaseProtection()
    peak: PeakSettings = PeakSettings()
    capacity_tariff: CapacityTariff = CapacityTariff()
    charge: ChargeOptions = ChargeOptions()
    sell: SellOptions = SellOptions()
    timed: TimedOptions = TimedOptions()
    dynamic: DynamicOptions = DynamicOptions()
    ev_override: EvOverride | None = None
    options: dict[str, dict[str, Any]] = {}
    """Settings of other packages' strategies by the strategy's name, as plain values. Not to be changed."""

    @property
    def phase_aware(self) -> bool:
        """True when any feature is on that reads the mapping (laws 1 to 3)."""
        return self.phase_protection.enabled or self.prefer_own_phase or self.regulate is Regulate.PER_PHASE


class Settings(Struct, frozen=True):
    """Everything `decide` knows that is not measured."""

    site: Site
    batteries: tuple[BatterySettings, ...]
    control: ControlSettings = ControlSettings()
