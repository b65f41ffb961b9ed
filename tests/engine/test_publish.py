"""What is shown of a decision: limits, headroom and relief per phase, and whether protection acts."""

from typing import Any

import pytest
from msgspec.structs import replace

from phasewise.engine.alarms import Standing
from phasewise.engine.goal import goal_state
from phasewise.engine.publish import system_state
from phasewise.engine.state import PhaseState, SystemState
from phasewise.engine.summary import Scene, summary
from phasewise.explain import CATALOGUES
from phasewise.mapping.plausibility import Finding
from phasewise.model import (
    Alarm,
    AlarmCode,
    Assignment,
    BatteryDecision,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    ControlSettings,
    Decision,
    Freshness,
    GridReading,
    Phase,
    PhaseDecision,
    PhaseProtection,
    PhaseReading,
    Reason,
    ReasonCode,
    Settings,
    Severity,
    Site,
    Snapshot,
    UnassignedPolicy,
)
from phasewise.model.event import Why
from phasewise.model.memory import Memory
from phasewise.web import wire
from phasewise.web.stream import StateEncoder

ON = PhaseProtection(enabled=True)
L1 = PhaseReading(power_w=2300.0, current_a=10.0, voltage_v=230.0)
L3 = PhaseReading(power_w=-1150.0, current_a=7.0)
PHASES = (
    PhaseDecision(
        Phase.L1, Freshness.FRESH, 3000.04, -5520.0, 5060.0, relief_w=-700.06, missing_w=-50.0, binding=True
    ),
    PhaseDecision(Phase.L2, Freshness.LOST),
    PhaseDecision(Phase.L3, Freshness.FRESH, -1150.0, -5000.0, 5000.0),
)


def shown(
    phases: tuple[PhaseDecision, ...] = (),
    protection: PhaseProtection = ON,
    assigned: Assignment = Assignment.L1,
    **changes: Any,
) -> SystemState:
    battery = BatterySettings("m1", "Garage", Capabilities(2500.0, 2500.0), assigned)
    settings = Settings(Site(), (battery,), ControlSettings(phase_protection=protection))
    grid = GridReading(10.0, 1150.0, (L1, None, L3))
    snapshot = Snapshot(10.2, 1.8e9, grid, True, 1.0, (BatterySnapshot("m1"),))
    told = BatteryDecision("m1", -500.0, can_lo_w=-2500.0, can_hi_w=0.0)
    decision = Decision(10.2, "self-consumption", "self-consumption", (told,), phases=phases)
    decision = replace(decision, **changes)
    return system_state(snapshot, settings, decision, strategies=(), applied_w={}, alarms=())


def phase(state: SystemState, name: str) -> PhaseState:
    return state.grid.phases[name]


def test_a_phase_shows_what_protection_makes_of_it() -> None:
    state = shown(PHASES, fuse_used=(0.125, 0.0, 0.0))
    l1 = phase(state, "L1")
    assert (l1.load_w, l1.limit_lo_w, l1.limit_hi_w) == (3000.0, -5520.0, 5060.0)
    assert (l1.relief_w, l1.missing_w, l1.binding, l1.fuse_used_pct) == (-700.1, -50.0, True, 12.5)
    assert l1.operating_limit_a == 24.0
    assert (l1.support_up_w, l1.support_down_w) == (500.0, 2000.0)
    assert (phase(state, "L3").relief_w, phase(state, "L3").binding) == (0.0, False)


def test_headroom_counts_to_the_limits_of_protection_where_it_works() -> None:
    l1, l3 = phase(shown(PHASES), "L1"), phase(shown(PHASES), "L3")
    assert (l1.headroom_import_a, l1.headroom_export_a) == (12.0, 34.0)
    # The nominal voltage stands in for one that the meter does not tell.
    assert l3.headroom_import_a == pytest.approx(6150.0 / 230.0, abs=0.05)


def test_headroom_is_negative_outside_the_limits() -> None:
    tight = replace(PHASES[0], hi_w=1840.0)
    assert phase(shown((tight, *PHASES[1:])), "L1").headroom_import_a == -2.0


def test_without_protection_headroom_is_what_the_meter_tells_against_the_operating_limit() -> None:
    state = shown(protection=PhaseProtection())
    assert (phase(state, "L1").headroom_import_a, phase(state, "L1").headroom_export_a) == (14.0, 34.0)
    # 1,150 W are 5 A, but 7 A flow.
    assert (phase(state, "L3").headroom_import_a, phase(state, "L3").headroom_export_a) == (31.0, 17.0)
    assert (phase(state, "L1").limit_hi_w, phase(state, "L1").load_w) == (None, None)


def test_a_phase_that_was_seen_before_is_lost_one_that_never_was_is_absent() -> None:
    lost = phase(shown(PHASES), "L2")
    assert (lost.freshness, lost.power_w, lost.headroom_import_a, lost.limit_hi_w) == ("lost",) + (None,) * 3
    never = (PHASES[0], PhaseDecision(Phase.L2, Freshness.ABSENT), PHASES[2])
    assert phase(shown(never), "L2").freshness == "absent"
    assert phase(shown(), "L2").freshness == "absent"
    assert phase(shown(), "L1").freshness == "fresh"


@pytest.mark.parametrize(
    ("protection", "assigned", "refused", "active"),
    [
        (ON, Assignment.L1, False, True),
        (ON, Assignment.THREE_PHASE, False, True),
        (ON, Assignment.UNASSIGNED, False, False),
        (ON, Assignment.L1, True, False),
        (PhaseProtection(), Assignment.L1, False, False),
    ],
)
def test_protection_is_active_when_it_can_act(
    protection: PhaseProtection, assigned: Assignment, refused: bool, active: bool
) -> None:
    alarms = (Alarm(AlarmCode.PROTECTION_REFUSED, Severity.ALARM),) if refused else ()
    state = shown(protection=protection, assigned=assigned, alarms=alarms)
    assert (state.protection.enabled, state.protection.active) == (protection.enabled, active)


@pytest.mark.parametrize(
    ("selected", "executing", "why", "told"),
    [
        ("timed", "charge", Why.TIME, "time"),
        ("dynamic", "self-consumption", Why.NO_PRICE, "no-price"),
        ("full-stop", "full-stop", Why.LOAD, None),
    ],
)
def test_why_is_told_while_another_strategy_runs(
    selected: str, executing: str, why: Why, told: str | None
) -> None:
    settings = Settings(Site(), (), ControlSettings(strategy=selected))
    snapshot = Snapshot(10.2, 1.8e9, GridReading(10.0, 1150.0), True, 1.0, ())
    decision = Decision(10.2, selected, executing, ())
    state = system_state(snapshot, settings, decision, strategies=(), applied_w={}, alarms=(), why=why)
    sent = wire.System.model_validate_json(StateEncoder().json(state))
    assert (state.strategy.why, sent.strategy.why) == (told, told)


@pytest.mark.parametrize("lang", CATALOGUES)
def test_what_is_published_is_sent_as_the_api_describes_it(lang: str) -> None:
    battery = BatterySettings("m1", "Garage", Capabilities(2500.0, 2500.0), Assignment.L1)
    settings = Settings(Site(), (battery,), ControlSettings(strategy="charge"))
    snapshot = Snapshot(10.2, 1.8e9, GridReading(10.0, 1150.0), True, 1.0, (BatterySnapshot("m1"),))
    told = BatteryDecision("m1", 0.0, reasons=(Reason(ReasonCode.SOC_LIMIT, -1200.0),))
    decision = Decision(10.2, "charge", "charge", (told,))
    finding = Finding("m1", "Garage", Assignment.L1, Phase.L2, 9, (0.1, 0.9, 0.0), 0.99, doubtful=True)
    state = system_state(
        snapshot,
        settings,
        decision,
        strategies=("charge",),
        applied_w={},
        alarms=(Standing(Alarm(AlarmCode.METER_SLOW, Severity.WARNING, "meter"), 1.8e9),),
        found=(finding,),
        goal=goal_state(snapshot, settings, Memory()),
        summary=summary(Scene(snapshot, settings, decision)),
    )
    sent = wire.System.model_validate_json(StateEncoder().json(state, lang))
    assert sent.summary == summary(Scene(snapshot, settings, decision)).say(lang)
    assert sent.strategy.goal is not None
    mapping = sent.batteries[0].mapping
    assert mapping is not None
    said = [sent.strategy.goal.text, mapping.evidence, sent.batteries[0].reasons[0].text, sent.alarms[0].text]
    english = wire.System.model_validate_json(StateEncoder().json(state))
    assert all(text not in english.model_dump_json() for text in said) == (lang != "en")


def test_the_policy_for_unassigned_batteries_is_shown() -> None:
    policy = PhaseProtection(unassigned=UnassignedPolicy.AGGREGATE)
    assert shown(protection=policy).protection.unassigned == "aggregate"
    assert shown().protection.unassigned == "worst-case"
