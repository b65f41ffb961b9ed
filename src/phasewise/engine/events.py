"""What happened, for the why-log: events derived from one decision to the next.

Facts only; `explain` makes sentences of them. What begins and ends is followed as spells, so that nothing
that flickers fills the log.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from phasewise.control.choose import LOAD_NOTE
from phasewise.control.decide import SAFE
from phasewise.engine.alarms import Standing
from phasewise.engine.event_now import Now
from phasewise.engine.phase_events import PhaseWatch
from phasewise.engine.plan_events import PlanWatch
from phasewise.engine.settings_events import effective, override_event, phase_name, settings_events
from phasewise.engine.spells import Settled, Spells
from phasewise.model import (
    Alarm,
    AlarmCode,
    BatterySettings,
    Override,
    ReasonCode,
    Settings,
    Severity,
)
from phasewise.model.event import (
    AlarmAcknowledged,
    AlarmBegan,
    AlarmEnded,
    BatteryReachable,
    BatteryUnreachable,
    Event,
    IdentifyBegan,
    IdentifyEnded,
    ReasonBegan,
    ReasonEnded,
    StrategyExecuting,
    StrategySelected,
    Why,
)

REASON_AFTER_S = 15.0
"""A reason that did not last a quarter of a minute explains nothing that a person saw."""
UNREACHABLE_AFTER_S = 10.0
"""A restart of a dongle takes about as long; as for the alarm."""
STRATEGY_AFTER_S = 2.0
"""A strategy that ran for one meter value did nothing."""

TOLD_REASONS = frozenset(
    {
        ReasonCode.BATTERY_LIMIT,
        ReasonCode.SOC_LIMIT,
        ReasonCode.DIRECTION,
        ReasonCode.PV_SURPLUS,
        ReasonCode.MINIMUM_POWER,
        ReasonCode.UNASSIGNED_WORST_CASE,
        ReasonCode.UNASSIGNED,
        ReasonCode.COMPENSATION,
        ReasonCode.DIRECTION_CHANGE,
        ReasonCode.PEAK,
    }
)
"""All others are told by an event or an alarm of their own (relief, a limit, a hold, a lost meter...), or are
nothing to tell: a start, a value that gets old, the last watts of a step."""
TOLD_OTHERWISE = frozenset({AlarmCode.BATTERY_UNREACHABLE})
"""Alarms that an event of their own tells."""

Sink = Callable[[float, Event], None]
"""Takes an event and when it happened, in Unix time. Never blocks, never raises."""


def told_to_nobody(_utc_s: float, _event: Event) -> None:
    """A sink where nothing is kept."""


class _Why(Struct, frozen=True):
    """A battery's reason."""

    battery: BatterySettings
    code: ReasonCode
    power_w: float
    on_phase: str | None


class EventWatch:
    """Looks at every decision and tells what is new. It remembers nothing over a restart."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._settings: Settings | None = None
        self._overrides: dict[str, Override | None] = {}
        self._selected = ""
        self._executing: Settled[str] | None = None
        self._plans = PlanWatch()
        self._identifying: tuple[str, str] | None = None
        self._phases = PhaseWatch()
        self._reasons: Spells[tuple[str, ReasonCode, str | None], _Why] = Spells(begin_after_s=REASON_AFTER_S)
        self._missing: Spells[str, BatterySettings] = Spells(begin_after_s=UNREACHABLE_AFTER_S)
        self._alarms: Spells[tuple[AlarmCode, str | None], Alarm] = Spells(begin_after_s=0.0)
        self._known: set[tuple[AlarmCode, str | None]] = set()

    def decided(self, now: Now) -> None:
        """Tell what this decision has that the one before had not."""
        utc_s = now.snapshot.utc_s
        for of in (
            self._changes,
            self._strategy,
            self._plan,
            self._reachable,
            self._phases.follow,
            self._whys,
            self._identify,
        ):
            for event in of(now):
                self._sink(utc_s, event)

    def alarms(self, standing: Iterable[Standing], settings: Settings, now_s: float, utc_s: float) -> None:
        """Tell which alarms came, went and were acknowledged. `now_s`: monotonic; `utc_s`: Unix time."""
        by_key = {(one.alarm.code, one.alarm.subject): one for one in standing}
        present = {key: one.alarm for key, one in by_key.items() if key[0] not in TOLD_OTHERWISE}
        began, ended = self._alarms.follow(now_s, present)
        for one in began:
            about = _about(one.fact, settings)
            raised = AlarmBegan(
                severity=one.fact.severity,
                phase=about.phase,
                batteries=about.battery_ids,
                alarm=one.fact,
                name=about.name,
            )
            self._sink(utc_s, raised)
        for over in ended:
            about = _about(over.fact, settings)
            gone = AlarmEnded(
                phase=about.phase,
                batteries=about.battery_ids,
                alarm=over.fact,
                name=about.name,
                lasted_s=over.lasted_s,
                times=over.times,
            )
            self._sink(utc_s, gone)
        known = {key for key, one in by_key.items() if one.acknowledged}
        for key in sorted(known - self._known, key=str):
            alarm = by_key[key].alarm
            about = _about(alarm, settings)
            seen = AlarmAcknowledged(
                phase=about.phase, batteries=about.battery_ids, alarm=alarm, name=about.name
            )
            self._sink(utc_s, seen)
        self._known = known

    def _changes(self, now: Now) -> Iterator[Event]:
        """What the user changed."""
        settings, utc_s, zone = now.settings, now.snapshot.utc_s, now.settings.site.time_zone
        before, self._settings = self._settings, settings
        were = self._overrides
        self._overrides = {b.id: effective(b.override, utc_s) for b in settings.batteries}
        if before is None:
            return
        yield from settings_events(before, settings)
        for battery in settings.batteries:
            event = override_event(battery, were.get(battery.id), self._overrides[battery.id], utc_s, zone)
            if event is not None:
                yield event

    def _strategy(self, now: Now) -> Iterator[Event]:
        decision = now.decision
        if self._executing is None:
            self._executing = Settled(decision.selected, stay_s=STRATEGY_AFTER_S)
            self._selected = decision.selected
        if decision.selected != self._selected:
            before, self._selected = self._selected, decision.selected
            self._executing.known(decision.selected)
            yield StrategySelected(now=decision.selected, before=before)
        before = self._executing.value
        if self._executing.follow(now.snapshot.time_s, decision.executing):
            why = why_executing(now)
            severity = Severity.WARNING if why is Why.METER else Severity.INFO
            yield StrategyExecuting(now=decision.executing, before=before, why=why, severity=severity)

    def _plan(self, now: Now) -> Iterator[Event]:
        planned = self._plans.follow(now.snapshot, now.settings, now.memory)
        if planned is not None:
            yield planned

    def _reachable(self, now: Now) -> Iterator[Event]:
        missing = {
            battery.id: battery
            for battery, seen in zip(now.settings.batteries, now.snapshot.batteries, strict=True)
            if not seen.reachable
        }
        began, ended = self._missing.follow(now.snapshot.time_s, missing)
        for one in began:
            battery = one.fact
            yield BatteryUnreachable(
                severity=Severity.WARNING,
                phase=phase_name(battery),
                batteries=(battery.id,),
                battery=battery.name,
            )
        for over in ended:
            battery = over.fact
            yield BatteryReachable(
                phase=phase_name(battery),
                batteries=(battery.id,),
                battery=battery.name,
                lasted_s=over.lasted_s,
                times=over.times,
            )

    def _whys(self, now: Now) -> Iterator[Event]:
        present = {}
        for battery, told in zip(now.settings.batteries, now.decision.batteries, strict=True):
            for reason in told.reasons:
                if reason.code in TOLD_REASONS:
                    key = battery.id, reason.code, reason.phase
                    present[key] = _Why(battery, reason.code, reason.power_w, reason.phase)
        began, ended = self._reasons.follow(now.snapshot.time_s, present)
        for one in began:
            why = one.fact
            yield ReasonBegan(
                phase=why.on_phase or phase_name(why.battery),
                batteries=(why.battery.id,),
                battery=why.battery.name,
                reason=why.code,
                power_w=round(why.power_w, 1),
                on_phase=why.on_phase,
            )
        for over in ended:
            why = over.fact
            yield ReasonEnded(
                phase=why.on_phase or phase_name(why.battery),
                batteries=(why.battery.id,),
                battery=why.battery.name,
                reason=why.code,
                lasted_s=over.lasted_s,
                times=over.times,
                on_phase=why.on_phase,
            )

    def _identify(self, now: Now) -> Iterator[Event]:
        run = now.identify
        before, self._identifying = self._identifying, None if run is None else (run.battery_id, run.state)
        if run is None or self._identifying == before:
            return
        battery = next((b for b in now.settings.batteries if b.id == run.battery_id), None)
        phase, ids = None if battery is None else phase_name(battery), (run.battery_id,)
        name = run.battery_id if battery is None else battery.name
        if run.state == "running":
            yield IdentifyBegan(phase=phase, batteries=ids, battery=name)
            return
        aborted = run.state == "aborted"
        yield IdentifyEnded(
            phase=phase, batteries=ids, battery=name, outcome=run.outcome, code=run.code, aborted=aborted
        )


def why_executing(now: Now) -> Why:
    """What makes the strategy run that runs."""
    decision, control = now.decision, now.settings.control
    if decision.executing == SAFE:
        return Why.METER
    override = control.ev_override
    loaded = any(note.startswith(LOAD_NOTE) for note in now.memory.notes)
    if override is not None and (loaded or override.input in now.snapshot.inputs):
        return Why.LOAD
    if decision.executing == decision.selected:
        return Why.SELECTED
    if any(alarm.code is AlarmCode.PRICE_UNKNOWN for alarm in decision.alarms):
        return Why.NO_PRICE
    return {"timed": Why.TIME, "dynamic": Why.PRICE}.get(decision.selected, Why.HANDED_OVER)


class _About(Struct, frozen=True):
    """What an alarm is about."""

    name: str | None = None
    """What its subject is called, where it is a battery."""
    phase: str | None = None
    battery_ids: tuple[str, ...] = ()


def _about(alarm: Alarm, settings: Settings) -> _About:
    battery = next((b for b in settings.batteries if b.id == alarm.subject), None)
    if battery is not None:
        return _About(battery.name, phase_name(battery), (battery.id,))
    phases = [phase.value for phase in settings.site.phases]
    return _About(phase=alarm.subject if alarm.subject in phases else None)
