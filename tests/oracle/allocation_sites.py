"""Random allocation problems: small homes with everything that makes the split hard.

Plain `random` with a seed, so that hundreds of thousands are cheap and each is found again by its number.
This module knows nothing of the product: it is the question, never the answer.
"""

from dataclasses import dataclass, replace
from random import Random

PHASE_NAMES = ("L1", "L2", "L3")
THREE_PHASE = "three-phase"
UNASSIGNED = "unassigned"
SPLITS = ("priority", "fair", "efficient")
KINDS = ("nested", "three-phase", "worst-case", "both")
"""Single-phase only; with three-phase units; with unassigned ones under worst-case; with both."""

Box = tuple[float, float]
Boxes = tuple[Box | None, Box | None, Box | None]
FAR_W = 1e5
"""Far beyond what any of these homes can do."""


@dataclass(frozen=True)
class SiteUnit:
    """One unit; W, charging positive."""

    phase: str
    lo_w: float
    hi_w: float
    can_lo_w: float
    can_hi_w: float
    at_w: float
    size_w: float


@dataclass(frozen=True)
class AllocationSite:
    """One allocation problem. Its `repr` is all that is needed to build it again."""

    seed: int
    kind: str
    split: str
    wanted_w: float
    units: tuple[SiteUnit, ...]
    up: tuple[int, ...]
    down: tuple[int, ...]
    boxes: Boxes | None
    worst_case: bool

    @property
    def phase_boxes(self) -> Boxes:
        return self.boxes if self.boxes is not None else (None, None, None)

    def base_w(self) -> list[float]:
        """Of each unit, the power nearest to 0 that its strategy allows."""
        return [min(max(0.0, unit.lo_w), unit.hi_w) for unit in self.units]


def share(unit: SiteUnit, phase: int) -> float:
    """Part of an assigned unit's power that flows on a phase."""
    if unit.phase == THREE_PHASE:
        return 1 / 3
    return 1.0 if unit.phase == PHASE_NAMES[phase] else 0.0


def random_site(seed: int, kind: str | None = None, split: str | None = None) -> AllocationSite:
    """The site with this number; `kind` and `split` go round with it unless they are given."""
    rng = Random(seed)
    kind = kind if kind is not None else KINDS[seed % len(KINDS)]
    split = split if split is not None else SPLITS[seed // len(KINDS) % len(SPLITS)]
    grain_w = rng.choice((0.0, 0.0, 1.0, 50.0, 300.0))
    worst_case = kind in ("worst-case", "both") or (kind == "three-phase" and rng.random() < 0.3)
    places = _places(rng, kind, worst_case)
    units = tuple(_unit(rng, place, grain_w) for place in places)
    up = rng.sample(range(len(units)), len(units))
    down = list(reversed(up)) if rng.random() < 0.7 else rng.sample(range(len(units)), len(units))
    boxes = None if rng.random() < 0.03 else _boxes(rng, units, grain_w)
    site = AllocationSite(seed, kind, split, 0.0, units, tuple(up), tuple(down), boxes, worst_case)
    return _with_wanted(rng, site, grain_w)


def _places(rng: Random, kind: str, worst_case: bool) -> list[str]:
    """Where the units are: at least one of each sort that gives the kind its name."""
    needed = {
        "nested": [],
        "three-phase": [THREE_PHASE],
        "worst-case": [UNASSIGNED],
        "both": [THREE_PHASE, UNASSIGNED],
    }[kind]
    # Without worst-case an unassigned unit is bound to no phase: it belongs to every kind.
    may_be = [*PHASE_NAMES, *PHASE_NAMES[: rng.randint(0, 3)], *needed]
    if not worst_case:
        may_be.append(UNASSIGNED)
    count = rng.randint(max(1, len(needed)), 8)
    places = needed + [rng.choice(may_be) for _ in range(count - len(needed))]
    rng.shuffle(places)
    return places


def _rounded(value_w: float, grain_w: float) -> float:
    """Coarse grains make ties and coincident breakpoints; grain 0 leaves the value as it is."""
    return value_w if grain_w == 0 else round(value_w / grain_w) * grain_w


def _unit(rng: Random, place: str, grain_w: float) -> SiteUnit:
    biggest_w = rng.choice((800.0, 2500.0, 2500.0, 5000.0, 12000.0))
    can_lo_w = 0.0 if rng.random() < 0.1 else _rounded(-rng.uniform(0.2, 1) * biggest_w, grain_w)
    can_hi_w = 0.0 if rng.random() < 0.1 else _rounded(rng.uniform(0.2, 1) * biggest_w, grain_w)
    if rng.random() < 0.04:  # its own PV keeps it from reaching 0 W
        can_hi_w = _between(rng, can_lo_w, 0.0, grain_w)
    lo_w, hi_w = _strategy_box(rng, can_lo_w, can_hi_w, grain_w)
    beyond_w = 0.5 * (can_hi_w - can_lo_w)
    inside_w, about_w = (rng.uniform(can_lo_w - far, can_hi_w + far) for far in (0.0, beyond_w))
    at_w = rng.choice((0.0, can_lo_w, can_hi_w, hi_w, inside_w, inside_w, about_w))
    size_w = rng.choice((biggest_w, biggest_w, rng.uniform(10.0, biggest_w)))
    return SiteUnit(place, lo_w, hi_w, can_lo_w, can_hi_w, _rounded(at_w, grain_w), size_w)


def _between(rng: Random, lo_w: float, hi_w: float, grain_w: float) -> float:
    return min(max(_rounded(rng.uniform(lo_w, hi_w), grain_w), lo_w), hi_w)


def _strategy_box(rng: Random, can_lo_w: float, can_hi_w: float, grain_w: float) -> Box:
    sorts = ("free", "no charge", "no discharge", "narrow", "held", "forced up", "forced down")
    sort = rng.choices(sorts, (45, 13, 13, 12, 9, 4, 4))[0]
    one_w, other_w = (_between(rng, can_lo_w, can_hi_w, grain_w) for _ in range(2))
    match sort:
        case "no charge":
            return can_lo_w, max(min(can_hi_w, 0.0), can_lo_w)
        case "no discharge":
            return min(max(can_lo_w, 0.0), can_hi_w), can_hi_w
        case "narrow":
            return min(one_w, other_w), max(one_w, other_w)
        case "held":
            return one_w, one_w
        case "forced up":
            return min(abs(one_w), can_hi_w), can_hi_w
        case "forced down":
            return can_lo_w, max(-abs(one_w), can_lo_w)
    return can_lo_w, can_hi_w


def _boxes(rng: Random, units: tuple[SiteUnit, ...], grain_w: float) -> Boxes:
    # In some homes most phases demand relief at the same time.
    weights = (5, 5, 5, 40, 20, 25) if rng.random() < 0.12 else (20, 24, 41, 9, 3, 3)
    first, second, third = (_box(rng, _reach(units, phase), weights, grain_w) for phase in range(3))
    return first, second, third


def _reach(units: tuple[SiteUnit, ...], phase: int) -> tuple[float, float, float]:
    """What the units of a phase can do together: least, base, most."""
    least_w = sum(share(unit, phase) * unit.can_lo_w for unit in units)
    base_w = sum(share(unit, phase) * min(max(0.0, unit.lo_w), unit.hi_w) for unit in units)
    return least_w, base_w, sum(share(unit, phase) * unit.can_hi_w for unit in units)


def _box(
    rng: Random, reach_w: tuple[float, float, float], weights: tuple[int, ...], grain_w: float
) -> Box | None:
    least_w, base_w, most_w = reach_w
    size_w = max(most_w - least_w, 500.0)
    sort = rng.choices(("none", "wide", "tight", "relief", "unreachable", "a point"), weights)[0]
    below, above = rng.uniform(0, size_w), rng.uniform(0, size_w)
    if sort == "none":
        return None
    if sort == "wide":
        lo_w, hi_w = least_w - below, most_w + above
    elif sort == "tight":
        lo_w, hi_w = base_w - below / 2, base_w + above / 2
    elif sort == "a point":
        lo_w = hi_w = rng.choice((base_w, 0.0, rng.uniform(least_w, most_w)))
    elif rng.random() < 0.5:
        hi_w = rng.uniform(least_w, base_w) if sort == "relief" else least_w - above
        lo_w = hi_w - below
    else:
        lo_w = rng.uniform(base_w, most_w) if sort == "relief" else most_w + below
        hi_w = lo_w + above
    return _rounded(lo_w, grain_w), _rounded(hi_w, grain_w)


def _with_wanted(rng: Random, site: AllocationSite, grain_w: float) -> AllocationSite:
    least_w, most_w = sum(u.lo_w for u in site.units), sum(u.hi_w for u in site.units)
    match rng.choices(("far", "beyond", "inside", "zero", "breakpoint"), (10, 10, 50, 8, 22))[0]:
        case "far":
            wanted_w = rng.choice((-FAR_W, FAR_W))
        case "beyond":
            wanted_w = rng.choice((least_w - rng.uniform(0, 5000), most_w + rng.uniform(0, 5000)))
        case "inside":
            wanted_w = _rounded(rng.uniform(least_w, most_w), grain_w)
        case "zero":
            wanted_w = 0.0
        case _:
            wanted_w = _breakpoint(rng, site)
    return replace(site, wanted_w=wanted_w)


def _breakpoint(rng: Random, site: AllocationSite) -> float:
    """A sum at which the answer bends: some units at the end of their box, some phases at their limit."""
    end = rng.choice((0, 1))
    base_w = site.base_w()
    total_w = sum(base_w)
    full_phases = [p for p, box in enumerate(site.phase_boxes) if box is not None and rng.random() < 0.4]
    for phase in full_phases:
        box = site.phase_boxes[phase]
        on_phase = [i for i, unit in enumerate(site.units) if unit.phase == PHASE_NAMES[phase]]
        if box is not None and on_phase:
            total_w += box[end] - sum(base_w[i] for i in on_phase)
    for i, unit in enumerate(site.units):
        on_full = unit.phase in PHASE_NAMES and PHASE_NAMES.index(unit.phase) in full_phases
        if not on_full and rng.random() < 0.5:
            total_w += (unit.lo_w, unit.hi_w)[end] - base_w[i]
    return total_w
