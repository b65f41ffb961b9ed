"""Phase by phase: every box holds, reasons add up, and the phases do not get in each other's way."""

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from phasewise.control import per_phase
from phasewise.control.estimate import Load
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.protection import SHARES, PhaseBox
from phasewise.control.room import Limits
from phasewise.model import Assignment, ReasonCode
from phasewise.model.memory import PerPhaseMemory

L1, L2, L3 = Assignment.L1, Assignment.L2, Assignment.L3
POWER_W = st.integers(-4000, 4000).map(float)


def unit(name: str, phase: Assignment, lo_w: float = -2500.0, hi_w: float = 2500.0) -> Unit:
    return Unit(name, lo_w, hi_w, can_lo_w=lo_w, can_hi_w=hi_w, phase=phase)


def split(wanted_w: tuple[float, ...], units: list[Unit], limits: Limits | None = None) -> per_phase.Outcome:
    """From rest, with units of which nothing is known but where they are."""
    order = list(range(len(units)))
    prefers = dict.fromkeys((True, False), Preference(Orders(order, order[::-1])))
    load = Load(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, (None,) * len(units))
    found, _ = per_phase.split(
        wanted_w, units, prefers, [0.0] * len(units), PerPhaseMemory(), load=load, limits=limits, now_s=0.0
    )
    return found


def test_each_phase_is_served_by_its_own() -> None:
    found = split((-2000.0, 1800.0, 100.0), [unit("a", L1), unit("b", L2), unit("c", L3)])
    assert found.steered.powers_w == [-2000.0, 1800.0, 100.0]
    assert found.reasons == ((), (), ())


def test_three_phase_batteries_serve_the_sum_and_single_ones_the_rest() -> None:
    units = [unit("t", Assignment.THREE_PHASE, -6000.0, 6000.0), unit("a", L1), unit("b", L2), unit("c", L3)]
    found = split((-3000.0, 0.0, -600.0), units)
    assert found.steered.powers_w == [-3600.0, -1800.0, 1200.0, 600.0]


def test_nobody_is_asked_for_a_phase_without_a_battery() -> None:
    found = split((-2000.0, -700.0, -500.0), [unit("b", L2)])
    assert found.steered.powers_w == [-700.0]
    assert (found.wanted_w, found.reasons) == (-700.0, ((),))


def test_unassigned_ones_rest_and_say_why() -> None:
    units = per_phase.resting([unit("u", Assignment.UNASSIGNED), unit("a", L1)])
    found = split((-2000.0, 0.0, 0.0), units)
    assert found.steered.powers_w == [0.0, -2000.0]
    assert [reason.code for reason in found.reasons[0]] == [ReasonCode.UNASSIGNED]
    full_in_the_sun = unit("u", Assignment.UNASSIGNED, -2500.0, -300.0)
    (rests,) = per_phase.resting([full_in_the_sun])
    assert (rests.lo_w, rests.hi_w) == (-300.0, -300.0)


def test_the_box_of_a_phase_cuts_its_wish_and_relieves_it() -> None:
    limits = Limits((PhaseBox(-900.0, 5000.0), PhaseBox(-5000.0, -400.0), None))
    found = split((-2000.0, 1000.0, 0.0), [unit("a", L1), unit("b", L2)], limits)
    assert found.steered.powers_w == [-900.0, -400.0]
    assert found.steered.relief_w == [0.0, -400.0]
    assert found.steered.held == (0, 1)
    first, second = ({r.code: r.power_w for r in why} for why in found.reasons)
    assert first == {ReasonCode.PHASE_LIMIT: 1100.0}
    assert sum(second.values()) == pytest.approx(-1400.0)
    assert second[ReasonCode.RELIEF] <= -400.0


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[float, ...], list[Unit], Limits | None]:
    units = []
    for n in range(draw(st.integers(1, 5))):
        lo_w, hi_w = -float(draw(st.integers(0, 2500))), float(draw(st.integers(0, 2500)))
        units.append(unit(f"m{n}", draw(st.sampled_from(list(Assignment))), lo_w, hi_w))
    boxes = []
    for _ in range(3):
        ends = sorted([draw(POWER_W), draw(POWER_W)])
        boxes.append(PhaseBox(ends[0], ends[1]) if draw(st.booleans()) else None)
    limits = Limits((boxes[0], boxes[1], boxes[2])) if draw(st.booleans()) else None
    return tuple(draw(POWER_W) for _ in range(3)), per_phase.resting(units), limits


@given(cases())
@how(deadline=None)
def test_boxes_hold_and_reasons_add_up(case: tuple[tuple[float, ...], list[Unit], Limits | None]) -> None:
    wanted_w, units, limits = case
    found = split(wanted_w, units, limits)
    powers_w = found.steered.powers_w
    assert all(u.lo_w - 1e-6 <= w <= u.hi_w + 1e-6 for u, w in zip(units, powers_w, strict=True))
    named_w = sum(reason.power_w for why in found.reasons for reason in why)
    # The watts of rounding to what units can be set to need no name.
    assert named_w == pytest.approx(sum(powers_w) - found.wanted_w, abs=4.0)
    if limits is None:
        return
    for phase, box in enumerate(limits.boxes):
        sum_w = sum(SHARES[u.phase][phase] * w for u, w in zip(units, powers_w, strict=True))
        least_w = sum(SHARES[u.phase][phase] * u.can_lo_w for u in units)
        most_w = sum(SHARES[u.phase][phase] * u.can_hi_w for u in units)
        if box is not None and all(u.phase is not Assignment.THREE_PHASE for u in units):
            # Inside, or as near to it as its own batteries can bring it.
            assert min(box.lo_w, most_w) - 2.0 <= sum_w <= max(box.hi_w, least_w) + 2.0
