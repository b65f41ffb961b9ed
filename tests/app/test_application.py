"""The composition: what a user's change does to the file, the running control and what is shown."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from phasewise.app import Application
from phasewise.config import Config, NotWritableError, write_atomic
from phasewise.demo import CONFIG, InProcess
from phasewise.engine.controls import (
    Hold,
    NotSavedError,
    OverrideError,
    UnknownBatteryError,
    UnknownStrategyError,
)
from phasewise.engine.state import BatteryState, HoldState, InputState, OverrideState, SystemState
from phasewise.model import Assignment
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock

PLUGINS = load_plugins()
METER = "tcp://127.0.0.1:1"
URLS = dict.fromkeys(("garage", "attic", "shed"), "modbus-tcp://127.0.0.1:1?unit=1")


def state_of(app: Application) -> SystemState:
    state = app.live.current
    assert state is not None
    return state


def battery(app: Application, battery_id: str) -> BatteryState:
    return next(b for b in state_of(app).batteries if b.id == battery_id)


def alarms(app: Application) -> set[str]:
    return {alarm.code for alarm in state_of(app).alarms}


@asynccontextmanager
async def running(
    folder: Path, port: int, *, speed: float = 60.0
) -> AsyncIterator[tuple[Application, Path, InProcess]]:
    """The demo house in process, sixty times as fast."""
    path = folder / "home.yaml"
    path.write_text(CONFIG.format(meter=METER, roof=METER, port=port, **URLS), encoding="utf-8")
    clock = FastClock(speed, utc_s=1_700_000_000.0)
    devices = InProcess(PLUGINS, clock)
    app = Application(path, PLUGINS, clock=clock, devices=devices)
    ready = asyncio.Event()
    task = asyncio.create_task(app.run(lambda _: ready.set()))
    await asyncio.wait({task, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await until(lambda: app.live.current is not None and state_of(app).load_w is not None)
    try:
        yield app, path, devices
    finally:
        app.stop()
        await task


async def until(true, within_s: float = 8.0) -> None:
    for _ in range(round(within_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not reached")


async def test_phase_goes_to_the_file_and_into_effect(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        before = path.read_text()
        assert battery(app, "shed").phase == "unassigned"
        saved = await app.set_phase("shed", Assignment.L3)
        assert saved.persisted
        await until(lambda: battery(app, "shed").phase == "L3")
        after = path.read_text()
        added = [line for line in after.splitlines() if line not in before.splitlines()]
        assert [line.strip() for line in added] == ["phase: L3"]
        await app.set_phase("shed", Assignment.UNASSIGNED)
        await until(lambda: battery(app, "shed").phase == "unassigned")
        with pytest.raises(UnknownBatteryError, match="garage, attic, shed"):
            await app.set_phase("cellar", Assignment.L1)


async def test_an_override_goes_to_the_file_and_into_effect_until_it_ends(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        before = path.read_text()
        now = datetime.fromisoformat(state_of(app).time).replace(microsecond=0)
        end = (now + timedelta(minutes=2)).isoformat()
        assert (await app.set_override("attic", Hold(700.0, end))).persisted
        held = OverrideState(HoldState(700.0, end.replace("+00:00", ".000Z")))
        await until(lambda: battery(app, "attic").override == held)
        await until(lambda: battery(app, "attic").setpoint_w == 700.0)
        assert [r.code for r in battery(app, "attic").reasons] == ["hold"]
        assert [b.override for b in state_of(app).batteries if b.id != "attic"] == ["auto", "auto"]
        assert len([line for line in path.read_text().splitlines() if line not in before.splitlines()]) == 1
        await until(lambda: battery(app, "attic").override == "auto")
        await until(lambda: battery(app, "attic").setpoint_w != 700.0)
        await app.set_override("attic", override=False)
        await until(lambda: battery(app, "attic").override == "out-of-service")
        await app.set_override("attic", override=True)
        await until(lambda: battery(app, "attic").override == "auto")
        assert "override: auto" in path.read_text()


@pytest.mark.parametrize(
    ("hold", "why"),
    [(Hold(5.0, "soon"), "'soon' is not a date"), (Hold(5.0, "2001-01-01T10:00"), "is in the past")],
)
async def test_an_override_without_sense_changes_nothing(
    tmp_path: Path, unused_tcp_port: int, hold: Hold, why: str
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        before = path.read_bytes()
        with pytest.raises(OverrideError, match=why):
            await app.set_override("attic", hold)
        with pytest.raises(UnknownBatteryError, match="garage, attic, shed"):
            await app.set_override("cellar", hold)
        assert path.read_bytes() == before


async def test_an_input_over_http_stops_the_batteries_until_it_expires(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _), httpx.AsyncClient(timeout=30) as client:
        url = f"{app.server.url.rstrip('/')}/api/v1/inputs/car"
        assert (await client.put(url, json={"on": True})).status_code == 404
        assert state_of(app).inputs == ()
        path.write_text(path.read_text().replace("control:\n", "control:\n  ev_override: {input: car}\n"))
        await until(lambda: state_of(app).inputs == (InputState("car", False, None),))
        assert (await client.put(url, json={"on": True, "expires_s": 90})).status_code == 204
        await until(lambda: state_of(app).strategy.executing == "full-stop")
        (shown,) = state_of(app).inputs
        assert shown.on
        assert 0.0 < (shown.expires_s or 0.0) <= 90.0
        assert state_of(app).strategy.selected == "self-consumption"
        await until(lambda: state_of(app).strategy.executing == "self-consumption")
        assert (await client.put(url, json={"on": True})).status_code == 204
        await until(lambda: state_of(app).inputs == (InputState("car", True, None),))
        assert (await client.put(url, json={"on": False})).status_code == 204
        await until(lambda: state_of(app).strategy.executing == "self-consumption")


async def test_what_cannot_be_saved_is_said(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotWritableError("the disk is full")

    async with running(tmp_path, unused_tcp_port) as (app, path, devices):
        before = path.read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr("phasewise.app.write_atomic", refuse)
            with pytest.raises(NotSavedError, match="the disk is full"):
                await app.set_phase("garage", Assignment.L2)
            assert battery(app, "garage").phase == "L1"
            saved = await app.select_strategy("full-stop")
        assert not saved.persisted
        assert "the disk is full" in (saved.detail or "")
        assert path.read_bytes() == before
        await until(lambda: state_of(app).strategy.executing == "full-stop")
        await until(lambda: all(not d.applied or d.applied[-1][1] == 0 for d in devices.drivers.values()))
        await until(lambda: "config-not-writable" in alarms(app))
        # The next change that can be saved ends the alarm, and saves the strategy in force with it.
        await app.select_strategy("self-consumption")
        await until(lambda: "config-not-writable" not in alarms(app))
        with pytest.raises(UnknownStrategyError, match=r"charge, charge-pv, .*self-consumption"):
            await app.select_strategy("hoard")


async def test_an_unsaved_strategy_survives_a_phase_change(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotWritableError("the disk is full")

    async with running(tmp_path, unused_tcp_port) as (app, _, _devices):
        with monkeypatch.context() as patch:
            patch.setattr("phasewise.app.write_atomic", refuse)
            await app.select_strategy("full-stop")
        await app.set_phase("garage", Assignment.L2)
        assert app.engine.settings.control.strategy == "full-stop"


async def test_a_full_stop_waits_for_no_disk(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's change of a phase hangs in a write: a card that dies takes minutes for it."""
    disk, writing = threading.Event(), threading.Event()

    def hanging(path: Path, text: str) -> None:
        writing.set()
        disk.wait(20.0)
        write_atomic(path, text)

    monkeypatch.setattr("phasewise.app.write_atomic", hanging)
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        try:
            phase = asyncio.create_task(app.set_phase("shed", Assignment.L3))
            await until(writing.is_set)
            stop = asyncio.create_task(app.select_strategy("full-stop"))
            await until(lambda: state_of(app).strategy.selected == "full-stop")
            await until(lambda: not any(b.setpoint_w for b in state_of(app).batteries))
        finally:
            disk.set()
        assert (await phase).persisted
        assert (await stop).persisted
        assert state_of(app).strategy.selected == "full-stop"
        assert "strategy: full-stop" in path.read_text()


async def test_an_edit_that_can_not_be_taken_up_does_not_end_the_watch(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        failed = asyncio.Event()
        use = app._use

        async def faulty(config: Config) -> None:
            if failed.is_set():
                await use(config)
            failed.set()
            raise RuntimeError("a driver's fault")

        monkeypatch.setattr(app, "_use", faulty)
        text = path.read_text()
        path.write_text(text + "# one\n", encoding="utf-8")
        await until(failed.is_set)
        path.write_text(text.replace("control:\n", "control:\n  target_grid_w: 150\n"), encoding="utf-8")
        await until(lambda: state_of(app).target_grid_w == 150)


async def test_edits_by_hand_are_taken_up_and_broken_ones_are_not(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        good = path.read_text()
        path.write_text(good.replace("phase: L2", "phase: L9"))
        await until(lambda: "config-invalid" in alarms(app))
        assert battery(app, "attic").phase == "L2"
        path.write_text(good.replace("phase: L2", "phase: L3").replace("name: Attic", "name: Loft"))
        await until(lambda: "config-invalid" not in alarms(app))
        await until(lambda: battery(app, "attic").phase == "L3")
        assert battery(app, "attic").name == "Loft"
        path.write_text(path.read_text().replace("control:\n", "control:\n  target_grid_w: 150\n"))
        await until(lambda: state_of(app).target_grid_w == 150)


async def test_devices_change_with_the_file(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, devices):
        text = path.read_text()
        begin = text.index("  - id: shed")
        end = text.index("web:")
        path.write_text(text[:begin] + text[end:])
        await until(lambda: len(state_of(app).batteries) == 2)
        await until(lambda: devices.drivers["shed"].released == 1)
        path.write_text(text.replace("modbus-tcp://127.0.0.1:1?unit=1", "modbus-tcp://127.0.0.1:2?unit=1"))
        await until(lambda: len(state_of(app).batteries) == 3)
        await until(lambda: devices.drivers["garage"].released == 1)
        path.write_text(path.read_text().replace(f"port: {unused_tcp_port}", "port: 8099"))
        await until(lambda: "config-restart-needed" in alarms(app))


async def test_health_and_counters(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, _, _devices):
        assert app.health().ok
        assert app.counters().decisions > 0
        assert app.counters().telegrams_accepted > 0
