"""How generated days compare with a recorded one: `python -m phasewise.sim.household_figures [CSV]`."""

import statistics
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from phasewise.sim.household import DAY_S, Household
from phasewise.sim.loads import read_csv

HOMES, DAYS = 20, 7
STEP_W = 100.0
NAMES = ("mean power, W", "steps above 100 W", "highest power, W", "lowest power, W")


def figures(total_w: Sequence[float]) -> tuple[float, float, float, float]:
    """Those of NAMES, for one value a second."""
    steps = sum(abs(after - before) > STEP_W for before, after in pairwise(total_w))
    return statistics.fmean(total_w), float(steps), max(total_w), min(total_w)


def main(arguments: Sequence[str]) -> None:
    """Print the median day, the 5th and the 95th percentile; and a recording beside, where one is named."""
    days = [
        figures([sum(household.demand_w(day * DAY_S + second)) for second in range(int(DAY_S))])
        for household in map(Household, range(HOMES))
        for day in range(DAYS)
    ]
    recorded: tuple[float, ...] | None = None
    if arguments:
        recording = read_csv(Path(arguments[0]))
        seconds = range(int(recording.duration_s) + 1)
        recorded = figures([sum(recording.phases_w(float(second))) for second in seconds])
    for index, name in enumerate(NAMES):
        cuts = statistics.quantiles([day[index] for day in days], n=20)
        text = f"{name:20} generated {cuts[9]:7,.0f} ({cuts[0]:,.0f} to {cuts[-1]:,.0f})"
        sys.stdout.write(text + (f", recorded {recorded[index]:,.0f}\n" if recorded else "\n"))


if __name__ == "__main__":
    main(sys.argv[1:])
