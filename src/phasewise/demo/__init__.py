"""`phasewise demo`: a simulated house, and everything else real.

At normal speed the house is served on real sockets: a P1 meter over TCP and three batteries over Modbus
TCP, which the real drivers read and control. Faster, the drivers are replaced by in-process ones.
"""

import asyncio
import contextlib
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path

from phasewise.app import Application
from phasewise.config import BatteryConfig, FurtherMeterConfig, MeterConfig, load_config
from phasewise.demo.past import Past, write_past
from phasewise.demo.prices import market_prices, write_prices
from phasewise.devices.base import BatteryDriver, MeterDriver
from phasewise.drivers import Devices
from phasewise.registry import Plugins
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.drivers import FastClock, SimMeterDriver, drivers_for
from phasewise.sim.house import DelayLine, MeterSample, PerPhase, SimHouse
from phasewise.sim.household import Household
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server
from phasewise.sources.tariff import with_tariff

DAY_S = 24 * 3600.0
STARTS_AT_S = 2.0 * DAY_S + 11.5 * 3600.0
"""Late morning of the third day: sun, clouds and people in the kitchen, and two days to look back at."""
PACE = 6.0
"""Appliances run more often than at home, so that there is something to see."""
METER_DELAY_S = 0.9
"""Just under one cadence, so that each telegram shows the sample before."""
USUAL_PORT = 8080
IDS = ("garage", "attic", "shed")
SOCS_PCT = (46.0, 61.0, 54.0)

CONFIG = """\
# The configuration of this demonstration. It is thrown away at the end; edit it as you like meanwhile.
site:
  name: Demo house
  main_fuse_a: 25
meter: {{driver: dsmr, url: "{meter}"}}
meters:
  - {{driver: dsmr, role: pv, name: Roof, url: "{roof}"}}
batteries:
  - id: garage
    name: Garage
    driver: marstek
    url: "{garage}"
    model: venus-e-v3
    phase: L1
  - id: attic
    name: Attic
    driver: marstek
    url: "{attic}"
    model: venus-e-v3
    phase: L2
  - id: shed
    name: Shed
    driver: marstek
    url: "{shed}"
    model: venus-e-v3
    # No phase yet: choose one on the dashboard.
control:
  phase_protection: {{enabled: true}}
web: {{port: {port}}}
"""
PRICES = """\
prices: # made up, around today
  driver: file
  file: prices.csv
  start: time
  value: eur_kwh
  tariff:
    - buy: {add_eur_kwh: 0.11, vat_pct: 21}
      sell: {add_eur_kwh: -0.02}
"""


def demo_roof(started_s: float) -> SimHouse:
    """Its panels, as the meter beside the inverter sees them: they are in the loads of the house too."""
    household = Household(seed=3, pace=PACE)

    def panels_w(now_s: float) -> PerPhase:
        third_w = household.pv_w(STARTS_AT_S + now_s - started_s) / 3.0
        return (-third_w, -third_w, -third_w)

    return SimHouse(panels_w, [], noise_w=2.0)


def demo_house(started_s: float) -> SimHouse:
    """The house of the demonstration; `started_s` is the monotonic time of its late morning."""
    household = Household(seed=3, pace=PACE)
    batteries = [
        SimBattery(BatterySpec(dead_time_s=0.8), soc_pct=soc_pct, now_s=started_s) for soc_pct in SOCS_PCT
    ]
    return SimHouse(
        lambda now_s: household.loads_w(STARTS_AT_S + now_s - started_s),
        list(enumerate(batteries)),
        noise_w=4.0,
    )


async def run_demo(plugins: Plugins, *, port: int, speed: float, ready: Callable[[str], None]) -> None:
    """Run until stopped. `speed` 1 uses real sockets and real time. Raises ServerStartError."""
    with tempfile.TemporaryDirectory(prefix="phasewise-demo-") as folder:
        path = Path(folder) / "demo.yaml"
        if speed == 1.0:
            await _run_on_sockets(path, plugins, port, ready)
        else:
            await _run_in_process(path, plugins, port, speed, ready)


async def _run_on_sockets(path: Path, plugins: Plugins, port: int, ready: Callable[[str], None]) -> None:
    started_s = time.monotonic()
    house, panels = demo_house(started_s), demo_roof(started_s)
    line = DelayLine(METER_DELAY_S)

    def seen() -> MeterSample | None:
        now_s = time.monotonic()
        line.put(house.sample(now_s))
        return line.due(now_s)

    async with AsyncExitStack() as stack:
        meter = P1Server(seen)
        await meter.start()
        stack.push_async_callback(meter.stop)
        roof = P1Server(lambda: panels.sample(time.monotonic()))
        await roof.start()
        stack.push_async_callback(roof.stop)
        urls = {"meter": meter.url, "roof": roof.url}
        for battery_id, (_, battery) in zip(IDS, house.batteries, strict=True):
            server = MarstekServer(battery, model="venus-e-v3", now=time.monotonic)
            await server.start()
            stack.push_async_callback(server.stop)
            urls[battery_id] = f"modbus-tcp://127.0.0.1:{server.port}?unit=1"
        _write(path, port=port, **urls)
        await _write_past(path, plugins, time.time())
        await Application(path, plugins).run(ready)


async def _write_past(path: Path, plugins: Plugins, now_s: float) -> None:
    """Prices, and the day before: a history file as if this had run for long. Before anything reads them."""
    market = market_prices(now_s, STARTS_AT_S)
    write_prices(path.with_name("prices.csv"), market)
    config = load_config(path, plugins.registry())
    tariff = () if config.prices is None else config.prices.tariff
    household = Household(seed=3, pace=PACE)
    past = Past(
        loads_w=lambda utc_s: household.loads_w(STARTS_AT_S + utc_s - now_s),
        pv_w=lambda utc_s: household.pv_w(STARTS_AT_S + utc_s - now_s),
        prices=with_tariff(market, tariff),
        batteries=[(i, phase, soc_pct) for phase, (i, soc_pct) in enumerate(zip(IDS, SOCS_PCT, strict=True))],
    )
    await asyncio.to_thread(write_past, config.history.path, past, now_s)


def _write(path: Path, **values: object) -> None:
    path.write_text(CONFIG.format(**values) + PRICES, encoding="utf-8")


class InProcess(Devices):
    """Drivers that reach into the simulated house."""

    def __init__(self, plugins: Plugins, clock: FastClock) -> None:
        super().__init__(plugins, clock)
        self.house = demo_house(clock.now_s())
        self._meter, self.drivers = drivers_for(self.house, IDS, clock)
        self._roof = SimMeterDriver(demo_roof(clock.now_s()), clock)

    def meter(self, config: MeterConfig) -> MeterDriver:
        return self._meter

    def submeter(self, config: FurtherMeterConfig) -> MeterDriver:
        return self._roof

    def battery(self, config: BatteryConfig) -> BatteryDriver:
        return self.drivers[config.id]


async def _run_in_process(
    path: Path, plugins: Plugins, port: int, speed: float, ready: Callable[[str], None]
) -> None:
    here = "127.0.0.1:1"
    modbus = f"modbus-tcp://{here}?unit=1"
    urls = {"meter": f"tcp://{here}", "roof": f"tcp://{here}", **dict.fromkeys(IDS, modbus)}
    _write(path, port=port, **urls)
    clock = FastClock(speed, utc_s=datetime.now().astimezone().timestamp())
    devices = InProcess(plugins, clock)
    await _write_past(path, plugins, clock.utc_s())
    await Application(path, plugins, clock=clock, devices=devices).run(ready)


def main(plugins: Plugins, *, port: int, speed: float, ready: Callable[[str], None]) -> None:
    """Run the demonstration until it is stopped. `port` 0: the usual one, or any free one."""
    asyncio.run(run_demo(plugins, port=port or _port(), speed=speed, ready=ready))


def _port() -> int:
    """The usual port, or any other when something else has it."""
    for port in (USUAL_PORT, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as probe:
            found: int = probe.getsockname()[1]
            return found
    return USUAL_PORT
