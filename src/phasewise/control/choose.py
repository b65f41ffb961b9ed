"""Which strategy decides now: the selected one, whoever it hands over to, or the override for large loads."""

from collections.abc import Mapping

from msgspec.structs import replace

from phasewise.control.strategies.base import Delegate, Strategy
from phasewise.control.strategies.charge import NO_FORECAST
from phasewise.control.strategies.dynamic import NO_PRICE
from phasewise.model import Alarm, AlarmCode, Intent, Settings, Severity, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.phase import Phase
from phasewise.model.strategy_options import EvOverride

FULL_STOP = "full-stop"
HANDOVERS = 4
"""A timetable, a price plan, a package's own, a follow-up: whoever hands over more often goes in circles."""
LOAD_LASTS_S = 10.0
"""A large load counts once it has lasted this long: a kettle beside an oven has not, and neither has the
moment in which a battery turns and its telemetry does not show it yet."""
STILL_ON = 0.8
"""Share of the threshold above which a load that was noticed still counts: a car varies its power."""
_SAYS = {NO_PRICE: AlarmCode.PRICE_UNKNOWN, NO_FORECAST: AlarmCode.FORECAST_UNKNOWN}
LOAD_NOTE = "override: large load from, to "
"""Begins the note that is made while a large load lasts."""


class NoStrategyError(Exception):
    """There is no strategy that would decide; the text says why."""


def wish(
    snapshot: Snapshot, settings: Settings, memory: Memory, strategies: Mapping[str, Strategy]
) -> Intent:
    """What the strategy in charge wants, with its name in `executing` and all that is to be remembered.

    Raises NoStrategyError, and whatever a strategy raises.
    """
    selected = settings.control.strategy
    override = settings.control.ev_override
    if override is None or selected == FULL_STOP:
        return _ask(selected, snapshot, settings, memory, strategies)
    load = _large_load(override, snapshot, settings, memory)
    notes = () if load is None else (f"{LOAD_NOTE}{load[0]!r} {load[1]!r}",)
    counts = load is not None and load[1] - load[0] >= LOAD_LASTS_S
    if not counts and override.input not in snapshot.inputs:
        intent = _ask(selected, snapshot, settings, memory, strategies)
        return replace(intent, notes=intent.notes + notes)
    # The goals that the selected strategy had reached are still reached afterwards.
    kept = tuple([note for note in memory.notes if not note.startswith(LOAD_NOTE)])
    return replace(_ask(override.strategy.value, snapshot, settings, memory, strategies), notes=kept + notes)


def remarks(intent: Intent) -> tuple[Alarm, ...]:
    """What a person should know of how the wish came about."""
    if not intent.notes:
        return ()
    return tuple([Alarm(_SAYS[note], Severity.WARNING) for note in intent.notes if note in _SAYS])


def _ask(
    name: str,
    snapshot: Snapshot,
    settings: Settings,
    memory: Memory,
    strategies: Mapping[str, Strategy],
) -> Intent:
    """The intent of this strategy, or of the one that it hands over to."""
    notes: tuple[str, ...] = ()
    asked = []
    for _ in range(HANDOVERS):
        if name not in strategies:
            known = ", ".join(sorted(strategies))
            raise NoStrategyError(f"there is no strategy '{name}'; there are: {known}")
        asked.append(name)
        answer = strategies[name].intent(snapshot, settings, memory)
        notes += answer.notes
        if not isinstance(answer, Delegate):
            return replace(answer, executing=answer.executing or name, notes=notes)
        name = answer.strategy
        settings = answer.settings or settings
    raise NoStrategyError(f"strategies hand over in circles: {', '.join(asked)}, {name}")


def _large_load(
    override: EvOverride, snapshot: Snapshot, settings: Settings, memory: Memory
) -> tuple[float, float] | None:
    """Since when the large load has been there and when it was last seen; None when there is none."""
    if override.threshold_w is None:
        return None
    before = next((n.removeprefix(LOAD_NOTE).split() for n in memory.notes if n.startswith(LOAD_NOTE)), None)
    since_s, seen_s = (float(before[0]), float(before[1])) if before else (snapshot.time_s, snapshot.time_s)
    counts = seen_s - since_s >= LOAD_LASTS_S
    load_w = _load_w(override.phase, snapshot, settings, memory)
    threshold_w = STILL_ON * override.threshold_w if counts else override.threshold_w
    if load_w is not None and load_w >= threshold_w:
        return since_s, snapshot.time_s
    return (since_s, seen_s) if counts and snapshot.time_s - seen_s < override.clear_after_s else None


def _load_w(phase: Phase | None, snapshot: Snapshot, settings: Settings, memory: Memory) -> float | None:
    """What the house draws without the batteries; None while unknown."""
    if phase is None:
        return memory.estimate.load_w
    if phase.ordinal < len(memory.protection.phases):
        load_w = memory.protection.phases[phase.ordinal].load_w
        if load_w is not None:
            return load_w
    reading = snapshot.grid.phase(phase) if snapshot.grid is not None else None
    if reading is None or reading.power_w is None:
        return None
    flows_w = [
        seen.reading.ac_power_w
        for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True)
        if battery.phase.phase is phase and seen.reading is not None and seen.reading.ac_power_w is not None
    ]
    return reading.power_w - sum(flows_w)
