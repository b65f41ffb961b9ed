"""How large recordings are on disk: `python tools/recording_size.py [HOURS]`.

Six batteries on three phases, a meter at 1 Hz, a simulated household; everything on that reads the mapping.
"""

import sys
import time

from phasewise.control.decide import decide
from phasewise.engine.chapter import Chapter, packed
from phasewise.engine.recorder import Recorder
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
from phasewise.model.memory import Memory
from phasewise.registry import load_plugins
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop
from phasewise.sim.house import SimHouse
from phasewise.sim.household import Household

BATTERIES = 6
SIZE_W = 800.0


class Recording:
    """The real controller, recorded."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.strategies = load_plugins().strategies
        self.memory = Memory()
        self.recorder = Recorder(self.strategies)
        self.recorder.hand_on = self._pack
        self.raw_bytes = self.packed_bytes = self.chapters = 0
        self.pack_s = 0.0

    def control(self, snapshot: Snapshot) -> Decision:
        """Decide, and keep it."""
        decision, self.memory = decide(snapshot, self.settings, self.memory, self.strategies)
        self.recorder.decided(snapshot, self.settings, decision, self.memory)
        return decision

    def _pack(self, chapter: Chapter) -> None:
        began_s = time.perf_counter()
        data = packed(self.recorder.part(chapter, follows=False).parts)
        self.pack_s += time.perf_counter() - began_s
        self.raw_bytes += chapter.size
        self.packed_bytes += len(data)
        self.chapters += 1


def main(hours: float) -> None:
    """Run and print."""
    capabilities = Capabilities(max_charge_w=SIZE_W, max_discharge_w=SIZE_W)
    ids = [f"m{n}" for n in range(BATTERIES)]
    batteries = tuple(
        BatterySettings(i, i, capabilities, Assignment(f"L{n % 3 + 1}"), SIZE_W, SIZE_W)
        for n, i in enumerate(ids)
    )
    control = ControlSettings(
        phase_protection=PhaseProtection(enabled=True), prefer_own_phase=True, split=Split.SOC_BALANCE
    )
    recording = Recording(Settings(Site(main_fuse_a=(16.0, 16.0, 16.0)), batteries, control))
    household = Household(seed=1)
    spec = BatterySpec(max_charge_w=SIZE_W, max_discharge_w=SIZE_W)
    house = SimHouse(
        lambda now_s: household.loads_w(43_200.0 + now_s),
        [(n % 3, SimBattery(spec)) for n in range(BATTERIES)],
        noise_w=5.0,
    )
    ClosedLoop(house, ids, recording, site=recording.settings.site).run(hours * 3600.0)
    scale, chapters = 24.0 / hours / 1e6, recording.chapters
    raw_mb, packed_mb = recording.raw_bytes * scale, recording.packed_bytes * scale
    print(f"a day: {raw_mb:.0f} MB in memory, {packed_mb:.1f} MB on disk")
    size_kb, pack_ms = recording.packed_bytes / chapters / 1e3, recording.pack_s / chapters * 1e3
    print(f"a chapter: {size_kb:.1f} kB on disk, packed in {pack_ms:.1f} ms")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
