"""What the daemon shows of itself: the one object behind the API, the live stream and the metrics."""

from msgspec import Struct


class SupportState(Struct, frozen=True):
    """One battery's share in what a phase can still be helped with."""

    id: str
    w: float


class PhaseState(Struct, frozen=True):
    """One phase of the connection, as last seen."""

    power_w: float | None
    current_a: float | None
    voltage_v: float | None
    fuse_a: float
    operating_limit_a: float
    freshness: str
    support_up_w: float
    """How far the batteries assigned to this phase can raise its grid power now."""
    support_down_w: float
    """How far they can lower it now."""
    support_up: tuple[SupportState, ...]
    """In the order in which they would be used."""
    support_down: tuple[SupportState, ...]


class GridState(Struct, frozen=True):
    """The main meter, as last seen."""

    total_power_w: float | None
    freshness: str
    age_s: float | None
    """Seconds since the last accepted telegram."""
    cadence_s: float
    phases: dict[str, PhaseState]
    """By name, only the phases that this home has."""
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None


class ReasonState(Struct, frozen=True):
    """Why a battery does not do what the strategy alone would have it do."""

    code: str
    power_w: float
    phase: str | None
    text: str
    """The same as an English sentence."""


class MappingState(Struct, frozen=True):
    """What the meter shows of the phase that a battery is on. It only informs."""

    fits_best: str
    """L1, L2 or L3."""
    confidence: float
    """That it fits better than each other phase by more than chance, 0 to 1."""
    doubtful: bool
    """Whether it fits better than the configured phase beyond doubt."""
    evidence: str
    """The numbers, in English."""


class BatteryState(Struct, frozen=True):
    """One battery, as last seen."""

    id: str
    name: str
    phase: str
    """L1, L2, L3, three-phase or unassigned."""
    soc_pct: float | None
    power_w: float | None
    """AC power as measured by the battery, charging positive."""
    setpoint_w: float | None
    """What it was last told; None while it was told nothing."""
    available: bool
    """Whether control can use it now."""
    reachable: bool
    state: str | None
    """The device's own word for what it does."""
    age_s: float | None
    """Seconds since the last telemetry."""
    temperature_c: float | None
    max_charge_w: float
    max_discharge_w: float
    min_soc_pct: float
    max_soc_pct: float
    reasons: tuple[ReasonState, ...]
    mapping: MappingState | None = None
    """None while nothing can be told."""


class AlarmState(Struct, frozen=True):
    """Something a person should know, while it lasts."""

    code: str
    severity: str
    """info, warning or alarm."""
    subject: str | None
    text: str
    """An English sentence."""
    since: str
    """ISO 8601, UTC."""


class StrategyState(Struct, frozen=True):
    """Which strategy the user selected, which one runs now, and what there is to choose."""

    selected: str
    executing: str
    available: tuple[str, ...]


class PricesState(Struct, frozen=True):
    """What energy costs."""

    until: str | None
    """Prices are known up to then without a gap; None when there is none for now. ISO 8601, UTC."""
    stale: bool
    """True when there is no price for now."""
    buy_eur_kwh: float | None
    """Now, all taxes and fees included."""
    sell_eur_kwh: float | None
    """Now, all deductions made."""
    problem: str | None
    """What is wrong with where prices come from, as an English sentence."""


class SystemState(Struct, frozen=True):
    """Everything, at one instant."""

    time: str
    """ISO 8601, UTC."""
    version: str
    site: str
    strategy: StrategyState
    grid: GridState
    load_w: float | None
    """Estimated power of the house without the batteries."""
    target_grid_w: float
    batteries: tuple[BatteryState, ...]
    alarms: tuple[AlarmState, ...]
    prices: PricesState | None = None
    """None while no source of prices is configured."""


class Counters(Struct, frozen=True):
    """Totals since the start, for /metrics."""

    decisions: int = 0
    telegrams_accepted: int = 0
    telegrams_rejected: int = 0
    telegrams_replayed: int = 0
    battery_writes: dict[str, int] = {}
    """Setpoints applied (not keep-alives), by battery id."""
    battery_failures: dict[str, int] = {}
    """Failed reads and writes, by battery id."""
    decide_seconds_sum: float = 0.0
