"""What is known of today and tomorrow, for people to look at: control does not need it.

Powers of batteries are positive for charging; of forecasts, what panels give and what the house draws.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.plan import Mark, PairOptions, PlannedInterval, pairs, plan
from phasewise.control.strategies.goals import Stock, stock
from phasewise.control.strategies.planned import SELL, means_w, storage_of
from phasewise.control.strategies.windows import window_at
from phasewise.model import Settings, Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval, price_at
from phasewise.model.strategy_options import Algorithm

IDLE_W = 0.5
"""A smaller mean power is the rounding of a plan."""
LEAST_S = 60.0
"""The rest of the present interval counts as at least this: the end of an interval is no time to plan for."""
_GOOD_FOR = {
    "charge": "charge",
    "charge-pv": "pv",
    "self-consumption": "discharge",
    "zero-import": "discharge",
    "sell": "discharge",
}
"""What an interval is good for, by the strategy that runs in it."""


class PriceAhead(Struct, frozen=True):
    """What energy costs in one interval."""

    start: str
    """ISO 8601, UTC."""
    end: str
    buy_eur_kwh: float
    sell_eur_kwh: float
    mark: str | None
    """charge (from the grid), discharge or pv (store surplus alone); None: none of these."""


class PlanStep(Struct, frozen=True):
    """What the plan does in one interval."""

    start: str
    end: str
    action: str
    """charge, discharge, pv or idle."""
    power_w: float
    """Mean of all batteries together."""
    soc_pct: float
    """Of all batteries together, at the end."""


class DayPart(Struct, frozen=True):
    """A stretch of the day in which `timed` runs one strategy."""

    start: str
    end: str
    strategy: str


class Expected(Struct, frozen=True):
    """What is expected in one interval."""

    start: str
    end: str
    power_w: float


class Ahead(Struct, frozen=True):
    """What is known of today and tomorrow."""

    time: str
    prices: tuple[PriceAhead, ...]
    plan: tuple[PlanStep, ...]
    """Empty unless `dynamic` goes by a plan."""
    soc_pct: float | None
    """Of all batteries together, now; None where nobody knows."""
    windows: tuple[DayPart, ...]
    """The local day from midnight to midnight; empty unless `timed` is selected."""
    pv_forecast: tuple[Expected, ...]
    load_forecast: tuple[Expected, ...]
    """Without panels and batteries; empty until it was learnt."""


def ahead(snapshot: Snapshot, settings: Settings, memory: Memory) -> Ahead:
    """Everything that is known, as of the moment of `snapshot`."""
    planned = _planned(snapshot, settings, memory) if _by_plan(settings) else ()
    held = stock(snapshot, settings, memory)
    return Ahead(
        time=iso(snapshot.utc_s),
        prices=_prices(snapshot, settings, planned),
        plan=_steps(planned, held),
        soc_pct=None if held is None else round(held.soc_pct, 1),
        windows=tuple(_day_parts(snapshot.utc_s, settings)),
        pv_forecast=_expected(snapshot.forecast),
        load_forecast=_expected(snapshot.load_forecast),
    )


def iso(utc_s: float) -> str:
    """An instant as the API shows it."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def runs(strategy: str, settings: Settings) -> bool:
    """Whether it is selected, or runs at some time of the day."""
    control = settings.control
    if control.strategy != "timed":
        return control.strategy == strategy
    return strategy in {control.timed.default, *(window.strategy for window in control.timed.windows)}


def _by_plan(settings: Settings) -> bool:
    return runs("dynamic", settings) and settings.control.dynamic.algorithm is Algorithm.PLAN


def _planned(snapshot: Snapshot, settings: Settings, memory: Memory) -> tuple[PlannedInterval, ...]:
    """The plan from now on; empty where none can be made: no price, or nobody knows what batteries hold."""
    now = price_at(snapshot.prices, snapshot.utc_s)
    storage = storage_of(snapshot, settings, memory)
    if now is None or storage is None:
        return ()
    options = settings.control.dynamic
    coming = [replace(now, start_utc_s=min(snapshot.utc_s, now.end_utc_s - LEAST_S))]
    for price in snapshot.prices:
        if price.start_utc_s == coming[-1].end_utc_s:
            coming.append(price)
    loads_w = means_w(snapshot.load_forecast, coming, options.expected_load_w)
    suns_w = means_w(snapshot.forecast, coming, 0.0)
    net_load_w = [load_w - sun_w for load_w, sun_w in zip(loads_w, suns_w, strict=True)]
    return plan(coming, storage, net_load_w, wear_eur_kwh=options.min_spread_eur_kwh).intervals


def _steps(planned: tuple[PlannedInterval, ...], held: Stock | None) -> tuple[PlanStep, ...]:
    if held is None or not held.capacity_wh:
        return ()
    floor_pct = held.soc_pct - held.available_pct
    return tuple(
        PlanStep(
            iso(step.start_utc_s),
            iso(step.end_utc_s),
            _action(step) or "idle",
            round(step.battery_w, 1),
            round(floor_pct + 100.0 * step.stored_wh / held.capacity_wh, 1),
        )
        for step in planned
    )


def _action(step: PlannedInterval) -> str | None:
    if step.battery_w > IDLE_W:
        return "charge" if step.grid_w > IDLE_W else "pv"
    return "discharge" if step.battery_w < -IDLE_W else None


def _prices(
    snapshot: Snapshot, settings: Settings, planned: tuple[PlannedInterval, ...]
) -> tuple[PriceAhead, ...]:
    marks: list[str | None] = [None] * len(snapshot.prices)
    if planned:
        # By their ends: the present interval is planned from now on.
        actions = {step.end_utc_s: _action(step) for step in planned}
        marks = [actions.get(price.end_utc_s) for price in snapshot.prices]
    elif runs("dynamic", settings):
        marks = good_for(snapshot.prices, settings)
    return tuple(
        PriceAhead(
            iso(price.start_utc_s),
            iso(price.end_utc_s),
            round(price.buy_eur_kwh, 5),
            round(price.sell_eur_kwh, 5),
            mark,
        )
        for price, mark in zip(snapshot.prices, marks, strict=True)
    )


def good_for(prices: tuple[PriceInterval, ...], settings: Settings) -> list[str | None]:
    """What each interval is good for, by pairs: charge, discharge, pv or None."""
    options = settings.control.dynamic
    chosen = {
        Mark.CHEAP: options.cheap,
        Mark.NEUTRAL: options.neutral,
        Mark.EXPENSIVE: options.expensive,
    }
    of_day = PairOptions(
        min_spread_eur_kwh=options.min_spread_eur_kwh,
        max_cheap_h=options.max_cheap_h,
        max_expensive_h=options.max_expensive_h,
        sells=options.expensive == SELL,
    )
    marks = pairs(prices, settings.site.time_zone, of_day)
    return [_GOOD_FOR.get(chosen[mark]) for mark in marks]


def day_part(utc_s: float, settings: Settings) -> tuple[float, float, str]:
    """Begin, end and strategy of the stretch of the local day that this moment lies in, by `timed`."""
    parts = list(_stretches(utc_s, settings))
    return next(part for part in parts if part[0] <= utc_s < part[1])


def _day_parts(utc_s: float, settings: Settings) -> Iterator[DayPart]:
    if settings.control.strategy == "timed":
        for start_s, end_s, strategy in _stretches(utc_s, settings):
            yield DayPart(iso(start_s), iso(end_s), strategy)


def _stretches(utc_s: float, settings: Settings) -> Iterator[tuple[float, float, str]]:
    """The local day, cut where another strategy begins."""
    options, zone = settings.control.timed, ZoneInfo(settings.site.time_zone)
    day = datetime.fromtimestamp(utc_s, zone).date()
    begin_s = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    after = day + timedelta(days=1)
    end_s = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
    # The strategy can change where a window begins or ends, in either pass of an hour that comes twice, and
    # where the clock jumps: that is at a quarter of an hour in UTC, wherever on earth.
    cuts = {begin_s + step * 900.0 for step in range(round((end_s - begin_s) / 900.0))}
    for window in options.windows:
        for minute in (window.start_min, window.end_min % 1440):
            for fold in (0, 1):
                at = datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=zone, fold=fold)
                cuts.add(at.timestamp())
    found: list[tuple[float, str]] = []
    for cut_s in sorted(cut_s for cut_s in cuts if begin_s <= cut_s < end_s):
        here = window_at(options.windows, cut_s, settings.site.time_zone)
        strategy = options.default if here is None else here.strategy
        if not found or found[-1][1] != strategy:
            found.append((cut_s, strategy))
    ends_s = [start_s for start_s, _ in found[1:]] + [end_s]
    for (start_s, strategy), until_s in zip(found, ends_s, strict=True):
        yield start_s, until_s, strategy


def _expected(forecast: tuple[ForecastInterval, ...]) -> tuple[Expected, ...]:
    return tuple(
        Expected(iso(part.start_utc_s), iso(part.end_utc_s), round(part.power_w, 1)) for part in forecast
    )
