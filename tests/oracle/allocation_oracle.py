"""Judge an allocation: is it what the definition demands? Says what is wrong, and by how much."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from allocation_fairness import evenest, fairest, unfairness
from allocation_programmes import (
    Fill,
    deliverable,
    fill,
    lexicographic,
    relieved,
    smallest_set,
    start,
    violation,
)
from allocation_sites import AllocationSite

TOLERANCE_W = 1e-6
COUPLED_TOLERANCE_W = 1e-5
"""On coupled sites, how much further a unit may be from its place in the order: of a total that may be short
by `TOLERANCE_W`, every watt allows several in one unit."""
QUADRATIC_TOLERANCE_W = 1e-4
"""What HiGHS' own quadratic solver reaches; the optimality conditions are checked to `TOLERANCE_W`."""
SETS_W = (1e-6, 1e-9)
"""Where a set of units can deliver the total by this little, either answer is right."""


@dataclass
class Judgement:
    """What is wrong with one answer (nothing: it is right), and the worst deviations found, W."""

    site: AllocationSite
    faults: list[str] = field(default_factory=list)
    objective_off_w: float = 0.0
    power_off_w: float = 0.0
    quadratic_off_w: float = 0.0
    quadratic_unsolved: bool = False
    """HiGHS' quadratic solver gave up."""

    def need(self, holds: bool, fault: Callable[[], str]) -> None:
        if not holds:
            self.faults.append(fault())

    def __str__(self) -> str:
        return "\n  ".join([f"{self.site}", *self.faults])


def judge(site: AllocationSite, powers_w: Sequence[float], relief_w: Sequence[float]) -> Judgement:
    """Compare powers and relief (in the order of the units) with what HiGHS finds."""
    judgement = Judgement(site)
    _judge_physics(judgement, powers_w)
    relieved_w, least_w = relieved(site)
    _judge_relief(judgement, powers_w, relief_w, relieved_w, least_w)
    begin = start(site, relieved_w)
    task = fill(site, begin)
    delivered_w = deliverable(task)
    objective_w = abs(site.wanted_w - math.fsum(powers_w))
    judgement.objective_off_w = abs(objective_w - (task.wanted_w - delivered_w))
    judgement.need(
        judgement.objective_off_w <= TOLERANCE_W,
        lambda: f"objective: misses {objective_w} W, least possible {task.wanted_w - delivered_w} W",
    )
    moves_w = [task.direction * (x - x0) for x, x0 in zip(powers_w, begin.powers_w, strict=True)]
    _judge_moves(judgement, task, moves_w)
    match site.split:
        case "priority":
            _judge_priority(judgement, task, moves_w, delivered_w)
        case "efficient":
            _judge_efficient(judgement, task, moves_w, delivered_w)
        case _:
            _judge_fair(judgement, task, moves_w, delivered_w, range(len(moves_w)))
    return judgement


def _judge_physics(judgement: Judgement, powers_w: Sequence[float]) -> None:
    for i, (unit, power_w) in enumerate(zip(judgement.site.units, powers_w, strict=True)):
        inside = unit.can_lo_w - TOLERANCE_W <= power_w <= unit.can_hi_w + TOLERANCE_W
        judgement.need(inside, partial("physics: unit {} at {} W".format, i, power_w))


def _judge_relief(
    judgement: Judgement,
    powers_w: Sequence[float],
    relief_w: Sequence[float],
    relieved_w: Sequence[float],
    least_w: float,
) -> None:
    site = judgement.site
    for i, (base_w, given_w, right_w) in enumerate(zip(site.base_w(), relief_w, relieved_w, strict=True)):
        off_w = abs(given_w - (right_w - base_w))
        judgement.power_off_w = max(judgement.power_off_w, off_w)
        fault = partial("relief: unit {} gives {} W, should be {} W".format, i, given_w, right_w - base_w)
        judgement.need(off_w <= TOLERANCE_W, fault)
    left_w = violation(site, powers_w)
    judgement.need(
        abs(left_w - least_w) <= TOLERANCE_W,
        lambda: f"violation: {left_w} W outside the phase boxes, least possible {least_w} W",
    )


def _judge_moves(judgement: Judgement, task: Fill, moves_w: Sequence[float]) -> None:
    """Every unit only in the direction of the fill, within its strategy box; the phases within their room."""
    for i, (move_w, most_w) in enumerate(zip(moves_w, task.most_w, strict=True)):
        fault = partial(
            "move: unit {} moves {} W in the direction of the fill, at most {} W".format, i, move_w, most_w
        )
        judgement.need(-TOLERANCE_W <= move_w <= most_w + TOLERANCE_W, fault)
    for p, room_w in enumerate(task.room_w):
        used_w = math.fsum(
            parts[p] * max(0.0, move_w - free_w)
            for parts, move_w, free_w in zip(task.shares, moves_w, task.free_w, strict=True)
        )
        fault = partial("room: {} W taken on L{}, there is {} W".format, used_w, p + 1, room_w)
        judgement.need(used_w <= room_w + TOLERANCE_W, fault)


def _judge_priority(judgement: Judgement, task: Fill, moves_w: Sequence[float], delivered_w: float) -> None:
    right_w = lexicographic(task, delivered_w)
    off_w = max(abs(move - right) for move, right in zip(moves_w, right_w, strict=True))
    judgement.power_off_w = max(judgement.power_off_w, off_w)
    tolerance_w = TOLERANCE_W if task.is_nested else COUPLED_TOLERANCE_W
    judgement.need(off_w <= tolerance_w, lambda: f"priority: moves {list(moves_w)} W, should be {right_w} W")


def _judge_efficient(judgement: Judgement, task: Fill, moves_w: Sequence[float], delivered_w: float) -> None:
    moved = {i for i, move_w in enumerate(moves_w) if abs(move_w) > TOLERANCE_W}
    sets = [smallest_set(task, delivered_w, tolerance_w) for tolerance_w in SETS_W]
    chosen = next((chosen for chosen in sets if moved <= set(chosen)), None)
    if chosen is None:
        fault = f"efficient: units {sorted(moved)} move, should be {sets[0]} (order {task.order})"
        judgement.faults.append(fault)
        return
    _judge_fair(judgement, task, moves_w, delivered_w, chosen)


def _judge_fair(
    judgement: Judgement, task: Fill, moves_w: Sequence[float], delivered_w: float, allowed: Sequence[int]
) -> None:
    if not task.is_nested:
        right_w = evenest(task, allowed, delivered_w)
        off_w = max(abs(move - right) for move, right in zip(moves_w, right_w, strict=True))
        judgement.power_off_w = max(judgement.power_off_w, off_w)
        judgement.need(
            off_w <= COUPLED_TOLERANCE_W, lambda: f"fair: moves {list(moves_w)} W, should be {right_w} W"
        )
        return
    off_w = unfairness(task, moves_w, allowed)
    judgement.power_off_w = max(judgement.power_off_w, off_w)
    judgement.need(off_w <= TOLERANCE_W, lambda: f"fair: {off_w} W from equal shares, moves {list(moves_w)}")
    _judge_squares(judgement, task, moves_w, delivered_w, allowed)


def _judge_squares(
    judgement: Judgement, task: Fill, moves_w: Sequence[float], delivered_w: float, allowed: Sequence[int]
) -> None:
    """The same again by HiGHS' quadratic solver; where it gives up, the conditions have decided."""

    def squares(powers_w: Sequence[float]) -> float:
        return sum(power_w**2 / size_w for power_w, size_w in zip(powers_w, task.size_w, strict=True))

    closest_w = math.inf
    for right_w in fairest(task, allowed, delivered_w):
        off_w = max(abs(move - right) for move, right in zip(moves_w, right_w, strict=True))
        closest_w = min(closest_w, off_w)
        given, least = squares(moves_w), squares(right_w)
        judgement.need(
            given <= least * (1 + 1e-6) + TOLERANCE_W,
            partial("fair: sum of squares {}, the quadratic programme reaches {}".format, given, least),
        )
        if off_w <= QUADRATIC_TOLERANCE_W:
            break
    if not math.isfinite(closest_w):
        judgement.quadratic_unsolved = True
        return
    judgement.quadratic_off_w = closest_w
    judgement.need(
        closest_w <= QUADRATIC_TOLERANCE_W,
        lambda: f"fair: moves {list(moves_w)} W, {closest_w} W from the quadratic programme",
    )
