"""A year of clock quarters under the capacity tariff: `python -m phasewise.sim.quarter_year [DAYS] [HOMES]`.

The real rules (`control.quarter`, `control.peak`) on generated homes in steps of 10 s; a year at 1 s in
closed loop would take hours. Batteries charge whenever they may, so that they are full for the next peak. The
bound is exact: each quarter begins with the same state of charge, its load is known, and batteries give all
they can. What is charged by is the month's highest quarter, at least the target.
"""

import statistics
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.limits import Unit
from phasewise.control.peak import shave
from phasewise.control.quarter import QUARTER_H, QUARTER_S, follow
from phasewise.model import (
    CAPACITY_FLOOR_W,
    CapacityTariff,
    ControlSettings,
    GridReading,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import Memory
from phasewise.sim.household import Household

STEP_S = 10.0
STEPS = round(QUARTER_S / STEP_S)
LATE = 0.4
"""Share of a step in which batteries still do what they did: 1 s of the meter, 1.5 s of dead time, half a
ramp of 3 s."""
POWER_W = 5000.0
CAPACITY_WH = 10_240.0
FLOOR_WH = 0.12 * CAPACITY_WH
EFFICIENCY = 0.95
"""One way. Two usual batteries together."""
BEGINS_UTC_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
SITE = Site(time_zone="Europe/Brussels")


class Month(Struct, frozen=True):
    """Highest quarter of one month, W, at least the target."""

    name: str
    peak_w: float
    bound_w: float
    """What could have been reached with the load of each quarter known at its beginning."""
    alone_w: float
    """Without batteries."""
    instantaneous_w: float
    """What shaving everything above the target at once would have reached, with batteries as full."""


class _Quarter(Struct):
    month: str
    loads_w: list[float]
    stored_wh: float
    """That batteries could deliver when it began."""
    imported_wh: float = 0.0


class Home:
    """A home with its batteries, one step after the other, controlled by the real rules."""

    def __init__(self, household: Household, target_w: float = CAPACITY_FLOOR_W) -> None:
        tariff = CapacityTariff(enabled=True, target_w=target_w)
        self.settings = Settings(SITE, (), ControlSettings(capacity_tariff=tariff))
        self._household = household
        self._memory = Memory()
        self._stored_wh = CAPACITY_WH
        self._power_w = 0.0

    def quarters(self, days: float) -> Iterator[_Quarter]:
        """Every quarter as it went."""
        peak_w, month = 0.0, ""
        for number in range(round(days * 96)):
            memory = self._memory.quarter
            quarter = _Quarter(memory.month, [], (self._stored_wh - FLOOR_WH) * EFFICIENCY)
            for step in range(STEPS):
                at_s = (number * STEPS + step) * STEP_S
                load_w = sum(self._household.loads_w(at_s))
                quarter.loads_w.append(load_w)
                target_w = self._decide(at_s, load_w, quarter.imported_wh / QUARTER_H, peak_w)
                quarter.imported_wh += self._pass(load_w, target_w)
            quarter.month = self._memory.quarter.month
            peak_w = max(peak_w if quarter.month == month else 0.0, quarter.imported_wh / QUARTER_H)
            month = quarter.month
            yield quarter

    def _decide(self, at_s: float, load_w: float, demand_w: float, peak_w: float) -> float:
        """The setpoint, from what a Belgian meter tells."""
        grid = GridReading(
            received_s=at_s,
            total_power_w=load_w + self._power_w,
            meter_time_s=BEGINS_UTC_S + at_s,
            quarter_demand_w=demand_w,
            month_peak_w=peak_w,
        )
        snapshot = Snapshot(at_s, BEGINS_UTC_S + at_s, grid, True, STEP_S, ())
        memory = replace(self._memory, quarter=follow(snapshot, self.settings, self._memory.quarter))
        lo_w = -POWER_W if self._stored_wh > FLOOR_WH else 0.0
        hi_w = POWER_W if self._stored_wh < CAPACITY_WH else 0.0
        unit = Unit("all", 0.0, hi_w, can_lo_w=lo_w, can_hi_w=hi_w)
        units = [replace(unit, lo_w=lo_w)]
        shaved, self._memory = shave(min(hi_w, POWER_W), load_w, units, self.settings, memory, at_s)
        return hi_w if shaved is None else min(max(shaved.target_w, lo_w), hi_w)

    def _pass(self, load_w: float, target_w: float) -> float:
        """Let a step pass; returns what was imported, in Wh."""
        imported_wh = 0.0
        for power_w, share in ((self._power_w, LATE), (target_w, 1.0 - LATE)):
            hours = share * STEP_S / 3600.0
            stored_wh = power_w * hours * (EFFICIENCY if power_w > 0 else 1.0 / EFFICIENCY)
            self._stored_wh = min(max(self._stored_wh + stored_wh, FLOOR_WH), CAPACITY_WH)
            imported_wh += max(0.0, load_w + power_w) * hours
        self._power_w = target_w
        return imported_wh


def least_w(loads_w: Sequence[float], stored_wh: float) -> float:
    """The lowest mean import of a quarter whose load is known: all that batteries can take off it, exactly.

    Only import counts, so a battery gives at most what is drawn; which of it does not matter.
    """
    hours = STEP_S / 3600.0
    drawn_wh = sum([max(0.0, w) for w in loads_w]) * hours
    within_reach_wh = sum([min(max(0.0, w), POWER_W) for w in loads_w]) * hours
    return (drawn_wh - min(within_reach_wh, stored_wh)) / QUARTER_H


def _shaved_at_once_w(loads_w: Sequence[float], limit_w: float, stored_wh: float) -> float:
    """The mean of a quarter in which everything above a limit is shaved at once, as far as batteries can."""
    hours, imported_wh = STEP_S / 3600.0, 0.0
    for load_w in loads_w:
        given_w = min(max(0.0, load_w - limit_w), POWER_W, stored_wh / hours)
        stored_wh -= given_w * hours
        imported_wh += max(0.0, load_w - given_w) * hours
    return imported_wh / QUARTER_H


def months(household: Household, days: float, target_w: float = CAPACITY_FLOOR_W) -> list[Month]:
    """The months of a home's year, the first from 1 January."""
    found: dict[str, Month] = {}
    for q in Home(household, target_w).quarters(days):
        before = found.get(q.month, Month(q.month, target_w, target_w, target_w, target_w))
        alone_w = least_w(q.loads_w, 0.0)
        # Nobody needs to go below the target, but below what the month has cost already neither.
        bound_w = min(alone_w, max(least_w(q.loads_w, q.stored_wh), before.bound_w))
        found[q.month] = Month(
            q.month,
            max(before.peak_w, q.imported_wh / QUARTER_H),
            max(before.bound_w, bound_w),
            max(before.alone_w, alone_w),
            max(before.instantaneous_w, _shaved_at_once_w(q.loads_w, before.instantaneous_w, q.stored_wh)),
        )
    return list(found.values())


def excess_pct(of: Sequence[Month]) -> float:
    """How far the mean of the months' peaks is above the bound, in %."""
    return 100.0 * (sum([m.peak_w for m in of]) / sum([m.bound_w for m in of]) - 1.0)


def main(arguments: Sequence[str]) -> None:
    """Print a line per home."""
    days, homes = [int(a) for a in arguments] + [365, 5][len(arguments) :]
    all_months = []
    for seed in range(homes):
        household = Household(seed)
        of_home = months(household, days)
        all_months += of_home
        means = [
            statistics.fmean([getattr(m, name) for m in of_home])
            for name in ("alone_w", "instantaneous_w", "peak_w", "bound_w")
        ]
        alone_w, at_once_w, peak_w, bound_w = means
        sys.stdout.write(
            f"home {seed} ({household.ev.name}): alone {alone_w:,.0f} W, shaved at once {at_once_w:,.0f} W, "
            f"measured {peak_w:,.0f} W, bound {bound_w:,.0f} W: {excess_pct(of_home):+.2f} %\n"
        )
    sys.stdout.write(f"all: {excess_pct(all_months):+.2f} % (must +10 %, goal +3 %)\n")


if __name__ == "__main__":
    main(sys.argv[1:])
