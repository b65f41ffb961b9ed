"""Relief, its limits and its end, lost phases, refusals, alarms: through `decide`."""

import itertools

import pytest
from control_kit import battery_settings
from msgspec.structs import replace
from phase_kit import PROTECTED, Home, home, on

from phasewise.model import (
    AlarmCode,
    Capabilities,
    Connection,
    FactCode,
    Freshness,
    Override,
    Phase,
    PhaseProtection,
    ReasonCode,
    Site,
    UnassignedPolicy,
)

FUSE_W = 24.0 * 230.0
"""25 A less the margin, without reactive power."""


def two(**control: object) -> Home:
    found = Home(home(on("L1", "m1"), on("L2", "m2")))
    found.change(**control)
    return found


def test_relief_is_the_smallest_and_the_other_phase_makes_up_for_it() -> None:
    found = two(strategy="charge")
    found.run(3, 300.0, 300.0, 300.0)
    decision = found.step(FUSE_W + 1000.0, 300.0, 300.0)
    relief = decision.batteries[0]
    assert relief.setpoint_w == pytest.approx(-1000.0, abs=120.0)
    assert relief.setpoint_w <= -1000.0
    assert ReasonCode.RELIEF in {r.code for r in relief.reasons}
    assert decision.batteries[1].setpoint_w > 0.0
    assert found.alarms() == set()


def test_relief_never_uses_a_battery_that_is_empty_and_the_alarm_says_how_much_is_missing() -> None:
    found = two()
    found.soc_pct = 5.0
    found.run(3, 300.0, 300.0, 300.0)
    decision = found.step(FUSE_W + 1000.0, 300.0, 300.0)
    assert decision.batteries[0].setpoint_w >= 0.0
    alarm = next(a for a in decision.alarms if a.code is AlarmCode.PHASE_OVERLOAD)
    assert alarm.subject == "L1"
    assert alarm.facts[0].code is FactCode.IMPORT_OVER_W
    assert 1000.0 <= float(alarm.facts[0].value) <= 1200.0


def test_what_is_not_enough_is_given_in_full_and_named() -> None:
    found = two()
    found.run(3, 300.0, 300.0, 300.0)
    decision = found.step(FUSE_W + 4000.0, 300.0, FUSE_W + 700.0)
    assert decision.batteries[0].setpoint_w == -2500.0
    alarms = {a.subject: a for a in decision.alarms if a.code is AlarmCode.PHASE_OVERLOAD}
    assert set(alarms) == {"L1", "L3"}
    assert [f.code for f in alarms["L1"].facts] == [FactCode.IMPORT_OVER_W]
    assert [f.code for f in alarms["L3"].facts] == [FactCode.IMPORT_OVER_W, FactCode.NO_BATTERY]


def test_too_much_export_is_relieved_by_charging() -> None:
    found = two()
    found.run(3, 300.0, 300.0, 300.0)
    decision = found.step(-FUSE_W - 1000.0, FUSE_W, 900.0)
    assert decision.batteries[0].setpoint_w >= 1000.0
    assert found.phase(Phase.L1).missing_w == pytest.approx(0.0)


def test_a_phase_that_swings_from_import_to_export_is_relieved_at_once() -> None:
    """What the first demanded a moment ago is given back gradually, but not at the other's cost."""
    found = two()
    found.run(4, FUSE_W + 2400.0, 300.0, 300.0)
    assert found.powers_w["m1"] < -2000.0
    found.step(-FUSE_W - 1500.0, 300.0, 300.0)
    assert found.phase(Phase.L1).relief_w >= 1500.0
    assert found.powers_w["m1"] >= 1500.0


@pytest.mark.parametrize(("relieves", "least_w"), [(False, 0.0), (True, -1100.0)])
def test_full_stop_relieves_only_where_the_user_wants_it(relieves: bool, least_w: float) -> None:
    found = two(strategy="full-stop", relief_in_full_stop=relieves)
    found.run(3, 300.0, 300.0, 300.0)
    decision = found.step(FUSE_W + 1000.0, 300.0, 300.0)
    if relieves:
        assert least_w <= decision.batteries[0].setpoint_w <= -1000.0
    else:
        assert decision.batteries[0].setpoint_w == 0.0
    assert decision.batteries[1].setpoint_w == 0.0


def test_without_a_new_telegram_relief_stays() -> None:
    found = two(strategy="charge")
    found.run(3, 300.0, 300.0, 300.0)
    relief_w = found.step(FUSE_W + 1000.0, 300.0, 300.0).batteries[0].setpoint_w
    for _ in range(3):
        assert found.step(0.0, 0.0, 0.0, new=False, passed_s=0.3).batteries[0].setpoint_w == relief_w


def test_a_held_battery_relieves_last() -> None:
    held = on("L1", "held", override=Override(hold_power_w=500.0))
    found = Home(home(held, on("L1", "free"), priority=("free", "held")))
    found.run(3, 300.0, 300.0, 300.0)
    found.step(FUSE_W + 1000.0, 300.0, 300.0)
    assert found.powers_w["held"] == 500.0
    assert found.powers_w["free"] <= -1500.0
    found.step(FUSE_W + 2400.0, 300.0, 300.0)
    assert found.powers_w["free"] == -2500.0
    assert found.powers_w["held"] < 500.0


@pytest.mark.parametrize("step_w", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("over_w", [3.0, 19.0, 60.0, 333.3])
def test_steps_and_minimum_power_are_rounded_to_the_safe_side(step_w: float, over_w: float) -> None:
    """Also where rounding off would be nearer, and another phase's battery could take it."""
    capabilities = Capabilities(2500.0, 2500.0, min_power_w=100.0, step_w=step_w)
    coarse = on("L1", "m1", capabilities=capabilities)
    found = Home(home(coarse, on("L2", "m2"), strategy="charge"))
    found.quantum_a = 0.01
    found.run(3, 300.0, 300.0, 300.0)
    found.step(FUSE_W + over_w, 300.0, 300.0)
    of_phase = found.phase(Phase.L1)
    assert of_phase.hi_w is not None
    needed_w = FUSE_W + over_w - of_phase.hi_w
    given_w = -found.powers_w["m1"]
    assert needed_w - 1e-6 <= given_w <= max(100.0, needed_w + step_w) + 1e-6
    assert given_w % step_w == pytest.approx(0.0)


def test_no_step_takes_a_battery_beyond_its_own_limit() -> None:
    capabilities = Capabilities(2500.0, 2500.0, step_w=10.0)
    found = Home(home(on("L1", "m1", capabilities=capabilities, max_discharge_w=1106.7)))
    found.run(3, 300.0, 300.0, 300.0)
    found.step(FUSE_W + 3000.0, 300.0, 300.0)
    assert found.powers_w["m1"] == -1100.0


def test_the_tail_of_a_relief_ends_within_15_s() -> None:
    found = two(strategy="zero-import")
    found.run(4, FUSE_W + 2000.0, -100.0, -100.0)
    assert found.powers_w["m1"] <= -2000.0
    found.run(15, -500.0, -100.0, -100.0)
    assert found.powers_w["m1"] == 0.0
    assert found.phase(Phase.L1).relief_w == 0.0


# --- settings that change while it runs


def test_batteries_removed_and_reordered_during_relief() -> None:
    """The relief that is remembered belongs to batteries, not to places."""
    found = Home(home(on("L1", "m1"), on("L2", "m2"), on("L3", "m3"), strategy="charge"))
    found.run(3, FUSE_W + 1000.0, 300.0, 300.0)
    relief_w = found.powers_w["m1"]
    assert relief_w < -900.0
    first, second, third = found.settings.batteries
    found.settings = replace(found.settings, batteries=(third, first))
    decision = found.step(0.0, 0.0, 0.0, new=False, passed_s=0.2)
    assert [b.id for b in decision.batteries] == ["m3", "m1"]
    assert found.powers_w["m1"] == relief_w
    found.settings = replace(found.settings, batteries=(second,))
    found.step(0.0, 0.0, 0.0, new=False, passed_s=0.2)
    assert found.powers_w["m2"] == 0.0


def test_a_battery_assigned_during_an_overload_relieves_at_once() -> None:
    found = Home(home(battery_settings("m1"), on("L2", "m2")))
    found.run(4, FUSE_W + 900.0, -3000.0, -2900.0)
    assert "phase-overload" in found.alarms()
    assert found.powers_w["m1"] == 0.0
    found.settings = replace(found.settings, batteries=(on("L1", "m1"), on("L2", "m2")))
    found.step(FUSE_W + 900.0, -3000.0, -2900.0)
    assert found.powers_w["m1"] <= -900.0


def test_protection_switched_on_during_an_overload_relieves_at_once() -> None:
    found = two(phase_protection=PhaseProtection())
    found.run(4, FUSE_W + 900.0, -3000.0, -3500.0)
    assert found.powers_w["m1"] >= 0.0
    found.change(phase_protection=PROTECTED)
    found.step(FUSE_W + 900.0, -3000.0, -3500.0)
    assert found.powers_w["m1"] <= -900.0


# --- phases of which nothing is known


def test_a_lost_phase_takes_its_batteries_to_zero_in_steps_and_the_others_go_on() -> None:
    found = two(priority=("m2", "m1"))
    found.run(60, 2000.0, 1500.0, 0.0)
    first_w, second_w = found.powers_w["m1"], found.powers_w["m2"]
    assert first_w < -2000.0
    assert second_w < -900.0
    found.blind = (Phase.L1,)
    seen_w = []
    for _ in range(20):
        found.step(2000.0, 1500.0, 0.0)
        seen_w.append(abs(found.powers_w["m1"]))
    assert seen_w == sorted(seen_w, reverse=True)
    assert seen_w[-1] == 0.0
    steps = [a - b for a, b in itertools.pairwise(seen_w) if a != b]
    assert 2 <= len(steps) <= 5
    assert "phase-lost" in found.alarms()
    assert found.powers_w["m2"] < -1000.0
    assert found.phase(Phase.L1).freshness is Freshness.LOST
    assert found.phase(Phase.L2).freshness is Freshness.FRESH
    found.blind = ()
    found.step(2000.0, 1500.0, 0.0)
    assert found.powers_w["m1"] == 0.0
    assert "phase-lost" in found.alarms()
    found.run(2, 2000.0, 1500.0, 0.0)
    assert "phase-lost" not in found.alarms()
    assert found.powers_w["m1"] < 0.0


@pytest.mark.parametrize("strategy", ["charge", "zero-import", "self-consumption"])
def test_relief_goes_on_through_telegrams_without_the_phase_and_then_goes_by_steps(strategy: str) -> None:
    found = two(strategy=strategy)
    found.run(40, 7000.0, 300.0, 0.0)
    assert found.powers_w["m1"] < -1500.0
    found.blind = (Phase.L1,)
    found.step(7000.0, 300.0, 0.0)
    assert found.powers_w["m1"] < -1500.0
    found.blind = ()
    found.run(5, 7000.0, 300.0, 0.0)
    found.blind = (Phase.L1,)
    seen_w = []
    for _ in range(20):
        found.step(7000.0, 300.0, 0.0)
        seen_w.append(found.powers_w["m1"])
    assert seen_w == sorted(seen_w)
    assert seen_w[6] < -1500.0
    assert seen_w[-1] == 0.0
    assert len(set(seen_w)) >= 4


def test_a_meter_that_is_back_is_no_loss_of_its_phases() -> None:
    found = two()
    found.run(10, 2000.0, 1500.0, 0.0)
    for _ in range(20):
        found.step(2000.0, 1500.0, 0.0, new=False)
    assert "meter-lost" in found.alarms()
    for _ in range(4):
        found.step(2000.0, 1500.0, 0.0)
        assert not found.alarms()
        found.step(2000.0, 1500.0, 0.0, new=False, passed_s=0.1)
        assert not found.alarms()
    assert found.powers_w["m1"] != 0.0


def test_a_phase_that_is_not_back_with_its_meter_is_lost() -> None:
    found = two()
    found.run(10, 2000.0, 1500.0, 0.0)
    for _ in range(20):
        found.step(2000.0, 1500.0, 0.0, new=False)
    found.blind = (Phase.L1,)
    found.step(2000.0, 1500.0, 0.0)
    assert found.alarms() == {"phase-lost"}


def test_a_phase_absent_from_the_start_keeps_its_batteries_at_zero() -> None:
    found = two()
    found.blind = (Phase.L1,)
    found.run(6, 1500.0, 1500.0, 0.0)
    assert found.powers_w["m1"] == 0.0
    assert found.powers_w["m2"] < -1000.0
    assert "phase-lost" in found.alarms()


def test_all_phases_lost_takes_everything_that_is_confined_to_zero() -> None:
    found = Home(home(on("L1", "m1"), on("three-phase", "m2"), battery_settings("m3")))
    found.run(5, 1500.0, 1500.0, 900.0)
    found.blind = tuple(Phase)
    found.run(25, 1500.0, 1500.0, 900.0)
    assert set(found.powers_w.values()) == {0.0}
    assert "phase-lost" in found.alarms()


@pytest.mark.parametrize(
    ("site", "cadence_s", "blind", "fact"),
    [
        (Site(connection=Connection.DELTA), 1.0, (), FactCode.DELTA),
        (Site(), 12.0, (), FactCode.CADENCE_S),
        (Site(), 1.0, tuple(Phase), FactCode.NO_PHASE_POWER),
    ],
)
def test_where_protection_cannot_work_it_says_why_and_all_else_goes_on(
    site: Site, cadence_s: float, blind: tuple[Phase, ...], fact: FactCode
) -> None:
    found = Home(home(on("L1", "m1"), on("L2", "m2"), site=site), cadence_s=cadence_s)
    found.blind = blind
    found.run(4, 600.0, 500.0, 400.0)
    assert found.decision is not None
    refused = [a for a in found.decision.alarms if a.code is AlarmCode.PROTECTION_REFUSED]
    assert [f.code for a in refused for f in a.facts] == [fact]
    assert found.decision.phases == ()
    if not blind:
        assert sum(found.powers_w.values()) == pytest.approx(-1500.0, abs=30.0)


def test_with_no_battery_assigned_only_a_notice_is_new() -> None:
    plain = Home(home(battery_settings("m1"), battery_settings("m2"), phase_protection=PhaseProtection()))
    found = Home(home(battery_settings("m1"), battery_settings("m2")))
    for _ in range(6):
        expected = plain.step(FUSE_W + 2000.0, 300.0, 300.0)
        assert found.step(FUSE_W + 2000.0, 300.0, 300.0).batteries == expected.batteries
    assert found.alarms() - plain.alarms() == {"protection-idle"}


def test_an_unassigned_battery_never_counts_as_relief() -> None:
    found = Home(home(battery_settings("m1"), on("L2", "m2", max_discharge_w=0.0), strategy="charge"))
    found.run(3, 300.0, 300.0, 300.0)
    found.step(FUSE_W + 1000.0, 300.0, 300.0)
    assert found.powers_w["m1"] >= 0.0
    assert "phase-overload" in found.alarms()


def test_under_aggregate_unassigned_batteries_are_not_limited() -> None:
    free = replace(PROTECTED, unassigned=UnassignedPolicy.AGGREGATE)
    load_w = FUSE_W - 300.0
    for policy, most_w in ((PROTECTED, 400.0), (free, 3000.0)):
        found = Home(home(battery_settings("m1"), on("L2", "m2", max_charge_w=0.0), phase_protection=policy))
        found.change(strategy="charge")
        found.run(4, load_w, 0.0, 0.0)
        assert found.powers_w["m1"] <= most_w
        assert found.powers_w["m1"] > (2000.0 if policy is free else 0.0)


# --- odd homes


def test_a_home_with_one_phase() -> None:
    found = Home(home(on("L1", "m1"), battery_settings("m2"), site=Site(phase_count=1)))
    found.run(3, 300.0)
    found.step(FUSE_W + 1000.0)
    assert found.powers_w["m1"] <= -1000.0
    assert len(found.decision.phases if found.decision else ()) == 1


def test_every_phase_has_its_own_fuse() -> None:
    site = Site(main_fuse_a=(16.0, 35.0, 25.0))
    found = Home(home(on("L1", "m1"), on("L2", "m2"), site=site, strategy="charge"))
    found.run(4, 3400.0, 3400.0, 0.0)
    assert found.powers_w["m1"] <= 15.0 * 230.0 - 3400.0 + 60.0
    assert found.powers_w["m2"] == 2500.0


def test_a_10_s_meter_protects_too() -> None:
    found = Home(home(on("L1", "m1"), on("L2", "m2")), cadence_s=10.0)
    found.run(3, 300.0, 300.0, 300.0)
    found.step(FUSE_W + 1000.0, 300.0, 300.0)
    assert found.powers_w["m1"] <= -1000.0
    assert found.alarms() == set()


def test_three_phase_batteries_beside_a_wish_for_their_own_phase() -> None:
    found = Home(home(on("three-phase", "m1"), on("L1", "m2"), prefer_own_phase=True, priority=("m2", "m1")))
    found.run(40, 2000.0, 300.0, 100.0)
    assert sum(found.powers_w.values()) == pytest.approx(-2400.0, abs=40.0)
    assert found.powers_w["m2"] == pytest.approx(-2000.0, abs=60.0)


def test_after_the_meter_was_lost_protection_begins_again_by_itself() -> None:
    found = two()
    found.run(4, FUSE_W + 1000.0, 300.0, 300.0)
    for _ in range(20):
        found.step(0.0, 0.0, 0.0, new=False)
    assert set(found.powers_w.values()) == {0.0}
    found.run(3, FUSE_W + 1000.0, 300.0, 300.0)
    assert found.powers_w["m1"] <= -1000.0
    assert found.phase(Phase.L1).freshness is Freshness.FRESH
