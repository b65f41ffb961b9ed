"""The driver for Marstek's local API against the simulated unit, over real sockets."""

import asyncio
import itertools
import json
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from battery_contract import BatteryBench, BatteryContract, ManualClock, Trouble, bounded, recovers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasewise.devices.base import DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.batteries.marstek_udp import (
    COUNTDOWN_S,
    TIMING,
    MarstekUdpBattery,
    MarstekUdpOptions,
)
from phasewise.devices.udp_json import CALL_TIMEOUT_S, DatagramTiming
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.marstek_udp import Fault, MarstekUdpServer

FAST = DatagramTiming(
    pause_s=0.002, reply_timeout_s=0.6, resend_s=9.0, hasty_pause_s=0.001, hasty_timeout_s=0.6
)
CAPACITY_WH = 5120.0


class UdpBench(BatteryBench):
    """One simulated unit, in the mode `Manual`."""

    def __init__(self, firmware: int = 148, ongrid_sign: int = -1) -> None:
        self.clock = ManualClock()
        self.battery = SimBattery(BatterySpec(capacity_wh=CAPACITY_WH), now_s=self.clock.now_s())
        self.server = MarstekUdpServer(
            self.battery, now=self.clock.now_s, firmware=firmware, ongrid_sign=ongrid_sign
        )
        self.server.mode = "Manual"
        self.setpoint_shows = firmware >= 148

    def new_driver(self, timing: DatagramTiming = FAST) -> MarstekUdpBattery:
        positive = "discharging" if self.server.ongrid_sign < 0 else "charging"
        options = MarstekUdpOptions(url=self.server.url, model="venus-e-v3", ongrid_positive=positive)
        return MarstekUdpBattery(options, self.clock, timing=timing)

    def trouble(self, trouble: Trouble) -> None:
        # There is no connection to hang up: nobody listening is as near as a datagram gets to it.
        self.server.fault = Fault.DOWN if trouble is Trouble.HANGS_UP else Fault(trouble.value)

    @property
    def true_power_w(self) -> float:
        return self.battery.ac_power_w

    @property
    def held_w(self) -> Sequence[float]:
        return [command.power_w for command in self.server.commands]

    @property
    def write_count(self) -> int:
        return len(self.server.configs)

    @property
    def controlled(self) -> bool:
        return self.server.controlled

    @property
    def own_mode(self) -> str:
        return self.server.mode

    def advance(self) -> None:
        self.server.advance()


@asynccontextmanager
async def serving(firmware: int = 148, ongrid_sign: int = -1) -> AsyncIterator[UdpBench]:
    bench = UdpBench(firmware, ongrid_sign)
    await bench.server.start()
    bench.driver = bench.new_driver()
    try:
        yield bench
    finally:
        await bench.driver.close()
        await bench.server.stop()


@pytest.fixture(params=[148, 144])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[UdpBench]:
    async with serving(request.param) as served:
        yield served


@pytest.fixture
async def unit() -> AsyncIterator[UdpBench]:
    async with serving() as served:
        yield served


class TestContract(BatteryContract):
    """Every law of the contract; an older firmware does not say what setpoint it holds."""


@pytest.mark.parametrize("ongrid_sign", [1, -1])
@pytest.mark.parametrize("power_w", [1200.0, -1200.0])
async def test_either_sign_of_a_units_power_is_understood(ongrid_sign: int, power_w: float):
    async with serving(ongrid_sign=ongrid_sign) as bench:
        await bench.driver.apply(power_w)
        await bench.settle()
        for _ in range(2):  # by either request
            assert (await bench.driver.read()).ac_power_w == pytest.approx(power_w, abs=2)


async def test_what_is_sent(unit: UdpBench):
    await unit.driver.apply(499.6)
    await unit.driver.apply(-800.0)
    assert unit.server.configs == [
        {"mode": "Passive", "passive_cfg": {"power": -500, "cd_time": 60}},
        {"mode": "Passive", "passive_cfg": {"power": 800, "cd_time": 60}},
    ]
    await unit.driver.release()
    assert unit.server.configs[2:] == [
        {"mode": "Passive", "passive_cfg": {"power": 0, "cd_time": 5}},
        {"mode": "Manual"},  # and no schedule with it
    ]


@pytest.mark.parametrize(
    ("found", "restored"),
    [
        ("Auto", {"mode": "Auto", "auto_cfg": {"enable": 1}}),
        ("AI", {"mode": "AI", "ai_cfg": {"enable": 1}}),
        ("Passive", {"mode": "Auto", "auto_cfg": {"enable": 1}}),
        ("SomethingNew", {"mode": "SomethingNew"}),
    ],
)
async def test_the_mode_is_put_back_as_found(unit: UdpBench, found: str, restored: dict[str, object]):
    unit.server.mode = found
    await unit.driver.apply(300.0)
    await unit.driver.release()
    assert unit.server.configs[-1] == restored


async def test_a_mode_that_was_read_is_not_asked_for_again(unit: UdpBench):
    await unit.driver.read()
    await unit.driver.apply(300.0)
    assert [method for _, method in unit.server.requests] == ["ES.GetMode", "ES.SetMode"]


async def test_the_capacity_is_asked_for_now_and_then(unit: UdpBench):
    readings = [await unit.driver.read() for _ in range(12)]
    methods = [method for _, method in unit.server.requests]
    assert methods.count("ES.GetStatus") == 2
    assert readings[-1].capacity_wh == CAPACITY_WH
    assert all(reading.soc_pct == pytest.approx(50, abs=1) for reading in readings)


async def test_zeros_of_a_silent_battery_management_are_no_values(unit: UdpBench):
    unit.server.bms_silent = True
    readings = [await unit.driver.read() for _ in range(3)]
    assert [reading.soc_pct for reading in readings] == [None] * 3
    assert [reading.capacity_wh for reading in readings] == [None] * 3


async def test_the_countdown_stops_it_and_the_keep_alive_is_well_inside(unit: UdpBench):
    limits = unit.driver.capabilities
    assert limits.watchdog_s == COUNTDOWN_S
    # One keep-alive that fails altogether, one that is late, and still it arrives in time.
    lost_s = CALL_TIMEOUT_S + 1.0
    assert limits.keep_alive_s + lost_s + limits.turn_s + 1.0 < limits.watchdog_s
    await unit.driver.apply(500.0)
    unit.clock.time_s += COUNTDOWN_S - 0.1
    unit.advance()
    assert unit.controlled
    unit.clock.time_s += 0.1
    unit.advance()
    assert unit.held_w[-1] == 0.0
    assert unit.own_mode == "Manual"


async def test_a_late_answer_is_dropped(unit: UdpBench):
    unit.server.fault = Fault.LATE
    for power_w in (300.0, -300.0, 200.0):
        await unit.driver.apply(power_w)
        assert (await unit.driver.read()).soc_pct == pytest.approx(50, abs=1)
    assert unit.held_w[-3:] == [300.0, -300.0, 200.0]


async def test_what_got_no_answer_is_written_again(unit: UdpBench):
    unit.server.loss = 1.0
    with pytest.raises(DeviceUnreachable):
        await unit.driver.apply(300.0)
    unit.server.loss = 0.0
    before = unit.write_count
    await unit.driver.apply(300.0)
    assert unit.write_count == before + 1
    unit.server.loss = 1.0
    with pytest.raises(DeviceUnreachable):
        await unit.driver.apply(-200.0)
    # It was carried out, but nobody knows.
    assert unit.held_w[-1] == -200.0
    unit.server.loss = 0.0
    before = unit.write_count
    await unit.driver.apply(-200.0)
    assert unit.write_count == before + 1


async def test_values_that_cannot_be_are_bad_data(unit: UdpBench):
    unit.server.fault = Fault.ABSURD
    for _ in range(3):
        with pytest.raises(DeviceBadData):
            await unit.driver.read()


async def test_a_unit_without_status_goes_on_with_the_mode(unit: UdpBench):
    await unit.driver.read()
    unit.server.fault = Fault.REFUSES
    with pytest.raises(DeviceRefused):
        await unit.driver.read()
    unit.server.fault = Fault.NONE
    for _ in range(8):
        await unit.driver.read()
    assert [method for _, method in unit.server.requests].count("ES.GetStatus") == 1


async def test_backup_is_left_alone(unit: UdpBench):
    unit.server.mode = "UPS"
    reading = await unit.driver.read()
    assert (reading.state, reading.controllable) == ("UPS", False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = ("mode", "ongrid_power", "bat_soc", "bat_cap", "passive_cfg", "set_result")
RESULT = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)
REPLY = st.one_of(
    st.binary(max_size=80),
    st.builds(lambda inner: json.dumps(inner).encode(), JSON),
    st.builds(lambda depth: b"[" * depth, st.integers(min_value=1, max_value=5000)),
    st.tuples(st.sampled_from(["result", "error"]), RESULT | JSON),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(replies=st.lists(REPLY, min_size=1, max_size=4))
def test_whatever_is_answered_is_a_reading_or_a_device_error(replies: list[bytes | tuple[str, object]]):
    """No answer of any shape is an accident, and none gives a value that cannot be."""

    async def run() -> None:
        device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        device.setblocking(False)
        device.bind(("127.0.0.1", 0))
        turns = itertools.cycle(replies)

        def answer() -> None:
            data, sender = device.recvfrom(65536)
            reply = next(turns)
            if isinstance(reply, tuple):
                key, value = reply
                reply = json.dumps({"id": json.loads(data)["id"], key: value}).encode()
            device.sendto(reply, sender)

        asyncio.get_running_loop().add_reader(device, answer)
        url = f"udp://127.0.0.1:{device.getsockname()[1]}"
        quick = DatagramTiming(0.0, 0.01, resend_s=0.005, hasty_pause_s=0.0, hasty_timeout_s=0.01)
        options = MarstekUdpOptions(url=url, model="venus-a")
        driver = MarstekUdpBattery(options, ManualClock(), timing=quick)
        try:
            for call in (driver.read, driver.read, lambda: driver.apply(100.0), driver.release):
                try:
                    reading = await call()
                except DeviceError:
                    continue
                if reading is not None:
                    assert reading.soc_pct is None or 0 <= reading.soc_pct <= 100
                    assert reading.ac_power_w is None or abs(reading.ac_power_w) <= 4500
        finally:
            await driver.close()
            asyncio.get_running_loop().remove_reader(device)
            device.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "url", ["192.168.1.5", "http://192.168.1.5", "udp://", "udp://a:b", "udp://h/x", "udp://h:70000"]
)
def test_urls_that_are_not_understood(url: str):
    with pytest.raises(ValidationError, match="udp://HOST"):
        MarstekUdpOptions(url=url, model="venus-a")


async def test_a_host_that_does_not_exist_is_unreachable():
    options = MarstekUdpOptions(url="udp://no-such-host.invalid", model="venus-a")
    with pytest.raises(DeviceUnreachable):
        await bounded(MarstekUdpBattery(options, ManualClock(), timing=FAST).read())


async def test_the_pause_is_kept_and_a_setpoint_goes_before_a_reading():
    """With a pause as long as is bearable here; the rule is the same for 5 s."""
    async with serving() as bench:
        slow = DatagramTiming(0.3, 2.0, resend_s=9.0, hasty_pause_s=0.05, hasty_timeout_s=0.5)
        driver = bench.new_driver(slow)
        await driver.read()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(driver.read())
            await asyncio.sleep(0.1)
            group.create_task(driver.apply(400.0))
        methods = [method for _, method in bench.server.requests]
        assert methods[1] == "ES.SetMode"
        times_s = [at_s for at_s, _ in bench.server.requests]
        assert min(after - before for before, after in pairwise(times_s)) > 0.29
        started_s = time.monotonic()
        await driver.release()
        assert time.monotonic() - started_s < 0.29  # the last two do not wait
        await driver.close()


@pytest.mark.parametrize("late_s", [0.0, 0.35])
async def test_a_lost_datagram_is_sent_once_more(late_s: float):
    """And either answer counts, also one that comes after the second try."""
    async with serving() as bench:
        patient = DatagramTiming(0.05, 2.0, resend_s=0.3, hasty_pause_s=0.05, hasty_timeout_s=0.5)
        driver = bench.new_driver(patient)
        await driver.read()
        bench.server.latency_s = late_s
        if not late_s:
            bench.server.loss = 1.0
            asyncio.get_running_loop().call_later(0.2, setattr, bench.server, "loss", 0.0)
        assert 0.29 < await bounded(driver.apply(250.0)) < 1.0
        assert bench.held_w == [250.0]
        assert [method for _, method in bench.server.requests] == ["ES.GetMode", "ES.SetMode", "ES.SetMode"]
        await asyncio.sleep(late_s)  # the other answer is nobody's now
        bench.server.latency_s = 0.0
        assert (await driver.read()).soc_pct == pytest.approx(50, abs=1)
        await driver.close()


async def test_one_lost_datagram_holds_up_a_setpoint_only_for_the_pause():
    async with serving() as bench:
        slow = DatagramTiming(0.05, 1.5, resend_s=9.0, hasty_pause_s=0.05, hasty_timeout_s=0.5)
        driver = bench.new_driver(slow)
        await driver.read()
        bench.server.fault = Fault.SILENT
        lost = asyncio.create_task(driver.read())
        await asyncio.sleep(0.1)
        bench.server.fault = Fault.NONE
        assert await bounded(driver.apply(250.0)) < 0.5
        with pytest.raises(DeviceUnreachable):
            await lost
        assert (await recovers(driver)).readback_w in {250.0, None}
        await driver.close()


def test_the_waits_of_a_real_device_fit_into_a_call():
    assert TIMING.pause_s >= 5.0
    assert TIMING.pause_s + TIMING.reply_timeout_s < CALL_TIMEOUT_S <= 10.0 + TIMING.pause_s
    # A second try is asked for before its turn comes, so that nothing else takes it.
    assert TIMING.resend_s < TIMING.pause_s < TIMING.reply_timeout_s
    # A release has 3 s.
    assert TIMING.hasty_pause_s * 2 + TIMING.hasty_timeout_s * 2 <= 3.2
