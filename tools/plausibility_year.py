"""How often the plausibility check warns without reason, and how soon it finds a wrong phase.

    uv run python tools/plausibility_year.py --days 365
    uv run python tools/plausibility_year.py --days 30 --aware        # phase protection and own phase first

Runs the real control on generated households, in blocks of some days, each with another home, other days of
the year, and other batteries and delays (`CASES`), and prints a line per block and a summary. The check
begins each block at midnight without any memory; a second one begins anew every hour, to see what a start at
a bad moment does. A simulated day takes about 5 s of one core. A run that was cut short goes on with
`--first-block`.

Without phase-aware control the decisions do not depend on the configured phases, so one run shows what the
check would have said of EVERY configuration. With it, each configuration is run by itself, and only the first
of each kind.
"""

import argparse
import itertools
import math
import statistics
import sys
from collections.abc import Iterator, Sequence

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


ROTATED = str.maketrans("123", "231")


def wrong_mappings(phases: str) -> dict[str, list[str]]:
    """The configurations that have to be found out, by kind: any two swapped, all rotated, any one wrong."""
    swapped = []
    for first, second in itertools.combinations(range(len(phases)), 2):
        if phases[first] != phases[second]:
            text = list(phases)
            text[first], text[second] = phases[second], phases[first]
            swapped.append("".join(text))
    one_wrong = [
        phases[:index] + other + phases[index + 1 :]
        for index, phase in enumerate(phases)
        for other in "123".replace(phase, "")
    ]
    return {"swapped": swapped, "rotated": [phases.translate(ROTATED)], "one wrong": one_wrong}


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


class Check:
    """The check, asked about several configurations of one home."""

    def __init__(self, judged: Sequence[Settings], true: str, *, forget_s: float = math.inf) -> None:
        """`true`: each battery's phase. `forget_s`: how often it begins anew."""
        self._judged = judged
        self._true = [int(phase) - 1 for phase in true]
        self._forget_s = forget_s
        self._began_s = 0.0
        self._standing: set[tuple[int, str]] = set()
        self.memory = PlausibilityMemory()
        self.raised: list[tuple[float, int, str]] = []
        """Time, number of the configuration and battery of every warning that began."""
        self.misled = 0
        """Moves that counted and fitted another phase better than the true one by half."""

    def look(self, snapshot: Snapshot) -> None:
        """Take in one snapshot."""
        if snapshot.time_s - self._began_s >= self._forget_s:
            self._began_s, self.memory, self._standing = snapshot.time_s, PlausibilityMemory(), set()
        before = self.memory.batteries
        self.memory = advance(self.memory, snapshot, self._judged[0])
        if [fits.moves for fits in before] == [fits.moves for fits in self.memory.batteries]:
            return
        self._count_misled(before)
        standing = {
            (number, finding.id)
            for number, settings in enumerate(self._judged)
            for finding in findings(self.memory, settings)
            if finding.doubtful
        }
        self.raised += [(snapshot.time_s, *key) for key in sorted(standing - self._standing)]
        self._standing = standing

    def _count_misled(self, before: Sequence[Fits]) -> None:
        moves = {fits.id: fits for fits in before}
        for fits, true in zip(self.memory.batteries, self._true, strict=False):
            was = moves.get(fits.id)
            if was is not None and fits.moves > was.moves:
                fit = [new - KEPT * old for new, old in zip(fits.fits, was.fits, strict=True)]
                self.misled += max(fit) - fit[true] > TELLS


class Watched:
    """The real control, with checks beside it."""

    def __init__(self, controlled: Settings, checks: Sequence[Check]) -> None:
        self._ours = Ours(controlled, {"self-consumption": SelfConsumption()})
        self._checks = checks

    def control(self, snapshot: Snapshot) -> Decision:
        """Let the checks look on, and decide."""
        for check in self._checks:
            check.look(snapshot)
        return self._ours.control(snapshot)


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
    """Warnings about a battery whose phase was configured right, whatever the others were."""
    false_anew: int
    """The same, of a check that began anew every hour, with all configured right."""
    found_h: dict[str, list[float]]
    """By kind, of each wrong configuration: hours until the first warning about a battery whose phase was
    configured wrong; inf: never."""
    moves: tuple[int, ...]
    """That counted, by battery."""
    misled: int
    """Those of them that spoke for a wrong phase."""


def block(case: Case, *, aware: bool, seed: int, first_day: int, days: int) -> Outcome:
    """One home for some days, in the right and in the wrong configurations."""
    control = AWARE if aware else PLAIN
    wrong = [
        (kind, text)
        for kind, texts in wrong_mappings(case.phases).items()
        for text in (texts[:1] if aware else texts)
    ]
    configured = [("right", case.phases), *wrong]
    checks: list[Check] = []
    for group in [[one] for one in configured] if aware else [configured]:
        judged = [settings_of(case, text, control) for _, text in group]
        check = Check(judged, case.phases)
        both = [check, Check(judged[:1], case.phases, forget_s=HOUR_S)]
        run(case, Watched(judged[0], both), seed=seed, first_day=first_day, days=days)
        checks += both
    return outcome_of(case, days, configured, checks)


def outcome_of(
    case: Case, days: int, configured: Sequence[tuple[str, str]], checks: Sequence[Check]
) -> Outcome:
    """`checks`: two for each run, the one that goes on and the one that begins anew; the right run first."""
    false: set[tuple[float, str]] = set()
    found_h = [math.inf] * len(configured)
    for first, check in enumerate(checks[::2]):
        for at_s, number, battery in check.raised:
            index = int(battery.removeprefix("m"))
            if configured[first + number][1][index] == case.phases[index]:
                false.add((at_s, battery))
            else:
                found_h[first + number] = min(found_h[first + number], at_s / HOUR_S)
    by_kind: dict[str, list[float]] = {}
    for (kind, _), hours in zip(configured[1:], found_h[1:], strict=True):
        by_kind.setdefault(kind, []).append(hours)
    right, anew = checks[:2]
    moves = tuple(fits.moves for fits in right.memory.batteries)
    return Outcome(days, len(false), len(anew.raised), by_kind, moves, right.misled)


def blocks(days: int, block_days: int, first: int, *, aware: bool) -> Iterator[tuple[int, Case, Outcome]]:
    """Cases in turn, each time with another home and another part of the year."""
    for number in range(first, -(-days // block_days)):
        case = CASES[number % len(CASES)]
        length = min(block_days, days - number * block_days)
        first_day = number * block_days
        yield number, case, block(case, aware=aware, seed=1000 + number, first_day=first_day, days=length)


def summary(outcomes: Sequence[Outcome]) -> str:
    """All blocks together."""
    days = sum(outcome.days for outcome in outcomes)
    moves, misled = sum(sum(outcome.moves) for outcome in outcomes), sum(o.misled for o in outcomes)
    lines = [
        f"{days} days: {sum(outcome.false for outcome in outcomes)} false warnings;"
        f" {sum(outcome.false_anew for outcome in outcomes)} by a check that began anew every hour",
        f"{moves} moves counted, {misled} of them spoke for a wrong phase",
    ]
    for kind in outcomes[0].found_h:
        hours = sorted(hours for outcome in outcomes for hours in outcome.found_h[kind])
        within = sum(h <= 24.0 for h in hours)
        lines.append(
            f"{kind}: found within a day in {within} of {len(hours)} configurations;"
            f" median {statistics.median(hours):.1f} h, latest {hours[-1]:.1f} h"
        )
    return "\n".join(lines)


def line(number: int, case: Case, outcome: Outcome) -> str:
    """One block."""
    telemetry = f"telemetry {case.telemetry_s:g} s (+ {case.late_s:g} s)"
    home = f"{case.phases}, dead time {case.dead_time_s} s, {telemetry}, meter {case.meter_s:g} s"
    found = ", ".join(
        f"{kind} {sum(h <= 24.0 for h in hours)}/{len(hours)} within a day, latest {max(hours):.1f} h"
        for kind, hours in outcome.found_h.items()
    )
    moves = " ".join(str(moves) for moves in outcome.moves)
    false = f"false {outcome.false}, anew {outcome.false_anew}"
    return f"{number}: {home}: {false}; {found}; {outcome.misled} of {moves} moves misled"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--block", type=int, default=5, help="days that one home lives")
    parser.add_argument("--first-block", type=int, default=0, help="block to begin with, counted from 0")
    parser.add_argument("--aware", action="store_true", help="control that uses the phases")
    arguments = parser.parse_args()
    outcomes = []
    try:
        todo = blocks(arguments.days, arguments.block, arguments.first_block, aware=arguments.aware)
        for number, case, outcome in todo:
            outcomes.append(outcome)
            sys.stdout.write(line(number, case, outcome) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stdout.write("stopped early\n")
    if outcomes:
        sys.stdout.write(summary(outcomes) + "\n")


if __name__ == "__main__":
    main()
