"""What every battery driver must do, tested against a simulated device on a real connection.

A driver's tests derive from `BatteryContract` and give it a fixture `bench`, a `BatteryBench` that is
already serving. The device's clock and the driver's are one and are moved by hand; waiting for the
device itself is real, with a driver whose waits are short.
"""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from enum import StrEnum

import pytest

from phasewise.devices.base import (
    BatteryDriver,
    Clock,
    DeviceBadData,
    DeviceError,
    DeviceRefused,
    DeviceUnreachable,
)
from phasewise.model import BatteryReading

CALL_BOUND_S = 10.0
"""No call may take longer, whatever the device does."""
RECOVERY_S = 10.0
"""Real time within which a driver must work again by itself."""
RESTART_S = 0.1
"""Real time that a restart takes at least: longer than the device's own wait between connections."""
SETTLED_S = 8.0
"""The simulated unit has arrived at its setpoint by then; short enough for every watchdog."""
READBACK_READS = 6
"""Within this many readings the device must have been asked what setpoint it holds."""


class ManualClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def now_s(self) -> float:
        return self.time_s

    def utc_s(self) -> float:
        return 1_700_000_000.0 + self.time_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a driver must not sleep on this clock ({seconds} s)")


class Trouble(StrEnum):
    """What can be wrong with the device or the way to it."""

    NONE = "none"
    SILENT = "silent"
    DOWN = "down"
    HANGS_UP = "hangs-up"
    REFUSES = "refuses"
    GARBAGE = "garbage"
    IGNORES = "ignores"
    LOSES_CONTROL = "loses-control"


class BatteryBench(ABC):
    """A driver, the device that it talks to, and the truth about both."""

    clock: ManualClock
    driver: BatteryDriver
    setpoint_shows = True
    """Whether the device can be asked what setpoint it holds; False only where it truly cannot."""
    can_refuse = True
    """Whether the device has a way to say no. One that is told through a broker has none: what it does not
    want it ignores, and that shows in what it says it holds."""

    @abstractmethod
    def new_driver(self) -> BatteryDriver:
        """Another driver for the same device, as after a restart."""

    @abstractmethod
    def trouble(self, trouble: Trouble) -> None:
        """From now on this is wrong (or nothing)."""

    @property
    @abstractmethod
    def true_power_w(self) -> float:
        """AC power of the unit now, charging positive."""

    @property
    @abstractmethod
    def held_w(self) -> Sequence[float]:
        """Every power that the device was made to run at, one after the other, charging positive."""

    @property
    @abstractmethod
    def write_count(self) -> int:
        """Writes that reached the device so far."""

    @property
    @abstractmethod
    def controlled(self) -> bool:
        """Whether the device is under control."""

    @property
    @abstractmethod
    def own_mode(self) -> object:
        """What the device does when it is not controlled; equal when it is the same."""

    @abstractmethod
    def advance(self) -> None:
        """Bring the device up to the clock."""

    async def settle(self) -> None:
        """Until the unit runs at its setpoint."""
        self.clock.time_s += SETTLED_S
        self.advance()


async def bounded(call: Awaitable[object]) -> float:
    """Await it; real seconds that it took. Fails beyond the bound."""
    started_s = time.monotonic()
    async with asyncio.timeout(CALL_BOUND_S):
        await call
    return time.monotonic() - started_s


async def recovers(driver: BatteryDriver) -> BatteryReading:
    """The first reading that succeeds, by itself, when read again and again."""
    async with asyncio.timeout(RECOVERY_S):
        while True:
            try:
                return await driver.read()
            except DeviceError:
                await asyncio.sleep(0.02)


async def readback(driver: BatteryDriver) -> float | None:
    """The setpoint that the device says it holds."""
    for _ in range(READBACK_READS):
        held_w = (await driver.read()).readback_w
        if held_w is not None:
            return held_w
    return None


class BatteryContract:
    """The contract."""

    @pytest.mark.parametrize("power_w", [800.0, -700.0, 0.0])
    async def test_signs(self, bench: BatteryBench, power_w: float):
        await bench.driver.apply(power_w)
        await bench.settle()
        reading = await bench.driver.read()
        assert bench.true_power_w == pytest.approx(power_w, abs=2)
        assert reading.ac_power_w == pytest.approx(power_w, abs=2)
        assert reading.battery_power_w is None or reading.battery_power_w * power_w >= 0
        assert reading.soc_pct == pytest.approx(50, abs=1)
        assert reading.time_s == bench.clock.now_s()
        assert reading.controllable

    async def test_setpoints_are_clipped_to_the_capabilities(self, bench: BatteryBench):
        limits = bench.driver.capabilities
        await bench.driver.apply(1e6)
        assert bench.held_w[-1] == limits.max_charge_w
        await bench.driver.apply(float("-inf"))
        assert bench.held_w[-1] == -limits.max_discharge_w

    async def test_a_setpoint_that_is_no_number_is_never_written(self, bench: BatteryBench):
        with pytest.raises(ValueError, match="NaN"):
            await bench.driver.apply(float("nan"))
        assert bench.write_count == 0

    async def test_nothing_is_written_before_the_first_setpoint(self, bench: BatteryBench):
        for _ in range(READBACK_READS):
            await bench.driver.read()
        await bench.driver.release()
        await bench.driver.close()
        assert bench.write_count == 0
        assert not bench.controlled

    async def test_the_same_setpoint_again_writes_nothing(self, bench: BatteryBench):
        await bench.driver.apply(500.0)
        before = bench.write_count
        for _ in range(READBACK_READS):
            await bench.driver.apply(500.0)
            await bench.driver.read()
        assert bench.write_count == before

    async def test_readings_and_setpoints_may_overlap(self, bench: BatteryBench):
        """The device ends up with the last setpoint, and no reading brings an older one back."""
        rng = random.Random(1)
        reading = True

        async def read_always() -> None:
            while reading:
                held_w = (await bench.driver.read()).readback_w
                if held_w is not None:
                    seen.append((len(told), held_w))
                await asyncio.sleep(0)

        told: list[float] = []
        seen: list[tuple[int, float]] = []
        await bench.driver.apply(0.0)
        task = asyncio.create_task(read_always())
        for _ in range(60):
            power_w = float(rng.choice([300, 600, -300, -600]))
            await bench.driver.apply(power_w)
            told.append(power_w)
            assert bench.held_w[-1] == power_w
            await asyncio.sleep(rng.uniform(0.0, 0.02))
        async with asyncio.timeout(RECOVERY_S):
            while bench.setpoint_shows and not seen:  # noqa: ASYNC110 - on a busy machine readings are few
                await asyncio.sleep(0.01)
        reading = False
        await task
        assert bench.held_w[-1] == told[-1]
        assert seen or not bench.setpoint_shows
        assert all(held_w == told[count - 1] for count, held_w in seen if count)

    @pytest.mark.parametrize("worked_w", [None, 700.0, -700.0])
    async def test_ready_or_not_0_w_is_0_w(self, bench: BatteryBench, worked_w: float | None):
        if worked_w is not None:
            await bench.driver.apply(worked_w)
        await bench.driver.apply(0.0, ready=True)
        assert bench.held_w[-1:] in ([], [0.0])
        await bench.driver.apply(-400.0)
        assert bench.held_w[-1] == -400.0
        await bench.driver.apply(0.0, ready=True)
        await bench.driver.apply(0.0)
        assert bench.held_w[-1] == 0.0

    async def test_rewrite_writes_again(self, bench: BatteryBench):
        await bench.driver.apply(500.0)
        before = bench.write_count
        await bench.driver.apply(500.0, rewrite=True)
        assert bench.write_count > before
        assert bench.held_w[-1] == 500.0

    async def test_another_power_in_the_same_direction_is_one_write(self, bench: BatteryBench):
        await bench.driver.apply(500.0)
        before = bench.write_count
        await bench.driver.apply(650.0)
        assert bench.write_count == before + 1
        assert bench.held_w[-1] == 650.0

    async def test_applying_in_time_keeps_control(self, bench: BatteryBench):
        keep_alive_s = bench.driver.capabilities.keep_alive_s or 60.0
        await bench.driver.apply(500.0)
        for _ in range(20):
            bench.clock.time_s += keep_alive_s
            bench.advance()
            await bench.driver.apply(500.0)
        assert bench.held_w == [500.0]
        assert bench.controlled

    async def test_a_dead_controller_is_noticed_by_the_device(self, bench: BatteryBench):
        watchdog_s = bench.driver.capabilities.watchdog_s
        if watchdog_s is None:
            pytest.skip("this device has no watchdog of its own")
        await bench.driver.apply(500.0)
        bench.clock.time_s += watchdog_s
        bench.advance()
        await bench.settle()
        assert bench.true_power_w == 0.0
        assert not bench.controlled

    async def test_never_at_a_power_that_was_not_told(self, bench: BatteryBench):
        await bench.driver.apply(0.0)
        chance = random.Random(4)
        before_w = 0.0
        for _ in range(40):
            power_w = chance.choice([0.0, 1.0, -1.0]) * chance.randint(1, 1500)
            told_before = len(bench.held_w)
            await bench.driver.apply(power_w, rewrite=chance.random() < 0.2)
            assert set(bench.held_w[told_before:]) <= {before_w, 0.0, power_w}
            assert (bench.held_w[-1] if bench.held_w else 0.0) == power_w
            before_w = power_w

    @pytest.mark.parametrize("power_w", [900.0, -900.0])
    async def test_release_hands_back_what_was_found(self, bench: BatteryBench, power_w: float):
        found = bench.own_mode
        await bench.driver.apply(power_w)
        await bench.settle()
        told_before = len(bench.held_w)
        await bounded(bench.driver.release())
        assert set(bench.held_w[told_before:]) == {0.0}
        assert not bench.controlled
        assert bench.own_mode == found
        await bench.settle()
        assert bench.true_power_w == 0.0

    async def test_release_is_idempotent(self, bench: BatteryBench):
        await bench.driver.apply(900.0)
        await bench.driver.release()
        before = bench.write_count
        await bench.driver.release()
        assert bench.write_count == before

    async def test_control_can_be_taken_again_after_release(self, bench: BatteryBench):
        await bench.driver.apply(900.0)
        await bench.driver.release()
        await bench.driver.apply(900.0)
        assert bench.held_w == [900.0, 0.0, 900.0]
        assert bench.controlled

    async def test_a_release_that_failed_can_be_repeated(self, bench: BatteryBench):
        if not bench.can_refuse:
            pytest.skip("this device can't refuse")
        found = bench.own_mode
        await bench.driver.apply(900.0)
        bench.trouble(Trouble.REFUSES)
        with pytest.raises(DeviceRefused):
            await bench.driver.release()
        bench.trouble(Trouble.NONE)
        await bench.driver.release()
        assert bench.held_w[-1] == 0.0
        assert not bench.controlled
        assert bench.own_mode == found

    @pytest.mark.parametrize("trouble", [Trouble.SILENT, Trouble.DOWN, Trouble.HANGS_UP])
    async def test_unreachable_within_the_bound_and_back_by_itself(
        self, bench: BatteryBench, trouble: Trouble
    ):
        await bench.driver.apply(400.0)
        bench.trouble(trouble)
        with pytest.raises(DeviceUnreachable):
            await bounded(bench.driver.read())
        with pytest.raises(DeviceUnreachable):
            await bounded(bench.driver.apply(-600.0))
        with pytest.raises(DeviceUnreachable):
            await bounded(bench.driver.release())
        bench.trouble(Trouble.NONE)
        await recovers(bench.driver)
        await bench.driver.apply(-600.0)
        assert bench.held_w[-1] == -600.0

    async def test_a_driver_for_a_device_that_is_not_there_yet(self, bench: BatteryBench):
        bench.trouble(Trouble.DOWN)
        with pytest.raises(DeviceUnreachable):
            await bounded(bench.driver.apply(300.0))
        bench.trouble(Trouble.NONE)
        assert (await recovers(bench.driver)).soc_pct == pytest.approx(50, abs=1)

    async def test_garbage_is_bad_data(self, bench: BatteryBench):
        before = await bench.driver.read()
        bench.trouble(Trouble.GARBAGE)
        with pytest.raises(DeviceBadData):
            await bounded(bench.driver.read())
        bench.trouble(Trouble.NONE)
        assert (await recovers(bench.driver)).soc_pct == before.soc_pct

    async def test_a_refusal_is_said_as_one(self, bench: BatteryBench):
        if not bench.can_refuse:
            pytest.skip("this device can't refuse")
        bench.trouble(Trouble.REFUSES)
        with pytest.raises(DeviceRefused):
            await bounded(bench.driver.apply(300.0))
        bench.trouble(Trouble.NONE)
        await bench.driver.apply(300.0)
        assert bench.held_w[-1] == 300.0

    async def test_the_setpoint_is_read_back(self, bench: BatteryBench):
        assert await readback(bench.driver) is None
        for power_w in (450.0, -450.0, 0.0):
            await bench.driver.apply(power_w)
            assert await readback(bench.driver) == (power_w if bench.setpoint_shows else None)

    async def test_a_setpoint_that_the_device_ignores_shows(self, bench: BatteryBench):
        await bench.driver.apply(450.0)
        bench.trouble(Trouble.IGNORES)
        await bench.driver.apply(-800.0)
        assert await readback(bench.driver) == (450.0 if bench.setpoint_shows else None)
        bench.trouble(Trouble.NONE)
        # Where it does not show, whoever measures the power has to notice.
        await bench.driver.apply(-800.0, rewrite=not bench.setpoint_shows)
        assert bench.held_w[-1] == -800.0

    async def test_control_lost_in_the_device_shows_and_is_taken_again(self, bench: BatteryBench):
        await bench.driver.apply(450.0)
        bench.trouble(Trouble.LOSES_CONTROL)
        assert not bench.controlled
        bench.trouble(Trouble.NONE)
        assert await readback(bench.driver) == 0.0
        await bench.driver.apply(450.0)
        assert bench.controlled
        assert bench.held_w[-1] == 450.0

    async def test_a_write_that_failed_midway_is_not_taken_for_done(self, bench: BatteryBench):
        await bench.driver.apply(450.0)
        bench.trouble(Trouble.SILENT)
        with pytest.raises(DeviceUnreachable):
            await bench.driver.apply(-450.0)
        bench.trouble(Trouble.LOSES_CONTROL)
        bench.trouble(Trouble.NONE)
        await recovers(bench.driver)
        await bench.driver.apply(-450.0)
        assert bench.held_w[-1] == -450.0

    async def test_close_is_idempotent_and_not_the_end(self, bench: BatteryBench):
        await bench.driver.close()
        await bench.driver.apply(450.0)
        before = bench.write_count
        await bench.driver.close()
        await bench.driver.close()
        assert bench.write_count == before
        assert (await bench.driver.read()).soc_pct == pytest.approx(50, abs=1)

    async def test_cancelled_at_any_point_it_goes_on(self, bench: BatteryBench):
        calls = [bench.driver.read, lambda: bench.driver.apply(-350.0, rewrite=True)]
        for n in range(24):
            task = asyncio.ensure_future(calls[n % 2]())
            await asyncio.sleep(0.0015 * n)
            task.cancel()
            await asyncio.wait([task])
        await bench.driver.apply(550.0)
        assert bench.held_w[-1] == 550.0
        await bench.settle()
        assert (await bench.driver.read()).ac_power_w == pytest.approx(550.0, abs=2)

    async def test_a_new_driver_takes_over(self, bench: BatteryBench):
        await bench.driver.apply(450.0)
        await bench.driver.close()
        await asyncio.sleep(RESTART_S)
        successor = bench.new_driver()
        await successor.read()
        await successor.apply(-250.0)
        assert [power_w for power_w in bench.held_w if power_w] == [450.0, -250.0]  # by way of 0 W or not
        await successor.release()
        assert not bench.controlled
        await successor.close()

    async def test_capabilities_make_sense(self, bench: BatteryBench):
        limits = bench.driver.capabilities
        assert limits.max_charge_w > 0
        assert limits.max_discharge_w > 0
        if limits.watchdog_s is not None:
            assert limits.keep_alive_s is not None
            assert 0 < limits.keep_alive_s < limits.watchdog_s
