"""Sell: empty the batteries into the house and the grid."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class Sell:
    """Discharge at full power; each battery ends at its own floor."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """All that the batteries may give."""
        power_w = sum([battery.max_discharge_w for battery in settings.batteries])
        return Intent(battery_power_w=-power_w, may_charge=False)
