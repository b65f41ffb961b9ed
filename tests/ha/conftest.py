"""A real Home Assistant for all tests here; see docs/home-assistant.md, "Tested with"."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from ha_home import Home, free_port
from real_hass import VERSION, RealHass, configuration

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import PerPhase, SimHouse
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.modbus import LineRules

PROGRAM = Path(os.environ.get("PHASEWISE_HASS", ".ha-venv/bin/hass"))
"""Where `make test-ha` installs it."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    if not PROGRAM.exists():
        pytest.skip(f"there is no {PROGRAM}: `make test-ha` installs Home Assistant {VERSION}")
    folder = tmp_path_factory.mktemp("hass")
    load_w = [200.0, 150.0, 150.0]

    def loads(_: float) -> PerPhase:
        return (load_w[0], load_w[1], load_w[2])

    now_s = time.monotonic()
    batteries = [SimBattery(BatterySpec(dead_time_s=0.8), now_s=now_s) for _ in range(2)]
    house = SimHouse(loads, list(enumerate(batteries)), noise_w=5.0)
    rules = LineRules(single_connection=False, frame_pause_s=0.0)
    units = [MarstekServer(b, model="venus-e-v3", now=time.monotonic, rules=rules) for b in batteries]
    for unit in units:
        await unit.start()
    port = free_port()
    ports = {f"m{n}": unit.port for n, unit in enumerate(units, start=1)}
    (folder / "configuration.yaml").write_text(configuration(port, ports))
    hass = RealHass(PROGRAM, folder, port)
    try:
        await hass.start()
        print(f"Home Assistant {VERSION} ready after {hass.ready_s:.1f} s")
        running = Home(hass, house, units, load_w)
        reporter = asyncio.create_task(running.report())
        try:
            yield running
        finally:
            reporter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reporter
    finally:
        await hass.stop()
        for unit in units:
            await unit.stop()
