"""The user's preference, as the allocator takes it: who goes first, and who takes which part."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

from phasewise.control.limits import HOLD, Unit
from phasewise.control.order import Orders, Preference, ordered
from phasewise.model import BatterySettings, BatterySnapshot, Settings, Snapshot, Split
from phasewise.model.memory import Memory

LEAST_SIZE = 1e-3
"""A unit that has nothing left takes next to no part; its box keeps it from taking any."""


def preference(
    settings: Settings,
    units: Sequence[Unit],
    snapshot: Snapshot,
    own_w: tuple[float, float, float] | None,
    memory: Memory,
    *,
    up: bool,
) -> Preference:
    """Orders, kind of split, parts and how many work already, for one direction."""
    orders = _orders(tuple([unit.id for unit in units]), settings.control.priority)
    held = [unit.lo_code is HOLD for unit in units]
    if True in held:
        # What the user fixed is moved last, also for relief.
        orders = Orders(*(sorted(order, key=held.__getitem__) for order in (orders.up, orders.down)))
    split = settings.control.split
    in_use = 0
    if split is Split.EFFICIENT:
        free_w = [w for unit, w in zip(units, memory.setpoints_w, strict=True) if unit.lo_w < unit.hi_w]
        in_use = len([w for w in free_w if (w > 0.0 if up else w < 0.0)])
    sizes = partial(_sizes, settings, snapshot, memory.prefer.socs_pct, up)
    return Preference(orders, split, own_w, sizes, in_use)


@lru_cache(maxsize=64)
def _orders(ids: tuple[str, ...], priority: tuple[str, ...]) -> Orders:
    """A home has the same orders in every decision until somebody changes them."""
    first_up = ordered(ids, priority, charging=True)
    return Orders(tuple(first_up), tuple(first_up[::-1]))


def _sizes(
    settings: Settings,
    snapshot: Snapshot,
    socs_pct: Mapping[str, float],
    up: bool,
) -> list[float]:
    """Each battery's part in a split that is not by priority."""
    how = settings.control.split
    sizes = [
        _energy_size(battery, seen, socs_pct.get(battery.id), up=up)
        if how is Split.SOC_BALANCE
        else (battery.max_charge_w if up else battery.max_discharge_w)
        for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True)
    ]
    return [max(size, LEAST_SIZE) for size in sizes]


def _energy_size(
    battery: BatterySettings, seen: BatterySnapshot, soc_pct: float | None, *, up: bool
) -> float:
    """What is left until full (or empty), so that all get there together. Unknown capacities count equal."""
    if seen.reading is None or soc_pct is None:
        return 0.0
    left_pct = battery.max_soc_pct - soc_pct if up else soc_pct - battery.min_soc_pct
    return max(0.0, left_pct) * (seen.reading.capacity_wh or 1.0)
