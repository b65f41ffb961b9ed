"""One decision, top to bottom: judge, estimate, want, guard the phases, split, explain. Pure."""

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control import health as health_of
from phasewise.control import peak, per_phase, quarter
from phasewise.control.choose import remarks, wish
from phasewise.control.cycle import in_turn
from phasewise.control.estimate import Load, estimate, forget_batteries, forget_load, note_commands
from phasewise.control.freshness import finite, freshness, lost_after_s
from phasewise.control.guard import (
    Guard,
    fuse_alarms,
    fuses_used,
    guard,
    outcome,
)
from phasewise.control.limits import Unit, beside_held, is_usable, unit
from phasewise.control.narrow import narrowed
from phasewise.control.peak import Shave
from phasewise.control.prefer import preference
from phasewise.control.reasons import idle_reasons, reasons
from phasewise.control.regulate import ahead_w, regulate
from phasewise.control.room import Room
from phasewise.control.steer import Steered, begin, steer
from phasewise.control.strategies.base import Strategy
from phasewise.model import (
    Alarm,
    AlarmCode,
    BatteryDecision,
    Command,
    Cycle,
    Decision,
    Fact,
    FactCode,
    Freshness,
    Intent,
    Reason,
    ReasonCode,
    Settings,
    Severity,
    Snapshot,
)
from phasewise.model.memory import Drawn, EstimateMemory, HealthMemory, Memory, PeakMemory, RegulateMemory

SAFE = "safe"
"""What runs while there is no meter to go by."""
SECONDS = 60.0
"""Of a minute."""
SAMPLES_TO_START = 2
"""Fresh samples in a row before control begins: one may be the tail of a fault."""
FIRST_TELEGRAM_S = 12.0
"""A meter that says nothing this long after the start is lost; a 10 s meter has spoken by then."""


def decide(
    snapshot: Snapshot, settings: Settings, memory: Memory, strategies: Mapping[str, Strategy]
) -> tuple[Decision, Memory]:
    """Decide what every battery does next, and what to remember.

    No clock, no I/O, no logging, no randomness: equal arguments give equal results.
    `strategies` holds every selectable strategy by name. Never raises for what a strategy does:
    a strategy that fails stops the batteries, with an alarm.
    """
    snapshot = finite(snapshot)
    memory = _begin(snapshot, settings, memory)
    settings, memory = _in_turn(snapshot, settings, memory)
    meter = _meter_freshness(snapshot, memory)
    memory = _judge(snapshot, settings, memory)
    intent, failure = _intent(snapshot, settings, memory, strategies)
    load, estimated = _estimate(snapshot, memory)
    memory = replace(memory, estimate=estimated, notes=intent.notes, plan=intent.plan)
    if snapshot.grid_is_new and settings.control.capacity_tariff.enabled:
        memory = replace(memory, quarter=quarter.follow(snapshot, settings, memory.quarter))
    guarded = guard(snapshot, settings, memory.protection, load, meter)
    relieves = guarded.protecting and (settings.control.relief_in_full_stop or bool(failure))
    idle = _idle_reason(intent, meter, memory, relieves=relieves)
    units: Sequence[Unit] = [
        unit(battery, seen, health, intent if idle is None else None, snapshot)
        for battery, seen, health in zip(settings.batteries, snapshot.batteries, memory.health, strict=True)
    ]

    if idle is not None or load is None:
        split = _Split(
            [min(max(0.0, u.lo_w), u.hi_w) for u in units], idle_reasons(units, idle or ReasonCode.STARTING)
        )
        memory = replace(memory, regulate=RegulateMemory(), peak=PeakMemory())
    else:
        units = narrowed(units, guarded, snapshot, settings, memory.setpoints_w)
        if per_phase.applies(settings, intent, guarded):
            units = per_phase.resting(units)
        if snapshot.grid_is_new:
            split, memory = _follow(snapshot, settings, memory, _Aim(intent, load, units, guarded))
        else:
            split = _stay(memory, units, guarded)

    decision = Decision(
        time_s=snapshot.time_s,
        selected=settings.control.strategy,
        executing=SAFE if meter is Freshness.LOST else intent.executing or settings.control.strategy,
        batteries=_tell(units, memory.health, split, idle, SECONDS * settings.control.idle_minutes, snapshot),
        load_w=load.power_w if load is not None and idle is not ReasonCode.METER_LOST else None,
        wanted_w=split.wanted_w,
        alarms=_alarms(snapshot, meter, memory.health) + failure,
    )
    decision, memory = _with_phases(decision, memory, guarded, units, split, snapshot, settings)
    if settings.control.cycle is not Cycle.NEVER:
        decision = replace(decision, order=settings.control.priority)
    if settings.control.capacity_tariff.enabled:
        grid_w = memory.quarter.import_w if load is None else load.power_w + sum(split.powers_w)
        decision = replace(decision, quarter=quarter.decided(memory.quarter, settings, grid_w))
    return decision, _remember(memory, decision, meter, snapshot, settings)


class _Split(Struct, frozen=True):
    """What each battery gets, in the order of the settings, and why."""

    powers_w: Sequence[float]
    reasons: Sequence[tuple[Reason, ...]]
    wanted_w: float = 0.0
    steered: Steered | None = None


def _with_phases(  # noqa: PLR0917 - one step of `decide`, which has all of these at hand
    decision: Decision,
    memory: Memory,
    guarded: Guard,
    units: Sequence[Unit],
    split: _Split,
    snapshot: Snapshot,
    settings: Settings,
) -> tuple[Decision, Memory]:
    """The decision with what it means for each phase and its fuse."""
    phases, alarms, protection = outcome(
        guarded, units, split.powers_w, split.steered, settings, snapshot.time_s
    )
    used, used_s = memory.fuse_used, memory.fuse_s
    if snapshot.grid_is_new:
        used, used_s = fuses_used(snapshot, settings, used, used_s), snapshot.time_s
    alarms += fuse_alarms(used, settings)
    decision = replace(decision, alarms=decision.alarms + alarms, phases=phases, fuse_used=used)
    return decision, replace(memory, protection=protection, fuse_used=used, fuse_s=used_s)


def _estimate(snapshot: Snapshot, memory: Memory) -> tuple[Load | None, EstimateMemory]:
    """What the house draws without the batteries that do as they are told."""
    usable = [
        is_usable(battery, health, snapshot.time_s)
        for battery, health in zip(snapshot.batteries, memory.health, strict=True)
    ]
    return estimate(snapshot, memory.estimate, usable)


def _judge(snapshot: Snapshot, settings: Settings, memory: Memory) -> Memory:
    """What is to be thought of each battery; one that was found out is known by its reading from now on."""
    now_s = snapshot.time_s
    healths, found_out = [], []
    loads = _loads(settings, memory)
    for before, battery, seen, load in zip(
        memory.health, settings.batteries, snapshot.batteries, loads, strict=True
    ):
        health = health_of.judge(before, battery, seen, now_s, load)
        healths.append(health)
        if health is not before and health_of.lost_trust(before, health):
            found_out.append(health.id)
    memory = replace(memory, health=tuple(healths))
    if not found_out:
        return memory
    return replace(memory, estimate=forget_batteries(memory.estimate, found_out))


def _loads(settings: Settings, memory: Memory) -> list[Drawn | None]:
    """The load where each battery is: of its phase where that is known, else of the house."""
    load_w, phases = memory.estimate.load_w, memory.protection.phases
    whole = None if load_w is None else (load_w, None)
    if not phases:
        return [whole] * len(settings.batteries)
    found: list[Drawn | None] = []
    for battery in settings.batteries:
        phase = battery.phase.phase
        on_it_w = phases[phase.ordinal].load_w if phase is not None and phase.ordinal < len(phases) else None
        found.append(whole if on_it_w is None else (on_it_w, phase))
    return found


def _in_turn(snapshot: Snapshot, settings: Settings, memory: Memory) -> tuple[Settings, Memory]:
    """The settings with the order of priority that counts now."""
    settings, prefer = in_turn(snapshot, settings, memory.prefer)
    return settings, memory if prefer is memory.prefer else replace(memory, prefer=prefer)


class _Aim(Struct, frozen=True):
    """What is wanted, with what, within which limits."""

    intent: Intent
    load: Load
    units: Sequence[Unit]
    guarded: Guard


def _follow(snapshot: Snapshot, settings: Settings, memory: Memory, aim: _Aim) -> tuple[_Split, Memory]:
    """On a new sample: what all together should do, what each does of it, and what to remember."""
    intent, load, units, guarded = aim.intent, aim.load, aim.units, aim.guarded
    now_s = snapshot.time_s
    if (by_phase := _follow_phases(snapshot, settings, memory, aim)) is not None:
        return by_phase
    if intent.stop:
        # Full stop with relief: nothing is wanted, but what a phase demands.
        wanted_w, regulated = 0.0, RegulateMemory(wanted_w=0.0)
    else:
        wanted_w, regulated = regulate(intent, load, memory.regulate, now_s, snapshot.grid_cadence_s)
        wanted_w = beside_held(wanted_w, units)
    shaved, memory = _shave(wanted_w, snapshot, settings, memory, aim)
    if shaved is not None:
        wanted_w, units = shaved.target_w, shaved.units
    prefers = preference(settings, aim.units, snapshot, guarded.own_w, memory, up=wanted_w > 0)
    if memory.regulate.wanted_w is None:
        steered = begin(wanted_w, units, prefers, guarded.limits)
        memory = replace(memory, regulate=regulated)
    else:
        steered, after = steer(
            wanted_w,
            units,
            prefers,
            memory.setpoints_w,
            memory.steer,
            now_s,
            limits=guarded.limits,
            powers=load.batteries,
        )
        memory = replace(memory, regulate=regulated, steer=after)
    return _explained(steered, units, wanted_w, shaved, aim.units), memory


def _follow_phases(
    snapshot: Snapshot, settings: Settings, memory: Memory, aim: _Aim
) -> tuple[_Split, Memory] | None:
    """The same phase by phase; None where the total is held, also because a limit of it acts now."""
    if not per_phase.applies(settings, aim.intent, aim.guarded):
        return None
    wanted_w, regulated = per_phase.wishes(aim.intent, aim.load, aim.guarded, memory.per_phase, snapshot)
    shaved, memory = _shave(sum(wanted_w), snapshot, settings, memory, aim)
    if shaved is not None:
        return None
    prefers = {up: preference(settings, aim.units, snapshot, None, memory, up=up) for up in (True, False)}
    found, steering = per_phase.split(
        wanted_w,
        aim.units,
        prefers,
        memory.setpoints_w,
        memory.per_phase,
        load=aim.load,
        limits=aim.guarded.limits,
        now_s=snapshot.time_s,
    )
    memory = replace(
        memory,
        regulate=RegulateMemory(wanted_w=found.wanted_w),
        per_phase=replace(steering, regulate=regulated),
    )
    return _Split(found.steered.powers_w, found.reasons, found.wanted_w, found.steered), memory


def _shave(
    wanted_w: float, snapshot: Snapshot, settings: Settings, memory: Memory, aim: _Aim
) -> tuple[Shave | None, Memory]:
    """What limits of the grid total make of the wish; None when they leave it alone."""
    if aim.intent.stop or not peak.is_on(settings):
        return None, memory if memory.peak.target_w is None else replace(memory, peak=PeakMemory())
    load_w = ahead_w(aim.load, snapshot.time_s, snapshot.grid_cadence_s)
    return peak.shave(wanted_w, load_w, aim.units, settings, memory, snapshot.time_s)


def _explained(
    steered: Steered, units: Sequence[Unit], wanted_w: float, shaved: Shave | None, own: Sequence[Unit]
) -> _Split:
    """`own`: the units as the strategy sees them, before a peak gave them more to do."""
    why = reasons(units, steered, wanted_w)
    if shaved is not None:
        why = peak.explained(why, shaved, own, steered.powers_w)
        wanted_w += shaved.wanted_w - shaved.target_w
    return _Split(steered.powers_w, why, wanted_w, steered)


def _stay(memory: Memory, own: Sequence[Unit], guarded: Guard) -> _Split:
    """No news of the grid: nothing grows, but a new limit holds at once."""
    wanted_w = memory.regulate.wanted_w or 0.0
    shaved = peak.still(wanted_w, own, memory.peak)
    units = own if shaved is None else shaved.units
    relief_w = list(memory.protection.relief_w or (0.0,) * len(units))
    powers_w = []
    for before_w, for_phase_w, u in zip(memory.setpoints_w, relief_w, units, strict=True):
        lo_w, hi_w = (u.can_lo_w, u.can_hi_w) if for_phase_w else (u.lo_w, u.hi_w)
        powers_w.append(min(max(before_w, lo_w), hi_w))
    wanted_w = wanted_w if shaved is None else shaved.target_w
    least_w = [min(u.lo_w, power_w) for u, power_w in zip(units, powers_w, strict=True)]
    most_w = [max(u.hi_w, power_w) for u, power_w in zip(units, powers_w, strict=True)]
    room = Room(units, list(powers_w), least_w, most_w, guarded.limits)
    up = wanted_w >= 0
    steered = Steered(powers_w, relief_w, room, up, room.held(up=up))
    return _explained(steered, units, wanted_w, shaved, own)


def _begin(snapshot: Snapshot, settings: Settings, memory: Memory) -> Memory:
    """Memory that fits these settings: batteries may have been added, removed or reordered."""
    started_s = snapshot.time_s if memory.started_s is None else memory.started_s
    fresh_samples = memory.fresh_samples + 1 if snapshot.grid_is_new else memory.fresh_samples
    ids = [b.id for b in settings.batteries]
    if [h.id for h in memory.health] == ids:
        return replace(memory, started_s=started_s, fresh_samples=fresh_samples)
    known = {h.id: (h, w) for h, w in zip(memory.health, memory.setpoints_w, strict=True)}
    pairs = [known.get(i, (HealthMemory(i), 0.0)) for i in ids]
    protection = memory.protection
    if protection.relief_w:
        relief_w = {h.id: w for h, w in zip(memory.health, protection.relief_w, strict=True)}
        protection = replace(protection, relief_w=tuple([relief_w.get(i, 0.0) for i in ids]))
    return replace(
        memory,
        started_s=started_s,
        fresh_samples=fresh_samples,
        health=tuple(h for h, _ in pairs),
        setpoints_w=tuple(w for _, w in pairs),
        protection=protection,
    )


def _meter_freshness(snapshot: Snapshot, memory: Memory) -> Freshness:
    if snapshot.grid is None:
        since_s = snapshot.time_s if memory.started_s is None else memory.started_s
        return Freshness.ABSENT if snapshot.time_s - since_s < FIRST_TELEGRAM_S else Freshness.LOST
    return freshness(snapshot.time_s - snapshot.grid.received_s, snapshot.grid_cadence_s)


def _intent(
    snapshot: Snapshot, settings: Settings, memory: Memory, strategies: Mapping[str, Strategy]
) -> tuple[Intent, tuple[Alarm, ...]]:
    name = settings.control.strategy
    try:
        intent = wish(snapshot, settings, memory, strategies)
        for power_w in (intent.grid_target_w, intent.battery_power_w):
            if power_w is not None and not math.isfinite(power_w):
                raise ValueError(f"{power_w} is not a power")
        return intent, remarks(intent)
    except Exception as error:  # noqa: BLE001 - a user's strategy may raise anything; control must not end
        detail = f"{type(error).__name__}: {error}"
        return Intent(stop=True), (Alarm(AlarmCode.STRATEGY_FAILED, Severity.ALARM, name, detail),)


def _idle_reason(intent: Intent, meter: Freshness, memory: Memory, *, relieves: bool) -> ReasonCode | None:
    """Why all batteries are to be at 0 W, or None when control runs.

    `relieves`: whether phases are relieved although everything is to stop. A strategy that failed is no
    decision of the user against that.
    """
    if meter is Freshness.LOST:
        return ReasonCode.METER_LOST
    if intent.stop and not relieves:
        return ReasonCode.FULL_STOP
    return ReasonCode.STARTING if memory.fresh_samples < SAMPLES_TO_START else None


def _tell(
    units: Sequence[Unit],
    healths: Sequence[HealthMemory],
    split: _Split,
    idle: ReasonCode | None,
    idle_s: float,
    snapshot: Snapshot,
) -> tuple[BatteryDecision, ...]:
    told = []
    set_it = Command.SET
    usual = Command.NONE if idle is ReasonCode.STARTING else set_it
    for u, health, target_w, why in zip(units, healths, split.powers_w, split.reasons, strict=True):
        command = usual
        if not u.commandable:
            command = Command.NONE
        elif health.wake and usual is set_it:
            command = Command.WAKE
        can_lo_w, can_hi_w = (u.can_lo_w, u.can_hi_w) if idle is None else (0.0, 0.0)
        # One that is stopped, or out of it altogether, is not to be ready for anything.
        rests = target_w == 0.0 and idle is None and u.can_lo_w < u.can_hi_w
        ready = rests and health_of.is_ready(health, idle_s, snapshot.time_s)
        told.append(BatteryDecision(u.id, target_w, command, u.lo_w, u.hi_w, can_lo_w, can_hi_w, why, ready))
    return tuple(told)


def _alarms(snapshot: Snapshot, meter: Freshness, healths: Sequence[HealthMemory]) -> tuple[Alarm, ...]:
    found: list[Alarm] = []
    if meter is Freshness.LOST:
        after_s = lost_after_s(snapshot.grid_cadence_s) if snapshot.grid is not None else FIRST_TELEGRAM_S
        detail = f"nothing new for more than {after_s:.0f} s"
        facts = (Fact(FactCode.SILENT_S, after_s),)
        found.append(Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter", detail, facts))
    found += health_of.alarms(healths, snapshot.batteries, snapshot.time_s)
    return tuple(found)


def _remember(
    memory: Memory, decision: Decision, meter: Freshness, snapshot: Snapshot, settings: Settings
) -> Memory:
    now_s = snapshot.time_s
    nothing = Command.NONE
    told = {b.id: b.setpoint_w for b in decision.batteries if b.command is not nothing}
    estimated = note_commands(memory.estimate, told, now_s)
    lost = meter is Freshness.LOST
    return replace(
        memory,
        fresh_samples=0 if lost else memory.fresh_samples,
        estimate=forget_load(estimated) if lost else estimated,
        health=health_of.note_commands(memory.health, told, now_s, _loads(settings, memory)),
        setpoints_w=tuple([b.setpoint_w for b in decision.batteries]),
        executing=decision.executing,
    )
