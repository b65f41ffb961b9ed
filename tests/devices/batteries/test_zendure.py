"""The Zendure driver against the simulated unit, over real sockets."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from battery_contract import BatteryBench, BatteryContract, ManualClock, Trouble
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasewise.devices.base import DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.batteries.zendure import ZendureBattery, ZendureOptions
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.zendure import Fault, ZendureServer

FAST_TIMEOUT_S = 0.7
AS_DELIVERED = {"acMode": 2, "inputLimit": 0, "outputLimit": 0, "smartMode": 0}


class ZendureBench(BatteryBench):
    """One simulated SolarFlow, as it is delivered."""

    def __init__(self, echo_s: float = 0.0) -> None:
        self.clock = ManualClock()
        self.battery = SimBattery(BatterySpec(), now_s=self.clock.now_s())
        self.echo_s = echo_s
        self.server = ZendureServer(self.battery, now=self.clock.now_s, echo_s=echo_s)

    def new_driver(self) -> ZendureBattery:
        options = ZendureOptions(url=self.server.url, model="solarflow-2400-ac")
        return ZendureBattery(options, self.clock, timeout_s=FAST_TIMEOUT_S, echo_s=self.echo_s)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = Fault(trouble.value)

    @property
    def true_power_w(self) -> float:
        return self.battery.ac_power_w

    @property
    def held_w(self) -> Sequence[float]:
        return [command.power_w for command in self.server.commands]

    @property
    def write_count(self) -> int:
        return len(self.server.writes)

    @property
    def controlled(self) -> bool:
        return self.server.controlled

    @property
    def own_mode(self) -> dict[str, int]:
        return dict(self.server.settings)

    def advance(self) -> None:
        self.server.advance()


@asynccontextmanager
async def serving(echo_s: float = 0.0) -> AsyncIterator[ZendureBench]:
    bench = ZendureBench(echo_s)
    await bench.server.start()
    bench.driver = bench.new_driver()
    try:
        yield bench
    finally:
        await bench.driver.close()
        await bench.server.stop()
    assert not bench.server.overlapping  # whatever the test did


@pytest.fixture
async def bench() -> AsyncIterator[ZendureBench]:
    async with serving() as served:
        yield served


class TestContract(BatteryContract):
    """Every law of the contract; the test of the watchdog says that there is none."""


async def test_power_comes_before_the_mode_when_the_direction_changes(bench: ZendureBench):
    await bench.driver.apply(500.0)
    await bench.driver.apply(-800.0)
    await bench.driver.apply(-700.4)
    assert bench.server.writes == [
        {"smartMode": 1, "inputLimit": 500, "outputLimit": 0},
        {"smartMode": 1, "inputLimit": 500, "outputLimit": 0, "acMode": 1},
        {"smartMode": 1, "inputLimit": 0, "outputLimit": 800},
        {"smartMode": 1, "inputLimit": 0, "outputLimit": 800, "acMode": 2},
        {"smartMode": 1, "inputLimit": 0, "outputLimit": 700, "acMode": 2},
    ]
    assert bench.held_w == [500.0, 0.0, -800.0, -700.0]


async def test_at_0_w_the_mode_stays(bench: ZendureBench):
    """So its relay does not switch."""
    await bench.driver.apply(500.0)
    await bench.driver.apply(0.0)
    assert bench.server.writes[-1] == {"smartMode": 1, "inputLimit": 0, "outputLimit": 0, "acMode": 1}
    assert bench.server.settings["acMode"] == 1


async def test_flash_is_written_once_at_the_end(bench: ZendureBench):
    for power_w in (500.0, -500.0, 0.0, 600.0):
        await bench.driver.apply(power_w, rewrite=True)
    assert bench.server.flash_writes == 0
    await bench.driver.release()
    assert bench.server.flash_writes == 1
    assert bench.server.settings == AS_DELIVERED


async def test_what_the_user_had_set_is_put_back(bench: ZendureBench):
    bench.server.flash |= {"outputLimit": 200}
    bench.trouble(Trouble.LOSES_CONTROL)  # a restart: it runs at what is in flash
    bench.trouble(Trouble.NONE)
    await bench.driver.apply(900.0)
    await bench.driver.release()
    assert bench.held_w[-1] == -200.0
    assert bench.server.settings == AS_DELIVERED | {"outputLimit": 200}


async def test_what_a_controller_left_behind_is_not_put_back(bench: ZendureBench):
    await bench.driver.apply(900.0)
    await bench.driver.close()  # as if it had died
    successor = bench.new_driver()
    await successor.apply(300.0)
    await successor.release()
    await successor.close()
    assert bench.server.writes[-1] == {"smartMode": 0}
    assert bench.held_w[-1] == 0.0


async def test_until_its_echo_a_setpoint_is_not_read_back():
    async with serving(echo_s=2.3) as bench:
        await bench.driver.apply(500.0)
        bench.clock.time_s += 2.0
        assert (await bench.driver.read()).readback_w is None
        bench.clock.time_s += 0.5
        assert (await bench.driver.read()).readback_w == 500.0
        await bench.driver.apply(-400.0)
        assert (await bench.driver.read()).readback_w is None
        bench.clock.time_s += 2.5
        assert (await bench.driver.read()).readback_w == -400.0


async def test_somebody_else_at_the_controls_shows(bench: ZendureBench):
    await bench.driver.apply(-500.0)
    bench.server.fault = Fault.HEMS
    reading = await bench.driver.read()
    assert reading.readback_w == bench.server.hems_w
    assert reading.state is not None
    assert "HEMS" in reading.state
    bench.server.fault = Fault.NONE
    await bench.driver.apply(-500.0)
    assert bench.held_w[-1] == -500.0
    assert "HEMS" not in ((await bench.driver.read()).state or "")


async def test_one_that_left_smart_mode_gets_the_whole_command_again(bench: ZendureBench):
    await bench.driver.apply(-500.0)
    bench.server.settings["smartMode"] = 0
    bench.server._store({})
    bench.server.advance()
    assert (await bench.driver.read()).readback_w == 0.0
    await bench.driver.apply(-500.0)
    assert bench.server.writes[-1] == {"smartMode": 1, "inputLimit": 0, "outputLimit": 500, "acMode": 2}


async def test_a_closed_api_says_how_it_is_opened(bench: ZendureBench):
    bench.server.fault = Fault.CLOSED_API
    with pytest.raises(DeviceRefused, match="HEMS"):
        await bench.driver.read()


async def test_values_that_cannot_be_are_bad_data(bench: ZendureBench):
    bench.server.fault = Fault.ABSURD
    with pytest.raises(DeviceBadData):
        await bench.driver.read()


@pytest.mark.parametrize("power_w", [1200.0, -1200.0])
async def test_telemetry_is_the_truth(bench: ZendureBench, power_w: float):
    await bench.driver.apply(power_w)
    await bench.settle()
    reading = await bench.driver.read()
    assert reading.ac_power_w == pytest.approx(bench.battery.ac_power_w, abs=1)
    assert reading.battery_power_w == pytest.approx(bench.battery.dc_power_w, abs=1)
    assert reading.state == ("charge" if power_w > 0 else "discharge")
    assert reading.temperature_c == 25.0
    assert reading.pv_power_w is None


async def test_pv_adds_to_the_power_at_the_terminals(bench: ZendureBench):
    options = ZendureOptions(url=bench.server.url, model="solarflow-800")
    driver = ZendureBattery(options, bench.clock)
    bench.server.pv_w = 300.0
    reading = await driver.read()
    await driver.close()
    assert (reading.pv_power_w, reading.ac_power_w) == (300.0, -300.0)
    assert driver.capabilities.has_pv


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = ("acMode", "inputLimit", "outputLimit", "smartMode", "electricLevel", "gridInputPower", "hyperTmp")
NAMES = (*NAMES, "outputHomePower", "outputPackPower", "packInputPower", "packState", "gridState")
VALUES = st.dictionaries(st.sampled_from(NAMES), JSON | st.integers(0, 3000), max_size=len(NAMES))
WHOLE = st.builds(
    lambda values: {"acMode": 1, "inputLimit": 0, "outputLimit": 0, "gridInputPower": 1, **values}, VALUES
)
BODY = st.one_of(
    st.binary(max_size=60),
    st.integers(1, 3000).map(lambda depth: b"[" * depth),
    JSON.map(lambda inner: json.dumps(inner).encode()),
    WHOLE.map(lambda inner: json.dumps({"sn": "x", "properties": inner}).encode()),
)
HEAD = st.sampled_from(
    ["HTTP/1.1 200 OK", "HTTP/1.1 503 Busy", "HTTP/1.1 302 Found\r\nLocation: /x", "HTP nonsense", ""]
)


@settings(max_examples=60, deadline=None)
@given(answers=st.lists(st.tuples(HEAD, BODY), min_size=1, max_size=4))
def test_whatever_is_answered_is_a_reading_or_a_device_error(answers: list[tuple[str, bytes]]):
    async def run() -> None:
        turns = itertools.cycle(answers)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            head, body = next(turns)
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        options = ZendureOptions(url=url, model="solarflow-2400-ac")
        driver = ZendureBattery(options, ManualClock(), timeout_s=0.2, echo_s=0.0)
        try:
            for call in (driver.read, lambda: driver.apply(100.0), driver.read, driver.release):
                try:
                    reading = await call()
                except DeviceError:
                    continue
                if reading is not None:
                    assert reading.soc_pct is None or 0 <= reading.soc_pct <= 100
                    assert reading.ac_power_w is None or abs(reading.ac_power_w) <= 7200
        finally:
            await driver.close()
            server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["192.168.1.5", "https://a", "http://", "http://a:b", "http://u:p@a", "http://a/x"]
)
def test_urls_that_are_not_understood(url: str):
    with pytest.raises(ValidationError, match="http://HOST"):
        ZendureOptions(url=url, model="solarflow-800")


async def test_a_host_that_does_not_exist_is_unreachable():
    options = ZendureOptions(url="http://no-such-host.invalid", model="solarflow-800")
    with pytest.raises(DeviceUnreachable):
        await ZendureBattery(options, ManualClock()).read()
