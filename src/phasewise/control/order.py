"""Who goes first, and who takes which part: what the allocator is told of the user's preference."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from phasewise.model import Split


class Orders(Struct, frozen=True):
    """Positions of the units, first to be used first."""

    up: Sequence[int]
    """To charge."""
    down: Sequence[int]
    """To discharge."""

    def of(self, *, up: bool) -> Sequence[int]:
        """The order in one direction."""
        return self.up if up else self.down


class Preference(Struct, frozen=True):
    """How power is divided when there is a choice."""

    orders: Orders
    split: Split = Split.PRIORITY
    own_w: tuple[float, float, float] | None = None
    """Load per phase, import positive, that the units on it are to serve first; None = no such wish."""
    sizes: Callable[[], Sequence[float]] | None = None
    """Each unit's part in a split in proportion, asked for only when there is one; None = the units' own."""
    in_use: int = 0
    """How many units work already: `efficient` keeps that number until a tenth less power is wanted."""


def ordered(ids: Sequence[str], priority: Sequence[str], *, charging: bool) -> list[int]:
    """Positions in `ids` in the order in which the batteries are used.

    `priority` names ids, first to charge first; those it does not name follow as listed. Discharging
    goes in reverse: what was charged first is kept longest.
    """
    if not priority:
        return list(range(len(ids))) if charging else list(range(len(ids) - 1, -1, -1))
    rank = {battery_id: index for index, battery_id in enumerate(priority)}
    order = sorted(range(len(ids)), key=lambda i: (rank.get(ids[i], len(rank)), i))
    return order if charging else order[::-1]
