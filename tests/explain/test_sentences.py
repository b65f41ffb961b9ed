"""Every reason and alarm has a sentence in every language, and each says the same things."""

import string

import pytest

from phasewise.explain import CATALOGUES, alarm_text, reason_text
from phasewise.model import Alarm, AlarmCode, Fact, FactCode, Reason, ReasonCode, Severity

LANGUAGES = ("en", "nl", "de")
PHASE_REASONS = {
    ReasonCode.PHASE_LIMIT,
    ReasonCode.PHASE_LOST,
    ReasonCode.PHASE_DOUBTFUL,
    ReasonCode.UNASSIGNED_WORST_CASE,
    ReasonCode.RELIEF,
}

SUBJECT_ALARMS = {
    *(code for code in AlarmCode if code.startswith("battery-")),
    AlarmCode.STRATEGY_FAILED,
    AlarmCode.SUBMETER_LOST,
    AlarmCode.PHASE_OVERLOAD,
    AlarmCode.PHASE_LOST,
    AlarmCode.FUSE_WARM,
    AlarmCode.MAPPING_DOUBTFUL,
    AlarmCode.PHASE_TOLD_OTHERWISE,
}
PLAIN_FACTS = {FactCode.NO_BATTERY, FactCode.DELTA, FactCode.NO_PHASE_POWER}
"""Those that need no value."""


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_there_are_three_languages() -> None:
    assert tuple(CATALOGUES) == LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_code_has_a_sentence(lang: str) -> None:
    assert set(CATALOGUES[lang].reasons) == set(ReasonCode)
    assert set(CATALOGUES[lang].alarms) == set(AlarmCode)
    assert set(CATALOGUES[lang].facts) == set(FactCode)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_hold_exactly_the_placeholders_that_are_filled_in(lang: str) -> None:
    words = CATALOGUES[lang]
    for code, template in words.reasons.items():
        assert placeholders(template) == ({"phase"} if code in PHASE_REASONS else set()), code
    for alarm_code, template in words.alarms.items():
        named = {"subject"} if alarm_code in SUBJECT_ALARMS else set()
        assert placeholders(template) == named, alarm_code
    for fact_code, template in words.facts.items():
        assert placeholders(template) == (set() if fact_code in PLAIN_FACTS else {"value"}), fact_code
    assert placeholders(words.difference) == {"power"}
    assert placeholders(words.detail) == {"detail"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_are_whole_short_and_distinct(lang: str) -> None:
    words = CATALOGUES[lang]
    sentences = [*words.reasons.values(), *words.alarms.values(), *words.facts.values()]
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert sentence.endswith("."), sentence
        assert sentence[0].isupper() or sentence.startswith("{"), sentence
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


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "It draws 1,300 W too much. No battery is set to this phase."),
        ("nl", "Er wordt 1.300 W te veel afgenomen. Geen enkele batterij is op deze fase ingesteld."),
        ("de", "Es werden 1.300 W zu viel bezogen. Keine Batterie ist auf diese Phase eingestellt."),
    ],
)
def test_facts_are_told_in_the_language_and_replace_the_detail(lang: str, told: str) -> None:
    facts = (Fact(FactCode.IMPORT_OVER_W, 1300.4), Fact(FactCode.NO_BATTERY))
    alarm = Alarm(AlarmCode.PHASE_OVERLOAD, Severity.ALARM, "L2", "1.3 kW over; no battery on L2", facts)
    text = alarm_text(alarm, lang)
    assert text.startswith("L2 ")
    assert text.endswith(f" {told}")
    assert "1.3 kW" not in text


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (Fact(FactCode.EXPORT_OVER_W, 950.0), "950 W"),
        (Fact(FactCode.USED_PCT, 52.4), "52 %"),
        (Fact(FactCode.CADENCE_S, 30.2), "30 s"),
        (Fact(FactCode.SEEN_ON, "L3"), "L3"),
        (Fact(FactCode.TOLD_PHASE, "L3"), "L3"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_fact_carries_its_unit(lang: str, fact: Fact, told: str) -> None:
    assert told in alarm_text(Alarm(AlarmCode.FUSE_WARM, Severity.WARNING, "L1", facts=(fact,)), lang)
