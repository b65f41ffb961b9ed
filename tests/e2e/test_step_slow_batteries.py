"""The closed-loop step with batteries that bear few requests, through their fake devices on real sockets."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest
from step_world import BatteryMaker, Part, marstek, step

from phasewise.sim.battery import SimBattery
from phasewise.sim.servers.marstek_udp import MarstekUdpServer
from phasewise.sim.servers.zendure import ZendureServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

PAUSE_S = 5.0
"""What a Marstek's local API asks for between requests."""
LATE_S = 0.5
"""Two requests 5 s apart may be seen so much closer where the machine is busy."""


def zendure(servers: list[ZendureServer]) -> BatteryMaker:
    """SolarFlow 2400 ACs, with their delays."""

    def make(battery: SimBattery) -> Part:
        server = ZendureServer(battery, now=time.monotonic)
        servers.append(server)
        return Part(server, lambda: {"driver": "zendure", "url": server.url, "model": "solarflow-2400-ac"})

    return make


def marstek_udp(servers: list[MarstekUdpServer]) -> BatteryMaker:
    """Venus E v3 by their local API, at its own pace."""

    def make(battery: SimBattery) -> Part:
        server = MarstekUdpServer(battery, now=time.monotonic)
        server.mode = "AI"
        servers.append(server)
        return Part(server, lambda: {"driver": "marstek-udp", "url": server.url, "model": "venus-e-v3"})

    return make


async def test_a_step_is_held_by_slow_batteries(tmp_path: Path) -> None:
    zendures: list[ZendureServer] = []
    by_udp: list[MarstekUdpServer] = []
    # A setpoint by UDP may wait 10 s for its turn; with one on Modbus beside it nothing waits for that.
    homes: dict[str, tuple[tuple[BatteryMaker, ...], float]] = {
        "zendure": ((zendure(zendures),) * 3, 12.0),
        "marstek-udp": ((marstek_udp(by_udp),) * 3, 22.0),
        "one of each, and Modbus": ((marstek, zendure(zendures), marstek_udp(by_udp)), 16.0),
    }
    results = await asyncio.gather(*(step(tmp_path / n, batteries=b) for n, (b, _) in homes.items()))
    for (name, (_, settle_s)), result in zip(homes.items(), results, strict=True):
        print(f"{name}: {result}")
        assert result.settle_s <= settle_s
        assert result.overshoot_w <= 300
        assert all(battery.reachable for battery in result.state.batteries)
    for server in by_udp:
        *requests, zero, back = server.requests
        assert min(after - before for (before, _), (after, _) in pairwise(requests)) > PAUSE_S - LATE_S
        # Released: 0 W, then the mode as it was found, without the pause.
        assert back[0] - zero[0] < 1.0
        assert server.mode == "AI"
    for server in zendures:
        assert server.overlapping == 0
        assert server.settings["smartMode"] == 0
        assert server.flash_writes == 1
