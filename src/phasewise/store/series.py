"""The names of what is measured over time, and the whole numbers that each is kept as."""

import re

from phasewise.store.codec import bounded

TOTAL, LOAD, PV, EV, PV_FORECAST = "grid.total_w", "load_w", "pv_w", "ev_w", "pv_forecast_w"
BUY, SELL = "price.buy_eur_kwh", "price.sell_eur_kwh"
OF_PHASE = ("power_w", "current_a", "voltage_v", "limit_lo_w", "limit_hi_w")
OF_BATTERY = ("power_w", "setpoint_w", "soc_pct", "temperature_c")
PHASES = ("L1", "L2", "L3")

USUAL = (TOTAL, LOAD, PV, EV, *(f"{phase}.power_w" for phase in PHASES))
"""What is shown where nobody says what."""
KINDS = (
    *(TOTAL, LOAD, PV, EV, PV_FORECAST, BUY, SELL),
    *(f"L1.{field}" for field in OF_PHASE),
    *(f"battery.ID.{field}" for field in OF_BATTERY),
)
"""All there are, for people."""

_PARTS: dict[str, tuple[int, str]] = {
    "_w": (1, "W"),
    "_a": (100, "A"),
    "_v": (10, "V"),
    "_pct": (10, "%"),
    "_c": (10, "°C"),
    "_kwh": (100_000, "EUR/kWh"),
}
"""Parts per unit, by the end of the name: as fine as meters and markets tell."""

_NAME = re.compile(
    "|".join(
        (
            *map(re.escape, (TOTAL, LOAD, PV, EV, PV_FORECAST, BUY, SELL)),
            rf"L[123]\.({'|'.join(OF_PHASE)})",
            rf"battery\.[A-Za-z0-9][A-Za-z0-9_-]{{0,31}}\.({'|'.join(OF_BATTERY)})",
        )
    )
)


def is_name(name: str) -> bool:
    """Whether a series could be called so."""
    return _NAME.fullmatch(name) is not None


def unit(name: str) -> str:
    """Its unit, for people."""
    return _PARTS[_suffix(name)][1]


def parts(name: str) -> int:
    """How many parts its unit has: values are kept in these."""
    return _PARTS[_suffix(name)][0]


def kept(name: str, value: float | None) -> int | None:
    """A value as it is kept; None for one that is not a number."""
    if value is None or value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return None
    return bounded(round(value * parts(name)))


def _suffix(name: str) -> str:
    return name[name.rindex("_") :]
