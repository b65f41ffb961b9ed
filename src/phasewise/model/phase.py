"""Electrical phases, and which of them a battery is connected to."""

from enum import StrEnum


class Phase(StrEnum):
    """One line conductor of the connection."""

    L1 = "L1", 0
    L2 = "L2", 1
    L3 = "L3", 2

    ordinal: int
    """Position in every per-phase tuple: L1 is 0."""

    def __new__(cls, value: str, ordinal: int) -> "Phase":
        """A plain attribute: it is asked for dozens of times per decision."""
        phase = str.__new__(cls, value)
        phase._value_ = value
        phase.ordinal = ordinal
        return phase


PHASES: tuple[Phase, Phase, Phase] = (Phase.L1, Phase.L2, Phase.L3)


class Assignment(StrEnum):
    """Which phase a battery feeds, as the user said it. The software never sets or changes this."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    THREE_PHASE = "three-phase"
    UNASSIGNED = "unassigned"

    @property
    def phase(self) -> Phase | None:
        """The single phase, or None for a three-phase or unassigned battery."""
        return _PHASE_OF[self]

    @property
    def is_assigned(self) -> bool:
        """True for L1, L2, L3 and three-phase."""
        return self is not Assignment.UNASSIGNED


_PHASE_OF: dict[Assignment, Phase | None] = {
    Assignment.L1: Phase.L1,
    Assignment.L2: Phase.L2,
    Assignment.L3: Phase.L3,
    Assignment.THREE_PHASE: None,
    Assignment.UNASSIGNED: None,
}
