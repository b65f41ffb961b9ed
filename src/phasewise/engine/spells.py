"""What lasts, and what only flickers: beginnings and ends that are worth telling.

What comes and goes is one spell with a count, not an event a second. After each spell that follows soon on
another, the next has to be gone for twice as long before it counts as over; so however wildly something
flickers, it is told of a few times in the first minutes and then at most twice in ten minutes.
"""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

GONE_S = 30.0
"""What comes back within half a minute was not over."""
MOST_GONE_S = 600.0
"""Ten minutes without it are an end, however often it came back before."""
CALM_S = 600.0
"""So long after an end, what came before it is forgotten."""
CHANGES_S = 3600.0
"""Changes within an hour make the next one wait longer."""

Key = TypeVar("Key", bound=Hashable)
Fact = TypeVar("Fact")


class Began(Struct, Generic[Key, Fact], frozen=True):
    """A spell that is worth telling began."""

    key: Key
    fact: Fact
    """As it is now."""


class Ended(Struct, Generic[Key, Fact], frozen=True):
    """A spell that was told is over."""

    key: Key
    fact: Fact
    """As it was last."""
    lasted_s: float
    """From its first to its last moment."""
    times: int
    """How often it came within that time."""


class _Spell(Generic[Fact]):
    """One thing that may come and go. Times are monotonic."""

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.there = False
        self.told = False
        self.came_s = float("-inf")
        self.since_s = float("-inf")
        self.last_s = float("-inf")
        self.times = 0
        self.gone_s = 0.0


class Spells(Generic[Key, Fact]):
    """Follows things that are there or not, each by its key."""

    def __init__(self, *, begin_after_s: float) -> None:
        """`begin_after_s`: how long something must be there without a gap before it is told."""
        self._begin_after_s = begin_after_s
        self._spells: dict[Key, _Spell[Fact]] = {}

    def follow(
        self, now_s: float, present: Mapping[Key, Fact]
    ) -> tuple[list[Began[Key, Fact]], list[Ended[Key, Fact]]]:
        """Take what is there now; return what began and what ended."""
        if not present and not self._spells:
            return [], []
        began = []
        for key, fact in present.items():
            spell = self._spells.setdefault(key, _Spell(fact))
            if self._is_news(spell, fact, now_s):
                began.append(Began(key, fact))
        return began, self._over(now_s, present)

    def is_told(self, key: Key) -> bool:
        """Whether its beginning was told and its end was not."""
        spell = self._spells.get(key)
        return spell is not None and spell.told

    def _is_news(self, spell: _Spell[Fact], fact: Fact, now_s: float) -> bool:
        """Take note that it is there; True when it is to be told now."""
        if not spell.there:
            spell.there, spell.came_s = True, now_s
            spell.times += spell.told
        spell.fact, spell.last_s = fact, now_s
        if spell.told or now_s - spell.came_s < self._begin_after_s:
            return False
        spell.told, spell.since_s, spell.times = True, spell.came_s, 1
        spell.gone_s = min(2 * spell.gone_s, MOST_GONE_S) or GONE_S
        return True

    def _over(self, now_s: float, present: Mapping[Key, Fact]) -> list[Ended[Key, Fact]]:
        ended = []
        for key in [key for key in self._spells if key not in present]:
            spell = self._spells[key]
            spell.there = False
            away_s = now_s - spell.last_s
            if spell.told and away_s >= spell.gone_s:
                spell.told = False
                ended.append(Ended(key, spell.fact, spell.last_s - spell.since_s, spell.times))
            if not spell.told and away_s >= max(spell.gone_s, CALM_S):
                del self._spells[key]
        return ended


class Settled(Generic[Fact]):
    """Follows one value that changes now and then, and tells it once it has stayed.

    After each change that is told, the next must stay twice as long, until an hour is over.
    """

    def __init__(self, value: Fact, *, stay_s: float) -> None:
        """`value`: as it is known already. `stay_s`: how long another must stay to be told."""
        self.value = value
        self._stay_s = stay_s
        self._next = value
        self._since_s = float("-inf")
        self._told_s: list[float] = []

    def follow(self, now_s: float, value: Fact) -> bool:
        """Take the value of now; True when it has become another one than `value` was before."""
        if value != self._next:
            self._next, self._since_s = value, now_s
        if value == self.value:
            return False
        self._told_s = [told_s for told_s in self._told_s if now_s - told_s < CHANGES_S]
        stay_s = min(self._stay_s * 2.0 ** len(self._told_s), MOST_GONE_S)
        if now_s - self._since_s < stay_s:
            return False
        self.value = value
        self._told_s.append(now_s)
        return True

    def known(self, value: Fact) -> None:
        """It is this now, and has been told otherwise."""
        self.value = value
