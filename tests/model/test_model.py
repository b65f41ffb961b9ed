import msgspec
import pytest

from phasewise.model import (
    PHASES,
    Assignment,
    BatterySettings,
    Capabilities,
    ControlSettings,
    GridReading,
    Phase,
    PhaseProtection,
    PhaseReading,
    Regulate,
    Settings,
    Site,
    UnassignedPolicy,
)
from phasewise.model.memory import Memory

BATTERY = BatterySettings("m1", "Garage", Capabilities(2500.0, 2500.0))


def test_a_battery_without_a_phase_is_unassigned() -> None:
    assert BATTERY.phase is Assignment.UNASSIGNED
    assert not BATTERY.phase.is_assigned
    assert BATTERY.phase.phase is None


@pytest.mark.parametrize("name", ["L4", "l1", "", "L1 "])
def test_a_misspelt_phase_is_no_assignment(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is not a valid Assignment"):
        Assignment(name)


def test_assigned_means_one_phase_or_all_three() -> None:
    assert {a for a in Assignment if a.is_assigned} == set(Assignment) - {Assignment.UNASSIGNED}
    assert [Assignment(p.value).phase for p in PHASES] == list(PHASES)
    assert Assignment.THREE_PHASE.phase is None


def test_phases_are_numbered_as_the_tuples_are() -> None:
    assert [p.ordinal for p in PHASES] == [0, 1, 2]
    readings = (PhaseReading(1.0), None, PhaseReading(3.0))
    grid = GridReading(received_s=10.0, total_power_w=4.0, phases=readings, sample_age_s=1.5)
    assert [grid.phase(p) for p in PHASES] == list(readings)
    assert grid.sampled_s == 8.5


def test_a_home_has_one_phase_or_three() -> None:
    assert Site(phase_count=1).phases == (Phase.L1,)
    assert Site().phases == PHASES


@pytest.mark.parametrize(
    ("control", "aware"),
    [
        (ControlSettings(), False),
        (ControlSettings(phase_protection=PhaseProtection(unassigned=UnassignedPolicy.AGGREGATE)), False),
        (ControlSettings(phase_protection=PhaseProtection(limit_import_w=(3000.0, None, None))), False),
        (ControlSettings(phase_protection=PhaseProtection(enabled=True)), True),
        (ControlSettings(prefer_own_phase=True), True),
        (ControlSettings(regulate=Regulate.PER_PHASE), True),
    ],
)
def test_which_features_read_the_mapping(control: ControlSettings, aware: bool) -> None:
    assert control.phase_aware is aware


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        BATTERY.phase = Assignment.L1  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("value", [Settings(Site(), (BATTERY,)), Memory()])
def test_values_survive_being_written_down(value: Settings | Memory) -> None:
    """Infinities (never, for ever) too: msgpack, not JSON."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value)) == value
