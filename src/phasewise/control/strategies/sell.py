"""Sell: empty the batteries down to a goal, into the house and the grid."""

from phasewise.control.strategies.base import Delegate
from phasewise.control.strategies.goals import WH_PER_KWH, Stock, is_reached, latch_of, stock
from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import FollowUp, SellGoal, SellOptions

_GIVES_BACK = (FollowUp.CHARGE_PV, FollowUp.SELF_CONSUMPTION)
"""Follow-ups that charge."""


class Sell:
    """Discharge until the goal is reached, then the follow-up. Each battery ends at its own floor."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | Delegate:
        """All that the batteries may give, or as much as holds the grid at the limit."""
        options = settings.control.sell
        latch = latch_of("sell", options.goal.value, options.soc_pct, options.energy_kwh)
        now = stock(snapshot, settings, memory)
        gap_pct = None if now is None else min(to_go_pct(options, now), now.available_pct)
        finished = now is not None and now.all_empty
        resumes = options.follow_up not in _GIVES_BACK
        if is_reached(latch, memory, gap_pct, finished=finished, resumes=resumes):
            return Delegate(options.follow_up.value, notes=(latch,))
        if options.grid_limit_w is not None:
            return Intent(grid_target_w=-options.grid_limit_w, may_charge=False)
        power_w = sum([battery.max_discharge_w for battery in settings.batteries])
        return Intent(battery_power_w=-power_w, may_charge=False)


def to_go_pct(options: SellOptions, now: Stock) -> float:
    """What is still to be sold. Where the goal can't be judged, nothing: what is sold is gone."""
    if options.goal is SellGoal.SOC and options.soc_pct is not None:
        return now.soc_pct - options.soc_pct
    if options.goal is SellGoal.ENERGY and options.energy_kwh is not None:
        share_pct = now.share_pct(options.energy_kwh * WH_PER_KWH)
        return 0.0 if share_pct is None else now.available_pct - share_pct
    return now.available_pct
