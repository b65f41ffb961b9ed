"""What is to be said, before it is known in which language."""

from collections.abc import Callable


class Text:
    """One or more sentences: how they are made, and the facts that they are made of.

    Not a struct: so an encoder of the state asks what to do with it, and can choose the language.
    """

    __slots__ = ("_facts", "_named", "_say")

    def __init__(self, say: Callable[..., str], *facts: object, **named: object) -> None:
        """`say` makes the sentences of the facts and `lang`, a language tag. It must not raise."""
        self._say = say
        self._facts = facts
        self._named = named

    def say(self, lang: str = "en") -> str:
        """The sentences in that language; English for a language that is not here."""
        return self._say(*self._facts, **self._named, lang=lang)

    def __str__(self) -> str:
        """In English."""
        return self.say()

    def __repr__(self) -> str:
        return f"Text({self.say()!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Text):
            return NotImplemented
        return (self._say, self._facts, self._named) == (other._say, other._facts, other._named)

    __hash__ = None  # type: ignore[assignment]  # facts may be unhashable; so Python says it of a class
