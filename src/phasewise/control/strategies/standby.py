"""Standby: idle, unless a limit of a phase or of the connection calls for a battery."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class Standby:
    """Nothing of its own accord; peak limits and protection come on top of every strategy."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """All batteries together at 0 W."""
        return Intent(battery_power_w=0.0)
