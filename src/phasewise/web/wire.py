"""The published shape of everything the API says.

These mirror `engine.state` and `engine.controls` field by field (a test holds them together), so that a
change inside the daemon can't silently change what other tools rely on. Positive power = import, charging.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from phasewise.model import Assignment


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Support(_Wire):
    """One battery's share in what a phase can still be helped with."""

    id: str
    w: float


class GridPhase(_Wire):
    """One phase of the connection; null = not known."""

    power_w: float | None
    current_a: float | None
    voltage_v: float | None
    fuse_a: float
    operating_limit_a: float
    freshness: str
    """fresh, aging, lost or absent."""
    support_up_w: float
    support_down_w: float
    support_up: tuple[Support, ...]
    """In the order in which they would be used."""
    support_down: tuple[Support, ...]
    load_w: float | None = None
    """Its power without the batteries assigned to it; null while protection does not work there."""
    limit_lo_w: float | None = None
    """Least grid power inside its limits, negative for export; null likewise."""
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


class Grid(_Wire):
    """The main meter."""

    total_power_w: float | None
    freshness: str
    age_s: float | None
    cadence_s: float
    phases: dict[str, GridPhase]
    """By name, only the phases that this home has."""
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None


class Reason(_Wire):
    """Why a battery does not do what the strategy alone would have it do."""

    code: str
    power_w: float
    phase: str | None
    text: str
    """In the language asked for."""


class Mapping(_Wire):
    """What the meter shows of the phase that a battery is on. It only informs."""

    fits_best: str
    """L1, L2 or L3."""
    confidence: float
    """That it fits better than each other phase by more than chance, 0 to 1."""
    doubtful: bool
    """Whether it fits better than the configured phase beyond doubt."""
    evidence: str
    """In the language asked for."""


class Hold(_Wire):
    """A power that the user holds one battery at."""

    power_w: float
    """Charging positive."""
    until: str | None
    """ISO 8601, UTC; null = until it is changed."""


class Override(_Wire):
    """What the user decided for one battery, where it is more than a word."""

    hold: Hold


class Battery(_Wire):
    """One battery; null = not known."""

    id: str
    name: str
    phase: str
    """L1, L2, L3, three-phase or unassigned."""
    soc_pct: float | None
    power_w: float | None
    setpoint_w: float | None
    available: bool
    reachable: bool
    state: str | None
    age_s: float | None
    temperature_c: float | None
    max_charge_w: float
    max_discharge_w: float
    min_soc_pct: float
    max_soc_pct: float
    reasons: tuple[Reason, ...]
    mapping: Mapping | None = None
    """Null while nothing can be told."""
    override: str | Override = "auto"
    """auto, out-of-service, or a hold; one that has ended is auto."""


class Alarm(_Wire):
    """Something a person should know, while it lasts."""

    code: str
    severity: str
    """info, warning or alarm."""
    subject: str | None
    text: str
    """In the language asked for."""
    since: str
    """ISO 8601, UTC."""
    acknowledged: bool = False
    """Whether somebody said that they know; ends with the alarm."""


class Goal(_Wire):
    """What the strategy works towards, and how far it is."""

    text: str
    """In the language asked for."""
    progress: float | None
    """0 to 1, where 1 is reached; null while nobody can tell."""


class Strategy(_Wire):
    """Which strategy is selected, which one runs now, and what there is to choose."""

    selected: str
    executing: str
    available: tuple[str, ...]
    goal: Goal | None = None
    """Null for a strategy without one."""
    why: str | None = None
    """What made another one run than was selected: meter, load, time, price, no-price or handed-over;
    null while the selected one itself runs."""


class Prices(_Wire):
    """What energy costs; null = not known."""

    until: str | None
    """Prices are known up to then without a gap. ISO 8601, UTC."""
    stale: bool
    """True when there is no price for now."""
    buy_eur_kwh: float | None
    """Now, all taxes and fees included."""
    sell_eur_kwh: float | None
    """Now, all deductions made."""
    problem: str | None
    """What is wrong with where prices come from, in the language asked for."""


class IdentifyPhase(_Wire):
    """What one phase did while a battery's phase was identified."""

    steps_w: tuple[float, ...]
    """How far its power stood out at each step, beside `expected_w`."""
    share: float
    """The usual part of the battery's step that it shows: 1 on the battery's phase."""
    fit: float
    """How well it fits as the battery's only phase, 0 to 1."""


class IdentifySample(_Wire):
    """One meter value of the plot."""

    at_s: float
    """Since the run began."""
    battery_w: float
    phases_w: tuple[float, ...]
    """L1 to L3."""


class Identify(_Wire):
    """The identification of a battery's phase, while it runs and for a while after."""

    battery_id: str
    state: str
    """running, done or aborted."""
    code: str | None
    """Why it was aborted, or why there is no answer."""
    text: str
    """In the language asked for."""
    cycle: int
    """Counted from 1; 0 while the batteries come to rest."""
    progress: float
    outcome: str
    """L1, L2, L3, three-phase or unclear."""
    confidence: float
    configured: str | None
    """The assignment as the user has it now."""
    matches: bool | None
    """Whether the outcome is what is configured; null without an answer."""
    high_w: float
    low_w: float
    steps: int
    agreeing: int
    """How many of the steps fit the outcome."""
    expected_w: tuple[float, ...]
    """How far the battery's own power stood out at each step."""
    phases: dict[str, IdentifyPhase]
    samples: tuple[IdentifySample, ...]


class Protection(_Wire):
    """What keeps the phases inside their fuses."""

    enabled: bool
    active: bool
    """Whether it can act: it is on, a battery has a phase, and it is not refused here."""
    unassigned: str
    """What unassigned batteries may do meanwhile: worst-case or aggregate."""


class Input(_Wire):
    """A boolean input that the configuration names."""

    name: str
    on: bool
    expires_s: float | None
    """Seconds until it goes off by itself; null = it does not."""


class Quarter(_Wire):
    """The running clock quarter as the capacity tariff sees it. All means are over a whole quarter."""

    so_far_w: float
    """Energy imported so far, over a quarter of an hour: it begins at 0 and grows."""
    forecast_w: float
    """The mean it will end with if all goes on as now."""
    target_w: float
    """What it is kept below: the target, or this month's highest mean where that is higher."""
    limit_w: float | None
    """Import that batteries hold the grid to now; null while none is needed."""
    month_peak_w: float
    """Highest mean of a quarter in this month so far."""


class Submeter(_Wire):
    """What further meters of one role say. It only informs."""

    power_w: float | None
    """Of all of them; null while one of them is not heard."""
    freshness: str
    """Of the one that is heard least well: fresh, aging, lost or absent."""


class System(_Wire):
    """Everything, at one instant."""

    time: str
    """ISO 8601, UTC."""
    version: str
    site: str
    strategy: Strategy
    grid: Grid
    load_w: float | None
    target_grid_w: float
    batteries: tuple[Battery, ...]
    alarms: tuple[Alarm, ...]
    protection: Protection
    identify: Identify | None = None
    """The phase identification that runs, or the result of the last one."""
    prices: Prices | None = None
    """Null while no source of prices is configured."""
    inputs: tuple[Input, ...] = ()
    quarter: Quarter | None = None
    """Null while the capacity tariff is off, or nothing is known of the quarter."""
    summary: str = ""
    """What goes on, and why: one or two plain sentences in the language asked for."""
    pv: Submeter | None = None
    """What the panels give, 0 or more; null without a meter for them."""
    ev: Submeter | None = None
    """What the car charger draws; negative when it feeds in. Null without a meter for it."""


class Health(_Wire):
    """Whether the daemon does its job."""

    ok: bool
    detail: str
    last_decision_age_s: float | None


class Saved(_Wire):
    """What became of a change that took effect."""

    persisted: bool
    """False when it holds only until the next restart."""
    detail: str | None = None


class Problem(_Wire):
    """Why a request was not carried out, and what to do."""

    detail: str
    code: str | None = None
    """For programs, where there is one: `setup` while there is no configuration yet."""


class PhaseChange(_Wire):
    """Which phase a battery is on. Null and the empty text mean unassigned."""

    phase: Literal["L1", "L2", "L3", "three-phase", "unassigned", ""] | None

    @property
    def assignment(self) -> Assignment:
        """The same as the model has it."""
        return Assignment(self.phase) if self.phase else Assignment.UNASSIGNED


class HoldChange(_Wire):
    """A power to hold, and until when."""

    power_w: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    """Charging positive."""
    until: Annotated[str, Field(max_length=40)] | None = None
    """ISO date and time, of the site unless it has an offset; null = until it is changed."""


class OverrideHold(_Wire):
    """Hold a power instead of what the strategy says."""

    hold: HoldChange


def _form(value: Any) -> str:
    return "(mapping)" if isinstance(value, dict | OverrideHold) else "(scalar)"


class OverrideChange(_Wire):
    """What the user decides for one battery."""

    override: Annotated[
        Annotated[Literal["auto", "out-of-service"], Tag("(scalar)")]
        | Annotated[OverrideHold, Tag("(mapping)")],
        Discriminator(_form),
    ]


def _change(value: Any) -> str | None:
    """Which key a change is about: one at a time."""
    if isinstance(value, PhaseChange | OverrideChange):
        return "(phase)" if isinstance(value, PhaseChange) else "(override)"
    if not isinstance(value, dict):
        return None
    return next((f"({key})" for key in ("phase", "override") if key in value), None)


BatteryChange = Annotated[
    Annotated[PhaseChange, Tag("(phase)")] | Annotated[OverrideChange, Tag("(override)")],
    Discriminator(
        _change,
        custom_error_type="change",
        custom_error_message="Input should be a JSON object with 'phase' or 'override'",
    ),
]


class InputChange(_Wire):
    """Switch a boolean input."""

    on: Annotated[bool, Field(strict=True)]
    expires_s: Annotated[float, Field(strict=True, gt=0, le=604_800)] | None = None
    """It goes off by itself after so many seconds, at most a week; null = it does not."""


class StrategyChange(_Wire):
    """The strategy to run; `strategy.available` in the state lists what there is."""

    selected: Annotated[str, Field(min_length=1, max_length=100)]
