"""What energy costs, interval by interval."""

from msgspec import Struct


class PriceInterval(Struct, frozen=True):
    """One interval (15 or 60 min) with one price each way. Times are Unix times: no local time, no DST."""

    start_utc_s: float
    end_utc_s: float
    buy_eur_kwh: float
    """What a kWh from the grid costs, all taxes and fees included; may be negative."""
    sell_eur_kwh: float
    """What a kWh to the grid earns, all deductions made; may be negative."""
