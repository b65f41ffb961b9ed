"""From a reason or an alarm to a sentence."""

from collections.abc import Mapping

from phasewise.explain.catalogue import Catalogue
from phasewise.explain.de import DE
from phasewise.explain.en import EN
from phasewise.explain.nl import NL
from phasewise.model import Alarm, Fact, FactCode, Reason

_IN_WATTS = {FactCode.IMPORT_OVER_W, FactCode.EXPORT_OVER_W}
_UNITS = {FactCode.USED_PCT: "%", FactCode.CADENCE_S: "s", FactCode.SILENT_S: "s"}

CATALOGUES: Mapping[str, Catalogue] = {"en": EN, "nl": NL, "de": DE}


def reason_text(reason: Reason, lang: str = "en") -> str:
    """Why a battery does what it does, with the watts it makes where there are any.

    `lang` is a language tag such as `nl` or `nl-BE`; English for a language that is not here.
    """
    words = _catalogue(lang)
    text = words.reasons[reason.code].format(phase=reason.phase or words.own_phase)
    watts = round(abs(reason.power_w))
    if watts == 0:
        return text
    return f"{text} {words.difference.format(power=_watts(watts, words))}"


def alarm_text(alarm: Alarm, lang: str = "en", names: Mapping[str, str] | None = None) -> str:
    """What a person should know, what happens next, and the facts or the technical detail, if any.

    `names` gives battery names by id; a subject that is not in it is shown as it is. The detail
    comes from a device or a library and stays in its own language.
    """
    words = _catalogue(lang)
    subject = words.nameless if alarm.subject is None else (names or {}).get(alarm.subject, alarm.subject)
    text = words.alarms[alarm.code].format(subject=subject)
    if alarm.facts:
        return " ".join([text, *(_fact(fact, words) for fact in alarm.facts)])
    return f"{text} {words.detail.format(detail=alarm.detail)}" if alarm.detail else text


def _fact(fact: Fact, words: Catalogue) -> str:
    value = fact.value
    if not isinstance(value, str):
        watts = fact.code in _IN_WATTS
        value = _watts(round(value), words) if watts else f"{value:.0f} {_UNITS.get(fact.code, '')}".strip()
    return words.facts[fact.code].format(value=value)


def _catalogue(lang: str) -> Catalogue:
    return CATALOGUES.get(lang.split("-", maxsplit=1)[0].lower(), EN)


def _watts(watts: int, words: Catalogue) -> str:
    return f"{watts:,} W".replace(",", words.thousands)
