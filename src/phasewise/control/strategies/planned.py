"""Dynamic by plan: what pays now, by a plan that is made once per price interval.

What is remembered of a plan is what stored energy is worth after the interval. That answers every load and
every state of charge in it (see `control.plan.policy`), so the batteries stop charging where the plan has
enough, and cover a house that draws more than was forecast only while that pays.
"""

from collections.abc import Sequence

from msgspec.structs import astuple, replace

from phasewise.control.plan import Policy, Storage, policy, to_come
from phasewise.control.plan.curves import Curve
from phasewise.control.strategies.goals import stock
from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory, PlanMemory
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import DynamicOptions

CHARGE, SELL, STANDBY = "charge", "sell", "standby"
REPLAN_S = 60.0
"""Within an interval a new plan is made for new prices, forecasts, settings or batteries, but no sooner than
this after the last one: a battery that comes and goes must not make every decision a plan."""
_NAMES = {
    (True, True): "self-consumption",
    (True, False): "charge-pv",
    (False, True): "zero-import",
}
"""What a household knows it as, by whether surplus is stored and the house covered."""


def planned(now: PriceInterval, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | None:
    """What pays now, with the plan to be remembered; None while nobody knows what the batteries hold."""
    storage = storage_of(snapshot, settings, memory)
    if storage is None:
        return None
    options, made = settings.control.dynamic, memory.plan
    about = _about(snapshot, storage, options)
    if made is None or made.start_utc_s != now.start_utc_s or _is_due(made, about, snapshot.time_s):
        after = _after(now, snapshot, storage, options)
        pays = (False,) * 4 if made is None else made.pays
        made = PlanMemory(
            now.start_utc_s, about, snapshot.time_s, tuple(after.xs), tuple(after.ys), pays=pays
        )
    found = policy(
        now,
        storage,
        Curve(made.stored_wh, made.cost_eur),
        (now.end_utc_s - snapshot.utc_s) / 3600.0,
        before=Policy(*made.pays),
        wear_eur_kwh=options.min_spread_eur_kwh,
    )
    return replace(_intent(found, settings), plan=replace(made, pays=astuple(found)))


def storage_of(snapshot: Snapshot, settings: Settings, memory: Memory) -> Storage | None:
    """All batteries as one, above their floors; None while their capacity is unknown."""
    held = stock(snapshot, settings, memory)
    if held is None or held.capacity_wh is None:
        return None
    options = settings.control.dynamic
    stored_wh = held.available_pct / 100.0 * held.capacity_wh
    return Storage(
        stored_wh=stored_wh,
        floor_wh=0.0,
        ceiling_wh=stored_wh + held.room_pct / 100.0 * held.capacity_wh,
        max_charge_w=sum([battery.max_charge_w for battery in settings.batteries]),
        max_discharge_w=sum([battery.max_discharge_w for battery in settings.batteries]),
        from_grid=options.cheap == CHARGE,
        to_grid=options.expensive == SELL,
    )


def _about(snapshot: Snapshot, storage: Storage, options: DynamicOptions) -> int:
    """A fingerprint of what a plan is made from, what is stored left out. Numbers only: their hashes are the
    same in every process, so a decision can be repeated elsewhere."""
    return hash(
        (
            tuple([price.buy_eur_kwh for price in snapshot.prices]),
            tuple([price.sell_eur_kwh for price in snapshot.prices]),
            snapshot.prices[-1].end_utc_s,
            tuple([sun.power_w for sun in snapshot.forecast]),
            tuple([load.power_w for load in snapshot.load_forecast]),
            round(storage.ceiling_wh),
            storage.max_charge_w,
            storage.max_discharge_w,
            storage.from_grid,
            storage.to_grid,
            options.min_spread_eur_kwh,
            options.expected_load_w,
        )
    )


def _is_due(made: PlanMemory, about: int, now_s: float) -> bool:
    return made.about != about and now_s - made.made_s >= REPLAN_S


def _after(now: PriceInterval, snapshot: Snapshot, storage: Storage, options: DynamicOptions) -> Curve:
    """What the time after the present interval costs, over all prices that follow it without a gap."""
    ahead = [now]
    for price in snapshot.prices:
        if price.start_utc_s == ahead[-1].end_utc_s:
            ahead.append(price)
    loads_w = means_w(snapshot.load_forecast, ahead, options.expected_load_w)
    suns_w = means_w(snapshot.forecast, ahead, 0.0)
    net_load_w = [load_w - sun_w for load_w, sun_w in zip(loads_w, suns_w, strict=True)]
    return to_come(ahead, storage, net_load_w, wear_eur_kwh=options.min_spread_eur_kwh)[1]


def means_w(
    forecast: Sequence[ForecastInterval], prices: Sequence[PriceInterval], else_w: float
) -> list[float]:
    """Mean power expected during each price interval, `else_w` where nothing is. Both in order of time."""
    found, first = [], 0
    for price in prices:
        while first < len(forecast) and forecast[first].end_utc_s <= price.start_utc_s:
            first += 1
        length_s = price.end_utc_s - price.start_utc_s
        energy_ws, known_s, index = 0.0, 0.0, first
        while index < len(forecast) and forecast[index].start_utc_s < price.end_utc_s:
            part = forecast[index]
            overlap_s = min(part.end_utc_s, price.end_utc_s) - max(part.start_utc_s, price.start_utc_s)
            energy_ws += part.power_w * overlap_s
            known_s += overlap_s
            index += 1
        found.append((energy_ws + else_w * max(length_s - known_s, 0.0)) / length_s)
    return found


def _intent(found: Policy, settings: Settings) -> Intent:
    """At full power where the grid takes part, else held at the grid target."""
    if found.charge:
        power_w = sum([battery.max_charge_w for battery in settings.batteries])
        return Intent(battery_power_w=power_w, may_discharge=False, executing=CHARGE)
    if found.sell:
        power_w = -sum([battery.max_discharge_w for battery in settings.batteries])
        return Intent(battery_power_w=power_w, may_charge=False, executing=SELL)
    if not found.store and not found.cover:
        return Intent(battery_power_w=0.0, executing=STANDBY)
    return Intent(
        grid_target_w=settings.control.target_grid_w,
        may_charge=found.store,
        may_discharge=found.cover,
        executing=_NAMES[found.store, found.cover],
    )
