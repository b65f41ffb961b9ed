"""Identification of a phase in the running engine: at most one run, and how it is shown."""

from phasewise.engine.controls import IdentifyError
from phasewise.engine.state import IdentifyPhaseState, IdentifySampleState, IdentifyState
from phasewise.explain import Identification as Words
from phasewise.explain import Text, identify_text
from phasewise.mapping import identify
from phasewise.mapping.evidence import Evidence
from phasewise.mapping.identify import CYCLES_LEAST, CYCLES_MOST, IdentifyRun, Refusal, Stage
from phasewise.model import Settings, Snapshot

SHOWN_S = 1800.0
"""A result stays in the state this long: half an hour to read it and to act on it."""


class Identification:
    """Holds the run, if there is one."""

    def __init__(self) -> None:
        self._run: IdentifyRun | None = None
        self._effective: Settings | None = None

    def start(self, battery_id: str, snapshot: Snapshot, settings: Settings) -> None:
        """Begin. Raises IdentifyError if it can't be done now."""
        if self._run is not None and self._run.stage is Stage.RUNNING:
            name = _name(self._run.battery_id, settings)
            raise IdentifyError(f"The phase of {name} is being identified. Wait for it, or abort it first.")
        begun = identify.begin(battery_id, snapshot, settings)
        if isinstance(begun, Refusal):
            raise IdentifyError(begun.reason)
        self._run = begun

    def end(self, now_s: float) -> None:
        """Abort the run, or take the result of one that has ended away. Raises IdentifyError without any."""
        if self._run is None:
            raise IdentifyError("No phase is being identified, and there is no result to take away.")
        running = self._run.stage is Stage.RUNNING
        self._run = identify.abort(self._run, now_s) if running else None

    def forget(self) -> None:
        """Without any more ado: something went wrong."""
        self._run = None

    def advance(self, snapshot: Snapshot, settings: Settings) -> Settings:
        """Take in one more picture; what to decide with.

        The same object as before where nothing changed: a recording has each change of settings.
        """
        if self._run is None:
            return settings
        self._run = identify.advance(self._run, snapshot, settings)
        ended_s = self._run.ended_s
        if ended_s is not None and snapshot.time_s - ended_s > SHOWN_S:
            self._run = None
            return settings
        effective = identify.effective(self._run, settings)
        if effective is not settings and effective == self._effective:
            return self._effective
        self._effective = effective
        return effective

    @property
    def running(self) -> str | None:
        """The battery whose phase is being identified now."""
        return self._run.battery_id if self._run is not None and self._run.stage is Stage.RUNNING else None

    def state(self, settings: Settings) -> IdentifyState | None:
        """As shown; None without a run."""
        return None if self._run is None else identify_state(self._run, settings)


def identify_state(run: IdentifyRun, settings: Settings) -> IdentifyState:
    """A run as shown. `settings`: those of now, with the assignment that the user may have changed since."""
    evidence = identify.result(run)
    configured = next((b.phase.value for b in settings.batteries if b.id == run.battery_id), None)
    done = run.stage is Stage.DONE
    clear = done and evidence.outcome.assignment is not None
    return IdentifyState(
        battery_id=run.battery_id,
        state=run.stage.value,
        code=run.code,
        text=Text(identify_text, _words(run, evidence, configured, settings)),
        cycle=run.cycle,
        progress=round(run.progress, 2),
        outcome=evidence.outcome.value if done else "unclear",
        confidence=round(evidence.confidence, 2) if done else 0.0,
        configured=configured,
        matches=evidence.outcome.value == configured if clear else None,
        high_w=run.wave.high_w,
        low_w=run.wave.low_w,
        steps=len(evidence.expected_w),
        agreeing=evidence.agreeing,
        expected_w=tuple(float(round(step_w)) for step_w in evidence.expected_w),
        phases={
            found.phase.value: IdentifyPhaseState(
                steps_w=tuple(float(round(step_w)) for step_w in found.steps_w),
                share=round(found.share, 2),
                fit=round(found.fit, 2),
            )
            for found in evidence.phases
        },
        samples=tuple(
            IdentifySampleState(
                at_s=round(sample.at_s, 1),
                battery_w=float(round(sample.battery_w)),
                phases_w=tuple(float(round(power_w)) for power_w in sample.phases_w),
            )
            for sample in run.samples
        ),
    )


def _name(battery_id: str, settings: Settings) -> str:
    return next((b.name for b in settings.batteries if b.id == battery_id), battery_id)


def _words(run: IdentifyRun, evidence: Evidence, configured: str | None, settings: Settings) -> Words:
    """The facts that the text is made of."""
    return Words(
        name=_name(run.battery_id, settings),
        stage=run.stage.value,
        code=run.code,
        detail=run.detail,
        cycle=run.cycle,
        least=CYCLES_LEAST,
        most=CYCLES_MOST,
        steps=len(evidence.expected_w),
        agreeing=evidence.agreeing,
        outcome=evidence.outcome.value,
        inverted=None if evidence.inverted is None else evidence.inverted.value,
        configured=configured,
    )
