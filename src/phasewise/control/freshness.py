"""Which telegrams count: new content, plausible values; and how long the last one stays good.

Fresh means newly received content (design: a replayed telegram is not fresh, an unchanged value in a
new telegram is). All functions are pure; the engine keeps the `MeterWatch`.
"""

import math
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from phasewise.model import (
    PHASES,
    BatterySnapshot,
    Connection,
    Freshness,
    GridReading,
    PhaseReading,
    Site,
    Snapshot,
)

AGING_CADENCES = 2.0
LOST_CADENCES = 3.0
LOST_AT_LEAST_S = 8.0
"""Three cadences of a 1 s meter would trip on one Wi-Fi hiccup; 8 s still stops batteries within 15 s."""
LOST_AT_MOST_S = 180.0
UNKNOWN_CADENCE_S = 10.0
"""DSMR 4 and older: one telegram must not be called lost before the second can have come."""
CADENCE_WINDOW = 5
"""Median of this many intervals: one gap or burst does not move it."""
RECENT_CONTENTS = 600
"""Contents remembered to tell a replay from a clock that was set back: ten minutes of a 1 s meter. A
longer replay is known by its energy registers, which never go back."""
BACKWARD_STEP_AGAIN_S = 3600.0
"""A meter clock may be set back once an hour; more often is a replay."""
ABSURD_FUSES = 3.0
"""Beyond this multiple of the fuse a value is a fault of the reading: the fuse would be gone in 0.1 s."""
SUM_TOLERANCE_W = 300.0
SUM_TOLERANCE = 0.2
"""A larger gap between the total and the sum of the phases means a wrong sign or unit on one of them.
Only while the power changes it may be as large as the change, because they are averaged over slightly
different moments: a real DSMR 5 meter showed 302 W on a step of 856 W."""
UNIT_CHECK_A = 6.0
UNIT_CHECK_PF = 0.0012
"""A power in kW that is read as W is at most a thousandth of V x I, plus the rounding of whole amps. A
larger share is possible: batteries that hold a phase at 0 W leave the reactive current of a motor."""
UNIT_PROOF = 5.0
"""So many times what a reading in kW could show, of any phase or of the total, is surely in W."""
UNIT_PROOF_W = 5.0
"""And this much more, for currents that are rounded to nothing."""
UNIT_ALIKE = 0.2
"""Two telegrams of a phase that is held at 0 W beside the current of a motor differ by less than this."""


class Verdict(StrEnum):
    """What became of a telegram."""

    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    IMPLAUSIBLE = "implausible"


class MeterWatch(Struct, frozen=True):
    """What is remembered of the meter's telegrams."""

    last: GridReading | None = None
    """The newest accepted reading."""
    intervals_s: tuple[float, ...] = ()
    recent_ids: tuple[int, ...] = ()
    stepped_back_s: float = float("-inf")
    """When the meter's clock was last seen to step back."""

    @property
    def cadence_s(self) -> float:
        """Observed time between accepted telegrams; the slowest usual one until two were seen."""
        if not self.intervals_s:
            return UNKNOWN_CADENCE_S
        return sorted(self.intervals_s)[(len(self.intervals_s) - 1) // 2]


def freshness(age_s: float, cadence_s: float) -> Freshness:
    """How far a reading of that age can be trusted, from a meter of that cadence."""
    if age_s <= AGING_CADENCES * cadence_s:
        return Freshness.FRESH
    return Freshness.AGING if age_s <= lost_after_s(cadence_s) else Freshness.LOST


def lost_after_s(cadence_s: float) -> float:
    """Age at which a reading of a meter of that cadence says nothing any more."""
    return min(max(LOST_AT_LEAST_S, LOST_CADENCES * cadence_s), LOST_AT_MOST_S)


def admit(watch: MeterWatch, reading: GridReading, site: Site) -> tuple[MeterWatch, Verdict, str | None]:
    """Judge a telegram: the new watch, the verdict, and for a rejected one the reason in words."""
    problem = implausible(reading, site, watch.last)
    if problem is not None:
        return watch, Verdict.IMPLAUSIBLE, problem
    problem = _not_new(watch, reading)
    if problem is not None:
        return watch, Verdict.REPLAYED, problem
    return _accepted(watch, reading), Verdict.ACCEPTED, None


def _not_new(watch: MeterWatch, reading: GridReading) -> str | None:
    last = watch.last
    if last is None:
        return None
    if reading.meter_time_s is None or last.meter_time_s is None:
        same = reading.content_id is not None and reading.content_id == last.content_id
        return "the same content as the telegram before" if same else None
    if reading.meter_time_s > last.meter_time_s:
        return None
    set_back = (
        reading.meter_time_s < last.meter_time_s
        and reading.content_id not in watch.recent_ids
        and not _registers_went_back(last, reading)
        and reading.received_s - watch.stepped_back_s > BACKWARD_STEP_AGAIN_S
    )
    return None if set_back else "the meter's timestamp did not advance"


def _registers_went_back(last: GridReading, reading: GridReading) -> bool:
    return any(
        before_wh is not None and now_wh is not None and now_wh < before_wh
        for before_wh, now_wh in (
            (last.energy_import_wh, reading.energy_import_wh),
            (last.energy_export_wh, reading.energy_export_wh),
        )
    )


def _accepted(watch: MeterWatch, reading: GridReading) -> MeterWatch:
    intervals, stepped_back_s = watch.intervals_s, watch.stepped_back_s
    last = watch.last
    if last is not None:
        intervals = (*intervals[-(CADENCE_WINDOW - 1) :], reading.received_s - last.received_s)
        if (reading.meter_time_s or 0.0) < (last.meter_time_s or 0.0):
            stepped_back_s = reading.received_s
    ids = watch.recent_ids
    if reading.content_id is not None:
        ids = (*ids[-(RECENT_CONTENTS - 1) :], reading.content_id)
    return MeterWatch(last=reading, intervals_s=intervals, recent_ids=ids, stepped_back_s=stepped_back_s)


def implausible(reading: GridReading, site: Site, before: GridReading | None = None) -> str | None:
    """Why a reading cannot be true at this site, or None. `before` is the last one that was accepted."""
    if not math.isfinite(reading.total_power_w):
        return "the total power is not a number"
    limit_w = ABSURD_FUSES * site.nominal_voltage_v * sum(site.main_fuse_a[: site.phase_count])
    if abs(reading.total_power_w) > limit_w:
        return f"a total of {reading.total_power_w:.0f} W is more than {ABSURD_FUSES:.0f} x the main fuse"
    for index in range(site.phase_count):
        of_phase = reading.phases[index]
        if of_phase is not None:
            problem = _implausible_phase(of_phase, site, site.main_fuse_a[index])
            if problem is None and not _is_in_watts(reading, site):
                problem = _taken_for_watts(of_phase, before.phases[index] if before is not None else None)
            if problem is not None:
                return f"{PHASES[index]}: {problem}"
    return _implausible_sum(reading, site, before)


def finite(snapshot: Snapshot) -> Snapshot:
    """The snapshot without values of batteries that are no numbers: NaN would spread to all setpoints."""
    sum_of_all = 0.0
    for battery in snapshot.batteries:
        if (seen := battery.reading) is not None:
            sum_of_all += (seen.ac_power_w or 0.0) + (seen.soc_pct or 0.0)
            sum_of_all += (seen.pv_power_w or 0.0) + (seen.readback_w or 0.0)
    # One that is no number makes a sum that is none either.
    if math.isfinite(sum_of_all):
        return snapshot
    return replace(snapshot, batteries=tuple([_finite(battery) for battery in snapshot.batteries]))


def _finite(battery: BatterySnapshot) -> BatterySnapshot:
    reading = battery.reading
    if reading is None:
        return battery
    values = (reading.ac_power_w, reading.soc_pct, reading.pv_power_w, reading.readback_w)
    known = [None if value is None or not math.isfinite(value) else value for value in values]
    ac_power_w, soc_pct, pv_power_w, readback_w = known
    cleaned = replace(
        reading, ac_power_w=ac_power_w, soc_pct=soc_pct, pv_power_w=pv_power_w, readback_w=readback_w
    )
    return replace(battery, reading=cleaned)


def _implausible_phase(reading: PhaseReading, site: Site, fuse_a: float) -> str | None:
    power_w, current_a = reading.power_w, reading.current_a
    if not math.isfinite((power_w or 0.0) + (current_a or 0.0) + (reading.voltage_v or 0.0)):
        return "a value is not a number"
    limit_a = ABSURD_FUSES * fuse_a
    if power_w is not None and abs(power_w) > limit_a * site.nominal_voltage_v:
        return f"{power_w:.0f} W is more than {ABSURD_FUSES:.0f} x the fuse"
    if current_a is not None and abs(current_a) > limit_a:
        return f"{current_a:.1f} A is more than {ABSURD_FUSES:.0f} x the fuse"
    return None


def _taken_for_watts(reading: PhaseReading, before: PhaseReading | None) -> str | None:
    """`before`: the same phase in the last telegram that was accepted."""
    power_w, current_a = reading.power_w, reading.current_a
    if power_w is None or current_a is None or not reading.voltage_v or abs(current_a) < UNIT_CHECK_A:
        return None
    apparent_va = reading.voltage_v * abs(current_a)
    if abs(power_w) >= UNIT_CHECK_PF * apparent_va:
        return None
    if before is not None and before.power_w is not None and abs(before.current_a or 0.0) >= UNIT_CHECK_A:
        # It was near 0 W beside much the same current, and fitted.
        alike = abs(abs(current_a) - abs(before.current_a or 0.0)) <= UNIT_ALIKE * abs(current_a)
        if alike and abs(before.power_w) <= UNIT_ALIKE * apparent_va:
            return None
    return f"{power_w:.1f} W does not fit {current_a:.1f} A: kW taken for W?"


def _is_in_watts(reading: GridReading, site: Site) -> bool:
    """Whether some value of the telegram is too large to be in kW: then a phase may really be near 0 W."""
    most_w = UNIT_PROOF_W
    for of_phase in reading.phases[: site.phase_count]:
        if of_phase is not None and of_phase.current_a is not None:
            of_it_w = UNIT_PROOF * UNIT_CHECK_PF * site.nominal_voltage_v * abs(of_phase.current_a)
            if abs(of_phase.power_w or 0.0) > of_it_w + UNIT_PROOF_W:
                return True
            most_w += of_it_w
    return abs(reading.total_power_w) > most_w


def _implausible_sum(reading: GridReading, site: Site, before: GridReading | None) -> str | None:
    if site.connection is not Connection.STAR:
        return None
    phase_sum_w = _phase_sum_w(reading, site)
    if phase_sum_w is None:
        return None
    total_w = reading.total_power_w
    if abs(phase_sum_w - total_w) <= SUM_TOLERANCE_W:
        return None
    powers = [p.power_w for p in reading.phases if p is not None and p.power_w is not None]
    tolerance_w = max(SUM_TOLERANCE_W, SUM_TOLERANCE * max(map(abs, powers)))
    if before is not None:
        sum_before_w = _phase_sum_w(before, site)
        stepped_w = 0.0 if sum_before_w is None else abs(phase_sum_w - sum_before_w)
        tolerance_w = max(tolerance_w, abs(total_w - before.total_power_w), stepped_w)
    if abs(phase_sum_w - total_w) <= tolerance_w:
        return None
    return f"the phases add up to {phase_sum_w:.0f} W but the total says {total_w:.0f} W"


def _phase_sum_w(reading: GridReading, site: Site) -> float | None:
    """Sum of the phases that the home has, or None if one of them is not known."""
    sum_w = 0.0
    for index in range(site.phase_count):
        of_phase = reading.phases[index]
        if of_phase is None or of_phase.power_w is None:
            return None
        sum_w += of_phase.power_w
    return sum_w
