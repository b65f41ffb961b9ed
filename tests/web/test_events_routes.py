"""The why-log over HTTP: pages, filters and languages, and the recording of a stretch."""

from typing import Any, Never

import httpx
import pytest
from web_fakes import FakeControls

from phasewise.model import Severity
from phasewise.model.event import BatteryUnreachable, Helper, ReliefBegan
from phasewise.store import UnreadableError
from phasewise.store.events import NO_EVENTS, EventPage, EventQuery, KeptEvent

EVENTS = "/api/v1/events"
RECORDING = "/api/v1/recording"
AT = 1_780_000_000.0
"""2026-05-28T20:26:40Z."""


async def test_events_are_told_in_the_language_asked_for(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    relief = ReliefBegan(
        phase="L1",
        batteries=("m1",),
        current_a=26.1,
        limit_a=24.0,
        relief_w=-1240.0,
        helpers=(Helper("Garage", -1240.0),),
    )
    both = BatteryUnreachable(batteries=("m1", "m2"), battery="Attic", severity=Severity.WARNING)
    controls.page = EventPage((KeptEvent(812, AT, relief), KeptEvent(811, AT - 1, both)), 811)
    answer = (await client.get(EVENTS, params={"lang": "nl"})).json()
    assert answer["events"][0] == {
        "id": 812,
        "time": "2026-05-28T20:26:40.000Z",
        "kind": "relief-began",
        "severity": "info",
        "phase": "L1",
        "battery_id": "m1",
        "battery_ids": ["m1"],
        "text": "L1 ging over de grens (26,1 A van 24 A): Garage ontlaadt 1,2 kW om te helpen.",
    }
    assert answer["events"][1]["severity"] == "warning"
    assert answer["events"][1]["battery_id"] is None
    assert answer["events"][1]["battery_ids"] == ["m1", "m2"]
    assert answer["next"] == 811
    assert answer["recorded"] == {"begin": "2026-05-28T20:26:40.000Z", "end": "2026-05-29T10:20:00.500Z"}
    english = (await client.get(EVENTS)).json()
    assert english["events"][0]["text"].startswith("L1 went over its limit")


@pytest.mark.parametrize("address", [EVENTS, f"{RECORDING}?from={AT}&to={AT + 1}"])
async def test_a_file_that_can_not_be_read_is_said(
    client: httpx.AsyncClient, controls: FakeControls, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    async def broken(*_: object) -> Never:
        raise UnreadableError("home.history.db: database disk image is malformed")

    for what in ("events", "recording_between"):
        monkeypatch.setattr(controls, what, broken)
    answer = await client.get(address)
    assert answer.status_code == 503
    assert "malformed" in answer.json()["detail"]


async def test_without_events_and_recordings(client: httpx.AsyncClient, controls: FakeControls) -> None:
    controls.page, controls.kept_span = NO_EVENTS, None
    assert (await client.get(EVENTS)).json() == {"events": [], "next": None, "recorded": None}


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, EventQuery()),
        (
            {"from": "2026-05-28T20:26:40Z", "to": "2026-05-28T22:26:41+02:00"},
            EventQuery(from_utc_s=AT, to_utc_s=AT + 1),
        ),
        ({"from": "1780000000", "to": "1780000000.5"}, EventQuery(from_utc_s=AT, to_utc_s=AT + 0.5)),
        ({"phase": "L2", "battery": "m-1_x"}, EventQuery(phase="L2", battery_id="m-1_x")),
        (
            {"severity": "alarm", "limit": "7", "before": "12"},
            EventQuery(least=Severity.ALARM, limit=7, before=12),
        ),
    ],
)
async def test_filters_are_as_asked_for(
    client: httpx.AsyncClient, controls: FakeControls, params: dict[str, str], query: EventQuery
) -> None:
    assert (await client.get(EVENTS, params=params)).status_code == 200
    assert controls.queries == [query]


async def test_a_plus_that_was_not_escaped_is_still_an_offset(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    await client.get(f"{EVENTS}?from=2026-05-28T22:26:40+02:00")
    assert controls.queries[0].from_utc_s == AT


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-05-28T20:26:40"}, "offset"),
        ({"to": "nan"}, "to"),
        ({"to": "-1"}, "to"),
        ({"to": "1e300"}, "to"),
        ({"phase": "L4"}, "phase"),
        ({"battery": "m" * 33}, "battery"),
        ({"severity": "bad"}, "severity"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"before": "99999999999999999999"}, "before"),
        ({"lang": "fr"}, "lang"),
    ],
)
async def test_other_filters_are_refused(
    client: httpx.AsyncClient, controls: FakeControls, params: dict[str, str], named: str
) -> None:
    answer = await client.get(EVENTS, params=params)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert controls.queries == []


async def test_the_recording_of_a_stretch_is_a_file_named_after_its_begin(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    answer = await client.get(
        RECORDING, params={"from": "2026-05-28T20:26:40Z", "to": "2026-05-28T20:30:00Z"}
    )
    assert answer.status_code == 200
    assert answer.content == b"first chapterlast chapter"
    assert answer.headers["content-disposition"] == (
        'attachment; filename="phasewise-20260528T202640Z.recording"'
    )
    assert controls.stretches_asked == [(AT, AT + 200)]
    assert controls.recording_asked_s == []


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": AT, "to": AT}, "to: "),
        ({"from": AT, "to": AT - 1}, "to: "),
        ({"from": AT, "to": AT + 86401}, "24 hours"),
        ({"to": AT}, "from: "),
        ({"from": AT, "to": AT + 1, "minutes": 5}, "minutes: "),
        ({"from": "now"}, "from: "),
    ],
)
async def test_a_stretch_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, controls: FakeControls, params: dict[str, Any], named: str
) -> None:
    answer = await client.get(RECORDING, params=params)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert controls.stretches_asked == []


async def test_a_stretch_that_is_not_kept_says_so(client: httpx.AsyncClient, controls: FakeControls) -> None:
    controls.kept_span = None
    answer = await client.get(RECORDING, params={"from": AT, "to": AT + 1})
    assert answer.status_code == 404
    assert "recorded" in answer.json()["detail"]
