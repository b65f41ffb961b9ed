"""Charge: fill the batteries up to a goal, from the grid where the sun does not suffice."""

from phasewise.control.strategies.base import Delegate
from phasewise.control.strategies.goals import WH_PER_KWH, Stock, is_reached, latch_of, stock
from phasewise.control.strategies.outlook import sun_ahead_wh
from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import ChargeGoal, ChargeOptions, FollowUp

NO_FORECAST = "charge: no forecast"
"""The note that says why it charges fully."""
_TAKES_AWAY = (FollowUp.SELF_CONSUMPTION, FollowUp.ZERO_IMPORT)
"""Follow-ups that discharge."""


class Charge:
    """Charge until the goal is reached, then the follow-up. Each battery ends at its own ceiling."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | Delegate:
        """All that the batteries may take, or as much as holds the grid at the limit."""
        options = settings.control.charge
        sun_wh = None
        if options.goal is ChargeGoal.SOLAR:
            sun_wh = sun_ahead_wh(snapshot, settings.site.time_zone)
        latch = latch_of("charge", options.goal.value, options.soc_pct, options.energy_kwh)
        now = stock(snapshot, settings, memory)
        gap_pct = None if now is None else min(to_go_pct(options, now, sun_wh), now.room_pct)
        finished = now is not None and now.all_full
        resumes = options.follow_up not in _TAKES_AWAY
        if is_reached(latch, memory, gap_pct, finished=finished, resumes=resumes):
            return Delegate(options.follow_up.value, notes=(latch,))
        notes = (NO_FORECAST,) if options.goal is ChargeGoal.SOLAR and sun_wh is None else ()
        if options.grid_limit_w is not None:
            return Intent(grid_target_w=options.grid_limit_w, may_discharge=False, notes=notes)
        power_w = sum([battery.max_charge_w for battery in settings.batteries])
        return Intent(battery_power_w=power_w, may_discharge=False, notes=notes)


def to_go_pct(options: ChargeOptions, now: Stock, sun_wh: float | None) -> float:
    """What is still to be charged. Where the goal can't be judged, everything."""
    if options.goal is ChargeGoal.SOC and options.soc_pct is not None:
        return options.soc_pct - now.soc_pct
    if options.goal is ChargeGoal.ENERGY and options.energy_kwh is not None:
        share_pct = now.share_pct(options.energy_kwh * WH_PER_KWH)
        return now.room_pct if share_pct is None else share_pct - now.available_pct
    if options.goal is ChargeGoal.SOLAR and sun_wh is not None:
        surplus_wh = max(sun_wh - options.reserved_for_house_kwh * WH_PER_KWH, 0.0)
        share_pct = now.share_pct(surplus_wh)
        return now.room_pct if share_pct is None else now.room_pct - share_pct
    return now.room_pct
