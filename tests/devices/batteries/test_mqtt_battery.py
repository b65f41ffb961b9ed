"""The MQTT battery against a simulated one on a real broker."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from battery_contract import (
    BatteryBench,
    BatteryContract,
    ManualClock,
    Trouble,
    bounded,
    readback,
    recovers,
)
from msgspec.structs import replace
from pydantic import ValidationError

from broker import Mosquitto, mosquitto, needs_mosquitto
from phasewise.devices.base import DeviceBadData, DeviceUnreachable, DriverOptions
from phasewise.devices.batteries.mqtt import MqttBattery, MqttBatteryOptions
from phasewise.model import BatteryReading
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers import mqtt as simulated
from phasewise.sim.servers.mqtt import Fault

pytestmark = needs_mosquitto

CADENCE_S = 0.01
WAIT_S = 0.4
WATCHDOG_S = 60.0
MAX_AGE_S = 1.5
NUMBERS = itertools.count()


def options(url: str, **more: Any) -> MqttBatteryOptions:
    own = {
        "url": url,
        "power": {"topic": "battery/state", "path": "power", "scale": -1},
        "soc": {"topic": "battery/soc"},
        "readback": {"topic": "battery/state", "path": "setpoint", "scale": -1},
        "setpoint_topic": "battery/command",
        "setpoint_payload": '{"mode": "remote", "power": {minus_power_w}}',
        "release_payload": '{"mode": "auto"}',
        "availability_topic": "battery/availability",
        "rated_charge_w": 2500,
        "rated_discharge_w": 2400,
        "watchdog_s": WATCHDOG_S,
        "max_age_s": MAX_AGE_S,
    }
    return MqttBatteryOptions.model_validate({**own, **more})


class ObservedBattery(MqttBattery):
    """What was said on a broker arrives a little later. This one waits after each message until the battery
    has it and nothing from before is under way, and after a trouble began until it can be known. It does
    not judge before it is connected."""

    device: simulated.MqttBattery
    trouble: asyncio.Event
    """A trouble that was not waited for yet."""
    calls = 0
    """Setpoints that were begun, and that were ended."""

    async def read(self) -> BatteryReading:
        await self._known()
        calls = self.calls
        reading = await super().read()
        # What is told meanwhile may be of before or after.
        return replace(reading, readback_w=None) if calls % 2 or calls != self.calls else reading

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        await self._known()
        self.calls += 1
        try:
            await super().apply(setpoint_w, rewrite=rewrite, ready=ready)
            await self._arrived()
        finally:
            self.calls += 1

    async def release(self) -> None:
        await self._known()
        await super().release()
        await self._arrived()

    async def _known(self) -> None:
        self._link.start()
        await self._link._connected.wait()
        if self.trouble.is_set():
            self.trouble.clear()
            await asyncio.sleep(MAX_AGE_S)

    async def _arrived(self) -> None:
        if self._link._client is None:
            return
        marker = f'{{"mode": "marker", "number": {next(NUMBERS)}}}'
        await self._link.publish("battery/command", marker)
        async with asyncio.timeout(15):
            while marker.encode() not in self.device.received:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.001)
            await self.drained()

    async def drained(self) -> None:
        """Until what the battery said before is no longer on its way."""
        await self._known()
        sent = self.device.messages
        while self._count() <= sent:
            self._heard.clear()
            await self._heard.wait()

    def _count(self) -> int:
        newest = self._messages.newest("battery/state")
        return -1 if newest is None else json.loads(newest.payload)["count"]


class Bench(BatteryBench):
    """It counts discharging positive, and falls back by itself."""

    can_refuse = False
    driver: ObservedBattery

    def __init__(self, broker: Mosquitto) -> None:
        self.broker = broker
        self._trouble = asyncio.Event()
        self.clock = ManualClock()
        self.battery = SimBattery(BatterySpec(), now_s=self.clock.now_s())
        self.device = simulated.MqttBattery(
            "127.0.0.1",
            broker.port,
            self.battery,
            self.clock.now_s,
            cadence_s=CADENCE_S,
            watchdog_s=WATCHDOG_S,
        )
        self.driver = self.new_driver()

    def new_driver(self) -> ObservedBattery:
        driver = ObservedBattery(options(self.broker.url), self.clock, wait_s=WAIT_S, echo_s=0.0)
        driver.device, driver.trouble = self.device, self._trouble
        return driver

    def trouble(self, trouble: Trouble) -> None:
        self._trouble.set()
        self.device.fault = Fault.DOWN if trouble is Trouble.HANGS_UP else Fault(trouble.value)

    @property
    def true_power_w(self) -> float:
        return self.battery.ac_power_w

    @property
    def held_w(self) -> Sequence[float]:
        return self.device.held_w

    @property
    def write_count(self) -> int:
        return self.device.command_count

    @property
    def controlled(self) -> bool:
        return self.device.mode == "remote"

    @property
    def own_mode(self) -> str:
        return self.device.mode

    def advance(self) -> None:
        self.device.advance()

    async def settle(self) -> None:
        await super().settle()
        await self.driver.drained()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Bench]:
    async with mosquitto(folder) as broker:
        bench = Bench(broker)
        await bench.device.start()
        try:
            yield bench
        finally:
            await bench.driver.close()
            await bench.device.stop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with serving(tmp_path / "broker") as served:
        yield served


class TestContract(BatteryContract):
    """Every law of the contract."""


async def test_the_broker_goes_and_comes(bench: Bench) -> None:
    await bench.driver.apply(400.0)
    bench.broker.kill()
    await asyncio.sleep(MAX_AGE_S)
    with pytest.raises(DeviceUnreachable, match="MQTT broker"):
        await bounded(MqttBattery.read(bench.driver))
    with pytest.raises(DeviceUnreachable):
        await bounded(MqttBattery.apply(bench.driver, -600.0))
    await bench.broker.start()
    await recovers(bench.driver)
    await bench.driver.apply(-600.0)
    assert bench.held_w[-1] == -600.0


async def test_what_the_broker_kept_is_not_taken_for_fresh(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker, aiomqtt.Client("127.0.0.1", broker.port) as other:
        await other.publish("battery/state", '{"power": 700, "setpoint": 0}', retain=True)
        await other.publish("battery/soc", "55", retain=True)
        driver = MqttBattery(options(broker.url), ManualClock(), wait_s=WAIT_S)
        try:
            with pytest.raises(DeviceUnreachable, match="nothing came"):
                await driver.read()
            with pytest.raises(DeviceUnreachable, match="nobody knows who took it"):
                await driver.apply(500.0)
            # But a battery that is there may tell its charge only when it changes.
            reading = asyncio.create_task(driver.read())
            while not reading.done():
                await other.publish("battery/state", '{"power": 700, "setpoint": 0}')
                await asyncio.sleep(0.02)
            assert ((await reading).ac_power_w, (await reading).soc_pct) == (-700.0, 55.0)
            await other.publish("battery/availability", "offline", retain=True)
            await asyncio.sleep(0.1)
            with pytest.raises(DeviceUnreachable, match="offline"):
                await driver.read()
        finally:
            await driver.close()


async def test_a_slow_battery_keeps_its_last_value_for_a_while(tmp_path: Path) -> None:
    clock = ManualClock()
    async with mosquitto(tmp_path) as broker, aiomqtt.Client("127.0.0.1", broker.port) as other:
        driver = MqttBattery(options(broker.url, max_age_s=0.6), clock, wait_s=0.1)
        try:
            reading = asyncio.create_task(driver.read())
            while not reading.done():
                await other.publish("battery/state", '{"power": "700"}')
                await asyncio.sleep(0.02)
            clock.time_s += 5.0
            again = await driver.read()
            assert (again.ac_power_w, again.time_s, again.soc_pct) == (-700.0, 1000.0, None)
            await asyncio.sleep(0.6)
            with pytest.raises(DeviceUnreachable, match="is 1 s old"):
                await driver.read()
            for wrong in ('{"power": true}', '{"power": "NaN"}', '{"power": 1e9}', "{}", "\\xff"):
                reading = asyncio.create_task(driver.read())
                await asyncio.sleep(0.02)
                await other.publish("battery/state", wrong)
                with pytest.raises(DeviceBadData):
                    await reading
        finally:
            await driver.close()


@pytest.mark.parametrize(
    ("payload", "power_w", "sent"),
    [
        ("{power_w}", 400.4, "400"),
        ("{minus_power_w}", 400.0, "-400"),
        ('{"c": {charge_w}, "d": {discharge_w}}', -300.0, '{"c": 0, "d": 300}'),
    ],
)
async def test_setpoints_as_the_battery_wants_them(
    tmp_path: Path, payload: str, power_w: float, sent: str
) -> None:
    async with mosquitto(tmp_path) as broker, aiomqtt.Client("127.0.0.1", broker.port) as other:
        await other.subscribe("battery/command")
        driver = MqttBattery(options(broker.url, setpoint_payload=payload), ManualClock(), wait_s=WAIT_S)
        try:
            with pytest.raises(DeviceUnreachable):
                await driver.apply(power_w)
            async with asyncio.timeout(15):
                message = await anext(aiter(other.messages))
            assert (message.payload, message.retain) == (sent.encode(), False)
        finally:
            await driver.close()


def test_wrong_options_are_explained() -> None:
    for wrong, hint in (
        ({"setpoint_topic": "a/#"}, "is not a topic"),
        ({"rated_charge_w": 0}, "greater than 0"),
        ({"power": {"topic": "x", "path": "]"}}, "JMESPath"),
    ):
        with pytest.raises(ValidationError) as failure:
            options("mqtt://x", **wrong)
        assert hint in str(failure.value)
    with pytest.raises(TypeError, match="MqttBatteryOptions"):
        MqttBattery.from_options(DriverOptions(), ManualClock())


async def test_readback_is_none_without_its_topic(bench: Bench) -> None:
    driver = MqttBattery(options(bench.broker.url, readback=None), bench.clock, wait_s=WAIT_S, echo_s=0.0)
    try:
        await driver.apply(300.0)
        assert await readback(driver) is None
    finally:
        await driver.close()


async def test_what_a_battery_says_right_after_a_setpoint_may_be_of_before(bench: Bench) -> None:
    driver = MqttBattery(options(bench.broker.url), bench.clock, wait_s=WAIT_S, echo_s=0.4)
    try:
        await driver.apply(300.0)
        assert (await driver.read()).readback_w is None
        await asyncio.sleep(0.5)
        assert (await driver.read()).readback_w == 300.0
    finally:
        await driver.close()
