"""Whose turn it is: the order of the batteries as the user's `cycle` has it now.

Days and weeks begin at 02:00 on the wall clock of the site. The order follows from the date alone, so a
restart changes nothing, and a day of 23 or 25 hours turns it exactly once.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from phasewise.control.order import ordered
from phasewise.model import Cycle, Settings, Snapshot, Split
from phasewise.model.memory import PreferMemory

TURNS_AT = timedelta(hours=2)
"""Houses are quiet at 02:00."""
DAYS = {Cycle.DAILY: 1, Cycle.WEEKLY: 7}
SLOT_S = 1800.0
"""`auto` looks at the charge every half hour: a full battery needs two hours to empty."""
SOC_MOVES_PCT = 2.0
"""Parts of a balanced split are made anew when a battery's charge has moved by this much: two steps of the
coarsest SoC register. Less would move power to and fro with every step."""


def in_turn(snapshot: Snapshot, settings: Settings, memory: PreferMemory) -> tuple[Settings, PreferMemory]:
    """The settings with the priority that counts now, and what to remember."""
    control = settings.control
    if control.split is Split.SOC_BALANCE:
        memory = _balanced_by(snapshot, memory)
    if control.cycle is Cycle.NEVER:
        return settings, memory
    ids = [battery.id for battery in settings.batteries]
    listed = [ids[i] for i in ordered(ids, control.priority, charging=True)]
    if control.cycle is Cycle.AUTO:
        memory = _by_charge(snapshot, memory)
        # Those whose charge is not known come last.
        known = [i for i in memory.order if i in listed]
        order = known + [i for i in listed if i not in known]
    else:
        turn = turns(snapshot.utc_s, settings.site.time_zone, DAYS[control.cycle]) % max(len(listed), 1)
        order = listed[turn:] + listed[:turn]
    return replace(settings, control=replace(control, priority=tuple(order))), memory


def turns(utc_s: float, time_zone: str, days: int) -> int:
    """How often the order has turned so far, when it turns every day, or every seven days on Sunday."""
    local = datetime.fromtimestamp(utc_s, ZoneInfo(time_zone)).replace(tzinfo=None)
    # Day 1 of the calendar was a Monday, so that every day divisible by 7 is a Sunday.
    return (local - TURNS_AT).toordinal() // days


def _by_charge(snapshot: Snapshot, memory: PreferMemory) -> PreferMemory:
    """The emptiest is charged first, and the fullest discharged first: looked at once per half hour."""
    socs = {
        seen.id: seen.reading.soc_pct
        for seen in snapshot.batteries
        if seen.reading is not None and seen.reading.soc_pct is not None
    }
    slot = int(snapshot.utc_s // SLOT_S)
    if slot == memory.slot and socs.keys() <= set(memory.order):
        return memory
    return replace(memory, slot=slot, order=tuple(sorted(socs, key=socs.__getitem__)))


def _balanced_by(snapshot: Snapshot, memory: PreferMemory) -> PreferMemory:
    """With the charges by which parts are made: those remembered, until they have moved far enough."""
    found = {}
    before = memory.socs_pct
    for seen in snapshot.batteries:
        before_pct = before.get(seen.id)
        now_pct = None if seen.reading is None else seen.reading.soc_pct
        if before_pct is not None and (
            now_pct is None or -SOC_MOVES_PCT < now_pct - before_pct < SOC_MOVES_PCT
        ):
            found[seen.id] = before_pct
        elif now_pct is not None:
            found[seen.id] = now_pct
    return memory if found == before else replace(memory, socs_pct=found)
