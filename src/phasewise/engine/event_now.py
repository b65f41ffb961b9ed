"""What events are derived from."""

from msgspec import Struct

from phasewise.engine.state import IdentifyState
from phasewise.model import Decision, Settings, Snapshot
from phasewise.model.memory import Memory


class Now(Struct, frozen=True):
    """One decision and what belongs to it."""

    snapshot: Snapshot
    settings: Settings
    """The user's, whatever an identification makes of them."""
    decision: Decision
    memory: Memory
    """After it."""
    identify: IdentifyState | None = None
