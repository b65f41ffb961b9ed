"""Equal shares, three ways: conditions of optimality, HiGHS' quadratic solver, and filling step by step."""

import math
from collections.abc import Iterator, Sequence
from functools import cache

import highspy
import numpy as np
from allocation_programmes import SLACK_W, Fill, Programme, deliverable_by, new_solver, programme_for

AT_ITS_END_W = 1e-6
"""Nearer to its end than this, a unit or a phase is at it."""


def unfairness(task: Fill, moves_w: Sequence[float], allowed: Sequence[int]) -> float:
    """How far moves on a nested site are from the optimality conditions of least sum of move^2 / size, W.

    With r = move / size: all units of a group that are not at their end have the same r, none at its end
    has more; the group of those bound by no full phase has the highest r of all.
    """
    units = [i for i in allowed if task.most_w[i] > 0]
    full = [
        math.isfinite(room_w)
        and math.fsum(moves_w[i] for i in units if task.shares[i][p] > 0) >= room_w - AT_ITS_END_W
        for p, room_w in enumerate(task.room_w)
    ]
    groups = [[i for i in units if full[p] and task.shares[i][p] > 0] for p in range(3)]
    unbound = [i for i in units if not any(i in group for group in groups)]
    off_w = 0.0
    highest = _level(task, moves_w, unbound, math.inf)
    for group in (*groups, unbound):
        level = _level(task, moves_w, group, highest)
        for i in group:
            equal_w = level * task.size_w[i]
            if moves_w[i] < task.most_w[i] - AT_ITS_END_W:
                off_w = max(off_w, abs(moves_w[i] - equal_w), (level - highest) * task.size_w[i])
            else:
                off_w = max(off_w, moves_w[i] - equal_w)
    return off_w


def _level(task: Fill, moves_w: Sequence[float], group: Sequence[int], otherwise: float) -> float:
    """Common move / size of the units that are not at their end."""
    moving = [i for i in group if moves_w[i] < task.most_w[i] - AT_ITS_END_W]
    if not moving:
        return otherwise
    return sum(moves_w[i] for i in moving) / sum(task.size_w[i] for i in moving)


class QuadraticProgramme:
    """Least sum of move^2 / size over a nested site."""

    def __init__(self) -> None:
        self._highs = new_solver()
        # The default would make it solve a slightly other problem.
        self._highs.setOptionValue("qp_regularization_value", 0.0)

    def solve(
        self, task: Fill, units: Sequence[int], delivered_w: float, scale: Sequence[float]
    ) -> list[float] | None:
        """Moves of these units in W, None where HiGHS gives up; a column is a move in kW over its `scale`."""
        n = len(units)
        factors = np.array(scale)
        highs = self._highs
        highs.clearModel()
        highs.addVars(n, np.zeros(n), np.array([task.most_w[i] for i in units]) / 1e3 / factors)
        for p, room_w in enumerate(task.room_w):
            used = np.array([k for k, i in enumerate(units) if task.shares[i][p] > 0], dtype=np.int32)
            if math.isfinite(room_w) and len(used):
                highs.addRow(-math.inf, room_w / 1e3, len(used), used, factors[used])
        highs.addRow((delivered_w - SLACK_W) / 1e3, math.inf, n, np.arange(n, dtype=np.int32), factors)
        hessian = highspy.HighsHessian()
        hessian.dim_ = n
        hessian.start_ = np.arange(n + 1, dtype=np.int32)
        hessian.index_ = np.arange(n, dtype=np.int32)
        hessian.value_ = factors**2 * 1e3 / np.array([task.size_w[i] for i in units])
        highs.passHessian(hessian)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return [1e3 * float(move) for move in factors * np.array(highs.getSolution().col_value)]


@cache
def _quadratic() -> QuadraticProgramme:
    return QuadraticProgramme()


def fairest(task: Fill, allowed: Sequence[int], delivered_w: float) -> Iterator[list[float]]:
    """The one split of a nested site with the least sum of move^2 / size, W, as HiGHS (1.15) finds it.

    One in some 10,000 times it gives up or is 0.01 W beside it, so there are up to two answers: with columns
    scaled to a plain sum of squares, and as they are.
    """
    units = [i for i in allowed if task.most_w[i] > 0]
    sizes = [task.size_w[i] / 1e3 for i in units]
    for scale in ([math.sqrt(size) for size in sizes], [1.0] * len(units)):
        solution = _quadratic().solve(task, units, delivered_w, scale) if len(units) > 1 else [delivered_w]
        if solution is not None:
            moves_w = [0.0] * len(task.most_w)
            for i, move_w in zip(units, solution, strict=False):  # without units there is nothing to split
                moves_w[i] = move_w
            yield moves_w


def evenest(task: Fill, allowed: Sequence[int], delivered_w: float) -> list[float]:
    """Progressive filling on any site, coupled ones as well: all moves rise at rates proportional to size, W.

    A unit stops where no split that delivers the total gives it more without giving less to one that has
    no more than it: its phase is full, it is at its end, or going on would cost others more than it gives.
    """
    n = len(task.most_w)
    delivered_w = min(delivered_w, deliverable_by(task, allowed))
    settled_w = {i: 0.0 for i in range(n) if i not in allowed or task.most_w[i] == 0.0}
    level_column = 2 * n
    while len(settled_w) < n:
        rising = [i for i in range(n) if i not in settled_w]
        programme = _load_rising(task, settled_w, delivered_w)
        level = programme.maximise([level_column])[level_column]
        programme.fix(level_column, level)
        spare_w = {}
        for i in rising:
            solution = programme.maximise([i, n + i])
            spare_w[i] = solution[i] + solution[n + i] - level * task.size_w[i]
        stopped = [i for i in rising if spare_w[i] <= AT_ITS_END_W] or [min(rising, key=spare_w.__getitem__)]
        settled_w |= {i: level * task.size_w[i] for i in stopped}
    return [settled_w[i] for i in range(n)]


def _load_rising(task: Fill, settled_w: dict[int, float], delivered_w: float) -> Programme:
    """Columns: n moves that take room, n that take none, the level. Rows: phases, total, then every unit."""
    n = len(task.most_w)
    used = [settled_w.get(i, 1.0) > 0 for i in range(n)]
    free = [task.free_w[i] * used[i] for i in range(n)]
    paid = [task.most_w[i] * used[i] - free[i] for i in range(n)]
    rows = [[task.shares[i][p] for i in range(n)] + [0.0] * (n + 1) for p in range(3)]
    rows.append([1.0] * (2 * n) + [0.0])
    ends = [(-math.inf, room_w) for room_w in task.room_w] + [(delivered_w - SLACK_W, delivered_w + SLACK_W)]
    for i in range(n):
        row = [0.0] * (2 * n + 1)
        row[i] = row[n + i] = 1.0
        if i not in settled_w:
            row[2 * n] = -task.size_w[i]
        rows.append(row)
        # A unit is settled where it could rise by up to `AT_ITS_END_W`: it may still.
        settled = settled_w.get(i)
        around = (
            (settled - 10 * SLACK_W, settled + 2 * AT_ITS_END_W) if settled is not None else (0.0, math.inf)
        )
        ends.append(around)
    programme = programme_for("rising")
    programme.load([*paid, *free, math.inf], rows, [end[0] for end in ends], [end[1] for end in ends])
    return programme
