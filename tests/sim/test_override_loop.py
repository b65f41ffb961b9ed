"""What the user decides beside the strategy, in closed loop: held batteries, and large loads."""

import pytest
from loop_kit import plant_settings
from msgspec.structs import replace

from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import Assignment, Decision, Override, PhaseProtection, ReasonCode, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import EvOverride
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, Trace
from phasewise.sim.house import PerPhase, SimHouse

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption(), "full-stop": FullStop()}
FUSE_A = 25.0
CAR = (60.0, 120.0)
"""When the car charges."""


class Controlled:
    """The real `decide`; the input `car` is on while the car charges."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.memory = settings, Memory()
        self.executing: list[tuple[float, str]] = []

    def control(self, snapshot: Snapshot) -> Decision:
        charges = CAR[0] <= snapshot.time_s < CAR[1]
        snapshot = replace(snapshot, inputs=("car",) if charges else ())
        decision, self.memory = decide(snapshot, self.settings, self.memory, STRATEGIES)
        self.executing.append((snapshot.time_s, decision.executing))
        return decision


def loop(settings: Settings, loads_w: PerPhase, car_w: float = 0.0) -> tuple[Trace, Controlled]:
    def drawn(now_s: float) -> PerPhase:
        return (loads_w[0] + (car_w if CAR[0] <= now_s < CAR[1] else 0.0), loads_w[1], loads_w[2])

    batteries = [(i, SimBattery(BatterySpec())) for i in range(len(settings.batteries))]
    controlled = Controlled(settings)
    house = SimHouse(drawn, batteries, noise_w=5.0, seed=1)
    running = ClosedLoop(house, [b.id for b in settings.batteries], controlled, site=settings.site)
    return running.run(240.0), controlled


def held_on_l1(*, protected: bool) -> Settings:
    settings = plant_settings(2)
    held = Override(hold_power_w=2000.0, hold_until_utc_s=180.0)
    first, second = settings.batteries
    batteries = (
        replace(first, phase=Assignment.L1, override=held),
        replace(second, phase=Assignment.L2),
    )
    control = replace(settings.control, phase_protection=PhaseProtection(enabled=protected))
    return replace(settings, batteries=batteries, control=control)


def test_a_held_battery_yields_to_the_fuse_of_its_phase_and_ends_in_time() -> None:
    """5 kW of load and 2 kW held on a phase that carries 5.75 kW."""
    trace, _ = loop(held_on_l1(protected=True), (5000.0, 0.0, 0.0))
    assert max(amps[0] for amps in trace.current_a) <= FUSE_A
    during = [each[0] for each in trace.battery_w[500:1790]]
    assert 200.0 < min(during) <= max(during) < 700.0
    assert trace.reasons["m1", ReasonCode.RELIEF][0] > 60.0
    # Afterwards it serves the house like any other.
    assert max(each[0] for each in trace.battery_w[-300:]) <= 0.0


def test_without_protection_it_would_overload_that_phase() -> None:
    trace, _ = loop(held_on_l1(protected=False), (5000.0, 0.0, 0.0))
    assert max(amps[0] for amps in trace.current_a) > FUSE_A + 4.0
    assert {round(each[0]) for each in trace.battery_w[500:1750]} == {2000}


@pytest.mark.parametrize("by", ["threshold", "input"])
def test_batteries_are_not_emptied_into_a_car(by: str) -> None:
    settings = plant_settings(2)
    override = (
        EvOverride(threshold_w=3000.0, clear_after_s=20.0) if by == "threshold" else EvOverride(input="car")
    )
    settings = replace(settings, control=replace(settings.control, ev_override=override))
    trace, controlled = loop(settings, (500.0, 0.0, 0.0), car_w=3700.0)
    names = [name for _, name in controlled.executing]
    runs = [name for before, name in zip(["", *names], names, strict=False) if name != before]
    assert runs == ["self-consumption", "full-stop", "self-consumption"]
    stopped = trace.battery_w[800:1190]
    assert {round(w) for each in stopped for w in each} == {0}
    assert sum(trace.battery_w[500]) == pytest.approx(-500.0, abs=30.0)
    assert sum(trace.battery_w[-1]) == pytest.approx(-500.0, abs=30.0)
