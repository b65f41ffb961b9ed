"""Everything that set-up says is there in every language, with the same facts."""

import string

import pytest

from phasewise.discovery import Note, NoteCode
from phasewise.setup.words import EN, LANGUAGES, said

FACTS: dict[str, str | float] = {
    "who": "ISK5",
    "power_w": -1240.0,
    "phases": "L1, L2",
    "current_a": 25.0,
    "why": "because",
    "protocols": "p1",
    "soc_pct": 55.0,
    "state": "backup",
    "name": "VNSE3-0",
    "version": "2025.4.4",
    "network": "192.168.1.0/24",
    "count": 3,
    "looked": 2,
    "meters": 1,
    "batteries": 2,
}


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_is_there_with_the_same_facts(lang: str) -> None:
    words = LANGUAGES[lang]
    assert set(words) == set(EN) >= set(NoteCode)
    assert {key: _fields(words[key]) for key in EN} == {key: _fields(EN[key]) for key in EN}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", NoteCode)
def test_every_note_can_be_said(lang: str, code: NoteCode) -> None:
    sentence = said([Note(code, FACTS)], lang)
    assert "{" not in sentence
    assert sentence.endswith((".", "because"))
    assert lang == "en" or sentence != said([Note(code, FACTS)], "en")


@pytest.mark.parametrize(
    ("power_w", "en", "nl"),
    [
        (1500.0, "It answers: it charges with 1.5 kW.", "Hij antwoordt: hij laadt met 1,5 kW."),
        (-800.0, "It answers: it discharges with 800 W.", "Hij antwoordt: hij ontlaadt met 800 W."),
        (-3.0, "It answers: it rests.", "Hij antwoordt: hij rust."),
    ],
)
def test_a_battery_is_said_to_do_what_it_does(power_w: float, en: str, nl: str) -> None:
    note = Note(NoteCode.BATTERY, {"power_w": power_w})
    assert (said([note]), said([note], "nl"), said([note], "fr")) == (en, nl, en)


def test_sentences_follow_each_other() -> None:
    notes = [Note(NoteCode.P1, {"who": "", "power_w": -512.0}), Note(NoteCode.P1_PHASES, {"phases": "L1"})]
    assert said(notes, "de") == "Er antwortet: jetzt 512 W ins Netz. Er meldet die Leistung von L1."
