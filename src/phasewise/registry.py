"""Every driver and strategy there is, found through entry points, also those of other packages."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from msgspec import Struct
from pydantic import BaseModel

from phasewise.config import BatteryEntry, MeterEntry, NotLoadedError, Registry, SourceEntry
from phasewise.control.strategies import Strategy
from phasewise.devices.base import BatteryDriver, MeterDriver
from phasewise.sources.base import ForecastSource, PriceSource

Value = TypeVar("Value")


class OnDemand(Mapping[str, Value], Generic[Value]):
    """Values that are made when they are asked for; their names are known before."""

    def __init__(self, names: tuple[str, ...], make: Callable[[str], Value]) -> None:
        self._names = names
        self._make = make

    def __getitem__(self, name: str) -> Value:
        """Raises what making it raises."""
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        """Makes nothing."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._names)


class Plugins(Struct, frozen=True):
    """Classes and objects by the name used in the configuration."""

    meters: Mapping[str, type[MeterDriver]]
    batteries: Mapping[str, type[BatteryDriver]]
    strategies: Mapping[str, Strategy]
    prices: Mapping[str, type[PriceSource]]
    """These and `forecasts` are loaded when they are asked for: their clients cost time and memory."""
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
            prices=_entries(self.prices),
            forecasts=_entries(self.forecasts),
        )


class PluginError(NotLoadedError):
    """An installed package offers a driver or a strategy that cannot be loaded."""


def load_plugins() -> Plugins:
    """Load everything installed but sources. Raises PluginError, which names the package and the fault."""
    return Plugins(
        meters={point.name: _load(point) for point in entry_points(group="phasewise.meters")},
        batteries={point.name: _load(point) for point in entry_points(group="phasewise.batteries")},
        strategies={point.name: _load(point)() for point in entry_points(group="phasewise.strategies")},
        prices=_sources("prices."),
        forecasts=_sources("forecast."),
    )


def _sources(kind: str) -> OnDemand[type]:
    """Prices and forecasts share a group; their names begin with the section that they are for."""
    points = {
        point.name.removeprefix(kind): point
        for point in entry_points(group="phasewise.sources")
        if point.name.startswith(kind)
    }
    return OnDemand(tuple(points), lambda name: _load(points[name]))


def _entries(
    kinds: Mapping[str, type[PriceSource]] | Mapping[str, type[ForecastSource]],
) -> OnDemand[SourceEntry]:
    return OnDemand(tuple(kinds), lambda name: SourceEntry(kinds[name].options_model))


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
