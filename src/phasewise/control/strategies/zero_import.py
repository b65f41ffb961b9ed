"""Zero import: cover the house from the batteries, never charge."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class ZeroImport:
    """As self-consumption, but surplus is left to the grid."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """Hold the grid at the target as far as discharging can."""
        return Intent(grid_target_w=settings.control.target_grid_w, may_charge=False)
