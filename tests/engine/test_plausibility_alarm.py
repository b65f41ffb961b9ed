"""The running daemon says when a battery's phase does not fit, and leaves it as it is."""

from collections.abc import Callable

import msgspec
from rig import Rig, Scenario

from phasewise.model import Assignment, BatterySettings, Settings
from phasewise.sim.drivers import SimBatteryDriver

Play = Callable[[Scenario], None]


def hold(battery: BatterySettings, power_w: float) -> BatterySettings:
    override = msgspec.structs.replace(battery.override, hold_power_w=power_w)
    return msgspec.structs.replace(battery, override=override)


def configured(rig: Rig, phases: tuple[str, ...]) -> Settings:
    batteries = tuple(
        msgspec.structs.replace(battery, phase=Assignment(phase))
        for battery, phase in zip(rig.engine.settings.batteries, phases, strict=True)
    )
    return msgspec.structs.replace(rig.engine.settings, batteries=batteries)


async def work(rig: Rig, settings: Settings, times: int) -> None:
    """Battery m1 is sent back and forth by its user, m2 and m3 rest."""
    for turn in range(times):
        first, second, third = settings.batteries
        moved = (hold(first, 700.0 * (turn % 2)), hold(second, 0.0), hold(third, 0.0))
        await rig.engine.reconfigure(msgspec.structs.replace(settings, batteries=moved))
        await rig.wait(75.0)


def test_a_wrong_phase_is_said_and_not_changed(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        wrong = configured(rig, ("L2", "L1", "L3"))
        await work(rig, wrong, 6)
        assert "mapping-doubtful" not in rig.alarm_codes()
        await work(rig, wrong, 20)
        (alarm,) = [alarm for alarm in rig.state.alarms if alarm.code == "mapping-doubtful"]
        assert (alarm.subject, alarm.severity) == ("m1", "warning")
        mapping = rig.battery("m1").mapping
        assert mapping is not None
        assert (mapping.fits_best, mapping.doubtful) == ("L1", True)
        assert mapping.confidence > 0.99
        assert "seen on L1 " in str(mapping.evidence)
        assert rig.battery("m1").phase == "L2"
        assert rig.battery("m2").mapping is None

        await rig.engine.reconfigure(configured(rig, ("L1", "L2", "L3")))
        await rig.wait(2.0)
        assert "mapping-doubtful" not in rig.alarm_codes()

    play(scenario)


def test_another_device_under_the_same_id_begins_anew(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await work(rig, configured(rig, ("L1", "L2", "L3")), 4)
        assert rig.battery("m1").mapping is not None
        driver = SimBatteryDriver(rig.batteries["m1"].battery, rig.clock)
        await rig.engine.reconfigure(rig.engine.settings, batteries={"m1": driver})
        await rig.wait(5.0)
        assert rig.battery("m1").mapping is None

    play(scenario)
