"""What happened, for the why-log: facts only, so that it can be told in any language, also later.

Every kind is a type of its own, and its fields are what its sentence needs. The names of batteries are part
of it: a log tells of things as they were called then.
"""

from enum import StrEnum

from msgspec import Struct

from phasewise.model.decision import Alarm, ReasonCode, Severity

MORE = "..."
"""In a list of keys: there are more."""


def _kind(name: str) -> str:
    """`ReliefBegan` -> `relief-began`."""
    return "".join([f"-{letter.lower()}" if letter.isupper() else letter for letter in name]).lstrip("-")


class Why(StrEnum):
    """Why another strategy than before runs."""

    SELECTED = "selected"
    """It is the selected strategy itself that runs, now or again."""
    METER = "meter"
    """Nothing is heard of the meter."""
    LOAD = "load"
    """A large load was noticed, or an input says that there is one."""
    TIME = "time"
    """The timetable says so."""
    PRICE = "price"
    """The price of energy, or a plan by it, says so."""
    NO_PRICE = "no-price"
    """No price is known."""
    HANDED_OVER = "handed-over"
    """The strategy itself handed over, such as when its goal was reached."""


class Helper(Struct, frozen=True):
    """A battery and what it does for its phase."""

    name: str
    power_w: float
    """Charging positive."""


class PlanBlock(Struct, frozen=True):
    """A stretch of time in which prices have the batteries do something."""

    action: str
    """charge or discharge."""
    start: str
    """Local time, as a person reads it."""
    end: str
    buy_eur_kwh: float
    """The mean price meanwhile."""


class _Event(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=_kind):
    """What every event has."""

    severity: Severity = Severity.INFO
    phase: str | None = None
    """L1, L2 or L3 that it is about, or that its battery is on."""
    batteries: tuple[str, ...] = ()
    """Ids of those that it is about, or that take part."""


class Started(_Event, frozen=True):
    """Phasewise began to control."""

    version: str


class Stopped(_Event, frozen=True):
    """Phasewise was stopped in an orderly way."""


class StrategySelected(_Event, frozen=True):
    """The user selected a strategy."""

    now: str
    before: str


class StrategyExecuting(_Event, frozen=True):
    """Another strategy runs than before."""

    now: str
    before: str
    why: Why


class ReasonBegan(_Event, frozen=True):
    """A battery does not do what the strategy alone would have it do."""

    battery: str
    reason: ReasonCode
    power_w: float
    """As of a `Reason`: given minus wanted."""
    on_phase: str | None = None
    """The phase that the reason names."""


class ReasonEnded(_Event, frozen=True):
    """It is over."""

    battery: str
    reason: ReasonCode
    lasted_s: float
    times: int
    """How often it came within that time: more than 1 when it came and went."""
    on_phase: str | None = None


class ReliefBegan(_Event, frozen=True):
    """A phase is outside its limits, or would be, and its batteries work against it."""

    current_a: float | None
    """By the meter, the highest so far, in either direction, >= 0; None where it does not tell."""
    limit_a: float
    """In the direction that counts, >= 0."""
    relief_w: float
    """What is asked of its batteries, charging positive."""
    helpers: tuple[Helper, ...]
    """Those that do something for it, most first."""


class ReliefEnded(_Event, frozen=True):
    """The phase keeps inside its limits without that."""

    lasted_s: float
    times: int
    peak_a: float | None
    """The highest current meanwhile, in either direction, >= 0."""


class LimitBegan(_Event, frozen=True):
    """A limit of a phase holds batteries back; no relief is needed."""

    limit_a: float
    held: tuple[str, ...]
    """Names of those that are held back."""


class LimitEnded(_Event, frozen=True):
    """There is room again."""

    lasted_s: float
    times: int


class AlarmBegan(_Event, frozen=True):
    """Something that a person should know."""

    alarm: Alarm
    name: str | None = None
    """What its subject is called, where it is a battery."""


class AlarmEnded(_Event, frozen=True):
    """It is over."""

    alarm: Alarm
    lasted_s: float
    times: int
    name: str | None = None


class AlarmAcknowledged(_Event, frozen=True):
    """A person has seen it."""

    alarm: Alarm
    name: str | None = None


class BatteryUnreachable(_Event, frozen=True):
    """A battery does not answer."""

    battery: str


class BatteryReachable(_Event, frozen=True):
    """It answers again."""

    battery: str
    lasted_s: float
    times: int


class PhaseAssigned(_Event, frozen=True):
    """The user said which phase a battery is on."""

    battery: str
    now: str
    before: str
    """As in the configuration: L1, L2, L3, three-phase or unassigned."""


class OverrideSet(_Event, frozen=True):
    """The user decided what a battery does."""

    battery: str
    power_w: float | None
    """That it is held at; None = out of service."""
    until: str | None
    """Local time, as a person reads it; None = until it is changed."""


class OverrideEnded(_Event, frozen=True):
    """The battery follows the strategy again."""

    battery: str


class SettingsChanged(_Event, frozen=True):
    """Other settings are in effect."""

    keys: tuple[str, ...]
    """Where in the configuration; never a value."""


class IdentifyBegan(_Event, frozen=True):
    """The phase of a battery is being identified."""

    battery: str


class IdentifyEnded(_Event, frozen=True):
    """That is over."""

    battery: str
    outcome: str
    """L1, L2, L3, three-phase or unclear."""
    code: str | None
    """Why it was aborted, or why there is no answer."""
    aborted: bool


class PlanChanged(_Event, frozen=True):
    """What prices have the batteries do is something else than before."""

    blocks: tuple[PlanBlock, ...]
    """In their order; empty when prices differ too little for anything."""


Event = (
    Started
    | Stopped
    | StrategySelected
    | StrategyExecuting
    | ReasonBegan
    | ReasonEnded
    | ReliefBegan
    | ReliefEnded
    | LimitBegan
    | LimitEnded
    | AlarmBegan
    | AlarmEnded
    | AlarmAcknowledged
    | BatteryUnreachable
    | BatteryReachable
    | PhaseAssigned
    | OverrideSet
    | OverrideEnded
    | SettingsChanged
    | IdentifyBegan
    | IdentifyEnded
    | PlanChanged
)
