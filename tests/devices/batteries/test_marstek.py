"""The Marstek driver against the simulated unit, over real connections."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from battery_contract import (
    RESTART_S,
    BatteryBench,
    BatteryContract,
    ManualClock,
    Trouble,
    bounded,
    readback,
    recovers,
)

from phasewise.devices.base import DeviceBadData, DeviceUnreachable
from phasewise.devices.batteries.marstek import MarstekBattery, MarstekOptions
from phasewise.devices.modbus import LineTiming
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.marstek import ANTI_FEED, MANUAL, TRADE, MarstekServer
from phasewise.sim.servers.modbus import Fault, LineRules

FAST = LineTiming(frame_pause_s=0.001, reply_timeout_s=0.7, reopen_wait_s=0.02, settle_s=0.002)
# Waits this short can't be judged from the other end of the line: that is left to the test in real time.
FAST_ETHERNET = LineRules(single_connection=True, frame_pause_s=0.0)
FAST_BRIDGE = LineRules(single_connection=False, frame_pause_s=0.0)
KINDS = {
    "v2 behind a bridge": {"model": "venus-e-v2", "rtu": True},
    "v2 behind a gateway": {"model": "venus-e-v2"},
    "v3": {"model": "venus-e-v3"},
    "v3 with newer firmware": {"model": "venus-e-v3", "newer_firmware": True},
    "a": {"model": "venus-a"},
    "d": {"model": "venus-d"},
}
CAPACITY_WH = 5120.0


class MarstekBench(BatteryBench):
    """One simulated unit, in the work mode `trade`."""

    def __init__(self, kind: str = "v3") -> None:
        self.clock = ManualClock()
        options = dict(KINDS[kind])
        self.model = str(options["model"])
        rules = FAST_BRIDGE if self.model == "venus-e-v2" else FAST_ETHERNET
        self.battery = SimBattery(BatterySpec(capacity_wh=CAPACITY_WH), now_s=self.clock.now_s())
        self.server = MarstekServer(self.battery, now=self.clock.now_s, rules=rules, **options)
        self.server.work_mode = TRADE

    def new_driver(self, timing: LineTiming | None = FAST) -> MarstekBattery:
        options = MarstekOptions(url=self.server.url, model=self.model)
        return MarstekBattery(options, self.clock, timing=timing)

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
    def own_mode(self) -> int:
        return self.server.work_mode

    def advance(self) -> None:
        self.server.advance()

    def written(self) -> list[tuple[int, int]]:
        return [(write.register, write.value) for write in self.server.writes]


@asynccontextmanager
async def serving(kind: str = "v3") -> AsyncIterator[MarstekBench]:
    bench = MarstekBench(kind)
    await bench.server.start()
    bench.driver = bench.new_driver()
    try:
        yield bench
    finally:
        await bench.driver.close()
        await bench.server.stop()


@pytest.fixture(params=["v2 behind a bridge", "v3", "a", "d"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[MarstekBench]:
    async with serving(request.param) as served:
        yield served
        # Whatever the test did: there never were two connections.
        assert served.server.violations == []


@pytest.fixture
async def v3() -> AsyncIterator[MarstekBench]:
    async with serving() as served:
        yield served
        assert served.server.violations == []


class TestContract(BatteryContract):
    """Every law of the contract, for every map of registers."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("power_w", [1200.0, -1200.0])
async def test_telemetry_is_the_truth(kind: str, power_w: float):
    async with serving(kind) as bench:
        await bench.driver.apply(power_w)
        for _ in range(30):
            bench.clock.time_s += 15.0
            await bench.driver.apply(power_w)
        for _ in range(5):  # every turn
            reading = await bench.driver.read()
        battery = bench.battery
        assert reading.ac_power_w == pytest.approx(battery.ac_power_w, abs=1)
        assert reading.soc_pct == pytest.approx(battery.soc_pct, abs=0.51)
        assert reading.capacity_wh == CAPACITY_WH
        assert reading.temperature_c == 25.0
        assert reading.energy_charged_wh == pytest.approx(battery.charged_wh, abs=5.1)
        assert reading.energy_discharged_wh == pytest.approx(battery.discharged_wh, abs=5.1)
        assert max(reading.energy_charged_wh, reading.energy_discharged_wh) > 100
        assert reading.state == ("charge" if power_w > 0 else "discharge")
        if kind != "v3 with newer firmware":  # it does not read over the gap
            assert reading.battery_power_w == pytest.approx(battery.dc_power_w, abs=1)
        assert bench.server.violations == []


async def test_soc_to_a_tenth_on_newer_firmware():
    async with serving("v3 with newer firmware") as bench:
        bench.battery.energy_wh = CAPACITY_WH * 0.437
        assert (await bench.driver.read()).soc_pct == pytest.approx(43.7)
        asked = bench.server.requests
        await bench.driver.read()
        await bench.driver.read()
        assert (
            bench.server.requests - asked == 8
        )  # state, SoC, power and one by turns: nothing is tried again


@pytest.mark.parametrize("kind", ["a", "d"])
async def test_pv_inputs_add_to_the_power_at_the_terminals(kind: str):
    async with serving(kind) as bench:
        bench.server.pv_w = 640.0
        await bench.driver.apply(-300.0)
        await bench.settle()
        reading = await bench.driver.read()
        assert reading.pv_power_w == pytest.approx(640.0)
        assert reading.ac_power_w == pytest.approx(-940.0, abs=1)
        assert bench.driver.capabilities.has_pv


async def test_no_pv_power_where_there_are_no_inputs(v3: MarstekBench):
    assert (await v3.driver.read()).pv_power_w is None
    assert not v3.driver.capabilities.has_pv


@pytest.mark.parametrize(
    ("number", "word", "controllable"),
    [
        (0, "sleep", True),
        (1, "standby", True),
        (4, "backup", False),
        (5, "update", False),
        (6, "bypass", False),
        (9, "state 9", True),
    ],
)
async def test_states(v3: MarstekBench, number: int, word: str, controllable: bool):
    v3.server.state_override = number
    reading = await v3.driver.read()
    assert (reading.state, reading.controllable) == (word, controllable)


async def test_order_of_writes(v3: MarstekBench):
    await v3.driver.apply(500.0)
    assert v3.written() == [(42000, 0x55AA), (42020, 500), (42010, 1)]
    await v3.driver.apply(-800.0)
    assert v3.written()[3:] == [(42021, 800), (42010, 2)]
    await v3.driver.apply(0.0)
    assert v3.written()[5:] == [(42010, 0)]
    await v3.driver.release()
    assert v3.written()[6:] == [(42020, 0), (42021, 0), (42010, 0), (42000, 0x55BB), (43000, TRADE)]


@pytest.mark.parametrize(("power_w", "mode"), [(800.0, 1), (-800.0, 2)])
async def test_ready_it_stays_in_the_mode_in_which_it_worked(v3: MarstekBench, power_w: float, mode: int):
    await v3.driver.apply(power_w)
    await v3.driver.apply(0.0, ready=True)
    assert (v3.server.force_mode, v3.held_w[-1]) == (mode, 0.0)
    await v3.driver.apply(0.0, rewrite=True, ready=True)
    assert (v3.server.force_mode, v3.held_w[-1]) == (mode, 0.0)
    await v3.driver.apply(0.0)
    assert v3.server.force_mode == 0


async def test_one_that_has_not_worked_has_nothing_to_be_ready_for(v3: MarstekBench):
    await v3.driver.apply(0.0, ready=True)
    assert v3.server.force_mode == 0


async def test_a_work_mode_that_is_right_already_is_not_written(v3: MarstekBench):
    v3.server.work_mode = MANUAL
    await v3.driver.apply(500.0)
    await v3.driver.release()
    assert 43000 not in dict(v3.written())


async def test_powers_are_whole_watts(v3: MarstekBench):
    await v3.driver.apply(499.6)
    await v3.driver.apply(0.4)
    await v3.driver.apply(-0.6)
    assert v3.held_w == [500.0, 0.0, -1.0]


@pytest.mark.parametrize("change_s", [1.0, 7.0, 9.5, 18.5, 1000.0])
async def test_the_enable_never_gets_older_than_30_s(v3: MarstekBench, change_s: float):
    # As the engine applies: at every change, and when keep_alive_s have passed since the last.
    applied_s = changed_s = v3.clock.time_s
    await v3.driver.apply(500.0)
    while v3.clock.time_s < 1300.0:
        v3.clock.time_s += 0.5
        if v3.clock.time_s - changed_s >= change_s:
            changed_s = v3.clock.time_s
        elif v3.clock.time_s - applied_s < v3.driver.capabilities.keep_alive_s:
            continue
        await v3.driver.apply(500.0 + changed_s % 97)
        applied_s = v3.clock.time_s
    enabled_s = [write.time_s for write in v3.server.writes if write.register == 42000]
    gaps_s = [after - before for before, after in pairwise(enabled_s)]
    assert max(gaps_s) <= 30.0
    assert min(gaps_s) >= 10.0


async def test_killed_the_unit_stops_and_a_restart_resumes(v3: MarstekBench):
    await v3.driver.apply(-900.0)
    await v3.driver.close()
    v3.clock.time_s += 89.0
    v3.advance()
    assert v3.controlled
    v3.clock.time_s += 31.0
    v3.advance()
    assert v3.held_w == [-900.0, 0.0]
    await asyncio.sleep(RESTART_S)
    successor = v3.new_driver()
    assert (await successor.read()).readback_w is None
    await successor.apply(-900.0)
    assert v3.held_w[-1] == -900.0
    await successor.close()


async def test_after_a_long_pause_everything_is_written_again(v3: MarstekBench):
    await v3.driver.apply(500.0)
    v3.clock.time_s += 110.0
    v3.advance()
    await v3.driver.apply(500.0)
    assert v3.held_w == [500.0, 0.0, 500.0]


async def test_a_unit_that_restarted_is_told_everything_again(v3: MarstekBench):
    await v3.driver.apply(500.0)
    v3.trouble(Trouble.DOWN)
    v3.trouble(Trouble.LOSES_CONTROL)
    v3.trouble(Trouble.NONE)
    await asyncio.sleep(0.05)  # until the closed connection is noticed
    await v3.driver.apply(500.0)
    assert v3.controlled
    assert v3.held_w[-1] == 500.0


async def test_late_answers_to_older_requests_are_dropped(v3: MarstekBench):
    v3.server.fault = Fault.LATE
    await v3.driver.apply(700.0)
    await v3.settle()
    reading = await v3.driver.read()
    assert reading.ac_power_w == pytest.approx(700.0, abs=1)
    assert reading.soc_pct == pytest.approx(50.0, abs=1)


@pytest.mark.parametrize("kind", ["v3", "v2 behind a bridge"])
async def test_an_answer_after_the_time_out_is_not_taken_for_the_next(kind: str):
    async with serving(kind) as bench:
        await bench.driver.read()
        bench.server.latency_s = FAST.reply_timeout_s * 1.2
        with pytest.raises(DeviceUnreachable, match="no answer within"):
            await bench.driver.read()
        bench.server.latency_s = 0.0
        reading = await recovers(bench.driver)
        assert reading.state == "standby"
        assert reading.soc_pct == pytest.approx(50, abs=1)


@pytest.mark.parametrize("kind", ["v3", "v2 behind a bridge"])
@pytest.mark.parametrize("fault", [Fault.GARBLED, Fault.WRONG_LENGTH])
async def test_exceptions_of_the_wrong_length(kind: str, fault: Fault):
    async with serving(kind) as bench:
        await bench.driver.read()
        bench.server.fault = fault
        for _ in range(3):
            with pytest.raises((DeviceBadData, DeviceUnreachable)):
                await bounded(bench.driver.read())
        bench.server.fault = Fault.NONE
        assert (await recovers(bench.driver)).soc_pct == pytest.approx(50, abs=1)


async def test_firmware_is_found_out_though_its_refusals_are_broken():
    async with serving("v3 with newer firmware") as bench:
        bench.server.long_refusals = True
        reading = await recovers(bench.driver)
        assert reading.soc_pct == pytest.approx(50)
        assert reading.ac_power_w == 0.0
        for _ in range(5):
            assert (await bench.driver.read()).soc_pct == pytest.approx(50)


async def test_an_inverted_unit_is_reported_as_it_is(v3: MarstekBench):
    v3.server.fault = Fault.INVERTED
    await v3.driver.apply(600.0)
    await v3.settle()
    assert (await v3.driver.read()).ac_power_w == pytest.approx(-600.0, abs=1)


async def test_a_foreign_writer_shows(v3: MarstekBench):
    await v3.driver.apply(600.0)
    v3.server.write_register(42020, 100)
    assert await readback(v3.driver) == 100.0
    await v3.driver.apply(600.0)
    assert v3.held_w[-1] == 600.0


async def test_a_second_controller_is_turned_away(v3: MarstekBench):
    await v3.driver.read()
    other = v3.new_driver()
    with pytest.raises(DeviceUnreachable):
        await bounded(other.read())
    await other.close()
    assert v3.server.violations.pop() == "a second connection"
    await v3.driver.read()


async def test_an_error_says_what_was_tried_and_what_came(v3: MarstekBench):
    v3.trouble(Trouble.DOWN)
    with pytest.raises(DeviceUnreachable) as caught:
        await v3.driver.read()
    assert f"127.0.0.1:{v3.server.port} (unit 1)" in str(caught.value)
    await v3.server.stop()
    with pytest.raises(DeviceUnreachable, match="no connection: "):
        await v3.driver.read()


async def test_real_timing_of_the_ethernet_models():
    """The driver's own waits against the simulated unit's own rules, in real time."""
    clock = ManualClock()
    server = MarstekServer(SimBattery(BatterySpec(), now_s=1000.0), model="venus-e-v3", now=clock.now_s)
    server.work_mode = ANTI_FEED
    await server.start()
    driver = MarstekBattery(MarstekOptions(url=server.url, model="venus-e-v3"), clock)
    try:
        await driver.apply(500.0)
        await driver.read()
        took_s = []
        for power_w in (700.0, 710.0, 720.0):
            await asyncio.sleep(0.2)
            took_s.append(await bounded(driver.apply(power_w)))
        assert min(took_s) < 0.1  # after a pause a write goes out at once
        assert await bounded(driver.read()) < 1.5
        # During a reading it waits for the frame under way and one pause, not for the whole reading.
        for nth, power_w in enumerate((730.0, 740.0, 750.0, 760.0, 770.0)):
            reading = asyncio.create_task(driver.read())
            await asyncio.sleep(0.1 * nth)
            assert await bounded(driver.apply(power_w)) < 0.15 + 0.1
            await reading
            await asyncio.sleep(0.2)
        await driver.close()
        started_s = time.monotonic()
        await driver.apply(-700.0)
        assert time.monotonic() - started_s > 1.2  # the wait before reopening, and after
        assert await bounded(driver.release()) < 3.0
    finally:
        await driver.close()
        await server.stop()
    assert server.violations == []
    assert server.work_mode == ANTI_FEED
