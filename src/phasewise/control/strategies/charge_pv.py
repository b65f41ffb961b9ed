"""Charge from the sun: store surplus, never discharge."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class ChargePv:
    """As self-consumption, but the house is left to the grid."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """Hold the grid at the target as far as charging can."""
        return Intent(grid_target_w=settings.control.target_grid_w, may_discharge=False)
