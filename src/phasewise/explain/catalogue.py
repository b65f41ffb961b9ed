"""The shape that every language fills in."""

from collections.abc import Mapping

from msgspec import Struct

from phasewise.model import AlarmCode, FactCode, ReasonCode


class Catalogue(Struct, frozen=True):
    """All sentences of one language.

    A sentence says what happened and what comes next. `{phase}` stands where both "L1" and
    `own_phase` fit, `{subject}` where both a name and `nameless` fit.
    """

    reasons: Mapping[ReasonCode, str]
    alarms: Mapping[AlarmCode, str]
    facts: Mapping[FactCode, str]
    """Added to an alarm that has them; `{value}` is a power, a share, a time or a phase."""
    difference: str
    """Added to a reason that accounts for watts; holds `{power}`."""
    detail: str
    """Added to an alarm that carries a technical detail; holds `{detail}`."""
    own_phase: str
    """Stands for the phase where a reason names none."""
    nameless: str
    """Stands for the subject where an alarm names none."""
    thousands: str
    """Between the thousands of a number."""
