"""Relief that does not arrive: noticed after a while, let go where it is seen to arrive on another phase."""

import pytest
from control_kit import picture
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.effect import ELSEWHERE, LEAST_W, PATIENCE_S, REST_S, watch
from phasewise.control.protection import PhaseBox, PhaseView
from phasewise.model import PHASES, Freshness
from phasewise.model.memory import PhaseMemory, ProtectionMemory

LIMIT_W = 5500.0
FRESH = ProtectionMemory(tuple([PhaseMemory() for _ in PHASES]))
Views = tuple[PhaseView, ...]


def views(loads_w: tuple[float, float, float], relief_w: float) -> Views:
    """Phases whose loads are estimated so, with relief on L1; positive import, positive charging."""
    return tuple(
        PhaseView(
            phase,
            Freshness.FRESH,
            load_w,
            -LIMIT_W,
            LIMIT_W,
            PhaseBox(-LIMIT_W - load_w, LIMIT_W - load_w),
            relief_w if phase is PHASES[0] else 0.0,
        )
        for phase, load_w in zip(PHASES, loads_w, strict=True)
    )


def after(
    seconds: float, then: Views, now: Views, *, cadence_s: float = 1.0
) -> tuple[Views, ProtectionMemory]:
    """What is thought once the overload has lasted so long."""
    _, memory = watch(then, FRESH, picture(100.0, 0.0, [], cadence_s=cadence_s))
    return watch(now, memory, picture(100.0 + seconds, 0.0, [], cadence_s=cadence_s))


BEFORE = views((6500.0, -2850.0, -2850.0), 0.0)
SWAPPED = views((8000.0, -4350.0, -2850.0), -1500.0)
"""1.5 kW were given: L1 seems to draw as much more, and L2 as much less."""


def test_relief_that_arrives_on_another_phase_is_let_go_and_named() -> None:
    seen, memory = after(PATIENCE_S, BEFORE, SWAPPED)
    assert seen[0].in_vain
    assert seen[0].vain_on == "L2"
    assert seen[0].box is not None
    assert seen[0].box.hi_w == 0.0
    assert memory.phases[0].vain_until_s == 100.0 + PATIENCE_S + REST_S


def test_it_is_not_asked_for_again_until_it_has_rested() -> None:
    _, memory = after(PATIENCE_S, BEFORE, SWAPPED)
    resting, memory = watch(BEFORE, memory, picture(100.0 + PATIENCE_S + REST_S - 1.0, 0.0, []))
    assert resting[0].box is not None
    assert resting[0].box.hi_w == 0.0
    again, _ = watch(BEFORE, memory, picture(100.0 + PATIENCE_S + REST_S, 0.0, []))
    assert again[0].box is not None
    assert again[0].box.hi_w < 0.0


def test_the_other_direction_is_still_relieved() -> None:
    _, memory = after(PATIENCE_S, BEFORE, SWAPPED)
    exporting = views((-7000.0, 0.0, 0.0), 0.0)
    seen, _ = watch(exporting, memory, picture(150.0, 0.0, []))
    assert seen[0].box is not None
    assert seen[0].box.lo_w == pytest.approx(1500.0)


@pytest.mark.parametrize("cadence_s", [1.0, 10.0])
def test_a_slow_meter_gets_as_many_samples_as_a_fast_one(cadence_s: float) -> None:
    patience_s = max(PATIENCE_S, 4.0 * cadence_s)
    early, _ = after(patience_s - 0.5, BEFORE, SWAPPED, cadence_s=cadence_s)
    assert not early[0].in_vain
    late, _ = after(patience_s, BEFORE, SWAPPED, cadence_s=cadence_s)
    assert late[0].in_vain


def test_a_load_that_grows_is_no_reason_to_let_relief_go() -> None:
    grown = views((9500.0, -2850.0, -2850.0), -2500.0)
    seen, memory = after(PATIENCE_S, BEFORE, grown)
    assert seen[0].vain_on is None
    assert memory.phases[0].vain_until_s < 0.0
    assert seen[0].box is not None
    assert seen[0].box.hi_w < 0.0


@given(st.floats(0.0, 3000.0), st.floats(-3000.0, 3000.0), st.floats(-2500.0, 2500.0))
def test_relief_is_let_go_only_where_it_shows_elsewhere(
    grown_w: float, fell_w: float, relief_w: float
) -> None:
    now = views((6500.0 + grown_w, -2850.0 - fell_w, -2850.0), relief_w)
    seen, _ = after(PATIENCE_S, BEFORE, now)
    if seen[0].vain_on is not None:
        assert abs(relief_w) > LEAST_W
        assert grown_w >= ELSEWHERE * abs(relief_w) * (1.0 - 1e-9)
        assert abs(fell_w) >= ELSEWHERE * abs(relief_w) * (1.0 - 1e-9)


def test_nothing_is_remembered_of_phases_that_are_inside() -> None:
    calm = views((500.0, 500.0, 500.0), 0.0)
    seen, memory = watch(calm, FRESH, picture(100.0, 0.0, []))
    assert seen is calm
    assert memory is FRESH
