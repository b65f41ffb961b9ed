"""No secret of the configuration is in any answer, in the log, in a recording or in an error message."""

import asyncio
import re
import sys
import time
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from phasewise.config import ConfigError, PasswordHash, load_config
from phasewise.registry import load_plugins
from phasewise.sim.house import SimHouse
from phasewise.sim.servers.p1 import P1Server
from ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PATIENCE_S = 40.0
CANARY = "canary7f3a"
"""Part of every secret."""
TOKEN = f"owner-{CANARY}-0123456789"
VIEWERS = f"viewer-{CANARY}-0123456789"
CONFIG = """\
site: {{name: Test house}}
meter: {{driver: dsmr, url: "{meter}"}}
batteries: []
mqtt: {{url: "mqtt://127.0.0.1:{nobody}", username: me, password_file: broker}}
web: {{port: {port}, token_file: token, password_file: password, viewer_token_file: viewers}}
alarms: {{webhook: "http://user:{canary}@127.0.0.1:{service}/hook/{canary}?token={canary}"}}
prices:
  driver: http-json
  url: "http://user:{canary}@127.0.0.1:{service}/prices?api_key={canary}"
  headers: {{X-Access: "{canary}"}}
forecast:
  driver: http-json
  url: "http://{canary}@127.0.0.1:{nobody}/forecast?token={canary}"
  headers: {{Authorization: "Bearer {canary}"}}
"""
BROKEN = (
    ('webhook: "http:', 'webhook: "ftp:'),
    ('headers: {{X-Access: "{canary}"}}', "headers: [{canary}]"),
    ('url: "http://{canary}@127.0.0.1:{nobody}', 'url: "htp://{canary}@127.0.0.1:{nobody}'),
    ('url: "mqtt://127.0.0.1', 'url: "mqtts://me:{canary}@127.0.0.1'),
    ("token_file: token,", "token: {canary}, password: {canary}, password_fil: x,"),
)
"""Mistakes at the places of secrets."""


async def _echo(request: web.Request) -> web.Response:
    """A service that says no in one way or another, and repeats what it was sent."""
    status = 200 if request.path == "/prices" else 500
    return web.Response(status=status, text=f"{request.url} {dict(request.headers)}")


async def _answers(client: httpx.AsyncClient) -> dict[str, str]:
    paths = (await client.get("/openapi.json")).json()["paths"]
    reads = [path for path, operations in paths.items() if "get" in operations and path != "/api/v1/stream"]
    found = {
        path: (await client.get(path)).content.decode("latin-1") for path in (*reads, "/", "/openapi.json")
    }
    async with client.stream("GET", "/api/v1/stream") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                found["/api/v1/stream"] = line
                break
    for body in ({"token": f"wrong {CANARY}"}, {"password": [CANARY]}):
        found[f"login {body}"] = (await client.post("/api/v1/login", json=body)).text
    change = {"changes": [{"path": ["alarms", "webhook"], "value": f"ftp://{CANARY}"}], "dry_run": True}
    found["settings, refused"] = (await client.patch("/api/v1/settings", json=change)).text
    return found


async def _until_decided(client: httpx.AsyncClient) -> None:
    for _ in range(int(PATIENCE_S / 0.2)):
        try:
            if (await client.get("/api/v1/recording")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
    raise AssertionError("there is no decision")


async def _state_with(client: httpx.AsyncClient, alarm: str) -> str:
    for _ in range(int(PATIENCE_S / 0.2)):
        answer = await client.get("/api/v1/state")
        if any(found["code"].startswith(alarm) for found in answer.json()["alarms"]):
            return answer.text
        await asyncio.sleep(0.2)
    raise AssertionError(f"there is no alarm {alarm}")


def _places_of(word: str, text: str) -> list[int]:
    return [found.start() for found in re.finditer(word, text)]


def _broken() -> str:
    text = CONFIG
    for place, mistake in BROKEN:
        assert place in text
        text = text.replace(place, mistake, 1)
    return text


async def test_no_secret_of_the_configuration_gets_out(tmp_path: Path) -> None:
    house = SimHouse(lambda _: (200.0, 150.0, 150.0), [], noise_w=5.0)
    meter = P1Server(lambda: house.sample(time.monotonic()))
    await meter.start()
    service = web.Application()
    service.router.add_route("*", "/{path:.*}", _echo)
    runner = web.AppRunner(service, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    places = {"meter": meter.url, "port": free_port(), "nobody": free_port(), "canary": CANARY}
    places["service"] = runner.addresses[0][1]
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "viewers").write_text(VIEWERS)
    (tmp_path / "broker").write_text(CANARY)
    known = PasswordHash.of(f"password {CANARY}")
    (tmp_path / "password").write_text(known.text())
    config, log = tmp_path / "home.yaml", tmp_path / "daemon.log"
    config.write_text(CONFIG.format(**places))
    with log.open("wb") as output:
        daemon = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "phasewise.cli", "run", str(config), "--log-level", "debug"),
            stdout=output,
            stderr=output,
        )
    said: dict[str, str] = {}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"http://127.0.0.1:{places['port']}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client:
        try:
            await _until_decided(client)
            said |= await _answers(client)
            config.write_text(_broken().format(**places))
            said["mistakes, state"] = await _state_with(client, "config-invalid")
            said["mistakes, settings"] = (await client.get("/api/v1/settings")).text
            with pytest.raises(ConfigError) as caught:
                load_config(config, load_plugins().registry())
            assert len(caught.value.problems) >= len(BROKEN)
            said["mistakes, check"] = str([vars(problem) for problem in caught.value.problems])
        finally:
            if daemon.returncode is None:
                daemon.terminate()
            await daemon.wait()
            await meter.stop()
            await runner.cleanup()
    said["log"] = log.read_text()
    leaks = {
        place: [text[max(0, at - 80) : at + 20] for at in _places_of(CANARY, text)][:3]
        for place, text in said.items()
        if CANARY in text
    }
    assert not leaks, "\n".join(f"{place}: {text}" for place, text in leaks.items())
    assert len(said["/api/v1/recording"]) > 200
    assert "********" in said["/api/v1/settings"]
    hashes = known.text().strip().split("$")[-2:]
    assert not [place for place, text in said.items() if any(part in text for part in hashes)]
