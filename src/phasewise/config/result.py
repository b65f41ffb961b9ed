"""What a valid configuration file becomes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from phasewise.config.sources import ForecastConfig, PricesConfig
from phasewise.model import (
    BatterySettings,
    ControlSettings,
    Settings,
    Site,
)


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
    language: str = "en"
    """Tag of the language of what goes out unasked."""

    def settings(self) -> Settings:
        """Everything the control core knows that is not measured."""
        return Settings(self.site, tuple(battery.settings for battery in self.batteries), self.control)
