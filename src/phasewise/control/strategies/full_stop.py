"""Full stop: every battery at 0 W, at once."""

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class FullStop:
    """All batteries idle until another strategy is selected."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """Stop."""
        return Intent(stop=True)
