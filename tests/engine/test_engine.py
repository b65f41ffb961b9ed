"""The running loop in virtual time: what must happen when things go right, and when they go wrong."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
from rig import Rig, Scenario

from phasewise.devices.base import DeviceBadData
from phasewise.model import BatteryReading, BatterySettings, GridReading, Settings
from phasewise.sim.battery import BatteryFault, BatterySpec, SimBattery
from phasewise.sim.drivers import SimBatteryDriver

Play = Callable[[Scenario], None]


def test_holds_the_grid_and_decides_once_per_telegram(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(30)
        assert abs(rig.total_w()) < 50
        before = rig.engine.counters()
        rig.loads_w[0] += 3000
        await rig.wait(12)
        assert abs(rig.total_w()) < 100
        after = rig.engine.counters()
        accepted = after.telegrams_accepted - before.telegrams_accepted
        # The slow tick may fall between two telegrams, never on a second decision per sample.
        assert accepted == 12
        assert accepted <= after.decisions - before.decisions <= accepted + 1

    play(scenario)


def test_nothing_is_written_before_the_first_decision(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(1.9)
        assert all(not driver.applied for driver in rig.batteries.values())
        await rig.wait(1.5)
        assert any(driver.applied for driver in rig.batteries.values())

    play(scenario)


def test_silent_meter_stops_all_and_recovers_by_itself(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 3700
        await rig.wait(30)
        rig.meter.silent = True
        await rig.wait(15)
        assert all(d.battery.ac_power_w == 0 for d in rig.batteries.values())
        assert "meter-lost" in rig.alarm_codes()
        assert rig.state.strategy.executing == "safe"
        assert not rig.engine.health().ok
        rig.meter.silent = False
        await rig.wait(12)
        assert abs(rig.total_w()) < 100
        assert "meter-lost" not in rig.alarm_codes()
        assert rig.engine.health().ok

    play(scenario)


def test_frozen_meter_stops_all(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 3700
        await rig.wait(30)
        sample = rig.house.sample
        frozen = sample(rig.clock.now_s())
        rig.house.sample = lambda _: frozen  # type: ignore[method-assign] # a meter that hangs
        await rig.wait(16)
        assert all(d.battery.ac_power_w == 0 for d in rig.batteries.values())
        assert {"meter-lost", "meter-replayed"} <= rig.alarm_codes()
        assert rig.engine.counters().telegrams_replayed > 5
        rig.house.sample = sample  # type: ignore[method-assign]
        await rig.wait(12)
        assert abs(rig.total_w()) < 100

    play(scenario)


@pytest.mark.parametrize("factor", [1000.0, float("nan"), float("inf")])
def test_absurd_values_are_never_acted_on(play: Play, factor: float) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        readings = rig.meter.readings

        async def absurd() -> AsyncIterator[GridReading]:
            async for reading in readings():
                yield msgspec.structs.replace(reading, total_power_w=(reading.total_power_w + 300) * factor)

        told = {i: len(d.applied) for i, d in rig.batteries.items()}
        rig.meter.readings = absurd  # type: ignore[method-assign]
        await rig.engine.reconfigure(rig.engine.settings, meter=rig.meter)
        await rig.wait(5)
        assert all(w == 0 for i, d in rig.batteries.items() for _, w in d.applied[told[i] :])
        assert "meter-rejected" in rig.alarm_codes()

    play(scenario)


def test_dead_battery_is_told_apart_and_the_others_take_over(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 3700
        await rig.wait(30)
        worker_of = rig.batteries["m3"]
        assert worker_of.battery.ac_power_w < -2000
        worker_of.dead = True
        worker_of.battery.command(0.0, rig.clock.now_s())
        await rig.wait(14)
        assert abs(rig.total_w()) < 100
        assert not rig.battery("m3").reachable
        assert rig.battery("m3").power_w is None
        await rig.wait(10)
        assert "battery-unreachable" in rig.alarm_codes()
        worker_of.dead = False
        await rig.wait(60)
        assert rig.battery("m3").reachable
        assert "battery-unreachable" not in rig.alarm_codes()
        assert worker_of.battery.ac_power_w < -2000

    play(scenario)


def test_unreachable_battery_that_goes_on_is_part_of_the_load(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 3700
        await rig.wait(30)
        rig.batteries["m3"].dead = True
        await rig.wait(20)
        assert abs(rig.total_w()) < 100
        running_w = rig.batteries["m3"].battery.ac_power_w
        assert rig.state.load_w == pytest.approx(4000 + running_w, abs=60)

    play(scenario)


def test_battery_that_ignores_commands_is_excluded_and_others_take_over(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.batteries["m3"].battery.fault = BatteryFault.IGNORES
        rig.loads_w[0] += 2000
        await rig.wait(60)
        assert abs(rig.total_w()) < 100
        assert "battery-not-responding" in rig.alarm_codes()
        assert [r.code for r in rig.battery("m3").reasons] == ["not-responding"]

    play(scenario)


def test_inverted_battery_is_stopped(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.batteries["m3"].battery.fault = BatteryFault.INVERTED
        rig.loads_w[0] += 1500
        await rig.wait(30)
        assert "battery-wrong-direction" in rig.alarm_codes()
        assert rig.batteries["m3"].battery.ac_power_w == 0
        assert abs(rig.total_w()) < 100

    play(scenario)


def test_bad_readings_of_one_battery_leave_the_others_alone(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        async def bad() -> BatteryReading:
            raise DeviceBadData("SoC of 240 %")

        await rig.wait(20)
        rig.batteries["m2"].read = bad  # type: ignore[method-assign]
        rig.loads_w[0] += 3000
        await rig.wait(30)
        assert abs(rig.total_w()) < 100
        assert "battery-bad-reading" in rig.alarm_codes()
        assert not rig.battery("m2").available

    play(scenario)


def test_a_driver_with_a_bug_is_only_that_batterys_trouble(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        async def buggy(setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
            raise ZeroDivisionError(f"{setpoint_w} {rewrite} {ready}")

        rig.batteries["m3"].apply = buggy  # type: ignore[method-assign]
        rig.loads_w[0] += 2000
        await rig.wait(60)
        assert abs(rig.total_w()) < 100
        assert "ZeroDivisionError" in str(next(a.text for a in rig.state.alarms if a.subject == "m3"))
        rig.batteries["m3"].release = rig.batteries["m1"].release  # type: ignore[method-assign]

    play(scenario)


def test_full_stop_is_immediate_and_resume_has_no_spike(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2700
        await rig.wait(30)
        running = rig.engine.settings
        stopped = msgspec.structs.replace(
            running, control=msgspec.structs.replace(running.control, strategy="full-stop")
        )
        await rig.engine.reconfigure(stopped)
        await rig.wait(0.1)
        assert all(d.applied[-1][1] == 0 for d in rig.batteries.values())
        await rig.wait(20)
        assert rig.total_w() == pytest.approx(3000, abs=10)
        await rig.engine.reconfigure(running)
        lowest_w = 3000.0
        for _ in range(300):
            await rig.wait(0.1)
            lowest_w = min(lowest_w, rig.total_w())
        assert abs(rig.total_w()) < 100
        assert lowest_w > -100

    play(scenario)


def test_stop_releases_all_in_time_even_with_a_hanging_battery(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2700
        await rig.wait(20)

        async def hang() -> None:
            await asyncio.sleep(3600)

        rig.batteries["m1"].release = hang  # type: ignore[method-assign]
        began_s = rig.clock.now_s()
        await rig.engine.stop()
        assert rig.clock.now_s() - began_s <= 5
        assert [rig.batteries[i].released for i in ("m2", "m3")] == [1, 1]
        await rig.wait(10)
        rig.total_w()  # lets the physics catch up
        assert rig.batteries["m3"].battery.ac_power_w == 0

    play(scenario)


def test_keep_alive_ends_when_the_control_loop_hangs(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        applied: list[float] = []
        driver = rig.batteries["m1"]
        apply = driver.apply

        async def count(setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
            applied.append(rig.clock.now_s())
            await apply(setpoint_w, rewrite=rewrite, ready=ready)

        driver.apply = count  # type: ignore[method-assign]
        driver.capabilities = msgspec.structs.replace(driver.capabilities, keep_alive_s=3.0)
        await rig.wait(30)
        quiet = [b - a for a, b in itertools.pairwise(applied)]
        assert max(quiet) <= 3.5
        for task in rig.engine._tasks:  # the loop hangs: neither meter nor tick is served
            task.cancel()
        hung_s = rig.clock.now_s()
        await rig.wait(60)
        assert applied[-1] <= hung_s + 10
        assert not rig.engine.health().ok

    play(scenario)


def test_batteries_come_and_go_while_running(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2700
        await rig.wait(30)
        old = rig.engine.settings
        extra = SimBattery(BatterySpec(), now_s=rig.clock.now_s())
        rig.house.batteries = (*rig.house.batteries, (0, extra))
        driver = SimBatteryDriver(extra, rig.clock)
        added = BatterySettings("m4", "New", driver.capabilities, max_charge_w=2500, max_discharge_w=2500)
        fewer = Settings(old.site, (*old.batteries[:2], added), old.control)
        await rig.engine.reconfigure(fewer, batteries={"m4": driver})
        assert rig.batteries["m3"].released == 1
        await rig.wait(20)
        assert [b.id for b in rig.state.batteries] == ["m1", "m2", "m4"]
        assert abs(rig.total_w()) < 100
        assert extra.ac_power_w < -500

    play(scenario)


def test_a_fault_in_the_core_stops_the_batteries_and_is_said(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2700
        await rig.wait(20)

        def broken(*_: object) -> None:
            raise ValueError("a bug")

        with monkeypatch.context() as patch:
            patch.setattr("phasewise.engine.engine.decide", broken)
            await rig.wait(15)
            assert all(d.battery.ac_power_w == 0 for d in rig.batteries.values())
            assert "control-failed" in rig.alarm_codes()
        await rig.wait(15)
        assert abs(rig.total_w()) < 100
        assert "control-failed" not in rig.alarm_codes()

    play(scenario)


def test_no_news_is_no_noise(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(30)
        capsys.readouterr()
        await rig.wait(600)
        assert capsys.readouterr().out == ""

    play(scenario)
