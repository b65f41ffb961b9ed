"""The user's preferences in closed loop: phases one by one, whose turn it is, how many batteries work."""

from collections.abc import Callable, Sequence

import pytest
from loop_kit import Decider, plant_settings
from msgspec.structs import replace

from phasewise.model import (
    AlarmCode,
    Assignment,
    Cycle,
    Fact,
    FactCode,
    PeakSettings,
    PhaseProtection,
    ReasonCode,
    Regulate,
    Settings,
    Split,
)
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, Trace
from phasewise.sim.house import PerPhase, SimHouse

L1, L2, L3 = Assignment.L1, Assignment.L2, Assignment.L3


def home(*phases: Assignment, **control: object) -> Settings:
    settings = plant_settings(len(phases))
    batteries = tuple(replace(b, phase=phase) for b, phase in zip(settings.batteries, phases, strict=True))
    return replace(settings, batteries=batteries, control=replace(settings.control, **control))


def run(
    settings: Settings,
    loads_w: Callable[[float], PerPhase],
    seconds: float,
    *,
    on: Sequence[int] = (0, 1, 2),
    socs_pct: Sequence[float] = (50.0, 50.0, 50.0),
) -> tuple[Trace, Decider]:
    batteries = [
        (phase, SimBattery(BatterySpec(dead_time_s=1.0), soc_pct=soc_pct))
        for phase, soc_pct, _ in zip(on, socs_pct, settings.batteries, strict=False)
    ]
    decider = Decider(settings)
    house = SimHouse(loads_w, batteries, noise_w=5.0, seed=1)
    loop = ClosedLoop(house, [b.id for b in settings.batteries], decider, site=settings.site)
    return loop.run(seconds), decider


def billed_per_phase(now_s: float) -> PerPhase:
    return (2200.0, -1900.0, 150.0) if now_s >= 30.0 else (200.0, 100.0, 150.0)


def worst_w(trace: Trace, phase: int, target_w: float = 0.0) -> float:
    return max(abs(each[phase] - target_w) for each in trace.grid_w[-300:])


@pytest.mark.parametrize("target_w", [0.0, 300.0])
def test_each_phase_comes_to_its_own_target(target_w: float) -> None:
    settings = home(L1, L2, L3, regulate=Regulate.PER_PHASE, target_grid_w=target_w)
    trace, _ = run(settings, billed_per_phase, 90.0)
    assert [worst_w(trace, phase, target_w / 3.0) < 100.0 for phase in range(3)] == [True] * 3
    total, _ = run(home(L1, L2, L3, target_grid_w=target_w), billed_per_phase, 90.0)
    assert worst_w(total, 0, target_w / 3.0) > 1000.0


def test_fuses_come_first_also_phase_by_phase() -> None:
    """Its battery is held off by a phase that imports 6 kW anyway; the others are regulated on."""
    control = {"regulate": Regulate.PER_PHASE, "phase_protection": PhaseProtection(enabled=True)}
    settings = home(L1, L2, L3, target_grid_w=18_000.0, **control)
    trace, decider = run(settings, lambda _: (4500.0, 1000.0, -500.0), 90.0)
    assert max(amps[0] for amps in trace.current_a) <= 25.0
    assert decider.decision is not None
    first = decider.decision.batteries[0]
    assert {reason.code for reason in first.reasons} == {ReasonCode.PHASE_LIMIT}
    # 6 kW on each is wanted; 2.5 kW is all that a battery can add.
    assert worst_w(trace, 1, 3500.0) < 100.0
    assert worst_w(trace, 2, 2000.0) < 100.0


def test_a_phase_without_a_battery_is_left_alone_and_unassigned_ones_rest() -> None:
    settings = home(L1, Assignment.UNASSIGNED, regulate=Regulate.PER_PHASE)
    trace, decider = run(settings, billed_per_phase, 90.0)
    assert worst_w(trace, 0) < 100.0
    assert worst_w(trace, 1, -1900.0) < 50.0
    assert max(abs(each[1]) for each in trace.battery_w) == 0.0
    assert decider.decision is not None
    told = decider.decision.batteries[1]
    assert [reason.code for reason in told.reasons] == [ReasonCode.UNASSIGNED]


def test_where_the_meter_tells_no_phases_the_total_is_held() -> None:
    settings = home(L1, L2, L3, regulate=Regulate.PER_PHASE)
    batteries = [(i, SimBattery(BatterySpec(dead_time_s=1.0))) for i in range(3)]
    house = SimHouse(billed_per_phase, batteries, noise_w=5.0, seed=1)
    decider = Decider(settings)
    loop = ClosedLoop(house, ["m1", "m2", "m3"], decider, site=settings.site)
    loop.lost_phases |= {0, 1, 2}
    trace = loop.run(90.0)
    assert max(abs(w) for w in trace.total_w()[-300:]) < 100.0
    assert decider.decision is not None
    (alarm,) = decider.decision.alarms
    assert (alarm.code, alarm.facts) == (AlarmCode.REGULATION_REFUSED, (Fact(FactCode.NO_PHASE_POWER),))


def in_use(trace: Trace) -> list[int]:
    """How many batteries work, second by second, each number as long as it lasts named once."""
    counts = [sum(abs(w) > 1.0 for w in each) for each in trace.setpoint_w[::10]]
    return [count for before, count in zip([-1, *counts], counts, strict=False) if count != before]


def test_efficient_does_not_click_when_the_load_plays_about_the_limit_of_a_battery() -> None:
    """2.3 to 2.6 kW and back, every minute: one battery can give 2.5."""

    def loads_w(now_s: float) -> PerPhase:
        return (2600.0 if (now_s // 60.0) % 2 else 2300.0, 0.0, 0.0)

    trace, _ = run(home(L1, L2, L3, split=Split.EFFICIENT), loads_w, 900.0)
    # At first all share the step; then one hands over to the others for good.
    assert in_use(trace)[-1] == 2
    assert len(in_use(trace)) <= 4
    quieter, _ = run(home(L1, L2, L3, split=Split.EFFICIENT), lambda _: (2200.0, 0.0, 0.0), 300.0)
    assert in_use(quieter)[-1] == 1


@pytest.mark.parametrize(
    ("dead_times_s", "worst_w", "past_wh"),
    [((1.5, 1.5), 1.0, 0.01), ((0.5, 2.5), 255.0, 0.8), ((2.5, 0.5), 255.0, 0.8), ((0.5, 4.0), 255.0, 1.3)],
)
def test_a_hand_over_shows_a_portion_at_most(
    dead_times_s: tuple[float, float], worst_w: float, past_wh: float
) -> None:
    """After a shared step of 2.2 kW, the first battery hands all it does to the second."""
    batteries = [(i, SimBattery(BatterySpec(dead_time_s=d))) for i, d in enumerate(dead_times_s)]
    house = SimHouse(lambda now_s: (2400.0 if now_s > 20.0 else 200.0, 0.0, 0.0), batteries, seed=1)
    loop = ClosedLoop(house, ["m1", "m2"], Decider(home(L1, L2)), site=home(L1, L2).site)
    trace = loop.run(120.0)
    tick_s = 120.0 / len(trace.total_w())
    settled = int(40.0 / tick_s)
    assert trace.setpoint_w[settled][0] < -1000.0
    assert trace.setpoint_w[-1][0] == 0.0
    seen_w = [abs(w) for w in trace.total_w()[settled:]]
    print(f"{dead_times_s}: at worst {max(seen_w):.0f} W, {sum(seen_w) * tick_s / 3600.0:.2f} Wh")
    assert max(seen_w) <= worst_w
    assert sum(seen_w) * tick_s / 3600.0 <= past_wh


def test_by_charge_batteries_even_out() -> None:
    socs_pct = (60.0, 50.0, 40.0)
    settings = home(L1, L2, L3, cycle=Cycle.AUTO)
    trace, decider = run(settings, lambda _: (1500.0, 0.0, 0.0), 240.0, socs_pct=socs_pct)
    assert trace.battery_w[-1][0] == pytest.approx(-1500.0, abs=60.0)
    charged, _ = run(settings, lambda _: (-1500.0, 0.0, 0.0), 240.0, socs_pct=socs_pct)
    assert charged.battery_w[-1][2] == pytest.approx(1500.0, abs=60.0)
    assert decider.decision is not None
    assert decider.decision.order == ("m3", "m2", "m1")


def test_a_limit_of_the_total_is_held_also_phase_by_phase() -> None:
    """Each phase is to import 2 kW, which is 6 kW together; the home may import 4 kW."""
    settings = home(
        L1, L2, L3, regulate=Regulate.PER_PHASE, target_grid_w=6000.0, peak=PeakSettings(import_w=4000.0)
    )
    trace, _ = run(settings, lambda _: (1500.0, 500.0, 500.0), 120.0)
    settled_w = trace.total_w()[-300:]
    assert max(settled_w) <= 4000.0
    assert min(settled_w) > 3500.0
    free, _ = run(
        home(L1, L2, L3, regulate=Regulate.PER_PHASE, target_grid_w=6000.0),
        lambda _: (1500.0, 500.0, 500.0),
        120.0,
    )
    assert min(free.total_w()[-300:]) > 5500.0
