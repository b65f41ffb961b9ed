from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.control.dead_time import DEAD_TIME_MAX_S, SHORTEST_S
from phasewise.control.estimate import estimate, note_commands
from phasewise.model import BatteryReading, BatterySnapshot, GridReading, Snapshot
from phasewise.model.memory import EstimateMemory, Track
from phasewise.sim.battery import BatterySpec, SimBattery


class Watched:
    """A battery that is told and read through the estimate, second by second."""

    def __init__(self, spec: BatterySpec, lag_s: float = 0.0) -> None:
        self.battery = SimBattery(spec)
        self.lag_s = lag_s
        self.memory = EstimateMemory()
        self.now_s = 0.0
        self.shown: list[tuple[float, float]] = []

    @property
    def track(self) -> Track:
        return self.memory.tracks[0]

    def second(self, command_w: float | None = None) -> None:
        self.now_s += 1.0
        self.battery.advance(self.now_s)
        self.shown.append((self.now_s, self.battery.ac_power_w))
        if round(self.now_s) % 2 == 0:
            taken_s = self.now_s - self.lag_s
            power_w = next((w for t, w in reversed(self.shown) if t <= taken_s), 0.0)
            self.reading = BatteryReading(time_s=self.now_s, ac_power_w=power_w, soc_pct=50.0)
        elif self.now_s == 1.0:
            self.reading = BatteryReading(time_s=self.now_s, ac_power_w=0.0, soc_pct=50.0)
        snapshot = Snapshot(
            time_s=self.now_s,
            utc_s=0.0,
            grid=GridReading(received_s=self.now_s, total_power_w=500.0 + self.battery.ac_power_w),
            grid_is_new=True,
            grid_cadence_s=1.0,
            batteries=(BatterySnapshot("m1", self.reading, reachable=True),),
        )
        _, self.memory = estimate(snapshot, self.memory, (True,))
        if command_w is not None:
            self.battery.command(command_w, self.now_s)
            self.memory = note_commands(self.memory, {"m1": command_w}, self.now_s)

    def steps(self, *powers_w: float) -> None:
        for power_w in powers_w:
            self.second(power_w)
            for _ in range(12):
                self.second()


@settings(max_examples=60, deadline=None)
@given(
    dead_time_s=st.floats(0.3, 4.0),
    ramp_w_s=st.floats(600.0, 12_000.0),
    lag_s=st.sampled_from([0.0, 1.0, 3.0, 4.0, 5.0, 10.0]),
    commands=st.lists(st.one_of(st.none(), st.integers(-2500, 2500).map(float)), max_size=60),
)
def test_what_is_learnt_is_true(
    dead_time_s: float, ramp_w_s: float, lag_s: float, commands: list[float | None]
) -> None:
    watched = Watched(BatterySpec(dead_time_s=dead_time_s, ramp_w_s=ramp_w_s, min_soc_pct=0.0), lag_s)
    for command_w in commands:
        watched.second(command_w)
        assert dead_time_s <= watched.track.dead_hi_s


def test_nothing_is_known_before_it_was_seen_to_move() -> None:
    watched = Watched(BatterySpec())
    for _ in range(20):
        watched.second()
    assert watched.track.dead_hi_s == DEAD_TIME_MAX_S


def test_a_few_steps_narrow_it() -> None:
    for dead_time_s in (0.5, 1.5, 2.5, 3.5):
        watched = Watched(BatterySpec(dead_time_s=dead_time_s))
        watched.steps(-1000.0, 0.0, -2000.0)
        track = watched.track
        assert max(dead_time_s, SHORTEST_S) <= track.dead_hi_s <= dead_time_s + 2.0


def test_a_battery_that_became_slower_is_noticed() -> None:
    """What does not show yet contradicts what was seen before."""
    watched = Watched(BatterySpec(dead_time_s=0.4))
    watched.steps(-1000.0, 0.0)
    assert watched.track.dead_hi_s <= 2.4
    watched.battery.spec = BatterySpec(dead_time_s=3.8)
    watched.steps(-2000.0)
    assert watched.track.dead_hi_s >= 3.8


def test_a_battery_that_became_faster_is_noticed_too() -> None:
    watched = Watched(BatterySpec(dead_time_s=3.8))
    watched.steps(-1000.0, 0.0)
    assert watched.track.dead_hi_s >= 3.8
    watched.battery.spec = BatterySpec(dead_time_s=0.4)
    watched.steps(-2000.0, 0.0, -2000.0, 0.0, -2000.0, 0.0, -2000.0, 0.0)
    assert watched.track.dead_hi_s <= 2.4
