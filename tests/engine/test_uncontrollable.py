"""A battery that says that it takes no setpoints is let alone, and joins in again by itself."""

from collections.abc import Callable

import msgspec
from rig import Rig, Scenario

from phasewise.devices.base import DeviceRefused
from phasewise.model import BatteryReading

Play = Callable[[Scenario], None]


def test_it_is_not_written_to_meanwhile_and_counts_as_reachable(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 3700
        await rig.wait(30)
        driver = rig.batteries["m3"]
        read, apply = driver.read, driver.apply
        refused = 0

        async def taken() -> BatteryReading:
            return msgspec.structs.replace(await read(), controllable=False, state="number.x was moved")

        async def refuse(*_: object, **__: object) -> None:
            nonlocal refused
            refused += 1
            raise DeviceRefused("number.x was moved")

        # A setpoint is refused first; the next reading tells why.
        driver.apply = refuse
        rig.loads_w[0] = 3000
        while not refused:
            await rig.wait(0.2)
        driver.read = taken
        await rig.wait(5)
        told = refused
        await rig.wait(40)
        assert refused == told
        assert rig.battery("m3").reachable
        said = [a for a in rig.state.alarms if a.subject == "m3"]
        assert [alarm.code for alarm in said] == ["battery-not-controllable"]
        assert "number.x was moved" in str(said[0].text)
        assert abs(rig.total_w()) < 100
        driver.read, driver.apply = read, apply
        before = len(driver.applied)
        await rig.wait(30)
        assert len(driver.applied) > before
        assert rig.alarm_codes() == set()

    play(scenario)


def test_what_it_does_by_itself_is_part_of_the_load(play: Play) -> None:
    """Another controls it, or it feeds its own socket: the others hold the grid all the same."""

    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2000
        await rig.wait(30)
        driver = rig.batteries["m3"]
        read = driver.read

        async def taken() -> BatteryReading:
            return msgspec.structs.replace(await read(), controllable=False)

        driver.read = taken
        for power_w in (-900.0, 600.0):
            driver.battery.command(power_w, rig.clock.now_s())
            await rig.wait(30)
            assert driver.battery.ac_power_w == power_w
            assert abs(rig.total_w()) < 100

    play(scenario)
