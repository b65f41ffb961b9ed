"""The user's preference, as the allocator takes it: who goes first, and who takes which part."""

from collections.abc import Sequence
from functools import partial

from phasewise.control.allocate import Orders, Preference, ordered
from phasewise.control.limits import Unit
from phasewise.model import BatterySettings, BatterySnapshot, ReasonCode, Settings, Snapshot, Split

LEAST_SIZE = 1e-3
"""A unit that has nothing left takes next to no part; its box keeps it from taking any."""


def preference(
    settings: Settings,
    units: Sequence[Unit],
    snapshot: Snapshot,
    own_w: tuple[float, float, float] | None,
    *,
    up: bool,
) -> Preference:
    """Orders, kind of split and parts, for one direction."""
    ids = [unit.id for unit in units]
    priority = settings.control.priority
    first_up, first_down = (ordered(ids, priority, charging=charging) for charging in (True, False))
    if any(unit.lo_code is ReasonCode.HOLD for unit in units):
        # What the user fixed is moved last, also for relief.
        first_up, first_down = (
            sorted(o, key=lambda i: units[i].lo_code is ReasonCode.HOLD) for o in (first_up, first_down)
        )
    return Preference(
        Orders(first_up, first_down), settings.control.split, own_w, partial(_sizes, settings, snapshot, up)
    )


def _sizes(settings: Settings, snapshot: Snapshot, up: bool) -> list[float]:
    """Each battery's part in a split that is not by priority."""
    how = settings.control.split
    sizes = [
        _energy_size(battery, seen, up=up)
        if how is Split.SOC_BALANCE
        else (battery.max_charge_w if up else battery.max_discharge_w)
        for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True)
    ]
    return [max(size, LEAST_SIZE) for size in sizes]


def _energy_size(battery: BatterySettings, seen: BatterySnapshot, *, up: bool) -> float:
    """What is left until full (or empty), so that all get there together. Unknown capacities count equal."""
    reading = seen.reading
    if reading is None or reading.soc_pct is None:
        return 0.0
    left_pct = battery.max_soc_pct - reading.soc_pct if up else reading.soc_pct - battery.min_soc_pct
    return max(0.0, left_pct) * (reading.capacity_wh or 1.0)
