"""Who is let in, and who is not."""

import logging

import httpx
import pytest
from web_fakes import Connect, FakeControls

from phasewise.model import Assignment
from phasewise.web import Access
from phasewise.web.access import is_this_machine
from phasewise.web.doorkeeper import FAILURE_WINDOW_S, MAX_FAILURES

TOKEN = "correct-horse-battery"
WITH_TOKEN = Access(TOKEN)
LAN = "http://192.168.1.5:8080"
CHANGE = {"phase": "L2"}
BATTERY = "/api/v1/batteries/m1"


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"])
async def test_this_machine_needs_no_token(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/v1/state", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/api/v1/state", "/api/v1/stream", "/api/v1/recording", "/health", "/metrics", "/login.js"]
)
async def test_a_name_rebound_to_this_machine_is_refused(
    client: httpx.AsyncClient, host: str, path: str
) -> None:
    answer = await client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "localhost" in answer.json()["detail"]


async def test_a_proxy_name_can_be_allowed(connect: Connect) -> None:
    client = connect(Access(allowed_hosts=("Home.example",)))
    headers = {"Host": "home.example:8443", "Origin": "https://home.example"}
    assert (await client.patch(BATTERY, json=CHANGE, headers=headers)).status_code == 200
    assert (await client.get("/health", headers={"Host": "other.example"})).status_code == 421


@pytest.mark.parametrize("peer", ["192.168.1.9", "10.0.0.1", "fe80::1", "", "testclient"])
async def test_another_machine_needs_a_token_whatever_it_says_its_host_is(
    connect: Connect, peer: str
) -> None:
    answer = await connect(peer=peer).get("/api/v1/state", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.status_code == 403
    assert "web.token_file" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("8.8.8.8", False),
        ("localhost", False),
    ],
)
def test_loopback_addresses(address: str, local: bool) -> None:
    assert is_this_machine(address) is local


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:9999",
        "http://localhost",
        "null",
        "http://localhost.evil:8080",
    ],
)
async def test_another_site_changes_nothing(
    client: httpx.AsyncClient, controls: FakeControls, origin: str
) -> None:
    answer = await client.patch(BATTERY, json=CHANGE, headers={"Origin": origin})
    assert answer.status_code == 403
    assert controls.phases["m1"] is Assignment.L1


async def test_the_own_page_may_change(client: httpx.AsyncClient, controls: FakeControls) -> None:
    answer = await client.patch(BATTERY, json=CHANGE, headers={"Origin": "http://localhost:8080"})
    assert answer.status_code == 200
    assert controls.phases["m1"] is Assignment.L2


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_what_a_form_can_send_changes_nothing(
    client: httpx.AsyncClient, controls: FakeControls, kind: str
) -> None:
    headers = {"Content-Type": kind}
    answer = await client.patch(BATTERY, content='{"phase": "L2"}', headers=headers)
    assert answer.status_code == 415
    assert controls.phases["m1"] is Assignment.L1


async def test_a_json_type_with_a_charset_is_json(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert (await client.patch(BATTERY, content='{"phase": "L2"}', headers=headers)).status_code == 200


async def test_a_body_that_would_fill_memory_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.patch(BATTERY, json={"phase": "x" * 20_000})).status_code == 413

    async def chunks() -> object:
        yield b'{"phase": "L2"}'

    headers = {"Content-Type": "application/json"}
    assert (await client.patch(BATTERY, content=chunks(), headers=headers)).status_code == 411


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/state",
        "/api/v1/stream",
        "/api/v1/recording",
        "/metrics",
        "/openapi.json",
        "/assets/x.js",
        "/x",
    ],
)
async def test_with_a_token_every_route_asks_for_it(connect: Connect, path: str) -> None:
    client = connect(WITH_TOKEN, LAN, "192.168.1.9")
    answer = await client.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


async def test_with_a_token_also_this_machine_asks_for_it(connect: Connect) -> None:
    assert (await connect(WITH_TOKEN).get("/api/v1/state")).status_code == 401


async def test_health_is_open(connect: Connect) -> None:
    assert (await connect(WITH_TOKEN, LAN, "192.168.1.9").get("/health")).status_code == 200


async def test_the_token_opens_every_route(connect: Connect) -> None:
    client = connect(WITH_TOKEN, LAN, "192.168.1.9")
    headers = {"Authorization": f"bearer {TOKEN}"}
    assert (await client.get("/api/v1/state", headers=headers)).status_code == 200
    assert (await client.patch(BATTERY, json=CHANGE, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "given", ["Bearer wrong", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"]
)
async def test_a_wrong_token_opens_nothing(connect: Connect, controls: FakeControls, given: str) -> None:
    client = connect(WITH_TOKEN, LAN, "192.168.1.9")
    headers = {"Authorization": given.encode("latin-1")}
    assert (await client.patch(BATTERY, json=CHANGE, headers=headers)).status_code == 401
    assert controls.phases["m1"] is Assignment.L1


@pytest.mark.parametrize(
    ("origin", "host"), [("http://evil.example", "192.168.1.5:8080"), ("null", "192.168.1.5:8080")]
)
async def test_the_token_does_not_lift_the_defence_against_other_sites(
    connect: Connect, origin: str, host: str
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": origin, "Host": host}
    answer = await connect(WITH_TOKEN, LAN).patch(BATTERY, json=CHANGE, headers=headers)
    assert answer.status_code == 403


async def test_logging_in_gives_a_session_that_is_not_the_token(connect: Connect) -> None:
    client = connect(WITH_TOKEN, LAN, "192.168.1.9")
    page = await client.get("/")
    assert page.status_code == 401
    assert "Access token" in page.text
    for asset in ("/login.js", "/pages.css"):
        assert (await client.get(asset)).status_code == 200

    answer = await client.post("/api/v1/login", json={"token": TOKEN})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert TOKEN not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert (await client.get("/api/v1/state")).status_code == 200
    client.cookies.clear()
    assert (await client.get("/api/v1/state")).status_code == 401


@pytest.mark.parametrize("cookie", ["", "forged", TOKEN])
async def test_a_forged_session_opens_nothing(connect: Connect, cookie: str) -> None:
    headers = {"Cookie": f"phasewise_session={cookie}"}
    assert (await connect(WITH_TOKEN, LAN).get("/api/v1/state", headers=headers)).status_code == 401


@pytest.mark.parametrize("way", ["login", "bearer"])
async def test_guessing_is_slowed_down(connect: Connect, way: str) -> None:
    client = connect(WITH_TOKEN, LAN, "192.168.1.9")

    async def attempt(token: str) -> httpx.Response:
        if way == "login":
            return await client.post("/api/v1/login", json={"token": token})
        return await client.get("/api/v1/state", headers={"Authorization": f"Bearer {token}"})

    for _ in range(MAX_FAILURES):
        assert (await attempt("wrong")).status_code == 401
    blocked = await attempt(TOKEN)
    assert blocked.status_code == 429
    assert 0 < int(blocked.headers["retry-after"]) <= FAILURE_WINDOW_S


async def test_login_without_a_token_is_not_needed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/login", json={"token": "anything"})
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", " ", "\n"])
def test_a_token_that_protects_nothing_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="access token"):
        Access(token)


@pytest.mark.parametrize("token", ["four words in it", "caf\xe9 \u20ac"])
async def test_a_token_may_be_any_text(connect: Connect, token: str) -> None:
    client = connect(Access(token), LAN, "192.168.1.9")
    headers = {"Authorization": f"Bearer {token}".encode()}
    assert (await client.get("/api/v1/state", headers=headers)).status_code == 200
    assert (await client.post("/api/v1/login", json={"token": f" {token}\n"})).status_code == 204


async def test_a_refused_login_never_shows_what_was_sent(connect: Connect) -> None:
    client = connect(WITH_TOKEN, LAN)
    for body in (
        {"token": [TOKEN]},
        {"tokn": TOKEN},
        {"token": TOKEN, "more": TOKEN},
        {"token": TOKEN, "password": TOKEN},
        {"token": TOKEN * 100},
    ):
        answer = await client.post("/api/v1/login", json=body)
        assert answer.status_code == 422
        assert TOKEN not in answer.text


def test_a_token_is_never_printed() -> None:
    assert TOKEN not in repr(WITH_TOKEN)


async def test_no_token_is_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "phasewise")
    await connect(WITH_TOKEN, LAN).post("/api/v1/login", json={"token": TOKEN})
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/state", "/nothing"])
@pytest.mark.parametrize("access", [Access(), WITH_TOKEN])
async def test_every_answer_carries_the_security_headers(connect: Connect, access: Access, path: str) -> None:
    headers = (await connect(access).get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
