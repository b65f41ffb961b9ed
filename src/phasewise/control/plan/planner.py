"""The cheapest use of a store over intervals whose prices are known: exact dynamic programming.

Backwards in time, the cost still to come is a piecewise linear curve over the stored energy (see `curves`).
It is convex as long as every interval's own cost is: buying costs no less than selling earns, and neither
price is negative where energy is lost. Where that fails (a negative price makes wasting energy pay; selling
for more than buying) charging and discharging at once would seem to pay, which no battery can do: those
intervals are cut into convex parts, each solved, and the least taken. Both ways are exact.
"""

from collections.abc import Sequence
from itertools import pairwise

from phasewise.control.plan.curves import SAME_WH, Curve, best_step, least_over_steps
from phasewise.control.plan.types import (
    SECONDS_PER_HOUR,
    WH_PER_KWH,
    Mark,
    Plan,
    PlannedInterval,
    Storage,
)
from phasewise.model.prices import PriceInterval

IDLE_W = 0.5
"""A smaller mean power is the rounding of a solution, and no battery runs at it."""
DAY_S = 86_400.0


def plan(
    prices: Sequence[PriceInterval],
    storage: Storage,
    net_load_w: Sequence[float],
    *,
    final_value_eur_kwh: float | None = None,
    wear_eur_kwh: float = 0.0,
) -> Plan:
    """The plan of least cost, exactly.

    `prices` in order of time, without gaps, not empty. `net_load_w`: what the house is expected to draw
    without batteries, mean per interval, PV subtracted, negative = surplus.
    `final_value_eur_kwh`: what a kWh in the store is worth at the end; None = as if the last 24 h came again.
    `wear_eur_kwh`: what a kWh of discharge costs the battery; a battery stays idle for less.
    Raises ValueError when the lengths differ or prices leave a gap.
    """
    final = None if final_value_eur_kwh is None else final_curve(storage, final_value_eur_kwh)
    costs = to_come(prices, storage, net_load_w, final=final, wear_eur_kwh=wear_eur_kwh)
    stored_wh = start_wh = min(max(storage.stored_wh, storage.floor_wh), storage.ceiling_wh)
    planned = []
    for price, load_w, after in zip(prices, net_load_w, costs[1:], strict=True):
        interval = execute(price, storage, load_w, after, stored_wh, wear_eur_kwh=wear_eur_kwh)
        stored_wh = interval.stored_wh
        planned.append(interval)
    cost_eur = sum([interval.cost_eur for interval in planned])
    return Plan(tuple(planned), cost_eur, value_eur_kwh(costs[0], start_wh))


def to_come(
    prices: Sequence[PriceInterval],
    storage: Storage,
    net_load_w: Sequence[float],
    *,
    final: Curve | None = None,
    wear_eur_kwh: float = 0.0,
) -> list[Curve]:
    """What the rest costs, in EUR over stored Wh: before each interval, and after the last one.

    `final` is the last of them; None = as if the last 24 h came again. Otherwise as `plan`.
    """
    if not prices or len(prices) != len(net_load_w):
        raise ValueError(f"{len(prices)} price intervals need as many loads, not {len(net_load_w)}")
    if any(before.end_utc_s != after.start_utc_s for before, after in pairwise(prices)):
        raise ValueError("price intervals must follow each other without a gap")
    steps = [
        step_curve(price, storage, load_w, wear_eur_kwh)
        for price, load_w in zip(prices, net_load_w, strict=True)
    ]
    if final is None:
        again = sum(1 for price in prices if price.start_utc_s >= prices[-1].end_utc_s - DAY_S)
        final = final_curve(storage, _usual_value_eur_kwh(prices[-again:], storage))
        final = _backwards(steps[-again:], final)[0]
    return _backwards(steps, final)


def execute(
    price: PriceInterval,
    storage: Storage,
    net_load_w: float,
    after: Curve,
    stored_wh: float,
    *,
    wear_eur_kwh: float = 0.0,
) -> PlannedInterval:
    """The best for one interval, given what is stored at its begin and what stored energy saves after it.

    `after` comes from `to_come`. The load may be another than the forecast one: it is answered as the plan
    would have been had it known.
    """
    hours = (price.end_utc_s - price.start_utc_s) / SECONDS_PER_HOUR
    step = step_curve(price, storage, net_load_w, wear_eur_kwh)
    change_wh = best_step(step, after, stored_wh)
    battery_w = _ac_wh(change_wh, storage) / hours
    grid_w = net_load_w + battery_w
    mark = Mark.NEUTRAL
    if battery_w < -IDLE_W:
        mark = Mark.EXPENSIVE
    elif battery_w > IDLE_W and grid_w > IDLE_W:
        mark = Mark.CHEAP
    return PlannedInterval(
        price.start_utc_s,
        price.end_utc_s,
        battery_w,
        grid_w,
        stored_wh + change_wh,
        mark,
        step.at(change_wh),
    )


def final_curve(storage: Storage, value: float) -> Curve:
    """Stored energy above the floor at one value in EUR/kWh."""
    room_wh = storage.ceiling_wh - storage.floor_wh
    if room_wh <= 0.0:
        return Curve([storage.floor_wh], [0.0])
    return Curve([storage.floor_wh, storage.ceiling_wh], [0.0, -value * room_wh / WH_PER_KWH])


def value_eur_kwh(costs: Curve, stored_wh: float) -> float:
    """What one more kWh in the store would save, EUR."""
    return -costs.slope_at(stored_wh) * WH_PER_KWH


def step_curve(price: PriceInterval, storage: Storage, net_load_w: float, wear_eur_kwh: float) -> Curve:
    """What an interval costs in EUR, over the change of the stored energy in Wh."""
    hours = (price.end_utc_s - price.start_utc_s) / SECONDS_PER_HOUR
    load_wh = net_load_w * hours
    lowest, highest = -storage.max_discharge_w * hours, storage.max_charge_w * hours
    if not storage.from_grid:
        highest = min(highest, max(-load_wh, 0.0))
    if not storage.to_grid:
        lowest = max(lowest, min(-load_wh, 0.0))
    # AC energy of the battery at the corners: full power each way, nothing, and just what balances the grid.
    corners_wh = {lowest, 0.0, highest}
    if lowest < -load_wh < highest and min(abs(load_wh + corner) for corner in corners_wh) > SAME_WH:
        corners_wh.add(-load_wh)
    xs, ys = [], []
    for ac_wh in sorted(corners_wh):
        grid_wh = load_wh + ac_wh
        eur_kwh = price.buy_eur_kwh if grid_wh > 0.0 else price.sell_eur_kwh
        xs.append(ac_wh * storage.charge_efficiency if ac_wh > 0.0 else ac_wh / storage.discharge_efficiency)
        ys.append((grid_wh * eur_kwh + max(-ac_wh, 0.0) * wear_eur_kwh) / WH_PER_KWH)
    return Curve(xs, ys)


def _backwards(steps: Sequence[Curve], final: Curve) -> list[Curve]:
    costs = [final]
    for step in reversed(steps):
        costs.append(least_over_steps(step, costs[-1]))
    return costs[::-1]


def _usual_value_eur_kwh(prices: Sequence[PriceInterval], storage: Storage) -> float:
    """A first guess of what stored energy is worth: what it saves at the mean price.

    What may not be sold may not find a use either, so it counts as what buying it again would cost at least.
    """
    buys = [price.buy_eur_kwh for price in prices]
    if not storage.to_grid:
        return max(min(buys), 0.0)
    return sum(buys) / len(buys) * storage.discharge_efficiency


def _ac_wh(change_wh: float, storage: Storage) -> float:
    """AC energy of the battery for a change of what is stored."""
    if change_wh > 0.0:
        return change_wh / storage.charge_efficiency
    return change_wh * storage.discharge_efficiency
