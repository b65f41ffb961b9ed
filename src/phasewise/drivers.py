"""Drivers and sources, made from their parts of the configuration."""

from pydantic import BaseModel

from phasewise.config import BatteryConfig, ForecastConfig, FurtherMeterConfig, MeterConfig, PricesConfig
from phasewise.devices.base import BatteryDriver, Clock, DriverOptions, MeterDriver, SystemClock
from phasewise.registry import Plugins
from phasewise.sources.base import ForecastSource, PriceSource, SourceOptions, SourcePlace


class Devices:
    """Makes drivers from the configuration. The fast demo has its own."""

    def __init__(self, plugins: Plugins, clock: Clock) -> None:
        self._plugins = plugins
        self._clock = clock

    def meter(self, config: MeterConfig) -> MeterDriver:
        """The main meter's driver."""
        return self._plugins.meters[config.driver].from_options(_own(config.options), self._clock)

    def submeter(self, config: FurtherMeterConfig) -> MeterDriver:
        """The driver of a meter of panels or of a car charger."""
        return self.meter(config)

    def battery(self, config: BatteryConfig) -> BatteryDriver:
        """One battery's driver."""
        return self._plugins.batteries[config.driver].from_options(_own(config.options), self._clock)

    def prices(self, config: PricesConfig, place: SourcePlace) -> PriceSource:
        """Who is asked for prices."""
        return self._plugins.prices[config.driver].from_options(_sources_own(config.options), place)

    def forecast(self, config: ForecastConfig, place: SourcePlace) -> ForecastSource:
        """Who is asked for forecasts."""
        return self._plugins.forecasts[config.driver].from_options(_sources_own(config.options), place)


class Tryout:
    """Makes drivers to try devices with, in real time. A `setup.DeviceMaker`."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._clock = SystemClock()

    def meter(self, driver: str, options: BaseModel) -> MeterDriver:
        """A meter's driver."""
        return self._plugins.meters[driver].from_options(_own(options), self._clock)

    def battery(self, driver: str, options: BaseModel) -> BatteryDriver:
        """A battery's driver."""
        return self._plugins.batteries[driver].from_options(_own(options), self._clock)


def _own(options: BaseModel) -> DriverOptions:
    """The configuration made these with the driver's own model; it just does not know that type."""
    if not isinstance(options, DriverOptions):
        raise TypeError(f"{type(options).__name__} is not a DriverOptions")
    return options


def _sources_own(options: BaseModel) -> SourceOptions:
    """The configuration made these with the source's own model; it just does not know that type."""
    if not isinstance(options, SourceOptions):
        raise TypeError(f"{type(options).__name__} is not a SourceOptions")
    return options
