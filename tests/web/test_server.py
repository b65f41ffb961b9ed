"""The server and the live stream, on real sockets."""

import asyncio
import json
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from web_fakes import FakeControls, make_state

from phasewise.engine.state import SystemState
from phasewise.web import Access, ServerStartError, WebServer, create_app
from phasewise.web.stream import KEEP_ALIVE, RETRY, StateEncoder, events

PATIENCE_S = 20.0
"""For what should take milliseconds, on a busy machine."""

STOP_S = 2.0
"""Stopping takes 1 s at most; the rest is for a busy machine. A server that waits for clients never stops."""


@pytest.fixture
async def server(controls: FakeControls) -> AsyncIterator[WebServer]:
    server = WebServer(create_app(controls, access=Access()), "127.0.0.1", 0)
    await server.start()
    yield server
    controls.live.close()
    await server.stop()


@asynccontextmanager
async def watching(server: WebServer) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of one client's event stream."""
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as client,
        client.stream("GET", "/api/v1/stream") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield stream.aiter_lines()


async def next_time(lines: AsyncIterator[str]) -> str:
    """The `time` of the next state in a stream."""
    async with asyncio.timeout(PATIENCE_S):
        async for line in lines:
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))["time"]
    raise AssertionError("the stream ended")


def numbered(n: int) -> SystemState:
    return make_state(f"2026-06-01T12:00:00.{n:06}Z")


async def test_two_clients_see_every_state(server: WebServer, controls: FakeControls) -> None:
    async with watching(server) as a, watching(server) as b:
        assert [await next_time(a), await next_time(b)] == [make_state().time] * 2
        for n in range(3):
            controls.live.publish(numbered(n))
            assert [await next_time(a), await next_time(b)] == [numbered(n).time] * 2


async def test_a_stream_may_begin_before_the_first_state() -> None:
    controls = FakeControls()
    server = WebServer(create_app(controls, access=Access()), "127.0.0.1", 0)
    await server.start()
    async with watching(server) as lines:
        assert await anext(lines) == RETRY.decode().strip()
        controls.live.publish(numbered(1))
        assert await next_time(lines) == numbered(1).time
    await server.stop()


async def open_and_never_read(url: str) -> socket.socket:
    """An event stream whose client takes nothing."""
    address = httpx.URL(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (address.host, address.port))
    request = f"GET /api/v1/stream HTTP/1.1\r\nHost: {address.host}\r\n\r\n"
    await loop.sock_sendall(client, request.encode())
    return client


async def publish_more_than_sockets_hold(controls: FakeControls) -> SystemState:
    """The last of the states that were published."""
    long = "x" * 20_000
    for n in range(400):
        state = msgspec.structs.replace(numbered(n), site=long)
        controls.live.publish(state)
        await asyncio.sleep(0.001)
    return state


async def test_a_client_that_never_reads_holds_up_nobody(server: WebServer, controls: FakeControls) -> None:
    with await open_and_never_read(server.url):
        async with watching(server) as lines:
            await next_time(lines)
            last = await publish_more_than_sockets_hold(controls)
            while await next_time(lines) != last.time:
                pass
        began = time.monotonic()
        controls.live.close()
        await server.stop()
        assert time.monotonic() - began < STOP_S
        assert "web server" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_closing_ends_every_stream_by_itself(server: WebServer, controls: FakeControls) -> None:
    async with watching(server) as a, watching(server) as b:
        assert [await next_time(a), await next_time(b)] == [make_state().time] * 2
        controls.live.close()
        async with asyncio.timeout(PATIENCE_S):
            assert [line async for line in a if line] == []
            assert [line async for line in b if line] == []


@pytest.mark.parametrize("closed_first", [True, False])
async def test_the_server_stops_within_a_second_with_open_streams(
    server: WebServer, controls: FakeControls, closed_first: bool
) -> None:
    async with watching(server) as lines:
        await next_time(lines)
        began = time.monotonic()
        if closed_first:
            controls.live.close()
        await server.stop()
        assert time.monotonic() - began < STOP_S
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/health")
    await server.stop()


async def test_no_task_is_left_behind(controls: FakeControls) -> None:
    before = asyncio.all_tasks()
    server = WebServer(create_app(controls, access=Access()), "127.0.0.1", 0)
    await server.start()
    async with watching(server) as lines:
        await next_time(lines)
        assert len(asyncio.all_tasks() - before) > 1
    await server.stop()
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=PATIENCE_S)
    assert asyncio.all_tasks() - before == set()


async def test_the_server_leaves_signals_alone(controls: FakeControls) -> None:
    before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
    server = WebServer(create_app(controls, access=Access()), "127.0.0.1", 0)
    await server.start()
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == before
    await server.stop()


async def test_a_port_in_use_is_said_with_what_to_do(server: WebServer) -> None:
    port = httpx.URL(server.url).port
    assert port is not None
    other = WebServer(create_app(FakeControls(), access=Access()), "127.0.0.1", port)
    with pytest.raises(ServerStartError, match=rf"127\.0\.0\.1:{port}.*web\.port"):
        await other.start()
    await other.stop()


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
async def test_an_address_that_is_not_ours_is_said_with_what_to_do(host: str) -> None:
    with pytest.raises(ServerStartError, match=rf"{host}.*web\.host"):
        await WebServer(create_app(FakeControls(), access=Access()), host, 0).start()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("nas.local", "http://nas.local:80"),
    ],
)
def test_the_url_can_be_opened_on_this_machine(host: str, url: str) -> None:
    assert WebServer(create_app(FakeControls(), access=Access()), host, 80).url == url


async def test_what_came_through_an_unknown_proxy_is_not_taken_for_this_machine(server: WebServer) -> None:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        assert (await client.get("/health")).status_code == 200
        answer = await client.get("/health", headers={"X-Forwarded-For": "192.168.1.9"})
        assert answer.status_code == 403
        assert "web.trusted_proxies" in answer.json()["detail"]


async def test_a_quiet_stream_is_kept_alive(controls: FakeControls) -> None:
    stream = events(controls.live, StateEncoder(), keep_alive_s=0.01)
    async with asyncio.timeout(PATIENCE_S):
        assert await anext(stream) == RETRY
        assert (await anext(stream)).startswith(b"data: {")
        assert [await anext(stream), await anext(stream)] == [KEEP_ALIVE] * 2
        controls.live.publish(numbered(1))
        while (line := await anext(stream)) == KEEP_ALIVE:
            pass
        assert numbered(1).time.encode() in line


async def test_a_slow_client_gets_the_newest_state_and_skips_the_rest(controls: FakeControls) -> None:
    stream = events(controls.live, StateEncoder())
    assert await anext(stream) == RETRY
    assert make_state().time.encode() in await anext(stream)
    for n in range(5):
        controls.live.publish(numbered(n))
    assert numbered(4).time.encode() in await anext(stream)
    controls.live.close()
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


def test_a_state_is_encoded_once_for_all() -> None:
    encoder = StateEncoder()
    first, second = numbered(1), numbered(2)
    event = encoder.event(first)
    assert encoder.event(first) is event
    assert encoder.json(first) is encoder.json(first)
    assert event == b"data: " + encoder.json(first) + b"\n\n"
    assert event.count(b"\n") == 2
    assert second.time.encode() in encoder.event(second)


async def test_the_description_of_the_api_is_made_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds on a small machine, and batteries are told every second."""
    app = create_app(FakeControls(make_state()), access=Access())
    made_in: list[threading.Thread] = []
    make = app.openapi

    def watched() -> dict[str, Any]:
        made_in.append(threading.current_thread())
        return make()

    monkeypatch.setattr(app, "openapi", watched)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(3)))
    assert {answer.json()["info"]["title"] for answer in answers} == {"Phasewise"}
    assert len(made_in) == 3
    assert threading.main_thread() not in made_in
