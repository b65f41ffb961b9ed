"""Behind a reverse proxy: what is believed of it, and the daemon under a path of a real one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import async_playwright, expect
from test_login_page import CHROMIUM, QUIET
from web_fakes import Connect, FakeControls, make_state

from phasewise.config import WebConfig
from phasewise.web import Access, WebServer, create_app
from phasewise.web.doorkeeper import MAX_FAILURES
from phasewise.web.proxy import PREFIX, visit_of

TOKEN = "correct-horse-battery"
INGRESS = "/api/hassio_ingress/abc"
PATIENCE_S = 20.0
"""For what should take milliseconds, on a busy machine."""
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


def access(*proxies: str, **more: str) -> Access:
    return Access.of(WebConfig("0.0.0.0", 8080, None, trusted_proxies=proxies, **more))


def visit(rules: Access, peer: str, **headers: str):
    named = {name.replace("_", "-"): value for name, value in {"host": "h:1", **headers}.items()}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
    return visit_of({"type": "http", "scheme": "http", "client": (peer, 1), "headers": raw}, rules)


FORWARDED = {
    "x_forwarded_for": "6.6.6.6",
    "x_forwarded_host": "evil.example",
    "x_forwarded_proto": "https",
    "x_forwarded_prefix": "/evil",
    "x_ingress_path": "/evil",
}


def test_nothing_is_believed_of_a_stranger() -> None:
    seen = visit(access("10.0.0.1"), "10.0.0.2", **FORWARDED)
    assert (seen.peer, seen.host, seen.is_https, seen.prefix) == ("10.0.0.2", "h:1", False, "")
    assert (seen.is_ingress, seen.is_unknown_proxy) == (False, True)


def test_a_trusted_proxy_is_believed() -> None:
    seen = visit(access("10.0.0.0/24"), "10.0.0.2", **FORWARDED)
    assert (seen.peer, seen.host, seen.is_https, seen.prefix) == ("6.6.6.6", "evil.example", True, "/evil")
    assert (seen.is_ingress, seen.is_unknown_proxy) == (True, False)


@pytest.mark.parametrize(
    ("hops", "peer"),
    [
        ("6.6.6.6", "6.6.6.6"),
        ("127.0.0.1, 6.6.6.6", "6.6.6.6"),  # the first is what the visitor claims
        ("6.6.6.6, 10.0.0.9", "6.6.6.6"),
        ("6.6.6.6,10.0.0.9,::ffff:10.0.0.8", "6.6.6.6"),
        ("nonsense, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.9", "10.0.0.9"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_who_asks_is_read_from_the_end_of_the_chain(hops: str, peer: str) -> None:
    assert visit(access("10.0.0.0/24"), "10.0.0.1", x_forwarded_for=hops).peer == peer


@given(
    st.text(st.characters(max_codepoint=255), max_size=40),
    st.text(st.characters(max_codepoint=255), max_size=40),
)
def test_no_header_breaks_out_of_the_cookies_path(prefix: str, hops: str) -> None:
    seen = visit(access("10.0.0.1"), "10.0.0.1", x_ingress_path=prefix, x_forwarded_for=hops)
    assert seen.prefix == "" or PREFIX.fullmatch(seen.prefix)
    assert seen.is_ingress == bool(seen.prefix)


async def test_through_a_trusted_proxy_another_machine_is_not_this_one(connect: Connect) -> None:
    client = connect(access("127.0.0.1"))
    assert (await client.get("/health")).status_code == 200
    for headers in ({"X-Forwarded-For": "192.168.1.9"}, {"X-Forwarded-For": "127.0.0.1, 192.168.1.9"}):
        assert (await client.get("/health", headers=headers)).status_code == 403


async def test_guesses_count_for_who_asks_not_for_the_proxy(connect: Connect) -> None:
    client = connect(Access(TOKEN, trusted_proxies=access("10.0.0.1").trusted_proxies), peer="10.0.0.1")

    async def login(token: str, peer: str) -> int:
        headers = {"X-Forwarded-For": peer}
        return (await client.post("/api/v1/login", json={"token": token}, headers=headers)).status_code

    for _ in range(MAX_FAILURES):
        assert await login("wrong", "6.6.6.6") == 401
    assert await login(TOKEN, "6.6.6.6") == 429
    assert await login(TOKEN, "9.9.9.9, 6.6.6.6") == 429
    assert await login(TOKEN, "7.7.7.7") == 204


async def test_over_tls_the_cookie_is_for_tls_alone(connect: Connect) -> None:
    rules = Access(TOKEN, trusted_proxies=access("10.0.0.1").trusted_proxies)
    for peer, secure in (("10.0.0.1", True), ("10.0.0.2", False)):
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6"}
        answer = await connect(rules, peer=peer).post("/api/v1/login", json={"token": TOKEN}, headers=headers)
        assert ("Secure" in answer.headers["set-cookie"]) is secure


async def test_only_ingress_may_be_framed_and_only_by_its_own_address(connect: Connect) -> None:
    rules = Access(TOKEN, trusted_proxies=access("10.0.0.1").trusted_proxies)
    for peer, ancestors, frame in (("10.0.0.1", "'self'", "SAMEORIGIN"), ("10.0.0.2", "'none'", "DENY")):
        headers = (await connect(rules, peer=peer).get("/", headers={"X-Ingress-Path": INGRESS})).headers
        assert f"frame-ancestors {ancestors}" in headers["content-security-policy"]
        assert headers["x-frame-options"] == frame


@pytest.mark.parametrize("root_path", ["/phasewise", "/phasewise/"])
async def test_a_proxy_may_cut_the_path_off_or_not(connect: Connect, root_path: str) -> None:
    rules = Access(TOKEN, root_path=access(root_path=root_path).root_path)
    client = connect(rules)
    moved = await client.get("/phasewise")
    assert (moved.status_code, moved.headers["location"]) == (308, "/phasewise/")
    assert (await client.get("/phasewise/")).status_code == 401
    assert (await client.get("/phasewise/api/v1/state")).status_code == 401
    answer = await client.post("/phasewise/api/v1/login", json={"token": TOKEN})
    assert "Path=/phasewise/" in answer.headers["set-cookie"]
    assert (await client.get("/phasewise/api/v1/session")).json()["role"] == "owner"
    assert (await client.get("/phasewiseapi/v1/state")).status_code == 401


class Proxy:
    """Home Assistant's ingress in small: mounts the daemon under a path, and says so in headers."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        app = web.Application()
        app.router.add_route("*", INGRESS + "/{path:.*}", self._pass_on)
        app.router.add_get("/lovelace", self._frame)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        self.origin = ""

    async def __aenter__(self) -> "Proxy":
        self._client = aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def _frame(self, _: web.Request) -> web.Response:
        return web.Response(
            text=f'<!doctype html><iframe src="{INGRESS}/"></iframe>', content_type="text/html"
        )

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        headers |= {
            "X-Ingress-Path": INGRESS,
            "X-Forwarded-For": "192.168.1.77",
            "X-Forwarded-Host": request.host,
            "X-Forwarded-Proto": "http",
        }
        path = request.raw_path.removeprefix(INGRESS)
        body = await request.read()
        url = self._upstream + path
        async with self._client.request(
            request.method, url, headers=headers, data=body or None, allow_redirects=False
        ) as answer:
            kept = [(n, v) for n, v in answer.headers.items() if n.lower() not in HOP_BY_HOP]
            passed = web.StreamResponse(status=answer.status)
            for name, value in kept:
                passed.headers.add(name, value)
            await passed.prepare(request)
            async for chunk in answer.content.iter_any():
                await passed.write(chunk)
            await passed.write_eof()
            return passed


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A dashboard in small, made as the real one is: everything relative."""
    (tmp_path / "index.html").write_text(
        '<!doctype html><h1></h1><script type="module" src="./assets/app.js"></script>'
    )
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app.js").write_text(
        'new EventSource("api/v1/stream").onmessage = (event) => {'
        ' document.querySelector("h1").textContent = JSON.parse(event.data).time; };'
    )
    return tmp_path


@pytest.fixture
async def proxied(controls: FakeControls, static: Path) -> AsyncIterator[Proxy]:
    rules = Access(TOKEN, trusted_proxies=access("127.0.0.1").trusted_proxies)
    server = WebServer(create_app(controls, access=rules, static_dir=static), "127.0.0.1", 0)
    await server.start()
    async with Proxy(server.url) as proxy:
        yield proxy
        controls.live.close()
    await server.stop()


async def test_login_change_and_stream_through_a_real_proxy(proxied: Proxy, controls: FakeControls) -> None:
    base = proxied.origin + INGRESS + "/"
    origin = {"Origin": proxied.origin}
    async with httpx.AsyncClient(base_url=base, timeout=PATIENCE_S) as client:
        assert (await client.get("")).status_code == 401
        answer = await client.post("api/v1/login", json={"token": TOKEN}, headers=origin)
        assert answer.status_code == 204
        assert f"Path={INGRESS}/" in answer.headers["set-cookie"]
        assert "EventSource" in (await client.get("assets/app.js")).text
        change = {"phase": "L2"}
        refused = await client.patch(
            "api/v1/batteries/m1", json=change, headers={"Origin": "http://evil.example"}
        )
        assert refused.status_code == 403
        assert (await client.patch("api/v1/batteries/m1", json=change, headers=origin)).status_code == 200
        async with asyncio.timeout(PATIENCE_S), client.stream("GET", "api/v1/stream") as stream:
            times = []
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    times.append(json.loads(line.removeprefix("data: "))["time"])
                    controls.live.publish(make_state(f"2026-06-01T12:00:0{len(times)}Z"))
                if len(times) == 3:
                    break
        assert times[1:] == ["2026-06-01T12:00:01Z", "2026-06-01T12:00:02Z"]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: install Debian's chromium")
async def test_in_a_frame_of_home_assistant_a_browser_logs_in_and_sees_the_live_state(proxied: Proxy) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(proxied.origin + "/lovelace")
        frame = page.frame_locator("iframe")
        await frame.get_by_label("Access token").fill(TOKEN)
        await frame.get_by_role("button", name="Log in").click()
        await expect(frame.get_by_role("heading")).to_have_text(
            "2026-06-01T12:00:00Z", timeout=1000 * PATIENCE_S
        )
        assert not [text for text in complaints if "Content Security Policy" in text or "frame" in text]
        await browser.close()
