"""A simulated house on real sockets, and the installed daemon as a process of its own, in real time."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import DelayLine, MeterSample, PerPhase, SimHouse
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server
from ports import free_port

METER_DELAY_S = 0.9
"""Just under a cadence: each telegram shows the sample before."""

CONFIG = """\
site: {{name: Test house, main_fuse_a: 25}}
meter: {{driver: dsmr, url: "{meter}"}}   # the real thing
web: {{port: {port}}}
batteries:
"""
BATTERY = """\
  - id: m{n}
    driver: marstek
    url: "modbus-tcp://127.0.0.1:{port}?unit=1"
    model: venus-e-v3
    phase: L{n}   # as the electrician said
"""


@dataclass
class World:
    """Everything within reach of a test."""

    house: SimHouse
    meter: P1Server
    servers: list[MarstekServer]
    config: Path
    port: int
    log: Path
    process: asyncio.subprocess.Process
    loads_w: list[float]
    client: httpx.AsyncClient = field(repr=False)

    def total_w(self) -> float:
        return sum(self.house.power_w(time.monotonic()))

    def battery_w(self) -> list[float]:
        self.total_w()
        return [battery.ac_power_w for _, battery in self.house.batteries]

    async def state(self) -> dict:
        answer = await self.client.get("/api/v1/state")
        answer.raise_for_status()
        return answer.json()

    async def alarms(self) -> set[str]:
        return {alarm["code"] for alarm in (await self.state())["alarms"]}

    async def trace(self, seconds: float) -> list[tuple[float, float]]:
        """(seconds from now, true total) at ten a second."""
        began_s = time.monotonic()
        found = []
        while (at_s := time.monotonic() - began_s) < seconds:
            found.append((at_s, self.total_w()))
            await asyncio.sleep(0.1)
        return found

    async def settled(self, within_s: float = 40.0) -> None:
        """Wait until the grid has been held near 0 for 5 s."""
        await self.until(lambda: abs(self.total_w()) < 100, within_s, hold_s=5.0)

    async def until(self, true, within_s: float, hold_s: float = 0.0) -> float:
        """Wait until a condition has held for so long; the time at which it began to hold."""
        began_s = time.monotonic()
        since_s: float | None = None
        while (now_s := time.monotonic()) - began_s < within_s + hold_s:
            if true():
                since_s = now_s if since_s is None else since_s
                if now_s - since_s >= hold_s:
                    return since_s - began_s
            else:
                since_s = None
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {within_s} s; total {self.total_w():.0f} W\n{self.log.read_text()}")

    async def terminate(self) -> tuple[int, float]:
        """SIGTERM: the exit code, and how long it took."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 20)
        return code, time.monotonic() - began_s


@asynccontextmanager
async def world(
    folder: Path, *, dead_time_s: float = 1.0, load_w: float = 500.0, more_config: str = ""
) -> AsyncIterator[World]:
    """A house with three batteries and a running daemon, not yet settled."""
    loads_w = [load_w - 300.0, 150.0, 150.0]

    def loads(_: float) -> PerPhase:
        return (loads_w[0], loads_w[1], loads_w[2])

    now_s = time.monotonic()
    spec = BatterySpec(dead_time_s=dead_time_s)
    house = SimHouse(loads, [(n, SimBattery(spec, now_s=now_s)) for n in range(3)], noise_w=5.0)
    line = DelayLine(METER_DELAY_S)

    def seen() -> MeterSample | None:
        line.put(house.sample(time.monotonic()))
        return line.due(time.monotonic())

    meter = P1Server(seen)
    await meter.start()
    servers = [MarstekServer(b, model="venus-e-v3", now=time.monotonic) for _, b in house.batteries]
    for server in servers:
        await server.start()
    port = free_port()
    config = folder / "home.yaml"
    text = CONFIG.format(meter=meter.url, port=port)
    text += "".join(BATTERY.format(n=n, port=server.port) for n, server in enumerate(servers, start=1))
    config.write_text(text + more_config)
    log = folder / "daemon.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phasewise.cli", "run", str(config), stdout=output, stderr=output
        )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        running = World(house, meter, servers, config, port, log, process, loads_w, client)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            for server in servers:
                await server.stop()
            await meter.stop()
