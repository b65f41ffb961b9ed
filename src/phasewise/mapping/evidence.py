"""What the levels of a square wave say about a battery's phase: statistics alone, no time, no control.

A battery is held at one power, then at another. Each level, against the mean of its two neighbours (so that a
cloud that goes on moving cancels out), is a STEP: of the battery by `s` watts, and of phase p of the grid by
`d_p` watts. A battery on L2 shows as `d = (0, s, 0)`; a
three-phase one as a third each; one behind another meter as `(0, 0, 0)`; one whose sign is wrong, negative.

Each of these nine HYPOTHESES predicts every step. On each phase, a step is as predicted but for a
normal error, or (one time in five) spoilt by something that the household did, which may be anything
within +-3 kW. That mixture makes a spoilt step cost little, whatever its size, where a plain correlation
would be ruined. With equal odds beforehand it gives each hypothesis a probability.

The mixture takes steps for independent of each other; a load that pulses in time with the wave is not.
Hence two guards: the wave's levels are of unequal length, and a hypothesis counts only when most steps
are, one by one, nearer to it than to another on the phase that matters (`agreeing`). The CONFIDENCE is the
probability times the share of the steps that agree.
"""

import math
import statistics
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from phasewise.model import PHASES, Assignment, Phase

PerPhase = tuple[float, float, float]

CONFIDENT = 0.99
"""The least probability of an answer. Also the most that is ever claimed: 500 simulated runs without a
mistake prove no more."""
LEAD = 4
"""Steps that fit the answer one by one, less twice those that do not. Five of five, the fewest there are, six
of seven or twelve of fifteen will do; four of five were seen to fit by chance."""
RIVAL = 1.0 / 3.0
"""No other phase may follow in more of the steps: a pulsing load does so in an eighth of them by chance."""
NEAR_ONE = 1.0 / 3.0
NEAR = 1.0 / 6.0
"""As shares of the battery's step: half-way from all of it to a third, and from a third to nothing."""
SPOILT = 0.2
"""Share of the steps that the household spoils: one spans some 40 s, a phase is switched each few minutes."""
SPOILT_WITHIN_W = 6000.0
"""From -3 to +3 kW: what a household appliance may switch on one phase."""
ERROR = 0.05
"""What a battery says of itself and what the meter sees of it differ by up to a few percent."""
NOISE_W = 25.0
"""Small appliances between two levels, per phase; what is seen within the levels comes on top."""


class Outcome(StrEnum):
    """Which assignment fits."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    THREE_PHASE = "three-phase"
    UNCLEAR = "unclear"

    @property
    def assignment(self) -> Assignment | None:
        """The assignment that it speaks for, for the user to confirm."""
        return None if self is Outcome.UNCLEAR else Assignment(self.value)


class Finding(StrEnum):
    """Why there is no answer."""

    NO_REACTION = "no-reaction"
    """No phase follows the battery: it is not behind this meter, or says what it does not do."""
    INVERTED = "inverted"
    """A phase follows, the wrong way round."""
    DISTURBED = "disturbed"
    """Nothing fits well enough."""


class Level(Struct, frozen=True):
    """What was seen while the battery was held at one power. Charging and import positive."""

    at_s: float
    """The middle of the time in which it was looked at."""
    battery_w: float
    phases_w: PerPhase
    """Median grid power per phase."""
    noise_w: PerPhase
    """How far the samples lie from it, in the middle (the median absolute deviation)."""


class _Step(Struct, frozen=True):
    """A level against its two neighbours."""

    battery_w: float
    phases_w: tuple[float, ...]
    errors_w: tuple[float, ...]
    """Standard deviation of `phases_w`, if nothing spoils it."""


class PhaseEvidence(Struct, frozen=True):
    """What one phase did at each step."""

    phase: Phase
    steps_w: tuple[float, ...]
    """How far its grid power went, beside `Evidence.expected_w`."""
    share: float
    """Median of step over expected step: 1 for the battery's phase, a third for a three-phase battery."""
    fit: float
    """How well that is the battery's only phase, 0 to 1: 1 less the median distance of the shares from 1."""


class Evidence(Struct, frozen=True):
    """All there is to judge by."""

    outcome: Outcome
    finding: Finding | None
    """Only when the outcome is unclear."""
    confidence: float
    """Of the outcome, or of the finding that a phase reacts wrongly or none does: see above. 0 to CONFIDENT;
    0 when nothing fits well enough."""
    agreeing: int
    """How many steps fit it one by one."""
    expected_w: tuple[float, ...]
    """How far the battery's own power went at each step."""
    phases: tuple[PhaseEvidence, ...]
    """L1 to L3."""
    inverted: Outcome | None = None
    """Which phase follows the wrong way round, where that is what was found."""


class _Hypothesis(Struct, frozen=True):
    shares: PerPhase
    outcome: Outcome = Outcome.UNCLEAR
    finding: Finding | None = None
    inverted: Outcome | None = None


def _hypotheses() -> tuple[_Hypothesis, ...]:
    shares: dict[Outcome, PerPhase] = {
        Outcome.L1: (1.0, 0.0, 0.0),
        Outcome.L2: (0.0, 1.0, 0.0),
        Outcome.L3: (0.0, 0.0, 1.0),
        Outcome.THREE_PHASE: (1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0),
    }
    straight = [_Hypothesis(share, outcome) for outcome, share in shares.items()]
    inverted = [
        _Hypothesis((-a, -b, -c), finding=Finding.INVERTED, inverted=outcome)
        for outcome, (a, b, c) in shares.items()
    ]
    return (*straight, *inverted, _Hypothesis((0.0, 0.0, 0.0), finding=Finding.NO_REACTION))


HYPOTHESES = _hypotheses()


def weigh(levels: Sequence[Level]) -> Evidence:
    """The evidence of all levels so far, oldest first. Two neighbours never have the same power."""
    steps = [_step(*three) for three in zip(levels, levels[1:], levels[2:], strict=False)]
    expected_w = tuple(step.battery_w for step in steps)
    phases = tuple(_of_phase(phase, steps) for phase in PHASES)
    unclear = Evidence(Outcome.UNCLEAR, Finding.DISTURBED, 0.0, 0, expected_w, phases)
    if not steps:
        return unclear
    logs = [_log_likelihood(hypothesis.shares, steps) for hypothesis in HYPOTHESES]
    best = max(range(len(HYPOTHESES)), key=logs.__getitem__)
    probability = 1.0 / sum(math.exp(log - logs[best]) for log in logs)
    found = HYPOTHESES[best]
    agreeing = _agreeing(found.shares, steps)
    too_few = agreeing - 2 * (len(steps) - agreeing) < LEAD
    if probability < CONFIDENT or too_few or _rivalled(found.shares, steps):
        return unclear
    confidence = CONFIDENT * agreeing / len(steps)
    return Evidence(found.outcome, found.finding, confidence, agreeing, expected_w, phases, found.inverted)


def _step(before: Level, level: Level, after: Level) -> _Step:
    """How far a level stands out from its neighbours, as they would be at its time: a drift cancels."""
    part = (level.at_s - before.at_s) / (after.at_s - before.at_s)

    def out_w(before_w: float, level_w: float, after_w: float) -> float:
        return level_w - before_w * (1.0 - part) - after_w * part

    battery_w = out_w(before.battery_w, level.battery_w, after.battery_w)
    phases_w = [out_w(*three) for three in zip(before.phases_w, level.phases_w, after.phases_w, strict=True)]
    errors_w = [
        math.hypot(NOISE_W, ERROR * battery_w, *noise_w)
        for noise_w in zip(before.noise_w, level.noise_w, after.noise_w, strict=True)
    ]
    return _Step(battery_w, tuple(phases_w), tuple(errors_w))


def _of_phase(phase: Phase, steps: Sequence[_Step]) -> PhaseEvidence:
    seen_w = tuple(step.phases_w[phase.ordinal] for step in steps)
    shares = [step_w / step.battery_w for step_w, step in zip(seen_w, steps, strict=True)]
    if not shares:
        return PhaseEvidence(phase, (), 0.0, 0.0)
    off = statistics.median([abs(share - 1.0) for share in shares])
    return PhaseEvidence(phase, seen_w, statistics.median(shares), max(0.0, 1.0 - off))


def _log_likelihood(shares: PerPhase, steps: Sequence[_Step]) -> float:
    log = 0.0
    for step in steps:
        for share, step_w, error_w in zip(shares, step.phases_w, step.errors_w, strict=True):
            off = (step_w - share * step.battery_w) / error_w
            as_told = math.exp(-0.5 * off * off) / (error_w * math.sqrt(2.0 * math.pi))
            log += math.log((1.0 - SPOILT) * as_told + SPOILT / SPOILT_WITHIN_W)
    return log


def _agreeing(shares: PerPhase, steps: Sequence[_Step]) -> int:
    """Steps as predicted on the phase that follows; on each phase, when none does.

    Two phases that follow by a third are enough: no other hypothesis has that, whatever the household does
    on the last one.
    """
    followers = [p for p in range(3) if shares[p]]
    if len(followers) == 1:
        return _near(steps, followers[0], shares[followers[0]], NEAR_ONE)
    counts = sorted(_near(steps, p, shares[p], NEAR) for p in range(3))
    return counts[1] if followers else counts[0]


def _rivalled(shares: PerPhase, steps: Sequence[_Step]) -> bool:
    """Whether another phase follows too, as it would if a load kept in step with the wave."""
    followers = [p for p in range(3) if shares[p]]
    if len(followers) != 1:
        return False
    share = shares[followers[0]]
    others = [_near(steps, p, share, NEAR_ONE) for p in range(3) if p not in followers]
    return max(others) > RIVAL * len(steps)


def _near(steps: Sequence[_Step], phase: int, share: float, within: float) -> int:
    """How many steps of a phase are that share of the battery's."""
    return sum(abs(step.phases_w[phase] / step.battery_w - share) < within for step in steps)
