"""What HomeWizard's meters tell, in either version of their local API.

Both leave out what the meter behind them does not tell. Powers are positive from the grid; the currents
carry the sign of the power, which is dropped here.
"""

import json
import zlib
from datetime import datetime
from zoneinfo import ZoneInfo

from phasewise.devices.base import DeviceBadData
from phasewise.devices.meters.network import (
    MOST_CURRENT_A,
    MOST_ENERGY_KWH,
    MOST_POWER_W,
    MOST_VOLTAGE_V,
    Values,
    magnitude,
    parse_object,
    quantity,
)
from phasewise.model import GridReading, PhaseReading

PUSHED_AGE_S = 1.0
"""As a telegram's: the meter measures for a second, and the device passes it on at once."""
POLLED_AGE_S = 1.5
"""On average half a poll later."""
WHOLE_AMPS, HUNDREDTHS_OF_AMPS = 1.0, 0.01
"""What Dutch meters tell, and Belgian ones; HomeWizard's own kWh meters tell thousandths."""
ROUNDED = 0.5
"""Meters round their currents: a true one is at most half a step larger."""
METER_ZONE = ZoneInfo("Europe/Amsterdam")
"""Timestamps come without a zone; the countries with such meters keep Central European time."""


def measured(content: bytes) -> bytes:
    """What was measured, without what is told of the Wi-Fi: equal for equal measurements."""
    try:
        values = parse_object(content)
    except DeviceBadData:
        return content
    kept = {key: value for key, value in values.items() if not key.startswith("wifi")}
    return json.dumps(kept, sort_keys=True).encode()


def reading_of_version_1(values: Values, received_s: float, update: int) -> GridReading:
    """From `/api/v1/data`. `update` counts the times that equal values were known to be new ones.

    Raises DeviceBadData.
    """
    content = b"%d %b" % (update, measured(json.dumps(values).encode()))
    return _reading(
        values,
        stem="active_",
        register="total_power",
        received_s=received_s,
        age_s=POLLED_AGE_S,
        meter_time_s=None,
        content_id=zlib.crc32(content),
        quarter_demand_w=quantity(values, "active_power_average_w", MOST_POWER_W),
        # The device itself spells it so.
        month_peak_w=quantity(values, "montly_power_peak_w", MOST_POWER_W),
    )


def reading_of_version_2(values: Values, received_s: float, utc_s: float) -> GridReading:
    """From a `measurement`, which came at Unix time `utc_s`. Raises DeviceBadData."""
    return _reading(
        values,
        stem="",
        register="energy",
        received_s=received_s,
        age_s=PUSHED_AGE_S,
        meter_time_s=_time_s(values.get("timestamp"), utc_s),
        content_id=zlib.crc32(json.dumps(values, sort_keys=True).encode()),
        quarter_demand_w=quantity(values, "average_power_15m_w", MOST_POWER_W),
        month_peak_w=quantity(values, "monthly_power_peak_w", MOST_POWER_W),
    )


def _reading(
    values: Values,
    *,
    stem: str,
    register: str,
    received_s: float,
    age_s: float,
    meter_time_s: float | None,
    content_id: int,
    quarter_demand_w: float | None,
    month_peak_w: float | None,
) -> GridReading:
    total_w = quantity(values, f"{stem}power_w", MOST_POWER_W)
    if total_w is None:
        raise DeviceBadData("there is no total power in them")
    l1, l2, l3 = (_phase(values, stem, n) for n in (1, 2, 3))
    currents_a = [phase.current_a for phase in (l1, l2, l3) if phase and phase.current_a is not None]
    quantum_a = None
    if currents_a:
        quantum_a = WHOLE_AMPS if all(a == int(a) for a in currents_a) else HUNDREDTHS_OF_AMPS
    unique_id = values.get("unique_id")
    return GridReading(
        received_s=received_s,
        total_power_w=total_w,
        phases=(l1, l2, l3),
        sample_age_s=age_s,
        meter_time_s=meter_time_s,
        content_id=content_id,
        current_quantum_a=quantum_a,
        current_allowance_a=ROUNDED * (quantum_a or 0.0),
        energy_import_wh=_energy_wh(values, f"{register}_import"),
        energy_export_wh=_energy_wh(values, f"{register}_export"),
        quarter_demand_w=quarter_demand_w,
        month_peak_w=month_peak_w,
        meter_id=unique_id if isinstance(unique_id, str) else None,
    )


def _phase(values: Values, stem: str, number: int) -> PhaseReading | None:
    power_w = quantity(values, f"{stem}power_l{number}_w", MOST_POWER_W)
    current_a = magnitude(quantity(values, f"{stem}current_l{number}_a", MOST_CURRENT_A))
    voltage_v = quantity(values, f"{stem}voltage_l{number}_v", MOST_VOLTAGE_V)
    if power_w is None and current_a is None and voltage_v is None:
        return None
    return PhaseReading(power_w, current_a, voltage_v)


def _energy_wh(values: Values, register: str) -> float | None:
    """The register of all tariffs, or else the sum of theirs."""
    total_kwh = quantity(values, f"{register}_kwh", MOST_ENERGY_KWH)
    if total_kwh is not None:
        return 1000.0 * total_kwh
    tariffs = [quantity(values, f"{register}_t{n}_kwh", MOST_ENERGY_KWH) for n in (1, 2, 3, 4)]
    known = [kwh for kwh in tariffs if kwh is not None]
    return 1000.0 * sum(known) if known else None


def _time_s(written: object, utc_s: float) -> float | None:
    """The meter's clock as Unix time; of an hour that comes twice, the one nearer to our clock."""
    if not isinstance(written, str):
        return None
    try:
        local = datetime.fromisoformat(written)
        if local.tzinfo is not None:
            return local.timestamp()
        both_s = [local.replace(tzinfo=METER_ZONE, fold=fold).timestamp() for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    return min(both_s, key=lambda at_s: abs(at_s - utc_s))
