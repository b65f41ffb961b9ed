"""Alarms as a book keeps them: when they rise and end, and who knows of them."""

from collections.abc import Callable

import pytest
from rig import Rig, Scenario

from phasewise.engine.alarms import AlarmBook, Standing
from phasewise.engine.controls import UnknownAlarmError
from phasewise.model import Alarm, AlarmCode, Severity

Play = Callable[[Scenario], None]
LOST = Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter", "for 10 s")
WARM = Alarm(AlarmCode.FUSE_WARM, Severity.WARNING, "L1")


def acknowledged(standing: tuple[Standing, ...]) -> dict[str, bool]:
    return {found.alarm.code.value: found.acknowledged for found in standing}


def test_an_acknowledged_alarm_stays_until_it_ends_and_is_news_when_it_comes_again() -> None:
    book = AlarmBook()
    book.update([LOST, WARM], 100.0)
    assert acknowledged(book.acknowledge("meter-lost", "meter")) == {"meter-lost": True, "fuse-warm": False}
    later = Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter", "for 11 s")
    standing = book.update([later, WARM], 101.0)
    assert acknowledged(standing) == {"meter-lost": True, "fuse-warm": False}
    assert (standing[0].alarm.detail, standing[0].since_utc_s) == ("for 11 s", 100.0)
    book.update([WARM], 102.0)
    assert acknowledged(book.update([LOST, WARM], 103.0)) == {"fuse-warm": False, "meter-lost": False}


@pytest.mark.parametrize(
    ("code", "subject"), [("meter-lost", None), ("meter-lost", "m1"), ("fuse-warm", "L1"), ("", None)]
)
def test_only_what_stands_can_be_acknowledged(code: str, subject: str | None) -> None:
    book = AlarmBook()
    book.update([LOST, WARM], 100.0)
    book.update([LOST], 101.0)
    with pytest.raises(UnknownAlarmError):
        book.acknowledge(code, subject)


def test_each_is_told_once_as_it_rises_and_once_as_it_ends() -> None:
    told: list[Standing] = []
    book = AlarmBook(told.append)
    for at_s, alarms in ((1.0, [LOST]), (2.0, [LOST, WARM]), (3.0, [WARM]), (4.0, [WARM]), (5.0, [])):
        book.update(alarms, at_s)
    assert [(found.alarm.code, found.since_utc_s, found.ended_utc_s) for found in told] == [
        (AlarmCode.METER_LOST, 1.0, None),
        (AlarmCode.FUSE_WARM, 2.0, None),
        (AlarmCode.METER_LOST, 1.0, 3.0),
        (AlarmCode.FUSE_WARM, 2.0, 5.0),
    ]


def test_the_state_says_so_at_once_and_control_goes_on_whatever_a_listener_does(play: Play) -> None:
    async def scenario(rig: Rig) -> None:
        def breaks(_: Standing) -> None:
            raise ZeroDivisionError

        rig.engine.alarm_listeners.append(breaks)
        await rig.wait(5)
        rig.batteries["m2"].dead = True
        await rig.wait(30)
        rig.engine.acknowledge_alarm("battery-unreachable", "m2")
        found = {alarm.subject: alarm.acknowledged for alarm in rig.state.alarms}
        assert found == {"m2": True}
        before = rig.state.time
        await rig.wait(5)
        assert rig.state.time > before
        assert [alarm.acknowledged for alarm in rig.state.alarms] == [True]

    play(scenario)
