import pytest
from control_kit import battery_settings, picture, seen
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.limits import Unit, beside_held, is_usable, unit
from phasewise.model import (
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Intent,
    Override,
    ReasonCode,
)
from phasewise.model.memory import HealthMemory

HEALTHY = HealthMemory("m1")
FREE = Intent(grid_target_w=0.0)
AT_S = 1000.0
PLAIN = battery_settings()


def box(
    settings: BatterySettings = PLAIN,
    battery: BatterySnapshot | None = None,
    health: HealthMemory = HEALTHY,
    intent: Intent | None = FREE,
) -> Unit:
    """What strategy and user leave; what the battery can is tested by itself."""
    return replace(whole(settings, battery, health, intent), can_lo_w=0.0, can_hi_w=0.0)


def whole(
    settings: BatterySettings = PLAIN,
    battery: BatterySnapshot | None = None,
    health: HealthMemory = HEALTHY,
    intent: Intent | None = FREE,
) -> Unit:
    shown = battery if battery is not None else seen()
    return unit(settings, shown, health, intent, picture(AT_S, 500.0, [shown]))


@pytest.mark.parametrize(
    "intent",
    [FREE, Intent(may_charge=False), Intent(may_discharge=False), Intent(stop=True), None],
)
def test_relief_may_use_the_batterys_own_box_whatever_the_strategy_wants(intent: Intent | None) -> None:
    found = whole(battery_settings(max_charge_w=1200.0, max_discharge_w=800.0), intent=intent)
    assert (found.can_lo_w, found.can_hi_w) == (-800.0, 1200.0)
    assert found.can_lo_w <= found.lo_w <= found.hi_w <= found.can_hi_w


def test_relief_never_goes_beyond_a_soc_limit() -> None:
    assert whole(health=replace(HEALTHY, empty=True)).can_lo_w == 0.0
    assert whole(health=replace(HEALTHY, full=True)).can_hi_w == 0.0
    assert whole(health=replace(HEALTHY, cap_charge_w=300.0)).can_hi_w == 300.0


def test_one_that_may_not_be_told_its_minimum_is_told_nothing_that_way() -> None:
    settings = replace(
        battery_settings(max_charge_w=90.0, max_discharge_w=100.0),
        capabilities=Capabilities(2500.0, 2500.0, min_power_w=100.0),
    )
    found = whole(settings)
    assert (found.lo_w, found.hi_w, found.can_lo_w, found.can_hi_w) == (-100.0, 0.0, -100.0, 0.0)


def test_a_healthy_battery_may_do_what_the_user_allows() -> None:
    assert box(battery_settings(max_charge_w=1200.0, max_discharge_w=800.0)) == Unit("m1", -800.0, 1200.0)


def test_steps_and_minimum_come_from_the_model() -> None:
    capabilities = Capabilities(max_charge_w=2500.0, max_discharge_w=2500.0, min_power_w=80.0, step_w=10.0)
    found = box(battery_settings(capabilities=capabilities))
    assert (found.min_power_w, found.step_w) == (80.0, 10.0)


@pytest.mark.parametrize(
    ("hold_w", "told_w"),
    [
        (504.0, 500.0),
        (-504.0, -500.0),
        (90.0, 90.0),
        (45.0, 80.0),
        (-45.0, -80.0),
        (35.0, 0.0),
        (9e3, 2000.0),
    ],
)
def test_a_held_power_is_one_that_the_battery_can_be_set_to(hold_w: float, told_w: float) -> None:
    capabilities = Capabilities(max_charge_w=2000.0, max_discharge_w=2000.0, min_power_w=80.0, step_w=10.0)
    held = Override(hold_power_w=hold_w)
    found = box(battery_settings(capabilities=capabilities, max_charge_w=2000.0, override=held))
    assert found.lo_w == found.hi_w == told_w


def test_a_held_power_below_a_minimum_that_is_not_allowed_is_none() -> None:
    capabilities = Capabilities(max_charge_w=2500.0, max_discharge_w=2500.0, min_power_w=80.0)
    held = Override(hold_power_w=70.0)
    assert box(battery_settings(capabilities=capabilities, override=held, max_charge_w=70.0)).hi_w == 0.0


@pytest.mark.parametrize(
    ("settings", "battery", "health", "code", "commandable"),
    [
        (PLAIN, seen(reachable=False), HEALTHY, ReasonCode.UNREACHABLE, False),
        (PLAIN, BatterySnapshot("m1", None, True), HEALTHY, ReasonCode.STARTING, False),
        (PLAIN, seen(ac_power_w=None), HEALTHY, ReasonCode.STARTING, False),
        (PLAIN, seen(controllable=False), HEALTHY, ReasonCode.NOT_CONTROLLABLE, False),
        (
            battery_settings(override=Override(out_of_service=True)),
            seen(),
            HEALTHY,
            ReasonCode.OUT_OF_SERVICE,
            True,
        ),
        (PLAIN, seen(), replace(HEALTHY, stopped=True), ReasonCode.WRONG_DIRECTION, True),
        (PLAIN, seen(), replace(HEALTHY, excluded_until_s=AT_S + 0.1), ReasonCode.NOT_RESPONDING, True),
        (PLAIN, seen(soc_pct=None), HEALTHY, ReasonCode.SOC_LIMIT, True),
    ],
)
def test_what_keeps_a_battery_out(
    settings: BatterySettings,
    battery: BatterySnapshot,
    health: HealthMemory,
    code: ReasonCode,
    commandable: bool,
) -> None:
    for intent in (FREE, None, Intent(battery_power_w=-1000.0)):
        expected = Unit("m1", 0.0, 0.0, code, code, commandable=commandable)
        assert box(settings, battery, health, intent) == expected


def test_an_exclusion_ends_by_itself() -> None:
    assert box(health=replace(HEALTHY, excluded_until_s=AT_S)) == Unit("m1", -2500.0, 2500.0)


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (replace(HEALTHY, empty=True), Unit("m1", 0.0, 2500.0, lo_code=ReasonCode.SOC_LIMIT)),
        (replace(HEALTHY, full=True), Unit("m1", -2500.0, 0.0, hi_code=ReasonCode.SOC_LIMIT)),
        (
            replace(HEALTHY, cap_charge_w=700.0),
            Unit("m1", -2500.0, 700.0, hi_code=ReasonCode.NOT_RESPONDING),
        ),
        (
            replace(HEALTHY, cap_discharge_w=900.0),
            Unit("m1", -900.0, 2500.0, lo_code=ReasonCode.NOT_RESPONDING),
        ),
        (replace(HEALTHY, cap_charge_w=9000.0), Unit("m1", -2500.0, 2500.0)),
        (
            replace(HEALTHY, cap_discharge_w=900.0, empty=True),
            Unit("m1", 0.0, 2500.0, lo_code=ReasonCode.SOC_LIMIT),
        ),
    ],
)
def test_what_narrows_the_box(health: HealthMemory, expected: Unit) -> None:
    assert box(health=health) == expected


def test_a_strategy_may_forbid_a_direction() -> None:
    only_charge = box(intent=Intent(may_discharge=False))
    assert only_charge == Unit("m1", 0.0, 2500.0, lo_code=ReasonCode.DIRECTION)
    only_discharge = box(intent=Intent(may_charge=False))
    assert only_discharge == Unit("m1", -2500.0, 0.0, hi_code=ReasonCode.DIRECTION)


def test_a_direction_that_is_closed_anyway_keeps_its_own_reason() -> None:
    found = box(
        health=replace(HEALTHY, empty=True, full=True), intent=Intent(may_charge=False, may_discharge=False)
    )
    assert (found.lo_code, found.hi_code) == (ReasonCode.SOC_LIMIT, ReasonCode.SOC_LIMIT)


# --- a power held by the user


def held(power_w: float, until_utc_s: float | None = None) -> BatterySettings:
    return battery_settings(override=Override(hold_power_w=power_w, hold_until_utc_s=until_utc_s))


@pytest.mark.parametrize("intent", [FREE, Intent(may_charge=False), Intent(battery_power_w=-2000.0)])
def test_a_held_power_comes_before_the_strategy(intent: Intent) -> None:
    assert box(held(500.0), intent=intent) == Unit("m1", 500.0, 500.0, ReasonCode.HOLD, ReasonCode.HOLD)


@pytest.mark.parametrize(("until_utc_s", "is_held"), [(AT_S - 1, False), (AT_S, False), (AT_S + 1, True)])
def test_a_held_power_ends_at_its_time(until_utc_s: float, is_held: bool) -> None:
    assert (box(held(500.0, until_utc_s)).lo_w == 500.0) is is_held


def test_a_held_power_stays_inside_what_the_battery_can() -> None:
    assert box(held(9000.0)).lo_w == 2500.0
    assert box(held(-9000.0)).hi_w == -2500.0
    assert box(held(-500.0), health=replace(HEALTHY, empty=True)).lo_w == 0.0


def test_without_an_intent_nothing_is_held() -> None:
    assert box(held(500.0), intent=None) == Unit("m1", -2500.0, 2500.0)


# --- units with PV inputs of their own


def test_pv_of_the_unit_leaves_through_the_same_terminals() -> None:
    assert box(battery=seen(pv_power_w=600.0)) == Unit("m1", -2500.0, 1900.0)


def test_a_full_unit_in_the_sun_cannot_reach_0_w() -> None:
    found = box(battery=seen(pv_power_w=600.0), health=replace(HEALTHY, full=True))
    assert found == Unit("m1", -2500.0, -600.0, hi_code=ReasonCode.PV_SURPLUS)


def test_no_more_leaves_than_the_inverter_can() -> None:
    small = Capabilities(max_charge_w=2500.0, max_discharge_w=800.0)
    settings = battery_settings(capabilities=small, max_discharge_w=800.0)
    found = box(settings, battery=seen(pv_power_w=1500.0), health=replace(HEALTHY, full=True))
    assert (found.lo_w, found.hi_w) == (-800.0, -800.0)


@given(
    most_charge_w=st.floats(0.0, 2500.0),
    most_discharge_w=st.floats(0.0, 2500.0),
    caps=st.tuples(st.none() | st.floats(0.0, 3000.0), st.none() | st.floats(0.0, 3000.0)),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    hold_w=st.none() | st.floats(-4000.0, 4000.0),
    pv_w=st.none() | st.floats(0.0, 4000.0),
)
def test_a_box_is_never_inside_out(
    most_charge_w: float,
    most_discharge_w: float,
    caps: tuple[float | None, float | None],
    flags: tuple[bool, bool, bool, bool],
    hold_w: float | None,
    pv_w: float | None,
) -> None:
    empty, full, may_charge, may_discharge = flags
    found = box(
        battery_settings(
            max_charge_w=most_charge_w,
            max_discharge_w=most_discharge_w,
            override=Override(hold_power_w=hold_w),
        ),
        seen(pv_power_w=pv_w),
        replace(HEALTHY, cap_charge_w=caps[0], cap_discharge_w=caps[1], empty=empty, full=full),
        Intent(may_charge=may_charge, may_discharge=may_discharge),
    )
    assert found.lo_w <= found.hi_w
    assert found.lo_w >= -2500.0
    assert found.hi_w <= most_charge_w


@pytest.mark.parametrize(
    ("battery", "usable"),
    [
        (seen(), True),
        (seen(soc_pct=None), True),
        (seen(controllable=False), False),
        (seen(reachable=False), False),
        (seen(ac_power_w=None), False),
        (BatterySnapshot("m1", None, True), False),
    ],
)
def test_whether_its_power_can_be_told_apart_from_the_load(battery: BatterySnapshot, usable: bool) -> None:
    assert is_usable(battery, HEALTHY, AT_S) is usable


def test_one_that_does_not_do_as_told_is_part_of_the_load() -> None:
    deaf = replace(HEALTHY, excluded_until_s=AT_S + 1.0)
    assert not is_usable(seen(), deaf, AT_S)
    assert is_usable(seen(), deaf, AT_S + 1.0)


@pytest.mark.parametrize(
    ("wanted_w", "held_w", "sum_w"),
    [
        (-300.0, 1000.0, 700.0),  # the others cover the house, not the held one
        (2000.0, 1000.0, 2000.0),  # both charge from the sun
        (600.0, 1000.0, 1000.0),  # the sun is not enough for it: nothing is left for the others
        (-2000.0, -1000.0, -2000.0),
        (300.0, -1000.0, -700.0),
        (500.0, 0.0, 500.0),
    ],
)
def test_nobody_works_against_a_held_power(wanted_w: float, held_w: float, sum_w: float) -> None:
    held = Unit("held", held_w, held_w, ReasonCode.HOLD, ReasonCode.HOLD)
    assert beside_held(wanted_w, [held, Unit("free", -2500.0, 2500.0)]) == sum_w
