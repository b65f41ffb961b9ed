"""Shelly's energy meter keeps the contract of every meter; here with a password, which is the longer way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from meter_contract import HastyClock, MeterBench, MeterContract, Trouble

from phasewise.devices.meters.shelly import ShellyMeter, ShellyOptions
from phasewise.sim.servers.shelly import Fault, ShellyServer

PASSWORD = "open sesame"
FAULTS = {
    Trouble.NONE: Fault.NONE,
    Trouble.SILENT: Fault.SILENT,
    Trouble.DOWN: Fault.DOWN,
    Trouble.GARBAGE: Fault.GARBAGE,
    Trouble.REPLAY: Fault.REPLAY,
    Trouble.ABSURD: Fault.ABSURD,
    Trouble.NOT_A_NUMBER: Fault.NAN,
    Trouble.NO_TOTAL: Fault.NO_TOTAL,
}


class ShellyBench(MeterBench):
    """A Pro 3EM."""

    power_step_w = 0.1
    current_step_a = 0.001

    def __init__(self, folder: Path) -> None:
        self.clock = HastyClock()
        self.server = ShellyServer(lambda: self.sample, password=PASSWORD, cadence_s=0.02)
        self.password_file = folder / "shelly.password"
        self.password_file.write_text(f"{PASSWORD}\n")

    def new_driver(self) -> ShellyMeter:
        options = ShellyOptions(url=self.server.url, password_file=self.password_file)
        return ShellyMeter(options, self.clock, silent_s=0.3)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = FAULTS[trouble]

    def poorest(self) -> set[str]:
        self.server.phase_count = 0
        return {"power_w", "current_a"}

    @property
    def connection_count(self) -> int:
        return self.server.connection_count


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[ShellyBench]:
    served = ShellyBench(tmp_path)
    await served.server.start()
    served.driver = served.new_driver()
    yield served
    await served.driver.close()
    await served.server.stop()


class TestContract(MeterContract):
    """Every law of the contract."""
