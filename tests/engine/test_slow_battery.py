"""A battery that bears few requests waits for its turn: that is not being out of reach."""

from collections.abc import Callable
from types import MethodType

import msgspec
import pytest
from rig import Rig, Scenario

from phasewise.sim.drivers import SimBatteryDriver

Play = Callable[[Scenario], None]

TURN_S = 5.0


@pytest.mark.parametrize(("turn_s", "reachable"), [(TURN_S, True), (0.0, False)])
def test_a_call_may_wait_for_its_turn_where_the_device_says_so(
    play: Play, turn_s: float, reachable: bool
) -> None:
    async def scenario(rig: Rig) -> None:
        driver = rig.batteries["m3"]
        driver.capabilities = msgspec.structs.replace(driver.capabilities, turn_s=turn_s)
        await rig.wait(20)
        apply = driver.apply

        async def slow_apply(_: SimBatteryDriver, power_w: float, **more: bool) -> None:
            await rig.clock.sleep(TURN_S)
            await apply(power_w, **more)

        driver.apply = MethodType(slow_apply, driver)  # type: ignore[method-assign] # for this one alone
        rig.loads_w[2] += 1500
        seen = []
        for _ in range(30):
            await rig.wait(0.5)
            seen.append(rig.battery("m3").reachable)
        assert all(seen) is reachable

    play(scenario)
