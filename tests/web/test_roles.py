"""Owners, viewers, sessions: through every route of the real application."""

import asyncio
import re

import httpx
import pytest
from web_fakes import Connect, FakeControls

from phasewise.model import Assignment
from phasewise.web import Access, WebServer, create_app
from phasewise.web import doorkeeper as door

TOKEN, VIEWERS = "correct-horse-battery", "staple-correct-horse"
LAN = "http://192.168.1.5:8080"
LOCKED = Access(TOKEN, viewer_token=VIEWERS)
PATIENCE_S = 20.0
"""For what should take milliseconds, on a busy machine."""


def as_viewer(connect: Connect) -> httpx.AsyncClient:
    client = connect(LOCKED, LAN, "192.168.1.9")
    client.headers["Authorization"] = f"Bearer {VIEWERS}"
    return client


def operations() -> list[tuple[str, str]]:
    paths = create_app(FakeControls(), access=Access()).openapi()["paths"]
    filled = {path: re.sub(r"\{id\}", "m1", re.sub(r"\{name\}", "car", path)) for path in paths}
    return [(method.upper(), filled[path]) for path, ops in paths.items() for method in ops]


WRITES = [(m, p) for m, p in operations() if m != "GET" and p not in {"/api/v1/login", "/api/v1/logout"}]
READS = [p for m, p in operations() if m == "GET" and p != "/api/v1/stream"]


def test_these_are_writes() -> None:
    assert ("PUT", "/api/v1/strategy") in WRITES
    assert len(WRITES) > 8


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_viewer_changes_nothing(connect: Connect, method: str, path: str) -> None:
    answer = await as_viewer(connect).request(method, path, json={})
    assert answer.status_code == 403
    assert "look only" in answer.json()["detail"]


@pytest.mark.parametrize("path", [*READS, "/", "/openapi.json"])
async def test_a_viewer_sees_everything(connect: Connect, path: str) -> None:
    assert (await as_viewer(connect).get(path)).status_code not in {401, 403, 421, 429}


async def test_the_answer_says_who_asks(connect: Connect) -> None:
    assert (await as_viewer(connect).get("/api/v1/session")).json() == {
        "role": "viewer",
        "login_needed": True,
    }
    here = await connect().get("/api/v1/session")
    assert here.json() == {"role": "owner", "login_needed": False}
    assert "set-cookie" not in here.headers
    assert (await connect(LOCKED, LAN).get("/api/v1/session")).status_code == 401


async def test_a_viewers_session_stays_one(connect: Connect, controls: FakeControls) -> None:
    client = connect(LOCKED, LAN, "192.168.1.9")
    assert (await client.post("/api/v1/login", json={"token": VIEWERS})).status_code == 204
    assert (await client.get("/api/v1/session")).json()["role"] == "viewer"
    assert (await client.patch("/api/v1/batteries/m1", json={"phase": "L2"})).status_code == 403
    assert controls.phases["m1"] is Assignment.L1
    before = client.cookies["phasewise_session"]
    assert (await client.post("/api/v1/login", json={"token": TOKEN})).status_code == 204
    assert (await client.patch("/api/v1/batteries/m1", json={"phase": "L2"})).status_code == 200
    headers = {"Cookie": f"phasewise_session={before}"}
    client.cookies.clear()
    assert (await client.get("/api/v1/state", headers=headers)).status_code == 401


async def test_logging_out_ends_the_session_and_nothing_else(connect: Connect) -> None:
    client = connect(LOCKED, LAN, "192.168.1.9")
    ids = []
    for _ in range(2):
        client.cookies.clear()
        await client.post("/api/v1/login", json={"token": TOKEN})
        ids.append(client.cookies["phasewise_session"])
    answer = await client.post("/api/v1/logout", json={})
    assert answer.status_code == 204
    assert "phasewise_session" not in client.cookies
    statuses = [
        (await client.get("/api/v1/state", headers={"Cookie": f"phasewise_session={id_}"})).status_code
        for id_ in ids
    ]
    assert statuses == [200, 401]
    assert (await client.post("/api/v1/logout", json={})).status_code == 204


async def test_another_site_logs_nobody_in_or_out(connect: Connect) -> None:
    client = connect(LOCKED, LAN, "192.168.1.9")
    for path in ("login", "logout"):
        answer = await client.post(
            f"/api/v1/{path}", json={"token": TOKEN}, headers={"Origin": "http://evil.example"}
        )
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_the_session_is_renewed_by_using_it(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "RENEW_S", 0.0)
    client = connect(LOCKED, LAN, "192.168.1.9")
    await client.post("/api/v1/login", json={"token": VIEWERS})
    before = client.cookies["phasewise_session"]
    assert (await client.get("/api/v1/session")).json()["role"] == "viewer"
    assert client.cookies["phasewise_session"] != before
    assert (await client.get("/api/v1/session")).json()["role"] == "viewer"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/api/v1/state", "/api/v1/stream", "/", "/metrics"])
async def test_a_page_of_another_site_gets_nothing_to_show(
    client: httpx.AsyncClient, site: str, path: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("site", ["none", "same-origin", "cross-site"])
async def test_a_link_may_lead_to_the_dashboard(client: httpx.AsyncClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert (await client.get("/health", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("192.168.1.5:8080", True),
        ("[fd00::5]:8080", True),
        ("raspberrypi:8080", True),
        ("phasewise.local", True),
        ("phasewise.lan:80", True),
        ("phasewise.home.arpa", True),
        ("evil.example", False),
        ("192.168.1.5.evil.example", False),
        ("local.evil.example:8080", False),
        ("raspberrypi/health?", False),
        ("raspberrypi/health#", False),
        ("evil@raspberrypi", False),
        ("", False),
    ],
)
async def test_with_a_login_too_a_rebound_name_is_refused(connect: Connect, host: str, known: bool) -> None:
    client = connect(LOCKED, LAN, "192.168.1.9")
    headers = {"Host": host, "Authorization": f"Bearer {TOKEN}"}
    answer = await client.get("/api/v1/state", headers=headers)
    assert answer.status_code == (200 if known else 421)
    if not known:
        assert "web.allowed_hosts" in answer.json()["detail"]
        headers["X-Forwarded-Host"] = "192.168.1.5"
        assert (await client.get("/api/v1/state", headers=headers)).status_code == 421


@pytest.mark.parametrize("allowed", ["evil.example", "*"])
async def test_a_name_that_is_allowed_is_served(connect: Connect, allowed: str) -> None:
    client = connect(Access(TOKEN, allowed_hosts=(allowed,)), LAN, "192.168.1.9")
    headers = {"Host": "evil.example", "Authorization": f"Bearer {TOKEN}"}
    assert (await client.get("/api/v1/state", headers=headers)).status_code == 200
    headers["Origin"] = "https://other.example"
    assert (await client.post("/api/v1/logout", json={}, headers=headers)).status_code == 403


async def test_a_live_stream_ends_with_its_session(controls: FakeControls) -> None:
    from web_fakes import make_state

    server = WebServer(create_app(controls, access=LOCKED), "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as client:
        await client.post("/api/v1/login", json={"token": VIEWERS})
        async with asyncio.timeout(PATIENCE_S), client.stream("GET", "/api/v1/stream") as stream:
            lines = stream.aiter_lines()
            async for line in lines:
                if line.startswith("data: "):
                    break
            await client.post("/api/v1/logout", json={})
            controls.live.publish(make_state("2026-06-01T12:00:05Z"))
            assert not [line async for line in lines if "12:00:05" in line]
    controls.live.close()
    await server.stop()
