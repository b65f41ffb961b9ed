"""Unassigned batteries under worst-case: safe wherever they are, and never counted as relief."""

from itertools import product

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.ground import ground_of
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.protection import SHARES, PhaseBox
from phasewise.control.room import Limits, Room, most_together
from phasewise.control.settle import settle
from phasewise.control.steer import begin, steer
from phasewise.model import Assignment, Split
from phasewise.model.memory import SteerMemory

WATTS = st.integers(0, 2500).map(float)


@st.composite
def units_of_homes(draw: st.DrawFn) -> list[Unit]:
    found = []
    for n in range(draw(st.integers(1, 5))):
        lo_w, hi_w = -draw(WATTS), draw(WATTS)
        at_w = draw(st.floats(lo_w, hi_w))
        may = draw(st.sampled_from([(lo_w, hi_w), (0.0, hi_w), (lo_w, 0.0)]))
        phase = draw(st.sampled_from([*Assignment] + [Assignment.UNASSIGNED] * 2))
        found.append(Unit(f"m{n}", *may, can_lo_w=lo_w, can_hi_w=hi_w, phase=phase, at_w=at_w))
    return found


BOXES = st.tuples(
    *[st.one_of(st.none(), st.builds(PhaseBox, st.floats(-3000.0, 0.0), st.floats(0.0, 3000.0)))] * 3
)


def sums_w(units: list[Unit], powers_w: list[float]) -> list[float]:
    """Per phase: what the units that are known to be on it do."""
    return [
        sum(SHARES[u.phase][p] * w for u, w in zip(units, powers_w, strict=True) if u.phase.is_assigned)
        for p in range(3)
    ]


def breach_w(units: list[Unit], powers_w: list[float], limits: Limits) -> float:
    """By how much a phase is outside its box wherever the unassigned units may be: the worst of all cases."""
    moved_w = [w - u.at_w for u, w in zip(units, powers_w, strict=True) if not u.phase.is_assigned]
    assigned_w, worst_w = sums_w(units, powers_w), 0.0
    for places in product(range(3), repeat=len(moved_w)):
        for p, box in enumerate(limits.boxes):
            if box is None:
                continue
            sum_w = assigned_w[p] + sum(w for place, w in zip(places, moved_w, strict=True) if place == p)
            worst_w = max(worst_w, sum_w - box.hi_w, box.lo_w - sum_w)
    return worst_w


@examples(max_examples=200, deadline=None)
@given(
    units_of_homes(), BOXES, st.floats(-6000.0, 6000.0), st.sampled_from([*Split]), st.floats(-4000.0, 4000.0)
)
def test_no_phase_leaves_its_box_wherever_unassigned_batteries_are(
    units: list[Unit],
    boxes: tuple[PhaseBox | None, PhaseBox | None, PhaseBox | None],
    wanted_w: float,
    split: Split,
    next_w: float,
) -> None:
    limits = Limits(boxes)
    order = list(range(len(units)))
    preference = Preference(Orders(order, order[::-1]), split)
    found = begin(wanted_w, units, preference, limits)
    # Whole watts: half a watt per unit.
    assert breach_w(units, found.powers_w, limits) <= len(units)
    # And a second later, with the unassigned ones where they were told to be.
    later = [replace(u, at_w=w) for u, w in zip(units, found.powers_w, strict=True)]
    after, _ = steer(next_w, later, preference, found.powers_w, SteerMemory(), 50.0, limits=limits)
    assert breach_w(later, after.powers_w, limits) <= 2 * len(units)


@given(units_of_homes(), st.sampled_from([1.0, -1.0]), st.floats(100.0, 3000.0))
def test_an_unassigned_battery_is_never_relief(units: list[Unit], way: float, need_w: float) -> None:
    """A demand on L1: only what is on L1 (a third of what is on all) counts."""
    box = PhaseBox(need_w, 9000.0) if way > 0 else PhaseBox(-9000.0, -need_w)
    order = list(range(len(units)))
    ground = ground_of(units, Orders(order, order), Limits((box, None, None)))
    for unit, relief_w in zip(units, ground.relief_w, strict=True):
        if not SHARES[unit.phase][0]:
            assert relief_w == 0.0
        else:
            assert relief_w * way >= 0.0
    can_w = sum(SHARES[u.phase][0] * (u.can_hi_w if way > 0 else -u.can_lo_w) for u in units)
    assert abs(sums_w(units, ground.powers_w)[0] * way - min(need_w, can_w)) < 1e-6


def test_a_confined_battery_costs_room_on_every_phase() -> None:
    """1 kW on each of three phases: three single ones bring 3 kW, an unassigned one 1 kW at most."""
    assert most_together([1000.0] * 3, [1000.0] * 3, 0.0, 0.0) == 3000.0
    assert most_together([0.0] * 3, [1000.0] * 3, 0.0, 2500.0) == 1000.0
    assert most_together([1000.0] * 3, [1000.0] * 3, 0.0, 2500.0) == 3000.0
    assert most_together([0.0] * 3, [1000.0] * 3, 5000.0, 0.0) == 3000.0


def test_a_remainder_counts_what_three_phase_units_take_of_a_phase() -> None:
    single = Unit("m1", -2500.0, 2500.0, can_lo_w=-2500.0, can_hi_w=2500.0, phase=Assignment.L3)
    three = Unit("m2", -800.0, 800.0, can_lo_w=-800.0, can_hi_w=800.0, phase=Assignment.THREE_PHASE)
    units = [single, three, replace(three, id="m3", min_power_w=800.0)]
    limits = Limits((None, None, PhaseBox(-5000.0, 1200.0)))
    room = Room(units, [800.0, 800.0, 399.0], [-2500.0, -800.0, -800.0], [2500.0, 800.0, 800.0], limits)
    assert settle(room, [0, 1, 2]) == [933.0, 800.0, 0.0]
