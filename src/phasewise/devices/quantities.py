"""Numbers as entities and messages say them, in our units."""

import math

_TO_OURS = {
    "w": {"mW": 1e-3, "W": 1.0, "kW": 1e3, "MW": 1e6},
    "a": {"mA": 1e-3, "A": 1.0},
    "v": {"mV": 1e-3, "V": 1.0, "kV": 1e3},
    "wh": {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6},
    "pct": {"%": 1.0},
    "c": {"°C": 1.0, "C": 1.0},
}


def in_our_unit(text: str, unit: str | None, ours: str) -> float:
    """`1.5`, `kW`, `w` -> 1500.0. Without a unit it is ours. ValueError: no number, or not such a unit."""
    known = _TO_OURS[ours]
    if unit and unit not in known:
        raise ValueError(f"is in {unit}, not in {' or '.join(known)}")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"says {text!r}, which is no number")
    return value * known[unit] if unit else value


def decimals(text: str) -> int:
    """How many digits stand behind the point: `1.20` has 2."""
    return len(text.partition(".")[2]) if "e" not in text.lower() else 0
