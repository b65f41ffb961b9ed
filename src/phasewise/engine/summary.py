"""What goes on and why, in one or two sentences: chosen here, put into words by `explain`.

First what is dangerous or wrong, then what the batteries do and what for, then what matters most of all that
keeps one of them from what the strategy alone would have it do.
"""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from phasewise.control.choose import FULL_STOP, LOAD_NOTE
from phasewise.engine.ahead import day_part, good_for
from phasewise.explain import Saying, Text, Topic, summary_text
from phasewise.model import (
    AlarmCode,
    BatteryDecision,
    BatterySettings,
    Command,
    Decision,
    PhaseDecision,
    Reason,
    ReasonCode,
    Settings,
    Snapshot,
)
from phasewise.model.prices import price_at
from phasewise.model.strategy_options import Algorithm

AT_WORK_W = 20.0
"""Less than this is rest: what batteries take for themselves, and the noise of a meter."""
WORTH_SAYING_W = 50.0
"""A smaller difference is not worth a sentence."""
MOSTLY = 0.8
"""Share of the power that must go the way that is told: loads and sun move while batteries follow."""
WAITS_W = 100.0
"""A house that draws or feeds in more than this is not in balance."""
_TROUBLE = {
    ReasonCode.UNREACHABLE: Topic.UNREACHABLE,
    ReasonCode.NOT_CONTROLLABLE: Topic.NO_COMMANDS,
    ReasonCode.NOT_RESPONDING: Topic.NOT_RESPONDING,
    ReasonCode.WRONG_DIRECTION: Topic.WRONG_WAY,
    ReasonCode.PHASE_LOST: Topic.PHASE_LOST,
    ReasonCode.PHASE_DOUBTFUL: Topic.PHASE_DOUBTFUL,
}
"""What a person may have to see to, however many watts it makes."""
_OF_BATTERY = _TROUBLE | {
    ReasonCode.BATTERY_LIMIT: Topic.MOST,
    ReasonCode.METER_AGING: Topic.AGING,
    ReasonCode.OUT_OF_SERVICE: Topic.OUT_OF_SERVICE,
    ReasonCode.HOLD: Topic.IS_HELD,
    ReasonCode.PV_SURPLUS: Topic.OWN_SUN,
    ReasonCode.MINIMUM_POWER: Topic.MINIMUM,
    ReasonCode.UNASSIGNED_WORST_CASE: Topic.WORST_CASE,
    ReasonCode.RELIEF: Topic.RELIEVES,
    ReasonCode.COMPENSATION: Topic.MAKES_UP,
    ReasonCode.PEAK: Topic.HOME_LIMIT,
    ReasonCode.UNASSIGNED: Topic.NO_PHASE,
}
"""The rest depends on the direction, or is said by the first sentence already."""
_SAID = {
    Topic.RELIEF_CHARGE: {ReasonCode.RELIEF},
    Topic.RELIEF_DISCHARGE: {ReasonCode.RELIEF},
    Topic.CHARGE_HELD: {ReasonCode.HOLD},
    Topic.DISCHARGE_HELD: {ReasonCode.HOLD},
    Topic.CHARGE_PEAK: {ReasonCode.PEAK},
    Topic.DISCHARGE_PEAK: {ReasonCode.PEAK},
    Topic.FULL_SURPLUS: {ReasonCode.SOC_LIMIT},
    Topic.FULL: {ReasonCode.SOC_LIMIT},
    Topic.EMPTY_LOAD: {ReasonCode.SOC_LIMIT},
    Topic.EMPTY: {ReasonCode.SOC_LIMIT},
    Topic.WAIT_SUN: {ReasonCode.DIRECTION, ReasonCode.SOC_LIMIT},
    Topic.WAIT_LOAD: {ReasonCode.DIRECTION, ReasonCode.SOC_LIMIT},
}
"""What the first sentence has said, the second does not repeat."""
_ALONE = {
    Topic.CONTROL_FAILED,
    Topic.METER_LOST,
    Topic.STARTING,
    Topic.STRATEGY_FAILED,
    Topic.IDENTIFYING,
    Topic.LARGE_LOAD,
    Topic.FULL_STOP,
    Topic.NO_BATTERIES,
    Topic.STANDBY,
    Topic.PLAN_WAITS,
}
"""These say all there is to say."""

CONTROL_FAILED = Text(summary_text, (Saying(Topic.CONTROL_FAILED),))
"""The summary where there is no decision."""


class Spans:
    """Until when the present stretch of a timetable or of prices lasts. Remembers what costs time to find."""

    def __init__(self) -> None:
        self._about: tuple[object, ...] = ()
        self._until = ""

    def until(self, snapshot: Snapshot, settings: Settings, executing: str) -> str:
        """Wall clock of the site; empty where nobody knows."""
        about = (snapshot.utc_s // 60.0, snapshot.prices, settings, executing)
        if about != self._about:
            self._about = about
            until_s = _until_s(snapshot, settings, executing)
            zone = ZoneInfo(settings.site.time_zone)
            self._until = "" if until_s is None else f"{datetime.fromtimestamp(until_s, zone):%H:%M}"
        return self._until


def _until_s(snapshot: Snapshot, settings: Settings, executing: str) -> float | None:
    if settings.control.strategy == "timed":
        _, end_s, strategy = day_part(snapshot.utc_s, settings)
        if strategy != executing:
            return None
        _, tomorrow_s, then = day_part(end_s, settings)  # a window may go on after midnight
        if then != strategy:
            return end_s
        return None if day_part(tomorrow_s, settings)[2] == strategy else tomorrow_s
    if settings.control.strategy != "dynamic" or settings.control.dynamic.algorithm is not Algorithm.PAIRS:
        return None
    now = price_at(snapshot.prices, snapshot.utc_s)
    if now is None:
        return None
    marks = good_for(snapshot.prices, settings)
    index = snapshot.prices.index(now)
    end_s = now.end_utc_s
    for price, mark in zip(snapshot.prices[index + 1 :], marks[index + 1 :], strict=True):
        if price.start_utc_s != end_s or mark != marks[index]:
            return end_s
        end_s = price.end_utc_s
    return None  # as far as prices are known: it may go on


class Scene(Struct, frozen=True):
    """A decision and what it was made of."""

    snapshot: Snapshot
    settings: Settings
    decision: Decision
    notes: tuple[str, ...] = ()
    """What the strategy remembers."""
    identifying: str | None = None
    """The battery whose phase is being identified."""
    until: str = ""
    """When the present stretch of a timetable or of prices ends, by the wall clock of the site."""

    @property
    def pairs(self) -> Iterator[tuple[BatterySettings, BatteryDecision]]:
        """Each battery, and what is decided for it."""
        return zip(self.settings.batteries, self.decision.batteries, strict=True)

    def has(self, code: AlarmCode) -> bool:
        """Whether this alarm was raised by the decision."""
        return any(alarm.code is code for alarm in self.decision.alarms)


def summary(scene: Scene) -> Text:
    """What goes on, and why."""
    first = _trouble(scene) or _danger(scene) or _other_cause(scene) or _activity(scene)
    second = None if first.topic in _ALONE else _most_important(scene, first.topic)
    return Text(summary_text, (first,) if second is None else (first, second))


def _trouble(scene: Scene) -> Saying | None:
    """Nothing can be controlled."""
    decision = scene.decision
    if scene.has(AlarmCode.METER_LOST):
        return Saying(Topic.METER_LOST)
    if scene.has(AlarmCode.STRATEGY_FAILED):
        return Saying(Topic.STRATEGY_FAILED, name=decision.selected)
    if not decision.batteries:
        return Saying(Topic.NO_BATTERIES)
    if decision.load_w is None and any(ReasonCode.STARTING in _why(b) for b in decision.batteries):
        return Saying(Topic.STARTING)
    return None


def _danger(scene: Scene) -> Saying | None:
    """The phase that is worst off, while one is relieved or ought to be."""
    phases = scene.decision.phases
    short = max(phases, key=lambda p: abs(p.missing_w), default=None)
    if short is not None and abs(short.missing_w) >= WORTH_SAYING_W:
        topic = Topic.OVERLOAD_IMPORT if short.missing_w < 0.0 else Topic.OVERLOAD_EXPORT
        return Saying(topic, power_w=short.missing_w, phase=short.phase.value)
    helped = max(phases, key=lambda p: abs(p.relief_w), default=None)
    if helped is None or abs(helped.relief_w) < AT_WORK_W or not _relieves(scene.decision):
        return None
    topic = Topic.RELIEF_DISCHARGE if helped.relief_w < 0.0 else Topic.RELIEF_CHARGE
    return Saying(topic, power_w=helped.relief_w, phase=helped.phase.value)


def _relieves(decision: Decision) -> bool:
    """Whether a battery does more for a phase than what the strategy wants of it anyway."""
    reasons = [reason for battery in decision.batteries for reason in battery.reasons]
    return any(r.code is ReasonCode.RELIEF and abs(r.power_w) >= AT_WORK_W for r in reasons)


def _other_cause(scene: Scene) -> Saying | None:
    """The user, or something else that comes before the strategy."""
    if scene.identifying is not None:
        return Saying(Topic.IDENTIFYING, name=_name(scene, scene.identifying))
    executing = scene.decision.executing
    if _stands_aside(scene):
        return Saying(Topic.LARGE_LOAD)
    return Saying(Topic.FULL_STOP) if executing == FULL_STOP and not _at_work(scene) else None


def _stands_aside(scene: Scene) -> bool:
    """Whether a large load, or an input that says so, keeps the batteries out of it."""
    override, decision = scene.settings.control.ev_override, scene.decision
    if override is None or decision.selected == FULL_STOP or decision.executing != override.strategy:
        return False
    return override.input in scene.snapshot.inputs or any(n.startswith(LOAD_NOTE) for n in scene.notes)


def _activity(scene: Scene) -> Saying:
    """What the batteries do, and what for."""
    told_w = [b.setpoint_w for b in scene.decision.batteries if b.command is not Command.NONE]
    charge_w = sum([power_w for power_w in told_w if power_w > 0.0])
    discharge_w = sum([power_w for power_w in told_w if power_w < 0.0])
    if charge_w >= WORTH_SAYING_W and discharge_w <= -WORTH_SAYING_W:
        return Saying(Topic.BOTH, power_w=charge_w, other_w=discharge_w)
    total_w = charge_w + discharge_w
    if total_w >= AT_WORK_W:
        return Saying(_charging_for(scene, total_w), power_w=total_w, until=scene.until)
    if total_w <= -AT_WORK_W:
        return Saying(_discharging_for(scene, total_w), power_w=total_w, until=scene.until)
    return _resting(scene)


def _charging_for(scene: Scene, total_w: float) -> Topic:
    executing = scene.decision.executing
    if _by(scene, ReasonCode.HOLD):
        return Topic.CHARGE_HELD
    if _by(scene, ReasonCode.PEAK):
        return Topic.CHARGE_PEAK
    if executing != "charge":
        surplus_w = -(scene.decision.load_w or 0.0)
        return Topic.CHARGE_SURPLUS if surplus_w >= MOSTLY * total_w else Topic.CHARGE
    if _by_price(scene, scene.settings.control.dynamic.cheap):
        return Topic.CHARGE_CHEAP_UNTIL if scene.until else Topic.CHARGE_CHEAP
    return Topic.CHARGE_UNTIL if scene.until else Topic.CHARGE_GOAL


def _discharging_for(scene: Scene, total_w: float) -> Topic:
    if _by(scene, ReasonCode.HOLD):
        return Topic.DISCHARGE_HELD
    if _by(scene, ReasonCode.PEAK):
        return Topic.DISCHARGE_PEAK
    if scene.decision.executing == "sell":
        return Topic.SELL_UNTIL if scene.until else Topic.SELL
    if (scene.decision.load_w or 0.0) < MOSTLY * -total_w:
        return Topic.DISCHARGE
    if _by_price(scene, scene.settings.control.dynamic.expensive):
        return Topic.COVER_DEAR_UNTIL if scene.until else Topic.COVER_DEAR
    return Topic.COVER


def _by_price(scene: Scene, marked: str) -> bool:
    """Whether the strategy for cheap, or for expensive, energy runs because of the price."""
    decision, options = scene.decision, scene.settings.control.dynamic
    known = price_at(scene.snapshot.prices, scene.snapshot.utc_s) is not None
    if decision.selected != "dynamic" or decision.executing != marked or not known:
        return False
    # A plan charges and covers the house where that pays; of pairs, the strategy in between says nothing.
    return options.algorithm is Algorithm.PLAN or options.neutral != marked


def _resting(scene: Scene) -> Saying:
    """No battery works: why."""
    decision = scene.decision
    load_w = decision.load_w or 0.0
    usable = [b for b in decision.batteries if b.command is not Command.NONE and b.can_lo_w < b.can_hi_w]
    if not usable:
        return Saying(Topic.NONE_USABLE)
    if all(b.can_hi_w <= 0.0 for b in usable) and decision.wanted_w > AT_WORK_W:
        return Saying(Topic.FULL_SURPLUS if load_w < -AT_WORK_W else Topic.FULL, power_w=load_w)
    if all(b.can_lo_w >= 0.0 for b in usable) and decision.wanted_w < -AT_WORK_W:
        return Saying(Topic.EMPTY_LOAD if load_w > AT_WORK_W else Topic.EMPTY, power_w=load_w)
    if decision.executing == "standby":
        by_plan = decision.selected == "dynamic"
        return Saying(Topic.PLAN_WAITS if by_plan else Topic.STANDBY)
    if decision.executing == "charge-pv" and load_w > -AT_WORK_W:
        return Saying(Topic.WAIT_SUN)
    if decision.executing == "zero-import" and load_w < AT_WORK_W:
        return Saying(Topic.WAIT_LOAD)
    if abs(load_w) < WAITS_W:
        return Saying(Topic.RESTING)
    return Saying(Topic.IMPORTING if load_w > 0.0 else Topic.EXPORTING, power_w=load_w)


def _most_important(scene: Scene, said: Topic) -> Saying | None:
    """What makes the largest difference to a battery, of all that has not been said."""
    found: list[tuple[float, Saying]] = []
    for battery, decided in scene.pairs:
        for reason in decided.reasons:
            weight_w = abs(reason.power_w)
            if reason.code in _TROUBLE:
                weight_w = max(weight_w, WORTH_SAYING_W)
            if weight_w < WORTH_SAYING_W or reason.code in _SAID.get(said, ()):
                continue
            saying = _because(scene, battery, decided, reason)
            if saying is not None:
                found.append((weight_w, saying))
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _because(
    scene: Scene, battery: BatterySettings, decided: BatteryDecision, reason: Reason
) -> Saying | None:
    """A reason of one battery as a sentence of its own; None for one that explains nothing to people."""
    phase = reason.phase or battery.phase.value
    less = reason.power_w < 0.0
    match reason.code:
        case ReasonCode.PHASE_LIMIT:
            return _of_phase(scene, battery, decided, phase)
        case ReasonCode.SOC_LIMIT:
            topic = Topic.IS_FULL if less else Topic.IS_EMPTY
        case ReasonCode.DIRECTION:
            topic = Topic.DISCHARGES_ONLY if less else Topic.CHARGES_ONLY
            return Saying(topic, power_w=reason.power_w)
        case _:
            if reason.code not in _OF_BATTERY:
                return None
            topic = _OF_BATTERY[reason.code]
    return Saying(topic, power_w=decided.setpoint_w, name=battery.name, phase=phase)


def _of_phase(scene: Scene, battery: BatterySettings, decided: BatteryDecision, phase: str) -> Saying:
    """With the current that the house puts on that phase, where it is known and explains it."""
    of_phase = next((p for p in scene.decision.phases if p.phase.value == phase), None)
    current_a = 0.0 if of_phase is None else _current_a(of_phase, scene)
    topic = Topic.PHASE_LIMIT
    if current_a > 0.0 and decided.setpoint_w >= 0.0:
        topic = Topic.PHASE_IMPORT
    elif current_a < 0.0 and decided.setpoint_w <= 0.0:
        topic = Topic.PHASE_EXPORT
    return Saying(topic, power_w=decided.setpoint_w, current_a=current_a, name=battery.name, phase=phase)


def _current_a(of_phase: PhaseDecision, scene: Scene) -> float:
    """What the house draws on it without its batteries; 0 while unknown."""
    grid = scene.snapshot.grid
    reading = None if grid is None else grid.phase(of_phase.phase)
    voltage_v = (None if reading is None else reading.voltage_v) or scene.settings.site.nominal_voltage_v
    return (of_phase.load_w or 0.0) / voltage_v


def _by(scene: Scene, code: ReasonCode) -> bool:
    """Whether most of the power has this reason."""
    told = [b for b in scene.decision.batteries if b.command is not Command.NONE]
    of_reason_w = sum([abs(b.setpoint_w) for b in told if code in _why(b)])
    return of_reason_w > 0.5 * sum([abs(b.setpoint_w) for b in told])


def _at_work(scene: Scene) -> bool:
    return any(
        abs(b.setpoint_w) >= AT_WORK_W for b in scene.decision.batteries if b.command is not Command.NONE
    )


def _why(battery: BatteryDecision) -> set[ReasonCode]:
    return {reason.code for reason in battery.reasons}


def _name(scene: Scene, battery_id: str) -> str:
    return next((b.name for b in scene.settings.batteries if b.id == battery_id), battery_id)
