"""Charge: fill the batteries, from the grid where the sun does not suffice."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class Charge:
    """Charge at full power; each battery ends at its own ceiling."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """All that the batteries may take."""
        power_w = sum([battery.max_charge_w for battery in settings.batteries])
        return Intent(battery_power_w=power_w, may_discharge=False)
