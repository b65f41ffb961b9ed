"""Controllers for the plant, through one seam: ours, none, a classic PID, one that knows the future."""

import heapq
import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.model import BatteryDecision, Decision, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.sim.battery import BatterySpec


class Ours:
    """The product: `decide` and its memory."""

    def __init__(self, settings: Settings, strategies: Mapping[str, Strategy]) -> None:
        """`strategies`: every selectable strategy by name."""
        self._settings = settings
        self._strategies = strategies
        self._memory = Memory()

    def control(self, snapshot: Snapshot) -> Decision:
        """One decision."""
        decision, self._memory = decide(snapshot, self._settings, self._memory, self._strategies)
        return decision


class DoNothing:
    """All batteries at 0 W: what the house is without them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def control(self, snapshot: Snapshot) -> Decision:
        """0 W."""
        return told(snapshot, self._settings, [0.0] * len(self._settings.batteries))


class PidGains(Struct, frozen=True):
    """Gains of the PID: on the grid total in W, time in seconds.

    By the SIMC rules (Skogestad, "Simple analytic rules for model reduction and PID controller
    tuning", Journal of Process Control 13, 2003) with tau_c = theta for the plant of the scorecard:
    gain 1, dead time theta = 2.5 s (meter 1 s, battery 1.5 s), lags 0.5 s (half a ramp) and 0.5 s
    (half a sampling interval). Kc = 0.5 / (2 theta) = 0.1, Ti = 0.5 s, Td = 0.5 s.
    """

    proportional: float = 0.1
    integral_per_s: float = 0.2
    derivative_s: float = 0.05


class Pid:
    """A classic PID on the measured grid total, in velocity form, split over the batteries by their size."""

    def __init__(self, settings: Settings, gains: PidGains = PidGains()) -> None:  # noqa: B008 - frozen
        self._settings = settings
        self._gains = gains
        self._sum_w = 0.0
        self._errors_w: list[float] = []
        self._seen_s: float | None = None

    def control(self, snapshot: Snapshot) -> Decision:
        """One step per new telegram; without one the batteries stay where they are."""
        if snapshot.grid is not None and snapshot.grid_is_new:
            error_w = self._settings.control.target_grid_w - snapshot.grid.total_power_w
            passed_s = snapshot.time_s - self._seen_s if self._seen_s is not None else 1.0
            self._seen_s = snapshot.time_s
            # Velocity form: it cannot wind up, because the sum itself is clipped.
            e0, e1, e2 = [error_w, *self._errors_w, error_w, error_w][:3]
            gains = self._gains
            self._sum_w += (
                gains.proportional * (e0 - e1)
                + gains.integral_per_s * passed_s * e0
                + gains.derivative_s * (e0 - 2.0 * e1 + e2) / passed_s
            )
            self._errors_w = [e0, e1]
        self._sum_w, powers_w = _fair(self._sum_w, self._settings, snapshot)
        return told(snapshot, self._settings, powers_w)


class Clairvoyant:
    """Knows the loads in advance, and each battery's dead time and ramp: the lower bound.

    It follows the plan that exchanges the least energy with the grid of all that these ramps allow.
    Has to be asked at every tick.
    """

    def __init__(
        self, settings: Settings, specs: Sequence[BatterySpec], loads_w: Sequence[float], tick_s: float
    ) -> None:
        """`loads_w`: total without batteries at every tick from time 0 on."""
        self._settings = settings
        self._specs = specs
        self._tick_s = tick_s
        most_w, least_w = sum(s.max_charge_w for s in specs), -sum(s.max_discharge_w for s in specs)
        target_w = settings.control.target_grid_w
        wanted_w = [min(max(target_w - load_w, least_w), most_w) for load_w in loads_w]
        slope_w_s = sum(_fastest_w_s(spec) for spec in specs)
        self._plan_w = nearest_path(wanted_w, slope_w_s * tick_s)

    def control(self, snapshot: Snapshot) -> Decision:
        """What each battery must be told now to be on the plan when it acts."""
        powers_w = []
        for index, spec in enumerate(self._specs):
            acts_at = round((snapshot.time_s + spec.dead_time_s) / self._tick_s)
            next_w = self._share_w(acts_at + 1, index, snapshot)
            if spec.lag_s:
                now_w = self._share_w(acts_at, index, snapshot)
                next_w = _lead(now_w, next_w, spec, self._tick_s)
            powers_w.append(next_w)
        return told(snapshot, self._settings, powers_w)

    def _share_w(self, at: int, index: int, snapshot: Snapshot) -> float:
        plan_w = self._plan_w[min(at, len(self._plan_w) - 1)]
        return _fair(plan_w, self._settings, snapshot)[1][index]


def _fastest_w_s(spec: BatterySpec) -> float:
    return max(spec.max_charge_w, spec.max_discharge_w) / spec.lag_s if spec.lag_s else spec.ramp_w_s


def _lead(now_w: float, next_w: float, spec: BatterySpec, tick_s: float) -> float:
    """The command that takes a unit with a first-order lag from `now_w` to `next_w` within a tick."""
    told_w = now_w + (next_w - now_w) / -math.expm1(-tick_s / spec.lag_s)
    return min(max(told_w, -spec.max_discharge_w), spec.max_charge_w)


def nearest_path(wanted: Sequence[float], step: float) -> list[float]:
    """Of all paths that change by at most `step` from one point to the next, one with the least sum of
    distances to `wanted`.

    Exact: the cost of ending a path at x is convex and piecewise linear in x, so two heaps of its
    breakpoints, drifting apart by `step` a point, hold all of it; then the best path is read backward.
    """
    left: list[float] = []  # breakpoints below the minimum, negated: a heap gives the least
    right: list[float] = []
    best: list[tuple[float, float]] = []
    for index, value in enumerate(wanted):
        drift = index * step
        heapq.heappush(left, -(value + drift))
        heapq.heappush(right, -heapq.heappop(left) - 2.0 * drift)
        heapq.heappush(right, value - drift)
        heapq.heappush(left, -(heapq.heappop(right) + 2.0 * drift))
        best.append((-left[0] - drift, right[0] + drift))
    path = [0.0] * len(wanted)
    low, high = float("-inf"), float("inf")
    for index in range(len(wanted) - 1, -1, -1):
        near = min(max(wanted[index], best[index][0]), best[index][1])
        path[index] = min(max(near, low), high)
        low, high = path[index] - step, path[index] + step
    return path


def _fair(sum_w: float, settings: Settings, snapshot: Snapshot) -> tuple[float, list[float]]:
    """The sum as far as the batteries can do it, and each one's part by size; full or empty ones rest."""
    room_w = []
    for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True):
        soc_pct = seen.reading.soc_pct if seen.reading is not None else None
        if soc_pct is None:
            room_w.append(0.0)
        elif sum_w > 0:
            room_w.append(battery.max_charge_w if soc_pct < battery.max_soc_pct else 0.0)
        else:
            room_w.append(battery.max_discharge_w if soc_pct > battery.min_soc_pct else 0.0)
    total_w = sum(room_w)
    if total_w == 0.0:
        return 0.0, [0.0] * len(room_w)
    sum_w = min(max(sum_w, -total_w), total_w)
    return sum_w, [sum_w * of_w / total_w for of_w in room_w]


def told(snapshot: Snapshot, settings: Settings, powers_w: Sequence[float]) -> Decision:
    """A decision that tells each battery a power, in the order of the settings."""
    strategy = settings.control.strategy
    batteries = tuple(
        BatteryDecision(battery.id, power_w)
        for battery, power_w in zip(settings.batteries, powers_w, strict=True)
    )
    return Decision(snapshot.time_s, strategy, strategy, batteries, wanted_w=sum(powers_w))
