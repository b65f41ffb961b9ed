"""Every kind of event has its sentence in every language, with its facts in it."""

import string
from typing import get_args

import msgspec
import pytest

from phasewise.engine.events import TOLD_REASONS
from phasewise.explain.events import EVENT_WORDS, event_text, kind_of
from phasewise.mapping.evidence import Finding
from phasewise.model import Alarm, AlarmCode, ReasonCode, Severity
from phasewise.model import event as of
from phasewise.model.event import MORE, Event, Helper, Why

LANGUAGES = ("en", "nl", "de")
LOST = Alarm(AlarmCode.BATTERY_UNREACHABLE, Severity.WARNING, "m1")

RELIEF = of.ReliefBegan(
    phase="L1", current_a=26.1, limit_a=24.0, relief_w=-1240.0, helpers=(Helper("Garage", -1240.0),)
)
NIGHT = of.PlanBlock("charge", "02:00", "05:00", 0.081)
SAMPLES: tuple[Event, ...] = (
    of.Started(version="1.2.3"),
    of.Stopped(),
    of.StrategySelected(now="charge", before="sell"),
    *(of.StrategyExecuting(now="standby", before="charge", why=why) for why in Why),
    *(of.ReasonBegan(battery="Garage", reason=code, power_w=-312.0) for code in TOLD_REASONS),
    *(of.ReasonEnded(battery="Garage", reason=code, lasted_s=600, times=1) for code in TOLD_REASONS),
    RELIEF,
    msgspec.structs.replace(RELIEF, current_a=None),
    msgspec.structs.replace(RELIEF, helpers=()),
    of.ReliefEnded(phase="L1", lasted_s=61.0, times=1, peak_a=28.0),
    of.ReliefEnded(phase="L1", lasted_s=61.0, times=4, peak_a=None),
    of.LimitBegan(phase="L2", limit_a=24.0, held=("Garage", "Attic")),
    of.LimitEnded(phase="L2", lasted_s=61.0, times=1),
    of.AlarmBegan(alarm=LOST, name="Garage"),
    *(of.AlarmEnded(alarm=Alarm(code, Severity.INFO), lasted_s=60, times=1) for code in AlarmCode),
    of.AlarmAcknowledged(alarm=LOST, name="Garage"),
    of.BatteryUnreachable(battery="Garage"),
    of.BatteryReachable(battery="Garage", lasted_s=61, times=1),
    of.PhaseAssigned(battery="Garage", now="three-phase", before="unassigned"),
    of.OverrideSet(battery="Garage", power_w=None, until=None),
    of.OverrideSet(battery="Garage", power_w=0.0, until=None),
    of.OverrideSet(battery="Garage", power_w=500.0, until="18:00"),
    of.OverrideSet(battery="Garage", power_w=-500.0, until="2026-12-24 18:00"),
    of.OverrideEnded(battery="Garage"),
    of.SettingsChanged(keys=("control.target_grid_w", MORE)),
    of.IdentifyBegan(battery="Garage"),
    of.IdentifyEnded(battery="Garage", outcome="L2", code=None, aborted=False),
    of.IdentifyEnded(battery="Garage", outcome="unclear", code="disturbed", aborted=False),
    of.IdentifyEnded(battery="Garage", outcome="unclear", code="soc", aborted=True),
    of.PlanChanged(blocks=()),
    of.PlanChanged(blocks=(NIGHT,)),
    of.PlanChanged(blocks=(NIGHT, of.PlanBlock("discharge", "18:00", "21:00", 0.412))),
)


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def shape(value: object) -> object:
    """A catalogue without its words: its keys, and what each text has filled in."""
    if isinstance(value, dict):
        return {str(key): shape(inner) for key, inner in value.items()}
    return placeholders(str(value))


def test_the_samples_are_of_every_kind() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(Event))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sample_is_told_whole_and_short(lang: str) -> None:
    told = [event_text(event, lang) for event in SAMPLES]
    assert len(set(told)) == len(told)
    for text in told:
        assert text.endswith("."), text
        assert text[0].isupper(), text
        assert "  " not in text, text
        assert "{" not in text, text
        assert len(text) <= 320, text


@pytest.mark.parametrize("event", SAMPLES, ids=kind_of)
def test_no_language_falls_back_on_another(event: Event) -> None:
    assert len({event_text(event, lang) for lang in LANGUAGES}) == len(LANGUAGES)
    assert event_text(event, "fr") == event_text(event, "en")
    assert event_text(event, "nl-BE") == event_text(event, "nl")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_says_the_same_things(lang: str) -> None:
    words, english = (msgspec.structs.asdict(EVENT_WORDS[name]) for name in (lang, "en"))
    for field in english:
        assert shape(words[field]) == shape(english[field]), field


def test_every_code_has_its_words() -> None:
    words = EVENT_WORDS["en"]
    assert set(words.titles) == set(AlarmCode)
    assert set(words.over) == TOLD_REASONS
    assert set(words.executing) == set(Why)
    assert {f.value for f in Finding} <= set(words.identify_codes)


@pytest.mark.parametrize("event", [e for e in SAMPLES if hasattr(e, "battery")], ids=kind_of)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_battery_is_named(event: Event, lang: str) -> None:
    assert "Garage" in event_text(event, lang)


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "L1 went over its limit (26.1 A of 24 A): Garage discharges 1.2 kW to help."),
        ("nl", "L1 ging over de grens (26,1 A van 24 A): Garage ontlaadt 1,2 kW om te helpen."),
        ("de", "L1 ging über die Grenze (26,1 A von 24 A): Garage entlädt mit 1,2 kW, um zu helfen."),
    ],
)
def test_relief_has_its_numbers(lang: str, told: str) -> None:
    assert event_text(RELIEF, lang) == told


def test_helpers_are_listed_with_what_they_do() -> None:
    helpers = (Helper("Garage", -1240.0), Helper("Attic", -800.4), Helper("Shed", 50.0))
    text = event_text(msgspec.structs.replace(RELIEF, helpers=helpers, current_a=23.0))
    assert text == (
        "L1 would go over its limit of 24 A: Garage discharges 1.2 kW, Attic discharges 800 W "
        "and Shed charges 50 W to help."
    )


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "New plan by price: charge from 02:00 to 05:00, while energy is cheap (0.08 €/kWh)."),
        ("nl", "Nieuw plan op prijs: laden van 02:00 tot 05:00, als energie goedkoop is (0,08 €/kWh)."),
        ("de", "Neuer Plan nach Preis: laden von 02:00 bis 05:00, solange Energie günstig ist (0,08 €/kWh)."),
    ],
)
def test_a_plan_says_when_and_why(lang: str, told: str) -> None:
    assert event_text(of.PlanChanged(blocks=(NIGHT,)), lang) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.4, "0 s"),
        (119.4, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (33120, "9 h 12 min"),
        (200000, "2 d 7 h"),
    ],
)
def test_durations_are_told_in_the_units_that_matter(seconds: float, told: str) -> None:
    assert f"after {told}." in event_text(of.LimitEnded(phase="L2", lasted_s=seconds, times=1))


def test_what_came_and_went_says_how_often() -> None:
    once = of.ReasonEnded(battery="Garage", reason=ReasonCode.SOC_LIMIT, lasted_s=3600, times=1)
    often = msgspec.structs.replace(once, times=17)
    assert event_text(often) == f"{event_text(once)} It came and went 17 times."


def test_an_alarm_names_the_battery_as_it_was_called() -> None:
    assert "Garage" in event_text(of.AlarmBegan(alarm=LOST, name="Garage"), "de")
    assert "(Garage)" in event_text(of.AlarmEnded(alarm=LOST, name="Garage", lasted_s=5, times=1))
    assert "(L1)" in event_text(
        of.AlarmEnded(alarm=Alarm(AlarmCode.FUSE_WARM, Severity.WARNING, "L1"), lasted_s=5, times=1)
    )


def test_odd_names_and_unknown_strategies_are_told_as_they_are() -> None:
    odd = "{phase} <b>"
    assert odd in event_text(of.BatteryUnreachable(battery=odd))
    assert odd in event_text(of.StrategyExecuting(now=odd, before="charge", why=Why.TIME))
    assert odd in event_text(of.ReasonBegan(battery=odd, reason=ReasonCode.PEAK, power_w=0.0))
