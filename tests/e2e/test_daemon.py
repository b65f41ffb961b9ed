"""`phasewise run`, as a household would switch it on: real process, real sockets, real time."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from world import World, world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

STEP_W = 3000.0
CONTROL_OFF = 21947
"""Register 42000 after control was handed back (0x55BB)."""


async def _step(folder: Path, dead_time_s: float) -> tuple[float, float]:
    """Seconds until |total| <= 100 W for good, and the overshoot, after +3 kW on L1."""
    folder.mkdir()
    async with world(folder, dead_time_s=dead_time_s) as house:
        await house.settled()
        house.loads_w[0] += STEP_W
        trace = await house.trace(25)
        outside = [at_s for at_s, total_w in trace if abs(total_w) > 100]
        await house.terminate()
        return max(outside), max(-total_w for _, total_w in trace)


async def test_step_is_held_at_any_dead_time_without_tuning(tmp_path: Path) -> None:
    dead_times_s = (0.5, 1.5, 2.5)
    results = await asyncio.gather(*(_step(tmp_path / f"d{d}", d) for d in dead_times_s))
    for dead_time_s, (settle_s, overshoot_w) in zip(dead_times_s, results, strict=True):
        print(f"dead time {dead_time_s} s: settled in {settle_s:.1f} s, overshoot {overshoot_w:.0f} W")
        assert settle_s <= 12
        assert overshoot_w <= 300


async def _follow(house: World, ended: asyncio.Event) -> int:
    """A dashboard: follows the stream to its end, counts the events."""
    events = 0
    url = f"http://127.0.0.1:{house.port}/api/v1/stream"
    async with httpx.AsyncClient(timeout=30) as client, client.stream("GET", url) as answer:
        async for line in answer.aiter_lines():
            events += line.startswith("data:")
    ended.set()
    return events


async def test_sigterm_releases_with_open_dashboards_and_a_dead_battery(tmp_path: Path) -> None:
    async with world(tmp_path, load_w=3700.0) as house:
        modes = [server.registers[43000] for server in house.servers]
        await house.settled()
        ends = [asyncio.Event(), asyncio.Event()]
        dashboards = [asyncio.create_task(_follow(house, end)) for end in ends]
        await asyncio.sleep(2.5)
        house.servers[0].fault = "silent"
        await asyncio.sleep(1.0)
        code, took_s = await house.terminate()
        assert code == 0, house.log.read_text()
        assert took_s <= 5
        for server, mode in list(zip(house.servers, modes, strict=True))[1:]:
            assert server.registers[42000] == CONTROL_OFF
            assert server.registers[43000] == mode
        assert min([await task for task in dashboards]) >= 2
        await house.until(lambda: house.battery_w()[1:] == [0.0, 0.0], 5)


async def test_phase_and_strategy_changes_reach_the_file_and_hand_edits_reach_the_daemon(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as house:
        await house.settled()
        before = house.config.read_text()
        answer = await house.client.patch("/api/v1/batteries/m2", json={"phase": "L3"})
        assert answer.json() == {"persisted": True, "detail": None}
        assert house.config.read_text() == before.replace("phase: L2   #", "phase: L3   #")
        state = await house.state()
        assert [b["phase"] for b in state["batteries"]] == ["L1", "L3", "L3"]

        house.config.write_text(house.config.read_text().replace("phase: L1 ", "phase: L5 "))
        await _until_alarm(house, "config-invalid", present=True)
        assert [b["phase"] for b in (await house.state())["batteries"]] == ["L1", "L3", "L3"]
        house.config.write_text(house.config.read_text().replace("phase: L5 ", "phase: unassigned "))
        await _until_alarm(house, "config-invalid", present=False)
        assert (await house.state())["batteries"][0]["phase"] == "unassigned"

        answer = await house.client.put("/api/v1/strategy", json={"selected": "full-stop"})
        assert answer.json()["persisted"] is True
        await house.until(lambda: house.battery_w() == [0.0] * 3, 6)
        assert "strategy: full-stop" in house.config.read_text()
        assert (await house.terminate())[0] == 0


async def _until_alarm(house: World, code: str, *, present: bool) -> None:
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        if (code in await house.alarms()) is present:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"alarm {code} present={present} not reached; {await house.alarms()}")
