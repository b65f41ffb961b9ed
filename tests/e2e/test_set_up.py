"""`phasewise run` without a file, as somebody would begin: find, test, write, and it controls."""

import asyncio
import stat
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from world import METER_DELAY_S

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import DelayLine, MeterSample, SimHouse
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server
from ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LOAD_W = (900.0, 300.0, 200.0)


class Beginner:
    """Somebody with a dashboard."""

    def __init__(self, client: httpx.AsyncClient, daemon: asyncio.subprocess.Process) -> None:
        self._client = client
        self._daemon = daemon

    async def get(self, path: str) -> dict[str, Any]:
        return (await self._client.get(path)).json()

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._client.post(path, json=body)

    async def until_served(self, path: str, status: int) -> dict[str, Any]:
        async with asyncio.timeout(40):
            while True:
                assert self._daemon.returncode is None
                try:
                    answer = await self._client.get(path)
                    if answer.status_code == status:
                        return answer.json()
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def scanned(self, ports: list[int]) -> list[dict[str, Any]]:
        started = await self.post("/api/v1/setup/scan", {"range": "127.0.0.0/30", "ports": ports})
        assert started.status_code == 204, started.text
        async with asyncio.timeout(60):
            while (scan := (await self.get("/api/v1/setup"))["scan"])["state"] == "running":  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.2)
        assert scan["state"] == "done", scan
        return scan["findings"]


async def test_from_nothing_to_control(tmp_path: Path) -> None:
    spec = BatterySpec(dead_time_s=0.5)
    now_s = time.monotonic()
    house = SimHouse(lambda _: LOAD_W, [(n, SimBattery(spec, now_s=now_s)) for n in range(2)], noise_w=5.0)
    line = DelayLine(METER_DELAY_S)

    def seen() -> MeterSample | None:
        line.put(house.sample(time.monotonic()))
        return line.due(time.monotonic())

    meter = P1Server(seen)
    servers = [
        MarstekServer(battery, model="venus-e-v3", now=time.monotonic) for _, battery in house.batteries
    ]
    for device in (meter, *servers):
        await device.start()
    port, path, log = free_port(), tmp_path / "home.yaml", tmp_path / "daemon.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phasewise.cli", "run", str(path), "--port", str(port),
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await _set_up(Beginner(client, process), meter, servers, path)
        async with asyncio.timeout(40):
            half_w = sum(LOAD_W) / 2
            while sum(house.power_w(time.monotonic())) > half_w:  # noqa: ASYNC110 - a house tells nobody
                await asyncio.sleep(0.1)
        assert [server.violations for server in servers] == [[], []]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert [server.controlled for server in servers] == [False, False]
    except (AssertionError, TimeoutError):
        print(log.read_text())
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        for device in (meter, *servers):
            await device.stop()


async def _set_up(beginner: Beginner, meter: P1Server, servers: list[MarstekServer], path: Path) -> None:
    waiting = await beginner.until_served("/api/v1/state", 503)
    assert waiting["code"] == "setup"
    assert (await beginner.get("/api/v1/setup"))["mode"] == "setup"

    found = await beginner.scanned([meter.port, *(server.port for server in servers)])
    devices = [finding["suggestions"][0] for finding in found if finding["kind"] != "other"]
    assert [device["kind"] for device in devices] == ["meter", "battery", "battery"]

    tests = await asyncio.gather(*(beginner.post("/api/v1/setup/test", device) for device in devices[:2]))
    assert [test.json()["ok"] for test in tests] == [True] * 2, [test.text for test in tests]
    assert not any(server.writes for server in servers)
    assert not path.exists()

    of_meter, *of_batteries = [{"driver": device["driver"], **device["options"]} for device in devices]
    batteries = [{"id": f"m{n}", **device} for n, device in enumerate(of_batteries, start=1)]
    body = {"site": {"name": "Begin"}, "meter": of_meter, "batteries": batteries}
    written = await beginner.post("/api/v1/setup/write", body)
    assert written.status_code == 200, written.text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    state = await beginner.until_served("/api/v1/state", 200)
    assert (state["site"], [b["phase"] for b in state["batteries"]]) == ("Begin", ["unassigned"] * 2)
    running = await beginner.get("/api/v1/setup")
    assert (running["mode"], running["scan"]) == ("running", None)
    refused = await beginner.post("/api/v1/setup/test", devices[1])
    assert (refused.status_code, "uses it already" in refused.json()["detail"]) == (409, True)
