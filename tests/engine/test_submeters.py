"""Meters of panels and car chargers: shown with a freshness of their own, never in the way of control."""

from collections.abc import AsyncIterator, Callable

import pytest
from rig import Rig, Scenario

from phasewise.engine.submeters import Submeter
from phasewise.model import GridReading, Site
from phasewise.sim.drivers import SimMeterDriver
from phasewise.sim.house import SimHouse

Play = Callable[[Scenario], None]


def meter(rig: Rig, power_w: float, cadence_s: float = 1.0) -> SimMeterDriver:
    house = SimHouse(lambda _: (power_w, 0.0, 0.0), [])
    return SimMeterDriver(house, rig.clock, cadence_s=cadence_s)


async def follow(rig: Rig, *meters: Submeter) -> None:
    await rig.engine.submeters.follow(meters, Site(), rig.clock)


@pytest.mark.parametrize("wired", [1.0, -1.0])
def test_what_panels_give_is_positive_however_they_were_wired(play: Play, wired: float) -> None:
    async def scenario(rig: Rig) -> None:
        assert (rig.engine.submeters.state("pv", 0.0), rig.engine.submeters.state("ev", 0.0)) == (None, None)
        await follow(
            rig,
            Submeter(meter(rig, wired * 2400.0), "pv", "Roof"),
            Submeter(meter(rig, wired * 7200.0), "ev", "Car"),
        )
        await rig.wait(5)
        pv, ev = rig.state.pv, rig.state.ev
        assert pv is not None
        assert ev is not None
        assert (pv.power_w, pv.freshness) == (2400.0, "fresh")
        assert (ev.power_w, ev.freshness) == (wired * 7200.0, "fresh")
        assert rig.state.load_w == pytest.approx(500.0, abs=30.0)
        assert rig.alarm_codes() == set()

    play(scenario)


def test_those_of_one_role_count_together_and_one_that_is_lost_leaves_no_half_sum(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        roof, shed = meter(rig, -2000.0), meter(rig, -500.0, cadence_s=10.0)
        await follow(rig, Submeter(roof, "pv", "Roof"), Submeter(shed, "pv", "Shed"))
        await rig.wait(45)
        assert rig.state.pv is not None
        assert (rig.state.pv.power_w, rig.state.pv.freshness) == (2500.0, "fresh")
        roof.silent = True
        await rig.wait(6)
        assert (rig.state.pv.power_w, rig.state.pv.freshness) == (2500.0, "aging")
        assert rig.alarm_codes() == set()
        roof.status = "no answer from 192.168.1.21"
        await rig.wait(10)
        assert (rig.state.pv.power_w, rig.state.pv.freshness) == (None, "lost")
        (alarm,) = rig.state.alarms
        assert (alarm.code, alarm.severity, alarm.subject) == ("submeter-lost", "info", "Roof")
        assert "192.168.1.21" in str(alarm.text)
        assert rig.engine.health().ok
        assert abs(rig.total_w()) < 100
        roof.silent = False
        await rig.wait(5)
        assert (rig.state.pv.power_w, rig.alarm_codes()) == (2500.0, set())

    play(scenario)


def test_a_driver_with_a_fault_is_started_again_and_one_that_was_never_heard_is_absent(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        broken = meter(rig, -100.0)

        async def readings() -> AsyncIterator[GridReading]:
            raise ZeroDivisionError
            yield  # an iterator

        broken.readings = readings  # type: ignore[method-assign]  # it has a fault
        await follow(rig, Submeter(broken, "pv", "Roof"))
        await rig.wait(10)
        assert rig.state.pv is not None
        assert (rig.state.pv.power_w, rig.state.pv.freshness) == (None, "absent")
        assert rig.alarm_codes() == set()
        await rig.wait(15)
        assert rig.alarm_codes() == {"submeter-lost"}
        del broken.readings  # the fault
        await rig.wait(10)
        assert (rig.state.pv.power_w, rig.alarm_codes()) == (100.0, set())
        await follow(rig)
        await rig.wait(2)
        assert rig.state.pv is None

    play(scenario)


def test_an_absurd_value_is_not_shown(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await follow(rig, Submeter(meter(rig, -2e6), "pv", "Roof"))
        await rig.wait(5)
        assert rig.state.pv is not None
        assert rig.state.pv.power_w is None

    play(scenario)
