"""The Home Assistant meter driver against a simulated Home Assistant on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from meter_contract import EXPORTING, SAMPLE, HastyClock, MeterBench, MeterContract, Trouble, reading

from phasewise.devices.meters.home_assistant import HomeAssistantMeter, HomeAssistantMeterOptions
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.home_assistant import TOKEN, HassFault, HomeAssistantServer
from phasewise.sim.servers.home_assistant_units import HassMeter

TROUBLES = {Trouble.NOT_A_NUMBER: HassFault.NAN}
CADENCE_S = 0.1


class HassMeterBench(MeterBench):
    """The entities of a P1 meter behind a simulated Home Assistant."""

    current_step_a = 0.1

    def __init__(self, folder: Path, **options: object) -> None:
        self.clock = HastyClock()
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN)
        self.options = options
        self.server = HomeAssistantServer(now=time.monotonic, utc=time.time)
        self.meter = HassMeter(self.server, lambda: self.sample, cadence_s=CADENCE_S)

    def new_driver(self) -> HomeAssistantMeter:
        options = {"url": self.server.url, "token_file": self.token_file, **self.options}
        return HomeAssistantMeter(HomeAssistantMeterOptions(**options), self.clock, quiet_s=0.2, reply_s=0.5)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = TROUBLES.get(trouble) or HassFault(trouble.value)

    def poorest(self) -> set[str]:
        self.meter.poor = True
        return {"current_a", "voltage_v"}

    @property
    def connection_count(self) -> int:
        return self.server.connection_count


@asynccontextmanager
async def serving(folder: Path, **options: object) -> AsyncIterator[HassMeterBench]:
    bench = HassMeterBench(folder, **options)
    await bench.server.start()
    await bench.meter.start()
    bench.driver = bench.new_driver()
    try:
        yield bench
    finally:
        await bench.driver.close()
        await bench.meter.stop()
        await bench.server.stop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[HassMeterBench]:
    async with serving(tmp_path) as served:
        yield served


class TestContract(MeterContract):
    """Every law of the contract."""


async def test_kilowatts_and_separate_export(tmp_path: Path):
    """As the integration for DSMR meters has it."""
    async with serving(
        tmp_path, power="sensor.consumption", export_power="sensor.production", power_l1="sensor.l1"
    ) as bench:
        kilowatts = {"unit_of_measurement": "kW"}
        bench.server.put("sensor.production", "1.25", kilowatts)
        bench.server.put("sensor.l1", "0.125", kilowatts)
        async with reading(bench.driver) as reader:
            await asyncio.sleep(0.2)
            bench.server.put("sensor.consumption", "0.5", kilowatts)
            (got,) = await reader.more()
        assert got.total_power_w == -750.0
        assert got.phases[0].power_w == 125.0


async def test_a_frozen_entity_never_looks_fresh(tmp_path: Path):
    """It was last reported an hour before Phasewise started; Home Assistant itself is well."""
    async with serving(tmp_path) as bench:
        await bench.meter.stop()
        bench.server.utc = lambda: time.time() - 3600.0
        bench.meter._report(SAMPLE)
        bench.server.utc = time.time
        async with reading(bench.driver) as reader:
            await reader.until(lambda: "not been reported" in (bench.driver.status or ""))
            assert reader.readings == []
            bench.meter._report(SAMPLE)
            assert (await reader.more())[0].sample_age_s < 3.0
            assert bench.driver.status is None


async def test_an_unchanged_value_that_was_confirmed_is_fresh(tmp_path: Path):
    """Home Assistant pushes changes only; a load that does not change is no dead meter."""
    async with serving(tmp_path) as bench:
        async with reading(bench.driver) as reader:
            await reader.more(3)
            accepted = len(reader.accepted)
            await reader.until(lambda: len(reader.accepted) >= accepted + 3)
        assert {r.total_power_w for r in reader.accepted} == {SAMPLE.total_w}


async def test_a_phase_that_died_is_absent_and_the_others_go_on(tmp_path: Path):
    async with serving(tmp_path) as bench:
        async with reading(bench.driver) as reader:
            await reader.more(2)
            for quantity in ("power", "current", "voltage"):
                bench.server.put(f"sensor.p1_meter_l2_{quantity}", "unavailable")
            bench.meter._say = lambda name, *_, say=bench.meter._say: "l2" in name or say(name, *_)
            bench.sample = MeterSample(0.0, (500.0, 0.0, 100.0), (2.1, 0.0, 0.5), (230.0, 230.0, 230.0))
            await reader.until(lambda: reader.readings[-1].phases[1] is None)
            last = reader.readings[-1]
        assert last.phases[0].power_w == 500.0
        assert last.phases[2].power_w == 100.0


async def test_an_entity_that_does_not_exist_is_named(tmp_path: Path):
    async with serving(tmp_path, power="sensor.no_such_thing") as bench, reading(bench.driver) as reader:
        await reader.until(lambda: "no sensor.no_such_thing" in (bench.driver.status or ""))


async def test_another_unit_is_refused_by_name(tmp_path: Path):
    options = {"power": "sensor.p1_meter_energy_import"}
    async with serving(tmp_path, **options) as bench, reading(bench.driver) as reader:
        await reader.until(lambda: bench.driver.rejected > 0)
        assert "sensor.p1_meter_energy_import is in kWh, not in" in bench.driver.status
        assert reader.readings == []


async def test_whole_amps_are_known_as_such(tmp_path: Path):
    async with serving(tmp_path) as bench:
        bench.meter._say = lambda name, value, unit: bench.server.put(
            f"sensor.p1_meter_{name}",
            value.partition(".")[0] if unit == "A" else value,
            {"unit_of_measurement": unit},
        )
        async with reading(bench.driver) as reader:
            await asyncio.sleep(0.3)
            got = (await reader.more(3))[-1]
    assert (got.current_quantum_a, got.current_allowance_a) == (1.0, 0.5)


async def test_home_assistants_clock_may_be_set_back(tmp_path: Path):
    async with serving(tmp_path) as bench, reading(bench.driver) as reader:
        await reader.more(2)
        bench.server.utc = lambda: time.time() - 3600.0
        bench.sample = EXPORTING
        await reader.shows(EXPORTING)
        accepted = len(reader.accepted)
        bench.sample = SAMPLE
        await reader.until(lambda: len(reader.accepted) >= accepted + 2)
        assert reader.accepted[-1].total_power_w == SAMPLE.total_w


async def test_a_value_that_was_not_confirmed_is_read_once(tmp_path: Path):
    async with serving(tmp_path) as bench:
        await bench.meter.stop()
        bench.server.put("sensor.p1_meter_power", "1", {"unit_of_measurement": "W"})
        async with reading(bench.driver) as reader:
            await asyncio.sleep(0.3)
            bench.server.put("sensor.p1_meter_power", "2")
            await asyncio.sleep(1.5)
            assert [r.total_power_w for r in reader.readings] == [2.0]
