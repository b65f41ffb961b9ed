"""What the configuration must know of drivers and strategies; `app` fills it from the entry points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from phasewise.model import Capabilities


class NotLoadedError(Exception):
    """What is installed under a name cannot be loaded. The text says whose it is, and why."""


@dataclass(frozen=True)
class MeterEntry:
    """A meter driver."""

    options_model: type[BaseModel]
    """Its own keys beside `driver`. Must forbid extra keys, or misspelt ones go unnoticed."""


@dataclass(frozen=True)
class BatteryEntry:
    """A battery driver."""

    options_model: type[BaseModel]
    """Its own keys beside the common ones. Must forbid extra keys, or misspelt ones go unnoticed."""
    capabilities_of: Callable[[Any], Capabilities]
    """Takes an instance of `options_model`."""


@dataclass(frozen=True)
class SourceEntry:
    """A source of prices or forecasts."""

    options_model: type[BaseModel]
    """Its own keys beside `driver`. Must forbid extra keys, or misspelt ones go unnoticed."""


@dataclass(frozen=True)
class Registry:
    """All drivers and strategies there are, by the names used in the file."""

    meters: Mapping[str, MeterEntry]
    batteries: Mapping[str, BatteryEntry]
    strategies: Mapping[str, type[BaseModel] | None]
    """With the model of the strategy's own keys, found under `control` by its name; None when it has none.
    It must forbid extra keys, or misspelt ones go unnoticed, and what it holds must be plain values."""
    prices: Mapping[str, SourceEntry] = field(default_factory=dict)
    """An entry may be loaded when it is asked for, and then raise NotLoadedError; so may one of forecasts."""
    forecasts: Mapping[str, SourceEntry] = field(default_factory=dict)
