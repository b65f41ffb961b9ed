"""What a hostile or broken peer may cost: on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from web_fakes import FakeControls, make_state

from phasewise.web import Access, WebServer, create_app, guard
from phasewise.web import server as serving

PATIENCE_S = 20.0
"""For what should take milliseconds, on a busy machine."""


@pytest.fixture
async def server(controls: FakeControls, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebServer]:
    monkeypatch.setattr(serving, "REQUEST_S", 0.3)
    monkeypatch.setattr(serving, "STALLED_S", 0.3)
    server = WebServer(create_app(controls, access=Access()), "127.0.0.1", 0)
    await server.start()
    yield server
    controls.live.close()
    await server.stop()


def port_of(server: WebServer) -> int:
    return int(server.url.rpartition(":")[2])


def connections(server: WebServer) -> int:
    return len(server._server.server_state.connections)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE_S / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


async def answered(server: WebServer) -> bool:
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as client:
        return (await client.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b",
        b"PUT /api/v1/strategy HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 30\r\n\r\n{",
    ],
)
async def test_a_request_that_never_comes_is_cut_off(server: WebServer, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(sent)
    async with asyncio.timeout(PATIENCE_S):
        assert b"200" not in await reader.read()
    writer.close()
    assert await answered(server)


async def test_a_request_that_drips_is_cut_off(server: WebServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    ended = asyncio.create_task(reader.read())
    async with asyncio.timeout(PATIENCE_S):
        while not ended.done():
            writer.write(b"G")
            await asyncio.sleep(0.05)
    writer.close()


async def test_a_live_stream_outlasts_what_a_request_may_take(
    server: WebServer, controls: FakeControls
) -> None:
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as client,
        client.stream("GET", "/api/v1/stream") as stream,
    ):
        lines = stream.aiter_lines()
        await asyncio.sleep(3 * serving.REQUEST_S)
        controls.live.publish(make_state("2026-06-01T12:00:05Z"))
        async with asyncio.timeout(PATIENCE_S):
            async for line in lines:
                if "12:00:05" in line:
                    return
    raise AssertionError("the stream was cut off")


async def test_who_takes_nothing_is_cut_off(server: WebServer, controls: FakeControls) -> None:
    controls.recorded = [b"x" * 1_000_000] * 50
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port_of(server)))
    await loop.sock_sendall(sock, b"GET /api/v1/recording HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: connections(server) == 1)
        await until(lambda: connections(server) == 0)
    sock.close()
    assert await answered(server)


async def test_huge_headers_are_refused(server: WebServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"b" * 200_000)
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    assert await answered(server)


async def test_one_peer_does_not_take_all_connections(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "REQUEST_S", PATIENCE_S)
    monkeypatch.setattr(serving, "MAX_CONNECTIONS_OF_PEER", 5)
    held = [await asyncio.open_connection("127.0.0.1", port_of(server)) for _ in range(5)]
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: connections(server) == len(held))
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Retry-After" in answer
    for _, other in (*held, (reader, writer)):
        other.close()
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: connections(server) == 0)
    assert await answered(server)


async def test_live_streams_are_bounded_and_their_places_come_back(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MAX_STREAMS_OF_PEER", 2)
    async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE_S) as client:
        async with (
            client.stream("GET", "/api/v1/stream") as first,
            client.stream("GET", "/api/v1/stream") as second,
        ):
            assert (first.status_code, second.status_code) == (200, 200)
            third = await client.get("/api/v1/stream")
            assert third.status_code == 503
            assert "Too many dashboards" in third.json()["detail"]
            assert int(third.headers["retry-after"]) > 0
            assert (await client.get("/api/v1/state")).status_code == 200
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with client.stream("GET", "/api/v1/stream") as again:
                    if again.status_code == 200:
                        return
                await asyncio.sleep(0.05)
