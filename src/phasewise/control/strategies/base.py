"""What a strategy is: one method, from a picture of the world to an intent."""

from typing import Protocol

from msgspec import Struct

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory


class Delegate(Struct, frozen=True):
    """Another strategy decides now: a follow-up, or what a timetable says."""

    strategy: str
    settings: Settings | None = None
    """What it is to see; None = the same settings."""
    notes: tuple[str, ...] = ()
    """As those of an intent; both are kept."""


class Strategy(Protocol):
    """Chooses what to aim for. It sees everything, also each battery's phase, and names no setpoint.

    Found through the entry point group `phasewise.strategies`; the entry point's name is the
    strategy's name in the configuration. Called without arguments once, at the start.
    """

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | Delegate:
        """What to aim for now, or who says so. Pure: same arguments, same answer; no clock, no I/O."""
        ...
