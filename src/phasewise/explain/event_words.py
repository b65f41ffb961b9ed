"""The shape of the why-log's sentences that every language fills in."""

from collections.abc import Mapping

from msgspec import Struct

from phasewise.model import AlarmCode, ReasonCode
from phasewise.model.event import Why


class EventWords(Struct, frozen=True):
    """All sentences of the why-log in one language. What stands in braces is filled in."""

    sentences: Mapping[str, str]
    """By kind of event, without those that have their own below."""
    executing: Mapping[Why, str]
    """Another strategy runs."""
    over: Mapping[ReasonCode, str]
    """A reason of a battery ended; only of those that are told."""
    relief: Mapping[str, str]
    """A phase needs help: `over` its limit, or `near` it; with `{help}` at the end."""
    help: str
    """Who helps."""
    no_help: str
    override: Mapping[str, str]
    """What the user decided: `hold`, `out`."""
    identified: Mapping[str, str]
    """How an identification ended: `found`, `open`, `aborted`."""
    identify_codes: Mapping[str, str]
    """Why it was aborted or found nothing."""
    plan: Mapping[str, str]
    """What prices have the batteries do: `blocks` of `charge` and `discharge`, or `nothing`."""
    peak: str
    """Added to the end of a relief."""
    lasted: str
    """Added to the end of a reason."""
    times: str
    """Added to what came and went."""
    titles: Mapping[AlarmCode, str]
    """What an alarm is called in few words."""
    of_subject: str
    """An alarm's title and whom it is about."""
    strategies: Mapping[str, str]
    """Their names; others are called as they are."""
    phases: Mapping[str, str]
    """`three-phase` and `unassigned`, as the end of a sentence."""
    charging: str
    discharging: str
    resting: str
    charges: str
    discharges: str
    until: str
    for_good: str
    and_: str
    """Between the last two of several."""
    more: str
    """Stands for what is not named."""
    price: str
    seconds: str
    minutes: str
    hours: str
    days: str
    lang: str
    """In which its numbers are written."""
