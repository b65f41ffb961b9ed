"""The user's configuration file: reading it, changing one value in it, noticing changes to it."""

from phasewise.config.api_token import TokenError, read_token
from phasewise.config.battery import until_utc_s
from phasewise.config.edit import (
    set_battery_override,
    set_battery_phase,
    set_strategy,
    set_value,
)
from phasewise.config.errors import ConfigError, EditError, Problem, key_text
from phasewise.config.load import load_config, parse_config, read_text
from phasewise.config.password import PasswordHash, read_password, write_password
from phasewise.config.registry import BatteryEntry, MeterEntry, NotLoadedError, Registry, SourceEntry
from phasewise.config.result import (
    AlarmsConfig,
    BatteryConfig,
    Config,
    FurtherMeterConfig,
    HistoryConfig,
    MeterConfig,
    MqttConfig,
    WebConfig,
)
from phasewise.config.settings import Change, Wrong, WrongSettingsError
from phasewise.config.settings_file import SettingsFile, SettingsState, revision_of
from phasewise.config.sources import ForecastConfig, PricesConfig
from phasewise.config.watch import Broken, Changed, ConfigWatcher
from phasewise.config.write import AlreadyThereError, NotWritableError, write_atomic, write_new

__all__ = [
    "AlarmsConfig",
    "AlreadyThereError",
    "BatteryConfig",
    "BatteryEntry",
    "Broken",
    "Change",
    "Changed",
    "Config",
    "ConfigError",
    "ConfigWatcher",
    "EditError",
    "ForecastConfig",
    "FurtherMeterConfig",
    "HistoryConfig",
    "MeterConfig",
    "MeterEntry",
    "MqttConfig",
    "NotLoadedError",
    "NotWritableError",
    "PasswordHash",
    "PricesConfig",
    "Problem",
    "Registry",
    "SettingsFile",
    "SettingsState",
    "SourceEntry",
    "TokenError",
    "WebConfig",
    "Wrong",
    "WrongSettingsError",
    "key_text",
    "load_config",
    "parse_config",
    "read_password",
    "read_text",
    "read_token",
    "revision_of",
    "set_battery_override",
    "set_battery_phase",
    "set_strategy",
    "set_value",
    "until_utc_s",
    "write_atomic",
    "write_new",
    "write_password",
]
