import pytest
from control_kit import battery_settings, settings_of

from phasewise.control.support import Support, support
from phasewise.model import PHASES, Assignment, BatteryDecision, Command, Phase, Settings


def home(*phases: Assignment, **control: object) -> Settings:
    return settings_of(*(battery_settings(f"m{i + 1}", phase=p) for i, p in enumerate(phases)), **control)


def decided(battery_id: str, setpoint_w: float = 0.0, command: Command = Command.SET) -> BatteryDecision:
    """The strategy allows it nothing now; it could do this."""
    return BatteryDecision(
        battery_id, setpoint_w, command, lo_w=0.0, hi_w=0.0, can_lo_w=-2500.0, can_hi_w=2000.0
    )


def test_discharge_on_l2_is_irrelevant_to_a_peak_on_l3() -> None:
    """However much the battery on L2 could discharge, L3 gets no watt of support from it."""
    settings = home(Assignment.L2)
    found = support(Phase.L3, settings, [decided("m1")])
    assert found == Support((), ())
    assert (found.up_w, found.down_w) == (0.0, 0.0)
    assert support(Phase.L2, settings, [decided("m1")]).down_w == 2500.0


def test_support_is_counted_from_where_the_battery_is_told_to_be() -> None:
    found = support(Phase.L1, home(Assignment.L1), [decided("m1", -1500.0)])
    assert found == Support(up=(("m1", 3500.0),), down=(("m1", 1000.0),))


@pytest.mark.parametrize("phase", PHASES)
def test_an_unassigned_battery_counts_nowhere(phase: Phase) -> None:
    assert support(phase, home(Assignment.UNASSIGNED), [decided("m1")]) == Support((), ())


@pytest.mark.parametrize("phase", PHASES)
def test_a_three_phase_battery_counts_a_third_on_each(phase: Phase) -> None:
    found = support(phase, home(Assignment.THREE_PHASE), [decided("m1", -1000.0)])
    assert found.down_w == pytest.approx(500.0)
    assert found.up_w == pytest.approx(1000.0)


def test_batteries_are_named_in_the_order_of_use() -> None:
    settings = home(Assignment.L1, Assignment.L1, Assignment.L2, priority=("m2", "m1"))
    found = support(Phase.L1, settings, [decided("m1"), decided("m2"), decided("m3")])
    assert [i for i, _ in found.up] == ["m2", "m1"]
    assert [i for i, _ in found.down] == ["m1", "m2"]


def test_those_on_the_phase_alone_come_before_three_phase_ones() -> None:
    settings = home(
        Assignment.THREE_PHASE, Assignment.L1, Assignment.THREE_PHASE, Assignment.UNASSIGNED, Assignment.L1
    )
    found = support(Phase.L1, settings, [decided(f"m{i}") for i in range(1, 6)])
    assert [i for i, _ in found.up] == ["m2", "m5", "m1", "m3"]
    assert [i for i, _ in found.down] == ["m5", "m2", "m3", "m1"]
    assert found.down_w == pytest.approx(2 * 2500.0 + 2 * 2500.0 / 3)


def test_what_it_can_not_do_is_no_support_whatever_the_strategy_would_give_it() -> None:
    empty = BatteryDecision("m1", 0.0, lo_w=-800.0, hi_w=2000.0, can_lo_w=0.0, can_hi_w=2000.0)
    found = support(Phase.L1, home(Assignment.L1), [empty])
    assert (found.up_w, found.down) == (2000.0, ())


def test_a_battery_that_is_not_under_control_supports_nothing() -> None:
    assert support(Phase.L1, home(Assignment.L1), [decided("m1", command=Command.NONE)]) == Support((), ())


def test_a_battery_at_its_end_is_left_out() -> None:
    assert support(Phase.L1, home(Assignment.L1), [decided("m1", -2500.0)]).down == ()
