"""What a strategy is: one method, from a picture of the world to an intent."""

from typing import Protocol

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class Strategy(Protocol):
    """Chooses what to aim for. It sees everything, also each battery's phase, and names no setpoint.

    Found through the entry point group `phasewise.strategies`; the entry point's name is the
    strategy's name in the configuration. Called without arguments once, at the start.
    """

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        """What to aim for now. Pure: same arguments, same intent; no clock, no I/O."""
        ...
