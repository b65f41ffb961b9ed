"""The MQTT meter against simulated ones on a real broker."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from meter_contract import EXPORTING, SAMPLE, HastyClock, MeterBench, MeterContract, Trouble, gone, reading
from msgspec.structs import replace
from pydantic import ValidationError

from broker import Mosquitto, mosquitto, needs_mosquitto
from phasewise.devices.base import DriverOptions
from phasewise.devices.meters.mqtt import MqttMeter, MqttMeterOptions
from phasewise.sim.house import MeterSample
from phasewise.sim.servers import mqtt as simulated
from phasewise.sim.servers.mqtt import Fault

pytestmark = needs_mosquitto

SILENT_S = 0.5
CADENCE_S = 0.05


def at(path: str, scale: float = 1.0) -> dict[str, Any]:
    return {"topic": "meter/state", "path": path, "scale": scale}


def json_options(url: str) -> MqttMeterOptions:
    phases = {
        name: {key: at(f"{name.lower()}.{key}") for key in ("power", "current", "voltage")}
        for name in ("L1", "L2", "L3")
    }
    energies = {f"energy_{way}": at(f"kwh.{way}", 1000.0) for way in ("import", "export")}
    return MqttMeterOptions.model_validate({"url": url, "total_power": at("power"), **phases, **energies})


class Bench(MeterBench):
    current_step_a = 0.1

    def __init__(self, broker: Mosquitto) -> None:
        self.broker = broker
        self.clock = HastyClock()
        self.meter = simulated.MqttMeter("127.0.0.1", broker.port, self._measured, cadence_s=CADENCE_S)
        self.driver = self.new_driver()
        self._count = 0
        self._starting: asyncio.Task[None] | None = None

    def _measured(self) -> MeterSample:
        """Each measurement differs a little, as a real one does."""
        self._count += 1
        energy_wh = (self.sample.energy_import_wh or 0.0) + 0.001 * self._count
        return replace(self.sample, energy_import_wh=energy_wh)

    def new_driver(self) -> MqttMeter:
        return MqttMeter(json_options(self.broker.url), self.clock, silent_s=SILENT_S)

    def trouble(self, trouble: Trouble) -> None:
        if trouble is Trouble.DOWN:
            self.broker.kill()
            return
        self.meter.fault = Fault(trouble.value)
        if self.broker.is_dead:
            self._starting = asyncio.create_task(self.broker.start())

    def poorest(self) -> set[str]:
        self.meter.without = {"voltage", "current"}
        return {"voltage_v", "current_a"}

    @property
    def connection_count(self) -> int:
        """Without the meter's own."""
        return max(0, self.broker.clients - 1)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with mosquitto(tmp_path / "broker") as broker:
        served = Bench(broker)
        await served.meter.start()
        await gone(lambda: served.meter.messages > 0)
        try:
            yield served
        finally:
            await served.driver.close()
            await served.meter.stop()


class TestContract(MeterContract):
    """Every law of the contract."""


async def test_plain_numbers_in_kw_with_import_and_export_apart(tmp_path: Path) -> None:
    """As a reader of P1 meters publishes them; each number is a message of its own."""
    phases = {
        f"L{n}": {
            "power": {"topic": f"dsmr/delivered_l{n}", "scale": 1000},
            "export": {"topic": f"dsmr/returned_l{n}", "scale": 1000},
        }
        for n in (1, 2, 3)
    }
    async with mosquitto(tmp_path / "broker") as broker:
        turns = itertools.cycle([EXPORTING, SAMPLE])
        measured: list[MeterSample] = []
        meter = simulated.MqttMeter(
            "127.0.0.1",
            broker.port,
            lambda: measured[0] if measured else next(turns),
            topic="dsmr",
            cadence_s=0.15,
            single=True,
        )
        for total in (
            {},
            {
                "total_power": {"topic": "dsmr/delivered", "scale": 1000},
                "total_export": {"topic": "dsmr/returned", "scale": 1000},
            },
        ):
            options = MqttMeterOptions.model_validate({"url": broker.url, **phases, **total})
            await meter.start()
            async with reading(MqttMeter(options, HastyClock())) as reader:
                shown = await reader.shows(SAMPLE)
                assert [phase.power_w for phase in shown.phases if phase] == list(SAMPLE.power_w)
                await reader.more(4)
                # All numbers of a moment are one reading.
                assert len(reader.readings) <= meter.messages / 8 + 1
                # The same again is not new.
                measured.append(SAMPLE)
                await asyncio.sleep(0.5)
                count = len(reader.readings)
                await asyncio.sleep(0.5)
                assert len(reader.readings) == count
            await meter.stop()
            meter.messages = 0
            measured.clear()


async def test_what_the_broker_kept_is_not_fresh_and_repeats_may_count(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker, aiomqtt.Client("127.0.0.1", broker.port) as other:
        await other.publish("power", "1200", retain=True)
        options = {"url": broker.url, "total_power": {"topic": "power", "scale": -1}, "repeats_count": True}
        driver = MqttMeter(MqttMeterOptions.model_validate(options), HastyClock(), silent_s=SILENT_S)
        async with reading(driver) as reader:
            assert "No usable message" in await said(driver, "No usable")
            assert reader.readings == []
            async with asyncio.timeout(30):
                while len(reader.accepted) < 2:
                    await other.publish("power", " 1200.5\n", retain=True)
                    await asyncio.sleep(0.1)
            assert {r.total_power_w for r in reader.accepted} == {-1200.5}
            assert {r.phases for r in reader.accepted} == {(None, None, None)}


async def test_a_phase_of_which_nothing_is_told_any_more_is_absent(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker, aiomqtt.Client("127.0.0.1", broker.port) as other:
        given = {"total_power": {"topic": "total"}, "L1": {"power": {"topic": "l1"}}, "max_age_s": 0.4}
        options = MqttMeterOptions.model_validate({"url": broker.url, **given})
        async with reading(MqttMeter(options, HastyClock())) as reader:
            watts = itertools.count(500)
            told = 0
            while not reader.readings or reader.readings[-1].phases[0] is not None:
                if told < 10:
                    await other.publish("l1", "120")
                    told += bool(reader.readings)
                await other.publish("total", str(next(watts)))
                await asyncio.sleep(0.05)
                assert next(watts) < 3000
            powers = [r.phases[0] and r.phases[0].power_w for r in reader.readings]
            assert {120.0, None} == set(powers)
            assert powers == sorted(powers, key=lambda power: power is None)


async def said(driver: MqttMeter, part: str) -> str:
    async with asyncio.timeout(10):
        while part not in (driver.status or ""):  # noqa: ASYNC110 - a status has no event
            await asyncio.sleep(0.02)
    return driver.status or ""


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "give total_power"),
        ({"L1": {"power": {"topic": "a"}}, "L2": {"power": {"topic": "b"}}}, "give total_power"),
        ({"total_power": {"topic": "a/#"}}, "is not a topic"),
        ({"total_power": {"topic": "a", "path": "[?"}}, "JMESPath"),
        ({"total_power": {"topic": "a", "scale": float("nan")}}, "finite"),
        ({"total_power": {"topic": "a"}, "url": "http://x"}, "mqtt://HOST"),
        ({"total_power": {"topic": "a"}, "url": "mqtt://me:pw@x"}, "mqtt://HOST"),
    ],
)
def test_wrong_options_are_explained(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(ValidationError) as failure:
        MqttMeterOptions.model_validate({"url": "mqtt://x", **options})
    assert hint in str(failure.value)
    with pytest.raises(TypeError, match="MqttMeterOptions"):
        MqttMeter.from_options(DriverOptions(), HastyClock())
