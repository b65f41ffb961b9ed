"""The exact planner, against HiGHS, and where the answer is known by hand."""

import random

import pytest
from plan_kit import START_S, Instance, highs_cost_eur, random_instance

from phasewise.control.plan import Mark, Plan, Storage, plan
from phasewise.control.plan.curves import Curve, convex_parts, least_over_steps
from phasewise.control.plan.planner import execute, to_come
from phasewise.model.prices import PriceInterval

BATTERY = Storage(0.0, 0.0, 10_000.0, 5000.0, 5000.0, 0.9, 0.9)
EUR = 1e-6


def hourly(*buy_sell: tuple[float, float]) -> tuple[PriceInterval, ...]:
    return tuple(
        PriceInterval(START_S + 3600.0 * n, START_S + 3600.0 * (n + 1), buy, sell)
        for n, (buy, sell) in enumerate(buy_sell)
    )


def solve(instance: Instance) -> Plan:
    return plan(instance.prices, instance.storage, instance.net_load_w, **instance.keywords())


def cost_eur(instance: Instance) -> float:
    """With what is stored at the end deducted, as the oracle counts."""
    solved = solve(instance)
    return solved.cost_eur - solved.intervals[-1].stored_wh / 1000.0 * instance.final_value_eur_kwh


@pytest.mark.parametrize("seed", range(10))
def test_as_cheap_as_a_linear_programme_where_the_costs_are_convex(seed: int) -> None:
    rng = random.Random(f"convex {seed}")
    for _ in range(25):
        instance = random_instance(rng, rng.randint(1, 100), convex=True)
        assert cost_eur(instance) == pytest.approx(highs_cost_eur(instance, integer=False), abs=EUR)


@pytest.mark.parametrize("seed", range(8))
def test_as_cheap_as_an_integer_programme_where_they_are_not(seed: int) -> None:
    rng = random.Random(f"not convex {seed}")
    for _ in range(15):
        instance = random_instance(rng, rng.randint(1, 10), convex=False)
        assert cost_eur(instance) == pytest.approx(highs_cost_eur(instance, integer=True), abs=EUR)


def test_a_linear_programme_would_be_wrong_at_negative_prices() -> None:
    # It burns energy by charging and discharging at once. So the instances above do test the difference.
    rng = random.Random(3)
    instances = [random_instance(rng, 12, convex=False) for _ in range(20)]
    gaps = [highs_cost_eur(i, integer=True) - highs_cost_eur(i, integer=False) for i in instances]
    assert max(gaps) > 0.01


@pytest.mark.parametrize("convex", [True, False])
def test_what_a_plan_says_is_possible_and_adds_up(convex: bool) -> None:
    rng = random.Random(11)
    for _ in range(40):
        instance = random_instance(rng, 48, convex=convex)
        store, solved = instance.storage, solve(instance)
        before_wh, total_eur = store.stored_wh, 0.0
        for price, load_w, of in zip(instance.prices, instance.net_load_w, solved.intervals, strict=True):
            hours = (price.end_utc_s - price.start_utc_s) / 3600.0
            into = store.charge_efficiency if of.battery_w > 0.0 else 1.0 / store.discharge_efficiency
            assert of.stored_wh == pytest.approx(before_wh + of.battery_w * hours * into, abs=1e-4)
            assert store.floor_wh - 1e-4 <= of.stored_wh <= store.ceiling_wh + 1e-4
            assert -store.max_discharge_w - 1e-3 <= of.battery_w <= store.max_charge_w + 1e-3
            assert of.grid_w == pytest.approx(load_w + of.battery_w, abs=1e-6)
            eur_kwh = price.buy_eur_kwh if of.grid_w > 0.0 else price.sell_eur_kwh
            wear_eur = max(-of.battery_w, 0.0) * instance.wear_eur_kwh
            assert of.cost_eur == pytest.approx((of.grid_w * eur_kwh + wear_eur) * hours / 1e3, abs=1e-9)
            before_wh, total_eur = of.stored_wh, total_eur + of.cost_eur
        assert solved.cost_eur == pytest.approx(total_eur, abs=1e-9)


def test_one_more_kwh_is_worth_what_the_plan_says() -> None:
    prices = hourly((0.10, 0.10), (0.20, 0.20), (0.40, 0.40))
    store = Storage(2000.0, 0.0, 10_000.0, 500.0, 2000.0, 0.9, 0.9)
    value = plan(prices, store, (0.0,) * 3, final_value_eur_kwh=0.0).value_eur_kwh
    # What is stored and charged first suffices for the dearest hour: one more is for the second.
    assert value == pytest.approx(0.20 * 0.9)
    full = Storage(9000.0, 0.0, 10_000.0, 500.0, 2000.0, 0.9, 0.9)
    assert plan(prices, full, (0.0,) * 3, final_value_eur_kwh=0.0).value_eur_kwh == 0.0


def test_charges_when_cheap_and_covers_the_house_when_dear() -> None:
    prices = hourly((0.10, 0.02), (0.20, 0.02), (0.40, 0.02))
    solved = plan(prices, BATTERY, (500.0, 500.0, 1800.0), final_value_eur_kwh=0.0)
    assert [of.mark for of in solved.intervals] == [Mark.CHEAP, Mark.EXPENSIVE, Mark.EXPENSIVE]
    # Selling earns less than charging costs: exactly the house, no more.
    assert [of.grid_w for of in solved.intervals[1:]] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert solved.intervals[0].battery_w == pytest.approx((500.0 + 1800.0) / 0.81)


def test_stays_idle_when_the_spread_does_not_pay_for_losses_and_wear() -> None:
    prices = hourly((0.20, 0.20), (0.24, 0.24), (0.28, 0.28))
    kept = plan(prices, BATTERY, (0.0,) * 3, final_value_eur_kwh=0.0, wear_eur_kwh=0.04)
    assert [of.battery_w for of in kept.intervals] == [0.0, 0.0, 0.0]
    used = plan(prices, BATTERY, (0.0,) * 3, final_value_eur_kwh=0.0, wear_eur_kwh=0.03)
    assert used.intervals[0].battery_w > 0.0 > used.intervals[2].battery_w


def test_flat_prices_leave_the_battery_alone() -> None:
    solved = plan(hourly(*[(0.25, 0.25)] * 24), BATTERY, (300.0,) * 24, final_value_eur_kwh=0.0)
    assert {of.battery_w for of in solved.intervals} == {0.0}
    assert {of.mark for of in solved.intervals} == {Mark.NEUTRAL}


def test_stored_sun_is_not_a_purchase() -> None:
    solved = plan(hourly((0.3, 0.05), (0.3, 0.05)), BATTERY, (-2000.0, 1000.0), final_value_eur_kwh=0.0)
    assert solved.intervals[0].battery_w > 0.0
    assert [of.mark for of in solved.intervals] == [Mark.NEUTRAL, Mark.EXPENSIVE]


def test_without_a_final_value_the_last_day_is_expected_again() -> None:
    day = [(0.10, 0.10)] * 12 + [(0.40, 0.40)] * 12
    solved = plan(hourly(*day, *day[:12]), BATTERY, (0.0,) * 36)
    # What is bought in the last cheap hours is for a dear evening that is not known yet.
    assert solved.intervals[-1].stored_wh == pytest.approx(BATTERY.ceiling_wh)
    assert plan(hourly(*day), BATTERY, (0.0,) * 24).intervals[-1].stored_wh == pytest.approx(0.0)


def test_quarters_and_hours_may_be_mixed() -> None:
    bounds = [0, 3600, 4500, 5400, 6300, 7200]
    prices = tuple(
        PriceInterval(START_S + a, START_S + b, buy, buy)
        for a, b, buy in zip(bounds, bounds[1:], (0.1, 0.5, 0.4, 0.5, 0.11), strict=False)
    )
    solved = plan(prices, BATTERY, (0.0,) * 5, final_value_eur_kwh=0.0)
    powers = [of.battery_w for of in solved.intervals]
    assert powers[0] == pytest.approx(3 * 1250.0 / 0.81)
    assert powers[1:4] == pytest.approx([-5000.0] * 3)
    assert powers[4] == 0.0


def test_another_load_than_forecast_is_answered_as_if_it_had_been_known() -> None:
    prices = hourly((0.10, 0.02), (0.40, 0.02), (0.30, 0.02))
    full = Storage(10_000.0, 0.0, 10_000.0, 5000.0, 5000.0, 0.9, 0.9)
    costs = to_come(prices, full, (500.0,) * 3)
    found = execute(prices[1], full, 2700.0, costs[2], 5000.0)
    assert found.grid_w == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("stored_wh", [-50.0, 20_000.0])
def test_a_store_outside_its_limits_counts_as_at_the_limit(stored_wh: float) -> None:
    store = Storage(stored_wh, 1000.0, 9000.0, 5000.0, 5000.0)
    solved = plan(hourly((0.2, 0.2), (0.4, 0.4)), store, (0.0, 0.0), final_value_eur_kwh=0.0)
    assert all(1000.0 <= of.stored_wh <= 9000.0 for of in solved.intervals)


def test_no_room_at_all_is_no_error() -> None:
    store = Storage(5000.0, 5000.0, 5000.0, 5000.0, 5000.0)
    solved = plan(hourly((0.1, 0.1), (0.4, 0.4)), store, (500.0, 500.0))
    assert [of.battery_w for of in solved.intervals] == [0.0, 0.0]


def test_refuses_what_makes_no_sense() -> None:
    prices = hourly((0.1, 0.1), (0.4, 0.4))
    with pytest.raises(ValueError, match="2 price intervals need as many loads, not 1"):
        plan(prices, BATTERY, (0.0,))
    with pytest.raises(ValueError, match="without a gap"):
        plan((prices[1], prices[0]), BATTERY, (0.0, 0.0))
    with pytest.raises(ValueError, match="floor_wh 2 is above ceiling_wh 1"):
        Storage(1.0, 2.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="max_discharge_w"):
        Storage(1.0, 0.0, 1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="efficiency"):
        Storage(1.0, 0.0, 1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_exact_at_every_point(seed: int) -> None:
    rng = random.Random(seed)

    def curve(low: float, high: float) -> Curve:
        inner = sorted(rng.sample(range(int(low) + 1, int(high)), rng.randint(0, 4)))
        xs = [low, *map(float, inner), high]
        return Curve(xs, [rng.uniform(-1.0, 1.0) for _ in xs])

    for _ in range(20):
        step, value = curve(-20.0, 30.0), curve(0.0, 100.0)
        found = least_over_steps(step, value)
        for x in range(101):
            # Whole numbers hold every corner of both, so for a whole x the least is among them.
            tried = [step.at(d) + value.at(x + d) for d in range(-20, 31) if 0 <= x + d <= 100]
            assert found.at(x) == pytest.approx(min(tried), abs=1e-9)


def test_a_curve_is_cut_where_it_bends_down() -> None:
    parts = convex_parts(Curve([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0]))
    assert [list(part.xs) for part in parts] == [[0.0, 1.0], [1.0, 2.0, 3.0]]
