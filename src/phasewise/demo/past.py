"""What the demonstration's house did before it was started, today and the whole of yesterday, so that there
is something to look at.

The house is the simulated one. Its batteries follow the plain rule (surplus in, demand out, one after the
other) in steps of a minute; real control takes over when the demonstration starts.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from phasewise.model.prices import PriceInterval, price_at
from phasewise.store import Total, energy, open_to_write, series, write_minutes

HOURS = 50.0
"""Yesterday from its first minute, at any time of today; one of the two may have 25 hours."""
STEP_S = 60
QUARTER_S = 900
VOLTAGE_V = 230.0
MOST_W = 2500.0
CAPACITY_WH = 5120.0
EFFICIENCY = 0.95
"""One way."""
FLOOR_PCT, CEILING_PCT = 12.0, 100.0

PerPhase = tuple[float, float, float]
Additions = defaultdict[tuple[int, str], float]


class Past(Struct, frozen=True):
    """What is known of the time before."""

    loads_w: Callable[[float], PerPhase]
    """Per phase with the panels, at a Unix time."""
    pv_w: Callable[[float], float]
    """Of the panels, >= 0."""
    prices: tuple[PriceInterval, ...]
    batteries: Sequence[tuple[str, int, float]]
    """Id, phase (L1 = 0) and state of charge at the beginning, in %."""


def write_past(path: Path, past: Past, until_s: float) -> None:
    """Write it to a history file, as if it had been seen."""
    begin = int(until_s - 3600.0 * HOURS) // QUARTER_S * QUARTER_S
    end = int(until_s) // QUARTER_S * QUARTER_S
    minutes: dict[str, list[Total]] = defaultdict(list)
    added: Additions = defaultdict(float)
    socs_pct = {battery_id: soc_pct for battery_id, _, soc_pct in past.batteries}
    for at_s in range(begin, end, STEP_S):
        for name, value in _step(past, at_s, socs_pct, added).items():
            part = series.kept(name, value) or 0
            minutes[name].append(Total(part * STEP_S, STEP_S, part, part))
    db = open_to_write(path)
    try:
        with db:
            write_minutes(db, begin, dict(minutes))
            energy.add(db, added)
    finally:
        db.close()


def _step(past: Past, at_s: int, socs_pct: dict[str, float], added: Additions) -> dict[str, float]:
    phases_w = list(past.loads_w(at_s))
    load_w, pv_w = sum(phases_w), past.pv_w(at_s)
    values = {series.LOAD: load_w, series.PV: pv_w}
    left_w = -load_w
    hours = STEP_S / 3600.0
    quarter = at_s // QUARTER_S * QUARTER_S
    for battery_id, phase, _ in past.batteries:
        soc_pct = socs_pct[battery_id]
        room_w = (CEILING_PCT - soc_pct) / 100.0 * CAPACITY_WH / EFFICIENCY / hours
        stock_w = (soc_pct - FLOOR_PCT) / 100.0 * CAPACITY_WH * EFFICIENCY / hours
        power_w = min(max(left_w, -MOST_W, -stock_w), MOST_W, room_w)
        left_w -= power_w
        stored_w = power_w * EFFICIENCY if power_w > 0 else power_w / EFFICIENCY
        socs_pct[battery_id] = soc_pct + 100.0 * stored_w * hours / CAPACITY_WH
        phases_w[phase] += power_w
        name = f"battery.{battery_id}"
        values |= {f"{name}.power_w": power_w, f"{name}.setpoint_w": power_w, f"{name}.soc_pct": soc_pct}
        if power_w:
            direction = energy.CHARGED if power_w > 0 else energy.DISCHARGED
            added[quarter, direction + battery_id] += abs(power_w) * hours
    total_w = sum(phases_w)
    values[series.TOTAL] = total_w
    for name, power_w in zip(series.PHASES, phases_w, strict=True):
        values |= {f"{name}.power_w": power_w, f"{name}.current_a": abs(power_w) / VOLTAGE_V}
        values[f"{name}.voltage_v"] = VOLTAGE_V
    _count(past, at_s, added, phases_w=phases_w, load_w=load_w, pv_w=pv_w)
    price = price_at(past.prices, at_s)
    if price is not None:
        values |= {series.BUY: price.buy_eur_kwh, series.SELL: price.sell_eur_kwh}
    return values


def _count(
    past: Past, at_s: int, added: Additions, *, phases_w: Sequence[float], load_w: float, pv_w: float
) -> None:
    """Energy and money of one step."""
    quarter, hours = at_s // QUARTER_S * QUARTER_S, STEP_S / 3600.0
    total_w = sum(phases_w)
    imported_w, exported_w = (math.fsum(max(sign * w, 0.0) for w in phases_w) for sign in (1.0, -1.0))
    added[quarter, energy.MEASURED] += STEP_S
    added[quarter, energy.IMPORT] += max(total_w, 0.0) * hours
    added[quarter, energy.EXPORT] += max(-total_w, 0.0) * hours
    added[quarter, energy.EXCHANGED] += min(imported_w, exported_w) * hours
    added[quarter, energy.LOAD] += load_w * hours
    added[quarter, energy.PV] += pv_w * hours
    price = price_at(past.prices, at_s)
    if price is not None:
        with_eur, without_eur = (
            w * hours / 1000.0 * (price.buy_eur_kwh if w > 0 else price.sell_eur_kwh)
            for w in (total_w, load_w)
        )
        added[quarter, energy.COST] += with_eur
        added[quarter, energy.SAVED] += without_eur - with_eur
