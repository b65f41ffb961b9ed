"""Phase protection: amps per phase -> the watts that may flow on each phase.

The seam between protection and the allocator is `PhaseBox`. With no phase-aware feature on, or with no
battery assigned, there are no boxes at all (None), and the aggregate path is taken exactly as if this
room did not exist: laws 1 and 2 hold by construction.
"""

from msgspec import Struct

from phasewise.model import Settings


class PhaseBox(Struct, frozen=True):
    """Range that the sum of the batteries assigned to one phase must stay in. Charging positive, W.

    0 outside the box means that relief is required.
    """

    lo_w: float
    hi_w: float


PhaseBoxes = tuple[PhaseBox | None, PhaseBox | None, PhaseBox | None]
"""L1, L2, L3; None = this phase limits nothing."""


def is_active(settings: Settings) -> bool:
    """Whether any decision may depend on the battery-to-phase mapping."""
    return settings.control.phase_aware and any(b.phase.is_assigned for b in settings.batteries)
