"""State and stream in the language that was asked for; alarms that somebody knows of."""

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from web_fakes import FakeControls, make_state

from phasewise.engine.state import SystemState
from phasewise.explain import CATALOGUES, Text, alarm_text, reason_text
from phasewise.model import Alarm, AlarmCode, Reason, ReasonCode, Severity
from phasewise.web import wire
from phasewise.web.stream import StateEncoder, events

LANGUAGES = tuple(CATALOGUES)
ALARM = Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter")
REASON = Reason(ReasonCode.SOC_LIMIT, -1200.0)


def with_texts() -> SystemState:
    state = make_state()
    alarms = (replace(state.alarms[0], text=Text(alarm_text, ALARM)), *state.alarms[1:])
    reasons = (replace(state.batteries[0].reasons[0], text=Text(reason_text, REASON)),)
    batteries = (replace(state.batteries[0], reasons=reasons), *state.batteries[1:])
    return replace(state, alarms=alarms, batteries=batteries)


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_texts_are_in_the_language_that_was_asked_for(
    client: httpx.AsyncClient, controls: FakeControls, lang: str
) -> None:
    controls.live.publish(with_texts())
    answer = await client.get("/api/v1/state", params={"lang": lang})
    state = wire.System.model_validate_json(answer.content)
    assert state.alarms[0].text == alarm_text(ALARM, lang)
    assert state.batteries[0].reasons[0].text == reason_text(REASON, lang)
    assert state.alarms[1].text == "Rejected."
    controls.live.close()
    stream = await client.get("/api/v1/stream", params={"lang": lang})
    assert stream.status_code == 200


async def test_english_is_the_default_and_other_languages_are_refused(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    controls.live.publish(with_texts())
    plain = await client.get("/api/v1/state")
    english = await client.get("/api/v1/state?lang=en")
    assert plain.content == english.content
    for path in ("state", "stream"):
        answer = await client.get(f"/api/v1/{path}?lang=fr")
        assert answer.status_code == 422
        assert "'en', 'nl' or 'de'" in answer.json()["detail"]


def test_each_language_is_said_once_per_state_and_only_when_asked_for() -> None:
    said: list[str] = []

    def counted(lang: str) -> str:
        said.append(lang)
        return lang

    encoder = StateEncoder()
    first = replace(make_state(), summary=Text(counted))
    second = replace(first, time="2026-06-01T12:00:01Z")
    for _ in range(3):
        assert msgspec.json.decode(encoder.json(first, "nl"))["summary"] == "nl"
        assert b'"summary":"de"' in encoder.event(first, "de")
    assert said == ["nl", "de"]
    encoder.event(second, "nl")
    encoder.json(second, "nl")
    assert said == ["nl", "de", "nl"]


async def test_the_stream_speaks_the_language_too(controls: FakeControls) -> None:
    controls.live.publish(with_texts())
    stream = events(controls.live, StateEncoder(), "de")
    await anext(stream)
    assert alarm_text(ALARM, "de") in (await anext(stream)).decode()
    await stream.aclose()  # type: ignore[attr-defined]  # a generator, typed as an iterator


def test_a_text_is_its_facts() -> None:
    assert Text(reason_text, REASON) == Text(reason_text, REASON)
    assert Text(reason_text, REASON) != Text(reason_text, Reason(ReasonCode.HOLD))
    assert Text(alarm_text, ALARM, names={"m1": "a"}) != Text(alarm_text, ALARM, names={"m1": "b"})
    assert str(Text(reason_text, REASON)) == reason_text(REASON)


async def test_an_alarm_is_acknowledged(client: httpx.AsyncClient, controls: FakeControls) -> None:
    for alarm in ({"code": "battery-unreachable", "subject": "m2"}, {"code": "meter-rejected"}):
        answer = await client.post("/api/v1/alarms/acknowledge", json=alarm)
        assert (answer.status_code, answer.content) == (204, b"")
    assert controls.acknowledged == [("battery-unreachable", "m2"), ("meter-rejected", None)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": "battery-unreachable", "subject": "m1"}, 404),
        ({"code": "battery-unreachable"}, 404),
        ({"code": "no-such-thing"}, 404),
        ({"subject": "m2"}, 422),
        ({"code": "meter-rejected", "more": 1}, 422),
        ({"code": 1}, 422),
    ],
)
async def test_what_does_not_stand_is_not_acknowledged(
    client: httpx.AsyncClient, controls: FakeControls, body: dict[str, object], status: int
) -> None:
    assert (await client.post("/api/v1/alarms/acknowledge", json=body)).status_code == status
    assert controls.acknowledged == []
