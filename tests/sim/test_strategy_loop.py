"""Every strategy in closed loop: SoC limits hold, goals do not flap, nobody breaks protection."""

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from loop_kit import plant_settings
from msgspec.structs import replace

from phasewise.control.decide import decide
from phasewise.control.strategies import Delegate, Strategy
from phasewise.control.strategies.charge import Charge
from phasewise.control.strategies.charge_pv import ChargePv
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.control.strategies.sell import Sell
from phasewise.control.strategies.standby import Standby
from phasewise.control.strategies.timed import Timed
from phasewise.control.strategies.zero_import import ZeroImport
from phasewise.model import Assignment, Decision, Intent, PhaseProtection, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import ChargeOptions, FollowUp, SellOptions, TimedOptions, Window
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop, Trace
from phasewise.sim.house import PerPhase, SimHouse

BUILT_IN: dict[str, Strategy] = {
    "self-consumption": SelfConsumption(),
    "charge": Charge(),
    "sell": Sell(),
    "charge-pv": ChargePv(),
    "zero-import": ZeroImport(),
    "standby": Standby(),
    "full-stop": FullStop(),
    "timed": Timed(),
}
SMALL = BatterySpec(capacity_wh=300.0, min_soc_pct=0.0)
"""Filled and emptied within minutes; the unit itself does not keep any reserve."""
TELEMETRY_PCT = 2.5
"""What 2,500 W move of 300 Wh in 9 s: a reading, a decision, a dead time and a ramp, at either end."""
PHASES = (Assignment.L1, Assignment.L2, Assignment.L3)


class Watched:
    """The real `decide`, and which strategy ran at every decision."""

    def __init__(self, settings: Settings, strategies: dict[str, Strategy]) -> None:
        self.settings, self.strategies = settings, strategies
        self.memory = Memory()
        self.executing: list[str] = []
        self.failures: list[str] = []

    def control(self, snapshot: Snapshot) -> Decision:
        decision, self.memory = decide(snapshot, self.settings, self.memory, self.strategies)
        self.executing.append(decision.executing)
        self.failures += [str(a) for a in decision.alarms if a.code.value == "strategy-failed"]
        return decision

    def changes(self) -> list[str]:
        """The strategies in their order, each as long as it ran named once."""
        return [
            name
            for before, name in zip(["", *self.executing], self.executing, strict=False)
            if name != before
        ]


def run(
    settings: Settings,
    loads_w: PerPhase,
    seconds: float,
    *,
    strategies: dict[str, Strategy] | None = None,
    spec: BatterySpec = SMALL,
    soc_pct: float = 50.0,
) -> tuple[Trace, Watched]:
    batteries = [(i, SimBattery(spec, soc_pct=soc_pct)) for i in range(len(settings.batteries))]
    house = SimHouse(lambda _: loads_w, batteries, noise_w=5.0, seed=1)
    watched = Watched(settings, strategies or BUILT_IN)
    loop = ClosedLoop(house, [b.id for b in settings.batteries], watched, site=settings.site)
    return loop.run(seconds), watched


def home(count: int, **control: object) -> Settings:
    settings = plant_settings(count)
    batteries = tuple(
        replace(battery, phase=phase, max_soc_pct=90.0)
        for battery, phase in zip(settings.batteries, PHASES, strict=False)
    )
    return replace(settings, batteries=batteries, control=replace(settings.control, **control))


ALL_DAY = TimedOptions(default="sell", windows=(Window(0, 62, "charge"),))
"""The plant's clock starts at 01:00 by that of Amsterdam."""


@pytest.mark.parametrize("load_w", [-4000.0, 4000.0])
@pytest.mark.parametrize("strategy", BUILT_IN)
def test_floors_and_ceilings_hold_in_every_strategy(strategy: str, load_w: float) -> None:
    settings = home(2, strategy=strategy, timed=ALL_DAY)
    trace, watched = run(settings, (load_w, 0.0, 0.0), 420.0)
    socs = [soc for each in trace.soc_pct for soc in each]
    assert min(socs) > 12.0 - TELEMETRY_PCT
    assert max(socs) < 90.0 + TELEMETRY_PCT
    assert watched.failures == []
    moved = max(socs) - min(socs) > 30.0
    may_move = {
        "self-consumption": True,
        "charge": True,
        "sell": True,
        "charge-pv": load_w < 0,
        "zero-import": load_w > 0,
        "timed": True,
    }
    assert moved == may_move.get(strategy, False)


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ({"strategy": "charge"}, ["charge", "charge-pv"]),
        (
            {"strategy": "charge", "charge": ChargeOptions(follow_up=FollowUp.SELF_CONSUMPTION)},
            ["charge", "self-consumption"],
        ),
        (
            {"strategy": "charge", "charge": ChargeOptions(follow_up=FollowUp.FULL_STOP)},
            ["charge", "full-stop"],
        ),
        ({"strategy": "sell", "sell": SellOptions(follow_up=FollowUp.STANDBY)}, ["sell", "standby"]),
        ({"strategy": "sell"}, ["sell", "charge-pv"]),
        ({"strategy": "timed", "timed": ALL_DAY}, ["charge", "sell", "charge-pv"]),
    ],
)
def test_each_goal_is_reached_once(control: dict[str, object], expected: list[str]) -> None:
    _, watched = run(home(2, **control), (1500.0, 0.0, 0.0), 1200.0)
    assert watched.changes() == expected


def test_charging_is_held_at_a_grid_limit() -> None:
    control = home(2, strategy="charge", charge=ChargeOptions(grid_limit_w=3000.0))
    trace, _ = run(control, (1000.0, 0.0, 0.0), 90.0, spec=BatterySpec())
    assert [total_w for total_w in trace.total_w()[-200:] if abs(total_w - 3000.0) > 100.0] == []


# --- a strategy that means harm

wild_w = st.one_of(
    st.sampled_from([0.0, 1e9, -1e9, float("inf"), float("nan"), 2500.0, -2500.0]), st.floats(-3e4, 3e4)
)
wild_intents = st.builds(
    Intent,
    grid_target_w=st.none() | wild_w,
    battery_power_w=st.none() | wild_w,
    may_charge=st.booleans(),
    may_discharge=st.booleans(),
    stop=st.sampled_from([False, False, False, True]),
    notes=st.lists(st.text(max_size=20), max_size=3).map(tuple),
)
answers = st.one_of(
    wild_intents,
    wild_intents,
    wild_intents,
    st.sampled_from([Delegate("hostile"), Delegate("gone"), Delegate("charge"), Delegate("sell")]),
    st.just(ZeroDivisionError("a bug")),
    st.just("not an intent"),
)


class Hostile:
    """Says what it was given, one answer after the other, each for some time."""

    def __init__(self, script: list[tuple[object, int]]) -> None:
        self._says = [answer for answer, times in script for _ in range(times)]
        self._at = 0

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        self._at += 1
        answer = self._says[self._at % len(self._says)]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # it may say anything


@given(
    st.lists(st.tuples(answers, st.integers(1, 20)), min_size=1, max_size=8),
    st.tuples(*[st.sampled_from([-4500.0, -1000.0, 0.0, 1500.0, 4500.0])] * 3),
)
@how(max_examples=25, deadline=None)
def test_no_strategy_breaks_protection(script: list[tuple[object, int]], loads_w: PerPhase) -> None:
    """No phase is carried beyond its fuse, whatever a strategy says: the loads alone stay inside."""
    settings = home(3, strategy="hostile", phase_protection=PhaseProtection(enabled=True))
    strategies: dict[str, Strategy] = {**BUILT_IN, "hostile": Hostile(script)}
    trace, _ = run(settings, loads_w, 90.0, strategies=strategies, spec=BatterySpec())
    rating_a = settings.site.main_fuse_a[0]
    assert max(max(amps) for amps in trace.current_a) <= rating_a
    for set_w in trace.setpoint_w:
        assert max(abs(power_w) for power_w in set_w) <= 2500.0


def test_without_protection_that_strategy_would_overload_a_phase() -> None:
    settings = home(3, strategy="hostile")
    strategies: dict[str, Strategy] = {"hostile": Hostile([(Intent(battery_power_w=1e9), 1)])}
    trace, _ = run(settings, (4500.0, 0.0, 0.0), 30.0, strategies=strategies, spec=BatterySpec())
    assert max(amps[0] for amps in trace.current_a) > settings.site.main_fuse_a[0]
