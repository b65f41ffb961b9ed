"""Self-consumption: hold the grid total at the target, in both directions."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class SelfConsumption:
    """Charge from surplus, discharge for the house; the grid is held at `target_grid_w`."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """Hold the grid at the target."""
        return Intent(grid_target_w=settings.control.target_grid_w)
