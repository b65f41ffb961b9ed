"""What the why-log says of a busy simulated day: `python tools/event_day.py [HOURS] [SEED]`.

Six batteries on three phases behind 16 A, the largest loads of a household, everything on that reads the
mapping: more happens than in most homes.
"""

import sys
import time
from collections import Counter
from datetime import UTC, datetime

from phasewise.control.decide import decide
from phasewise.engine.alarms import AlarmBook
from phasewise.engine.event_now import Now
from phasewise.engine.events import EventWatch
from phasewise.explain.events import event_text, kind_of
from phasewise.model import (
    Assignment,
    BatterySettings,
    Capabilities,
    ControlSettings,
    Decision,
    PhaseProtection,
    Settings,
    Site,
    Snapshot,
    Split,
)
from phasewise.model.event import Event
from phasewise.model.memory import Memory
from phasewise.registry import load_plugins
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop
from phasewise.sim.house import SimHouse
from phasewise.sim.household import Household

BATTERIES = 6
SIZE_W = 800.0


class Watched:
    """The real controller, and what is told of it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.strategies = load_plugins().strategies
        self.memory = Memory()
        self.told: list[tuple[float, Event]] = []
        self.watch = EventWatch(lambda utc_s, event: self.told.append((utc_s, event)))
        self.book = AlarmBook()
        self.decisions = 0
        self.watch_s = 0.0

    def control(self, snapshot: Snapshot) -> Decision:
        """Decide, and tell."""
        decision, self.memory = decide(snapshot, self.settings, self.memory, self.strategies)
        standing = self.book.update(decision.alarms, snapshot.utc_s)
        began_s = time.perf_counter()
        self.watch.alarms(standing, self.settings, snapshot.time_s, snapshot.utc_s)
        self.watch.decided(Now(snapshot, self.settings, decision, self.memory))
        self.watch_s += time.perf_counter() - began_s
        self.decisions += 1
        return decision


def watched_home(
    seed: int, seconds: float, *, pace: float = 1.0, fuse_a: float = 16.0, capacity_wh: float = 5120.0
) -> Watched:
    """Run a home for so long, beginning at noon. `pace`: how much faster loads change.

    `capacity_wh`: of each battery.
    """
    capabilities = Capabilities(max_charge_w=SIZE_W, max_discharge_w=SIZE_W)
    ids = [f"m{n}" for n in range(BATTERIES)]
    batteries = tuple(
        BatterySettings(i, i, capabilities, Assignment(f"L{n % 3 + 1}"), SIZE_W, SIZE_W)
        for n, i in enumerate(ids)
    )
    control = ControlSettings(
        phase_protection=PhaseProtection(enabled=True), prefer_own_phase=True, split=Split.SOC_BALANCE
    )
    watched = Watched(Settings(Site(main_fuse_a=(fuse_a, fuse_a, fuse_a)), batteries, control))
    household = Household(seed=seed, pace=pace)
    spec = BatterySpec(max_charge_w=SIZE_W, max_discharge_w=SIZE_W, capacity_wh=capacity_wh)
    house = SimHouse(
        lambda now_s: household.loads_w(43_200.0 + now_s),
        [(n % 3, SimBattery(spec)) for n in range(BATTERIES)],
        noise_w=5.0,
    )
    ClosedLoop(house, ids, watched, site=watched.settings.site).run(seconds)
    return watched


def main(hours: float, seed: int) -> None:
    """Run and print."""
    watched = watched_home(seed, hours * 3600.0)
    for utc_s, event in watched.told:
        print(f"{datetime.fromtimestamp(utc_s, UTC):%H:%M:%S} {event_text(event)}")
    print(f"{len(watched.told)} events: {dict(Counter(kind_of(event) for _, event in watched.told))}")
    print(f"{watched.watch_s / watched.decisions * 1e6:.0f} us a decision")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 24.0, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
