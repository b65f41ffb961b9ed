"""What is expected of the sun and of the house, interval by interval."""

from msgspec import Struct


class ForecastInterval(Struct, frozen=True):
    """One interval with its mean power. Times are Unix times: no local time, no DST."""

    start_utc_s: float
    end_utc_s: float
    power_w: float
    """>= 0. Of a PV forecast: what the panels give. Of a load forecast: what the house draws."""

    @property
    def energy_wh(self) -> float:
        """The same as energy."""
        return self.power_w * (self.end_utc_s - self.start_utc_s) / 3600.0
