"""What phases need and what they hold back, as events: relief, and limits that bind."""

from collections.abc import Iterator

from msgspec import Struct

from phasewise.control.protection import operating_limit_a
from phasewise.engine.event_now import Now
from phasewise.engine.spells import Spells
from phasewise.model import Phase, PhaseDecision, ReasonCode, Severity
from phasewise.model.event import Event, Helper, LimitBegan, LimitEnded, ReliefBegan, ReliefEnded

RELIEF_AFTER_S = 2.0
"""After two meter values the batteries have been told all that they are to help with."""
LIMIT_AFTER_S = 15.0
"""As for a battery's reason: what is shorter explains nothing that a person saw."""


class _Relief(Struct, frozen=True):
    """A phase that is relieved."""

    phase: Phase
    limit_a: float
    relief_w: float
    helpers: tuple[Helper, ...]
    battery_ids: tuple[str, ...]


class _Course(Struct):
    """How a relief went so far."""

    peak_a: float | None = None
    """The highest current, in either direction, >= 0."""
    battery_ids: tuple[str, ...] = ()
    """All that helped."""


class _Held(Struct, frozen=True):
    """A phase at its limit."""

    phase: Phase
    limit_a: float
    names: tuple[str, ...]
    battery_ids: tuple[str, ...]


class PhaseWatch:
    """Looks at the phases of every decision."""

    def __init__(self) -> None:
        self._courses: dict[Phase, _Course] = {}
        self._reliefs: Spells[Phase, _Relief] = Spells(begin_after_s=RELIEF_AFTER_S)
        self._limits: Spells[Phase, _Held] = Spells(begin_after_s=LIMIT_AFTER_S)

    def follow(self, now: Now) -> Iterator[Event]:
        """Tell what began and ended."""
        reliefs: dict[Phase, _Relief] = {}
        limits: dict[Phase, _Held] = {}
        for decided in now.decision.phases:
            if decided.relief_w:
                reliefs[decided.phase] = _relief(decided, now)
                self._note(reliefs[decided.phase], now)
            elif decided.binding and (held := _held(decided, now)).names:
                limits[decided.phase] = held
        yield from self._relief_events(reliefs, now)
        yield from self._limit_events(limits, now)

    def _note(self, relief: _Relief, now: Now) -> None:
        course = self._courses.setdefault(relief.phase, _Course())
        current_a = _current_a(relief.phase, now)
        if current_a is not None:
            course.peak_a = max(course.peak_a or 0.0, current_a)
        course.battery_ids = tuple(dict.fromkeys((*course.battery_ids, *relief.battery_ids)))

    def _relief_events(self, reliefs: dict[Phase, _Relief], now: Now) -> Iterator[Event]:
        began, ended = self._reliefs.follow(now.snapshot.time_s, reliefs)
        for one in began:
            found = one.fact
            yield ReliefBegan(
                severity=Severity.INFO if found.helpers else Severity.WARNING,
                phase=found.phase.value,
                batteries=found.battery_ids,
                current_a=self._courses[found.phase].peak_a,
                limit_a=found.limit_a,
                relief_w=found.relief_w,
                helpers=found.helpers,
            )
        for over in ended:
            course = self._courses.pop(over.key)
            yield ReliefEnded(
                phase=over.key.value,
                batteries=course.battery_ids,
                lasted_s=over.lasted_s,
                times=over.times,
                peak_a=course.peak_a,
            )
        for phase in [p for p in self._courses if p not in reliefs and not self._reliefs.is_told(p)]:
            del self._courses[phase]  # too short to be told

    def _limit_events(self, limits: dict[Phase, _Held], now: Now) -> Iterator[Event]:
        began, ended = self._limits.follow(now.snapshot.time_s, limits)
        for one in began:
            found = one.fact
            yield LimitBegan(
                phase=found.phase.value,
                batteries=found.battery_ids,
                limit_a=found.limit_a,
                held=found.names,
            )
        for over in ended:
            yield LimitEnded(
                phase=over.key.value,
                batteries=over.fact.battery_ids,
                lasted_s=over.lasted_s,
                times=over.times,
            )


def _relief(decided: PhaseDecision, now: Now) -> _Relief:
    helping = [
        (battery, told.setpoint_w)
        for battery, told in zip(now.settings.batteries, now.decision.batteries, strict=True)
        if told.setpoint_w
        and any(r.code is ReasonCode.RELIEF and r.phase == decided.phase.value for r in told.reasons)
    ]
    helping.sort(key=lambda helper: -abs(helper[1]))
    return _Relief(
        decided.phase,
        _limit_a(decided, now, importing=decided.relief_w < 0),
        round(decided.relief_w, 1),
        tuple(Helper(battery.name, round(power_w, 1)) for battery, power_w in helping),
        tuple(battery.id for battery, _ in helping),
    )


def _held(decided: PhaseDecision, now: Now) -> _Held:
    held = [
        battery
        for battery, told in zip(now.settings.batteries, now.decision.batteries, strict=True)
        if any(r.code is ReasonCode.PHASE_LIMIT and r.phase == decided.phase.value for r in told.reasons)
    ]
    grid = now.snapshot.grid
    reading = None if grid is None else grid.phase(decided.phase)
    importing = reading is None or (reading.power_w or 0.0) >= 0.0
    return _Held(
        decided.phase,
        _limit_a(decided, now, importing=importing),
        tuple(b.name for b in held),
        tuple(b.id for b in held),
    )


def _limit_a(decided: PhaseDecision, now: Now, *, importing: bool) -> float:
    """The limit that counts in this direction, as a current."""
    limit_w = decided.hi_w if importing else decided.lo_w
    if limit_w is None:
        return operating_limit_a(decided.phase, now.settings)
    return round(abs(limit_w) / _voltage_v(decided.phase, now), 1)


def _current_a(phase: Phase, now: Now) -> float | None:
    """By the meter, >= 0; from its power where it tells no current."""
    reading = None if now.snapshot.grid is None else now.snapshot.grid.phase(phase)
    if reading is None:
        return None
    if reading.current_a is not None:
        return round(abs(reading.current_a), 1)
    return None if reading.power_w is None else round(abs(reading.power_w) / _voltage_v(phase, now), 1)


def _voltage_v(phase: Phase, now: Now) -> float:
    reading = None if now.snapshot.grid is None else now.snapshot.grid.phase(phase)
    return (reading.voltage_v if reading is not None else None) or now.settings.site.nominal_voltage_v
