"""The generated household: seeded, each day its own, and like a real home."""

import statistics
from collections.abc import Sequence

import pytest

from phasewise.sim.household import APPLIANCES, DAY_S, EVS, Household
from phasewise.sim.household_figures import figures

pytestmark = pytest.mark.simulated

DAY_TICKS = 86_400


def day_w(household: Household, day: int, step: int = 1) -> list[float]:
    return [sum(household.demand_w(day * DAY_S + t)) for t in range(0, DAY_TICKS, step)]


def steps(total_w: Sequence[float]) -> float:
    return figures(total_w)[1]


def test_equal_seeds_give_equal_days_in_whatever_order_they_are_asked() -> None:
    first, second = Household(7), Household(7)
    forward = [first.loads_w(t) for t in range(0, 3 * DAY_TICKS, 977)]
    backward = [second.loads_w(t) for t in reversed(range(0, 3 * DAY_TICKS, 977))]
    assert forward == backward[::-1]


def test_days_and_seeds_differ() -> None:
    assert day_w(Household(7), 0, 60) != day_w(Household(7), 1, 60)
    assert day_w(Household(7), 0, 60) != day_w(Household(8), 0, 60)


def test_days_look_like_those_of_a_home() -> None:
    # The composed day of real appliances has a mean of 850 W, 1,593 steps, and at most 6.5 kW.
    days = [day_w(Household(seed), day) for seed, day in ((1, 0), (2, 3), (3, 5))]
    for total_w in days:
        assert 300.0 < statistics.fmean(total_w) < 2500.0
        assert 150 < steps(total_w) < 3000
        assert 2500.0 < max(total_w) < 14_000.0
        assert min(total_w) > 100.0


def test_the_night_is_quieter_than_the_evening() -> None:
    powers = [day_w(Household(seed), 1, 60) for seed in range(1, 9)]
    night = statistics.fmean(w for of in powers for w in of[2 * 60 : 5 * 60])
    evening = statistics.fmean(w for of in powers for w in of[17 * 60 : 21 * 60])
    assert evening > 1.3 * night


def test_washing_is_done_more_at_the_weekend() -> None:
    # Steps of the drum show it best: count over many seeds.
    counts = {day: sum(steps(day_w(Household(seed), day, 2)) for seed in range(12)) for day in (1, 5)}
    assert counts[5] > counts[1]


def test_pace_makes_more_happen() -> None:
    assert steps(day_w(Household(3, pace=4.0), 0)) > 1.5 * steps(day_w(Household(3), 0))


def test_what_runs_at_midnight_runs_on() -> None:
    for seed in range(30):
        household = Household(seed)
        before, after = sum(household.demand_w(DAY_S - 0.5)), sum(household.demand_w(DAY_S + 0.5))
        # Only flicker, or one appliance that switches just then.
        assert abs(after - before) < 2700.0
    jumps = [
        abs(sum(Household(s).demand_w(DAY_S + 0.5)) - sum(Household(s).demand_w(DAY_S - 0.5)))
        for s in range(30)
    ]
    assert statistics.median(jumps) < 60.0


def test_the_sun_shines_by_day_on_all_phases_alike() -> None:
    household = Household(3)
    assert household.pv_w(3 * 3600.0) == 0.0
    noon_s = 13.5 * 3600.0
    assert 300.0 < household.pv_w(noon_s) <= household.pv_peak_w
    for load_w, demand_w in zip(household.loads_w(noon_s), household.demand_w(noon_s), strict=True):
        assert load_w == pytest.approx(demand_w - household.pv_w(noon_s) / 3.0)
    assert Household(3, pv_peak_w=0.0).pv_w(noon_s) == 0.0


def test_every_kind_of_household_occurs() -> None:
    assert {Household(seed).ev.name for seed in range(40)} == {ev.name for ev in EVS}
    assert {phase for appliance in APPLIANCES for phase in appliance.phases} == {0, 1, 2}


def test_a_three_phase_car_draws_the_same_on_every_phase() -> None:
    seed = next(s for s in range(40) if Household(s).ev.phases == (0, 1, 2))
    household = Household(seed)
    most = max(min(household.demand_w(day * DAY_S + t)) for day in range(7) for t in range(0, DAY_TICKS, 300))
    assert most > 3300.0


def test_figures_of_a_day() -> None:
    assert figures([100.0, 201.0, 201.0, 101.0, 301.5]) == (180.9, 2.0, 301.5, 100.0)
