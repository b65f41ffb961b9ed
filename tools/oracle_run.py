"""Hold the exact allocation against HiGHS on many random sites, on all cores given.

    uv run python tools/oracle_run.py 200000 --processes 2

Prints how many sites there were of each sort, the worst deviations, and the first sites that do not agree
(each can be built again from its seed); exits with 1 when there is one.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "oracle"))

from allocation_calls import judged
from allocation_oracle import Judgement
from allocation_sites import random_site

CHUNK = 500
"""Sites that a process judges at a time: about a second."""
SHOWN = 10


@dataclass
class Tally:
    """What came of some sites."""

    sites: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    objective_off_w: float = 0.0
    power_off_w: float = 0.0
    quadratic_off_w: float = 0.0
    quadratic_unsolved: int = 0

    def count(self, judgement: Judgement) -> None:
        site = judgement.site
        self.sites[site.kind, site.split] += 1
        if judgement.faults:
            self.faults[site.kind, site.split, judgement.faults[0].partition(":")[0]] += 1
            self.examples.append(str(judgement))
        self.quadratic_unsolved += judgement.quadratic_unsolved
        self._worst(judgement)

    def add(self, other: "Tally") -> None:
        self.sites.update(other.sites)
        self.faults.update(other.faults)
        self.examples = (self.examples + other.examples)[:SHOWN]
        self.quadratic_unsolved += other.quadratic_unsolved
        self._worst(other)

    def _worst(self, other: "Judgement | Tally") -> None:
        self.objective_off_w = max(self.objective_off_w, other.objective_off_w)
        self.power_off_w = max(self.power_off_w, other.power_off_w)
        self.quadratic_off_w = max(self.quadratic_off_w, other.quadratic_off_w)


def judge_sites(first: int, count: int) -> Tally:
    """Judge the sites with these numbers."""
    tally = Tally()
    for seed in range(first, first + count):
        try:
            tally.count(judged(random_site(seed)))
        except (ArithmeticError, AssertionError, ValueError, IndexError) as error:
            tally.faults["?", "?", type(error).__name__] += 1
            tally.examples.append(f"{random_site(seed)}\n  {error!r}")
    return tally


def run(sites: int, first: int, processes: int) -> Tally:
    """Judge that many sites, in parallel."""
    starts = range(first, first + sites, CHUNK)
    counts = [min(CHUNK, first + sites - start) for start in starts]
    total = Tally()
    with ProcessPoolExecutor(processes) as pool:
        for tally in pool.map(judge_sites, starts, counts):
            total.add(tally)
    return total


def show(tally: Tally, seconds: float) -> None:
    for (kind, split), count in sorted(tally.sites.items()):
        print(f"{kind:12} {split:10} {count:9}")
    print(f"{tally.sites.total()} sites in {seconds:.0f} s")
    print(
        f"worst objective {tally.objective_off_w:.2g} W, power or equal share {tally.power_off_w:.2g} W, ",
        end="",
    )
    print(
        f"quadratic programme {tally.quadratic_off_w:.2g} W (given up by HiGHS: {tally.quadratic_unsolved})"
    )
    for (kind, split, fault), count in tally.faults.most_common():
        print(f"MISMATCH {kind} {split}: {fault}: {count}")
    for example in tally.examples:
        print(example)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sites", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first site")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    begin = time.perf_counter()
    tally = run(options.sites, options.first, options.processes)
    show(tally, time.perf_counter() - begin)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
