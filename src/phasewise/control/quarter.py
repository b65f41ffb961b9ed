"""The capacity tariff: the mean import of a clock quarter is kept below a target.

Energy that was imported counts, whatever is exported later in the quarter. So what may still be imported
in the rest of the quarter makes a pace. Batteries do not charge beyond it. They discharge only when they
must: when what is too much has grown to most of what they could still take back (never more than what is
imported), because until then the load may end by itself. A quarter of an hour of UTC is one of local time.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from phasewise.model import CAPACITY_FLOOR_W, QuarterDecision, Settings, Snapshot
from phasewise.model.memory import QuarterMemory

QUARTER_S = 900.0
QUARTER_H = 0.25
SECONDS_PER_H = 3600.0
INSIDE_W = 20.0
"""Less than 1 % of any target. A load that comes in the last seconds, before a battery has answered, uses
5 Wh; this leaves room for it."""
BEGIN = 0.8
"""Batteries begin when this share of what they could still take back is needed: one that gives less than it
should finds a fifth in reserve."""
RISE_W = 4000.0
"""Or as soon as they could not take this much more: an oven, a kettle and a hob that come later."""
END = 0.6
"""They end when no more than this share of that is needed: the load has fallen."""
SETTLED_S = 5.0
"""Around the turn of a quarter a meter may still tell the demand of the one before."""
GAP_S = 60.0
"""What was imported in a longer gap is not known."""
LEAST_S = 1.0
"""What is left of a quarter is never divided by less."""


def follow(snapshot: Snapshot, settings: Settings, memory: QuarterMemory) -> QuarterMemory:
    """Count what a new sample says: by the meter's own demand and month's peak where it tells them."""
    grid = snapshot.grid
    if grid is None:
        return memory
    at_s = grid.meter_time_s
    if at_s is None:
        at_s = snapshot.utc_s - (snapshot.time_s - grid.sampled_s)
    start_s = at_s - at_s % QUARTER_S
    import_w = max(0.0, grid.total_power_w)
    if memory.start_utc_s != start_s:
        memory = _begun(start_s, at_s, settings, memory)
    passed_s = max(0.0, at_s - memory.at_utc_s)
    imported_wh = memory.imported_wh + (import_w + memory.import_w) / 2.0 * passed_s / SECONDS_PER_H
    complete = memory.complete and passed_s <= GAP_S
    if grid.quarter_demand_w is not None and at_s - start_s >= SETTLED_S:
        imported_wh, complete = grid.quarter_demand_w * QUARTER_H, True
    peak_w = memory.month_peak_w if grid.month_peak_w is None else grid.month_peak_w
    return replace(
        memory,
        at_utc_s=at_s,
        import_w=import_w,
        imported_wh=imported_wh,
        complete=complete,
        month_peak_w=peak_w,
    )


def _begun(start_s: float, at_s: float, settings: Settings, memory: QuarterMemory) -> QuarterMemory:
    """This quarter as of its beginning; as of now when the one before was not seen."""
    month = datetime.fromtimestamp(start_s, ZoneInfo(settings.site.time_zone)).strftime("%Y-%m")
    of_month = QuarterMemory(month=month, month_peak_w=memory.month_peak_w if memory.month == month else 0.0)
    if memory.start_utc_s is None or start_s != memory.start_utc_s + QUARTER_S:
        # As if at the target so far: the rest of it is kept there too.
        seen_s = at_s - start_s
        imported_wh = (target_w(of_month, settings) - INSIDE_W) * seen_s / SECONDS_PER_H
        return replace(
            of_month,
            start_utc_s=start_s,
            at_utc_s=at_s,
            imported_wh=imported_wh,
            complete=seen_s <= SETTLED_S,
        )
    rest_s = start_s - memory.at_utc_s
    known = rest_s <= GAP_S
    mean_w = (memory.imported_wh + memory.import_w * rest_s / SECONDS_PER_H) / QUARTER_H
    if memory.complete and known and memory.month == month:
        of_month = replace(of_month, month_peak_w=max(of_month.month_peak_w, mean_w))
    return replace(of_month, start_utc_s=start_s, at_utc_s=start_s, import_w=memory.import_w, complete=known)


def target_w(memory: QuarterMemory, settings: Settings) -> float:
    """What the quarter is kept below: less than the floor, or than the month's peak so far, gains nothing."""
    return max(settings.control.capacity_tariff.target_w, CAPACITY_FLOOR_W, memory.month_peak_w)


def pace(
    memory: QuarterMemory, settings: Settings, house_w: float, help_w: float
) -> tuple[float, QuarterMemory]:
    """Mean import that is left for the rest of the quarter, >= 0, and whether batteries must work for it.

    `house_w`: import if no battery charged, and none discharged but for the strategy. `help_w`: by how
    much batteries could lower it, >= 0. They work for the quarter while `limit_w` of the memory is set.
    """
    if memory.start_utc_s is None:
        return float("inf"), memory
    left_s = max(memory.start_utc_s + QUARTER_S - memory.at_utc_s, LEAST_S)
    left_wh = (target_w(memory, settings) - INSIDE_W) * QUARTER_H - memory.imported_wh
    left_w = left_wh * SECONDS_PER_H / left_s
    import_w = max(0.0, house_w)
    over_w = import_w - left_w
    due_w = max(0.0, min(BEGIN * min(help_w, import_w), help_w - RISE_W))
    if memory.limit_w is not None:
        due_w *= END
    pace_w = max(0.0, left_w)
    must = import_w > pace_w and over_w >= due_w
    return pace_w, replace(memory, limit_w=pace_w if must else None)


def decided(memory: QuarterMemory, settings: Settings, grid_w: float) -> QuarterDecision | None:
    """The quarter as shown; `grid_w` is what is expected of the grid total from now on."""
    if memory.start_utc_s is None:
        return None
    left_s = memory.start_utc_s + QUARTER_S - memory.at_utc_s
    so_far_w = memory.imported_wh / QUARTER_H
    return QuarterDecision(
        so_far_w=so_far_w,
        forecast_w=so_far_w + max(0.0, grid_w) * left_s / QUARTER_S,
        target_w=target_w(memory, settings),
        limit_w=memory.limit_w,
        month_peak_w=memory.month_peak_w,
    )
