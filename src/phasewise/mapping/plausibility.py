"""Whether each battery's configured phase fits what the meter shows, from ordinary operation alone.

When a battery's power moves, the power of its true phase moves with it. So every clear move of a battery
is held against the meter: how far did each phase go the same way meanwhile? The share of the move that
can be found on a phase, 0 to 1, is the FIT of that phase. The true phase has it nearly always; another
one has it when something else happened there at that moment.

That batteries answer to loads does not spoil this: a load that steps up makes a battery discharge, so
what the load does is of the OPPOSITE sign, whichever phase it is on. Other batteries that share the step do
show, of the same sign, on their phases; such a move does not tell the phases apart, and does not count.
What tells are the moves of one battery alone, and hand-overs, in which another goes the other way.

Nothing here changes an assignment or a setpoint. When it cannot tell, it is silent. A unit that feeds all
three phases shows the same on each: it is not judged.
"""

import math
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.model import (
    PHASES,
    Alarm,
    AlarmCode,
    Assignment,
    BatteryReading,
    BatterySettings,
    Connection,
    Fact,
    FactCode,
    GridReading,
    Phase,
    Settings,
    Severity,
    Site,
    Snapshot,
)

STEP_W = 200.0
"""Smaller moves drown in what appliances do; control hands power over in portions of 250 W."""
STILL_W = 40.0
"""Readings of a battery at rest differ by less."""
SUDDEN_READINGS = 2
SUDDEN_S = 6.0
"""A move takes two readings at most, or 6 s, the ramp of the slowest battery. What takes longer is a slope of
the sun, and a battery that follows the sun on its own phase makes itself invisible there."""
SILENT_S = 20.0
"""A battery that says nothing for longer has no move that could be judged: twice the slowest telemetry."""
READING_LATE_S = 10.0
"""A reading may speak of what was up to this long before it: slow devices, slow clouds."""
METER_OFF_S = 1.5
"""The age of a meter's sample is known to about a second."""
METER_GAP_S = 12.0
"""A gap in the meter's samples hides what happened; a 10 s meter has none as long as this."""
KEEP_S = 2.0 * SILENT_S + READING_LATE_S + METER_OFF_S + METER_GAP_S
"""Samples are kept until the last reading that can end a move, and the meter's sample after it, have come."""
TELLS = 0.5
"""A move tells the phases apart when it fits one better than another by half of it."""
APART_S = 60.0
"""Moves closer together are not independent of each other: a load that pulses makes many of a kind."""
KEPT = 0.98
"""Each move that counts leaves this much of those before: the picture is that of the last fifty."""
PROOF = 6.0
"""How much a warning needs (see `_proof`): odds against chance of e^6, 400 to 1, which takes at least
2 x PROOF = 12 moves more for another phase than for the configured one.

With the right phase configured, about one move in a hundred speaks for another phase rather than for it
(tools/plausibility_year.py counts them). Say one in four of those that take sides: the chance that the count
ever climbs by 12 from where it is, is (1/4 : 3/4)^12 = 2e-6 (the gambler's ruin). 150 moves a day, two wrong
phases and three batteries are 330,000 starts a year: 0.6 false warnings, at odds that are much too bad."""
GOOD_FIT = 0.75
"""The phase that is named instead must show most of the battery's moves, as a true one does (0.9 and more).
If none does, the readings are later than READING_LATE_S or not to be believed: then nothing can be told."""

Sample = tuple[float, float, float, float]
"""Time and power per phase, import positive."""
PerPhase = tuple[float, float, float]


class Move(Struct, frozen=True):
    """A battery's way from one steady power to the next."""

    from_s: float
    """Time of the last reading before it."""
    until_s: float
    """Time of the first reading after it."""
    power_w: float
    """How far it went, toward charging positive."""


class Fits(Struct, frozen=True):
    """What the moves of one battery that counted say of each phase."""

    id: str
    rest_s: float
    """Time of the last reading before the move that is going on; at rest, of the newest."""
    rest_w: float
    read_s: float
    """Time of the newest reading."""
    read_w: float
    moving: int = 0
    """Readings since then that moved on the same way."""
    ended: Move | None = None
    """A move that the meter has not shown to its end yet."""
    counted_s: float = float("-inf")
    """End of the last move that counted."""
    moves: int = 0
    """How many counted so far."""
    weight: float = 0.0
    """Sum of their weights: the newest has 1, the one before KEPT of it, and so on."""
    fits: PerPhase = (0.0, 0.0, 0.0)
    """Weighted sums of the fits with L1, L2, L3."""
    spread: PerPhase = (0.0, 0.0, 0.0)
    """Sums of the squares of the weighted differences: L2 to L3, L3 to L1, L1 to L2."""


class PlausibilityMemory(Struct, frozen=True):
    """Memory of the check. Bounded: KEEP_S of samples, and one `Fits` per battery."""

    samples: tuple[Sample, ...] = ()
    batteries: tuple[Fits, ...] = ()
    """Those heard so far."""


class Finding(Struct, frozen=True):
    """What is thought of one battery's configured phase."""

    id: str
    assigned: Assignment
    best: Phase | None
    """The phase that fits best; None before anything counted."""
    moves: int
    """How many moves counted."""
    fits: PerPhase
    """Mean share of a move that was seen on L1, L2, L3."""
    confidence: float
    """That `best` fits better than each other phase by more than chance, 0 to 1."""
    doubtful: bool
    """Whether `best` fits better than the assigned phase beyond doubt: worth a warning."""


def advance(memory: PlausibilityMemory, snapshot: Snapshot, settings: Settings) -> PlausibilityMemory:
    """Take in one snapshot.

    Without power per phase, and where phase readings do not mean what they mean in a star connection of
    three phases, nothing is learnt.
    """
    if not _has_phases(settings.site):
        return memory
    samples = memory.samples
    if snapshot.grid_is_new and snapshot.grid is not None:
        samples = _with(samples, snapshot.grid)
    known = {fits.id: fits for fits in memory.batteries}
    batteries = []
    for seen in snapshot.batteries:
        fits = known.get(seen.id)
        if seen.reachable and seen.reading is not None:
            fits = _hear(fits, seen.id, seen.reading)
        if fits is not None:
            ended = fits.ended
            if ended is not None and samples and samples[-1][0] >= ended.until_s + METER_OFF_S:
                fits = _judge(replace(fits, ended=None), ended, samples)
            batteries.append(fits)
    return PlausibilityMemory(samples, tuple(batteries))


def _has_phases(site: Site) -> bool:
    return site.phase_count == len(PHASES) and site.connection is Connection.STAR


def forget(memory: PlausibilityMemory, ids: Collection[str]) -> PlausibilityMemory:
    """These batteries are other ones than before."""
    return replace(memory, batteries=tuple([fits for fits in memory.batteries if fits.id not in ids]))


def _with(samples: tuple[Sample, ...], grid: GridReading) -> tuple[Sample, ...]:
    l1, l2, l3 = grid.phases
    if l1 is None or l2 is None or l3 is None:
        return samples
    if l1.power_w is None or l2.power_w is None or l3.power_w is None:
        return samples
    at_s = grid.sampled_s
    if samples and samples[-1][0] >= at_s:
        return samples
    old = 0
    while old < len(samples) and samples[old][0] < at_s - KEEP_S:
        old += 1
    return (*samples[old:], (at_s, l1.power_w, l2.power_w, l3.power_w))


def _hear(fits: Fits | None, battery_id: str, reading: BatteryReading) -> Fits | None:
    """Follow a battery from rest to rest."""
    power_w, now_s = reading.ac_power_w, reading.time_s
    if power_w is None or not math.isfinite(power_w) or (fits is not None and now_s <= fits.read_s):
        return fits
    if fits is None:
        return Fits(battery_id, now_s, power_w, now_s, power_w)
    change_w = power_w - fits.read_w
    still = abs(change_w) <= STILL_W
    if now_s - fits.read_s > SILENT_S or (still and not fits.moving):
        return replace(fits, rest_s=now_s, rest_w=power_w, read_s=now_s, read_w=power_w, moving=0)
    moved_w = fits.read_w - fits.rest_w
    # It begins to move, or goes on the same way.
    if not fits.moving or (not still and change_w * moved_w > 0):
        return replace(fits, read_s=now_s, read_w=power_w, moving=fits.moving + 1)
    # It came to rest, or turned.
    ended = fits.ended
    sudden = fits.moving <= SUDDEN_READINGS or fits.read_s - fits.rest_s <= SUDDEN_S
    if ended is None and sudden and abs(moved_w) >= STEP_W:
        ended = Move(fits.rest_s, fits.read_s, moved_w)
    if still:
        return replace(
            fits, rest_s=now_s, rest_w=power_w, read_s=now_s, read_w=power_w, moving=0, ended=ended
        )
    return replace(
        fits, rest_s=fits.read_s, rest_w=fits.read_w, read_s=now_s, read_w=power_w, moving=1, ended=ended
    )


def _judge(fits: Fits, move: Move, samples: Sequence[Sample]) -> Fits:
    """Count a move, if it tells the phases apart."""
    if move.from_s < fits.counted_s + APART_S:
        return fits
    window = _during(move, samples)
    if not window:
        return fits
    sign = 1.0 if move.power_w > 0 else -1.0
    fit = [min(_rise_w(window, phase.ordinal + 1, sign) / abs(move.power_w), 1.0) for phase in PHASES]
    if max(fit) - min(fit) < TELLS:
        return fits
    l1, l2, l3 = fit
    squares = ((l2 - l3) ** 2, (l3 - l1) ** 2, (l1 - l2) ** 2)
    s1, s2, s3 = [KEPT * KEPT * old + new for old, new in zip(fits.spread, squares, strict=True)]
    f1, f2, f3 = [KEPT * old + new for old, new in zip(fits.fits, fit, strict=True)]
    return replace(
        fits,
        counted_s=move.until_s,
        moves=fits.moves + 1,
        weight=KEPT * fits.weight + 1.0,
        fits=(f1, f2, f3),
        spread=(s1, s2, s3),
    )


def _during(move: Move, samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples from just before the move to just after it; none if the meter did not see all of it."""
    begin_s, end_s = move.from_s - READING_LATE_S, move.until_s + METER_OFF_S
    first, last = 0, len(samples) - 1
    if samples[first][0] > begin_s or samples[last][0] < end_s:
        return ()
    while samples[first + 1][0] <= begin_s:
        first += 1
    while samples[last - 1][0] >= end_s:
        last -= 1
    for index in range(first, last):
        if samples[index + 1][0] - samples[index][0] > METER_GAP_S:
            return ()
    return samples[first : last + 1]


def _rise_w(window: Sequence[Sample], column: int, sign: float) -> float:
    """The most that a phase goes up from any sample to a later one; down, for a negative sign."""
    most_w = 0.0
    low_w = math.inf
    for sample in window:
        power_w = sign * sample[column]
        if power_w < low_w:
            low_w = power_w
        elif power_w - low_w > most_w:
            most_w = power_w - low_w
    return most_w


def findings(memory: PlausibilityMemory, settings: Settings) -> tuple[Finding, ...]:
    """What is thought of each battery heard so far, in the order of the settings.

    Unassigned ones are never doubtful. Three-phase ones are left out.
    """
    if not _has_phases(settings.site):
        return ()
    known = {fits.id: fits for fits in memory.batteries}
    return tuple(
        _finding(known[battery.id], battery)
        for battery in settings.batteries
        if battery.id in known and battery.phase is not Assignment.THREE_PHASE
    )


def _finding(fits: Fits, battery: BatterySettings) -> Finding:
    if not fits.moves:
        return Finding(battery.id, battery.phase, None, 0, (0.0, 0.0, 0.0), 0.0, doubtful=False)
    l1, l2, l3 = [total / fits.weight for total in fits.fits]
    best = max(PHASES, key=lambda phase: fits.fits[phase.ordinal])
    proof = {other: _proof(fits, best, other) for other in PHASES if other is not best}
    assigned = battery.phase.phase
    return Finding(
        id=battery.id,
        assigned=battery.phase,
        best=best,
        moves=fits.moves,
        fits=(l1, l2, l3),
        confidence=-math.expm1(-min(proof.values())),
        doubtful=(
            assigned in proof
            and proof[assigned] >= PROOF
            and fits.fits[best.ordinal] >= GOOD_FIT * fits.weight
        ),
    )


def _proof(fits: Fits, better: Phase, other: Phase) -> float:
    """Natural logarithm of the odds against chance that one phase fits so much better than the other.

    The differences of the fits are summed and held against the root of the sum of their squares. If each
    were as likely to be of one sign as of the other, whatever its size, the ratio would exceed t with a
    probability of at most exp(-t^2 / 2) (Efron, "Student's t-test under symmetry conditions", Journal of the
    American Statistical Association 64, 1969).
    """
    third = 3 - better.ordinal - other.ordinal
    ahead = fits.fits[better.ordinal] - fits.fits[other.ordinal]
    return ahead * ahead / (2.0 * fits.spread[third]) if ahead > 0 else 0.0


def warnings(found: Iterable[Finding]) -> list[Alarm]:
    """The alarms that findings deserve."""
    return [
        Alarm(
            AlarmCode.MAPPING_DOUBTFUL,
            Severity.WARNING,
            finding.id,
            f"{finding.best} fits best, not {finding.assigned}: {evidence_text(finding)}",
            (Fact(FactCode.SEEN_ON, f"{finding.best} ({_shares(finding)}; n = {finding.moves})"),),
        )
        for finding in found
        if finding.doubtful
    ]


def evidence_text(finding: Finding) -> str:
    """The numbers behind a finding, in English."""
    return f"{finding.moves} changes of its power compared with the meter; seen on {_shares(finding)}"


def _shares(finding: Finding) -> str:
    return ", ".join(f"{phase} {100.0 * fit:.0f} %" for phase, fit in zip(PHASES, finding.fits, strict=True))
