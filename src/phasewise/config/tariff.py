"""What the entries of `prices.tariff` become, and whether they fit each other."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from phasewise.config.check import Checker
from phasewise.config.errors import KeyPath, shown
from phasewise.config.sources import PricesSection, TariffPeriodSection
from phasewise.model.prices import TariffPeriod


def tariff_periods(section: PricesSection, time_zone: str, checker: Checker) -> tuple[TariffPeriod, ...]:
    """For the sources; problems go to the checker."""
    found = []
    before: TariffPeriodSection | None = None
    for index, entry in enumerate(section.tariff):
        path: KeyPath = ("prices", "tariff", index)
        if before is not None and entry.first_day <= before.first_day:
            message = f"{shown(entry.from_)} must be later than the date of the entry before it"
            if "from_" not in entry.model_fields_set:
                message = "missing: only the first entry can do without a date"
            checker.add((*path, "from"), message, value=entry.from_)
        if entry.netting and "sell" in entry.model_fields_set:
            message = "with 'netting: true' what is sold earns what buying costs; remove one of the two"
            checker.add((*path, "sell"), message)
        before = entry
        sell = None if entry.netting else entry.sell.to_model()
        found.append(TariffPeriod(_midnight_utc_s(entry.first_day, time_zone), entry.buy.to_model(), sell))
    return tuple(found)


def _midnight_utc_s(day: date, time_zone: str) -> float:
    if day == date.min:
        return float("-inf")
    return datetime.combine(day, time(), ZoneInfo(time_zone)).timestamp()
