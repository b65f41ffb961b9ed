"""The thermal budget of a fuse, and what is said of it."""

import math

import pytest
from control_kit import picture, settings_of
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from phase_kit import Home, home, on

from phasewise.control.fuse import COOLING_S, hold_s, warmed
from phasewise.control.guard import fuses_used
from phasewise.model import AlarmCode, FactCode, GridReading, PhaseReading

TABLE = [
    (1.13, 3600.0),
    (1.25, 1320.0),
    (1.30, 900.0),
    (1.45, 294.0),
    (1.60, 109.0),
    (1.67, 71.0),
    (2.0, 12.0),
    (2.5, 1.2),
]


@pytest.mark.parametrize(("multiple", "seconds"), TABLE)
def test_it_holds_as_long_as_the_table_says(multiple: float, seconds: float) -> None:
    assert hold_s(multiple) == pytest.approx(seconds)
    assert warmed(0.0, 25.0 * multiple + 1e-9, 25.0, seconds / 2.0) == pytest.approx(0.5, rel=1e-6)


def test_between_two_points_it_is_a_straight_line_of_logarithms() -> None:
    middle = math.sqrt(1.67 * 2.0)
    assert hold_s(middle) == pytest.approx(math.sqrt(71.0 * 12.0))


@given(st.floats(0.0, 4.0), st.floats(0.0, 4.0))
def test_more_current_never_holds_longer(one: float, other: float) -> None:
    assert hold_s(max(one, other)) <= hold_s(min(one, other))


@given(st.floats(0.0, 1.1299), st.floats(0.0, 1e6))
def test_nothing_adds_up_below_the_first_point(multiple: float, passed_s: float) -> None:
    assert warmed(0.0, multiple * 25.0, 25.0, passed_s) == 0.0


def test_from_three_times_the_rating_all_is_gone_at_once() -> None:
    assert warmed(0.0, 75.0, 25.0, 0.001) == 1.0
    assert warmed(0.0, 400.0, 25.0, 0.001) == 1.0


def test_it_cools_and_never_exceeds_the_whole() -> None:
    assert warmed(0.8, 10.0, 25.0, COOLING_S) == pytest.approx(0.8 / math.e)
    assert warmed(0.9, 50.0, 25.0, 60.0) == 1.0


def test_half_of_the_budget_is_an_alarm_that_says_how_much() -> None:
    """2 times the rating holds 12 s: after 7 s, more than half is gone. No battery can help here."""
    found = Home(home(on("L2")))
    found.run(3, 300.0, 0.0, 0.0)
    found.run(5, 2.0 * 25.0 * 230.0, 0.0, 0.0)
    assert "fuse-warm" not in found.alarms()
    decision = found.run(2, 2.0 * 25.0 * 230.0, 0.0, 0.0)
    assert decision.fuse_used[0] == pytest.approx(7.0 / 12.0, rel=0.02)
    assert decision.fuse_used[1:] == (0.0, 0.0)
    alarm = next(a for a in decision.alarms if a.code is AlarmCode.FUSE_WARM)
    assert alarm.subject == "L1"
    assert alarm.facts[0].code is FactCode.USED_PCT
    assert alarm.facts[0].value == 50.0
    found.run(300, 300.0, 0.0, 0.0)
    assert "fuse-warm" not in found.alarms()


def test_a_voltage_that_cannot_be_true_does_not_blow_the_fuse_on_paper() -> None:
    """1 V would make 230 W a current of 230 A: the nominal voltage is taken instead."""
    reading = PhaseReading(power_w=230.0, voltage_v=1.0)
    grid = GridReading(received_s=1.0, total_power_w=230.0, phases=(reading, None, None))
    snapshot = replace(picture(1.0, 230.0, []), grid=grid)
    assert fuses_used(snapshot, settings_of(), (0.0, 0.0, 0.0), 0.0) == (0.0, 0.0, 0.0)
