"""Every route, as the dashboard and other tools use it."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from web_fakes import STRATEGIES, FakeControls, make_state

from phasewise.engine.controls import Health, Hold
from phasewise.engine.live import Live
from phasewise.model import Assignment
from phasewise.web import wire

JSON = {"Content-Type": "application/json"}


async def test_state_is_everything_as_published(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/state")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == msgspec.json.decode(msgspec.json.encode(make_state()))
    wire.System.model_validate_json(answer.content)


async def test_state_before_the_first_says_to_wait(client: httpx.AsyncClient, controls: FakeControls) -> None:
    controls.live = Live()
    answer = await client.get("/api/v1/state")
    assert answer.status_code == 503
    assert "starting" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("L2", Assignment.L2),
        ("three-phase", Assignment.THREE_PHASE),
        ("unassigned", Assignment.UNASSIGNED),
        ("", Assignment.UNASSIGNED),
        (None, Assignment.UNASSIGNED),
    ],
)
async def test_a_phase_is_set(
    client: httpx.AsyncClient, controls: FakeControls, said: str | None, meant: Assignment
) -> None:
    controls.phases["m1"] = Assignment.L3
    answer = await client.patch("/api/v1/batteries/m1", json={"phase": said})
    assert (answer.status_code, answer.json()) == (200, {"persisted": True, "detail": None})
    assert controls.phases["m1"] is meant


@pytest.mark.parametrize("body", [{"phase": "L4"}, {"phase": "l1"}, {"phase": 1}, {"phase": ["L1"]}])
async def test_an_unknown_phase_is_refused_with_those_there_are(
    client: httpx.AsyncClient, controls: FakeControls, body: dict[str, Any]
) -> None:
    answer = await client.patch("/api/v1/batteries/m1", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("phase: ")
    assert all(f"'{a}'" in answer.json()["detail"] for a in Assignment)
    assert controls.phases["m1"] is Assignment.L1


@pytest.mark.parametrize("content", ["{}", "", "[]", "null", "{", '{"phase": "L2", "name": "x"}', '"L2"'])
async def test_a_body_that_is_not_a_change_changes_nothing(
    client: httpx.AsyncClient, controls: FakeControls, content: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.patch("/api/v1/batteries/m1", content=content, headers=headers)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert controls.phases["m1"] is Assignment.L1


async def test_a_body_that_is_not_text_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.patch("/api/v1/batteries/m1", content=b'{"phase": "\xff"}', headers=headers)
    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)


async def test_an_unknown_battery_is_404_with_those_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/api/v1/batteries/m9", json={"phase": "L2"})
    assert answer.status_code == 404
    assert "m1, m2" in answer.json()["detail"]


async def test_a_phase_that_could_not_be_saved_is_409_with_the_reason(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    controls.writable = False
    answer = await client.patch("/api/v1/batteries/m1", json={"phase": "L2"})
    assert answer.status_code == 409
    assert "read-only file system" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("auto", True),
        ("out-of-service", False),
        ({"hold": {"power_w": -500}}, Hold(-500.0)),
        ({"hold": {"power_w": 0.5, "until": None}}, Hold(0.5)),
        ({"hold": {"power_w": 500, "until": "2026-12-24T18:00"}}, Hold(500.0, "2026-12-24T18:00")),
    ],
)
async def test_an_override_is_set(
    client: httpx.AsyncClient, controls: FakeControls, said: object, meant: Hold | bool
) -> None:
    answer = await client.patch("/api/v1/batteries/m1", json={"override": said})
    assert (answer.status_code, answer.json()) == (200, {"persisted": True, "detail": None})
    assert controls.overrides == {"m1": meant}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"override": "off"}', "override: Input should be 'auto' or 'out-of-service'"),
        ('{"override": null}', "override: Input should be 'auto' or 'out-of-service'"),
        ('{"override": {}}', "override.hold: Field required"),
        ('{"override": {"hold": {}}}', "override.hold.power_w: Field required"),
        (
            '{"override": {"hold": {"power_w": 1e999}}}',
            "override.hold.power_w: Input should be a finite number",
        ),
        ('{"override": {"hold": {"power_w": 5, "until": "soon"}}}', "'soon' is not a date and time."),
        ('{"override": "auto", "phase": "L1"}', "override: Extra inputs are not permitted"),
        ("{}", "body: Input should be a JSON object with 'phase' or 'override'"),
    ],
)  # fmt: skip
async def test_what_is_no_override_is_refused(
    client: httpx.AsyncClient, controls: FakeControls, body: str, says: str
) -> None:
    answer = await client.patch("/api/v1/batteries/m1", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["detail"]) == (422, says)
    assert (controls.overrides, controls.phases["m1"]) == ({}, Assignment.L1)


async def test_an_override_that_could_not_be_saved_or_has_no_battery(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    body = {"override": "out-of-service"}
    assert (await client.patch("/api/v1/batteries/m9", json=body)).status_code == 404
    controls.writable = False
    assert (await client.patch("/api/v1/batteries/m1", json=body)).status_code == 409
    assert controls.overrides == {}


async def test_an_input_is_switched(client: httpx.AsyncClient, controls: FakeControls) -> None:
    answer = await client.put("/api/v1/inputs/car", json={"on": True, "expires_s": 90})
    assert (answer.status_code, answer.content) == (204, b"")
    assert controls.inputs == {"car": (True, 90.0)}
    await client.put("/api/v1/inputs/car", json={"on": False})
    assert controls.inputs == {"car": (False, None)}


@pytest.mark.parametrize("body", [{}, {"on": "yes"}, {"on": True, "expires_s": 0}, {"on": True, "for": 3}])
async def test_what_does_not_switch_an_input_is_refused(
    client: httpx.AsyncClient, controls: FakeControls, body: dict[str, Any]
) -> None:
    assert (await client.put("/api/v1/inputs/car", json=body)).status_code == 422
    assert controls.inputs == {}


async def test_an_unknown_input_is_404_with_those_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/inputs/cat", json={"on": True})
    assert answer.status_code == 404
    assert "car" in answer.json()["detail"]


async def test_a_phase_is_identified_and_that_is_ended(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    begun = await client.post("/api/v1/batteries/m2/identify", headers=JSON)
    assert (begun.status_code, begun.content, controls.identifying) == (204, b"", "m2")
    again = await client.post("/api/v1/batteries/m1/identify", headers=JSON)
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "The phase of another battery is being identified.",
    )
    ended = await client.delete("/api/v1/identify", headers=JSON)
    assert (ended.status_code, ended.content, controls.identifying) == (204, b"", None)
    assert (await client.delete("/api/v1/identify", headers=JSON)).status_code == 409


async def test_the_phase_of_an_unknown_battery_cannot_be_identified(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/batteries/m9/identify", headers=JSON)
    assert answer.status_code == 404
    assert "m1, m2" in answer.json()["detail"]


async def test_a_strategy_is_selected(client: httpx.AsyncClient, controls: FakeControls) -> None:
    answer = await client.put("/api/v1/strategy", json={"selected": "charge"})
    assert (answer.status_code, answer.json()["persisted"]) == (200, True)
    assert controls.strategy == "charge"


async def test_a_strategy_takes_effect_even_when_it_is_not_saved(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    controls.writable = False
    answer = await client.put("/api/v1/strategy", json={"selected": "charge"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"persisted": False, "detail": "Until the next restart."},
    )
    assert controls.strategy == "charge"


@pytest.mark.parametrize("name", ["chrage", "\ud800", "", "x" * 101])
async def test_an_unknown_strategy_is_refused(
    client: httpx.AsyncClient, controls: FakeControls, name: str
) -> None:
    headers = {"Content-Type": "application/json"}
    content = json.dumps({"selected": name})
    answer = await client.put("/api/v1/strategy", content=content, headers=headers)
    assert answer.status_code == 422
    assert controls.strategy == "self-consumption"
    if name == "chrage":
        assert ", ".join(STRATEGIES) in answer.json()["detail"]


@pytest.mark.parametrize(("ok", "status"), [(True, 200), (False, 503)])
async def test_health_is_a_status_and_a_sentence(
    client: httpx.AsyncClient, controls: FakeControls, ok: bool, status: int
) -> None:
    controls.ok = ok
    answer = await client.get("/health")
    assert answer.status_code == status
    assert answer.json() == {"ok": ok, "detail": controls.health().detail, "last_decision_age_s": 0.4}


@pytest.mark.parametrize(("age_s", "status"), [(0.4, 200), (30.0, 503), (None, 200)])
async def test_health_of_the_loop_does_not_speak_of_the_meter(
    client: httpx.AsyncClient,
    controls: FakeControls,
    monkeypatch: pytest.MonkeyPatch,
    age_s: float,
    status: int,
) -> None:
    monkeypatch.setattr(controls, "health", lambda: Health(False, "The meter is lost.", age_s))
    answer = await client.get("/health", params={"of": "loop"})
    assert (answer.status_code, answer.json()["detail"]) == (status, "The meter is lost.")


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'phasewise_phase_power_watts{phase="L1"} -1240.0\n' in answer.text


async def test_the_schema_describes_what_is_sent(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    paths = schema["paths"]
    assert set(paths) == {
        "/api/v1/state",
        "/api/v1/stream",
        "/api/v1/alarms/acknowledge",
        "/api/v1/outlook",
        "/api/v1/recording",
        "/api/v1/events",
        "/api/v1/history",
        "/api/v1/history.csv",
        "/api/v1/energy",
        "/api/v1/settings",
        "/api/v1/batteries/{id}",
        "/api/v1/batteries/{id}/identify",
        "/api/v1/identify",
        "/api/v1/inputs/{name}",
        "/api/v1/strategy",
        "/api/v1/setup",
        "/api/v1/setup/scan",
        "/api/v1/setup/test",
        "/api/v1/setup/write",
        "/api/v1/login",
        "/api/v1/logout",
        "/api/v1/session",
        "/health",
        "/metrics",
    }
    assert all(
        set(r["content"]) == {"application/json"}
        for operations in paths.values()
        for operation in operations.values()
        for status, r in operation["responses"].items()
        if status >= "400"
    )
    content_of = {p: set(m["get"]["responses"]["200"]["content"]) for p, m in paths.items() if "get" in m}
    assert content_of["/api/v1/stream"] == {"text/event-stream"}
    assert content_of["/metrics"] == {"text/plain"}
    assert content_of["/api/v1/recording"] == {"application/octet-stream"}
    assert content_of["/api/v1/state"] == {"application/json"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/batteries/m1", 405),
        ("DELETE", "/api/v1/strategy", 405),
        ("POST", "/health", 405),
        ("GET", "/docs", 404),
    ],
)
async def test_what_there_is_not_is_said_in_json(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


async def test_an_error_of_ours_shows_neither_traceback_nor_secret(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    controls.broken = RuntimeError("password hunter2")
    answer = await client.get("/health")
    assert answer.status_code == 500
    assert "log" in answer.json()["detail"]
    assert not any(word in answer.text for word in ("hunter2", "RuntimeError", "Traceback"))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
