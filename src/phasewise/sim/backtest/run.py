"""Strategies over a year of prices, on a model of quarters of an hour with losses."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.plan import Mark, PairOptions, Policy, Storage, pairs, policy, to_come
from phasewise.control.plan import power_w as doing_w
from phasewise.control.plan.planner import execute, final_curve
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import DynamicOptions
from phasewise.sim.backtest.home import Home, Learnt, forecast_w

STORAGE = Storage(
    stored_wh=0.12 * 3 * 5120.0,
    floor_wh=0.12 * 3 * 5120.0,
    ceiling_wh=3 * 5120.0,
    max_charge_w=3 * 2500.0,
    max_discharge_w=3 * 2500.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
)
"""Three usual plug-in units of 5.12 kWh and 2.5 kW, empty down to the usual reserve at the start."""
MIN_SPREADS_EUR_KWH = (0.02, 0.04, 0.06, 0.08, 0.10, 0.15, 0.20, 0.25)
"""Pair matching is run with each of these, and shown with the one that was best over the year."""
PUBLISHED_SLOT = 13 * 4
"""Prices of tomorrow are known from 13:00 local time on."""
HOUR_S = 3600.0
PARTS = 5
"""Of a step, in each of which the strategy `dynamic` decides anew."""

Run = Iterator[float]
"""Battery power per step, W AC."""


class Row(Struct, frozen=True):
    """One strategy's year."""

    name: str
    cost_eur: float
    """Of what the grid gave, less what was sold."""
    saves_eur: float
    """Against doing nothing."""
    import_kwh: float
    export_kwh: float
    cycles: float
    """Energy taken from the store per energy it holds."""


class Course(Struct, frozen=True):
    """One strategy's year in detail."""

    row: Row
    daily_eur: tuple[float, ...]
    """Cost of each local day."""
    stored_wh: tuple[float, ...]
    """After each step."""


class Stage:
    """Walks through the year step by step; every strategy's power is made possible here, and accounted."""

    def __init__(self, home: Home, storage: Storage) -> None:
        self.home = home
        self.net_w = home.net_w
        self.storage = storage
        self.prices = tuple([step.price for step in home.steps])
        self.stored_wh = storage.stored_wh

    def run(self, name: str, powers_w: Run, without_eur: float | None = None) -> Course:
        """`powers_w` may look at `stored_wh` before each step. `without_eur`: the cost of doing nothing."""
        self.stored_wh = self.storage.stored_wh
        daily: dict[int, float] = {}
        stored = []
        import_wh = export_wh = taken_wh = 0.0
        for index, step in enumerate(self.home.steps):
            hours = _hours(step.price)
            before_wh = self.stored_wh
            grid_w = self.net_w[index] + self._battery_w(next(powers_w), hours)
            taken_wh += max(before_wh - self.stored_wh, 0.0)
            import_wh += max(grid_w, 0.0) * hours
            export_wh += max(-grid_w, 0.0) * hours
            eur_kwh = step.price.buy_eur_kwh if grid_w > 0.0 else step.price.sell_eur_kwh
            daily[step.day] = daily.get(step.day, 0.0) + grid_w * hours * eur_kwh / 1e3
            stored.append(self.stored_wh)
        cost = sum(daily.values())
        room_wh = self.storage.ceiling_wh - self.storage.floor_wh
        row = Row(
            name,
            cost,
            0.0 if without_eur is None else without_eur - cost,
            import_wh / 1e3,
            export_wh / 1e3,
            taken_wh / room_wh if room_wh > 0.0 else 0.0,
        )
        return Course(row, tuple(daily.values()), tuple(stored))

    def _battery_w(self, wanted_w: float, hours: float) -> float:
        """What of the wanted power is possible; the store is moved by it."""
        now = replace(self.storage, stored_wh=self.stored_wh)
        power_w, self.stored_wh = possible(now, wanted_w, hours)
        return power_w

    def _known(self, prices: Sequence[PriceInterval]) -> list[int]:
        """For each price interval, how many are known when it begins."""
        starts = [price.start_utc_s for price in prices]
        found = []
        for begin, until, known in horizons(self.home):
            end_s = self.prices[known - 1].end_utc_s
            count = bisect_left(starts, end_s)
            first = bisect_left(starts, self.prices[begin].start_utc_s)
            last = bisect_left(starts, self.prices[until - 1].end_utc_s)
            found += [count] * (last - first)
        return found

    def _means(self, powers_w: Sequence[float], prices: Sequence[PriceInterval]) -> list[float]:
        """Mean per price interval of what is given per step."""
        sums, counts = [0.0] * len(prices), [0] * len(prices)
        index = 0
        for price, power_w in zip(self.prices, powers_w, strict=True):
            while price.start_utc_s >= prices[index].end_utc_s:
                index += 1
            sums[index] += power_w
            counts[index] += 1
        return [total / count for total, count in zip(sums, counts, strict=True)]

    # The strategies. Each yields one power per step.

    def nothing(self) -> Run:
        """No battery."""
        yield from [0.0] * len(self.prices)

    def self_consumption(self) -> Run:
        """Store every surplus, cover the house."""
        for net_w in self.net_w:
            yield -net_w

    def by_marks(self, marks: Sequence[Mark], *, sells: bool) -> Run:
        """Charge at full power when cheap. When expensive sell, between store surplus; or cover the house."""
        for mark, net_w in zip(marks, self.net_w, strict=True):
            if mark is Mark.CHEAP:
                yield self.storage.max_charge_w
            elif not sells:
                yield -net_w
            else:
                yield max(-net_w, 0.0) if mark is Mark.NEUTRAL else -self.storage.max_discharge_w

    def planned(self, expected_w: Sequence[float]) -> Run:
        """Plan whenever more becomes known: at midnight and at 13:00, as far as prices are known then.

        Between the plans, each step is answered with its true load, as control does from second to second,
        against what the plan says that stored energy is worth afterwards.
        """
        for begin, until, known in horizons(self.home):
            costs = to_come(self.prices[begin:known], self.storage, expected_w[begin:known])
            for index in range(begin, until):
                after = costs[index - begin + 1]
                yield execute(
                    self.prices[index], self.storage, self.net_w[index], after, self.stored_wh
                ).battery_w

    def dynamic(
        self,
        learnt: Learnt,
        sun_w: Sequence[float],
        prices: Sequence[PriceInterval],
        *,
        sells: bool,
        wear_eur_kwh: float,
    ) -> Run:
        """As the strategy `dynamic` does with `algorithm: plan`: planned when a price interval begins.

        Within a step the strategy decides every second; here every three minutes.
        """
        known, found = self._known(prices), Policy()
        sun_of = self._means(sun_w, prices)
        index = 0
        for price_index, price in enumerate(prices):
            until = known[price_index]
            load_w = learnt.load_w(self.home.steps[index].day, prices, price_index, until)
            net_w = [load - sun for load, sun in zip(load_w, sun_of[price_index:until], strict=True)]
            now = replace(self.storage, stored_wh=self.stored_wh, to_grid=sells)
            after = to_come(prices[price_index:until], now, net_w, wear_eur_kwh=wear_eur_kwh)[1]
            while index < len(self.prices) and self.prices[index].start_utc_s < price.end_utc_s:
                left_h = (price.end_utc_s - self.prices[index].start_utc_s) / HOUR_S
                part_h = _hours(self.prices[index]) / PARTS
                stored_wh, power_w = self.stored_wh, 0.0
                for part in range(PARTS):
                    at = replace(now, stored_wh=stored_wh)
                    hours = left_h - part * part_h
                    found = policy(price, at, after, hours, before=found, wear_eur_kwh=wear_eur_kwh)
                    part_w, stored_wh = possible(at, doing_w(found, at, self.net_w[index]), part_h)
                    power_w += part_w / PARTS
                yield power_w
                index += 1

    def clairvoyant(self) -> Run:
        """The least that was possible, knowing all prices, loads and sun of the whole time."""
        final = final_curve(self.storage, 0.0)
        costs = to_come(self.prices, self.storage, self.net_w, final=final)
        for price, net_w, after in zip(self.prices, self.net_w, costs[1:], strict=True):
            yield execute(price, self.storage, net_w, after, self.stored_wh).battery_w


def possible(store: Storage, wanted_w: float, hours: float) -> tuple[float, float]:
    """What of the wanted power is possible for so long, and what is stored then."""
    most_w = (store.ceiling_wh - store.stored_wh) / store.charge_efficiency / hours
    least_w = (store.floor_wh - store.stored_wh) * store.discharge_efficiency / hours
    power_w = min(max(wanted_w, least_w, -store.max_discharge_w), most_w, store.max_charge_w)
    into = store.charge_efficiency if power_w > 0.0 else 1.0 / store.discharge_efficiency
    return power_w, min(max(store.stored_wh + power_w * hours * into, store.floor_wh), store.ceiling_wh)


def horizons(home: Home) -> Iterator[tuple[int, int, int]]:
    """(first step, step of the next plan, step until which prices are known), one for each plan."""
    first: dict[int, int] = {}
    published: dict[int, int] = {}
    for index, step in enumerate(home.steps):
        first.setdefault(step.day, index)
        if step.slot >= PUBLISHED_SLOT:
            published.setdefault(step.day, index)
    end = len(home.steps)
    for day, begin in first.items():
        tomorrow = first.get(day + 1, end)
        noon = published.get(day, tomorrow)
        if begin < noon:
            yield begin, noon, tomorrow
        if noon < tomorrow:
            yield noon, tomorrow, first.get(day + 2, end)


def backtest(
    home: Home,
    prices: Sequence[PriceInterval],
    time_zone: str,
    *,
    storage: Storage = STORAGE,
    progress: Callable[[str], None] = lambda name: None,
) -> tuple[Course, ...]:
    """All strategies over the same time. `prices` as published, `home` on quarters of them."""
    stage = Stage(home, storage)
    without = stage.run("no battery", stage.nothing())
    courses = [without]

    def add(name: str, powers_w: Run) -> None:
        progress(name)
        courses.append(stage.run(name, powers_w, without.row.cost_eur))

    add("self-consumption", stage.self_consumption())
    progress("pair matching")
    courses.append(_best_pairs(stage, prices, time_zone, without.row.cost_eur, sells=False))
    courses.append(_best_pairs(stage, prices, time_zone, without.row.cost_eur, sells=True))
    load_w, sun_w = forecast_w(home)
    learnt = Learnt(home, time_zone)
    for sells, does in ((False, "cover the house"), (True, "sell")):
        for wear_eur_kwh in (0.0, DynamicOptions().min_spread_eur_kwh):
            name = f"dynamic, {does} (spread {100 * wear_eur_kwh:g} ct)"
            add(name, stage.dynamic(learnt, sun_w, prices, sells=sells, wear_eur_kwh=wear_eur_kwh))
    habit_w = [load - sun for load, sun in zip(load_w, sun_w, strict=True)]
    add("planner, forecast by habit", stage.planned(habit_w))
    add("planner, perfect forecast", stage.planned(stage.net_w))
    add("clairvoyant optimum", stage.clairvoyant())
    return tuple(courses)


def _best_pairs(
    stage: Stage, prices: Sequence[PriceInterval], time_zone: str, without_eur: float, *, sells: bool
) -> Course:
    """Pair matching with the spread that was best in hindsight: more than a user can know."""
    found = []
    for spread in MIN_SPREADS_EUR_KWH:
        marks = pairs(prices, time_zone, PairOptions(min_spread_eur_kwh=spread, sells=sells))
        of_steps = _on_steps(marks, prices, stage.prices)
        name = f"pairs, {'sell' if sells else 'cover the house'} (spread {100 * spread:g} ct)"
        found.append(stage.run(name, stage.by_marks(of_steps, sells=sells), without_eur))
    return min(found, key=lambda course: course.row.cost_eur)


def _on_steps(
    marks: Sequence[Mark], prices: Sequence[PriceInterval], steps: Sequence[PriceInterval]
) -> list[Mark]:
    """The mark of the price interval that each step lies in."""
    found, index = [], 0
    for step in steps:
        while step.start_utc_s >= prices[index].end_utc_s:
            index += 1
        found.append(marks[index])
    return found


def _hours(price: PriceInterval) -> float:
    return (price.end_utc_s - price.start_utc_s) / HOUR_S
