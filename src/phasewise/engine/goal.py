"""What the selected strategy works towards, and how far it is."""

from phasewise.control.strategies import charge, sell
from phasewise.control.strategies.goals import WH_PER_KWH, Stock, latch_of, stock
from phasewise.control.strategies.outlook import sun_ahead_wh
from phasewise.control.strategies.windows import window_at
from phasewise.engine.state import GoalState
from phasewise.explain import Goal, Text, goal_text
from phasewise.model import Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import ChargeGoal, ChargeOptions, SellOptions


def goal_state(snapshot: Snapshot, settings: Settings, memory: Memory) -> GoalState | None:
    """None for a strategy without a goal. `memory`: as the decision left it."""
    options = _options(snapshot, settings)
    if options is None:
        return None
    strategy = "charge" if isinstance(options, ChargeOptions) else "sell"
    goal, energy_kwh = options.goal.value, options.energy_kwh
    reached = latch_of(strategy, goal, options.soc_pct, energy_kwh) in memory.notes
    now = stock(snapshot, settings, memory)
    capacity_wh = None if now is None else now.capacity_wh
    found = Goal(
        strategy=strategy,
        goal=goal,
        target_pct=options.soc_pct,
        target_wh=None if energy_kwh is None else energy_kwh * WH_PER_KWH,
        now_pct=None if now is None else now.soc_pct,
        now_wh=None if now is None or capacity_wh is None else now.available_pct / 100.0 * capacity_wh,
        reached=reached,
    )
    progress = 1.0 if reached else None if now is None else _progress(options, now, snapshot, settings)
    return GoalState(Text(goal_text, found), progress)


def _options(snapshot: Snapshot, settings: Settings) -> ChargeOptions | SellOptions | None:
    """Those of the strategy that is selected; of `timed`, those of the present window."""
    control = settings.control
    name, charging, selling = control.strategy, control.charge, control.sell
    if name == "timed":
        window = window_at(control.timed.windows, snapshot.utc_s, settings.site.time_zone)
        if window is None:
            name = control.timed.default
        else:
            name, charging, selling = window.strategy, window.charge or charging, window.sell or selling
    if name == "charge":
        return charging
    return selling if name == "sell" else None


def _progress(
    options: ChargeOptions | SellOptions, now: Stock, snapshot: Snapshot, settings: Settings
) -> float:
    """0 to 1: what there is of the way from the floor, or the ceiling, to the goal. It needs no begin."""
    if isinstance(options, ChargeOptions):
        solar = options.goal is ChargeGoal.SOLAR
        sun_wh = sun_ahead_wh(snapshot, settings.site.time_zone) if solar else None
        gap_pct, done_pct = min(charge.to_go_pct(options, now, sun_wh), now.room_pct), now.available_pct
    else:
        gap_pct, done_pct = min(sell.to_go_pct(options, now), now.available_pct), now.room_pct
    return 1.0 if gap_pct <= 0.0 else round(done_pct / (done_pct + gap_pct), 3)
