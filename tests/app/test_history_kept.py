"""The daemon and its history: kept from the start, missed by nobody while the disk is away."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx

from phasewise.app import Application
from phasewise.demo import CONFIG, InProcess
from phasewise.engine.state import SystemState
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock

PLUGINS = load_plugins()
URLS = dict.fromkeys(("garage", "attic", "shed"), "modbus-tcp://127.0.0.1:1?unit=1")


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    for _ in range(round(within_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not reached")


def application(path: Path, port: int, more: str = "") -> Application:
    path.write_text(
        CONFIG.format(meter="tcp://127.0.0.1:1", roof="tcp://127.0.0.1:1", port=port, **URLS) + more,
        encoding="utf-8",
    )
    clock = FastClock(60.0, utc_s=1_700_000_000.0)
    app = Application(path, PLUGINS, clock=clock, devices=InProcess(PLUGINS, clock))
    app.chronicle.writer._batch_s = 0.1
    return app


async def test_control_goes_on_without_the_disk_and_nothing_is_missed(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    app = application(tmp_path / "home.yaml", unused_tcp_port, "history: {path: stick/h.db}\n")

    def state() -> SystemState:
        assert app.live.current is not None
        return app.live.current

    def alarms() -> set[str]:
        return {alarm.code for alarm in state().alarms} if app.live.current is not None else set()

    ready = asyncio.Event()
    running = asyncio.create_task(app.run(lambda _: ready.set()))
    try:
        await asyncio.wait_for(ready.wait(), 10.0)
        await until(lambda: "history-not-written" in alarms())
        before, decisions = state().time, app.counters().decisions
        await until(lambda: app.counters().decisions > decisions + 10)
        assert any(battery.setpoint_w for battery in state().batteries)
        (tmp_path / "stick").mkdir()
        await until(lambda: "history-not-written" not in alarms())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}", timeout=30) as client:
            params = {"from": "1700000000", "to": before, "points": "10000", "series": "grid.total_w"}
            answer = (await client.get("/api/v1/history", params=params)).json()
            days = (await client.get("/api/v1/energy")).json()["days"]
        known = [value is not None for value in answer["series"]["grid.total_w"]["mean"]]
        # From the first meter value on until the disk was there: seconds that only waited in memory.
        assert all(known[known.index(True) : -5])
        assert days[-1]["measured_s"] > 10.0
    finally:
        app.stop()
        await running


async def test_a_restart_goes_on_with_the_same_file(tmp_path: Path, unused_tcp_port: int) -> None:
    path = tmp_path / "home.yaml"
    measured_s: list[float] = []
    day = date(2023, 11, 14)
    for _ in range(2):
        app = application(path, unused_tcp_port)
        running = asyncio.create_task(app.run())
        await until(lambda app=app: app.counters().decisions > 100)
        app.stop()
        await running
        measured_s.append(sum(found.measured_s for found in app.chronicle.past.days(day, day)))
    assert (tmp_path / "home.history.db").exists()
    assert measured_s[1] > measured_s[0] > 30.0
