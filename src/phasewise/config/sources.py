"""The sections `prices` and `forecast`: whom to ask, and what the contract makes of a market price."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from phasewise.config.fields import NotNegative, Says, Section
from phasewise.model.prices import PriceFormula, TariffPeriod


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError as error:
        words = {"message": "is not a date", "allowed": "such as 2027-01-01"}
        raise PydanticCustomError("rule", "{message}", words) from error
    return value


class FormulaSection(Section):
    """`(market price * factor + add_eur_kwh) * (1 + vat_pct / 100)`."""

    factor: float = 1.0
    """The market price is multiplied by this."""
    add_eur_kwh: float = 0.0
    """Energy tax and fees, without VAT; negative for a fee on what you sell."""
    vat_pct: NotNegative = 0.0
    """VAT on all of it."""

    def to_model(self) -> PriceFormula:
        """The same for the sources."""
        return PriceFormula(**dict(self))


class TariffPeriodSection(Section):
    """What the contract says from one day on."""

    from_: Annotated[str, AfterValidator(_day), Says(**{"x-format": "date"})] = Field(
        "0001-01-01", alias="from"
    )
    """First day on which this counts, in local time."""
    buy: FormulaSection = FormulaSection()
    """What a kWh from the grid costs."""
    sell: FormulaSection = FormulaSection()
    """What a kWh to the grid earns."""
    netting: bool = False
    """What is sold earns what buying costs."""

    @property
    def first_day(self) -> date:
        """Local."""
        return date.fromisoformat(self.from_)


class PricesSection(Section):
    """Where prices come from; the other keys are the driver's."""

    driver: str
    """Whom to ask for prices."""
    tariff: tuple[TariffPeriodSection, ...] = ()
    """What your contract makes of a market price, from day to day."""


class ForecastSection(Section):
    """Where forecasts come from; the other keys are the driver's."""

    driver: str
    """Whom to ask for forecasts."""


@dataclass(frozen=True)
class PricesConfig:
    """Where prices come from, and what they become."""

    driver: str
    options: BaseModel
    """An instance of the driver's `options_model`."""
    tariff: tuple[TariffPeriod, ...]


@dataclass(frozen=True)
class ForecastConfig:
    """Where forecasts come from."""

    driver: str
    options: BaseModel
    """An instance of the driver's `options_model`."""
