"""HomeWizard's meters keep the contract of every meter, on both of their APIs."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from meter_contract import HastyClock, MeterBench, MeterContract, Trouble

from phasewise.devices.homewizard import Access
from phasewise.devices.meters.homewizard import HomeWizardMeter, HomeWizardOptions
from phasewise.sim.servers.homewizard import Fault, HomeWizardServer
from phasewise.sim.servers.p1 import Style
from tls_kit import DeviceCertificate, certificate

CADENCE_S = 0.05
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


class HomeWizardBench(MeterBench):
    """A P1 meter."""

    def __init__(self, tls: DeviceCertificate | None, folder: Path) -> None:
        self.clock = HastyClock()
        self.began_s, self.updates = time.time(), 0
        self.server = HomeWizardServer(
            lambda: self.sample,
            tls=tls.context if tls else None,
            cadence_s=CADENCE_S,
            utc_s=self._meter_s,
        )
        self.token_file = None
        if tls is not None:
            self.token_file = folder / "meter.token"
            self.token_file.write_text(Access(self.server.new_token(), tls.fingerprint).text())

    def _meter_s(self) -> float:
        """The meter's clock shows whole seconds: here every update is one later."""
        self.updates += 1
        return self.began_s + self.updates

    def new_driver(self) -> HomeWizardMeter:
        options = HomeWizardOptions(url=self.server.url, token_file=self.token_file)
        return HomeWizardMeter(options, self.clock, silent_s=0.3)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = FAULTS[trouble]

    def poorest(self) -> set[str]:
        self.server.style = Style.DSMR4
        return {"voltage_v"}

    @property
    def connection_count(self) -> int:
        return self.server.connection_count


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> DeviceCertificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["version 1", "version 2"])
async def bench(
    request: pytest.FixtureRequest, device: DeviceCertificate, tmp_path: Path
) -> AsyncIterator[HomeWizardBench]:
    served = HomeWizardBench(device if request.param == "version 2" else None, tmp_path)
    await served.server.start()
    served.driver = served.new_driver()
    yield served
    await served.driver.close()
    await served.server.stop()


class TestContract(MeterContract):
    """Every law of the contract."""
