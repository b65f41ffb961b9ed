"""Dynamic: another strategy while energy is cheap, while it is expensive, and in between."""

from phasewise.control.plan import Mark, PairOptions, pairs
from phasewise.control.strategies.base import Delegate
from phasewise.control.strategies.planned import SELL, planned
from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval, price_at
from phasewise.model.strategy_options import Algorithm

NO_PRICE = "dynamic: no price"
"""The note that says why the fallback runs."""
_MARKED = "dynamic: "


class Dynamic:
    """Hands over to the strategy for cheap, neutral or expensive intervals; or does what a plan says."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | Delegate:
        """What the plan says, or whose turn it is. A mark is made once, when an interval or new settings
        begin. By pairs, also where a plan is wanted but nobody knows how much the batteries hold."""
        options = settings.control.dynamic
        now = price_at(snapshot.prices, snapshot.utc_s)
        if now is None:
            return Delegate(options.fallback, notes=(NO_PRICE,))
        if options.algorithm is Algorithm.PLAN:
            intent = planned(now, snapshot, settings, memory)
            if intent is not None:
                return intent
        about = f"{_MARKED}{now.start_utc_s:.0f} {now.buy_eur_kwh} {now.sell_eur_kwh} {options} is "
        made = next((note.removeprefix(about) for note in memory.notes if note.startswith(about)), None)
        mark = _mark(now, snapshot, settings) if made is None else Mark(made)
        chosen = {Mark.CHEAP: options.cheap, Mark.NEUTRAL: options.neutral, Mark.EXPENSIVE: options.expensive}
        return Delegate(chosen[mark], notes=(f"{about}{mark.value}",))


def _mark(now: PriceInterval, snapshot: Snapshot, settings: Settings) -> Mark:
    options = settings.control.dynamic
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
