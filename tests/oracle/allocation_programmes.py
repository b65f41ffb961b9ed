"""What the allocation must be, solved by HiGHS from the definition of the problem.

Independent of the product: nothing here is shared with the closed forms that it judges. In the order of the
definition: least relief (`relieved`), where unassigned units go first (`start`), how much can be delivered
(`Fill`), and which units deliver it (`lexicographic`, `smallest_set`). Equal shares: `allocation_fairness`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import highspy
import numpy as np
from allocation_sites import PHASE_NAMES, THREE_PHASE, UNASSIGNED, AllocationSite, share

SLACK_W = 1e-9
"""How much an objective that is met may be missed by while the next one is optimised: far below what the
tests tell apart (1e-6 W), far above the rounding of sums of some 10 kW (1e-12 W)."""

Row = Sequence[float]


def new_solver() -> highspy.Highs:
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # the package leaves its constructor untyped
    highs.silent()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("primal_feasibility_tolerance", 1e-10)
    return highs


class Programme:
    """A linear programme over columns >= 0, solved again and again with another objective."""

    def __init__(self) -> None:
        self._highs = new_solver()
        self._highs.setOptionValue("solver", "simplex")
        # Some twenty columns: looking at them first costs more than solving.
        self._highs.setOptionValue("presolve", "off")
        self._highs.setOptionValue("dual_feasibility_tolerance", 1e-10)
        self._columns = np.arange(0, dtype=np.int32)

    def load(self, most: Row, rows: Sequence[Row], row_least: Row, row_most: Row) -> None:
        """Columns between 0 and `most`; every row of coefficients between its two ends."""
        count = len(most)
        self._columns = np.arange(count, dtype=np.int32)
        self._highs.clearModel()
        self._highs.addVars(count, np.zeros(count), np.array(most, dtype=float))
        for row, least, at_most in zip(rows, row_least, row_most, strict=True):
            used = np.flatnonzero(row).astype(np.int32)
            self._highs.addRow(least, at_most, len(used), used, np.array(row, dtype=float)[used])

    def minimise(self, costs: Mapping[int, float]) -> list[float]:
        vector = np.zeros(len(self._columns))
        for column, cost in costs.items():
            vector[column] = cost
        self._highs.changeColsCost(len(vector), self._columns, vector)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError(f"HiGHS: {self._highs.modelStatusToString(status)}")
        return list(self._highs.getSolution().col_value)

    def maximise(self, columns: Sequence[int]) -> list[float]:
        return self.minimise(dict.fromkeys(columns, -1.0))

    def fix(self, column: int, value: float) -> None:
        """But for `SLACK_W`: exactly fixed columns, each at the edge of the feasible, end up outside it."""
        self._highs.changeColBounds(column, max(0.0, value - SLACK_W), max(0.0, value))

    def limit_row(self, row: int, least: float, most: float) -> None:
        self._highs.changeRowBounds(row, least, most)


@cache
def programme_for(name: str) -> Programme:
    """One per purpose: setting up HiGHS costs more than solving such a small programme."""
    return Programme()


def phase_sums(site: AllocationSite, powers_w: Sequence[float]) -> list[float]:
    """Per phase, the power of the assigned units (an unassigned one counts nowhere)."""
    return [
        math.fsum(share(unit, p) * power_w for unit, power_w in zip(site.units, powers_w, strict=True))
        for p in range(3)
    ]


def violation(site: AllocationSite, powers_w: Sequence[float]) -> float:
    """By how much the assigned units are outside the boxes, summed over the phases."""
    sums_w = phase_sums(site, powers_w)
    return math.fsum(
        max(0.0, total_w - box[1], box[0] - total_w)
        for total_w, box in zip(sums_w, site.phase_boxes, strict=True)
        if box is not None
    )


def relieved(site: AllocationSite) -> tuple[list[float], float]:
    """Powers after relief (unassigned units as they were), and the violation that no power can take away.

    In this order of importance: least violation; least movement of three-phase units; least movement of
    the others; who moves, by the order of its direction.
    """
    base_w = site.base_w()
    if violation(site, base_w) == 0.0:
        return base_w, 0.0
    n = len(site.units)
    three = [i for i, unit in enumerate(site.units) if unit.phase == THREE_PHASE]
    single = [i for i, unit in enumerate(site.units) if unit.phase in PHASE_NAMES]
    outside = range(2 * n, 2 * n + 6)
    programme = _load_relief(site, base_w)
    least = sum(programme.minimise(dict.fromkeys(outside, 1.0))[c] for c in outside)
    programme.limit_row(3, 0.0, least + SLACK_W)
    for row, movers in ((4, three), (5, single)):
        columns = movers + [n + i for i in movers]
        moved_w = programme.minimise(dict.fromkeys(columns, 1.0))
        programme.limit_row(row, 0.0, sum(moved_w[c] for c in columns) + SLACK_W)
    columns = [n + i for i in site.down if i in (*three, *single)] + [
        i for i in site.up if i in (*three, *single)
    ]
    moves_w = [0.0] * (2 * n)
    for column in columns:
        moves_w[column] = programme.maximise([column])[column]
        programme.fix(column, moves_w[column])
    return [base_w[i] + moves_w[i] - moves_w[n + i] for i in range(n)], least


def _load_relief(site: AllocationSite, base_w: Sequence[float]) -> Programme:
    """Columns: n moves up, n moves down, per phase above and below its box.

    Rows: 0-2 the phases, 3 the violation, 4 and 5 the movement of three-phase and of single-phase units.
    """
    n = len(site.units)
    most = [u.can_hi_w - b for u, b in zip(site.units, base_w, strict=True)]
    most += [b - u.can_lo_w for u, b in zip(site.units, base_w, strict=True)]
    most += [math.inf] * 6
    rows = [[0.0] * len(most) for _ in range(6)]
    sums_w = phase_sums(site, base_w)
    ends = []
    for p, box in enumerate(site.phase_boxes):
        for i, unit in enumerate(site.units):
            rows[p][i], rows[p][n + i] = share(unit, p), -share(unit, p)
        rows[p][2 * n + 2 * p], rows[p][2 * n + 2 * p + 1] = -1.0, 1.0
        ends.append((box[0] - sums_w[p], box[1] - sums_w[p]) if box is not None else (-math.inf, math.inf))
    rows[3][2 * n :] = [1.0] * 6
    for i, unit in enumerate(site.units):
        if unit.phase != UNASSIGNED:
            row = rows[4 if unit.phase == THREE_PHASE else 5]
            row[i] = row[n + i] = 1.0
    ends += [(0.0, math.inf)] * 3
    programme = programme_for("relief")
    programme.load(most, rows, [end[0] for end in ends], [end[1] for end in ends])
    return programme


@dataclass(frozen=True)
class Start:
    """Where the fill begins."""

    powers_w: list[float]
    """Per unit: x0 for assigned ones, b' for unassigned ones."""
    used_up_w: float
    used_down_w: float
    """Room that the unassigned units already took on every phase."""


def is_worst_case(site: AllocationSite, i: int) -> bool:
    """Whether the unit may be on any phase: then it counts on each that has a box."""
    return site.worst_case and site.units[i].phase == UNASSIGNED


def start(site: AllocationSite, relieved_w: Sequence[float]) -> Start:
    """Unassigned units under worst-case go from where they were towards their base, as far as there is room.

    What their physical box forces comes first, whatever the room.
    """
    powers_w = list(relieved_w)
    base_w = site.base_w()
    sums_w = phase_sums(site, relieved_w)
    boxed = [(total_w, box) for total_w, box in zip(sums_w, site.phase_boxes, strict=True) if box is not None]
    used_w = []
    for direction, order, end in ((1, site.up, 1), (-1, site.down, 0)):
        room_w = min((max(0.0, direction * (box[end] - total_w)) for total_w, box in boxed), default=math.inf)
        movers = [
            i for i in order if is_worst_case(site, i) and direction * (base_w[i] - site.units[i].at_w) > 0
        ]
        moved_w = {}
        for i in movers:
            unit = site.units[i]
            forced_w = max(0.0, unit.can_lo_w - unit.at_w, unit.at_w - unit.can_hi_w)
            moved_w[i] = forced_w
        left_w = max(0.0, room_w - sum(moved_w.values()))
        for i in movers:
            more_w = min(abs(base_w[i] - site.units[i].at_w) - moved_w[i], left_w)
            moved_w[i] += more_w
            left_w -= more_w
            powers_w[i] = site.units[i].at_w + direction * moved_w[i]
        used_w.append(sum(moved_w.values()))
    return Start(powers_w, used_w[0], used_w[1])


@dataclass(frozen=True)
class Fill:
    """What is left to do after the start, mirrored so that every move is upwards, W."""

    direction: int
    wanted_w: float
    order: tuple[int, ...]
    most_w: list[float]
    """Per unit, the way to the end of its strategy box."""
    free_w: list[float]
    """Of that, what takes no room: an unassigned unit on its way back to where it was."""
    shares: list[tuple[float, float, float]]
    """Per unit, what a watt of it takes on each phase."""
    room_w: tuple[float, float, float]
    """Per phase; infinite without a box."""
    size_w: list[float]

    @property
    def is_nested(self) -> bool:
        """Whether every unit takes room on one phase at most, watt for watt."""
        boxed = [p for p in range(3) if math.isfinite(self.room_w[p])]
        return not boxed or all(
            parts.count(0.0) >= 2 and parts[p] in (0.0, 1.0) for parts in self.shares for p in boxed
        )


def _beyond_rounding(value_w: float) -> float:
    """What successive programmes leave of something used up is nothing."""
    return value_w if value_w > 20 * SLACK_W else 0.0


def fill(site: AllocationSite, begin: Start) -> Fill:
    """The second stage, for the direction in which the wanted sum lies."""
    left_w = site.wanted_w - math.fsum(begin.powers_w)
    direction = 1 if left_w >= 0 else -1
    end, used_w = (1, begin.used_up_w) if direction > 0 else (0, begin.used_down_w)
    sums_w = phase_sums(site, begin.powers_w)
    room_w = [
        _beyond_rounding(direction * (box[end] - total_w) - used_w) if box is not None else math.inf
        for total_w, box in zip(sums_w, site.phase_boxes, strict=True)
    ]
    most_w, free_w, shares = [], [], []
    for i, (unit, power_w) in enumerate(zip(site.units, begin.powers_w, strict=True)):
        worst_case = is_worst_case(site, i)
        way_w = max(0.0, direction * ((unit.hi_w if direction > 0 else unit.lo_w) - power_w))
        back_w = max(0.0, direction * (unit.at_w - power_w)) if worst_case else 0.0
        most_w.append(_beyond_rounding(way_w))
        free_w.append(_beyond_rounding(min(way_w, back_w)))
        shares.append((1.0, 1.0, 1.0) if worst_case else (share(unit, 0), share(unit, 1), share(unit, 2)))
    return Fill(
        direction,
        abs(left_w),
        site.up if direction > 0 else site.down,
        most_w,
        free_w,
        shares,
        (room_w[0], room_w[1], room_w[2]),
        [unit.size_w for unit in site.units],
    )


def _load_fill(task: Fill, allowed: Sequence[int]) -> Programme:
    """Columns: n moves that take room, n that take none. Rows: 0-2 the phases, 3 the total."""
    n = len(task.most_w)
    free = [task.free_w[i] if i in allowed else 0.0 for i in range(n)]
    paid = [task.most_w[i] - free[i] if i in allowed else 0.0 for i in range(n)]
    rows = [[task.shares[i][p] for i in range(n)] + [0.0] * n for p in range(3)] + [[1.0] * (2 * n)]
    programme = programme_for("fill")
    programme.load(paid + free, rows, [-math.inf] * 3 + [0.0], [*task.room_w, task.wanted_w])
    return programme


def deliverable(task: Fill) -> float:
    """The most that all units together can deliver of what is wanted, W."""
    units = range(len(task.most_w))
    return math.fsum(_load_fill(task, units).maximise(range(2 * len(units))))


def lexicographic(task: Fill, delivered_w: float) -> list[float]:
    """Moves: the first in the order as much as it can without lowering the total, then the second..."""
    n = len(task.most_w)
    programme = _load_fill(task, range(n))
    programme.maximise(range(2 * n))
    programme.limit_row(3, delivered_w - SLACK_W, delivered_w + SLACK_W)
    moves_w = [0.0] * n
    for i in task.order:
        solution = programme.maximise([i, n + i])
        moves_w[i] = solution[i] + solution[n + i]
        programme.fix(n + i, min(moves_w[i], task.free_w[i]))
        programme.fix(i, max(0.0, moves_w[i] - task.free_w[i]))
    return moves_w


def deliverable_by(task: Fill, chosen: Sequence[int]) -> float:
    """The most that these units can deliver together, by a formula: a subset for every LP would be slow.

    Let u be what three-phase and unassigned units take on every phase. Single-phase units then have
    `room - u` each; of u, three-phase units make 3 W a watt and unassigned ones 1 W. The sum is concave and
    piecewise linear in u, so that one of its bends is the best.
    """
    own_w = [0.0, 0.0, 0.0]
    thirds_w = anywhere_w = free_w = 0.0
    for i in chosen:
        parts = task.shares[i]
        free_w += task.free_w[i]
        if parts == (1.0, 1.0, 1.0):
            anywhere_w += task.most_w[i] - task.free_w[i]
        elif sum(parts) == 0.0:
            free_w += task.most_w[i]
        elif 1.0 in parts:
            own_w[parts.index(1.0)] += task.most_w[i]
        else:
            thirds_w += task.most_w[i] / 3
    end_w = min(thirds_w + anywhere_w, *task.room_w)

    def total_w(u: float) -> float:
        own = sum(min(most, room - u) for most, room in zip(own_w, task.room_w, strict=True))
        return own + 3 * min(u, thirds_w) + max(0.0, u - thirds_w) + free_w

    bends = [0.0, end_w, thirds_w, *(room - most for most, room in zip(own_w, task.room_w, strict=True))]
    return min(task.wanted_w, max(total_w(u) for u in bends if 0.0 <= u <= end_w))


def smallest_set(task: Fill, delivered_w: float, tolerance_w: float) -> tuple[int, ...]:
    """The fewest units that can deliver that much, earliest in the order first, by trying every set."""
    movable = [i for i in task.order if task.most_w[i] > 0]
    for size in range(len(movable) + 1):
        for chosen in combinations(movable, size):
            if deliverable_by(task, chosen) >= delivered_w - tolerance_w:
                return chosen
    raise AssertionError(f"all together deliver less than {delivered_w} W")
