"""How far each battery may still go: its own box, and the room that all on its phase share.

A single-phase unit takes room on its phase, a three-phase unit a third on each. An unassigned unit under
worst-case may be on any phase, so every watt that it moves away from what it did at the meter's instant
takes room on all of them; back toward that it moves for free.
"""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from phasewise.control.limits import Unit
from phasewise.control.protection import PhaseBoxes
from phasewise.model import PHASES, Assignment

THIRD = 1.0 / 3.0
NOTHING_W = 1e-9
"""Less is the rounding of floats."""
ROUNDING_W = 1e-6
"""The same for a sum of sums."""


INFINITE = float("inf")
_UNASSIGNED = Assignment.UNASSIGNED
FULL_W = 2.0
"""A phase with less room than this has none: powers are rounded to its safe side."""


class Places(Struct, frozen=True):
    """Which unit takes room where, by its position."""

    phase: tuple[int | None, ...] = ()
    """The single phase that it is on, L1 = 0; empty where no limits hold."""
    single: tuple[tuple[int, int], ...] = ()
    """(position, phase) of those that are on one."""
    three: tuple[int, ...] = ()
    """Three-phase units."""
    confined: tuple[int, ...] = ()
    """Unassigned units under worst-case."""


NOWHERE = Places()


@lru_cache(maxsize=64)
def places_of(assignments: tuple[Assignment, ...], worst_case: bool) -> Places:
    """A home has the same places in every decision."""
    by_position = list(enumerate(assignments))
    return Places(
        tuple([None if a.phase is None else a.phase.ordinal for a in assignments]),
        tuple([(i, a.phase.ordinal) for i, a in by_position if a.phase is not None]),
        tuple([i for i, a in by_position if a is Assignment.THREE_PHASE]),
        tuple([i for i, a in by_position if a is Assignment.UNASSIGNED and worst_case]),
    )


class Limits(Struct, frozen=True):
    """What the phases allow, in addition to each unit's own box."""

    boxes: PhaseBoxes
    worst_case: bool = True
    """Whether unassigned units are confined to what is safe on every phase; else they take no room."""

    def confines(self, unit: Unit) -> bool:
        """Whether it is an unassigned unit under worst-case."""
        return self.worst_case and unit.phase is _UNASSIGNED


class Room:
    """Powers of all units, and how far each may move. Charging positive, W. Changed in place.

    `lo_w` and `hi_w` are the units' boxes for now; whoever sets them says in which direction units may go.
    """

    __slots__ = (
        "hi_w",
        "high_w",
        "inside",
        "limits",
        "lo_w",
        "low_w",
        "places",
        "powers_w",
        "sizes",
        "sums_w",
        "units",
    )

    def __init__(
        self,
        units: Sequence[Unit],
        powers_w: list[float],
        lo_w: list[float],
        hi_w: list[float],
        limits: Limits | None,
        places: Places | None = None,
    ) -> None:
        self.units = units
        self.powers_w = powers_w
        self.lo_w = lo_w
        self.hi_w = hi_w
        self.limits = limits
        self.sizes: Sequence[float] = ()
        """Each unit's part in a split in proportion, > 0; set by whoever splits so."""
        self.places = NOWHERE
        self.low_w: list[float] = []
        """Per phase: least sum of the units on it; -inf where nothing limits it."""
        self.high_w: list[float] = []
        self.sums_w = [0.0, 0.0, 0.0]
        """Per phase: sum of the units on it."""
        self.inside = True
        """Whether every phase was inside its box at first."""
        if limits is not None:
            self.places = places or places_of(tuple([unit.phase for unit in units]), limits.worst_case)
            self._bind(limits)

    def again(self, powers_w: list[float], lo_w: list[float], hi_w: list[float]) -> "Room":
        """A room for the same units within the same limits, with other powers and boxes."""
        return Room(self.units, powers_w, lo_w, hi_w, self.limits, self.places)

    def above_or_below(self, lo_w: list[float], hi_w: list[float]) -> "Room":
        """The same room, of which nothing on a phase was moved yet, with other boxes of the units."""
        room = Room(self.units, list(self.powers_w), lo_w, hi_w, None)
        if self.limits is not None:
            room.limits, room.places = self.limits, self.places
            room.low_w, room.high_w, room.sums_w = self.low_w, self.high_w, list(self.sums_w)
        return room

    @property
    def coupled(self) -> bool:
        """Whether some unit takes room on several phases, so that who goes first decides how much goes."""
        return bool(self.places.three or self.places.confined)

    def _bind(self, limits: Limits) -> None:
        sums_w = self.sums_w = self._sums(self.powers_w)
        for box, sum_w in zip(limits.boxes, sums_w, strict=True):
            lo_w, hi_w = (-INFINITE, INFINITE) if box is None else (box.lo_w, box.hi_w)
            if not lo_w <= sum_w <= hi_w:
                # It has no room left, but is not made worse by moving nothing.
                self.inside = False
                lo_w, hi_w = min(lo_w, sum_w), max(hi_w, sum_w)
            self.low_w.append(lo_w)
            self.high_w.append(hi_w)

    def put(self, powers_w: Sequence[float]) -> None:
        """Set all powers at once."""
        self.powers_w = list(powers_w)
        if self.limits is not None:
            self.sums_w = self._sums(powers_w)

    def put_if_allowed(self, powers_w: Sequence[float]) -> bool:
        """Set all powers, if they leave every phase inside its box, or as near to it as it is now."""
        if self.limits is None:
            self.powers_w = list(powers_w)
            return True
        above_w = below_w = 0.0
        for index in self.places.confined:
            by_w = powers_w[index] - self.units[index].at_w
            if by_w > 0.0:
                above_w += by_w
            else:
                below_w -= by_w
        sums_w = self._sums(powers_w)
        for sum_w, low_w, high_w in zip(sums_w, self.low_w, self.high_w, strict=True):
            if sum_w - below_w < low_w - ROUNDING_W or sum_w + above_w > high_w + ROUNDING_W:
                return False
        self.powers_w, self.sums_w = list(powers_w), sums_w
        return True

    def _sums(self, powers_w: Sequence[float]) -> list[float]:
        sums_w = [0.0, 0.0, 0.0]
        for index, phase in self.places.single:
            sums_w[phase] += powers_w[index]
        if self.places.three:
            third_w = sum([powers_w[index] for index in self.places.three]) * THIRD
            sums_w = [sum_w + third_w for sum_w in sums_w]
        return sums_w

    def phase_of(self, index: int) -> int | None:
        """The single phase that a unit takes room on, where limits hold."""
        return self.places.phase[index] if self.places.phase else None

    @property
    def confined(self) -> Sequence[int]:
        """Unassigned units under worst-case."""
        return self.places.confined

    @property
    def three(self) -> Sequence[int]:
        """Three-phase units, where limits hold."""
        return self.places.three

    def strayed_w(self, *, up: bool) -> float:
        """By how much confined units are above (`up`) or below what they did at the meter's instant."""
        strayed_w = 0.0
        for index in self.places.confined:
            by_w = self.powers_w[index] - self.units[index].at_w
            if (by_w > 0.0) == up:
                strayed_w += abs(by_w)
        return strayed_w

    def left_w(self, phase: int, *, up: bool) -> float:
        """Room of one phase in one direction, >= 0; inf where nothing limits it."""
        sum_w = self.sums_w[phase]
        left_w = self.high_w[phase] - sum_w if up else sum_w - self.low_w[phase]
        if self.places.confined:
            left_w -= self.strayed_w(up=up)
        return left_w if left_w > 0.0 else 0.0

    def all_left_w(self, *, up: bool) -> list[float]:
        """Room of each phase in one direction, as `left_w`."""
        strayed_w = self.strayed_w(up=up) if self.places.confined else 0.0
        sum1_w, sum2_w, sum3_w = self.sums_w
        if up:
            end1_w, end2_w, end3_w = self.high_w
            left_w = [end1_w - sum1_w - strayed_w, end2_w - sum2_w - strayed_w, end3_w - sum3_w - strayed_w]
        else:
            end1_w, end2_w, end3_w = self.low_w
            left_w = [sum1_w - end1_w - strayed_w, sum2_w - end2_w - strayed_w, sum3_w - end3_w - strayed_w]
        return left_w if min(left_w) >= 0.0 else [w if w > 0.0 else 0.0 for w in left_w]

    def own_w(self, index: int, *, up: bool) -> float:
        """How far a unit's own box lets it go, >= 0."""
        power_w = self.powers_w[index]
        own_w = self.hi_w[index] - power_w if up else power_w - self.lo_w[index]
        return own_w if own_w > 0.0 else 0.0

    def free_w(self, index: int, *, up: bool) -> float:
        """How far a confined unit may go before it takes room of the phases."""
        by_w = self.units[index].at_w - self.powers_w[index]
        free_w = by_w if up else -by_w
        return free_w if free_w > 0.0 else 0.0

    def can_w(self, index: int, *, up: bool) -> float:
        """How far a unit can go: its own box, and what is left on its phase."""
        own_w = self.own_w(index, up=up)
        if self.limits is None or own_w == 0.0:
            return own_w
        phase = self.places.phase[index]
        if phase is not None:
            allowed_w = self.left_w(phase, up=up)
        elif index in self.places.three:
            allowed_w = 3.0 * min(self.all_left_w(up=up))
        elif index in self.places.confined:
            allowed_w = self.free_w(index, up=up) + min(self.all_left_w(up=up))
        else:
            return own_w
        return allowed_w if allowed_w < own_w else own_w

    def move(self, index: int, by_w: float) -> None:
        """Move a unit. It is for the caller to ask first how far it can go."""
        self.powers_w[index] += by_w
        if self.limits is None:
            return
        phase = self.places.phase[index]
        if phase is not None:
            self.sums_w[phase] += by_w
        elif index in self.places.three:
            for p in range(len(PHASES)):
                self.sums_w[p] += by_w * THIRD

    def held(self, *, up: bool) -> tuple[int, ...]:
        """Units that could go on by their own box, but for their phase."""
        if self.limits is None:
            return ()
        left = self.all_left_w(up=up)
        if min(left) >= FULL_W:
            return ()
        full = [left_w < FULL_W for left_w in left]
        anywhere = (*self.places.three, *self.places.confined)
        return tuple(
            [
                index
                for index, ordinal in enumerate(self.places.phase)
                if (full[ordinal] if ordinal is not None else index in anywhere)
                and self.own_w(index, up=up) >= FULL_W
            ]
        )

    def tightest(self, *, up: bool) -> int:
        """The phase with the least room."""
        left_w = self.all_left_w(up=up)
        return left_w.index(min(left_w))

    def most_w(self, open_units: Sequence[int], *, up: bool, spent_w: "Spent | None" = None) -> float:
        """The most that these units can move together in one direction: exact, closed form.

        With m of the confined units (room on every phase), y of the three-phase ones (a third on each)
        and singles R_p on phases with room C_p: m + y + sum of min(R_p, C_p - m - y/3). A three-phase
        unit never costs more than it brings; confined ones may: their sum is looked for at its kinks.
        """
        singles = [0.0, 0.0, 0.0]
        anywhere = three = free = confined = 0.0
        for index in open_units:
            own_w = self.own_w(index, up=up)
            phase = self.phase_of(index)
            if phase is not None:
                singles[phase] += own_w
            elif index in self.places.three:
                three += own_w
            elif index in self.places.confined:
                free_w = min(self.free_w(index, up=up), own_w)
                free += free_w
                confined += own_w - free_w
            else:
                anywhere += own_w
        left = self.all_left_w(up=up) if self.limits is not None else [INFINITE] * 3
        if spent_w is not None:
            left = [max(0.0, w - spent) for w, spent in zip(left, spent_w, strict=True)]
        return anywhere + free + most_together(singles, left, three, confined)


Spent = tuple[float, float, float]


def most_together(singles: Sequence[float], left: Sequence[float], three: float, confined: float) -> float:
    """See `Room.most_w`: the maximum over m of m + y(m) + sum of min(R_p, C_p - m - y(m)/3)."""
    if not three and not confined:
        return sum([min(r, c) for r, c in zip(singles, left, strict=True)])
    tightest = min(left)

    def total(m: float) -> float:
        y = min(three, 3.0 * (tightest - m))
        return m + y + sum([min(r, max(0.0, c - m - y * THIRD)) for r, c in zip(singles, left, strict=True)])

    ceiling = min(confined, tightest)
    best = total(0.0)
    if ceiling <= 0.0:
        return best
    kinks = [ceiling, tightest - three * THIRD]
    for r, c in zip(singles, left, strict=True):
        kinks.append(c - r - three * THIRD)
    for kink in kinks:
        if 0.0 < kink <= ceiling:
            best = max(best, total(kink))
    return best
