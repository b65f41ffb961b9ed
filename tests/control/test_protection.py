"""Amps per phase -> watts for batteries: the limits, the box, its give-back, the worst case."""

import math

import pytest
from control_kit import battery_settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace
from phase_kit import PROTECTED, Home, home, on

from phasewise.control.estimate import BatteryPower, Load
from phasewise.control.protection import (
    BOUND_S,
    CUT_W,
    GIVE_BACK_S,
    GIVE_BACK_SLOW,
    HYSTERESIS_W,
    PhaseView,
    limits_w,
    look,
    rating_of,
    refusal,
)
from phasewise.model import (
    GridReading,
    Phase,
    PhaseProtection,
    PhaseReading,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import PhaseMemory, ProtectionMemory

BARE = replace(PROTECTED, margin_a=0.0)
L1 = on("L1")
ONE = Site(phase_count=1)


def sight(
    reading: PhaseReading | None,
    memory: ProtectionMemory,
    now_s: float = 100.0,
    *,
    protection: PhaseProtection = BARE,
    site: Site = ONE,
    battery_w: float = 0.0,
    allowance_a: float = 0.0,
    cadence_s: float = 1.0,
    new: bool = True,
) -> tuple[PhaseView, ProtectionMemory]:
    """L1 of a home with one battery on it, whose power at the meter's instant is known."""
    total_w = 0.0 if reading is None else reading.power_w or 0.0
    grid = GridReading(now_s, total_w, (reading, None, None), current_allowance_a=allowance_a)
    snapshot = Snapshot(now_s, now_s, grid, new, cadence_s, ())
    power = BatteryPower(battery_w, battery_w, battery_w, battery_w, battery_w)
    load = Load(
        total_w - battery_w, total_w, total_w, now_s, slope_w_s=0.0, dead_time_s=1.0, batteries=(power,)
    )
    sighting, after = look(snapshot, home(L1, site=site, phase_protection=protection), memory, load)
    return sighting.views[0], after


def test_power_factor_counts_as_it_is() -> None:
    """4,000 W at 0.9 behind 25 A leaves 1,414 W: neither 1,750 W (overloads) nor 1,306 W (wastes)."""
    seen, _ = sight(PhaseReading(4000.0, 4000.0 / 0.9 / 230.0, 230.0), ProtectionMemory())
    assert seen.box is not None
    assert seen.box.hi_w == pytest.approx(1414.0, abs=1.0)


def shown(current_a: float, quantum_a: float, *, truncates: bool) -> tuple[float, float]:
    """A current as the meter gives it, and how much larger the true one may be."""
    if truncates:
        return math.floor(current_a / quantum_a) * quantum_a, quantum_a
    return round(current_a / quantum_a) * quantum_a, quantum_a / 2.0


class Truth(Struct, frozen=True):
    """What a phase really does, and the meter that shows it."""

    load_w: float
    reactive_var: float
    voltage_v: float
    battery_w: float
    quantum_a: float
    truncates: bool

    def current_a(self, battery_w: float) -> float:
        return math.hypot(self.load_w + battery_w, self.reactive_var) / self.voltage_v

    def shown(self) -> tuple[PhaseReading, float]:
        """The reading, and how much larger the true current may be."""
        true_a = self.current_a(self.battery_w)
        if self.truncates:
            current_a, allowance_a = math.floor(true_a / self.quantum_a) * self.quantum_a, self.quantum_a
        else:
            current_a, allowance_a = round(true_a / self.quantum_a) * self.quantum_a, self.quantum_a / 2.0
        return PhaseReading(self.load_w + self.battery_w, current_a, self.voltage_v), allowance_a + 1e-9


TRUTHS = st.builds(
    Truth,
    st.floats(-7000.0, 7000.0),
    st.floats(0.0, 4000.0),
    st.floats(200.0, 260.0),
    st.floats(-2500.0, 2500.0),
    st.sampled_from([1.0, 0.01]),
    st.booleans(),
)


@examples(max_examples=300)
@given(TRUTHS, st.floats(0.0, 1.0), st.sampled_from([0.0, 1.0]))
def test_any_power_inside_the_box_keeps_the_true_current_within_the_limit(
    truth: Truth, inside: float, margin_a: float
) -> None:
    """In both directions, whatever the meter hides in its digits."""
    reading, allowance_a = truth.shown()
    seen, _ = sight(
        reading,
        ProtectionMemory(),
        protection=replace(PROTECTED, margin_a=margin_a),
        battery_w=truth.battery_w,
        allowance_a=allowance_a,
    )
    assert seen.box is not None
    assert seen.box.lo_w <= seen.box.hi_w
    sum_w = seen.box.lo_w + inside * (seen.box.hi_w - seen.box.lo_w)
    # Reactive power alone may be more than the limit: then no battery helps, and real power is held at 0.
    least_a = truth.reactive_var / truth.voltage_v
    assert truth.current_a(sum_w) <= max(25.0 - margin_a, least_a) + 1e-6


@pytest.mark.parametrize(
    ("limit_w", "limit_a", "most_w"),
    [(None, None, 25 * 230.0), (2000.0, None, 2000.0), (9000.0, None, 25 * 230.0), (3000.0, 10.0, 2300.0)],
)
def test_the_tightest_limit_counts_in_each_direction(
    limit_w: float | None, limit_a: float | None, most_w: float
) -> None:
    reading = PhaseReading(100.0, None, 230.0)
    imports = replace(BARE, limit_import_w=(limit_w, None, None), limit_import_a=(limit_a, None, None))
    exports = replace(BARE, limit_export_w=(limit_w, None, None), limit_export_a=(limit_a, None, None))
    settings = home(L1, phase_protection=imports)
    of_import = limits_w(rating_of(Phase.L1, reading, settings), settings, 0.0)
    assert of_import == pytest.approx((-25 * 230.0, most_w))
    settings = home(L1, phase_protection=exports)
    of_export = limits_w(rating_of(Phase.L1, reading, settings), settings, 0.0)
    assert of_export == pytest.approx((-most_w, 25 * 230.0))


@pytest.mark.parametrize("voltage_v", [None, 0.0, 20.0, 400.0])
def test_a_voltage_that_is_missing_or_absurd_counts_as_nominal(voltage_v: float | None) -> None:
    seen, _ = sight(PhaseReading(1000.0, None, voltage_v), ProtectionMemory())
    assert seen.hi_w == pytest.approx(25 * 230.0)


def test_without_a_current_the_power_counts_alone() -> None:
    seen, after = sight(PhaseReading(5000.0, None, 230.0), ProtectionMemory())
    assert seen.box is not None
    assert seen.box.hi_w == pytest.approx(750.0)
    assert after.phases[0].reactive_va2 == 0.0


# --- reactive power


def reactive_of(power_w: float, current_a: float) -> float:
    return (230.0 * current_a) ** 2 - power_w**2


def test_reactive_power_counts_at_once_and_is_forgotten_over_minutes() -> None:
    motor, quiet = PhaseReading(1000.0, 15.0, 230.0), PhaseReading(1000.0, 1000.0 / 230.0, 230.0)
    _, memory = sight(quiet, ProtectionMemory())
    before, memory = sight(motor, memory, 101.0)
    assert before.hi_w == pytest.approx(math.sqrt(5750.0**2 - reactive_of(1000.0, 15.0)))
    _, memory = sight(motor, memory, 102.0)
    soon, memory = sight(quiet, memory, 103.0)
    assert soon.hi_w == pytest.approx(before.hi_w, rel=0.01)
    minute, memory = sight(quiet, memory, 163.0)
    late, memory = sight(quiet, memory, 1003.0)
    assert soon.hi_w is not None
    assert minute.hi_w is not None
    assert late.hi_w is not None
    assert soon.hi_w < minute.hi_w < late.hi_w
    assert minute.hi_w < 0.9 * 5750.0
    assert late.hi_w > 0.98 * 5750.0


def test_one_sample_that_pairs_a_new_current_with_an_old_power_does_not_last() -> None:
    quiet, torn = PhaseReading(200.0, 200.0 / 230.0, 230.0), PhaseReading(200.0, 15.0, 230.0)
    _, memory = sight(quiet, ProtectionMemory())
    now, memory = sight(torn, memory, 101.0)
    assert now.hi_w is not None
    assert now.hi_w < 5000.0
    after, _ = sight(PhaseReading(3450.0, 15.0, 230.0), memory, 102.0)
    assert after.hi_w == pytest.approx(5750.0, rel=0.001)


# --- room


def given_back(cadence_s: float, bound_ago_s: float, seconds: float) -> list[float]:
    """Room upward after an overload of 2 kW has ended, sample by sample."""
    memory = ProtectionMemory(
        (PhaseMemory(seen_s=100.0, in_a_row=2, load_w=7750.0, lo_room_w=-13500.0, hi_room_w=-2000.0,
                     bound_s=100.0 - bound_ago_s),)
    )  # fmt: skip
    found, now_s = [], 100.0
    while now_s < 100.0 + seconds:
        now_s += cadence_s
        seen, memory = sight(PhaseReading(750.0, None, 230.0), memory, now_s, cadence_s=cadence_s)
        assert seen.box is not None
        found.append(seen.box.hi_w)
        memory = replace(memory, phases=(replace(memory.phases[0], load_w=None),))
    return found


@pytest.mark.parametrize("cadence_s", [1.0, 2.0])
def test_room_comes_back_with_a_time_constant_on_fast_meters(cadence_s: float) -> None:
    found = given_back(cadence_s, 0.0, 24.0)
    after_4_s = found[round(4.0 / cadence_s) - 1]
    assert after_4_s == pytest.approx(-2000.0 + 7000.0 * (1.0 - math.exp(-4.0 / GIVE_BACK_S)), rel=0.02)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(5000.0, abs=HYSTERESIS_W)


def test_room_comes_back_by_a_third_of_the_rest_on_slow_meters() -> None:
    found = given_back(10.0, 0.0, 20.0)
    assert found[0] == pytest.approx(-2000.0 + 7000.0 * GIVE_BACK_SLOW, abs=HYSTERESIS_W)
    assert found[1] == pytest.approx(found[0] + (5000.0 - found[0]) * GIVE_BACK_SLOW, abs=HYSTERESIS_W)


def test_where_no_limit_bound_lately_all_room_is_there_at_once() -> None:
    assert given_back(1.0, BOUND_S, 1.0) == [pytest.approx(5000.0)]


def test_room_is_cut_at_once_and_small_changes_leave_it_alone() -> None:
    memory = ProtectionMemory(
        (PhaseMemory(seen_s=100.0, in_a_row=2, load_w=4750.0, lo_room_w=-10500.0, hi_room_w=1000.0,
                     bound_s=99.0),)
    )  # fmt: skip
    for load_w, most_w in (
        (6750.0, -1000.0),
        (4750.0 + CUT_W - 1.0, 1000.0),
        (4750.0 - HYSTERESIS_W + 1.0, 1000.0),
        (4750.0 + CUT_W + 1.0, 1000.0 - CUT_W - 1.0),
    ):
        seen, _ = sight(PhaseReading(load_w, None, 230.0), memory, 101.0)
        assert seen.box is not None
        assert seen.box.hi_w == pytest.approx(most_w)


@given(
    before=st.tuples(st.floats(-9000.0, 9000.0), st.floats(0.0, 12000.0)),
    load_w=st.floats(-9000.0, 9000.0),
    cadence_s=st.sampled_from([1.0, 2.0, 10.0]),
)
def test_what_bound_before_never_stands_in_the_way_of_a_limit_that_is_exceeded_now(
    before: tuple[float, float], load_w: float, cadence_s: float
) -> None:
    """The box never reaches out of the limits, and never ends short of them on the side that is exceeded."""
    lo_room_w, width_w = before
    memory = ProtectionMemory(
        (PhaseMemory(seen_s=100.0, in_a_row=2, load_w=load_w, lo_room_w=lo_room_w,
                     hi_room_w=lo_room_w + width_w, bound_s=99.0),)
    )  # fmt: skip
    seen, _ = sight(PhaseReading(load_w, None, 230.0), memory, 101.0, cadence_s=cadence_s)
    assert seen.box is not None
    for edge_w in (seen.box.lo_w, seen.box.hi_w):
        assert -5750.0 - CUT_W - 1e-6 <= load_w + edge_w <= 5750.0 + CUT_W + 1e-6
    assert seen.box.lo_w <= seen.box.hi_w


def test_without_news_the_room_stays() -> None:
    seen, memory = sight(PhaseReading(3000.0, None, 230.0), ProtectionMemory())
    again, after = sight(PhaseReading(3000.0, None, 230.0), memory, 100.5, new=False)
    assert again.box == seen.box
    assert after == memory


def test_memory_does_not_grow() -> None:
    found = Home(home(L1, battery_settings("m2")))
    found.run(50, 6500.0, 300.0, -6500.0)
    size = len(repr(found.memory))
    found.run(150, 6500.0, 300.0, -6500.0)
    assert len(repr(found.memory)) <= size + 200


def test_a_meter_that_spoke_of_phases_once_is_not_refused() -> None:
    settings: Settings = home(L1)
    silent = Snapshot(5.0, 5.0, GridReading(5.0, 0.0), True, 1.0, ())
    assert refusal(silent, settings, ProtectionMemory()) is not None
    assert refusal(silent, settings, ProtectionMemory((PhaseMemory(seen_s=1.0),))) is None
