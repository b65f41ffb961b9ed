"""A simulated house behind a real Home Assistant."""

import asyncio
import socket
import time

from real_hass import RealHass

from phasewise.sim.house import SimHouse
from phasewise.sim.servers.marstek import MarstekServer

METER_S = 1.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Home:
    """A simulated house behind a real Home Assistant."""

    def __init__(
        self, hass: RealHass, house: SimHouse, units: list[MarstekServer], load_w: list[float]
    ) -> None:
        self.hass = hass
        self.house = house
        self.units = units
        self.load_w = load_w

    def total_w(self) -> float:
        return sum(self.house.power_w(time.monotonic()))

    async def held(self, within_s: float, band_w: float = 100.0, hold_s: float = 4.0) -> float:
        """Seconds until the grid was held near 0 W."""
        began_s, since_s = time.monotonic(), None
        while (now_s := time.monotonic()) - began_s < within_s + hold_s:
            if abs(self.total_w()) < band_w:
                since_s = now_s if since_s is None else since_s
                if now_s - since_s >= hold_s:
                    return since_s - began_s
            else:
                since_s = None
            await asyncio.sleep(0.1)
        raise AssertionError(f"not within {within_s} s: {self.total_w():.0f} W\n{self.hass.log[-3000:]}")

    async def report(self) -> None:
        """The P1 meter's integration, once a second."""
        while True:
            sample = self.house.sample(time.monotonic())
            await self.hass.show("sensor.p1_meter_power", f"{sample.total_w:.0f}", "W")
            for n in range(3):
                phase = f"sensor.p1_meter_l{n + 1}"
                await self.hass.show(f"{phase}_power", f"{sample.power_w[n]:.0f}", "W")
                await self.hass.show(f"{phase}_current", f"{sample.current_a[n]:.1f}", "A")
                await self.hass.show(f"{phase}_voltage", f"{sample.voltage_v[n]:.1f}", "V")
            await asyncio.sleep(METER_S)
