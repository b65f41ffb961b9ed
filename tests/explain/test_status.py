"""Goals, identification, evidence and sources of prices, in every language."""

import string

import pytest
from msgspec.structs import replace

from phasewise.explain import Goal, Identification, evidence_text, goal_text, identify_text, source_text
from phasewise.explain.status_words import STATUS_WORDS, StatusWords
from phasewise.explain.summary_words import SUMMARY_WORDS, Topic

LANGUAGES = ("en", "nl", "de")
DONE = Identification(
    "Garage", "done", cycle=3, least=3, most=8, steps=6, agreeing=5, outcome="L2", configured="L1"
)


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def templates(words: StatusWords) -> dict[str, str]:
    found = {}
    for field in words.__struct_fields__:
        value = getattr(words, field)
        if isinstance(value, str):
            found[field] = value
        elif field != "causes":  # English has the sentences of the run itself
            found |= {f"{field} {key}": text for key, text in value.items()}
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_says_the_same_things(lang: str) -> None:
    english, here = templates(STATUS_WORDS["en"]), templates(STATUS_WORDS[lang])
    own = {key for key in here if key.startswith("phases ")}
    assert here.keys() - own == english.keys()
    assert {key: placeholders(here[key]) for key in english} == {
        key: placeholders(text) for key, text in english.items()
    }
    assert STATUS_WORDS["nl"].causes.keys() == STATUS_WORDS["de"].causes.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_topic_of_the_summary_has_a_short_sentence_of_its_own(lang: str) -> None:
    words = SUMMARY_WORDS[lang]
    assert set(words) == set(Topic)
    assert len(set(words.values())) == len(words)
    for topic, sentence in words.items():
        assert placeholders(sentence) == placeholders(SUMMARY_WORDS["en"][topic]), topic
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence.startswith("{"), sentence
        assert "  " not in sentence
        assert len(sentence) <= 120, sentence


@pytest.mark.parametrize(
    ("goal", "lang", "said"),
    [
        (Goal("charge", "full", now_pct=54.4), "en", "Charge fully. Now at 54 %."),
        (Goal("charge", "soc", target_pct=80.0, now_pct=54.4), "nl", "Laden tot 80 %. Nu op 54 %."),
        (
            Goal("charge", "energy", target_wh=5000.0, now_wh=3249.0),
            "de",
            "Laden, bis 5,0 kWh nutzbar sind. Jetzt bei 3,2 kWh.",
        ),
        (Goal("sell", "energy", target_wh=500.0), "en", "Discharge until 0.5 kWh are left."),
        (
            Goal("sell", "empty", now_pct=12.0, reached=True),
            "nl",
            "Ontladen tot op de reserve. Het doel is bereikt.",
        ),
        (Goal("charge", "solar"), "de", "Laden, soweit Platz für die Sonne bleibt."),
    ],
)  # fmt: skip
def test_goals(goal: Goal, lang: str, said: str) -> None:
    assert goal_text(goal, lang) == said


@pytest.mark.parametrize(
    ("changes", "lang", "said"),
    [
        (
            {},
            "en",
            "L2 followed Garage in 5 of 6 steps. It is configured as L1: change it to L2 if you agree.",
        ),
        ({"configured": "L2"}, "nl", "L2 volgde Garage in 5 van 6 stappen. Zo is het ook ingesteld."),
        (
            {"configured": "unassigned", "outcome": "three-phase"},
            "de",
            "Jede Phase, mit einem Drittel, folgte Garage in 5 von 6 Schritten. Sie hat noch keine Phase: "
            "Stellen Sie dreiphasig ein, wenn Sie zustimmen.",
        ),
        (
            {"configured": None},
            "en",
            "L2 followed Garage in 5 of 6 steps. The battery is not in the configuration any more.",
        ),
        ({"stage": "running", "cycle": 0}, "en", "All batteries are brought to rest."),
        ({"stage": "running"}, "nl", "Ronde 3 van 3: er wordt gekeken welke fase volgt."),
        ({"stage": "running", "cycle": 4}, "de", "Noch nicht klar: Durchgang 4 von höchstens 8."),
        ({"stage": "aborted", "code": "soc", "detail": "Full (97 %)."}, "en", "Aborted. Full (97 %)."),
        ({"stage": "aborted", "code": "user", "detail": "x"}, "de", "Abgebrochen. Sie haben es beendet."),
        ({"stage": "aborted", "code": "new", "detail": "As it is."}, "nl", "Afgebroken. As it is."),
    ],
)
def test_identification(changes: dict[str, object], lang: str, said: str) -> None:
    assert identify_text(replace(DONE, **changes), lang) == said


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", ["no-reaction", "inverted", "disturbed"])
def test_identification_without_an_answer(code: str, lang: str) -> None:
    said = identify_text(replace(DONE, code=code, inverted="L3", outcome="unclear"), lang)
    expected = {"no-reaction": ("Garage", "5"), "inverted": ("L3", "Garage"), "disturbed": ("3",)}[code]
    assert all(part in said for part in expected)
    assert "unclear" not in said.split()[0]


def test_evidence_and_sources() -> None:
    assert evidence_text(17, (0.98, 0.01, 0.0)) == (
        "17 changes of its power compared with the meter; seen on L1 98 %, L2 1 %, L3 0 %"
    )
    assert "17" in evidence_text(17, (0.98, 0.01, 0.0), "de-AT")
    assert source_text("prices", "api.example.org did not answer", 1800.0) == (
        "No new prices: api.example.org did not answer. Asked again in 30 min."
    )
    assert source_text("prices", None, 600.0, "nl") == (
        "De bron heeft nu geen prijzen. Over 10 min wordt het opnieuw gevraagd."
    )
    assert (
        source_text("forecast", "x", 60.0, "de") == "Keine neue Vorhersage: x. In 1 min wird wieder gefragt."
    )
