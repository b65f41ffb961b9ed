from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.reasons import WORTH_SAYING_W, idle_reasons
from phasewise.control.reasons import reasons as reasons_of
from phasewise.control.room import Room
from phasewise.control.steer import Steered, begin
from phasewise.model import Reason, ReasonCode


def reasons(units: Sequence[Unit], given_w: list[float], wanted_w: float) -> list[tuple[Reason, ...]]:
    room = Room(units, given_w, [u.lo_w for u in units], [u.hi_w for u in units], None)
    return reasons_of(units, Steered(given_w, [0.0] * len(units), room, wanted_w >= 0), wanted_w)


def limited(battery_id: str, lo_w: float, hi_w: float) -> Unit:
    return Unit(battery_id, lo_w, hi_w, ReasonCode.SOC_LIMIT, ReasonCode.BATTERY_LIMIT)


def test_nothing_to_say_when_all_is_given() -> None:
    assert reasons([limited("a", -100.0, 100.0)], [-50.0], -50.0) == [()]


def test_what_is_missing_is_named_at_who_is_at_the_end_of_the_box() -> None:
    units = [limited("a", 0.0, 2500.0), limited("b", -1000.0, 2500.0)]
    found = reasons(units, [0.0, -1000.0], -3000.0)
    assert found == [(Reason(ReasonCode.SOC_LIMIT, 1000.0),), (Reason(ReasonCode.SOC_LIMIT, 1000.0),)]


def test_a_battery_that_is_kept_out_says_so_even_when_it_is_not_missed() -> None:
    out = Unit("a", 0.0, 0.0, ReasonCode.OUT_OF_SERVICE, ReasonCode.OUT_OF_SERVICE)
    assert reasons([out, limited("b", -2500.0, 2500.0)], [0.0, -500.0], -500.0) == [
        (Reason(ReasonCode.OUT_OF_SERVICE),),
        (),
    ]


def test_idle_batteries_all_say_why_but_one_that_is_out_of_reach_says_that() -> None:
    gone = Unit("a", 0.0, 0.0, ReasonCode.UNREACHABLE, ReasonCode.UNREACHABLE, commandable=False)
    found = idle_reasons([gone, limited("b", -1.0, 1.0)], ReasonCode.METER_LOST)
    assert found == [(Reason(ReasonCode.UNREACHABLE),), (Reason(ReasonCode.METER_LOST),)]


@given(
    st.lists(st.tuples(st.floats(-2500.0, 0.0), st.floats(0.0, 2500.0)), min_size=1, max_size=6),
    st.floats(-12_000.0, 12_000.0),
)
def test_the_reasons_add_up_to_given_minus_wanted(ends: list[tuple[float, float]], wanted_w: float) -> None:
    units = [limited(f"m{i}", lo_w, hi_w) for i, (lo_w, hi_w) in enumerate(ends)]
    orders = Orders(range(len(units)), range(len(units)))
    steered = begin(wanted_w, units, Preference(orders))
    said_w = sum(r.power_w for found in reasons_of(units, steered, wanted_w) for r in found)
    assert said_w == pytest.approx(sum(steered.powers_w) - wanted_w, abs=WORTH_SAYING_W + 1e-6)
