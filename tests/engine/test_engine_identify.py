"""Identify phase in the running loop, in virtual time: what is found, and that nothing is left behind."""

import io
from collections.abc import Callable

import msgspec
import pytest
from rig import STRATEGIES, Rig, Scenario

from phasewise.engine.controls import IdentifyError
from phasewise.engine.state import IdentifyState
from phasewise.model import Assignment
from phasewise.replay.recording import read
from phasewise.replay.replay import replay
from phasewise.sim.battery import BatteryFault

Play = Callable[[Scenario], None]
WITHIN_S = 240


def shown(rig: Rig) -> IdentifyState:
    state = rig.state.identify
    assert state is not None
    return state


async def finished(rig: Rig) -> IdentifyState:
    for _ in range(WITHIN_S):
        await rig.wait(1)
        if shown(rig).state != "running":
            return shown(rig)
    raise AssertionError(f"still running: {shown(rig)}")


@pytest.mark.parametrize(("battery_id", "phase"), [("m1", "L1"), ("m2", "L2"), ("m3", "L3")])
def test_finds_the_phase_and_goes_on_as_before(play: Play, battery_id: str, phase: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 1500
        await rig.wait(30)
        before = rig.engine.settings
        rig.engine.start_identify(battery_id)
        assert shown(rig).cycle == 0
        state = await finished(rig)
        assert (state.state, state.outcome, state.configured, state.matches) == ("done", phase, phase, True)
        assert state.confidence > 0.9
        assert state.phases[phase].fit > 0.95
        assert "That is how it is configured." in str(state.text)
        assert rig.engine.settings is before
        await rig.wait(25)
        assert abs(rig.total_w()) < 100
        assert "battery-not-responding" not in rig.alarm_codes()

    play(scenario)


def test_a_wrong_assignment_is_said_and_not_changed(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        swapped = [
            msgspec.structs.replace(b, phase=Assignment.L3 if b.id == "m1" else b.phase)
            for b in rig.engine.settings.batteries
        ]
        await rig.engine.reconfigure(msgspec.structs.replace(rig.engine.settings, batteries=tuple(swapped)))
        await rig.wait(20)
        rig.engine.start_identify("m1")
        state = await finished(rig)
        assert (state.outcome, state.configured, state.matches) == ("L1", "L3", False)
        assert "change it to L1 if you agree" in str(state.text)
        assert rig.battery("m1").phase == "L3"

    play(scenario)


def test_the_others_rest_while_one_is_tested(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[1] = 2500
        await rig.wait(30)
        rig.engine.start_identify("m2")
        await rig.wait(20)
        since_s = rig.clock.now_s()
        await finished(rig)
        for other in ("m1", "m3"):
            told = [w for at_s, w in rig.batteries[other].applied if since_s < at_s < rig.clock.now_s() - 2]
            assert all(w == 0.0 for w in told)
            assert rig.battery(other).power_w == 0.0
        assert {w for at_s, w in rig.batteries["m2"].applied if at_s > since_s} >= {1000.0, -1000.0}

    play(scenario)


def test_one_run_at_a_time_and_the_user_may_end_it(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 2500
        await rig.wait(30)
        with pytest.raises(IdentifyError, match="no result"):
            rig.engine.end_identify()
        rig.engine.start_identify("m1")
        with pytest.raises(IdentifyError, match="is being identified"):
            rig.engine.start_identify("m2")
        await rig.wait(20)
        rig.engine.end_identify()
        assert (shown(rig).state, shown(rig).code) == ("aborted", "user")
        await rig.wait(20)
        assert abs(rig.total_w()) < 100
        rig.engine.end_identify()
        assert rig.state.identify is None

    play(scenario)


def test_a_result_goes_by_itself(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.engine.start_identify("m1")
        await rig.wait(3)
        rig.engine.end_identify()
        await rig.wait(1700)
        assert rig.state.identify is not None
        await rig.wait(200)
        assert rig.state.identify is None

    play(scenario)


def test_a_refusal_leaves_everything_alone(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.batteries["m1"].dead = True
        await rig.wait(20)
        with pytest.raises(IdentifyError, match="cannot be reached"):
            rig.engine.start_identify("m1")
        assert rig.state.identify is None

    play(scenario)


def test_a_meter_that_falls_silent_ends_it_and_a_dead_battery_too(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.engine.start_identify("m1")
        await rig.wait(20)
        rig.meter.silent = True
        await rig.wait(5)
        assert (shown(rig).state, shown(rig).code) == ("aborted", "meter")
        rig.meter.silent = False
        await rig.wait(20)
        rig.engine.start_identify("m2")
        await rig.wait(20)
        rig.batteries["m2"].dead = True
        await rig.wait(20)
        assert (shown(rig).state, shown(rig).code) == ("aborted", "battery")
        rig.batteries["m2"].dead = False

    play(scenario)


def test_an_overloaded_phase_ends_it_within_a_telegram(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.engine.start_identify("m1")
        await rig.wait(30)
        rig.loads_w[2] = 6500
        await rig.wait(3)
        assert (shown(rig).state, shown(rig).code) == ("aborted", "overload")
        assert "L3 carries" in str(shown(rig).text)
        await rig.wait(20)
        assert abs(rig.total_w()) < 100

    play(scenario)


def test_a_change_of_strategy_ends_it_at_once(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.engine.start_identify("m1")
        await rig.wait(20)
        running = rig.engine.settings
        control = msgspec.structs.replace(running.control, strategy="full-stop")
        await rig.engine.reconfigure(msgspec.structs.replace(running, control=control))
        assert (shown(rig).state, shown(rig).code) == ("aborted", "settings")
        await rig.wait(0.2)
        assert rig.batteries["m1"].applied[-1][1] == 0.0

    play(scenario)


@pytest.mark.parametrize(
    ("fault", "code"),
    [(BatteryFault.IGNORES, "not-following"), (BatteryFault.INVERTED, "wrong-direction")],
)
def test_a_battery_that_does_not_obey_is_said(play: Play, fault: BatteryFault, code: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[:] = [0.0, 0.0, 0.0]
        await rig.wait(40)
        rig.batteries["m1"].battery.fault = fault
        rig.engine.start_identify("m1")
        state = await finished(rig)
        assert (state.state, state.code) == ("aborted", code)
        assert "Aborted. The battery" in str(state.text)

    play(scenario)


def test_a_recording_of_it_replays_bit_for_bit(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        rig.loads_w[0] = 1500
        await rig.wait(20)
        rig.engine.start_identify("m1")
        await finished(rig)
        await rig.wait(10)
        parts = rig.engine.recorder.export(600)
        assert parts is not None
        found = replay(*read(io.BytesIO(b"".join(parts))), STRATEGIES)
        assert found.identical, found.first
        assert found.recorded.decisions > 80

    play(scenario)


def test_settings_are_recorded_once_a_level_only(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.wait(20)
        rig.engine.start_identify("m1")
        state = await finished(rig)
        await rig.wait(2)
        parts = rig.engine.recorder.export(600)
        assert parts is not None
        _, records = read(io.BytesIO(b"".join(parts)))
        changes = sum(type(record).__name__ == "Changed" for record in records)
        assert changes == state.steps + 2 + 1  # each level, and the user's own again

    play(scenario)
