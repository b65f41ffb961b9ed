"""The routes of the settings, with a daemon on paper; the real one: tests/app/test_settings_live.py."""

from typing import Any

import httpx
import pytest
from web_fakes import FakeControls

from phasewise.config import Change

PATH = "/api/v1/settings"


async def test_settings_are_shown(client: httpx.AsyncClient, controls: FakeControls) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == {
        "file": "home.yaml",
        "revision": "r1",
        "writable": True,
        "detail": None,
        "values": {"site": {"name": ""}},
        "given": [["site", "name"]],
        "errors": [{"path": ["site", "name"], "message": "is empty", "allowed": "some text"}],
        "schema": {},
    }
    controls.writable = False
    assert (await client.get(PATH)).status_code == 409


async def test_changes_are_handed_on(client: httpx.AsyncClient, controls: FakeControls) -> None:
    changes: list[dict[str, Any]] = [
        {"path": ["site", "main_fuse_a"], "value": {"L1": 25, "L2": 25.5}},
        {"path": ["site", "x", 0], "remove": True},
        {"path": ["site", "name"], "value": None},
    ]
    dry = await client.patch(PATH, json={"changes": changes, "dry_run": True})
    assert dry.json() == {"persisted": False, "detail": None, "revision": "r1"}
    assert controls.settings_changes == []
    answer = await client.patch(PATH, json={"changes": changes, "revision": "r1"})
    assert answer.json() == {"persisted": True, "detail": None, "revision": "r2"}
    assert controls.settings_changes == [
        Change(("site", "main_fuse_a"), {"L1": 25, "L2": 25.5}),
        Change(("site", "x", 0), None, remove=True),
        Change(("site", "name")),
    ]


async def test_what_is_wrong_is_told_by_path(client: httpx.AsyncClient) -> None:
    answer = await client.patch(PATH, json={"changes": [{"path": ["batteries", "m1", "x"], "value": 1}]})
    assert answer.status_code == 422
    assert answer.json() == {
        "detail": "batteries.m1.x: is no key",
        "errors": [{"path": ["batteries", "m1", "x"], "message": "is no key", "allowed": None}],
    }


async def test_another_file_than_the_form_knows_is_a_conflict(client: httpx.AsyncClient) -> None:
    changes = [{"path": ["site", "name"], "value": "x"}]
    answer = await client.patch(PATH, json={"changes": changes, "revision": "r0"})
    assert answer.status_code == 409
    assert "meanwhile" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"changes": []},
        {"changes": [{"path": []}]},
        {"changes": [{"path": [True]}]},
        {"changes": [{"path": [-1]}]},
        {"changes": [{"path": ["a"], "remove": "yes"}]},
        {"changes": [{"path": ["a"], "set": 1}]},
        {"changes": [{"path": ["a"]}], "dry_run": 1},
    ],
)
async def test_other_bodies_are_refused(
    client: httpx.AsyncClient, controls: FakeControls, body: dict[str, Any]
) -> None:
    answer = await client.patch(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert controls.settings_changes == []


@pytest.mark.parametrize("depth", [200, 4000])
async def test_endless_nesting_is_refused(client: httpx.AsyncClient, depth: int) -> None:
    body = '{"changes": [{"path": ["site"], "value": ' + "[" * depth + "]" * depth + "}]}"
    answer = await client.patch(PATH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500
