"""A recorded simulated house, and how the tests look at it."""

import functools
import io
import math
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace as changed

from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.engine.recorder import Recorder
from phasewise.model import Assignment, BatterySettings, Capabilities, Decision, Settings, Site, Snapshot
from phasewise.model.memory import Memory
from phasewise.replay.recording import MAGIC, Header, Record, Step, Torn, frame, read
from phasewise.replay.replay import Replay, replay
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop
from phasewise.sim.house import PerPhase, SimHouse

IDS = ("m1", "m2")
STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption(), "full-stop": FullStop()}
SECONDS = 200


def home(**control: Any) -> Settings:
    capabilities = Capabilities(max_charge_w=2500.0, max_discharge_w=2500.0)
    batteries = tuple(
        BatterySettings(i, f"Battery {i}", capabilities, Assignment(f"L{n}"), 2500.0, 2500.0)
        for n, i in enumerate(IDS, start=1)
    )
    settings = Settings(Site(), batteries)
    return changed(settings, control=changed(settings.control, **control))


class Recording:
    """Decides, and records it, as the engine does."""

    def __init__(
        self, settings: Settings, strategies: Mapping[str, Strategy], fails_after_s: float = math.inf
    ) -> None:
        """`fails_after_s`: the first decision from then on is recorded as one that failed."""
        self.settings = settings
        self.fails_after_s = fails_after_s
        self.strategies = strategies
        self.memory = Memory()
        self.recorder = Recorder(strategies)

    def control(self, snapshot: Snapshot) -> Decision:
        decision, self.memory = decide(snapshot, self.settings, self.memory, self.strategies)
        if snapshot.time_s >= self.fails_after_s:
            self.fails_after_s, self.memory = math.inf, Memory()
            self.recorder.failed(snapshot, self.settings, "ValueError: a bug")
            return decision
        self.recorder.decided(snapshot, self.settings, decision, self.memory)
        return decision

    def export(self, seconds: float = 3600.0) -> bytes:
        parts = self.recorder.export(seconds)
        assert parts is not None
        return b"".join(parts)


def loads_w(now_s: float) -> PerPhase:
    """A kettle of 2 kW every minute, and a surplus of 1.5 kW for the last 80 s."""
    kettle_w = 2000.0 if now_s % 60 > 40 else 0.0
    return (300.0 + kettle_w, 200.0, 150.0 - (2000.0 if now_s > 120 else 0.0))


def recorded(
    settings: Settings,
    strategies: Mapping[str, Strategy] = STRATEGIES,
    *,
    fails_after_s: float = math.inf,
) -> bytes:
    house = SimHouse(loads_w, [(n, SimBattery(BatterySpec())) for n in range(len(IDS))], noise_w=4.0)
    controller = Recording(settings, strategies, fails_after_s)
    ClosedLoop(house, IDS, controller, site=settings.site).run(SECONDS)
    return controller.export()


@functools.cache
def recording() -> bytes:
    """200 s with three memory checks: after 60, 120 and 180 s, and one at the end."""
    return recorded(home())


def opened(data: bytes) -> tuple[Header, list[Record | Torn]]:
    header, records = read(io.BytesIO(data))
    return header, list(records)


def replayed(data: bytes, strategies: Mapping[str, Strategy] = STRATEGIES) -> Replay:
    return replay(*read(io.BytesIO(data)), strategies)


def file_of(header: Header, records: Iterable[Record | Torn]) -> bytes:
    whole = [r for r in records if not isinstance(r, Torn)]
    return MAGIC + frame(header) + b"".join(map(frame, whole))


def step_numbers(records: Iterable[Record | Torn]) -> list[int]:
    return [n for n, record in enumerate(records) if isinstance(record, Step)]
