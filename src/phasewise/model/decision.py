"""What is decided, and why."""

from enum import StrEnum

from msgspec import Struct

from phasewise.model.memory import PlanMemory
from phasewise.model.phase import Phase
from phasewise.model.snapshot import Freshness


class Intent(Struct, frozen=True):
    """What a strategy wants. It never names setpoints: protection and the allocator choose those."""

    grid_target_w: float | None = None
    """Hold the grid total here, import positive."""
    battery_power_w: float | None = None
    """Or: all batteries together at this power, charging positive."""
    may_charge: bool = True
    may_discharge: bool = True
    stop: bool = False
    """Everything to 0 W at once."""
    executing: str | None = None
    """Whose wish this is, when not the selected strategy's own: that of a follow-up or a sub-strategy."""
    notes: tuple[str, ...] = ()
    """Found in `memory.notes` at the next call: a strategy's latches, such as a goal that was reached."""
    plan: PlanMemory | None = None
    """Found in `memory.plan` at the next call."""


class ReasonCode(StrEnum):
    """Why a battery does not do what the strategy alone would have it do."""

    BATTERY_LIMIT = "battery-limit"
    SOC_LIMIT = "soc-limit"
    DIRECTION = "direction"
    METER_LOST = "meter-lost"
    METER_AGING = "meter-aging"
    STARTING = "starting"
    UNREACHABLE = "unreachable"
    NOT_CONTROLLABLE = "not-controllable"
    NOT_RESPONDING = "not-responding"
    WRONG_DIRECTION = "wrong-direction"
    OUT_OF_SERVICE = "out-of-service"
    HOLD = "hold"
    FULL_STOP = "full-stop"
    PV_SURPLUS = "pv-surplus"
    MINIMUM_POWER = "minimum-power"
    PHASE_LIMIT = "phase-limit"
    PHASE_LOST = "phase-lost"
    PHASE_DOUBTFUL = "phase-doubtful"
    """What it gave showed on another phase than its own."""
    UNASSIGNED_WORST_CASE = "unassigned-worst-case"
    RELIEF = "relief"
    COMPENSATION = "compensation"
    """Makes up for another's relief, so that the strategy's target is still met."""
    DIRECTION_CHANGE = "direction-change"
    """Waits until no other battery works the other way."""
    PEAK = "peak"
    """Keeps the grid total inside a limit: of the user, or of the capacity tariff."""
    UNASSIGNED = "unassigned"
    """Phases are regulated one by one, and nobody knows which one it is on."""
    STEP = "step"
    """Rounded to what the unit can be set to."""


class Reason(Struct, frozen=True):
    """One named cause, with the watts it accounts for."""

    code: ReasonCode
    power_w: float = 0.0
    """Given minus wanted that this cause explains, charging positive."""
    phase: str | None = None


class Severity(StrEnum):
    """How much an alarm matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


class AlarmCode(StrEnum):
    """Everything that Phasewise raises; each has a sentence in `explain`."""

    METER_LOST = "meter-lost"
    METER_REPLAYED = "meter-replayed"
    METER_REJECTED = "meter-rejected"
    METER_SLOW = "meter-slow"
    SUBMETER_LOST = "submeter-lost"
    """A meter of panels or of a car charger, which control does not need."""
    BATTERY_UNREACHABLE = "battery-unreachable"
    BATTERY_NOT_RESPONDING = "battery-not-responding"
    BATTERY_WRONG_DIRECTION = "battery-wrong-direction"
    BATTERY_NOT_CONTROLLABLE = "battery-not-controllable"
    BATTERY_BAD_READING = "battery-bad-reading"
    BATTERY_FOREIGN_WRITER = "battery-foreign-writer"
    CONFIG_INVALID = "config-invalid"
    CONFIG_NOT_WRITABLE = "config-not-writable"
    CONFIG_RESTART_NEEDED = "config-restart-needed"
    HISTORY_NOT_WRITTEN = "history-not-written"
    HISTORY_DAMAGED = "history-damaged"
    """The file of history was damaged: it was moved aside, and a new one begun."""
    MQTT_UNREACHABLE = "mqtt-unreachable"
    """The MQTT broker that the configuration names is out of reach, or refuses."""
    STRATEGY_FAILED = "strategy-failed"
    PRICE_UNKNOWN = "price-unknown"
    """The selected strategy goes by prices, and none is known for now."""
    FORECAST_UNKNOWN = "forecast-unknown"
    """The goal leaves room for the sun, and nothing is known of the sun ahead."""
    CONTROL_FAILED = "control-failed"
    PROTECTION_IDLE = "protection-idle"
    PROTECTION_REFUSED = "protection-refused"
    """Phase protection is on but cannot work here: delta, no phase readings, a slow meter."""
    REGULATION_REFUSED = "regulation-refused"
    """Phases are to be regulated one by one, but can't be told apart here, for the same causes."""
    PHASE_OVERLOAD = "phase-overload"
    """A phase is outside its limits by more than its batteries can take back."""
    PHASE_LOST = "phase-lost"
    FUSE_WARM = "fuse-warm"
    """Half of a fuse's thermal budget is used up."""
    MAPPING_DOUBTFUL = "mapping-doubtful"
    """What the meter shows does not fit a battery's configured phase."""
    PHASE_TOLD_OTHERWISE = "phase-told-otherwise"
    """Another phase than the configured one was chosen for a battery where its readings come from."""


class FactCode(StrEnum):
    """What an alarm can say beside its own sentence; each has words in `explain`."""

    IMPORT_OVER_W = "import-over"
    """The import of its phase is outside its limits by `value` W."""
    EXPORT_OVER_W = "export-over"
    """The export, likewise."""
    NO_BATTERY = "no-battery"
    """No battery is assigned to its phase."""
    USED_PCT = "used"
    """`value` percent of the fuse's thermal budget are used up."""
    DELTA = "delta"
    """The connection is three-wire delta."""
    CADENCE_S = "cadence"
    """The meter sends every `value` seconds."""
    SILENT_S = "silent"
    """The meter has said nothing new for more than `value` seconds."""
    NO_PHASE_POWER = "no-phase-power"
    """The meter tells no power per phase."""
    SEEN_ON = "seen-on"
    """The battery's power shows on phase `value`."""
    TOLD_PHASE = "told-phase"
    """The phase that was chosen elsewhere is `value`."""


class Fact(Struct, frozen=True):
    """A part of an alarm that can be said in any language."""

    code: FactCode
    value: float | str = 0.0


class Alarm(Struct, frozen=True):
    """Something a person should know."""

    code: AlarmCode
    severity: Severity
    subject: str | None = None
    """The battery id, the phase or the meter that it is about."""
    detail: str | None = None
    """What was tried and what happens next, where the sentence needs it. It comes from a device or a library
    and stays in its own language; not shown where there are facts."""
    facts: tuple[Fact, ...] = ()
    """The same where it can be said in any language."""


class Command(StrEnum):
    """What the dispatcher does with a setpoint."""

    NONE = "none"
    """This battery is not under control now: write nothing."""
    SET = "set"
    WAKE = "wake"
    """As SET, but write everything again, as to a device that was just switched on."""


class BatteryDecision(Struct, frozen=True):
    """What one battery is told."""

    id: str
    setpoint_w: float
    """AC power, charging positive."""
    command: Command = Command.SET
    lo_w: float = 0.0
    """Least power it could be given now: its own limits, the user's and the strategy's."""
    hi_w: float = 0.0
    """Most power it could be given now."""
    can_lo_w: float = 0.0
    """Least power that it could be asked for to relieve its phase: whatever the strategy allows."""
    can_hi_w: float = 0.0
    """Most power, likewise."""
    reasons: tuple[Reason, ...] = ()
    ready: bool = False
    """At 0 W: it worked a moment ago and is to keep its relay closed, ready to go on."""


class PhaseDecision(Struct, frozen=True):
    """What protection makes of one phase. Import positive."""

    phase: Phase
    freshness: Freshness
    load_w: float | None = None
    """Its power without the batteries assigned to it; None while unknown."""
    lo_w: float | None = None
    """Least grid power within its limits (negative: export); None while unknown."""
    hi_w: float | None = None
    """Most grid power within its limits."""
    relief_w: float = 0.0
    """What its batteries have to do so that it stays inside, charging positive."""
    missing_w: float = 0.0
    """The part of that which they cannot do."""
    binding: bool = False
    """Whether a limit of this phase holds a battery back, or makes it work, now."""


class QuarterDecision(Struct, frozen=True):
    """The running clock quarter as the capacity tariff sees it. All means are over a whole quarter."""

    so_far_w: float
    """Energy imported so far, over a quarter of an hour: it begins at 0 and grows."""
    forecast_w: float
    """The mean it will end with if all goes on as now."""
    target_w: float
    """What it is kept below: the target, or this month's highest mean where that is higher."""
    limit_w: float | None = None
    """Import that batteries hold the grid to now; None while none is needed."""
    month_peak_w: float = 0.0
    """Highest mean of a quarter in this month so far."""


class Decision(Struct, frozen=True):
    """The outcome of one call of `decide`."""

    time_s: float
    selected: str
    """The strategy that the user selected."""
    executing: str
    """The one that runs now: a sub-strategy, or `safe` while the meter is lost."""
    batteries: tuple[BatteryDecision, ...]
    """In the order of the settings."""
    load_w: float | None = None
    """Estimated power of the house without the batteries; None while unknown."""
    wanted_w: float = 0.0
    """What all batteries together should do, before any limit."""
    alarms: tuple[Alarm, ...] = ()
    phases: tuple[PhaseDecision, ...] = ()
    """One per phase of the home while phase protection works; empty without it."""
    fuse_used: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Share of each fuse's thermal budget that overcurrent has used up, 0 to 1."""
    order: tuple[str, ...] = ()
    """Battery ids, first to charge first, while `cycle` turns that order; empty = as the user listed them."""
    quarter: QuarterDecision | None = None
    """None while the capacity tariff is off, or nothing is known of the quarter."""
