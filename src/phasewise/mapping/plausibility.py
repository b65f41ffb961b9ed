"""Whether each battery's configured phase fits what the meter shows, from ordinary operation alone.

When a battery's power moves, the power of its true phase moves with it. So every clear move of a battery
is held against the meter: how far did each phase go the same way meanwhile? The share of the move that
can be found on a phase, 0 to 1, is the FIT of that phase. The true phase has it nearly always; another
one has it when something else happened there at that moment.

That batteries answer to loads does not spoil this: a load that steps up makes a battery discharge, so
what the load does is of the OPPOSITE sign, whichever phase it is on. Other batteries that share the step do
show, of the same sign, on their phases: a move that another battery joined does not count. What tells are the
moves of one battery alone, and hand-overs, in which another goes the other way.

The usual mistake is two batteries that were swapped. Then what each of them shows speaks for the same thing,
and is added up: "these two are swapped" is proven sooner than "this one is wrong" twice.

Nothing here changes an assignment or a setpoint. When it cannot tell, it is silent. A unit that feeds all
three phases shows the same on each: it is not judged.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

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
KEEP_S = 3.0 * SILENT_S + READING_LATE_S + 2.0 * METER_GAP_S
"""A move takes two readings at most. It is judged when every battery that is not silent has been heard again,
with the next sample of the meter, and from the sample before the earliest time it may have begun."""
TELLS = 0.5
"""A move tells the phases apart when it fits one better than another by half of it, and when no other battery
went the same way by as much."""
APART_S = 60.0
"""Moves closer together are not independent of each other: a load that pulses makes many of a kind."""
KEPT = 0.98
"""Each move that counts leaves this much of those before: the picture is that of the last fifty."""
PROOF = 3.5
"""How much a warning needs (see `_proof`): odds against chance of e^3.5, 33 to 1. That takes more than
2 x PROOF = 7 moves more for another phase than for the configured one.

With the right phase configured, fewer than two moves in a thousand speak for another phase rather than for it
(tools/plausibility_year.py counts them). Say one in four of those that take sides: the chance that the count
ever climbs by 7 from nothing is (1/4 : 3/4)^7 = 4.6e-4 (the gambler's ruin). It begins from nothing at a
start only; later it has all the moves behind it that spoke for the right phase. Two wrong phases, three
batteries and a start a week are 312 a year: 0.14 false warnings, at odds that are a hundred times too bad."""
GOOD_FIT = 0.85
"""The phase that is named instead must show most of the battery's moves, as a true one does (0.88 and more,
99 times in 100). If none does, the readings are later than READING_LATE_S or not to be believed."""

Sample = tuple[float, ...]
"""Time, and power: that of L1, L2, L3, import positive; or that of a battery."""
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
    heard: tuple[Sample, ...]
    """Its readings of the last KEEP_S; at least the newest."""
    rest: Sample
    """The last reading before the move that is going on; at rest, the newest."""
    moving: int = 0
    """Readings since then that moved on the same way."""
    ended: tuple[Move, ...] = ()
    """Moves that the meter and the other batteries have not yet said enough about."""
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
    """Memory of the check. Bounded: KEEP_S of samples, and as much of readings per battery."""

    samples: tuple[Sample, ...] = ()
    batteries: tuple[Fits, ...] = ()
    """Those heard so far."""


class Finding(Struct, frozen=True):
    """What is thought of one battery's configured phase."""

    id: str
    name: str
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
    swapped_with: str | None = None
    """The battery that it was swapped with, if that is beyond doubt."""


Heard = tuple[Fits, BatterySettings]
"""What the moves of a battery say, and what the configuration says."""


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
            batteries.append(fits)
    return PlausibilityMemory(samples, tuple([_settle(fits, batteries, samples) for fits in batteries]))


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
    return _kept(samples, (at_s, l1.power_w, l2.power_w, l3.power_w))


def _kept(samples: tuple[Sample, ...], newest: Sample) -> tuple[Sample, ...]:
    """Those of the last KEEP_S."""
    old = 0
    while old < len(samples) and samples[old][0] < newest[0] - KEEP_S:
        old += 1
    return (*samples[old:], newest)


def _hear(fits: Fits | None, battery_id: str, reading: BatteryReading) -> Fits | None:
    """Follow a battery from rest to rest."""
    power_w, now_s = reading.ac_power_w, reading.time_s
    if power_w is None or not math.isfinite(power_w) or (fits is not None and now_s <= fits.heard[-1][0]):
        return fits
    newest = (now_s, power_w)
    if fits is None:
        return Fits(battery_id, (newest,), newest)
    before = fits.heard[-1]
    heard = _kept(fits.heard, newest)
    change_w = power_w - before[1]
    still = abs(change_w) <= STILL_W
    if now_s - before[0] > SILENT_S or (still and not fits.moving):
        return replace(fits, heard=heard, rest=newest, moving=0)
    moved_w = before[1] - fits.rest[1]
    # It begins to move, or goes on the same way.
    if not fits.moving or (not still and change_w * moved_w > 0):
        return replace(fits, heard=heard, moving=fits.moving + 1)
    # It came to rest, or turned.
    ended = fits.ended
    sudden = fits.moving <= SUDDEN_READINGS or before[0] - fits.rest[0] <= SUDDEN_S
    if sudden and abs(moved_w) >= STEP_W:
        recent = [move for move in ended if move.until_s >= now_s - KEEP_S]
        ended = (*recent, Move(fits.rest[0], before[0], moved_w))
    if still:
        return replace(fits, heard=heard, rest=newest, moving=0, ended=ended)
    return replace(fits, heard=heard, rest=before, moving=1, ended=ended)


def _settle(fits: Fits, batteries: Iterable[Fits], samples: Sequence[Sample]) -> Fits:
    """Judge the oldest move that ended, once the meter and the other batteries have said what they can."""
    if not fits.ended or not samples or samples[-1][0] < fits.ended[0].until_s + SILENT_S:
        return fits
    move, *later = fits.ended
    fits = replace(fits, ended=tuple(later))
    if move.from_s < fits.counted_s + APART_S:
        return fits
    fit = _fit(move, samples)
    others = [other for other in batteries if other.id != fits.id]
    tells = max(fit) - min(fit) >= TELLS and not _was_joined(move, others)
    return _count(fits, move, fit) if tells else fits


def _fit(move: Move, samples: Sequence[Sample]) -> PerPhase:
    """Share of a move that each phase shows; all 0 if the meter did not see all of it."""
    window = _during(move, samples)
    sign = 1.0 if move.power_w > 0 else -1.0
    l1, l2, l3 = [min(_rise_w(window, column, sign) / abs(move.power_w), 1.0) for column in (1, 2, 3)]
    return (l1, l2, l3)


def _was_joined(move: Move, others: Iterable[Fits]) -> bool:
    """Whether another battery went the same way, so that its phase shows what may be taken for this move."""
    sign = 1.0 if move.power_w > 0 else -1.0
    return any(
        _rise_w(_since(other.heard, move.from_s - READING_LATE_S), 1, sign) >= TELLS * abs(move.power_w)
        for other in others
    )


def _count(fits: Fits, move: Move, fit: PerPhase) -> Fits:
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
    window = _since(samples, begin_s)
    last = len(window) - 1
    if window[0][0] > begin_s or window[last][0] < end_s:
        return ()
    while window[last - 1][0] >= end_s:
        last -= 1
    window = window[: last + 1]
    gaps_s = [after[0] - before[0] for before, after in pairwise(window)]
    return () if max(gaps_s) > METER_GAP_S else window


def _since(samples: Sequence[Sample], begin_s: float) -> Sequence[Sample]:
    """From the last sample that is not later than `begin_s`; from the first one if all are."""
    first = 0
    while first + 1 < len(samples) and samples[first + 1][0] <= begin_s:
        first += 1
    return samples[first:]


def _rise_w(window: Sequence[Sample], column: int, sign: float) -> float:
    """The most that a power goes up from any sample to a later one; down, for a negative sign."""
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
    heard = [
        (known[battery.id], battery)
        for battery in settings.batteries
        if battery.id in known and battery.phase is not Assignment.THREE_PHASE
    ]
    return tuple([_finding(fits, battery, heard) for fits, battery in heard])


def _finding(fits: Fits, battery: BatterySettings, heard: Iterable[Heard]) -> Finding:
    assigned = battery.phase.phase
    if not fits.moves:
        return Finding(battery.id, battery.name, battery.phase, None, 0, (0.0, 0.0, 0.0), 0.0, doubtful=False)
    l1, l2, l3 = [total / fits.weight for total in fits.fits]
    best = _best(fits)
    ahead = {other: _proof((fits, best, other)) for other in PHASES if other is not best}
    elsewhere = _elsewhere(fits, battery)
    wrong = ahead[assigned] if assigned is not None and elsewhere is not None else 0.0
    swapped, partner = 0.0, battery
    if elsewhere is not None:
        swapped, partner = max(
            ((_swapped((fits, battery), other), other[1]) for other in heard), key=lambda swap: swap[0]
        )
    return Finding(
        id=battery.id,
        name=battery.name,
        assigned=battery.phase,
        best=best,
        moves=fits.moves,
        fits=(l1, l2, l3),
        confidence=-math.expm1(-max(min(ahead.values()), swapped)),
        doubtful=max(wrong, swapped) >= PROOF,
        swapped_with=partner.id if swapped >= PROOF else None,
    )


def _best(fits: Fits) -> Phase:
    return max(PHASES, key=lambda phase: fits.fits[phase.ordinal])


def _elsewhere(fits: Fits, battery: BatterySettings) -> Phase | None:
    """The phase that fits best, if that is not the assigned one, and if it fits as a true one does."""
    if not fits.moves or battery.phase.phase is None:
        return None
    best = _best(fits)
    fits_well = fits.fits[best.ordinal] >= GOOD_FIT * fits.weight
    return best if fits_well and best is not battery.phase.phase else None


def _swapped(one: Heard, other: Heard) -> float:
    """The proof that each of two batteries is on the phase that is set for the other; 0 if one is not."""
    mine, its = one[1].phase.phase, other[1].phase.phase
    if mine is None or its is None or _elsewhere(*one) is not its or _elsewhere(*other) is not mine:
        return 0.0
    return _proof((one[0], its, mine), (other[0], mine, its))


def _proof(*claims: tuple[Fits, Phase, Phase]) -> float:
    """Natural logarithm of the odds against chance that one phase fits so much better than another.

    `claims`: of one battery or more, the phase that is to fit better, and the other one.

    The differences of the fits are summed and held against the root of the sum of their squares. If each
    were as likely to be of one sign as of the other, whatever its size, the ratio would exceed t with a
    probability of at most exp(-t^2 / 2) (Efron, "Student's t-test under symmetry conditions", Journal of the
    American Statistical Association 64, 1969).
    """
    ahead = spread = 0.0
    for fits, better, other in claims:
        ahead += fits.fits[better.ordinal] - fits.fits[other.ordinal]
        spread += fits.spread[3 - better.ordinal - other.ordinal]
    return ahead * ahead / (2.0 * spread) if ahead > 0 else 0.0


def warnings(found: Iterable[Finding]) -> list[Alarm]:
    """The alarms that findings deserve."""
    by_id = {finding.id: finding for finding in found}
    return [
        _warning(finding, by_id.get(finding.swapped_with or ""))
        for finding in by_id.values()
        if finding.doubtful
    ]


def _warning(finding: Finding, partner: Finding | None) -> Alarm:
    detail = f"{finding.best} fits best, not {finding.assigned}: {evidence_text(finding)}"
    seen = _seen(finding)
    if partner is not None:
        detail += f"; it looks swapped with {partner.name}: {evidence_text(partner)}"
        seen += f"; {partner.name}: {_seen(partner)}"
    facts = (Fact(FactCode.SEEN_ON, seen),)
    return Alarm(AlarmCode.MAPPING_DOUBTFUL, Severity.WARNING, finding.id, detail, facts)


def _seen(finding: Finding) -> str:
    return f"{finding.best} ({_shares(finding)}; n = {finding.moves})"


def evidence_text(finding: Finding) -> str:
    """The numbers behind a finding, in English."""
    return f"{finding.moves} changes of its power compared with the meter; seen on {_shares(finding)}"


def _shares(finding: Finding) -> str:
    return ", ".join(f"{phase} {100.0 * fit:.0f} %" for phase, fit in zip(PHASES, finding.fits, strict=True))
