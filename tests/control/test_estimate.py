from dataclasses import dataclass, field

import pytest
from control_kit import picture, seen
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.dead_time import DEAD_TIME_MAX_S, RAMP_MIN_W_S, TELEMETRY_LAG_S
from phasewise.control.estimate import (
    PENDING_AT_MOST,
    Load,
    estimate,
    forget_load,
    note_commands,
)
from phasewise.model import BatteryReading, BatterySnapshot
from phasewise.model.memory import EstimateMemory, Track
from phasewise.sim.battery import BatterySpec, SimBattery

FLOAT_NOISE_W = 1e-6


def interval(load: Load | None) -> tuple[float, float, float] | None:
    return None if load is None else (load.power_w, load.lo_w, load.hi_w)


@dataclass
class Bench:
    """One battery, whose estimate is fed as the daemon feeds it: readings and samples in, commands out."""

    spec: BatterySpec
    house_w: float = 500.0
    memory: EstimateMemory = field(default_factory=EstimateMemory)
    load: Load | None = None
    reading: BatteryReading | None = None
    deaf_from_s: float = float("inf")
    """Orders from then on are ignored."""
    orders: list[tuple[float, float]] = field(default_factory=list)

    def power_at(self, at_s: float) -> float:
        """True AC power at an instant of the past: a fresh unit that lives through the same orders."""
        twin = SimBattery(self.spec)
        for told_s, power_w in self.orders:
            if told_s <= at_s and told_s < self.deaf_from_s:
                twin.command(power_w, told_s)
        twin.advance(at_s)
        return twin.ac_power_w

    def read(self, now_s: float, lag_s: float) -> None:
        """Take a reading now, of a register that was refreshed `lag_s` ago."""
        power_w = self.power_at(max(now_s - lag_s, 0.0))
        self.reading = BatteryReading(time_s=now_s, ac_power_w=power_w, soc_pct=50.0)

    def sample(self, now_s: float, age_s: float) -> Track:
        """A meter sample of `age_s` ago is seen now."""
        at_s = max(now_s - age_s, 0.0)
        snapshot = picture(
            now_s, self.house_w + self.power_at(at_s), [BatterySnapshot("m1", self.reading, True)]
        )
        assert snapshot.grid is not None
        snapshot = replace(snapshot, grid=replace(snapshot.grid, sample_age_s=now_s - at_s))
        self.load, self.memory = estimate(snapshot, self.memory, (True,))
        return self.memory.tracks[0]

    def tell(self, now_s: float, power_w: float) -> None:
        self.orders.append((now_s, power_w))
        self.memory = note_commands(self.memory, {"m1": power_w}, now_s)


POWERS = st.sampled_from([-2500.0, -1800.0, -600.0, -50.0, 0.0, 30.0, 400.0, 1250.0, 2500.0])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.1, 0.4, 1.0, 1.0, 1.0, 2.5, 6.0]),  # seconds until the next sample
        st.one_of(st.none(), st.floats(0.0, 1.0)),  # register lag of a reading just before it
        st.one_of(st.none(), POWERS),  # a command just after it
    ),
    min_size=4,
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(
    dead_time_s=st.floats(0.3, 4.0),
    ramp_w_s=st.floats(600.0, 12_000.0),
    age_s=st.sampled_from([0.0, 0.3, 1.0, 1.4]),
    steps=STEPS,
)
# The reading shows 1 s ago; what the unit did since was on an order that is superseded by now.
@example(
    dead_time_s=4.0,
    ramp_w_s=2500.0,
    age_s=0.0,
    steps=[(1.0, 0.0, 2500.0), (1.0, None, 0.0), *[(1.0, None, None)] * 4, (0.4, 1.0, None)],
)
def test_the_true_power_is_always_inside(
    dead_time_s: float,
    ramp_w_s: float,
    age_s: float,
    steps: list[tuple[float, float | None, float | None]],
) -> None:
    """Soundness, for every dead time and ramp, whatever is commanded and whenever it is read."""
    bench = Bench(BatterySpec(dead_time_s=dead_time_s, ramp_w_s=ramp_w_s))
    now_s = 0.0
    bench.read(now_s, 0.0)
    bench.sample(now_s, 0.0)
    for wait_s, lag_s, order_w in steps:
        now_s += wait_s
        if lag_s is not None:
            bench.read(now_s - 0.05, lag_s)
        track = bench.sample(now_s, age_s)
        truth_w = bench.power_at(max(now_s - age_s, 0.0))
        assert track.lo_w - FLOAT_NOISE_W <= truth_w <= track.hi_w + FLOAT_NOISE_W
        assert bench.load is not None
        assert bench.load.lo_w - FLOAT_NOISE_W <= bench.house_w <= bench.load.hi_w + FLOAT_NOISE_W
        assert bench.load.lo_w <= bench.load.power_w <= bench.load.hi_w
        if order_w is not None:
            bench.tell(now_s, order_w)


@settings(max_examples=50, deadline=None)
@given(
    dead_time_s=st.floats(0.3, 4.0), ramp_w_s=st.floats(600.0, 12_000.0), orders=st.lists(POWERS, max_size=6)
)
def test_it_collapses_to_a_point_when_the_commands_have_settled(
    dead_time_s: float, ramp_w_s: float, orders: list[float]
) -> None:
    bench = Bench(BatterySpec(dead_time_s=dead_time_s, ramp_w_s=ramp_w_s))
    bench.read(0.0, 0.0)
    bench.sample(0.0, 0.0)
    now_s = 0.0
    for order_w in orders:
        now_s += 1.0
        bench.sample(now_s, 1.0)
        bench.tell(now_s, order_w)
    settled_s = now_s + 1.0 + DEAD_TIME_MAX_S + 5000.0 / RAMP_MIN_W_S
    while now_s < settled_s:
        now_s += 1.0
        track = bench.sample(now_s, 1.0)
    assert track.lo_w == track.hi_w == (orders[-1] if orders else 0.0)
    assert len(track.commands) == 1
    assert interval(bench.load) == (500.0, 500.0, 500.0)


def test_a_reading_shows_that_a_fast_unit_has_arrived() -> None:
    bench = Bench(BatterySpec(dead_time_s=0.3, ramp_w_s=12_000.0))
    bench.read(0.0, 0.0)
    bench.sample(0.0, 0.0)
    bench.tell(0.0, 2000.0)
    told_s = DEAD_TIME_MAX_S + TELEMETRY_LAG_S + 0.1
    blind = bench.sample(told_s, 0.0)
    assert blind.lo_w < 700.0
    bench.read(told_s, 0.0)
    assert bench.sample(told_s + 0.1, 0.0).lo_w > 1700.0


def test_a_small_correction_makes_no_wide_interval() -> None:
    bench = Bench(BatterySpec())
    bench.read(0.0, 0.0)
    bench.sample(0.0, 0.0)
    bench.tell(0.0, 80.0)
    for second in range(1, 6):
        track = bench.sample(float(second), 1.0)
        assert track.hi_w - track.lo_w <= 80.0


def run_seconds(bench: Bench, start_s: int, count: int) -> list[Track]:
    tracks = []
    for second in range(start_s, start_s + count):
        if second % 2 == 0:
            bench.read(float(second), 0.0)
        tracks.append(bench.sample(float(second), 1.0))
    return tracks


def test_what_an_ignored_command_fails_to_give_counts_as_load() -> None:
    """So the other batteries are asked for it."""
    bench = Bench(BatterySpec(), deaf_from_s=3.0)
    run_seconds(bench, 0, 3)
    bench.tell(3.0, -2000.0)
    run_seconds(bench, 4, 16)
    assert interval(bench.load) == (2500.0, 2500.0, 2500.0)
    bench.tell(20.0, 0.0)
    run_seconds(bench, 20, 16)
    assert interval(bench.load) == (500.0, 500.0, 500.0)


@pytest.mark.parametrize("power_w", [-3000.0, 900.0])
def test_a_reading_that_nothing_explains_widens_the_interval(power_w: float) -> None:
    """Right after the last order to discharge is certainly over, but long before the unit can be there."""
    bench = Bench(BatterySpec())
    run_seconds(bench, 0, 3)
    bench.tell(3.0, -2000.0)
    run_seconds(bench, 4, 16)
    bench.reading = BatteryReading(time_s=19.5, ac_power_w=power_w, soc_pct=50.0)
    track = bench.sample(20.0, 0.0)
    assert track.lo_w <= -2000.0 <= track.hi_w


def test_a_battery_that_gives_a_little_less_than_told_leaves_the_difference_to_the_load() -> None:
    bench = Bench(BatterySpec(max_discharge_w=900.0))
    run_seconds(bench, 0, 3)
    bench.tell(3.0, -1000.0)
    run_seconds(bench, 4, 20)
    assert bench.load is not None
    assert bench.load.power_w == pytest.approx(600.0)


# --- the load


def test_without_a_meter_there_is_no_load() -> None:
    assert estimate(picture(0.0, None, []), EstimateMemory(), ()) == (None, EstimateMemory())


def test_an_unreachable_battery_is_part_of_the_load() -> None:
    both = [seen("m1", -800.0), seen("m2", -400.0)]
    load, memory = estimate(picture(1.0, 300.0, both), EstimateMemory(), (True, True))
    assert interval(load) == (1500.0, 1500.0, 1500.0)
    load, memory = estimate(picture(2.0, 300.0, both), memory, (True, False))
    assert interval(load) == (1100.0, 1100.0, 1100.0)
    assert [track.id for track in memory.tracks] == ["m1"]


def test_the_estimate_moves_only_as_far_as_it_must() -> None:
    bench = Bench(BatterySpec(dead_time_s=1.5), house_w=500.0)
    run_seconds(bench, 0, 3)
    bench.tell(3.0, -2000.0)
    for second in range(4, 14):
        bench.sample(float(second), 1.0)
        assert bench.load is not None
        assert bench.load.power_w == pytest.approx(500.0)


def test_forgetting_the_load_keeps_the_tracks() -> None:
    bench = Bench(BatterySpec())
    bench.read(0.0, 0.0)
    track = bench.sample(0.0, 0.0)
    assert forget_load(bench.memory) == EstimateMemory(load_w=None, tracks=(track,))


def test_memory_does_not_grow_while_the_meter_is_silent() -> None:
    snapshot = picture(0.0, 500.0, [seen("m1", 0.0)])
    _, memory = estimate(snapshot, EstimateMemory(), (True,))
    for second in range(1, 300):
        silent = replace(snapshot, batteries=(seen("m1", 0.0, time_s=float(second)),))
        _, memory = estimate(silent, memory, (True,))
    assert len(memory.tracks[0].pending) <= PENDING_AT_MOST


def test_a_reading_that_comes_in_late_does_not_hide_what_the_unit_did_since() -> None:
    """The reading is of 1.0 s, before the order of 0.9 s can show; the track already speaks of 2.0 s."""
    _, memory = estimate(picture(0.5, 0.0, [seen("m1", 0.0, time_s=0.4)]), EstimateMemory(), (True,))
    memory = note_commands(memory, {"m1": 2000.0}, 0.9)
    now = picture(2.0, 2500.0, [seen("m1", 0.0, time_s=0.4)])
    assert now.grid is not None
    now = replace(now, grid=replace(now.grid, sample_age_s=0.0))
    _, memory = estimate(now, memory, (True,))
    late = replace(now, batteries=(seen("m1", 0.0, time_s=1.0),))
    load, memory = estimate(late, memory, (True,))
    assert memory.tracks[0].hi_w >= 2000.0
    assert load is not None
    assert load.lo_w <= 500.0


def slope_after(loads_w: list[float], cadence_s: float = 1.0) -> float:
    memory = EstimateMemory()
    for sample, load_w in enumerate(loads_w):
        load, memory = estimate(picture(cadence_s * sample, load_w, []), memory, ())
    assert load is not None
    return load.slope_w_s


def test_a_steady_slope_is_seen_and_a_step_is_not() -> None:
    assert slope_after([40.0 * s for s in range(12)]) == pytest.approx(40.0)
    assert slope_after([40.0 * s for s in range(4)]) == 0.0
    for after in range(2, 12):
        assert slope_after([500.0] * 12 + [3500.0] * after) == 0.0
        assert slope_after([500.0] * 12 + [3500.0] * after, cadence_s=5.0) == 0.0
        assert slope_after([500.0] * 12 + [1700.0] + [3500.0] * after) == 0.0
    assert slope_after([500.0, 504.0, 497.0, 502.0, 495.0, 503.0, 499.0, 501.0]) == 0.0
