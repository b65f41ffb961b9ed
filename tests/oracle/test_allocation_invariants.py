"""What is true of every allocation, whatever its numbers."""

import math
from dataclasses import replace

from allocation_calls import allocated
from allocation_programmes import is_worst_case, phase_sums, relieved, violation
from allocation_sites import (
    PHASE_NAMES,
    SPLITS,
    THREE_PHASE,
    UNASSIGNED,
    AllocationSite,
    Box,
    Boxes,
    SiteUnit,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

TOLERANCE_W = 1e-6
PLACES = (*PHASE_NAMES, THREE_PHASE, UNASSIGNED)

examples = settings(max_examples=60, deadline=None)
watts = st.integers(-4000, 4000).map(float) | st.floats(-4000.0, 4000.0)


@st.composite
def boxes_of_a_phase(draw: st.DrawFn) -> Box | None:
    if draw(st.integers(0, 3)) == 0:
        return None
    lo_w, hi_w = sorted((draw(watts), draw(watts)))
    return lo_w, hi_w


@st.composite
def site_units(draw: st.DrawFn, places: tuple[str, ...]) -> SiteUnit:
    can_lo_w, lo_w, hi_w, can_hi_w = sorted(draw(watts) for _ in range(4))
    return SiteUnit(
        draw(st.sampled_from(places)),
        lo_w,
        hi_w,
        can_lo_w,
        can_hi_w,
        at_w=draw(st.floats(can_lo_w, can_hi_w)),
        size_w=draw(st.sampled_from((800.0, 1000.0, 2500.0, 5000.0))),
    )


@st.composite
def sites(draw: st.DrawFn, places: tuple[str, ...] = PLACES, split: str | None = None) -> AllocationSite:
    units = tuple(draw(st.lists(site_units(places), min_size=1, max_size=6)))
    positions = range(len(units))
    return AllocationSite(
        seed=-1,
        kind="drawn",
        split=split if split is not None else draw(st.sampled_from(SPLITS)),
        wanted_w=draw(st.floats(-30_000.0, 30_000.0) | st.just(0.0)),
        units=units,
        up=tuple(draw(st.permutations(positions))),
        down=tuple(draw(st.permutations(positions))),
        boxes=(draw(boxes_of_a_phase()), draw(boxes_of_a_phase()), draw(boxes_of_a_phase())),
        worst_case=draw(st.booleans()),
    )


def _close(given_w: list[float], right_w: list[float]) -> bool:
    return all(abs(a - b) <= TOLERANCE_W for a, b in zip(given_w, right_w, strict=True))


@examples
@given(sites())
def test_no_unit_leaves_its_physical_box(site: AllocationSite) -> None:
    for unit, power_w in zip(site.units, allocated(site).powers_w, strict=True):
        assert unit.can_lo_w - TOLERANCE_W <= power_w <= unit.can_hi_w + TOLERANCE_W


@examples
@given(sites())
def test_the_strategy_box_is_left_for_relief_only(site: AllocationSite) -> None:
    """An assigned unit is outside by no more than its relief; an unassigned one lies between its strategy box
    and where it was, for it may be forbidden to come back."""
    shares = allocated(site)
    for i, (unit, power_w, relief_w) in enumerate(
        zip(site.units, shares.powers_w, shares.relief_w, strict=True)
    ):
        outside_w = max(0.0, unit.lo_w - power_w, power_w - unit.hi_w)
        if is_worst_case(site, i):
            lo_w, hi_w = min(unit.lo_w, unit.at_w), max(unit.hi_w, unit.at_w)
            assert lo_w - TOLERANCE_W <= power_w <= hi_w + TOLERANCE_W
        else:
            assert outside_w <= abs(relief_w) + TOLERANCE_W


@examples
@given(sites())
def test_phases_are_in_their_boxes_whenever_they_can_be(site: AllocationSite) -> None:
    """Also with every unassigned unit on whichever phase is worst: all their increases together on one, or
    all their decreases. (Where they were is inside their physical boxes here: what a physical box forces is
    beyond any phase box.)"""
    assume(relieved(site)[1] == 0.0)
    powers_w = allocated(site).powers_w
    changes_w = [
        x - u.at_w
        for i, (u, x) in enumerate(zip(site.units, powers_w, strict=True))
        if is_worst_case(site, i)
    ]
    up_w = math.fsum(max(0.0, change) for change in changes_w)
    down_w = math.fsum(min(0.0, change) for change in changes_w)
    for total_w, box in zip(phase_sums(site, powers_w), site.phase_boxes, strict=True):
        if box is not None:
            assert total_w + up_w <= box[1] + TOLERANCE_W
            assert total_w + down_w >= box[0] - TOLERANCE_W


@examples
@given(sites(), st.data())
def test_the_order_of_the_list_does_not_matter(site: AllocationSite, data: st.DataObject) -> None:
    """Units listed otherwise, with the same orders of use, get the same power each."""
    listed = data.draw(st.permutations(range(len(site.units))))
    place = {old: new for new, old in enumerate(listed)}
    other = replace(
        site,
        units=tuple(site.units[old] for old in listed),
        up=tuple(place[old] for old in site.up),
        down=tuple(place[old] for old in site.down),
    )
    powers_w = allocated(other).powers_w
    assert _close([powers_w[place[old]] for old in range(len(listed))], allocated(site).powers_w)


@examples
@given(sites(), st.permutations(range(3)))
def test_the_names_of_the_phases_do_not_matter(site: AllocationSite, renamed: list[int]) -> None:
    names = {PHASE_NAMES[p]: PHASE_NAMES[renamed[p]] for p in range(3)}
    boxes = dict(zip(renamed, site.phase_boxes, strict=True))
    other = replace(
        site,
        units=tuple(replace(unit, phase=names.get(unit.phase, unit.phase)) for unit in site.units),
        boxes=(boxes[0], boxes[1], boxes[2]),
    )
    assert _close(allocated(other).powers_w, allocated(site).powers_w)


def _mirrored(site: AllocationSite) -> AllocationSite:
    """Charging for discharging."""

    def turned(box: Box | None) -> Box | None:
        return (-box[1], -box[0]) if box is not None else None

    first, second, third = (turned(box) for box in site.phase_boxes)
    units = tuple(
        SiteUnit(u.phase, -u.hi_w, -u.lo_w, -u.can_hi_w, -u.can_lo_w, -u.at_w, u.size_w) for u in site.units
    )
    boxes = (first, second, third)
    return replace(site, wanted_w=-site.wanted_w, units=units, up=site.down, down=site.up, boxes=boxes)


@examples
@given(sites())
def test_discharging_is_charging_seen_in_a_mirror(site: AllocationSite) -> None:
    assert _close([-x for x in allocated(_mirrored(site)).powers_w], allocated(site).powers_w)


@examples
@given(sites(), st.floats(0.0, 20_000.0))
def test_the_total_follows_what_is_wanted(site: AllocationSite, more_w: float) -> None:
    """Wanting more never gives less in total, and never more than was asked in addition."""
    total_w = math.fsum(allocated(site).powers_w)
    grown_w = math.fsum(allocated(replace(site, wanted_w=site.wanted_w + more_w)).powers_w) - total_w
    assert -TOLERANCE_W <= grown_w <= more_w + TOLERANCE_W


def _relaxed(boxes: Boxes, phase: int, lower_w: float, higher_w: float) -> Boxes:
    """One phase with a wider box; no box at all when both are 0."""
    wider = list(boxes)
    box = boxes[phase]
    if box is not None:
        wider[phase] = (box[0] - lower_w, box[1] + higher_w) if lower_w or higher_w else None
    return wider[0], wider[1], wider[2]


relaxations = st.tuples(
    st.integers(0, 2), st.just(0.0) | st.floats(0.0, 3000.0), st.just(0.0) | st.floats(0.0, 3000.0)
)


@examples
@given(sites(), relaxations)
def test_a_wider_limit_never_brings_the_total_further_from_what_is_wanted(
    site: AllocationSite, relaxation: tuple[int, float, float]
) -> None:
    """True as long as the fill begins at the same place, which a phase box moves in two ways.

    Relief: a unit that may not discharge gives 100 W of relief, and 100 W of discharge is wanted. A wider
    limit ends the relief, and with it the only discharge. An unassigned unit away from its base: where there
    is no room it stays where it was; with room it goes to its base, and takes this room from the others, of
    which each would have used it on its own phase. So here: no relief, and unassigned units at their base.
    """
    at_base = tuple(
        replace(unit, at_w=base_w) if unit.phase == UNASSIGNED else unit
        for unit, base_w in zip(site.units, site.base_w(), strict=True)
    )
    site = replace(site, units=at_base, boxes=_around_base(site))
    wider = replace(site, boxes=_relaxed(site.phase_boxes, *relaxation))
    missed_w = abs(site.wanted_w - math.fsum(allocated(site).powers_w))
    assert abs(site.wanted_w - math.fsum(allocated(wider).powers_w)) <= missed_w + TOLERANCE_W


def _around_base(site: AllocationSite) -> Boxes:
    """The boxes, moved so far that none demands relief."""
    moved: list[Box | None] = [
        (min(box[0], total_w), max(box[1], total_w)) if box is not None else None
        for box, total_w in zip(site.phase_boxes, phase_sums(site, site.base_w()), strict=True)
    ]
    return moved[0], moved[1], moved[2]


@examples
@given(sites(), relaxations)
def test_a_wider_limit_never_leaves_more_outside_it(
    site: AllocationSite, relaxation: tuple[int, float, float]
) -> None:
    """This holds with relief as well: what cannot be taken away only shrinks."""
    wider = replace(site, boxes=_relaxed(site.phase_boxes, *relaxation))
    outside_w = violation(site, allocated(site).powers_w)
    assert violation(wider, allocated(wider).powers_w) <= outside_w + TOLERANCE_W


@examples
@given(sites(places=(*PHASE_NAMES, UNASSIGNED), split="priority"))
def test_far_boxes_are_no_boxes(site: AllocationSite) -> None:
    far: Boxes = ((-1e6, 1e6), (-1e6, 1e6), (-1e6, 1e6))
    with_w, without_w = (allocated(replace(site, boxes=boxes)).powers_w for boxes in (far, None))
    assert _close(with_w, without_w)
