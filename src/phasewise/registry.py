"""Every driver and strategy there is, found through entry points, also those of other packages."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from msgspec import Struct
from pydantic import BaseModel

from phasewise.config import BatteryEntry, MeterEntry, Registry, SourceEntry
from phasewise.control.strategies import Strategy
from phasewise.devices.base import BatteryDriver, MeterDriver
from phasewise.sources.base import ForecastSource, PriceSource


class Plugins(Struct, frozen=True):
    """Classes and objects by the name used in the configuration."""

    meters: Mapping[str, type[MeterDriver]]
    batteries: Mapping[str, type[BatteryDriver]]
    strategies: Mapping[str, Strategy]
    prices: Mapping[str, type[PriceSource]]
    forecasts: Mapping[str, type[ForecastSource]]

    def registry(self) -> Registry:
        """What the configuration must know of them."""
        return Registry(
            meters={name: MeterEntry(kind.options_model) for name, kind in self.meters.items()},
            batteries={
                name: BatteryEntry(kind.options_model, kind.capabilities_of)
                for name, kind in self.batteries.items()
            },
            strategies={name: _options_model(strategy) for name, strategy in self.strategies.items()},
            prices={name: SourceEntry(kind.options_model) for name, kind in self.prices.items()},
            forecasts={name: SourceEntry(kind.options_model) for name, kind in self.forecasts.items()},
        )


class PluginError(Exception):
    """An installed package offers a driver or a strategy that cannot be loaded."""


def load_plugins() -> Plugins:
    """Load everything installed. Raises PluginError, which names the package and the fault."""
    return Plugins(
        meters={point.name: _load(point) for point in entry_points(group="phasewise.meters")},
        batteries={point.name: _load(point) for point in entry_points(group="phasewise.batteries")},
        strategies={point.name: _load(point)() for point in entry_points(group="phasewise.strategies")},
        prices=_sources("prices."),
        forecasts=_sources("forecast."),
    )


def _sources(kind: str) -> dict[str, type]:
    """Prices and forecasts share a group; their names begin with the section that they are for."""
    points = [point for point in entry_points(group="phasewise.sources") if point.name.startswith(kind)]
    return {point.name.removeprefix(kind): _load(point) for point in points}


def _options_model(strategy: Strategy) -> type[BaseModel] | None:
    """The model of its own settings; None when it has none, as those that come with Phasewise."""
    model = getattr(strategy, "options_model", None)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _load(point: EntryPoint) -> type:
    try:
        loaded = point.load()
    except Exception as error:
        package = point.dist.name if point.dist is not None else "an unknown package"
        raise PluginError(
            f"{point.group} '{point.name}' of {package} can't be loaded from {point.value}: "
            f"{type(error).__name__}: {error}. Update or remove that package."
        ) from error
    if not isinstance(loaded, type):
        raise PluginError(f"{point.group} '{point.name}': {point.value} is not a class.")
    return loaded
