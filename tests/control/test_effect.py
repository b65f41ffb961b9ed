"""Relief that does not arrive: the battery rests, and nothing else is taken for one that is elsewhere."""

import pytest
from control_kit import picture
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace
from phase_kit import Home, home, on

from phasewise.control.effect import LEAST_W, OFF, PATIENCE_S, REST_S, resting, watch
from phasewise.control.estimate import BatteryPower, Load
from phasewise.control.protection import PhaseView
from phasewise.model import PHASES, Assignment, Freshness, Phase
from phasewise.model.memory import ProtectionMemory

L1, L2, L3 = (Assignment(phase.value) for phase in PHASES)
CALM = (200.0, 150.0, 150.0)
OVER = (6500.0, 150.0, 150.0)
WEAK = {"max_charge_w": 800.0, "max_discharge_w": 800.0}


def in_doubt(found: Home) -> set[str]:
    """Batteries that are said to be elsewhere."""
    assert found.decision is not None
    return {a.subject for a in found.decision.alarms if a.code.value == "mapping-doubtful"}


def overloaded(
    *batteries: tuple[str, Assignment, Assignment], loads_w: tuple[float, float, float] = OVER
) -> Home:
    """A home whose L1 is over for 25 s; each battery: id, where the settings have it, where it is."""
    found = Home(home(*[on(said, name) for name, said, _ in batteries]))
    found.truly = {name: place for name, _, place in batteries}
    found.run(5, *CALM)
    found.run(25, *loads_w)
    return found


def test_a_battery_that_is_elsewhere_rests_and_is_named() -> None:
    found = overloaded(("m1", L1, L2))
    decision = found.decision
    assert decision is not None
    assert in_doubt(found) == {"m1"}
    assert found.powers_w["m1"] == 0.0
    assert [r.code.value for r in decision.batteries[0].reasons] == ["phase-doubtful"]
    assert "phase-overload" in found.alarms()
    facts = next(a for a in decision.alarms if a.code.value == "mapping-doubtful").facts
    assert [f.value for f in facts] == ["L2"]


def test_two_that_are_swapped_are_both_in_doubt() -> None:
    found = Home(home(on(L1, "m1"), on(L2, "m2")))
    found.truly = {"m1": L2, "m2": L1}
    found.run(5, *CALM)
    found.run(25, 6500.0, -2850.0, -2850.0)
    assert in_doubt(found) == {"m1", "m2"}
    assert set(found.powers_w.values()) == {0.0}


@pytest.mark.parametrize("names", [("m1", "m2"), ("m2", "m1")])
def test_of_two_on_a_phase_only_the_one_that_is_elsewhere_rests(names: tuple[str, str]) -> None:
    right, wrong = names
    found = overloaded((right, L1, L1), (wrong, L1, L2))
    assert in_doubt(found) <= {wrong}
    assert found.powers_w[right] <= -900.0
    assert found.phase(Phase.L1).missing_w == 0.0


@pytest.mark.parametrize("cadence_s", [1.0, 2.0, 10.0])
def test_relief_that_arrives_is_never_doubted_whatever_the_appliances_do_later(cadence_s: float) -> None:
    found = Home(home(on(L1, "m1", **WEAK), on(L2, "m2")), cadence_s=cadence_s)
    found.run(5, *CALM)
    for loads_w in [(6500.0, 2000.0, 150.0), (7200.0, 1300.0, 150.0), (6500.0, 2000.0, 150.0)]:
        for _ in range(20):
            found.step(*loads_w)
            assert not in_doubt(found)
    assert found.powers_w["m1"] == -800.0


def test_an_appliance_that_did_the_same_at_the_same_time_is_seen_through() -> None:
    found = Home(home(on(L1, "m1", **WEAK), on(L2, "m2")))
    found.run(5, *CALM)
    found.step(6500.0, 2000.0, 150.0)
    found.run(11, 7300.0, 1200.0, 150.0)
    assert in_doubt(found) == {"m1"}
    found.run(round(PATIENCE_S), 7300.0, 1200.0, 150.0)
    assert not in_doubt(found)
    assert found.powers_w["m1"] == -800.0
    found.run(60, 7300.0, 1200.0, 150.0)
    assert not in_doubt(found)


def test_it_rests_for_its_time_and_is_tried_again() -> None:
    found = overloaded(("m1", L1, L2))
    (doubt,) = found.memory.protection.doubts
    assert doubt.until_s - doubt.since_s == REST_S
    found.run(round(doubt.until_s - found.now_s) - 2, *OVER)
    assert found.powers_w["m1"] == 0.0
    found.run(4, *OVER)
    assert found.powers_w["m1"] < 0.0


def test_the_users_correction_ends_it_at_once() -> None:
    found = overloaded(("m1", L1, L2), ("m2", L1, L1), loads_w=(8200.0, 150.0, 150.0))
    assert in_doubt(found) == {"m1"}
    one, other = found.settings.batteries
    found.settings = replace(found.settings, batteries=(replace(one, phase=L2), other))
    found.run(3, *OVER)
    assert not in_doubt(found)
    found.run(60, 8200.0, 150.0, 150.0)
    assert not in_doubt(found)


def test_a_slow_meter_gets_as_many_samples_as_a_fast_one() -> None:
    found = Home(home(on(L1, "m1")), cadence_s=10.0)
    found.truly = {"m1": L2}
    found.run(5, *CALM)
    found.run(4, *OVER)
    assert not in_doubt(found)
    found.run(6, *OVER)
    assert in_doubt(found) == {"m1"}


def view(phase: Phase, load_w: float, assigned_w: float) -> PhaseView:
    return PhaseView(phase, Freshness.FRESH, load_w, -5500.0, 5500.0, None, assigned_w)


def load(*powers_w: float, unsure_w: float = 0.0) -> Load:
    powers = [BatteryPower(w - unsure_w, w + unsure_w, w, w - unsure_w, w + unsure_w) for w in powers_w]
    return Load(0.0, 0.0, 0.0, 0.0, 0.0, 1.5, tuple(powers))


THREE = home(on(L1, "m1"), on(L2, "m2"), on(L3, "m3"))
CHANGES = st.floats(-3000.0, 3000.0)


@examples(max_examples=300)
@given(st.tuples(CHANGES, CHANGES, CHANGES), st.tuples(CHANGES, CHANGES, CHANGES))
def test_whoever_rests_explains_what_the_loads_did(
    grown_w: tuple[float, float, float], moved_w: tuple[float, float, float]
) -> None:
    memory = ProtectionMemory()
    for seconds, part in ((0.0, 0.0), (PATIENCE_S, 1.0)):
        powers_w = [part * w for w in moved_w]
        views = [
            view(phase, before_w + part * by_w, power_w)
            for phase, before_w, by_w, power_w in zip(
                PHASES, (9000.0, 0.0, 0.0), grown_w, powers_w, strict=True
            )
        ]
        memory = watch(views, load(*powers_w), THREE, memory, picture(100.0 + seconds, 0.0, []))
    resting_now = [int(name[1]) - 1 for name in resting(memory)]
    assert len(resting_now) in {0, 1, 2}
    if resting_now:
        doubt = memory.doubts[0]
        here, there = doubt.phase.ordinal, doubt.seen_on.ordinal if doubt.seen_on else -1
        by_w = sum(moved_w[i] * (1.0 if i == here else -1.0) for i in resting_now)
        assert set(resting_now) <= {here, there}
        assert abs(by_w) >= LEAST_W
        assert abs(grown_w[here] + by_w) <= OFF * abs(by_w)
        assert abs(grown_w[there] - by_w) <= OFF * abs(by_w)


def test_what_is_still_on_its_way_is_waited_for() -> None:
    memory = ProtectionMemory()
    before = [view(Phase.L1, 6500.0, 0.0), view(Phase.L2, 0.0, 0.0), view(Phase.L3, 0.0, 0.0)]
    after = [view(Phase.L1, 7500.0, -1000.0), view(Phase.L2, -1000.0, 0.0), view(Phase.L3, 0.0, 0.0)]
    memory = watch(before, load(0.0, 0.0, 0.0), THREE, memory, picture(100.0, 0.0, []))
    memory = watch(after, load(-1000.0, 0.0, 0.0, unsure_w=500.0), THREE, memory, picture(111.0, 0.0, []))
    assert not resting(memory)
    memory = watch(after, load(-1000.0, 0.0, 0.0), THREE, memory, picture(115.0, 0.0, []))
    assert set(resting(memory)) == {"m1"}


def test_nothing_is_remembered_of_phases_that_are_inside() -> None:
    memory = ProtectionMemory()
    calm = [view(phase, 500.0, 0.0) for phase in PHASES]
    assert watch(calm, load(0.0, 0.0, 0.0), THREE, memory, picture(100.0, 0.0, [])) is memory
