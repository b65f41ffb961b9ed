"""How far the batteries are from a goal, and when a goal that was reached no longer is.

Everything in % of the capacity of all batteries that take part. A battery that does not tell its capacity
counts as the mean of those that do; where none does, all count the same.
"""

from collections.abc import Iterator

from msgspec import Struct

from phasewise.control.limits import is_usable
from phasewise.model import BatterySettings, BatterySnapshot, Settings, Snapshot
from phasewise.model.memory import HealthMemory, Memory

RESUME_PCT = 5.0
"""This far from a goal that was reached, it is pursued again: beyond the steps of a SoC register (1 %),
what a battery loses at rest in a day, and the jump of a SoC estimate that corrects itself."""
WH_PER_KWH = 1000.0


class Stock(Struct, frozen=True):
    """What the batteries that take part hold together."""

    soc_pct: float
    """Mean, weighted by capacity."""
    available_pct: float
    """Above the floors, >= 0."""
    room_pct: float
    """Below the ceilings, >= 0."""
    capacity_wh: float | None
    """None while no battery tells its own."""
    all_full: bool
    all_empty: bool

    def share_pct(self, energy_wh: float) -> float | None:
        """An energy in % of the capacity; None while that is unknown."""
        return None if self.capacity_wh is None else 100.0 * energy_wh / self.capacity_wh


def stock(snapshot: Snapshot, settings: Settings, memory: Memory) -> Stock | None:
    """What there is now; None while no battery can take part."""
    parts = list(_parts(snapshot, settings, memory))
    if not parts:
        return None
    known_wh = [capacity_wh for _, _, capacity_wh, _ in parts if capacity_wh > 0.0]
    usual_wh = sum(known_wh) / len(known_wh) if known_wh else 1.0
    weights = [capacity_wh if capacity_wh > 0.0 else usual_wh for _, _, capacity_wh, _ in parts]
    whole = sum(weights)
    soc = available = room = 0.0
    for (battery, soc_pct, _, _), weight in zip(parts, weights, strict=True):
        share = weight / whole
        soc += share * soc_pct
        available += share * max(soc_pct - battery.min_soc_pct, 0.0)
        room += share * max(battery.max_soc_pct - soc_pct, 0.0)
    return Stock(
        soc_pct=soc,
        available_pct=available,
        room_pct=room,
        capacity_wh=whole if known_wh else None,
        all_full=all(health.full for _, _, _, health in parts),
        all_empty=all(health.empty for _, _, _, health in parts),
    )


def _parts(
    snapshot: Snapshot, settings: Settings, memory: Memory
) -> Iterator[tuple[BatterySettings, float, float, HealthMemory]]:
    """Each battery that takes part with its SoC, its capacity (0 = unknown) and its health."""
    healths = {health.id: health for health in memory.health}
    for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True):
        health = healths.get(battery.id) or HealthMemory(battery.id)
        reading = seen.reading
        if reading is None or reading.soc_pct is None or not _takes_part(battery, seen, health, snapshot):
            continue
        yield battery, reading.soc_pct, reading.capacity_wh or 0.0, health


def _takes_part(
    battery: BatterySettings, seen: BatterySnapshot, health: HealthMemory, snapshot: Snapshot
) -> bool:
    """Whether what the strategy wants can move it: otherwise it must not keep the others from their goal."""
    return (
        is_usable(seen, health, snapshot.time_s)
        and seen.reading is not None
        and seen.reading.controllable
        and not battery.override.out_of_service
        and battery.override.held_w(snapshot.utc_s) is None
        and not health.stopped
    )


def latch_of(strategy: str, goal: str, soc_pct: float | None, energy_kwh: float | None) -> str:
    """The note that says that a goal was reached: another goal is another note."""
    amount = {"soc": soc_pct, "energy": energy_kwh}.get(goal)
    return f"{strategy}: {goal} reached" if amount is None else f"{strategy}: {goal} {amount:g} reached"


def is_reached(latch: str, memory: Memory, gap_pct: float | None, *, finished: bool, resumes: bool) -> bool:
    """Whether the follow-up runs now.

    `latch`: the note that says that it was reached, to be returned again while it is. `gap_pct`: what is
    still missing; None while no battery can tell. `finished`: no battery can go farther. `resumes`: whether
    a goal that is lost again is pursued again; no, where the follow-up itself takes the batteries away from
    it: they would flap.
    """
    if latch in memory.notes:
        return not resumes or gap_pct is None or gap_pct <= RESUME_PCT
    return gap_pct is not None and (finished or gap_pct <= 0.0)
