import pytest
from control_kit import battery_settings, settings_of

from phasewise.control.protection import limits_w, rating_of
from phasewise.model import Phase, PhaseProtection, PhaseReading

AT_230_V = PhaseReading(power_w=0.0, voltage_v=230.0)


def limits(reactive_va2: float = 0.0, **protection: object) -> tuple[float, float]:
    settings = settings_of(battery_settings(), phase_protection=PhaseProtection(enabled=True, **protection))  # type: ignore[arg-type]  # keyword table
    return limits_w(rating_of(Phase.L2, AT_230_V, settings), settings, reactive_va2)


def test_a_limit_in_amps_holds_each_direction_of_its_phase() -> None:
    assert limits(limit_import_a=(None, 10.0, None)) == (-24.0 * 230.0, 2300.0)
    assert limits(limit_export_a=(None, 10.0, None)) == (-2300.0, 24.0 * 230.0)
    assert limits(limit_import_a=(10.0, None, 10.0)) == (-24.0 * 230.0, 24.0 * 230.0)


def test_the_tightest_counts() -> None:
    assert limits(limit_import_a=(None, 40.0, None))[1] == 24.0 * 230.0
    assert limits(limit_import_a=(None, 10.0, None), limit_import_w=(None, 2000.0, None))[1] == 2000.0
    assert limits(limit_import_a=(None, 10.0, None), limit_import_w=(None, 3000.0, None))[1] == 2300.0


def test_reactive_current_counts_in_amps() -> None:
    _, most_w = limits(reactive_va2=1380.0**2, limit_import_a=(None, 10.0, None))
    assert most_w == pytest.approx(1840.0)
    assert limits(reactive_va2=4000.0**2, limit_import_a=(None, 10.0, None))[1] == 0.0
