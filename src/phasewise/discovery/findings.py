"""What a scan brings home."""

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What it is. Only what answered or announced itself as a meter or a battery is called one."""

    METER = "meter"
    BATTERY = "battery"
    OTHER = "other"


class Suggestion(Struct, frozen=True):
    """What a finding can be tested and configured as."""

    kind: Kind
    driver: str
    options: dict[str, str]
    """The driver's own keys. Never a phase: only the user knows that."""


class Finding(Struct, frozen=True):
    """Something that was found."""

    kind: Kind
    name: str
    detail: str
    """What came back, and what to do: a sentence or two for the user."""
    driver: str | None = None
    """None where no driver of this version can talk to it."""
    url: str | None = None
    """As the configuration would have it; None where there is no driver."""
    suggestions: tuple[Suggestion, ...] = ()
    """Several where only the user knows which is right."""
    configured: bool = False
    """In use by the running Phasewise, and so left alone."""
