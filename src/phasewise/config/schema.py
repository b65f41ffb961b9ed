"""The shape of the configuration file: its top level, the grid connection, the devices.

The `...Section` models, here and in the modules named after their part of the file, are exactly the keys of
the contract; a battery's or meter's own keys belong to its driver. They are validated as strict JSON
(`check.py`): nothing is converted from one type to another.
"""

import re
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from phasewise.config.errors import did_you_mean
from phasewise.config.fields import (
    MAPPING,
    SCALAR,
    NotEmpty,
    NotNegative,
    Percent,
    Positive,
    Says,
    Section,
    between,
    kind,
    rule,
)
from phasewise.model import (
    Assignment,
    Connection,
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
        Annotated[Positive, Tag(SCALAR)] | Annotated[FusePerPhase, Tag(MAPPING)], Discriminator(kind)
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
    language: Literal["en", "nl", "de"] = "en"
    """Of what Phasewise tells by itself, over MQTT and to a webhook: English, Dutch or German. The dashboard
    has its own."""


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
        Annotated[Literal["auto", "out-of-service"], Tag(SCALAR)] | Annotated[OverrideSection, Tag(MAPPING)],
        Discriminator(kind),
    ] = "auto"
    """Your decision for this battery instead of the strategy's: auto (none), out-of-service, or a power
    to hold."""


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
