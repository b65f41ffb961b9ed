"""What the closed-loop tests share: a house with batteries, the real controller, what to measure."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from phasewise.control.decide import decide
from phasewise.control.strategies.base import Strategy
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import BatterySettings, Capabilities, ControlSettings, Decision, Settings, Site, Snapshot
from phasewise.model.memory import Memory
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, LoopTiming
from phasewise.sim.house import PerPhase, SimHouse

BASE_W: PerPhase = (200.0, 150.0, 150.0)
WARM_UP_S = 60.0
STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption(), "full-stop": FullStop()}


class Decider:
    """The real `decide` as a controller; keeps the memory and the newest decision."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memory = Memory()
        self.decision: Decision | None = None

    def control(self, snapshot: Snapshot) -> Decision:
        self.decision, self.memory = decide(snapshot, self.settings, self.memory, STRATEGIES)
        return self.decision


def plant_settings(count: int, *, min_soc_pct: float = 12.0) -> Settings:
    batteries = tuple(
        BatterySettings(
            id=f"m{i + 1}",
            name=f"Battery {i + 1}",
            capabilities=Capabilities(max_charge_w=2500.0, max_discharge_w=2500.0),
            max_charge_w=2500.0,
            max_discharge_w=2500.0,
            min_soc_pct=min_soc_pct,
        )
        for i in range(count)
    )
    return Settings(Site(), batteries, ControlSettings())


class Plant(NamedTuple):
    """A loop that has not run yet, and its parts."""

    loop: ClosedLoop
    controller: Decider
    batteries: tuple[SimBattery, ...]


def plant(
    loads_w: Callable[[float], PerPhase],
    *,
    seed: int = 1,
    spec: BatterySpec | None = None,
    socs_pct: Sequence[float] = (50.0, 50.0, 50.0),
    timing: LoopTiming | None = None,
    noise_w: float = 5.0,
) -> Plant:
    """Batteries on L1, L2, L3; the meter's samples are offset against the load's edges by the seed."""
    batteries = tuple(SimBattery(spec or BatterySpec(), soc_pct=soc) for soc in socs_pct)
    house = SimHouse(loads_w, [(i % 3, b) for i, b in enumerate(batteries)], noise_w=noise_w, seed=seed)
    controller = Decider(plant_settings(len(batteries)))
    if timing is None:
        timing = LoopTiming(meter_phase_s=random.Random(seed).randrange(10) / 10.0)
    ids = [b.id for b in controller.settings.batteries]
    return Plant(
        ClosedLoop(house, ids, controller, site=controller.settings.site, timing=timing),
        controller,
        batteries,
    )


def pulses(*edges: tuple[float, float]) -> Callable[[float], PerPhase]:
    """The base load, plus on L1 whatever the last passed edge (seconds after warm-up, W) says."""

    def loads_w(now_s: float) -> PerPhase:
        extra_w = 0.0
        for at_s, power_w in edges:
            if now_s >= WARM_UP_S + at_s - 1e-9:
                extra_w = power_w
        return (BASE_W[0] + extra_w, BASE_W[1], BASE_W[2])

    return loads_w


def settle_s(total_w: Sequence[float], from_s: float, until_s: float, *, within_w: float = 100.0) -> float:
    """Seconds from an edge until the total is within the band and stays there for 8 s; inf if never."""
    start, stop = round(from_s * 10), min(round(until_s * 10), len(total_w))
    inside = 0
    for tick in range(start, stop):
        inside = inside + 1 if abs(total_w[tick]) <= within_w else 0
        if inside > 80:
            return (tick - 80 - start) / 10.0
    return float("inf")


def overshoot_w(total_w: Sequence[float], from_s: float, until_s: float, *, edge_w: float) -> float:
    """The most that the total goes beyond 0 to the other side, after an edge of that sign."""
    sign = 1.0 if edge_w > 0 else -1.0
    return max(0.0, *(-sign * w for w in total_w[round(from_s * 10) + 1 : round(until_s * 10)]))


def energy_wh(total_w: Sequence[float], from_s: float, until_s: float) -> tuple[float, float]:
    """Imported and exported energy."""
    part = total_w[round(from_s * 10) : round(until_s * 10)]
    return sum(w for w in part if w > 0) / 36_000.0, -sum(w for w in part if w < 0) / 36_000.0


def rms_w(total_w: Sequence[float], from_s: float, until_s: float) -> float:
    """Root mean square of the total."""
    part = total_w[round(from_s * 10) : round(until_s * 10)]
    return float((sum(w * w for w in part) / len(part)) ** 0.5)
