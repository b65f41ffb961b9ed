"""The shape of the configuration file, and what it becomes.

The `...Section` models are exactly the keys of the contract; a battery's or meter's own keys belong to
its driver. They are validated as strict JSON (`check.py`): nothing is converted from one type to another.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from phasewise.config.errors import did_you_mean
from phasewise.config.fields import NotEmpty, NotNegative, Percent, Positive, Section, between, rule
from phasewise.config.sources import ForecastConfig, PricesConfig
from phasewise.config.strategies import (
    ChargeSection,
    DynamicSection,
    EvOverrideSection,
    SellSection,
    TimedSection,
)
from phasewise.model import (
    CAPACITY_FLOOR_W,
    Assignment,
    BatterySettings,
    CapacityTariff,
    Connection,
    ControlSettings,
    Cycle,
    PeakSettings,
    PerPhaseLimit,
    PhaseProtection,
    Regulate,
    Settings,
    Site,
    Split,
    UnassignedPolicy,
)

BATTERY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
"""Safe in a URL, an MQTT topic and a metric label; 32 characters fit in every message."""

_MIN_VOLTAGE_V, _MAX_VOLTAGE_V = 100.0, 250.0  # nominal phase voltages in use worldwide are 100 to 240 V


def _time_zone(value: str) -> str:
    known = available_timezones()
    if value not in known:
        message = f"is not a known time zone{did_you_mean(value, known)}"
        allowed = "a name such as Europe/Amsterdam"
        raise PydanticCustomError("rule", "{message}", {"message": message, "allowed": allowed})
    return value


def _kind(value: object) -> str:
    return "(mapping)" if isinstance(value, dict) else "(scalar)"


class FusePerPhase(Section):
    """`main_fuse_a` when the phases differ; on a single-phase home only L1 is given."""

    L1: Positive
    L2: Positive | None = None
    L3: Positive | None = None


class SiteSection(Section):
    """The grid connection."""

    name: NotEmpty = "Home"
    main_fuse_a: Annotated[
        Annotated[Positive, Tag("(scalar)")] | Annotated[FusePerPhase, Tag("(mapping)")], Discriminator(_kind)
    ] = 25.0
    nominal_voltage_v: Annotated[float, between(_MIN_VOLTAGE_V, _MAX_VOLTAGE_V)] = 230.0
    phases: Annotated[int, rule(lambda value: value in {1, 3}, "is not a number of phases", "1, 3")] = 3
    connection: Connection = Connection.STAR
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "Europe/Amsterdam"


class MeterSection(Section):
    """The main meter; the other keys are its driver's."""

    driver: str


class HoldSection(Section):
    """A fixed power instead of the strategy's."""

    power_w: float
    until: str | None = None


class OverrideSection(Section):
    """`override` when it is a mapping."""

    hold: HoldSection


class BatterySection(Section):
    """One battery; the other keys are its driver's."""

    id: Annotated[
        str,
        rule(
            lambda value: BATTERY_ID.fullmatch(value) is not None,
            "cannot be an id",
            "1 to 32 letters (a-z), digits, '-' and '_', with a letter or digit first",
        ),
    ]
    name: str = ""
    driver: str
    phase: Annotated[
        Assignment, BeforeValidator(lambda value: Assignment.UNASSIGNED.value if value == "" else value)
    ] = Assignment.UNASSIGNED
    max_charge_w: NotNegative | None = None
    max_discharge_w: NotNegative | None = None
    min_soc_pct: Percent = 12.0
    max_soc_pct: Percent = 100.0
    override: Annotated[
        Annotated[Literal["auto", "out-of-service"], Tag("(scalar)")]
        | Annotated[OverrideSection, Tag("(mapping)")],
        Discriminator(_kind),
    ] = "auto"


class LimitPerPhase(Section):
    """A limit in W or A when the phases differ; a phase that is left out has none."""

    L1: NotNegative | None = None
    L2: NotNegative | None = None
    L3: NotNegative | None = None


PhaseLimit = Annotated[
    Annotated[NotNegative, Tag("(scalar)")] | Annotated[LimitPerPhase, Tag("(mapping)")], Discriminator(_kind)
]


def _per_phase(limit: float | LimitPerPhase | None) -> PerPhaseLimit:
    if isinstance(limit, LimitPerPhase):
        return (limit.L1, limit.L2, limit.L3)
    return (limit, limit, limit)


class ProtectionSection(Section):
    """Keep every phase inside its fuse."""

    enabled: bool = False
    margin_a: NotNegative = 1.0
    limit_import_w: PhaseLimit | None = None
    limit_export_w: PhaseLimit | None = None
    limit_import_a: PhaseLimit | None = None
    limit_export_a: PhaseLimit | None = None
    unassigned: UnassignedPolicy = UnassignedPolicy.WORST_CASE

    def to_model(self) -> PhaseProtection:
        """The same for the control core."""
        return PhaseProtection(
            enabled=self.enabled,
            margin_a=self.margin_a,
            limit_import_w=_per_phase(self.limit_import_w),
            limit_export_w=_per_phase(self.limit_export_w),
            limit_import_a=_per_phase(self.limit_import_a),
            limit_export_a=_per_phase(self.limit_export_a),
            unassigned=self.unassigned,
        )


class PeakSection(Section):
    """Limits of the grid total."""

    import_w: NotNegative | None = None
    export_w: NotNegative | None = None

    def to_model(self) -> PeakSettings:
        """The same for the control core."""
        return PeakSettings(self.import_w, self.export_w)


class TariffSection(Section):
    """The Belgian capacity tariff."""

    enabled: bool = False
    target_w: NotNegative = CAPACITY_FLOOR_W

    def to_model(self) -> CapacityTariff:
        """The same for the control core."""
        return CapacityTariff(self.enabled, self.target_w)


class ControlSection(Section):
    """What the batteries should do."""

    strategy: str = "self-consumption"
    target_grid_w: float = 0.0
    regulate: Regulate = Regulate.TOTAL
    split: Split = Split.PRIORITY
    priority: tuple[str, ...] = ()
    cycle: Cycle = Cycle.NEVER
    prefer_own_phase: bool = False
    idle_minutes: NotNegative = 5.0
    relief_in_full_stop: bool = False
    phase_protection: ProtectionSection = ProtectionSection()
    peak: PeakSection = PeakSection()
    capacity_tariff: TariffSection = TariffSection()
    charge: ChargeSection = ChargeSection()
    sell: SellSection = SellSection()
    timed: TimedSection = TimedSection()
    dynamic: DynamicSection = DynamicSection()
    ev_override: EvOverrideSection = EvOverrideSection()

    def to_model(self, battery_ids: tuple[str, ...], options: dict[str, dict[str, Any]]) -> ControlSettings:
        """The same for the control core; batteries that `priority` leaves out follow as listed.

        `options`: the settings of other packages' strategies.
        """
        rest = tuple(id_ for id_ in battery_ids if id_ not in self.priority)
        return ControlSettings(
            strategy=self.strategy,
            target_grid_w=self.target_grid_w,
            regulate=self.regulate,
            split=self.split,
            priority=self.priority + rest if self.priority else (),
            cycle=self.cycle,
            prefer_own_phase=self.prefer_own_phase,
            idle_minutes=self.idle_minutes,
            relief_in_full_stop=self.relief_in_full_stop,
            phase_protection=self.phase_protection.to_model(),
            peak=self.peak.to_model(),
            capacity_tariff=self.capacity_tariff.to_model(),
            charge=self.charge.to_model(),
            sell=self.sell.to_model(),
            timed=self.timed.to_model(),
            dynamic=self.dynamic.to_model(),
            ev_override=self.ev_override.to_model(),
            options=options,
        )


class HistorySection(Section):
    """What is kept of the past."""

    path: str | None = None
    keep_days: Positive = 7.0


class WebSection(Section):
    """The dashboard and the API."""

    host: NotEmpty = "127.0.0.1"
    port: Annotated[int, between(1, 65535)] = 8080
    token_file: str | None = None


class FileSections(Section):
    """The top level; each section is checked by its own model."""

    site: dict[str, Any] = {}
    meter: dict[str, Any]
    meters: list[Any] = []
    batteries: list[Any]
    control: dict[str, Any] = {}
    prices: dict[str, Any] | None = None
    forecast: dict[str, Any] | None = None
    history: dict[str, Any] = {}
    mqtt: Any = None
    web: dict[str, Any] = {}


NOT_YET: tuple[tuple[tuple[str, ...], tuple[Any, ...]], ...] = (
    # Part of the contract, not of this version: refused when switched on, never silently ignored.
    # (key, what is allowed until then); a release that brings the feature deletes its line.
    (("meters",), ([],)),
    (("mqtt",), (None,)),
    (("history", "path"), (None,)),
)


@dataclass(frozen=True)
class MeterConfig:
    """The main meter."""

    driver: str
    options: BaseModel
    """An instance of the driver's `options_model`."""


@dataclass(frozen=True)
class BatteryConfig:
    """One battery."""

    driver: str
    options: BaseModel
    """An instance of the driver's `options_model`."""
    settings: BatterySettings
    """For the control core; limits are filled in from the driver's capabilities."""

    @property
    def id(self) -> str:
        """Unique in the file."""
        return self.settings.id


@dataclass(frozen=True)
class HistoryConfig:
    """What is kept of the past."""

    keep_days: float


@dataclass(frozen=True)
class WebConfig:
    """The dashboard and the API."""

    host: str
    port: int
    token_file: Path | None
    """Relative names are already resolved against the configuration file's directory."""


@dataclass(frozen=True)
class Config:
    """A whole, valid configuration."""

    site: Site
    meter: MeterConfig
    batteries: tuple[BatteryConfig, ...]
    control: ControlSettings
    history: HistoryConfig
    web: WebConfig
    prices: PricesConfig | None = None
    forecast: ForecastConfig | None = None

    def settings(self) -> Settings:
        """Everything the control core knows that is not measured."""
        return Settings(self.site, tuple(battery.settings for battery in self.batteries), self.control)
