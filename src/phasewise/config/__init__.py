"""The user's configuration file: reading it, changing one value in it, noticing changes to it."""

from phasewise.config.api_token import TokenError, read_token
from phasewise.config.errors import ConfigError, Problem
from phasewise.config.load import load_config, parse_config, read_text
from phasewise.config.registry import BatteryEntry, MeterEntry, Registry
from phasewise.config.schema import BatteryConfig, Config, HistoryConfig, MeterConfig, WebConfig

__all__ = [
    "BatteryConfig",
    "BatteryEntry",
    "Config",
    "ConfigError",
    "HistoryConfig",
    "MeterConfig",
    "MeterEntry",
    "Problem",
    "Registry",
    "TokenError",
    "WebConfig",
    "load_config",
    "parse_config",
    "read_text",
    "read_token",
]
