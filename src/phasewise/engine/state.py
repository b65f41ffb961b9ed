"""What the daemon shows of itself: the one object behind the API, the live stream and the metrics."""

from msgspec import Struct

from phasewise.explain import Text

Said = str | Text
"""Something for people: in any language, or, where it comes from elsewhere, in its own."""


def in_language(said: Said, lang: str) -> str:
    """What is said, in the language of that tag where it can be."""
    return said if isinstance(said, str) else said.say(lang)


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
    load_w: float | None = None
    """Its power without the batteries assigned to it; None while protection does not work there."""
    limit_lo_w: float | None = None
    """Least grid power inside its limits, negative for export; None likewise."""
    limit_hi_w: float | None = None
    """Most grid power inside its limits."""
    headroom_import_a: float | None = None
    """How much more current may flow in the direction of import; negative when it is outside its limits."""
    headroom_export_a: float | None = None
    """Likewise in the direction of export."""
    relief_w: float = 0.0
    """What its batteries have to do so that it stays inside its limits, charging positive."""
    missing_w: float = 0.0
    """The part of that which they can't do."""
    binding: bool = False
    """Whether a limit of this phase holds a battery back, or makes it work, now."""
    fuse_used_pct: float = 0.0
    """Share of its fuse's thermal budget that overcurrent has used up."""


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
    text: Said
    """The same as a sentence."""


class MappingState(Struct, frozen=True):
    """What the meter shows of the phase that a battery is on. It only informs."""

    fits_best: str
    """L1, L2 or L3."""
    confidence: float
    """That it fits better than each other phase by more than chance, 0 to 1."""
    doubtful: bool
    """Whether it fits better than the configured phase beyond doubt."""
    evidence: Said
    """The numbers."""


class HoldState(Struct, frozen=True):
    """A power that the user holds one battery at."""

    power_w: float
    """Charging positive."""
    until: str | None
    """ISO 8601, UTC; None = until it is changed."""


class OverrideState(Struct, frozen=True):
    """What the user decided for one battery, where it is more than a word."""

    hold: HoldState


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
    override: str | OverrideState = "auto"
    """auto, out-of-service, or a hold; one that has ended is auto."""


class AlarmState(Struct, frozen=True):
    """Something a person should know, while it lasts."""

    code: str
    severity: str
    """info, warning or alarm."""
    subject: str | None
    text: Said
    since: str
    """ISO 8601, UTC."""
    acknowledged: bool = False
    """Whether somebody said that they know; ends with the alarm."""


class GoalState(Struct, frozen=True):
    """What the strategy works towards, and how far it is."""

    text: Said
    progress: float | None
    """0 to 1, where 1 is reached; None while nobody can tell."""


class StrategyState(Struct, frozen=True):
    """Which strategy the user selected, which one runs now, and what there is to choose."""

    selected: str
    executing: str
    available: tuple[str, ...]
    goal: GoalState | None = None
    """None for a strategy without one."""
    why: str | None = None
    """What made another one run than was selected: meter, load, time, price, no-price or handed-over; None
    while the selected one itself runs."""


class IdentifyPhaseState(Struct, frozen=True):
    """What one phase did while a battery's phase was identified."""

    steps_w: tuple[float, ...]
    """How far its power stood out at each step, beside `expected_w`."""
    share: float
    """The usual (median) part of the battery's step that it shows: 1 on the battery's phase."""
    fit: float
    """How well it fits as the battery's only phase, 0 to 1."""


class IdentifySampleState(Struct, frozen=True):
    """One meter value of the plot."""

    at_s: float
    """Since the run began."""
    battery_w: float
    """What the battery last said, charging positive."""
    phases_w: tuple[float, ...]
    """Power of L1 to L3, import positive."""


class IdentifyState(Struct, frozen=True):
    """The identification of a battery's phase, while it runs and for a while after."""

    battery_id: str
    state: str
    """running, done or aborted."""
    code: str | None
    """Aborted: user, settings, battery, soc, meter, overload, not-following or wrong-direction.
    Done without an answer: disturbed, no-reaction or inverted."""
    text: Said
    """What is done, or what was found and how that compares to the configuration."""
    cycle: int
    """Counted from 1; 0 while the batteries come to rest."""
    progress: float
    """0 to 1."""
    outcome: str
    """L1, L2, L3, three-phase or unclear."""
    confidence: float
    """Of the outcome, or of a no-reaction or inverted; 0 while there is none."""
    configured: str | None
    """The assignment as the user has it now; null when the battery is gone."""
    matches: bool | None
    """Whether the outcome is what is configured; null without an answer."""
    high_w: float
    low_w: float
    """The two powers of the battery."""
    steps: int
    agreeing: int
    """How many of the steps fit the outcome."""
    expected_w: tuple[float, ...]
    """How far the battery's own power stood out at each step."""
    phases: dict[str, IdentifyPhaseState]
    """By name."""
    samples: tuple[IdentifySampleState, ...]
    """The last three minutes."""


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
    problem: Said | None
    """What is wrong with where prices come from, as a sentence."""


class ProtectionState(Struct, frozen=True):
    """What keeps the phases inside their fuses."""

    enabled: bool
    active: bool
    """Whether it can act: it is on, a battery has a phase, and it is not refused here."""
    unassigned: str
    """What unassigned batteries may do meanwhile: worst-case or aggregate."""


class InputState(Struct, frozen=True):
    """A boolean input that the configuration names."""

    name: str
    on: bool
    expires_s: float | None
    """Seconds until it goes off by itself; None = it does not."""


class QuarterState(Struct, frozen=True):
    """The running clock quarter as the capacity tariff sees it. All means are over a whole quarter."""

    so_far_w: float
    """Energy imported so far, over a quarter of an hour: it begins at 0 and grows."""
    forecast_w: float
    """The mean it will end with if all goes on as now."""
    target_w: float
    """What it is kept below: the target, or this month's highest mean where that is higher."""
    limit_w: float | None
    """Import that batteries hold the grid to now; None while none is needed."""
    month_peak_w: float
    """Highest mean of a quarter in this month so far."""


class SubmeterState(Struct, frozen=True):
    """What further meters of one role say. It only informs."""

    power_w: float | None
    """Of all of them; None while one of them is not heard."""
    freshness: str
    """Of the one that is heard least well: fresh, aging, lost or absent."""


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
    protection: ProtectionState
    identify: IdentifyState | None = None
    """The phase identification that runs, or the result of the last one."""
    prices: PricesState | None = None
    """None while no source of prices is configured."""
    inputs: tuple[InputState, ...] = ()
    quarter: QuarterState | None = None
    """None while the capacity tariff is off, or nothing is known of the quarter."""
    summary: Said = ""
    """What goes on, and why: one or two plain sentences."""
    pv: SubmeterState | None = None
    """What the panels give, >= 0; None without a meter for them."""
    ev: SubmeterState | None = None
    """What the car charger draws; negative when it feeds in. None without a meter for it."""


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
