"""Set-up as a server: where it listens, who may in, and how it ends."""

import asyncio
import os
import re
import signal
import socket
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from phasewise.config import TokenError, load_config
from phasewise.first_run import FirstRun, SetupStartError
from phasewise.registry import load_plugins
from phasewise.web import ServerStartError
from ports import free_port

PLUGINS = load_plugins()
FILE = {"meter": {"driver": "dsmr", "url": "tcp://127.0.0.1:9"}, "batteries": []}


class Served:
    """A set-up that runs."""

    def __init__(self, path: Path, host: str, proxies: Sequence[str]) -> None:
        self.said: list[str] = []
        self.port = free_port()
        say = self.said.append
        self.first = FirstRun(path, PLUGINS, host=host, port=self.port, say=say, trusted_proxies=proxies)

    @property
    def token(self) -> str:
        found = re.search(r"[0-9a-f]{32}", self.said[0])
        assert found is not None
        return found[0]


@asynccontextmanager
async def served(
    path: Path, host: str = "127.0.0.1", proxies: Sequence[str] = ()
) -> AsyncIterator[tuple[Served, httpx.AsyncClient, asyncio.Task[bool]]]:
    here = Served(path, host, proxies)
    task = asyncio.create_task(here.first.run())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.port}", timeout=30) as client:
        async with asyncio.timeout(10):
            while not any("Open http" in text for text in here.said):  # noqa: ASYNC110 - it says it once
                await asyncio.sleep(0.01)
        yield here, client, task
    task.cancel()
    await asyncio.wait({task})


async def test_it_says_where_it_is_and_ends_once_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    async with served(path) as (here, client, task):
        assert here.said == [
            f"There is no file {path} yet: set-up makes it. Open http://127.0.0.1:{here.port}"
        ]
        assert (await client.get("/api/v1/state")).json()["code"] == "setup"
        answer = await client.post("/api/v1/setup/write", json=FILE)
        assert (answer.status_code, answer.json()["file"]) == (200, str(path))
        assert await asyncio.wait_for(task, 15) is True
        with pytest.raises(httpx.ConnectError):
            await client.get("/health")
    config = load_config(path, PLUGINS.registry())
    assert (config.web.host, config.web.port, config.web.token_file) == ("127.0.0.1", here.port, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopped_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    async with served(tmp_path / "home.yaml") as (_, client, task):
        await client.post("/api/v1/setup/scan", json={"range": "127.0.0.1", "ports": [9]})
        os.kill(os.getpid(), number)
        assert await asyncio.wait_for(task, 15) is False
    assert list(tmp_path.iterdir()) == []


async def test_beyond_this_machine_it_has_a_token_that_goes_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    async with served(path, "0.0.0.0") as (here, client, _):
        assert "shown once" in here.said[0]
        assert (await client.get("/api/v1/setup")).status_code == 401
        token, file = here.token, tmp_path / "home.token"
        assert file.read_text().strip() == token
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with served(path, "0.0.0.0") as (again, client, task):
        assert again.said[0] == f"The access token is in {file}."
        client.headers["Authorization"] = f"Bearer {token}"
        assert (await client.post("/api/v1/setup/write", json=FILE)).status_code == 200
        assert await asyncio.wait_for(task, 15) is True
    config = load_config(path, PLUGINS.registry())
    assert (config.web.host, config.web.token_file) == ("0.0.0.0", file)


def test_what_keeps_it_from_starting_is_said(tmp_path: Path) -> None:
    def first(path: Path, host: str) -> FirstRun:
        return FirstRun(path, PLUGINS, host=host, port=free_port(), say=lambda _: None)

    with pytest.raises(SetupStartError, match="there is no directory"):
        first(tmp_path / "nowhere" / "home.yaml", "127.0.0.1")
    (tmp_path / "home.token").write_text("short")
    with pytest.raises(TokenError, match="at least 16"):
        first(tmp_path / "home.yaml", "0.0.0.0")


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = FirstRun(tmp_path / "home.yaml", PLUGINS, host="127.0.0.1", port=port, say=lambda _: None)
        with pytest.raises(ServerStartError, match="another program"):
            await first.run()


async def test_a_proxy_is_trusted_in_set_up_and_in_the_file_that_it_writes(tmp_path: Path) -> None:
    """So that set-up can be shown inside Home Assistant, whose proxy is known beforehand."""
    path = tmp_path / "home.yaml"
    framed = {"X-Ingress-Path": "/api/hassio_ingress/abc", "X-Forwarded-For": "192.168.1.9"}
    async with served(path, "0.0.0.0", ["127.0.0.1"]) as (here, client, task):
        client.headers["Authorization"] = f"Bearer {here.token}"
        inside, outside = await client.get("/", headers=framed), await client.get("/")
        assert outside.headers["X-Frame-Options"] == "DENY"
        assert "X-Frame-Options" not in inside.headers or inside.headers["X-Frame-Options"] != "DENY"
        assert (await client.post("/api/v1/setup/write", json=FILE, headers=framed)).status_code == 200
        assert await asyncio.wait_for(task, 15) is True
    assert load_config(path, PLUGINS.registry()).web.trusted_proxies == ("127.0.0.1",)


async def test_set_up_counts_as_ready_and_alive_for_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        async with served(tmp_path / "home.yaml"):
            await asyncio.sleep(0.05)
            assert [listener.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]


async def test_a_proxy_that_is_no_address_is_said(tmp_path: Path) -> None:
    with pytest.raises(SetupStartError, match="--trusted-proxy"):
        FirstRun(
            tmp_path / "home.yaml",
            PLUGINS,
            host="127.0.0.1",
            port=free_port(),
            say=lambda _: None,
            trusted_proxies=["home.example"],
        )
