"""The seam between Phasewise and those who know prices or the weather.

A source is asked now and then by `schedule`, never by the control loop. It returns what it knows of today
and tomorrow; what it does not know yet is absent, not an error. Sources are found through the entry points
`phasewise.sources`: `prices.NAME` and `forecast.NAME`.

    SourceError                 there is no answer that can be used
    |-- SourceUnreachable       no connection, no answer in time, no such file
    |-- SourceRefused           it answered, and said no
    `-- SourceBadData           it answered with something that cannot be true or is not understood
"""

from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice


class SourceError(Exception):
    """There is no answer that can be used. The text says what was asked and what came back."""


class SourceUnreachable(SourceError):  # noqa: N818 - the tree above reads better without "Error" thrice
    """No connection could be made, or no answer came in time."""


class SourceRefused(SourceError):  # noqa: N818
    """It answered and refused."""

    def __init__(self, text: str, status: int | None = None) -> None:
        """`status`: of HTTP, where there is one."""
        super().__init__(text)
        self.status = status


class SourceBadData(SourceError):  # noqa: N818
    """It answered with something that cannot be true, or in another form than expected."""


class SourceOptions(BaseModel):
    """Base of a source's own settings: exactly the keys of its configuration section that are its own.

    A field is a key of the user's YAML, its docstring what the user reads about it; validators raise
    ValueError with what is allowed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Own = TypeVar("Own", bound=SourceOptions)


def own(options: SourceOptions, model: type[Own]) -> Own:
    """The same options with the type that a source gave to the configuration. Raises TypeError."""
    if not isinstance(options, model):
        raise TypeError(f"{model.__name__} are needed, not {type(options).__name__}")
    return options


class SourcePlace(Struct, frozen=True):
    """What a source must know of the site."""

    time_zone: str
    """IANA name; days and times without an offset are of this zone."""
    folder: Path
    """Relative file names begin here: the folder of the configuration file."""


class PriceSource(Protocol):
    """Someone who knows market prices."""

    options_model: ClassVar[type[SourceOptions]]

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet. `options` is an `options_model`."""
        ...

    async def fetch(self, now_utc_s: float) -> tuple[MarketPrice, ...]:
        """Every price known of today and tomorrow in local time, in order; more does no harm.

        Keeps nothing open between calls. Raises SourceError.
        """
        ...


class ForecastSource(Protocol):
    """Someone who knows what the panels of this house will give."""

    options_model: ClassVar[type[SourceOptions]]

    @classmethod
    def from_options(cls, options: SourceOptions, place: SourcePlace) -> Self:
        """A source that has asked nobody yet. `options` is an `options_model`."""
        ...

    async def fetch(self, now_utc_s: float) -> tuple[ForecastInterval, ...]:
        """The power expected today and tomorrow in local time, in order; more does no harm.

        Keeps nothing open between calls. Raises SourceError.
        """
        ...
