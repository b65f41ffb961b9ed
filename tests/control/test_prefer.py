"""Preferences as the allocator takes them: whoever works already, and by which charge parts are made."""

import pytest
from control_kit import battery_settings, picture, seen, settings_of
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.allocate import goal
from phasewise.control.fill import KEEP
from phasewise.control.limits import Unit
from phasewise.control.order import Orders, Preference
from phasewise.control.prefer import preference
from phasewise.model import ReasonCode, Split
from phasewise.model.memory import Memory, PreferMemory

IDS = ("m1", "m2", "m3")
THREE = [Unit(i, -2500.0, 2500.0) for i in IDS]


def working(wanted_w: float, in_use: int) -> int:
    """How many of three units of 2.5 kW the efficient split lets work."""
    order = [0, 1, 2]
    powers_w = goal(wanted_w, THREE, Preference(Orders(order, order), Split.EFFICIENT, in_use=in_use))
    assert sum(powers_w) == pytest.approx(wanted_w, abs=1.0)
    count = sum(w != 0.0 for w in powers_w)
    # Those that work are the first of the order.
    assert [w != 0.0 for w in powers_w] == [n < count for n in order]
    return count


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("wanted_w", "from_one", "from_two", "from_three"),
    [
        (2000.0, 1, 1, 1),
        (2270.0, 1, 1, 1),
        (2280.0, 1, 2, 2),
        (2500.0, 1, 2, 2),
        (2501.0, 2, 2, 2),
        (4540.0, 2, 2, 2),
        (4550.0, 2, 2, 3),
        (7500.0, 3, 3, 3),
    ],
)
def test_a_number_of_units_is_kept_until_a_tenth_less_is_wanted(
    sign: float, wanted_w: float, from_one: int, from_two: int, from_three: int
) -> None:
    assert working(sign * wanted_w, 0) == from_one
    assert [working(sign * wanted_w, n) for n in (1, 2, 3)] == [from_one, from_two, from_three]


@given(st.lists(st.floats(100.0, 7000.0), min_size=1, max_size=20), st.floats(1.0, KEEP - 0.001))
def test_noise_within_a_tenth_never_changes_the_number_twice(loads_w: list[float], swing: float) -> None:
    """Between a power and one less than a tenth higher, to and fro: one change at most."""
    for load_w in loads_w:
        count, seen_counts = working(load_w, 0), []
        for power_w in (load_w * swing, load_w, load_w * swing, load_w):
            count = working(min(power_w, 7500.0), count)
            seen_counts.append(count)
        assert len(set(seen_counts)) == 1


def test_who_works_counts_in_one_direction_and_without_those_that_are_held() -> None:
    settings = settings_of(*(battery_settings(i) for i in IDS), split=Split.EFFICIENT)
    snapshot = picture(0.0, 0.0, [seen(i) for i in IDS])
    memory = Memory(setpoints_w=(-700.0, 500.0, 900.0))
    held = Unit("m3", 900.0, 900.0, ReasonCode.HOLD, ReasonCode.HOLD)
    for units, up, expected in (
        (THREE, True, 2), (THREE, False, 1), ([*THREE[:2], held], True, 1)
    ):  # fmt: skip
        assert preference(settings, units, snapshot, None, memory, up=up).in_use == expected


def test_parts_are_made_by_the_charge_that_is_remembered() -> None:
    settings = settings_of(*(battery_settings(i) for i in IDS), split=Split.SOC_BALANCE)
    snapshot = picture(0.0, 0.0, [seen(i, soc_pct=51.0) for i in IDS])
    memory = Memory(prefer=PreferMemory(socs_pct={"m1": 50.0, "m2": 75.0}))
    sizes = preference(settings, THREE, snapshot, None, memory, up=True).sizes
    assert sizes is not None
    full, half, unknown = sizes()
    assert (full, half) == (50.0, 25.0)
    assert unknown < 0.01
