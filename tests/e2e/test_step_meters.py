"""The closed-loop step with every meter, in houses of their own, all at once."""

import asyncio
from pathlib import Path

import pytest
from step_world import MeterMaker, Part, SampleSource, p1_meter, step

from phasewise.devices.homewizard import Access
from phasewise.sim.servers.homewizard import HomeWizardServer
from phasewise.sim.servers.shelly import ShellyServer
from tls_kit import certificate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


def homewizard_without_token(seen: SampleSource) -> Part:
    server = HomeWizardServer(seen)
    return Part(server, lambda: {"driver": "homewizard", "url": server.url})


def homewizard_with_token(folder: Path) -> MeterMaker:
    device = certificate(folder)

    def meter(seen: SampleSource) -> Part:
        server = HomeWizardServer(seen, tls=device.context)
        token = folder / "p1.token"
        token.write_text(Access(server.new_token(), device.fingerprint).text())
        return Part(server, lambda: {"driver": "homewizard", "url": server.url, "token_file": str(token)})

    return meter


def shelly(seen: SampleSource) -> Part:
    server = ShellyServer(seen)
    return Part(server, lambda: {"driver": "shelly", "url": server.url})


async def test_a_step_is_held_through_every_meter(tmp_path: Path) -> None:
    meters = {
        "dsmr": p1_meter,
        "homewizard v1": homewizard_without_token,
        "homewizard v2": homewizard_with_token(tmp_path / "tls"),
        "shelly": shelly,
    }
    results = await asyncio.gather(*(step(tmp_path / name, meter=meter) for name, meter in meters.items()))
    for name, result in zip(meters, results, strict=True):
        print(f"{name}: {result}")
        assert result.settle_s <= 12
        assert result.overshoot_w <= 300
