"""The running application: a webhook and further meters, as the file says and as it changes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from phasewise.app import WATCH_S, Application
from phasewise.config import FurtherMeterConfig, MeterConfig
from phasewise.demo import CONFIG, InProcess
from phasewise.devices.base import MeterDriver
from phasewise.drivers import Devices
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import P1Server

PLUGINS = load_plugins()
NOWHERE = "tcp://127.0.0.1:1"
URLS = dict.fromkeys(("garage", "attic", "shed"), "modbus-tcp://127.0.0.1:1?unit=1")


class RealSubmeters(InProcess):
    """The house in the same process, its further meters by their real drivers."""

    def submeter(self, config: FurtherMeterConfig) -> MeterDriver:
        return Devices.meter(self, MeterConfig(config.driver, config.options))


@asynccontextmanager
async def running(
    folder: Path, port: int, roof: str, extra: str = "", *, speed: float = 5.0
) -> AsyncIterator[tuple[Application, Path]]:
    path = folder / "home.yaml"
    path.write_text(CONFIG.format(meter=NOWHERE, roof=roof, port=port, **URLS) + extra, encoding="utf-8")
    clock = FastClock(speed, utc_s=1_800_000_000.0)
    app = Application(path, PLUGINS, clock=clock, devices=RealSubmeters(PLUGINS, clock))
    task = asyncio.create_task(app.run())
    try:
        yield app, path
    finally:
        app.stop()
        await task


async def until(true: Callable[[], bool], within_s: float = 30.0) -> None:
    for _ in range(round(within_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not reached")


def roof_of(power_w: float) -> P1Server:
    third_w = power_w / 3.0
    sample = MeterSample(0.0, (third_w,) * 3, (abs(third_w) / 230.0,) * 3, (230.0,) * 3)
    return P1Server(lambda: sample)


def codes(app: Application) -> set[str]:
    state = app.live.current
    return set() if state is None else {alarm.code for alarm in state.alarms}


def pv_w(app: Application) -> float | None:
    state = app.live.current
    return None if state is None or state.pv is None else state.pv.power_w


async def test_a_further_meter_is_read_as_the_main_one_and_follows_the_file(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    roof, shed = roof_of(-2400.0), roof_of(900.0)
    await roof.start()
    await shed.start()
    try:
        async with running(tmp_path, unused_tcp_port, roof.url) as (app, path):
            await until(lambda: pv_w(app) == 2400.0)
            path.write_text(path.read_text().replace(roof.url, shed.url))
            await until(lambda: pv_w(app) == 900.0)
            await until(lambda: roof.client_count == 0)
            text = path.read_text()
            at = text.index("meters:\n")
            path.write_text(text[:at] + text[text.index("batteries:") :])
            await until(lambda: app.live.current is not None and app.live.current.pv is None)
            await until(lambda: shed.client_count == 0)
            assert app.health().ok
    finally:
        await roof.stop()
        await shed.stop()


async def test_alarms_reach_the_webhook_that_the_file_names(tmp_path: Path, unused_tcp_port: int) -> None:
    bodies: list[dict[str, Any]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split()[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 Thanks\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    hook = f"alarms: {{webhook: 'http://127.0.0.1:{server.sockets[0].getsockname()[1]}/alarm'}}\n"
    async with running(tmp_path, unused_tcp_port, NOWHERE, hook, speed=20.0) as (app, path):
        # The roof's meter is nowhere to be heard, which is worth an information.
        await until(lambda: len(bodies) == 1)
        assert (bodies[0]["code"], bodies[0]["severity"], bodies[0]["ended"]) == (
            "submeter-lost",
            "info",
            None,
        )
        assert "Roof" in bodies[0]["text"]
        await until(lambda: "submeter-lost" in codes(app))
        app.acknowledge_alarm("submeter-lost", "Roof")
        good = path.read_text()
        path.write_text(good + "nonsense: 1\n")
        await until(lambda: len(bodies) == 2)
        path.write_text(good)
        await until(lambda: len(bodies) == 3)
        assert [body["code"] for body in bodies[1:]] == ["config-invalid"] * 2
        assert bodies[2]["ended"] is not None
        nobody = good.replace(hook, "alarms: {webhook: null}\n")
        path.write_text(nobody)
        await asyncio.sleep(1.5 * WATCH_S)
        path.write_text(nobody + "nonsense: 1\n")
        await until(lambda: "config-invalid" in codes(app))
        assert len(bodies) == 3
    server.close()
