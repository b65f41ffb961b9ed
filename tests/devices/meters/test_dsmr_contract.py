"""The P1 meter driver keeps the contract of every meter."""

from collections.abc import AsyncIterator

import pytest
from meter_contract import HastyClock, MeterBench, MeterContract, Trouble

from phasewise.devices.meters.dsmr import DsmrMeter, DsmrOptions
from phasewise.sim.servers.p1 import Fault, P1Server, Style

FAULTS = {
    Trouble.NONE: Fault.NONE,
    Trouble.SILENT: Fault.SILENT,
    Trouble.DOWN: Fault.CLOSED,
    Trouble.GARBAGE: Fault.GARBAGE,
    Trouble.REPLAY: Fault.REPLAY,
    Trouble.ABSURD: Fault.ABSURD,
    Trouble.NOT_A_NUMBER: Fault.NAN,
}


class DsmrBench(MeterBench):
    """A meter with a network converter."""

    rejects = MeterBench.rejects - {Trouble.NO_TOTAL}  # a telegram without powers is NOT_A_NUMBER already

    def __init__(self) -> None:
        self.clock = HastyClock()
        self.server = P1Server(lambda: self.sample, cadence_s=0.05, style=Style.DSMR5)

    def new_driver(self) -> DsmrMeter:
        return DsmrMeter(DsmrOptions(url=self.server.url), self.clock, silent_s=0.3)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = FAULTS[trouble]

    def poorest(self) -> set[str]:
        self.server.style = Style.DSMR4
        return {"voltage_v"}

    @property
    def connection_count(self) -> int:
        return self.server.client_count


@pytest.fixture
async def bench() -> AsyncIterator[DsmrBench]:
    served = DsmrBench()
    await served.server.start()
    served.driver = served.new_driver()
    yield served
    await served.driver.close()
    await served.server.stop()


class TestContract(MeterContract):
    """Every law of the contract."""
