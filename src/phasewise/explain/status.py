"""What the state says beside alarms and reasons: goals, identification, evidence, where prices come from."""

from collections.abc import Sequence

from msgspec import Struct

from phasewise.explain import numbers
from phasewise.explain.status_words import EN, STATUS_WORDS, StatusWords
from phasewise.model import PHASES


class Goal(Struct, frozen=True):
    """What `charge` or `sell` works towards. A goal is in % or in Wh, or has no number."""

    strategy: str
    goal: str
    target_pct: float | None = None
    target_wh: float | None = None
    now_pct: float | None = None
    """None while no battery can tell."""
    now_wh: float | None = None
    """Above the floors; None while no battery tells its capacity."""
    reached: bool = False


class Identification(Struct, frozen=True):
    """How the identification of a battery's phase goes, or went."""

    name: str
    """Of the battery."""
    stage: str
    """running, done or aborted."""
    code: str | None = None
    detail: str = ""
    """English: why it was aborted."""
    cycle: int = 0
    least: int = 0
    """Cycles that any run takes."""
    most: int = 0
    steps: int = 0
    agreeing: int = 0
    outcome: str = ""
    """The assignment that was found."""
    inverted: str | None = None
    """The phase that reacts the wrong way round."""
    configured: str | None = None


def goal_text(goal: Goal, lang: str = "en") -> str:
    """What is aimed for, and how far it is."""
    words = _words(lang)
    target, now = "", None
    if goal.goal == "energy":
        target = numbers.energy(goal.target_wh or 0.0, lang)
        now = None if goal.now_wh is None else numbers.energy(goal.now_wh, lang)
    else:
        target = numbers.percent(goal.target_pct or 0.0)
        now = None if goal.now_pct is None else numbers.percent(goal.now_pct)
    said = [words.goals[f"{goal.strategy} {goal.goal}"].format(target=target)]
    if goal.reached:
        said.append(words.reached)
    elif now is not None:
        said.append(words.now.format(now=now))
    return " ".join(said)


def evidence_text(moves: int, fits: Sequence[float], lang: str = "en") -> str:
    """The numbers behind what is thought of a battery's phase. `fits`: L1 to L3, 0 to 1."""
    shares = ", ".join(
        f"{phase} {numbers.percent(100.0 * fit)}" for phase, fit in zip(PHASES, fits, strict=True)
    )
    return _words(lang).evidence.format(moves=moves, shares=shares)


def source_text(what: str, why: str | None, again_s: float, lang: str = "en") -> str:
    """What is wrong with where prices (`what`: prices, forecast) come from.

    `why`: what came back, in its own language; None when it answered, but with nothing for now.
    """
    words = _words(lang)
    said = words.none_now[what] if why is None else words.no_new[what].format(why=why)
    return f"{said} {words.again.format(minutes=round(again_s / 60.0))}"


def identify_text(run: Identification, lang: str = "en") -> str:
    """What is done, or what was found and how that compares to the configuration."""
    words = _words(lang)
    if run.stage == "aborted":
        # The English detail has numbers too.
        return words.aborted.format(why=words.causes.get(run.code or "", run.detail))
    if run.stage == "running":
        return _running(run, words)
    phase = run.inverted if run.code == "inverted" and run.inverted is not None else run.outcome
    facts = {
        "name": run.name,
        "agreeing": run.agreeing,
        "steps": run.steps,
        "cycle": run.cycle,
        "phase": words.each_phase if phase == "three-phase" else phase,
    }
    if run.code is not None:
        open_ = {"no-reaction": words.no_reaction, "inverted": words.inverted}
        return open_.get(run.code, words.disturbed).format(**facts)
    return f"{words.followed.format(**facts)} {_compared(run, words)}"


def _running(run: Identification, words: StatusWords) -> str:
    if run.cycle == 0:
        return words.resting
    if run.cycle <= run.least:
        return words.watching.format(cycle=run.cycle, of=run.least)
    return words.unclear_yet.format(cycle=run.cycle, of=run.most)


def _compared(run: Identification, words: StatusWords) -> str:
    found = words.phases.get(run.outcome, run.outcome)
    if run.outcome == run.configured:
        return words.as_configured
    if run.configured is None:
        return words.not_configured
    if run.configured == "unassigned":
        return words.no_phase_yet.format(found=found)
    return words.differs.format(configured=words.phases.get(run.configured, run.configured), found=found)


def _words(lang: str) -> StatusWords:
    return STATUS_WORDS.get(numbers.language(lang), EN)
