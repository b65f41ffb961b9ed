"""The exact allocation against HiGHS, on thousands of random sites; would the oracle notice faults?

`tools/oracle_run.py` does the same with any number of sites.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from allocation_calls import allocated, judged
from allocation_fairness import unfairness
from allocation_oracle import judge
from allocation_programmes import Fill, deliverable, deliverable_by, fill, phase_sums, relieved, start
from allocation_sites import KINDS, SPLITS, UNASSIGNED, AllocationSite, Boxes, SiteUnit, random_site

SITES_EACH = 500
"""Of every kind and split: 6,000 in all, in about 10 s."""
SHOWN = 3


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_highs(kind: str, split: str) -> None:
    """Printed sites can be pasted into a test, or built again: `random_site(seed, kind, split)`."""
    first = SITES_EACH * (KINDS.index(kind) + len(KINDS) * SPLITS.index(split))
    judgements = [judged(random_site(seed, kind, split)) for seed in range(first, first + SITES_EACH)]
    wrong = [judgement for judgement in judgements if judgement.faults]
    shown = "\n".join(str(judgement) for judgement in wrong[:SHOWN])
    assert not wrong, f"{len(wrong)} of {SITES_EACH} {kind} sites, {split}:\n{shown}"


def _without_a_box(site: AllocationSite) -> AllocationSite:
    """The first phase that has a box loses it."""
    boxes = list(site.phase_boxes)
    first = next((p for p, box in enumerate(boxes) if box is not None), 0)
    boxes[first] = None
    return replace(site, boxes=(boxes[0], boxes[1], boxes[2]))


def _without_relief(site: AllocationSite) -> AllocationSite:
    """Every box reaches to where the units are without relief, so that none is demanded."""
    widened = [
        (min(box[0], total_w), max(box[1], total_w)) if box is not None else None
        for box, total_w in zip(site.phase_boxes, phase_sums(site, site.base_w()), strict=True)
    ]
    return replace(site, boxes=(widened[0], widened[1], widened[2]))


def _without_worst_case(site: AllocationSite) -> AllocationSite:
    return replace(site, worst_case=False)


def _without_order(site: AllocationSite) -> AllocationSite:
    return replace(site, up=tuple(reversed(site.up)), down=tuple(reversed(site.down)))


@pytest.mark.parametrize(
    ("mutate", "kind", "split", "share"),
    [
        (_without_a_box, "nested", "fair", 0.15),
        (_without_a_box, "three-phase", "priority", 0.2),
        (_without_relief, "nested", "priority", 0.2),
        (_without_relief, "both", "fair", 0.2),
        (_without_worst_case, "worst-case", "priority", 0.5),
        (_without_worst_case, "both", "efficient", 0.5),
        (_without_order, "nested", "priority", 0.2),
        (_without_order, "three-phase", "efficient", 0.2),
    ],
)
def test_the_oracle_notices_what_is_left_out(
    mutate: Callable[[AllocationSite], AllocationSite], kind: str, split: str, share: float
) -> None:
    """The product answers a question that lacks something: at least `share` of the answers must be wrong."""
    noticed = 0
    for seed in range(100):
        site = random_site(seed, kind, split)
        shares = allocated(mutate(site))
        noticed += bool(judge(site, shares.powers_w, shares.relief_w).faults)
    assert noticed >= share * 100


def _unit(phase: str, most_w: float, size_w: float = 1000.0) -> SiteUnit:
    return SiteUnit(phase, -most_w, most_w, -most_w, most_w, 0.0, size_w)


def _site(split: str, wanted_w: float, *units: SiteUnit, boxes: Boxes | None = None) -> AllocationSite:
    order = tuple(range(len(units)))
    return AllocationSite(-1, "by hand", split, wanted_w, units, order, order[::-1], boxes, True)


L1_AT_1000_W: Boxes = ((-1000.0, 1000.0), None, None)
ON_L1 = _unit("L1", 2000.0)
THREE = _unit("three-phase", 1500.0)
ANYWHERE = _unit(UNASSIGNED, 2000.0)

BY_HAND = {
    "the first takes all of its phase": (
        _site("priority", 3000.0, ON_L1, ON_L1, boxes=L1_AT_1000_W),
        [1000.0, 0.0],
    ),
    "from the other side the last in the charging order": (
        _site("priority", -3000.0, ON_L1, ON_L1, boxes=L1_AT_1000_W),
        [0.0, -1000.0],
    ),
    "equal shares of a full phase by size": (
        _site("fair", 3000.0, ON_L1, _unit("L1", 2000.0, 3000.0), boxes=L1_AT_1000_W),
        [250.0, 750.0],
    ),
    "the later unit is the one that can do it alone": (
        _site("efficient", 1800.0, _unit("L2", 1500.0), ON_L1, _unit("L2", 1900.0), boxes=L1_AT_1000_W),
        [0.0, 0.0, 1800.0],
    ),
    "a third of it on a full phase makes three times as much": (
        _site("priority", 3000.0, ON_L1, THREE, boxes=L1_AT_1000_W),
        [500.0, 1500.0],
    ),
    "an unassigned unit takes the room of every phase": (
        _site("priority", 3000.0, ANYWHERE, ON_L1, boxes=((-400.0, 400.0), (-900.0, 900.0), None)),
        [400.0, 0.0],
    ),
    "relief by the last in the order, and the first makes up for it": (
        _site("priority", 0.0, _unit("L2", 2000.0), ON_L1, ON_L1, boxes=((-3000.0, -500.0), None, None)),
        [500.0, 0.0, -500.0],
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_sites_worked_out_by_hand(name: str) -> None:
    """The oracle accepts the right answer, and none that is 1 W beside it."""
    site, right_w = BY_HAND[name]
    relief_w = [x - b for x, b in zip(relieved(site)[0], site.base_w(), strict=True)]
    assert judge(site, right_w, relief_w).faults == []
    assert allocated(site).powers_w == pytest.approx(right_w, abs=1e-6)
    for i in range(len(right_w)):
        for off_w in (-1.0, 1.0):
            beside_w = [x + off_w * (k == i) for k, x in enumerate(right_w)]
            assert judge(site, beside_w, relief_w).faults


def _task(seed: int, kind: str, split: str) -> Fill:
    site = random_site(seed, kind, split)
    return fill(site, start(site, relieved(site)[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_formula_of_what_a_set_can_deliver(kind: str) -> None:
    """It stands in for a linear programme where every subset is tried."""
    for seed in range(100):
        task = _task(seed, kind, "efficient")
        assert deliverable_by(task, range(len(task.most_w))) == pytest.approx(deliverable(task), abs=1e-6)


def test_optimality_conditions_refuse_an_unequal_split() -> None:
    task = _task(0, "nested", "fair")
    task = replace(task, most_w=[500.0, 500.0], free_w=[0.0, 0.0], size_w=[1000.0, 1000.0])
    task = replace(task, shares=[(1.0, 0.0, 0.0)] * 2, room_w=(600.0, 600.0, 600.0), wanted_w=900.0)
    assert unfairness(task, [300.0, 300.0], range(2)) == 0.0
    assert unfairness(task, [310.0, 290.0], range(2)) == pytest.approx(10.0)
