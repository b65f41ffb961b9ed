import math
from collections.abc import Sequence

import msgspec
import pytest
from control_kit import STRATEGIES, battery_settings, picture, seen, settings_of
from msgspec.structs import replace

from phasewise.control.decide import FIRST_TELEGRAM_S, decide
from phasewise.model import (
    AlarmCode,
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Command,
    Decision,
    Override,
    ReasonCode,
    Settings,
    Snapshot,
)
from phasewise.model.memory import Memory
from phasewise.sim.battery import BatteryFault, BatterySpec, SimBattery

THREE = settings_of(*(battery_settings(f"m{i}") for i in (1, 2, 3)))


class House:
    """A house of which every second is decided on; the meter is seen 1 s late, batteries read every 2 s."""

    def __init__(self, settings: Settings = THREE, *, load_w: float = 1500.0, start_s: float = 0.0) -> None:
        self.settings = settings
        self.memory = Memory()
        self.load_w = load_w
        self.now_s = start_s
        self.meter_alive = True
        self.out_of_reach: set[str] = set()
        self.batteries = {b.id: SimBattery(BatterySpec(), now_s=start_s) for b in settings.batteries}
        self.shown: dict[str, BatteryReading] = {}
        self.told: dict[str, float] = {}
        self.history: list[Decision] = []
        self.snapshots: list[Snapshot] = []
        self.seen_s = float("-inf")
        self.grid_w: list[float] = []

    def second(self) -> Decision:
        now_s = self.now_s
        for battery in self.batteries.values():
            battery.advance(now_s)
        self.grid_w.append(self.load_w + sum(b.ac_power_w for b in self.batteries.values()))
        for index, battery_id in enumerate(self.batteries):
            due = battery_id not in self.shown or (now_s + index) % 2 == 0
            if due and battery_id not in self.out_of_reach:
                power_w = float(round(self.batteries[battery_id].ac_power_w))
                self.shown[battery_id] = BatteryReading(now_s, power_w, soc_pct=50.0)
        if self.meter_alive and len(self.grid_w) > 1:
            self.seen_s, self.seen_w = now_s, float(round(self.grid_w[-2]))
        shown = [
            BatterySnapshot(b.id, self.shown.get(b.id), b.id in self.shown and b.id not in self.out_of_reach)
            for b in self.settings.batteries
        ]
        grid_w = self.seen_w if math.isfinite(self.seen_s) else None
        snapshot = picture(now_s, grid_w, shown, new=self.seen_s == now_s, received_s=self.seen_s)
        decision, self.memory = decide(snapshot, self.settings, self.memory, STRATEGIES)
        for b in decision.batteries:
            changed = b.command is Command.WAKE or self.told.get(b.id) != b.setpoint_w
            if b.command is not Command.NONE and changed:
                self.told[b.id] = b.setpoint_w
                self.batteries[b.id].command(b.setpoint_w, now_s)
        self.history.append(decision)
        self.snapshots.append(snapshot)
        self.now_s += 1.0
        return decision

    def run(self, seconds: int) -> Decision:
        for _ in range(seconds):
            decision = self.second()
        return decision

    def select(self, strategy: str) -> None:
        control = replace(self.settings.control, strategy=strategy)
        self.settings = replace(self.settings, control=control)


def codes(decision: Decision) -> set[AlarmCode]:
    return {alarm.code for alarm in decision.alarms}


def setpoints(decision: Decision) -> list[float]:
    return [b.setpoint_w for b in decision.batteries]


def commands(decision: Decision) -> set[Command]:
    return {b.command for b in decision.batteries}


def reason_codes(decision: Decision, index: int = 0) -> set[ReasonCode]:
    return {reason.code for reason in decision.batteries[index].reasons}


# --- the start


def test_nothing_is_written_before_the_second_sample() -> None:
    house = House()
    for _ in range(2):
        decision = house.second()
        assert commands(decision) == {Command.NONE}
        assert reason_codes(decision) == {ReasonCode.STARTING}
    decision = house.second()
    assert commands(decision) == {Command.SET}
    assert sum(setpoints(decision)) == pytest.approx(-1500.0, abs=1.0)


@pytest.mark.parametrize("start_s", [0.0, 12_345.6])
def test_a_meter_that_is_never_heard_is_lost_after_a_while(start_s: float) -> None:
    house = House(start_s=start_s)
    house.meter_alive = False
    decision = house.run(round(FIRST_TELEGRAM_S))
    assert codes(decision) == set()
    assert commands(decision) == {Command.NONE}
    decision = house.run(2)
    assert codes(decision) == {AlarmCode.METER_LOST}
    assert decision.executing == "safe"
    assert setpoints(decision) == [0.0, 0.0, 0.0]
    assert commands(decision) == {Command.SET}


def test_batteries_that_run_at_the_start_are_taken_over_bumplessly() -> None:
    house = House(load_w=1500.0)
    running = SimBattery(BatterySpec(), now_s=-20.0)
    running.command(-1500.0, -20.0)
    house.batteries["m3"] = running
    house.run(30)
    assert max(abs(w) for w in house.grid_w) <= 5.0
    assert all(w.wanted_w == pytest.approx(-1500.0, abs=5.0) for w in house.history[2:])


def test_a_slow_meter_does_not_make_the_batteries_deaf_at_the_start() -> None:
    """Running batteries wait 10 s and more for their first command; that is not held against them.

    The picture stands still whatever they are told, so it ends before that rightly looks deaf.
    """
    memory = Memory()
    for second in range(20):
        shown = [seen(b.id, -500.0, time_s=second - second % 2) for b in THREE.batteries]
        tenth = second - second % 10
        snapshot = picture(
            float(second), 0.0, shown, new=second % 10 == 0, received_s=float(tenth), cadence_s=10.0
        )
        decision, memory = decide(snapshot, THREE, memory, STRATEGIES)
        assert codes(decision) == set()
    assert setpoints(decision) == [-500.0, -500.0, -500.0] or sum(setpoints(decision)) == -1500.0


# --- the meter is lost, and comes back


def test_a_lost_meter_stops_all_and_recovers_without_a_spike() -> None:
    house = House()
    house.run(30)
    assert abs(house.grid_w[-1]) < 20.0
    house.meter_alive = False
    lost_s = house.now_s
    while not codes(house.second()):
        assert house.now_s < lost_s + 12
    assert codes(house.history[-1]) == {AlarmCode.METER_LOST}
    assert setpoints(house.history[-1]) == [0.0, 0.0, 0.0]
    house.run(8)
    assert all(b.ac_power_w == 0.0 for b in house.batteries.values())
    assert house.now_s - lost_s <= 20
    house.meter_alive = True
    first = house.second()
    assert commands(first) == {Command.NONE}
    assert codes(first) == set()
    second = house.second()
    assert sum(setpoints(second)) == pytest.approx(-1500.0, abs=2.0)
    house.run(30)
    assert min(house.grid_w[-32:]) > -50.0
    assert abs(house.grid_w[-1]) < 20.0


def test_an_aging_meter_lets_nothing_grow() -> None:
    house = House()
    house.run(30)
    before = setpoints(house.history[-1])
    house.meter_alive = False
    house.load_w = 4000.0
    for _ in range(6):
        assert setpoints(house.second()) == before


def test_an_aging_meter_does_not_start_the_batteries_after_a_full_stop() -> None:
    house = House()
    house.run(20)
    house.select("full-stop")
    house.run(10)
    house.meter_alive = False
    house.run(5)
    house.select("self-consumption")
    assert setpoints(house.second()) == [0.0, 0.0, 0.0]
    house.meter_alive = True
    assert sum(setpoints(house.second())) == pytest.approx(-1500.0, abs=2.0)


def test_a_new_limit_holds_at_once_without_a_new_sample() -> None:
    house = House()
    decision = house.run(20)
    index = next(i for i, w in enumerate(setpoints(decision)) if w)
    house.meter_alive = False
    batteries = list(house.settings.batteries)
    batteries[index] = replace(batteries[index], override=Override(out_of_service=True))
    house.settings = replace(house.settings, batteries=tuple(batteries))
    decision = house.second()
    assert setpoints(decision)[index] == 0.0
    assert reason_codes(decision, index) >= {ReasonCode.OUT_OF_SERVICE}


# --- strategies


def test_full_stop_is_at_once_also_without_a_new_sample() -> None:
    house = House()
    house.run(20)
    house.meter_alive = False
    house.select("full-stop")
    decision = house.second()
    assert setpoints(decision) == [0.0, 0.0, 0.0]
    assert commands(decision) == {Command.SET}
    assert reason_codes(decision) == {ReasonCode.FULL_STOP}


def test_resuming_from_a_full_stop_makes_no_spike() -> None:
    house = House()
    house.run(20)
    house.select("full-stop")
    house.run(20)
    house.select("self-consumption")
    house.run(30)
    assert min(house.grid_w) > -50.0
    assert abs(house.grid_w[-1]) < 20.0


@pytest.mark.parametrize("strategy", ["broken", "no-such-strategy"])
def test_a_strategy_that_fails_stops_the_batteries_with_an_alarm(strategy: str) -> None:
    house = House()
    house.run(20)
    house.select(strategy)
    decision = house.second()
    assert setpoints(decision) == [0.0, 0.0, 0.0]
    (alarm,) = decision.alarms
    assert (alarm.code, alarm.subject) == (AlarmCode.STRATEGY_FAILED, strategy)
    assert alarm.detail is not None
    assert ("price of zero" in alarm.detail) is (strategy == "broken")
    house.select("self-consumption")
    assert sum(setpoints(house.run(15))) == pytest.approx(-1500.0, abs=20.0)


def test_a_battery_power_is_split_in_priority_order() -> None:
    house = House()
    house.settings = replace(
        house.settings,
        control=replace(house.settings.control, strategy="charge", priority=("m2", "m1", "m3")),
    )
    decision = house.run(10)
    assert setpoints(decision) == [500.0, 2500.0, 0.0]


# --- batteries with trouble


def test_an_unreachable_battery_becomes_load_and_the_others_take_over() -> None:
    house = House(load_w=2000.0)
    decision = house.run(30)
    loaded = next(b.id for b in decision.batteries if b.setpoint_w)
    house.out_of_reach = {loaded}
    decision = house.run(3)
    index = [b.id for b in decision.batteries].index(loaded)
    assert decision.batteries[index].command is Command.NONE
    assert reason_codes(decision, index) == {ReasonCode.UNREACHABLE}
    # It still runs: the others are not needed yet.
    assert abs(house.grid_w[-1]) < 50.0
    assert decision.load_w == pytest.approx(0.0, abs=50.0)
    # Its own watchdog stops it.
    house.batteries[loaded].command(0.0, house.now_s)
    house.run(12)
    assert abs(house.grid_w[-1]) < 50.0
    house.out_of_reach = set()
    house.run(20)
    assert abs(house.grid_w[-1]) < 50.0


def test_one_battery_that_ignores_commands_is_replaced_by_the_others() -> None:
    house = House(load_w=0.0)
    house.run(5)
    house.batteries["m3"].fault = BatteryFault.IGNORES
    house.load_w = 4000.0
    decision = house.run(45)
    assert AlarmCode.BATTERY_NOT_RESPONDING in codes(decision)
    assert abs(house.grid_w[-1]) < 100.0


@pytest.mark.parametrize("field", ["ac_power_w", "soc_pct", "pv_power_w", "readback_w"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_a_number_is_never_acted_on(field: str, value: float) -> None:
    house = House()
    house.run(10)
    snapshot = house.snapshots[-1]
    first = snapshot.batteries[0]
    assert first.reading is not None
    bad = msgspec.structs.replace(first.reading, time_s=house.now_s, **{field: value})
    for _ in range(3):
        bad = replace(bad, time_s=house.now_s)
        now = picture(house.now_s, 300.0, (BatterySnapshot("m1", bad, True), *snapshot.batteries[1:]))
        decision, house.memory = decide(now, house.settings, house.memory, STRATEGIES)
        assert math.isfinite(sum(setpoints(decision)))
        assert math.isfinite(decision.wanted_w)
        assert math.isfinite(decision.load_w or 0.0)
        if field in ("ac_power_w", "soc_pct"):
            assert decision.batteries[0].setpoint_w == 0.0
        house.now_s += 1.0
    now = picture(house.now_s, 300.0, [seen(f"m{i}", 0.0, time_s=house.now_s) for i in (1, 2, 3)])
    decision, memory = decide(now, house.settings, house.memory, STRATEGIES)
    assert sum(setpoints(decision)) < -300.0
    assert "nan" not in repr(memory)


# --- batteries added, removed, reordered


def by_id(house: House, order: Sequence[str]) -> tuple[BatterySettings, ...]:
    known = {b.id: b for b in house.settings.batteries} | {"m4": battery_settings("m4")}
    return tuple(known[i] for i in order)


@pytest.mark.parametrize("order", [("m3", "m1", "m2"), ("m2", "m3"), ("m4", "m1", "m2", "m3")])
def test_memory_stays_with_its_battery_when_the_list_changes(order: tuple[str, ...]) -> None:
    house = House(load_w=3300.0)
    house.run(20)
    before = {h.id: h for h in house.memory.health}
    told = dict(zip((b.id for b in house.settings.batteries), house.memory.setpoints_w, strict=True))
    house.meter_alive = False
    house.settings = replace(house.settings, batteries=by_id(house, order))
    house.batteries.setdefault("m4", SimBattery(BatterySpec(), now_s=house.now_s))
    decision = house.second()
    assert [b.id for b in decision.batteries] == list(order)
    assert setpoints(decision) == [told.get(i, 0.0) for i in order]
    for health in house.memory.health:
        if health.id in before:
            assert health.steady_since_s == before[health.id].steady_since_s
    assert {t.id for t in house.memory.estimate.tracks} == set(order)


def test_no_batteries_at_all() -> None:
    decision, _ = decide(picture(0.0, 500.0, []), settings_of(), Memory(), STRATEGIES)
    assert decision.batteries == ()


# --- purity, and what is written down


def eventful() -> House:
    house = House()
    house.run(12)
    house.load_w = -2500.0
    house.run(10)
    house.meter_alive = False
    house.run(12)
    house.meter_alive = True
    house.out_of_reach = {"m1"}
    house.run(8)
    return house


def test_equal_arguments_give_equal_results_and_are_left_alone() -> None:
    house = eventful()
    memory = Memory()
    for snapshot in house.snapshots:
        written = [msgspec.msgpack.encode(x) for x in (snapshot, THREE, memory)]
        once = decide(snapshot, THREE, memory, STRATEGIES)
        assert decide(snapshot, THREE, memory, STRATEGIES) == once
        assert [msgspec.msgpack.encode(x) for x in (snapshot, THREE, memory)] == written
        _, memory = once
    assert memory == house.memory


def test_memory_and_snapshots_survive_being_written_down() -> None:
    house = eventful()
    memory = Memory()
    for snapshot, decided in zip(house.snapshots, house.history, strict=True):
        again = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot)
        memory = msgspec.msgpack.decode(msgspec.msgpack.encode(memory), type=Memory)
        settings = msgspec.msgpack.decode(msgspec.msgpack.encode(THREE), type=Settings)
        assert again == snapshot
        decision, memory = decide(again, settings, memory, STRATEGIES)
        assert msgspec.msgpack.encode(decision) == msgspec.msgpack.encode(decided)


# --- ready at 0 W


def ready(decision: Decision) -> list[bool]:
    return [b.ready for b in decision.batteries]


def test_a_battery_that_worked_is_kept_ready_for_the_idle_minutes() -> None:
    house = House(load_w=0.0)
    assert not any(ready(house.run(20)))
    house.load_w = 600.0
    house.run(30)
    house.load_w = 0.0
    house.run(30)
    worked = [any(b.batteries[i].setpoint_w for b in house.history) for i in range(len(house.batteries))]
    assert setpoints(house.history[-1]) == [0.0] * len(worked)
    assert any(worked)
    assert ready(house.history[-1]) == worked
    assert any(ready(house.run(240)))
    assert not any(ready(house.run(60)))


def test_what_is_stopped_is_not_kept_ready() -> None:
    house = House(load_w=600.0)
    house.run(30)
    house.select("full-stop")
    decision = house.run(2)
    assert setpoints(decision) == [0.0] * len(house.batteries)
    assert not any(ready(decision))


def test_without_idle_minutes_nothing_is_kept_ready() -> None:
    house = House(load_w=600.0)
    house.settings = replace(house.settings, control=replace(house.settings.control, idle_minutes=0.0))
    house.run(30)
    house.load_w = 0.0
    house.run(30)
    assert all(True not in ready(decision) for decision in house.history)
