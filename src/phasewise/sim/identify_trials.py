"""How often phase identification is right, silent or wrong: `python -m phasewise.sim.identify_trials 500`.

Each trial is a home of its own, drawn from its seed: a generated household with clouds, often a pulsing hob
or a heat pump on top, a battery somewhere, its dead time, ramp and telemetry, the meter's cadence.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from phasewise.control.decide import decide
from phasewise.control.strategies.base import Strategy
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.mapping import identify
from phasewise.mapping.identify import IdentifyRun, Refusal
from phasewise.model import (
    Assignment,
    BatterySettings,
    Capabilities,
    Decision,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import Memory
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, LoopTiming
from phasewise.sim.house import PerPhase, SimHouse
from phasewise.sim.household import HOUR_S, Household

WARM_UP_S = 40.0
"""The user starts a run in a house under control."""
PATIENCE_S = 900.0
"""Any run has ended by then; one that has not is a fault."""
UNDER_TEST = "m1"

Place = Literal["L1", "L2", "L3", "three-phase", "elsewhere", "inverted"]
"""Where the battery under test truly is; `elsewhere`: behind another meter; `inverted`: on L2, but both
its commands and what it says of itself have the wrong sign."""
PLACES: tuple[Place, ...] = ("L1", "L2", "L3", "three-phase", "elsewhere", "inverted")
WEIGHTS = (3, 3, 3, 2, 2, 1)
INDEX: dict[Place, int | None] = {
    "L1": 0,
    "L2": 1,
    "L3": 2,
    "three-phase": None,
    "elsewhere": 0,
    "inverted": 1,
}
SHOWS = {"elsewhere": 0.0, "inverted": -1.0}
"""What its meter sees of such a battery's power."""
RIGHT = {"elsewhere": "no-reaction", "inverted": "inverted"}
"""What is to be found of those."""


class Trial(Struct, frozen=True):
    """What a trial came to."""

    seed: int
    place: str
    verdict: Literal["right", "silent", "refused", "aborted", "wrong"]
    said: str
    took_s: float


class IdentifyController:
    """`decide` with identification in front of it, as the engine has it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.run: IdentifyRun | None = None
        self.refused: str | None = None
        self.asked = False
        self._memory = Memory()
        self._strategies: dict[str, Strategy] = {"self-consumption": SelfConsumption()}

    def control(self, snapshot: Snapshot) -> Decision:
        """One decision; the run begins with the first after `asked` is set."""
        if self.asked and self.run is None and self.refused is None:
            begun = identify.begin(UNDER_TEST, snapshot, self.settings)
            if isinstance(begun, Refusal):
                self.refused = begun.reason
            else:
                self.run = begun
        settings = self.settings
        if self.run is not None:
            self.run = identify.advance(self.run, snapshot, settings)
            settings = identify.effective(self.run, settings)
        decision, self._memory = decide(snapshot, settings, self._memory, self._strategies)
        return decision

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.refused is not None or (self.run is not None and self.run.ended_s is not None)


def trial(seed: int) -> Trial:
    """One home, one run."""
    rng = random.Random(f"identify/{seed}")
    place = rng.choices(PLACES, WEIGHTS)[0]
    telemetry_s = rng.choice((2.0, 2.0, 5.0, 10.0))
    house, settings = _home(rng, place, telemetry_s)
    controller = IdentifyController(settings)
    timing = LoopTiming(
        meter_cadence_s=rng.choice((1.0, 1.0, 1.0, 2.0, 5.0, 10.0)),
        meter_delay_s=rng.uniform(0.3, 2.0),
        telemetry_cadence_s=telemetry_s,
        telemetry_delay_s=rng.choice((0.0, 0.0, 1.0, 5.0)),
        meter_phase_s=rng.uniform(0.0, 1.0),
    )
    ids = [battery.id for battery in settings.batteries]
    loop = ClosedLoop(house, ids, controller, site=settings.site, timing=timing, seed=seed)
    loop.run(WARM_UP_S + timing.meter_cadence_s * 3.0)
    controller.asked = True
    began_s = loop.now_s
    while not controller.is_over and loop.now_s - began_s < PATIENCE_S:
        loop.run(5.0)
    return _judged(seed, place, controller, loop.now_s - began_s)


def _home(rng: random.Random, place: Place, telemetry_s: float) -> tuple[SimHouse, Settings]:
    dead_time_s = rng.uniform(0.3, 4.0)
    spec = BatterySpec(
        dead_time_s=dead_time_s,
        dead_time_jitter_s=rng.choice((0.0, min(0.3, dead_time_s))),
        ramp_w_s=rng.choice((500.0, 1250.0, 5000.0)),
        lag_s=rng.choice((0.0, 0.0, 1.0)),
        standby_w=rng.choice((0.0, 8.0)),
    )
    tested = SimBattery(spec, soc_pct=rng.uniform(10.0, 99.0))
    others = [
        (rng.randrange(3), SimBattery(BatterySpec(dead_time_s=rng.uniform(0.3, 4.0))))
        for _ in range(rng.randrange(4))
    ]
    loads_w = _loads(rng)
    shows = SHOWS.get(place, 1.0)

    def seen_w(now_s: float) -> PerPhase:
        """The loads, corrected by what the meter does not see as the house would have it."""
        found = list(loads_w(now_s))
        index = INDEX[place]
        if shows != 1.0 and index is not None:
            tested.advance(now_s)
            found[index] += (shows - 1.0) * tested.ac_power_w
        return (found[0], found[1], found[2])

    batteries = [(INDEX[place], tested), *others]
    house = SimHouse(seen_w, batteries, noise_w=rng.choice((3.0, 10.0, 25.0)), seed=rng.randrange(1000))
    return house, Settings(
        Site(), tuple(_settings(rng, index, telemetry_s) for index in range(len(batteries)))
    )


def _settings(rng: random.Random, index: int, telemetry_s: float) -> BatterySettings:
    power_w = rng.choice((800.0, 2500.0, 2500.0))
    return BatterySettings(
        id=f"m{index + 1}",
        name=f"Battery {index + 1}",
        capabilities=Capabilities(2500.0, 2500.0, read_cadence_s=telemetry_s),
        phase=rng.choice(list(Assignment)),
        max_charge_w=power_w,
        max_discharge_w=power_w,
    )


class _Switched(Struct, frozen=True):
    """A load that is on and off in turn."""

    phases: tuple[int, ...]
    power_w: float
    on_s: float
    off_s: float
    from_s: float

    def is_on(self, now_s: float) -> bool:
        return (now_s - self.from_s) % (self.on_s + self.off_s) < self.on_s


def _loads(rng: random.Random) -> Callable[[float], PerPhase]:
    household = Household(seed=rng.randrange(10_000), pace=rng.choice((1.0, 2.0, 4.0)))
    at_s = rng.randrange(7) * 24 * HOUR_S + rng.uniform(7.0, 22.0) * HOUR_S
    extra = []
    if rng.random() < 0.5:  # a hob that pulses for the whole run, about in time with the wave
        on_s, off_s = rng.uniform(5.0, 15.0), rng.uniform(5.0, 15.0)
        extra.append(
            _Switched((rng.randrange(3),), rng.uniform(700.0, 2200.0), on_s, off_s, rng.uniform(0, 30))
        )
    if rng.random() < 0.3:  # a heat pump that starts and stops
        on_s, off_s = rng.uniform(40.0, 200.0), rng.uniform(40.0, 200.0)
        extra.append(_Switched((0, 1, 2), rng.uniform(400.0, 1200.0), on_s, off_s, rng.uniform(0, 200)))

    def loads_w(now_s: float) -> PerPhase:
        found = list(household.loads_w(at_s + now_s))
        for load in extra:
            if load.is_on(now_s):
                for phase in load.phases:
                    found[phase] += load.power_w
        return (found[0], found[1], found[2])

    return loads_w


def _judged(seed: int, place: Place, controller: IdentifyController, took_s: float) -> Trial:
    run = controller.run
    if run is None:
        return Trial(seed, place, "refused", controller.refused or "never began", took_s)
    if run.stage is identify.Stage.ABORTED:
        return Trial(seed, place, "aborted", f"{run.code}: {run.detail}", took_s)
    evidence = identify.result(run)
    said = evidence.outcome.value if evidence.finding is None else evidence.finding.value
    text = f"{said} ({evidence.confidence:.2f}, {evidence.agreeing} of {len(evidence.expected_w)})"
    if said == RIGHT.get(place, place):
        return Trial(seed, place, "right", text, took_s)
    return Trial(seed, place, "silent" if said == "disturbed" else "wrong", text, took_s)


def main(arguments: Sequence[str]) -> None:
    """Run so many trials (500 if not said) and print what they came to."""
    count = int(arguments[0]) if arguments else 500
    trials = [trial(seed) for seed in range(count)]
    for found in trials:
        if found.verdict in ("wrong", "aborted") or "-v" in arguments:
            sys.stdout.write(f"seed {found.seed}: {found.place}, {found.verdict}: {found.said}\n")
    verdicts = Counter(found.verdict for found in trials)
    sys.stdout.write(f"{count} trials: {', '.join(f'{n} {verdict}' for verdict, n in verdicts.items())}\n")
    right_s = sorted(found.took_s for found in trials if found.verdict == "right")
    if right_s:
        median_s, most_s = right_s[len(right_s) // 2], right_s[-1]
        sys.stdout.write(f"An answer took {median_s:.0f} s in the middle, {most_s:.0f} s at most\n")


if __name__ == "__main__":
    main(sys.argv[1:])
