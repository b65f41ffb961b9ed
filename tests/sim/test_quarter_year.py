"""Weeks of clock quarters under the capacity tariff, against an exact bound. (A year: `sim.quarter_year`.)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog  # type: ignore[import-untyped]  # scipy has no types of its own

from phasewise.sim.household import Household
from phasewise.sim.quarter_year import POWER_W, STEP_S, STEPS, excess_pct, least_w, months

pytestmark = pytest.mark.simulated

GOAL_PCT = 3.0
LOADS = st.lists(st.floats(-4000.0, 12000.0), min_size=STEPS, max_size=STEPS)


@given(LOADS, st.floats(0.0, 2000.0))
def test_the_bound_is_that_of_a_linear_programme(loads_w: list[float], stored_wh: float) -> None:
    """Least import: each step gets at most the batteries' power, and all together what is stored."""
    hours = STEP_S / 3600.0
    given_and_imported = [0.0] * STEPS + [hours] * STEPS
    covers = [[-1.0 if i in (k, STEPS + k) else 0.0 for i in range(2 * STEPS)] for k in range(STEPS)]
    stored = [[hours] * STEPS + [0.0] * STEPS]
    found = linprog(
        given_and_imported,
        A_ub=covers + stored,
        b_ub=[-w for w in loads_w] + [stored_wh],
        bounds=[(0.0, POWER_W)] * STEPS + [(0.0, None)] * STEPS,
    )
    assert least_w(loads_w, stored_wh) == pytest.approx(4.0 * found.fun, abs=1e-3)


@pytest.mark.parametrize("seed", [0, 3])
def test_the_monthly_peak_is_near_the_bound(seed: int) -> None:
    """Two homes with a car, twelve days each."""
    found = months(Household(seed), 12)
    assert max(month.alone_w for month in found) > 4000.0, "there is something to shave"
    assert excess_pct(found) + 1e-6 >= 0.0
    assert excess_pct(found) <= GOAL_PCT
