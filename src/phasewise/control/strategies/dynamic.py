"""Dynamic: another strategy while energy is cheap, while it is expensive, and in between."""

from phasewise.control.plan import Mark, PairOptions, Storage, pairs, plan
from phasewise.control.strategies.base import Delegate
from phasewise.control.strategies.goals import stock
from phasewise.model import Settings, Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval, price_at
from phasewise.model.strategy_options import Algorithm, DynamicOptions

NO_PRICE = "dynamic: no price"
"""The note that says why the fallback runs."""
_MARKED = "dynamic: "
SELL = "sell"


class Dynamic:
    """Hands over to the strategy for cheap, neutral or expensive intervals."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Delegate:
        """Whose turn it is. A mark is made once, when an interval or new settings begin."""
        options = settings.control.dynamic
        now = price_at(snapshot.prices, snapshot.utc_s)
        if now is None:
            return Delegate(options.fallback, notes=(NO_PRICE,))
        about = f"{_MARKED}{now.start_utc_s:.0f} {now.buy_eur_kwh} {now.sell_eur_kwh} {options} is "
        made = next((note.removeprefix(about) for note in memory.notes if note.startswith(about)), None)
        mark = _mark(now, snapshot, settings, memory) if made is None else Mark(made)
        chosen = {Mark.CHEAP: options.cheap, Mark.NEUTRAL: options.neutral, Mark.EXPENSIVE: options.expensive}
        return Delegate(chosen[mark], notes=(f"{about}{mark.value}",))


def _mark(now: PriceInterval, snapshot: Snapshot, settings: Settings, memory: Memory) -> Mark:
    """By the wanted way; by pairs while it is not known how much the batteries hold."""
    options = settings.control.dynamic
    if options.algorithm is Algorithm.PLAN:
        storage = _storage(snapshot, settings, memory)
        if storage is not None:
            return _planned(now, snapshot, storage, options)
    marks = pairs(
        snapshot.prices,
        settings.site.time_zone,
        PairOptions(
            min_spread_eur_kwh=options.min_spread_eur_kwh,
            max_cheap_h=options.max_cheap_h,
            max_expensive_h=options.max_expensive_h,
            sells=options.expensive == SELL,
        ),
    )
    return marks[snapshot.prices.index(now)]


def _storage(snapshot: Snapshot, settings: Settings, memory: Memory) -> Storage | None:
    """All batteries as one, above their floors; None while their capacity is unknown."""
    held = stock(snapshot, settings, memory)
    if held is None or held.capacity_wh is None:
        return None
    stored_wh = held.available_pct / 100.0 * held.capacity_wh
    return Storage(
        stored_wh=stored_wh,
        floor_wh=0.0,
        ceiling_wh=stored_wh + held.room_pct / 100.0 * held.capacity_wh,
        max_charge_w=sum([battery.max_charge_w for battery in settings.batteries]),
        max_discharge_w=sum([battery.max_discharge_w for battery in settings.batteries]),
    )


def _planned(now: PriceInterval, snapshot: Snapshot, storage: Storage, options: DynamicOptions) -> Mark:
    """The plan's mark for the present interval, over all that follow it without a gap."""
    ahead = [now]
    for price in snapshot.prices:
        if price.start_utc_s == ahead[-1].end_utc_s:
            ahead.append(price)
    net_load_w = [options.expected_load_w - _sun_w(snapshot.forecast, price) for price in ahead]
    found = plan(ahead, storage, net_load_w, wear_eur_kwh=options.min_spread_eur_kwh)
    return found.intervals[0].mark


def _sun_w(forecast: tuple[ForecastInterval, ...], price: PriceInterval) -> float:
    """Mean power expected of the panels during a price interval; 0 where nothing is expected."""
    energy_ws = 0.0
    for sun in forecast:
        overlap_s = min(sun.end_utc_s, price.end_utc_s) - max(sun.start_utc_s, price.start_utc_s)
        energy_ws += sun.power_w * max(overlap_s, 0.0)
    return energy_ws / (price.end_utc_s - price.start_utc_s)
