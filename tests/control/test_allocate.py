import math
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.control.allocate import goal
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference, ordered
from phasewise.control.settle import stepped

GRAIN_W = 100.0


def split(wanted_w: float, units: Sequence[Unit], order: Sequence[int]) -> list[float]:
    return goal(wanted_w, units, Preference(Orders(order, order)))


@st.composite
def boxes(draw: st.DrawFn, *, around_zero: bool) -> Unit:
    """A box whose ends are multiples of 100 W; one that leaves out 0 W is a fixed power or PV surplus."""
    lo = draw(st.integers(-4, 0 if around_zero else 4))
    hi = draw(st.integers(max(lo, 0) if around_zero else lo, 4))
    return Unit("", lo * GRAIN_W, hi * GRAIN_W)


def units_of(unit: st.SearchStrategy[Unit], most: int = 4) -> st.SearchStrategy[list[Unit]]:
    return st.lists(unit, min_size=1, max_size=most).map(
        lambda found: [
            Unit(f"m{i}", u.lo_w, u.hi_w, step_w=u.step_w, min_power_w=u.min_power_w)
            for i, u in enumerate(found)
        ]
    )


def exhaustive(wanted_w: float, units: list[Unit], order: list[int]) -> list[float]:
    """Every combination on a grid of 100 W, judged by the definition: no cleverness.

    Nearest sum first; then no unit works against the others beyond what its box forces; then the first
    in order does as much as it can, then the second...
    """

    def choices(u: Unit) -> list[float]:
        return [w * GRAIN_W for w in range(round(u.lo_w / GRAIN_W), round(u.hi_w / GRAIN_W) + 1)]

    at_rest = [min(max(0.0, u.lo_w), u.hi_w) for u in units]
    sign = 1.0 if wanted_w >= sum(at_rest) else -1.0

    def badness(powers: tuple[float, ...]) -> tuple[float, ...]:
        added = [sign * (w - rest) for w, rest in zip(powers, at_rest, strict=True)]
        against = -sum(min(a, 0.0) for a in added)
        return (abs(wanted_w - sum(powers)), against, *(-added[i] for i in order))

    return list(min(product(*map(choices, units)), key=badness))


@settings(max_examples=120, deadline=None)
@given(st.data(), st.integers(-18, 18), st.booleans())
def test_it_is_the_optimum_by_definition(data: st.DataObject, wanted: int, around_zero: bool) -> None:
    units = data.draw(units_of(boxes(around_zero=around_zero)))
    order = data.draw(st.permutations(range(len(units))))
    assert split(wanted * GRAIN_W, units, order) == exhaustive(wanted * GRAIN_W, units, order)


@st.composite
def rough_units(draw: st.DrawFn) -> Unit:
    """Any box, step and minimum power."""
    lo_w = draw(st.floats(-3000.0, 3000.0))
    hi_w = draw(st.floats(lo_w, 3000.0))
    return Unit(
        "",
        lo_w,
        hi_w,
        step_w=draw(st.sampled_from([1.0, 0.1, 5.0, 10.0])),
        min_power_w=draw(st.sampled_from([0.0, 0.0, 50.0, 100.0])),
    )


@given(st.data(), st.floats(-12_000.0, 12_000.0))
def test_no_box_is_left_and_the_sum_is_near(data: st.DataObject, wanted_w: float) -> None:
    units = data.draw(units_of(rough_units(), 6))
    powers_w = split(wanted_w, units, data.draw(st.permutations(range(len(units)))))
    for power_w, u in zip(powers_w, units, strict=True):
        assert u.lo_w <= power_w <= u.hi_w
    reachable_w = min(max(wanted_w, sum(u.lo_w for u in units)), sum(u.hi_w for u in units))
    # Ends of boxes that are no multiple of the step cost up to a step each, minimum power up to itself.
    slack_w = sum(max(u.step_w, u.min_power_w) for u in units)
    assert abs(sum(powers_w) - reachable_w) <= slack_w + 1e-6


@given(st.data(), st.floats(-12_000.0, 12_000.0))
def test_the_order_of_listing_does_not_matter(data: st.DataObject, wanted_w: float) -> None:
    units = data.draw(units_of(rough_units(), 6))
    ids = [u.id for u in units]
    priority = data.draw(st.permutations(ids))
    shuffled = data.draw(st.permutations(units))

    def by_id(listed: list[Unit]) -> dict[str, float]:
        order = ordered([u.id for u in listed], priority, charging=wanted_w > 0)
        return {u.id: w for u, w in zip(listed, split(wanted_w, listed, order), strict=True)}

    assert by_id(units) == pytest.approx(by_id(shuffled), abs=1e-6)


@given(st.data(), st.floats(-9000.0, 9000.0), st.floats(0.0, 3000.0))
def test_more_wanted_is_never_less_given(data: st.DataObject, wanted_w: float, more_w: float) -> None:
    units = data.draw(units_of(boxes(around_zero=True), 5))
    order = list(range(len(units)))
    assert sum(split(wanted_w + more_w, units, order)) >= sum(split(wanted_w, units, order)) - 1e-6


@given(st.data(), st.floats(-9000.0, 9000.0))
def test_a_wider_box_never_lowers_what_is_given(data: st.DataObject, wanted_w: float) -> None:
    units = data.draw(units_of(boxes(around_zero=True), 5))
    wider = [Unit(u.id, u.lo_w - 300.0, u.hi_w + 300.0) for u in units]
    order = list(range(len(units)))
    gap_w = abs(wanted_w - sum(split(wanted_w, units, order)))
    assert abs(wanted_w - sum(split(wanted_w, wider, order))) <= gap_w + 1e-6


def test_one_unit_takes_the_remainder() -> None:
    units = [Unit("a", -2500.0, 2500.0), Unit("b", -2500.0, 2500.0), Unit("c", -2500.0, 2500.0)]
    assert split(3210.4, units, [1, 0, 2]) == [710.0, 2500.0, 0.0]
    assert split(-3210.6, units, [2, 1, 0]) == [0.0, -711.0, -2500.0]


@pytest.mark.parametrize(
    ("wanted_w", "given_w"),
    [(0.0, 0.0), (30.0, 0.0), (74.0, 0.0), (75.0, 100.0), (99.0, 100.0), (123.0, 120.0), (-80.0, -100.0)],
)
def test_a_unit_is_off_or_at_least_at_its_minimum_and_at_a_step(wanted_w: float, given_w: float) -> None:
    assert split(wanted_w, [Unit("a", -800.0, 800.0, step_w=10.0, min_power_w=100.0)], [0]) == [given_w]


@pytest.mark.parametrize(
    ("before_w", "wanted_w", "given_w"),
    [
        (100.0, 26.0, 100.0),
        (100.0, 24.0, 0.0),
        (0.0, 74.0, 0.0),
        (0.0, 76.0, 100.0),
        (-100.0, 74.0, 0.0),
        (-100.0, -26.0, -100.0),
    ],
)
def test_a_unit_at_its_minimum_goes_on_until_clearly_less_is_asked(
    before_w: float, wanted_w: float, given_w: float
) -> None:
    unit = Unit("a", -800.0, 800.0, min_power_w=100.0)
    assert stepped(wanted_w, unit, before_w) == given_w


def test_noise_around_half_of_a_minimum_switches_nothing() -> None:
    unit = Unit("a", -800.0, 800.0, min_power_w=100.0)
    told_w, switched = 0.0, 0
    for second in range(600):
        before_w, told_w = told_w, stepped(50.0 + 24.0 * math.sin(second), unit, told_w)
        switched += (before_w == 0.0) != (told_w == 0.0)
    assert switched == 0


def test_a_minimum_that_does_not_fit_the_box_leaves_the_unit_off() -> None:
    assert split(80.0, [Unit("a", 0.0, 80.0, min_power_w=100.0)], [0]) == [0.0]


@pytest.mark.parametrize(("hi_w", "given_w"), [(-40.0, -100.0), (-150.0, -150.0)])
def test_a_full_unit_in_the_sun_is_never_told_more_than_its_box(hi_w: float, given_w: float) -> None:
    assert split(0.0, [Unit("a", -2500.0, hi_w, min_power_w=100.0)], [0]) == [given_w]


def test_nothing_to_split() -> None:
    assert split(500.0, [], []) == []


# --- the order of use


def test_charging_goes_down_the_priority_and_discharging_up() -> None:
    ids = ["a", "b", "c"]
    assert ordered(ids, ["c", "a", "b"], charging=True) == [2, 0, 1]
    assert ordered(ids, ["c", "a", "b"], charging=False) == [1, 0, 2]


def test_what_the_priority_does_not_name_follows_as_listed() -> None:
    assert ordered(["a", "b", "c", "d"], ["c", "gone"], charging=True) == [2, 0, 1, 3]
    assert ordered(["a", "b"], [], charging=True) == [0, 1]
