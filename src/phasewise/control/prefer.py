"""The user's preference, as the allocator takes it: who goes first, and who takes which part."""

from collections.abc import Sequence

from msgspec.structs import replace

from phasewise.control.allocate import Orders, Preference, ordered
from phasewise.control.limits import Unit
from phasewise.model import BatterySettings, BatterySnapshot, ReasonCode, Settings, Snapshot, Split

LEAST_SIZE = 1e-3
"""A unit that has nothing left takes next to no part; its box keeps it from taking any."""


def preference(
    settings: Settings, units: Sequence[Unit], own_w: tuple[float, float, float] | None
) -> Preference:
    """Orders and kind of split."""
    ids = [unit.id for unit in units]
    priority = settings.control.priority
    up, down = (ordered(ids, priority, charging=charging) for charging in (True, False))
    if any(unit.lo_code is ReasonCode.HOLD for unit in units):
        # What the user fixed is moved last, also for relief.
        up, down = (sorted(o, key=lambda i: units[i].lo_code is ReasonCode.HOLD) for o in (up, down))
    return Preference(Orders(up, down), settings.control.split, own_w)


def sized(units: Sequence[Unit], settings: Settings, snapshot: Snapshot, *, up: bool) -> Sequence[Unit]:
    """The units with their parts in a split that is not by priority, for one direction."""
    how = settings.control.split
    if how is Split.PRIORITY:
        return units
    sizes = [
        _energy_size(battery, seen, up=up)
        if how is Split.SOC_BALANCE
        else (battery.max_charge_w if up else battery.max_discharge_w)
        for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True)
    ]
    return [replace(unit, size_w=max(size, LEAST_SIZE)) for unit, size in zip(units, sizes, strict=True)]


def _energy_size(battery: BatterySettings, seen: BatterySnapshot, *, up: bool) -> float:
    """What is left until full (or empty), so that all get there together. Unknown capacities count equal."""
    reading = seen.reading
    if reading is None or reading.soc_pct is None:
        return 0.0
    left_pct = battery.max_soc_pct - reading.soc_pct if up else reading.soc_pct - battery.min_soc_pct
    return max(0.0, left_pct) * (reading.capacity_wh or 1.0)
