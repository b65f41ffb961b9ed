"""The shape of the configuration file, and what it becomes.

The `...Section` models are exactly the keys of the contract; a battery's or meter's own keys belong to
its driver. They are validated as strict JSON (`check.py`): nothing is converted from one type to another.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from phasewise.config.errors import did_you_mean
from phasewise.config.fields import NotEmpty, NotNegative, Percent, Positive, Says, Section, between, rule
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


_SCALAR, _MAPPING = TAGS = ("(scalar)", "(mapping)")
"""Which member of a union a value is for."""


def _kind(value: object) -> str:
    return _MAPPING if isinstance(value, dict) else _SCALAR


class FusePerPhase(Section):
    """`main_fuse_a` when the phases differ; on a single-phase home only L1 is given."""

    L1: Positive
    """Rating on L1."""
    L2: Positive | None = None
    """Rating on L2; needed with three phases."""
    L3: Positive | None = None
    """Rating on L3; needed with three phases."""


class SiteSection(Section):
    """The grid connection."""

    name: NotEmpty = "Home"
    """Shown on the dashboard."""
    main_fuse_a: Annotated[
        Annotated[Positive, Tag(_SCALAR)] | Annotated[FusePerPhase, Tag(_MAPPING)], Discriminator(_kind)
    ] = 25.0
    """Rating of the main fuse: one number, or one for each phase."""
    nominal_voltage_v: Annotated[
        float, between(_MIN_VOLTAGE_V, _MAX_VOLTAGE_V), Says(minimum=_MIN_VOLTAGE_V, maximum=_MAX_VOLTAGE_V)
    ] = 230.0
    """Voltage of a phase; used where the meter does not tell."""
    phases: Annotated[
        int, rule(lambda value: value in {1, 3}, "is not a number of phases", "1, 3"), Says(enum=[1, 3])
    ] = 3
    """Number of phases of the connection."""
    connection: Connection = Connection.STAR
    """star: with neutral (3 x 230/400 V); delta: three phases without neutral (3 x 230 V)."""
    time_zone: Annotated[str, AfterValidator(_time_zone), Says(**{"x-format": "time-zone"})] = (
        "Europe/Amsterdam"
    )
    """For rules in local time; daylight saving is followed."""


class MeterSection(Section):
    """The main meter; the other keys are its driver's."""

    driver: str
    """The kind of meter."""


class FurtherMeterSection(Section):
    """A meter for solar power or a car charger; the other keys are its driver's."""

    driver: str
    """The kind of meter."""
    role: Literal["pv", "ev"]
    """What it measures: pv for the panels, ev for a car charger."""
    name: str = ""
    """Shown when it is not heard."""


class HoldSection(Section):
    """A fixed power instead of the strategy's."""

    power_w: float
    """Power to run at; charging is positive."""
    until: str | None = None
    """Date and time at which it ends; left out: until you change it."""


class OverrideSection(Section):
    """`override` when it is a mapping."""

    hold: HoldSection
    """Run at a fixed power."""


class BatterySection(Section):
    """One battery; the other keys are its driver's."""

    id: Annotated[
        str,
        rule(
            lambda value: BATTERY_ID.fullmatch(value) is not None,
            "cannot be an id",
            "1 to 32 letters (a-z), digits, '-' and '_', with a letter or digit first",
        ),
        Says(pattern=f"^{BATTERY_ID.pattern}$"),
    ]
    """Name of the battery in the API and in the order of the batteries."""
    name: str = ""
    """Shown on the dashboard; left out: the id."""
    driver: str
    """The kind of battery."""
    phase: Annotated[
        Assignment, BeforeValidator(lambda value: Assignment.UNASSIGNED.value if value == "" else value)
    ] = Assignment.UNASSIGNED
    """The phase that the battery is connected to. Only you set it; Phasewise never does."""
    max_charge_w: NotNegative | None = None
    """Most charging power that may be used; left out: what the model can do."""
    max_discharge_w: NotNegative | None = None
    """Most discharging power that may be used; left out: what the model can do."""
    min_soc_pct: Percent = 12.0
    """Not discharged below this state of charge; also the backup reserve."""
    max_soc_pct: Percent = 100.0
    """Not charged above this state of charge."""
    override: Annotated[
        Annotated[Literal["auto", "out-of-service"], Tag(_SCALAR)]
        | Annotated[OverrideSection, Tag(_MAPPING)],
        Discriminator(_kind),
    ] = "auto"
    """Your decision for this battery instead of the strategy's: auto (none), out-of-service, or a power
    to hold."""


class LimitPerPhase(Section):
    """A limit in W or A when the phases differ; a phase that is left out has none."""

    L1: NotNegative | None = None
    """On L1; left out: none."""
    L2: NotNegative | None = None
    """On L2; left out: none."""
    L3: NotNegative | None = None
    """On L3; left out: none."""


PhaseLimit = Annotated[
    Annotated[NotNegative, Tag(_SCALAR)] | Annotated[LimitPerPhase, Tag(_MAPPING)], Discriminator(_kind)
]


def _per_phase(limit: float | LimitPerPhase | None) -> PerPhaseLimit:
    if isinstance(limit, LimitPerPhase):
        return (limit.L1, limit.L2, limit.L3)
    return (limit, limit, limit)


class ProtectionSection(Section):
    """Keep every phase inside its fuse."""

    enabled: bool = False
    """Whether every phase is kept inside its fuse."""
    margin_a: NotNegative = 1.0
    """Distance kept from the rating of the fuse."""
    limit_import_w: PhaseLimit | None = None
    """Limit of a phase's import besides the fuse: one number, or one for each phase."""
    limit_export_w: PhaseLimit | None = None
    """Limit of a phase's export besides the fuse: one number, or one for each phase."""
    limit_import_a: PhaseLimit | None = None
    """Limit of a phase's import current besides the fuse: one number, or one for each phase."""
    limit_export_a: PhaseLimit | None = None
    """Limit of a phase's export current besides the fuse: one number, or one for each phase."""
    unassigned: UnassignedPolicy = UnassignedPolicy.WORST_CASE
    """What batteries without a phase may do: only what is safe on any phase (worst-case), or everything
    (aggregate)."""

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
    """Most import of all phases together."""
    export_w: NotNegative | None = None
    """Most export of all phases together; 0: never export."""

    def to_model(self) -> PeakSettings:
        """The same for the control core."""
        return PeakSettings(self.import_w, self.export_w)


class TariffSection(Section):
    """The Belgian capacity tariff."""

    enabled: bool = False
    """Whether the quarter-hour mean of the import is kept down, as the Belgian capacity tariff rewards."""
    target_w: NotNegative = CAPACITY_FLOOR_W
    """Quarter-hour mean to stay below; less than 2500 W counts as 2500 W."""

    def to_model(self) -> CapacityTariff:
        """The same for the control core."""
        return CapacityTariff(self.enabled, self.target_w)


class ControlSection(Section):
    """What the batteries should do."""

    strategy: str = "self-consumption"
    """What the batteries are there for."""
    target_grid_w: float = 0.0
    """Grid power to hold; import is positive."""
    regulate: Regulate = Regulate.TOTAL
    """Hold the sum of the phases (total), or each phase by itself (per-phase)."""
    split: Split = Split.PRIORITY
    """How power is divided over the batteries."""
    priority: tuple[str, ...] = ()
    """Ids of the batteries, the first to be charged first; those left out follow as listed."""
    cycle: Cycle = Cycle.NEVER
    """Whether that order turns over time, so that all batteries age alike."""
    prefer_own_phase: bool = False
    """Serve a load from batteries on its own phase first."""
    idle_minutes: NotNegative = 5.0
    """How long a battery that just worked is kept ready. No effect at present."""
    relief_in_full_stop: bool = False
    """Let phase protection act during a full stop too."""
    phase_protection: ProtectionSection = ProtectionSection()
    """Keep every phase inside its fuse."""
    peak: PeakSection = PeakSection()
    """Limits of all phases together."""
    capacity_tariff: TariffSection = TariffSection()
    """The Belgian quarter-hour capacity tariff."""
    charge: ChargeSection = ChargeSection()
    """Settings of the strategy charge."""
    sell: SellSection = SellSection()
    """Settings of the strategy sell."""
    timed: TimedSection = TimedSection()
    """Settings of the strategy timed."""
    dynamic: DynamicSection = DynamicSection()
    """Settings of the strategy dynamic."""
    ev_override: EvOverrideSection = EvOverrideSection()
    """Keep the batteries out of a car's charging and of heavy appliances; off without an input or a
    threshold."""

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

    path: NotEmpty | None = None
    """File in which history is kept, relative to the configuration file; beside it without this."""
    keep_days: Positive = 7.0
    """How long every second is kept."""


_ROOT_PATH = r"^((/[A-Za-z0-9._~-]+)+/?)?$"


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def _is_host_name(value: str) -> bool:
    return re.fullmatch(r"\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value) is not None


def _is_root_path(value: str) -> bool:
    return re.fullmatch(_ROOT_PATH, value) is not None


class WebSection(Section):
    """The dashboard and the API."""

    host: NotEmpty = "127.0.0.1"
    """Address to listen on: 127.0.0.1 for this computer alone, 0.0.0.0 for the whole network (then a
    token or password is needed)."""
    port: Annotated[int, between(1, 65535), Says(minimum=1, maximum=65535)] = 8080
    """TCP port of the dashboard and the API."""
    token_file: str | None = None
    """File with the secret that the API asks for; relative to the configuration file."""
    password_file: str | None = None
    """File with the hash of your password, made by 'phasewise password FILE'; relative likewise."""
    viewer_token_file: str | None = None
    """Likewise for those who may see everything and change nothing: a token."""
    viewer_password_file: str | None = None
    """Likewise for those who may see everything and change nothing: a password."""
    trusted_proxies: tuple[
        Annotated[
            str, rule(_is_network, "is not an address or network", "such as 192.168.1.2, 172.30.32.0/23")
        ],
        ...,
    ] = ()
    """Addresses of reverse proxies, whose word on who asks is taken."""
    allowed_hosts: tuple[
        Annotated[str, rule(_is_host_name, "is not a host name", "such as home.example.org, without port")],
        ...,
    ] = ()
    """Further host names that Phasewise is opened under."""
    root_path: Annotated[
        str, rule(_is_root_path, "is not a path", "such as /phasewise, or nothing"), Says(pattern=_ROOT_PATH)
    ] = ""
    """Path under which a reverse proxy shows Phasewise."""


def _is_web_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_broker(value: str) -> bool:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"mqtt", "mqtts"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return usable and "@" not in parts.netloc and not (parts.path.strip("/") or parts.query or parts.fragment)


_TOPIC = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
"""Safe in a topic and, with its slashes replaced, in an id of Home Assistant."""
Topic = Annotated[
    str,
    rule(
        lambda value: re.fullmatch(_TOPIC, value) is not None,
        "can't be a topic",
        "letters (a-z), digits, '-' and '_', parts divided by '/', such as phasewise",
    ),
    Says(pattern=_TOPIC),
]


class MqttSection(Section):
    """The link to an MQTT broker, and through it to Home Assistant."""

    url: (
        Annotated[
            str,
            rule(
                _is_broker,
                "is not the address of a broker",
                "mqtt://HOST:1883 or mqtts://HOST:8883, the name of a user in 'username' and not in here",
            ),
        ]
        | None
    ) = None
    """Where the broker is: mqtt://HOST:1883, or mqtts://HOST:8883 with encryption; left out: no link."""
    username: NotEmpty | None = None
    """Name that Phasewise logs in with; left out: it does not log in."""
    password_file: NotEmpty | None = None
    """File with the password; relative to the configuration file."""
    ca_file: NotEmpty | None = None
    """File with the certificate of the authority that signed the broker's, for mqtts; left out: those that
    this computer trusts."""
    topic: Topic = "phasewise"
    """Topics of Phasewise begin with this; two homes on one broker need two of them."""
    discovery_prefix: Topic = "homeassistant"
    """Where Home Assistant looks for new devices."""


class AlarmsSection(Section):
    """Who is told of alarms."""

    webhook: (
        Annotated[
            str, rule(_is_web_address, "is not a web address", "an address such as https://example.org/alarm")
        ]
        | None
    ) = None
    """Address that each alarm is sent to as it rises and as it ends. It often holds a secret."""


class FileSections(Section):
    """The top level; each section is checked by its own model."""

    site: dict[str, Any] = {}
    """The grid connection."""
    meter: dict[str, Any]
    """The main meter."""
    meters: list[Any] = []
    """Further meters, for solar power or a car charger."""
    batteries: list[Any]
    """The batteries."""
    control: dict[str, Any] = {}
    """What the batteries should do."""
    prices: dict[str, Any] | None = None
    """Where energy prices come from, and what your contract makes of them."""
    forecast: dict[str, Any] | None = None
    """Where the forecast of your panels comes from."""
    history: dict[str, Any] = {}
    """What is kept of the past."""
    mqtt: dict[str, Any] = {}
    """The link to an MQTT broker, and through it to Home Assistant."""
    alarms: dict[str, Any] = {}
    """Who is told of alarms."""
    web: dict[str, Any] = {}
    """The dashboard and the API."""


@dataclass(frozen=True)
class MeterConfig:
    """The main meter."""

    driver: str
    options: BaseModel
    """An instance of the driver's `options_model`."""


@dataclass(frozen=True)
class FurtherMeterConfig(MeterConfig):
    """A meter for solar power or a car charger."""

    role: Literal["pv", "ev"]
    name: str


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

    path: Path
    """Beside the configuration file unless the file says where; relative names are resolved already."""
    keep_days: float


@dataclass(frozen=True)
class AlarmsConfig:
    """Who is told of alarms."""

    webhook: str | None = field(default=None, repr=False)
    """It often holds a secret, so it is in no text that a log may show."""


@dataclass(frozen=True)
class MqttConfig:
    """The link to an MQTT broker."""

    url: str
    username: str | None
    password_file: Path | None
    """Relative names are resolved already, here and below."""
    ca_file: Path | None
    topic: str
    discovery_prefix: str


@dataclass(frozen=True)
class WebConfig:
    """The dashboard and the API."""

    host: str
    port: int
    token_file: Path | None
    """Relative names are already resolved against the configuration file's directory, here and below."""
    password_file: Path | None = None
    viewer_token_file: Path | None = None
    viewer_password_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    root_path: str = ""


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
    meters: tuple[FurtherMeterConfig, ...] = ()
    alarms: AlarmsConfig = AlarmsConfig()
    mqtt: MqttConfig | None = None
    """None = no link."""

    def settings(self) -> Settings:
        """Everything the control core knows that is not measured."""
        return Settings(self.site, tuple(battery.settings for battery in self.batteries), self.control)
