"""What the why-log is told while the real engine runs a simulated home."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest

from phasewise.explain.events import event_text, kind_of
from phasewise.model import Alarm, AlarmCode, Assignment, Override, ReasonCode, Settings, Severity
from phasewise.model import event as of
from phasewise.model.event import Event, Why

if TYPE_CHECKING:
    from rig import Rig, Scenario

Play = Callable[["Scenario"], None]
Kind = TypeVar("Kind")


def only(rig: "Rig", kind: type[Kind]) -> list[Kind]:
    return [event for event in rig.told if isinstance(event, kind)]


def changed(settings: Settings, **changes: Any) -> Settings:
    return msgspec.structs.replace(settings, control=msgspec.structs.replace(settings.control, **changes))


def with_battery(settings: Settings, battery_id: str, **changes: Any) -> Settings:
    batteries = tuple(
        msgspec.structs.replace(b, **changes) if b.id == battery_id else b for b in settings.batteries
    )
    return msgspec.structs.replace(settings, batteries=batteries)


def protected(settings: Settings, **changes: Any) -> Settings:
    control = settings.control
    protection = msgspec.structs.replace(control.phase_protection, enabled=True)
    return changed(settings, phase_protection=protection, **changes)


def test_a_quiet_hour_begins_and_ends_and_has_little_between(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(3600)
        assert kind_of(rig.told[0]) == "started"
        assert len(rig.told) <= 6, [event_text(event) for event in rig.told]
        await rig.engine.stop()
        assert kind_of(rig.told[-1]) == "stopped"

    play(scenario)


def test_an_overload_is_told_with_its_numbers_and_who_helps(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.engine.reconfigure(
            protected(rig.engine.settings, strategy="full-stop", relief_in_full_stop=True)
        )
        await rig.wait(30)
        rig.loads_w[0] = 6500.0
        await rig.wait(60)
        began = only(rig, of.ReliefBegan)
        assert [event.phase for event in began] == ["L1"]
        assert began[0].batteries == ("m1",)
        assert began[0].current_a is not None
        assert 26 <= began[0].current_a <= 30
        assert 23 <= began[0].limit_a <= 24.1
        assert [helper.name for helper in began[0].helpers] == ["m1"]
        assert began[0].helpers[0].power_w < -500
        rig.loads_w[0] = 300.0
        await rig.wait(300)
        ended = only(rig, of.ReliefEnded)
        assert [event.phase for event in ended] == ["L1"]
        assert ended[0].batteries == ("m1",)
        assert ended[0].peak_a is not None
        assert ended[0].peak_a >= began[0].current_a
        assert ended[0].lasted_s >= 55

    play(scenario)


def test_a_flickering_overload_does_not_fill_the_log(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.engine.reconfigure(protected(rig.engine.settings))
        await rig.wait(30)
        before = len(rig.told)
        for _ in range(30):
            rig.loads_w[0] = 6500.0
            await rig.wait(20)
            rig.loads_w[0] = 300.0
            await rig.wait(40)
        told = [event for event in rig.told[before:] if event.phase == "L1"]
        assert only(rig, of.ReliefBegan)
        assert len(told) <= 24, [event_text(event) for event in told]

    play(scenario)


def test_a_lost_meter_is_told_once_and_so_is_its_return(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(30)
        rig.meter.silent = True
        await rig.wait(60)
        executing = only(rig, of.StrategyExecuting)
        assert [(e.now, e.why, e.severity) for e in executing] == [("safe", Why.METER, Severity.WARNING)]
        alarms = only(rig, of.AlarmBegan)
        assert [(e.alarm.code, e.severity) for e in alarms] == [(AlarmCode.METER_LOST, Severity.ALARM)]
        rig.meter.silent = False
        await rig.wait(60)
        executing = only(rig, of.StrategyExecuting)
        assert [(e.now, e.why) for e in executing[1:]] == [("self-consumption", Why.SELECTED)]
        ended = only(rig, of.AlarmEnded)
        assert [e.alarm.code for e in ended] == [AlarmCode.METER_LOST]
        assert 30 <= ended[0].lasted_s <= 70

    play(scenario)


def test_a_battery_that_goes_and_comes_back(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(30)
        rig.batteries["m2"].dead = True
        await rig.wait(60)
        rig.batteries["m2"].dead = False
        await rig.wait(60)
        gone, back = only(rig, of.BatteryUnreachable), only(rig, of.BatteryReachable)
        assert [(e.battery, e.batteries, e.phase) for e in gone] == [("m2", ("m2",), "L2")]
        assert [(e.battery, e.times) for e in back] == [("m2", 1)]
        assert 40 <= back[0].lasted_s <= 75
        codes = {e.alarm.code for e in only(rig, of.AlarmBegan)}
        assert AlarmCode.BATTERY_UNREACHABLE not in codes, "it would be told twice"

    play(scenario)


def test_what_the_user_changes(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        home = rig.engine.settings
        await rig.wait(10)
        begun = len(rig.told)
        await rig.engine.reconfigure(changed(home, target_grid_w=120.0, strategy="full-stop"))
        await rig.engine.reconfigure(home)
        await rig.engine.reconfigure(with_battery(home, "m3", phase=Assignment.UNASSIGNED))
        held = Override(hold_power_w=500.0, hold_until_utc_s=rig.clock.utc_s() + 30.0)
        await rig.engine.reconfigure(with_battery(home, "m2", override=held))
        await rig.wait(40)
        out = with_battery(home, "m2", override=Override(out_of_service=True))
        await rig.engine.reconfigure(out)
        await rig.engine.reconfigure(home)
        told = rig.told[begun:]
        assert [kind_of(event) for event in told if kind_of(event) != "reason-began"] == [
            "settings-changed",
            "strategy-selected",
            "settings-changed",
            "strategy-selected",
            "phase-assigned",
            "phase-assigned",
            "override-set",
            "override-ended",
            "override-set",
            "override-ended",
        ]
        keys = [event.keys for event in only(rig, of.SettingsChanged)]
        assert keys == [("control.target_grid_w",)] * 2
        assigned = only(rig, of.PhaseAssigned)[0]
        assert (assigned.now, assigned.before, assigned.phase) == ("unassigned", "L3", None)
        holds = only(rig, of.OverrideSet)
        assert [event.power_w for event in holds] == [500.0, None]
        assert holds[0].until is not None

    play(scenario)


def test_a_reason_is_told_once_it_has_lasted(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.engine.reconfigure(with_battery(rig.engine.settings, "m1", max_discharge_w=200.0))
        await rig.wait(30)
        rig.loads_w[0] = 12000.0
        await rig.wait(120)
        reasons = {(e.battery, e.reason) for e in only(rig, of.ReasonBegan)}
        assert ("m1", ReasonCode.BATTERY_LIMIT) in reasons
        rig.loads_w[0] = 100.0
        await rig.wait(120)
        over = {(e.battery, e.reason) for e in only(rig, of.ReasonEnded)}
        assert ("m1", ReasonCode.BATTERY_LIMIT) in over

    play(scenario)


def test_an_identification_is_told_from_begin_to_end(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(30)
        rig.engine.start_identify("m1")
        await rig.wait(400)
        began, ended = only(rig, of.IdentifyBegan), only(rig, of.IdentifyEnded)
        assert [(e.battery, e.phase) for e in began] == [("m1", "L1")]
        assert [(e.outcome, e.code, e.aborted) for e in ended] == [("L1", None, False)]
        rig.engine.start_identify("m2")
        await rig.wait(20)
        rig.engine.end_identify()
        aborted = only(rig, of.IdentifyEnded)[-1]
        assert (aborted.battery, aborted.code, aborted.aborted) == ("m2", "user", True)

    play(scenario)


def test_an_acknowledged_alarm_is_told_once(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        rig.engine.extra_alarms[AlarmCode.CONFIG_INVALID] = Alarm(AlarmCode.CONFIG_INVALID, Severity.WARNING)
        await rig.wait(20)
        rig.engine.acknowledge_alarm("config-invalid", None)
        await rig.wait(20)
        assert [e.alarm.code for e in only(rig, of.AlarmAcknowledged)] == [AlarmCode.CONFIG_INVALID]

    play(scenario)


def test_control_that_fails_is_told_and_a_sink_that_fails_disturbs_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(20)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("broken")

        def full(_: float, __: Event) -> None:
            raise OSError("no space left on device")

        monkeypatch.setattr("phasewise.engine.engine.decide", broken)
        await rig.wait(1.5)
        assert AlarmCode.CONTROL_FAILED in {e.alarm.code for e in only(rig, of.AlarmBegan)}
        monkeypatch.undo()
        monkeypatch.setattr(rig.engine._events, "_sink", full)
        before = rig.engine.counters().decisions
        await rig.engine.reconfigure(changed(rig.engine.settings, target_grid_w=50.0))
        await rig.wait(20)
        assert rig.engine.counters().decisions > before + 15
        assert rig.state.target_grid_w == 50.0

    play(scenario)


def test_every_reason_is_told_or_has_an_event_of_its_own() -> None:
    from phasewise.engine.events import TOLD_REASONS

    told_otherwise = {
        ReasonCode.METER_LOST,  # strategy-executing, alarm
        ReasonCode.METER_AGING,  # seconds
        ReasonCode.STARTING,  # started
        ReasonCode.UNREACHABLE,  # battery-unreachable
        ReasonCode.NOT_CONTROLLABLE,  # alarm
        ReasonCode.NOT_RESPONDING,  # alarm
        ReasonCode.WRONG_DIRECTION,  # alarm
        ReasonCode.OUT_OF_SERVICE,  # override-set
        ReasonCode.HOLD,  # override-set
        ReasonCode.FULL_STOP,  # strategy-selected
        ReasonCode.PHASE_LIMIT,  # limit-began
        ReasonCode.PHASE_LOST,  # alarm
        ReasonCode.PHASE_DOUBTFUL,  # alarm
        ReasonCode.RELIEF,  # relief-began
        ReasonCode.STEP,  # watts
    }
    assert TOLD_REASONS | told_otherwise == set(ReasonCode)
    assert not TOLD_REASONS & told_otherwise


def test_full_stop_is_a_choice_not_an_event_of_each_battery(play: Play) -> None:
    async def scenario(rig: "Rig") -> None:
        await rig.wait(30)
        begun = len(rig.told)
        await rig.engine.reconfigure(changed(rig.engine.settings, strategy="full-stop"))
        await rig.wait(120)
        assert [kind_of(event) for event in rig.told[begun:]] == ["strategy-selected"]

    play(scenario)
