"""How often the plausibility check warns without reason, and how soon it finds a wrong phase.

    uv run python tools/plausibility_year.py --days 365
    uv run python tools/plausibility_year.py --days 30 --aware        # phase protection and own phase first

Runs the real control on generated households, in blocks of some days, each with another home, other days of
the year, and other batteries and delays (`CASES`), and prints a line per block and a summary. The check
begins each block without any memory. A simulated day takes about 5 s of one core.

Without phase-aware control the decisions do not depend on the configured phases, so one run shows what the
check would have said of EVERY configuration. With it, each configuration is run by itself.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.mapping.plausibility import KEPT, TELLS, Fits, PlausibilityMemory, advance, findings
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
)
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, LoopTiming, Trace
from phasewise.sim.controllers import Ours
from phasewise.sim.house import SimHouse
from phasewise.sim.household import DAY_S, Household

TICK_S = 1.0
"""Loads and meter change once a second; batteries are exact between ticks."""
HOUR_S = 3600.0
AWARE = ControlSettings(prefer_own_phase=True, phase_protection=PhaseProtection(enabled=True))
PLAIN = ControlSettings()


class Case(Struct, frozen=True):
    """One kind of home."""

    phases: str
    """The true phase of each battery."""
    dead_time_s: float
    telemetry_s: float
    late_s: float = 0.0
    """How old a battery's values are when they are read."""
    meter_s: float = 1.0


CASES = (
    Case("123", 1.5, 2.0),
    Case("123", 0.5, 5.0),
    Case("312", 2.5, 10.0),
    Case("123123", 1.5, 2.0),
    Case("113", 1.5, 5.0),
    Case("123122", 2.5, 10.0),
    Case("231", 0.5, 2.0),
    Case("312231", 0.5, 5.0),
    Case("122", 2.5, 2.0, late_s=3.0),
    Case("123", 1.5, 2.0, meter_s=10.0),
)


def wrong_mappings(phases: str) -> dict[str, str]:
    """The configurations that have to be found out: two batteries swapped, all rotated, one wrong."""
    first, second = 0, next(i for i, phase in enumerate(phases) if phase != phases[0])
    swapped = list(phases)
    swapped[first], swapped[second] = phases[second], phases[first]
    rotated = phases.translate(str.maketrans("123", "231"))
    last = phases[:-1] + phases[-1].translate(str.maketrans("123", "312"))
    return {"swapped": "".join(swapped), "rotated": rotated, "one wrong": last}


def settings_of(case: Case, configured: str, control: ControlSettings) -> Settings:
    """What the controller and the check are told."""
    batteries = tuple(
        BatterySettings(
            id=f"m{index}",
            name=f"Battery {index}",
            capabilities=Capabilities(2500.0, 2500.0, read_cadence_s=case.telemetry_s),
            phase=Assignment(f"L{phase}"),
            max_charge_w=2500.0,
            max_discharge_w=2500.0,
        )
        for index, phase in enumerate(configured)
    )
    return Settings(Site(), batteries, control)


class Watched:
    """The real control, with the check beside it."""

    def __init__(self, controlled: Settings, judged: Mapping[str, Settings], true: str) -> None:
        """`judged`: by name, the configurations that the check is asked about. `true`: each one's phase."""
        self._true = [int(phase) - 1 for phase in true]
        self._ours = Ours(controlled, {"self-consumption": SelfConsumption()})
        self._settings = controlled
        self._judged = judged
        self._counted: list[int] = []
        self._standing: set[tuple[str, str]] = set()
        self.memory = PlausibilityMemory()
        self.raised: list[tuple[float, str, str]] = []
        """Time, configuration and battery of every warning that began."""
        self.misled = 0
        """Moves that counted and fitted another phase better than the true one by half."""

    def control(self, snapshot: Snapshot) -> Decision:
        """Decide, and let the check look on."""
        before = self.memory.batteries
        self.memory = advance(self.memory, snapshot, self._settings)
        counted = [fits.moves for fits in self.memory.batteries]
        if counted != self._counted:
            self._counted = counted
            self._count_misled(before)
            standing = {
                (name, finding.id)
                for name, settings in self._judged.items()
                for finding in findings(self.memory, settings)
                if finding.doubtful
            }
            self.raised += [(snapshot.time_s, *key) for key in sorted(standing - self._standing)]
            self._standing = standing
        return self._ours.control(snapshot)

    def _count_misled(self, before: Sequence[Fits]) -> None:
        moves = {fits.id: fits for fits in before}
        for fits, true in zip(self.memory.batteries, self._true, strict=False):
            was = moves.get(fits.id)
            if was is not None and fits.moves > was.moves:
                fit = [new - KEPT * old for new, old in zip(fits.fits, was.fits, strict=True)]
                self.misled += max(fit) - fit[true] > TELLS


def run(case: Case, watched: Watched, *, seed: int, first_day: int, days: int) -> None:
    """Let a home live for some days."""
    home = Household(seed)
    spec = BatterySpec(dead_time_s=case.dead_time_s)
    batteries = [(int(phase) - 1, SimBattery(spec, seed=i)) for i, phase in enumerate(case.phases)]
    house = SimHouse(lambda now_s: home.loads_w(now_s + first_day * DAY_S), batteries, noise_w=5.0, seed=seed)
    timing = LoopTiming(
        meter_cadence_s=case.meter_s, telemetry_cadence_s=case.telemetry_s, telemetry_delay_s=case.late_s
    )
    ids = [f"m{index}" for index in range(len(batteries))]
    loop = ClosedLoop(house, ids, watched, site=Site(), timing=timing, tick_s=TICK_S)
    for _ in range(days * 24):
        loop.run(HOUR_S)
        # A year of every tick would not fit into memory.
        loop.trace = Trace(tick_s=TICK_S, writes=[0] * len(ids), write_s=[[] for _ in ids])


class Outcome(Struct, frozen=True):
    """What the check did in one block of days."""

    days: int
    false: int
    """Warnings about a battery whose phase was configured right, counted each time one began."""
    found_h: dict[str, float]
    """Hours until the first warning about a battery whose phase was configured wrong; inf: never."""
    moves: tuple[int, ...]
    """That counted, by battery."""
    misled: int
    """Those of them that spoke for a wrong phase."""


def block(case: Case, *, aware: bool, seed: int, first_day: int, days: int) -> Outcome:
    """One home for some days, in the right and in the wrong configurations."""
    right = {"right": case.phases}
    mappings = right | wrong_mappings(case.phases)
    runs = [{name: text} for name, text in mappings.items()] if aware else [mappings]
    false = misled = 0
    moves: tuple[int, ...] = ()
    found_h = dict.fromkeys(wrong_mappings(case.phases), float("inf"))
    for named in runs:
        control = AWARE if aware else PLAIN
        judged = {name: settings_of(case, text, control) for name, text in named.items()}
        watched = Watched(next(iter(judged.values())), judged, case.phases)
        run(case, watched, seed=seed, first_day=first_day, days=days)
        if "right" in named:
            moves, misled = tuple(fits.moves for fits in watched.memory.batteries), watched.misled
        for at_s, name, battery in watched.raised:
            index = int(battery.removeprefix("m"))
            if named[name][index] == case.phases[index]:
                false += 1
            else:
                found_h[name] = min(found_h[name], at_s / HOUR_S)
    return Outcome(days, false, found_h, moves, misled)


def blocks(days: int, block_days: int, *, aware: bool) -> Iterator[tuple[Case, Outcome]]:
    """Cases in turn, each time with another home and another part of the year."""
    for number in range(-(-days // block_days)):
        case = CASES[number % len(CASES)]
        length = min(block_days, days - number * block_days)
        first_day = number * block_days
        yield case, block(case, aware=aware, seed=1000 + number, first_day=first_day, days=length)


def summary(outcomes: Sequence[Outcome]) -> str:
    """All blocks together."""
    days = sum(outcome.days for outcome in outcomes)
    moves, misled = sum(sum(outcome.moves) for outcome in outcomes), sum(o.misled for o in outcomes)
    lines = [
        f"{days} days: {sum(outcome.false for outcome in outcomes)} false warnings",
        f"{moves} moves counted, {misled} of them spoke for a wrong phase",
    ]
    for name in outcomes[0].found_h:
        hours = sorted(outcome.found_h[name] for outcome in outcomes)
        within = sum(h <= 24.0 for h in hours)
        lines.append(
            f"{name}: found within a day in {within} of {len(hours)} homes;"
            f" median {statistics.median(hours):.1f} h, latest {hours[-1]:.1f} h"
        )
    return "\n".join(lines)


def line(case: Case, outcome: Outcome) -> str:
    """One block."""
    telemetry = f"telemetry {case.telemetry_s:g} s (+ {case.late_s:g} s)"
    home = f"{case.phases}, dead time {case.dead_time_s} s, {telemetry}, meter {case.meter_s:g} s"
    found = ", ".join(f"{name} {hours:.1f} h" for name, hours in outcome.found_h.items())
    moves = " ".join(str(moves) for moves in outcome.moves)
    return f"{home}: false {outcome.false}; {found}; {outcome.misled} of {moves} moves misled"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--block", type=int, default=5, help="days that one home lives")
    parser.add_argument("--aware", action="store_true", help="control that uses the phases")
    arguments = parser.parse_args()
    outcomes = []
    try:
        for case, outcome in blocks(arguments.days, arguments.block, aware=arguments.aware):
            outcomes.append(outcome)
            sys.stdout.write(line(case, outcome) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("stopped early\n")
    if outcomes:
        sys.stdout.write(summary(outcomes) + "\n")


if __name__ == "__main__":
    main()
