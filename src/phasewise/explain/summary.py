"""What goes on and why, in one or two plain sentences."""

from msgspec import Struct

from phasewise.explain import numbers
from phasewise.explain.summary_words import EN, SUMMARY_WORDS, Topic


class Saying(Struct, frozen=True):
    """One sentence: what it says, and of what. Only what its words need is filled in."""

    topic: Topic
    power_w: float = 0.0
    other_w: float = 0.0
    current_a: float = 0.0
    name: str = ""
    """Of a battery, as the user calls it."""
    phase: str = ""
    until: str = ""
    """Wall clock of the site, such as 05:00."""


def summary_text(sayings: tuple[Saying, ...], lang: str = "en") -> str:
    """The sentences, one after the other; English for a language that is not here."""
    words = SUMMARY_WORDS.get(numbers.language(lang), EN)
    return " ".join(
        words[saying.topic].format(
            power=numbers.power(saying.power_w, lang),
            other=numbers.power(saying.other_w, lang),
            current=numbers.current(saying.current_a, lang),
            name=saying.name,
            phase=saying.phase,
            until=saying.until,
        )
        for saying in sayings
    )
