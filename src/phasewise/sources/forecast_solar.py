"""The public PV forecast of Forecast.Solar, through the library `forecast-solar`."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Self, cast

import aiohttp
from forecast_solar import ForecastSolar, ForecastSolarError
from pydantic import Field
from yarl import URL

from phasewise.model.forecast import ForecastInterval
from phasewise.sources import checks
from phasewise.sources.base import SourceBadData, SourceOptions, SourcePlace, SourceUnreachable, own
from phasewise.sources.checks import Span
from phasewise.sources.web import session

NAME = "Forecast.Solar"


class ForecastSolarOptions(SourceOptions):
    """Where the panels are and how they lie."""

    latitude: float = Field(ge=-90.0, le=90.0)
    """In degrees, north positive."""
    longitude: float = Field(ge=-180.0, le=180.0)
    """In degrees, east positive."""
    declination: float = Field(ge=0.0, le=90.0)
    """Tilt in degrees: 0 flat, 90 upright."""
    azimuth: float = Field(ge=-180.0, le=180.0)
    """In degrees from south: -90 east, 0 south, 90 west."""
    kwp: float = Field(gt=0.0, le=1000.0)
    """Peak power of the panels, in kW."""


class _Verified:
    """Of a session only what the library uses; it asks for no certificate check, this checks all the same."""

    def __init__(self, web: aiohttp.ClientSession) -> None:
        self._web = web

    async def request(
        self, method: str, url: URL, *, params: Mapping[str, Any] | None, ssl: bool
    ) -> aiohttp.ClientResponse:
        """As `aiohttp.ClientSession.request`, whatever `ssl` says."""
        return await self._web.request(method, url, params=params)


class ForecastSolarForecast:
    """A `ForecastSource`."""

    options_model: ClassVar[type[SourceOptions]] = ForecastSolarOptions

    def __init__(self, options: ForecastSolarOptions) -> None:
        self._options = options

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet."""
        return cls(own(options, ForecastSolarOptions))

    async def fetch(self, now_utc_s: float) -> tuple[ForecastInterval, ...]:
        """Today and the days that the service knows. Raises SourceError."""
        try:
            async with session() as web:
                service = ForecastSolar(
                    **self._options.model_dump(), session=cast("aiohttp.ClientSession", _Verified(web))
                )
                estimate = await service.estimate()
        except ForecastSolarError as error:
            raise SourceUnreachable(f"{NAME} gave no forecast: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SourceUnreachable(f"{NAME} can't be reached: {type(error).__name__}: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise SourceBadData(
                f"{NAME} answered in another form than expected: {type(error).__name__}: {error}"
            ) from error
        if any(moment.tzinfo is None for moment in estimate.wh_period):
            raise SourceBadData(f"{NAME} answered with times that have no offset")
        return checks.forecast(
            _spans({m.timestamp(): float(wh) for m, wh in estimate.wh_period.items()}), NAME
        )


def _spans(energy_wh: dict[float, float]) -> list[Span]:
    """Each energy is that of the time since the one before; the first only says when the sun rises."""
    times = sorted(energy_wh)
    return [Span(begin, end, energy_wh[end] * 3600.0 / (end - begin)) for begin, end in pairwise(times)]
