import statistics

import pytest

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import DelayLine, PerPhase, SimHouse


def steady(now_s: float) -> PerPhase:
    return (1000.0, -400.0, 150.0)


def running(power_w: float) -> SimBattery:
    battery = SimBattery(BatterySpec(dead_time_s=0.0), now_s=-60.0)
    battery.command(power_w, -60.0)
    battery.advance(0.0)
    return battery


def test_a_battery_shows_on_its_own_phase() -> None:
    house = SimHouse(steady, [(2, running(700.0)), (0, running(-300.0)), (0, running(-100.0))])
    assert house.power_w(0.0) == (600.0, -400.0, 850.0)


def test_currents_are_magnitudes() -> None:
    sample = SimHouse(steady, []).sample(0.0)
    assert sample.power_w == (1000.0, -400.0, 150.0)
    assert sample.current_a == pytest.approx((1000 / 230, 400 / 230, 150 / 230))
    assert sample.total_w == 750.0


def test_a_power_factor_below_one_takes_more_current() -> None:
    (l1, _, _) = SimHouse(steady, [], power_factor=0.8).sample(0.0).current_a
    assert l1 == pytest.approx(1000 / 230 / 0.8)


def test_noise_is_that_of_the_total_and_is_drawn_by_the_seed() -> None:
    def totals(seed: int) -> list[float]:
        house = SimHouse(steady, [], noise_w=5.0, seed=seed)
        return [house.sample(float(second)).total_w for second in range(2000)]

    assert statistics.stdev(totals(1)) == pytest.approx(5.0, rel=0.1)
    assert statistics.mean(totals(1)) == pytest.approx(750.0, abs=0.5)
    assert totals(1) == totals(1) != totals(2)


def test_noise_is_only_what_the_meter_says() -> None:
    house = SimHouse(steady, [], noise_w=50.0)
    house.sample(1.0)
    assert house.power_w(1.0) == (1000.0, -400.0, 150.0)


def test_the_meter_counts_energy_of_the_total() -> None:
    def swing(now_s: float) -> PerPhase:
        return (3000.0 if now_s < 1800.0 else -1000.0, 500.0, -500.0)

    house = SimHouse(swing, [])
    for second in range(3601):
        sample = house.sample(float(second))
    assert sample.energy_import_wh == pytest.approx(1500.0, abs=1.0)
    assert sample.energy_export_wh == pytest.approx(500.0, abs=1.0)


def test_a_delay_line_gives_the_newest_sample_that_is_due_once() -> None:
    house, line = SimHouse(steady, []), DelayLine(1.0)
    for second in (0.0, 1.0, 2.0):
        line.put(house.sample(second))
    assert line.due(0.9) is None
    first = line.due(2.5)
    assert first is not None
    assert first.time_s == 1.0
    assert line.due(2.6) is None
    last = line.due(3.0)
    assert last is not None
    assert last.time_s == 2.0
