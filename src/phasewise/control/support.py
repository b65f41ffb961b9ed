"""What each phase can still be helped with: only a battery ON a phase helps that phase.

Discharge available on L2 counts nothing for a peak on L3; an unassigned battery counts nowhere.
"""

from collections.abc import Sequence

from msgspec import Struct

from phasewise.control.order import ordered
from phasewise.model import Assignment, BatteryDecision, Command, Phase, Settings

THREE_PHASE_SHARE = 1.0 / 3.0


class Support(Struct, frozen=True):
    """How far the batteries can move the grid power of one phase now, in W, both >= 0."""

    up: tuple[tuple[str, float], ...]
    """(battery id, W) that raise it, in the order in which they would be used."""
    down: tuple[tuple[str, float], ...]
    """(battery id, W) that lower it, likewise."""

    @property
    def up_w(self) -> float:
        """The sum of `up`."""
        return sum(w for _, w in self.up)

    @property
    def down_w(self) -> float:
        """The sum of `down`."""
        return sum(w for _, w in self.down)


def support(
    phase: Phase, settings: Settings, decided: Sequence[BatteryDecision], order: Sequence[str] = ()
) -> Support:
    """The support that the batteries assigned to `phase` can give, from where they are told to be now.

    It is what they can do, whatever the strategy allows: relief overrides it. Those on this phase alone come
    before three-phase ones, each in the order in which relief uses them. `order`: where `cycle` turned it.
    """
    up: list[tuple[str, float]] = []
    down: list[tuple[str, float]] = []
    ids = [b.id for b in settings.batteries]
    for charging, found in ((True, up), (False, down)):
        used = ordered(ids, order or settings.control.priority, charging=charging)
        for index in sorted(used, key=lambda i: settings.batteries[i].phase is Assignment.THREE_PHASE):
            share = _share(settings.batteries[index].phase, phase)
            told = decided[index]
            if not share or told.command is Command.NONE:
                continue
            room_w = told.can_hi_w - told.setpoint_w if charging else told.setpoint_w - told.can_lo_w
            if room_w > 0:
                found.append((told.id, share * room_w))
    return Support(tuple(up), tuple(down))


def _share(assignment: Assignment, phase: Phase) -> float:
    if assignment is Assignment.THREE_PHASE:
        return THREE_PHASE_SHARE
    return 1.0 if assignment.phase is phase else 0.0
