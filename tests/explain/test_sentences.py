"""Every reason and alarm has a sentence in every language, and each says the same things."""

import string

import pytest

from phasewise.explain import CATALOGUES, alarm_text, reason_text
from phasewise.model import Alarm, AlarmCode, Reason, ReasonCode, Severity

LANGUAGES = ("en", "nl", "de")
PHASE_REASONS = {
    ReasonCode.PHASE_LIMIT,
    ReasonCode.PHASE_LOST,
    ReasonCode.UNASSIGNED_WORST_CASE,
    ReasonCode.RELIEF,
}


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_there_are_three_languages() -> None:
    assert tuple(CATALOGUES) == LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_code_has_a_sentence(lang: str) -> None:
    assert set(CATALOGUES[lang].reasons) == set(ReasonCode)
    assert set(CATALOGUES[lang].alarms) == set(AlarmCode)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_hold_exactly_the_placeholders_that_are_filled_in(lang: str) -> None:
    words = CATALOGUES[lang]
    for code, template in words.reasons.items():
        assert placeholders(template) == ({"phase"} if code in PHASE_REASONS else set()), code
    for alarm_code, template in words.alarms.items():
        names_a_subject = alarm_code.startswith("battery-") or alarm_code is AlarmCode.STRATEGY_FAILED
        assert placeholders(template) == ({"subject"} if names_a_subject else set()), alarm_code
    assert placeholders(words.difference) == {"power"}
    assert placeholders(words.detail) == {"detail"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_are_whole_short_and_distinct(lang: str) -> None:
    words = CATALOGUES[lang]
    sentences = [*words.reasons.values(), *words.alarms.values()]
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert sentence.endswith("."), sentence
        assert sentence[0].isupper(), sentence
        assert "  " not in sentence, sentence
        assert len(sentence) <= 200, sentence


@pytest.mark.parametrize("code", ReasonCode)
def test_no_language_falls_back_on_another(code: ReasonCode) -> None:
    assert len({reason_text(Reason(code), lang) for lang in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("lang", "power"), [("en", "1,240 W"), ("nl", "1.240 W"), ("de", "1.240 W"), ("nl-BE", "1.240 W")]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_watts_are_formatted_as_in_that_language(lang: str, power: str, sign: int) -> None:
    assert power in reason_text(Reason(ReasonCode.SOC_LIMIT, sign * 1239.6), lang)


def test_a_reason_without_watts_says_none() -> None:
    assert reason_text(Reason(ReasonCode.SOC_LIMIT, 0.4)) == CATALOGUES["en"].reasons[ReasonCode.SOC_LIMIT]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", sorted(PHASE_REASONS))
def test_the_phase_is_named_or_described(lang: str, code: ReasonCode) -> None:
    assert "L2" in reason_text(Reason(code, phase="L2"), lang)
    assert CATALOGUES[lang].own_phase in reason_text(Reason(code), lang)


def test_an_unknown_language_gets_english() -> None:
    alarm = Alarm(AlarmCode.METER_LOST, Severity.ALARM)
    assert alarm_text(alarm, "fr") == alarm_text(alarm, "en") == CATALOGUES["en"].alarms[AlarmCode.METER_LOST]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_alarm_names_its_battery_as_the_user_does(lang: str) -> None:
    alarm = Alarm(AlarmCode.BATTERY_UNREACHABLE, Severity.WARNING, "m1")
    assert " Garage " in alarm_text(alarm, lang, {"m1": "Garage"})
    assert " m1 " in alarm_text(alarm, lang, {"m2": "Attic"})
    assert " m1 " in alarm_text(alarm, lang)
    assert CATALOGUES[lang].nameless in alarm_text(
        Alarm(AlarmCode.BATTERY_UNREACHABLE, Severity.WARNING), lang
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_detail_is_added_as_it_is(lang: str) -> None:
    detail = "read of {register} 32104: no answer in 3 s"
    alarm = Alarm(AlarmCode.BATTERY_UNREACHABLE, Severity.WARNING, "{odd}", detail)
    text = alarm_text(alarm, lang)
    assert text.endswith(detail)
    assert "{odd}" in text
