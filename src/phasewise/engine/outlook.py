"""What is known of the future: prices and forecasts, kept current beside the control loop."""

import asyncio

from phasewise.explain import Text, source_text
from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice, PriceInterval, TariffPeriod
from phasewise.sources.base import ForecastSource, PriceSource
from phasewise.sources.schedule import FORECAST, PRICES, Clock, Schedule
from phasewise.sources.tariff import with_tariff


class Outlook:
    """The newest prices and forecast, each the identical object until it changes."""

    def __init__(self) -> None:
        self.prices: tuple[PriceInterval, ...] = ()
        self.forecast: tuple[ForecastInterval, ...] = ()
        self._price_schedule: Schedule[MarketPrice] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def has_prices(self) -> bool:
        """Whether there is anyone to ask for prices."""
        return self._price_schedule is not None

    @property
    def price_problem(self) -> Text | None:
        """What is wrong with the source of prices, as a sentence."""
        problem = None if self._price_schedule is None else self._price_schedule.problem
        return None if problem is None else Text(source_text, problem.what, problem.why, problem.again_s)

    async def follow(
        self,
        prices: PriceSource | None,
        tariff: tuple[TariffPeriod, ...],
        forecast: ForecastSource | None,
        time_zone: str,
        clock: Clock,
    ) -> None:
        """Ask these sources from now on, instead of those before; what those said is forgotten."""
        await self.stop()

        def take_prices(market: tuple[MarketPrice, ...]) -> None:
            self.prices = with_tariff(market, tariff)

        def take_forecast(found: tuple[ForecastInterval, ...]) -> None:
            self.forecast = found

        if prices is not None:
            self._price_schedule = Schedule(prices.fetch, PRICES, time_zone, clock, take_prices)
            self._tasks.append(asyncio.create_task(self._price_schedule.run(), name="prices"))
        if forecast is not None:
            schedule = Schedule(forecast.fetch, FORECAST, time_zone, clock, take_forecast)
            self._tasks.append(asyncio.create_task(schedule.run(), name="forecast"))

    async def stop(self) -> None:
        """Ask nobody any more. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self._price_schedule = [], None
        self.prices, self.forecast = (), ()
