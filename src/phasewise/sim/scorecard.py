"""Quality of control as numbers: every scenario, some seeds, against what must be reached."""

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import product

from msgspec import Struct
from msgspec.structs import replace

from phasewise import __version__
from phasewise.config import ConfigError, Problem
from phasewise.control.strategies import Strategy
from phasewise.sim.entries import Metric, MetricKind
from phasewise.sim.metrics import measure
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, load_packaged, packaged_names

BOUNDED = frozenset(
    {
        MetricKind.SETTLE,
        MetricKind.IMPORT,
        MetricKind.EXPORT,
        MetricKind.EXCHANGED,
        MetricKind.OVERSHOOT,
        MetricKind.RMS,
    }
)
"""What knowing the future makes better; it says nothing of writes, or of what to do without a meter."""
OTHERS = (ControllerName.DO_NOTHING, ControllerName.PID)

STABILITY_OF = "step-d1.5"
DEAD_TIMES_S = (0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
RAMPS_W_S = (500.0, 1250.0, 2500.0, 12_500.0)
CADENCES_S = (1.0, 2.0, 5.0, 10.0)
STABILITY_SEEDS = 2


class Line(Struct, frozen=True):
    """One figure of the scorecard."""

    version: str
    row: str
    """Name of the scenario."""
    title: str
    metric: str
    unit: str
    value: float | None
    """Median over the seeds; null = never, such as never settled."""
    must: float | None
    goal: float | None
    bound: float | None
    """Of the controller that knows the future; null where that says nothing."""
    compared: dict[str, float | None] = {}
    """The same figure of other controllers, where asked for."""

    @property
    def failed(self) -> bool:
        """Whether it misses what it must reach."""
        return self.must is not None and (self.value is None or self.value > self.must)

    @property
    def mark(self) -> str:
        """FAIL, ok, goal (reached that too), or nothing where there is nothing to reach."""
        if self.must is None:
            return ""
        if self.failed:
            return "FAIL"
        return "goal" if self.goal is not None and (self.value or 0.0) <= self.goal else "ok"


class Scorer:
    """Runs scenarios and takes medians."""

    def __init__(
        self,
        strategies: Mapping[str, Strategy],
        *,
        controller: ControllerName = ControllerName.OURS,
        seeds: int | None = None,
        compare: bool = False,
    ) -> None:
        """`seeds`: at most this many; a scenario says how many it has. `compare`: with other controllers."""
        self._strategies = strategies
        self._controller = controller
        self._seeds = seeds
        self._others = [name for name in OTHERS if compare and name is not controller]

    def lines(self, loaded: Loaded) -> list[Line]:
        """Every figure of one scenario."""
        metrics = loaded.scenario.metrics
        values = self._medians(loaded, self._controller)
        others = {name.value: self._medians(loaded, name) for name in self._others}
        bounds = self._bounds(loaded)
        return [
            _line(loaded, metric, values[i], bounds[i], {name: of[i] for name, of in others.items()})
            for i, metric in enumerate(metrics)
        ]

    def _medians(self, loaded: Loaded, name: ControllerName) -> list[float]:
        seeds = loaded.scenario.seeds
        count = seeds if self._seeds is None else min(seeds, self._seeds)
        runs = [
            measure(run(loaded, name, self._strategies, seed=seed), loaded.scenario) for seed in range(count)
        ]
        return [statistics.median(of_metric) for of_metric in zip(*runs, strict=True)]

    def _bounds(self, loaded: Loaded) -> list[float | None]:
        metrics = loaded.scenario.metrics
        if loaded.scenario.faults or not any(metric.kind in BOUNDED for metric in metrics):
            return [None] * len(metrics)
        # The future needs no meter, so one seed is as good as another.
        trace = run(loaded, ControllerName.CLAIRVOYANT, self._strategies)
        values = measure(trace, loaded.scenario)
        return [
            value if metric.kind in BOUNDED else None for metric, value in zip(metrics, values, strict=True)
        ]


def _line(
    loaded: Loaded, metric: Metric, value: float, bound: float | None, others: dict[str, float]
) -> Line:
    return Line(
        version=__version__,
        row=loaded.name,
        title=loaded.scenario.title,
        metric=metric.name,
        unit=metric.kind.unit,
        value=_finite(value),
        must=metric.must,
        goal=metric.goal,
        bound=None if bound is None else _finite(bound),
        compared={name: _finite(of) for name, of in others.items()},
    )


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def chosen(only: Sequence[str]) -> list[Loaded]:
    """The packaged scenarios whose names contain one of `only`; all of them when it is empty.

    Raises ConfigError when a word fits none.
    """
    names = packaged_names()
    for word in only:
        if not any(word in name for name in names):
            message = "no row of the scorecard has this in its name"
            raise ConfigError([Problem(word, None, None, "", None, message, ", ".join(names))])
    return [load_packaged(n) for n in names if not only or any(word in n for word in only)]


def table(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text for people: each scenario's title, and under it its figures."""
    others = list(lines[0].compared) if lines else []
    header = ["", "measured", "must", "goal", "bound", *others, ""]
    rows: list[list[str]] = []
    row = None
    for line in lines:
        if line.row != row:
            row = line.row
            rows.append([line.title, *[""] * (len(header) - 1)])
        limits = ["" if limit is None else _text(limit) for limit in (line.must, line.goal, line.bound)]
        compared = [_text(line.compared[name]) for name in others]
        value = _text(line.value) + (f" {line.unit}" if line.value is not None else "")
        rows.append([f"  {line.metric}", value, *limits, *compared, line.mark])
    return header, rows


def _text(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


class Cell(Struct, frozen=True):
    """One place of the stability map: how long a step of 3 kW takes there, up or down, at worst."""

    dead_time_s: float
    ramp_w_s: float
    cadence_s: float
    settle_s: float | None
    """Null = never."""


def stability(strategies: Mapping[str, Strategy]) -> list[Cell]:
    """Where the step settles, over dead time x ramp x meter cadence."""
    cells = []
    for cadence_s, ramp_w_s, dead_time_s in product(CADENCES_S, RAMPS_W_S, DEAD_TIMES_S):
        settle_s = _settles(strategies, dead_time_s, ramp_w_s, cadence_s)
        cells.append(Cell(dead_time_s, ramp_w_s, cadence_s, _finite(settle_s)))
    return cells


def _settles(
    strategies: Mapping[str, Strategy], dead_time_s: float, ramp_w_s: float, cadence_s: float
) -> float:
    loaded = load_packaged(STABILITY_OF)
    scenario = loaded.scenario
    scenario = replace(
        scenario,
        batteries=tuple(
            replace(battery, dead_time_s=dead_time_s, ramp_w_s=ramp_w_s) for battery in scenario.batteries
        ),
        meter=replace(scenario.meter, cadence_s=cadence_s),
        metrics=tuple(metric for metric in scenario.metrics if metric.kind is MetricKind.SETTLE),
    )
    varied = replace(loaded, scenario=scenario)
    runs = (run(varied, ControllerName.OURS, strategies, seed=seed) for seed in range(STABILITY_SEEDS))
    return max(max(measure(trace, scenario)) for trace in runs)
