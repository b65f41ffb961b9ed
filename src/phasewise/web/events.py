"""The routes of the why-log: what happened, in plain sentences, and the recording of any stretch of it."""

from pydantic import BaseModel, ConfigDict


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Event(_Wire):
    """Something that happened, and why."""

    id: int
    """Newer events have higher ones."""
    time: str
    """ISO 8601, UTC."""
    kind: str
    """Such as relief-began."""
    severity: str
    """info, warning or alarm."""
    phase: str | None
    """L1, L2 or L3 that it is about, or that its battery is on."""
    battery_id: str | None
    """The one that it is about; null where there is none or several."""
    battery_ids: tuple[str, ...]
    """All that it is about, or that take part."""
    text: str
    """A sentence or two in the language asked for, with names as they were then."""


class Stretch(_Wire):
    """A stretch of time; ISO 8601, UTC."""

    begin: str
    end: str


class Events(_Wire):
    """A page of events."""

    events: tuple[Event, ...]
    """Newest first."""
    next: int | None
    """`before` of the next, older page; null when there is none."""
    recorded: Stretch | None
    """The time of which recordings are kept: there may be gaps in it. Null while there are none."""
