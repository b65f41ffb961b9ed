import pytest
from control_kit import STRATEGIES, Fixed, battery_settings, picture, seen, settings_of
from hypothesis import given
from hypothesis import strategies as st

from phasewise.control.decide import decide
from phasewise.control.limits import Unit
from phasewise.control.peak import INSIDE_W, LATCH_S, SLACK_W, Shave, shave
from phasewise.model import Decision, Intent, Override, PeakSettings, ReasonCode, Settings
from phasewise.model.memory import Memory

WITH_STANDBY = STRATEGIES | {"standby": Fixed(Intent(battery_power_w=0.0))}


def unit(lo_w: float = -2500.0, hi_w: float = 2500.0, **more: object) -> Unit:
    return Unit("m1", lo_w, hi_w, can_lo_w=-2500.0, can_hi_w=2500.0, **more)  # type: ignore[arg-type]  # keyword table


def limits(import_w: float | None = None, export_w: float | None = None) -> Settings:
    return settings_of(battery_settings(), peak=PeakSettings(import_w, export_w))


def shaved(
    wanted_w: float, load_w: float, settings: Settings, memory: Memory, now_s: float = 0.0
) -> tuple[float, Memory]:
    """What all do, with two batteries that may do anything."""
    found, memory = shave(wanted_w, load_w, [unit(), unit()], settings, memory, now_s)
    return wanted_w if found is None else found.target_w, memory


def test_only_the_excess_is_shaved_slightly_inside_the_limit() -> None:
    assert shaved(0.0, 6000.0, limits(4000.0), Memory())[0] == -2000.0 - INSIDE_W
    assert shaved(0.0, -6000.0, limits(None, 4000.0), Memory())[0] == 2000.0 + INSIDE_W
    assert shaved(0.0, 3900.0, limits(4000.0, 4000.0), Memory())[0] == 0.0
    assert shaved(4000.0, 1000.0, limits(4000.0), Memory())[0] == 3000.0 - INSIDE_W


def test_a_limit_of_0_is_held_at_0_and_each_side_is_switched_alone() -> None:
    assert shaved(0.0, -500.0, limits(None, 0.0), Memory())[0] == 500.0
    assert shaved(0.0, 5000.0, limits(None, 0.0), Memory())[0] == 0.0


@given(
    st.floats(-6000.0, 6000.0),
    st.floats(-9000.0, 9000.0),
    st.one_of(st.none(), st.floats(0.0, 6000.0)),
    st.one_of(st.none(), st.floats(0.0, 6000.0)),
)
def test_the_total_is_inside_and_never_further_than_it_must(
    wanted_w: float, load_w: float, import_w: float | None, export_w: float | None
) -> None:
    after_w, _ = shaved(wanted_w, load_w, limits(import_w, export_w), Memory())
    allowed_w = min(max(wanted_w, -5000.0), 5000.0)
    if after_w == wanted_w:
        after_w = allowed_w
    grid_w = load_w + after_w
    most_w, least_w = import_w, None if export_w is None else -export_w
    assert most_w is None or grid_w <= most_w + SLACK_W + 1e-6
    assert least_w is None or grid_w >= least_w - SLACK_W - 1e-6
    if after_w < allowed_w:
        assert most_w is not None
        assert grid_w >= most_w - INSIDE_W - 1e-6
    if after_w > allowed_w:
        assert least_w is not None
        assert grid_w <= least_w + INSIDE_W + 1e-6


def test_small_changes_are_not_followed() -> None:
    first_w, memory = shaved(0.0, 6000.0, limits(4000.0), Memory())
    for now_s, load_w in enumerate([6010.0, 5990.0, 6020.0, 5980.0]):
        after_w, memory = shaved(0.0, load_w, limits(4000.0), memory, float(now_s))
        assert after_w == first_w


def test_batteries_do_not_turn_round_until_10_s_after_the_last_violation() -> None:
    settings = limits(4000.0, 1000.0)
    _, memory = shaved(0.0, 6000.0, settings, Memory(), 0.0)
    for now_s in (1.0, 5.0, LATCH_S - 0.1):
        after_w, memory = shaved(0.0, -5000.0, settings, memory, now_s)
        assert after_w == 0.0
    after_w, memory = shaved(0.0, -5000.0, settings, memory, LATCH_S)
    assert after_w == 4000.0 + INSIDE_W
    after_w, _ = shaved(0.0, 6000.0, settings, memory, LATCH_S + 1.0)
    assert after_w == 0.0


def test_nothing_is_taken_back_when_a_peak_ends() -> None:
    _, memory = shaved(0.0, 6000.0, limits(4000.0, 1000.0), Memory(), 0.0)
    after_w, memory = shaved(0.0, 500.0, limits(4000.0, 1000.0), memory, 1.0)
    assert after_w == 0.0
    assert memory.peak.target_w is None


def boxes(found: Shave | None) -> list[tuple[float, float]]:
    assert found is not None
    return [(u.lo_w, u.hi_w) for u in found.units]


def test_directions_give_way_before_what_the_user_holds_and_soc_never() -> None:
    charging = unit(0.0, 2500.0, lo_code=ReasonCode.DIRECTION)
    held = unit(500.0, 500.0, lo_code=ReasonCode.HOLD, hi_code=ReasonCode.HOLD)
    empty = Unit("m3", 0.0, 2500.0, ReasonCode.DIRECTION, can_hi_w=2500.0)
    units = [charging, held, empty]
    found, _ = shave(5500.0, 5000.0, units, limits(4000.0), Memory(), 0.0)
    assert boxes(found) == [(-2500.0, 2500.0), (500.0, 500.0), (0.0, 2500.0)]
    found, _ = shave(5500.0, 8000.0, units, limits(4000.0), Memory(), 0.0)
    assert boxes(found) == [(-2500.0, 2500.0), (-2500.0, 500.0), (0.0, 2500.0)]


# --- in a whole decision


def decided(strategy: str, grid_w: float, *, empty: bool = False, hold_w: float | None = None) -> Decision:
    """The decision on the third sample of a steady house, with two batteries at rest."""
    settings = settings_of(
        battery_settings("m1"),
        battery_settings("m2", override=Override(hold_power_w=hold_w)),
        strategy=strategy,
        peak=PeakSettings(4000.0, 2000.0),
    )
    soc_pct = 5.0 if empty else 50.0
    memory = Memory()
    for now_s in range(3):
        batteries = [seen(i, 0.0, time_s=float(now_s), soc_pct=soc_pct) for i in ("m1", "m2")]
        snapshot = picture(float(now_s), grid_w, batteries)
        decision, memory = decide(snapshot, settings, memory, WITH_STANDBY)
    # No news: nothing changes.
    again, _ = decide(picture(3.5, grid_w, batteries, new=False), settings, memory, WITH_STANDBY)
    assert [b.setpoint_w for b in again.batteries] == [b.setpoint_w for b in decision.batteries]
    assert_adds_up(again)
    return decision


def assert_adds_up(decision: Decision) -> None:
    given_w = sum(b.setpoint_w for b in decision.batteries)
    named_w = sum(reason.power_w for b in decision.batteries for reason in b.reasons)
    assert named_w == pytest.approx(given_w - decision.wanted_w, abs=2.0)


@pytest.mark.parametrize("strategy", ["standby", "self-consumption", "charge", "zero-import"])
@pytest.mark.parametrize("grid_w", [-6000.0, -2500.0, 500.0, 3000.0, 6000.0, 12000.0])
@pytest.mark.parametrize("hold_w", [None, 1500.0])
def test_with_every_strategy_the_limit_holds_and_reasons_add_up(
    strategy: str, grid_w: float, hold_w: float | None
) -> None:
    decision = decided(strategy, grid_w, hold_w=hold_w)
    total_w = grid_w + sum(b.setpoint_w for b in decision.batteries)
    assert total_w <= 4000.0 or sum(b.setpoint_w for b in decision.batteries) == -5000.0
    assert total_w >= -2000.0
    assert_adds_up(decision)


def test_standby_shaves_and_says_why() -> None:
    decision = decided("standby", 6000.0)
    assert decision.wanted_w == 0.0
    peak = [r for b in decision.batteries for r in b.reasons if r.code is ReasonCode.PEAK]
    assert sum(r.power_w for r in peak) == pytest.approx(-2000.0 - INSIDE_W)
    assert all(b.reasons == () for b in decision.batteries if b.setpoint_w == 0.0)


def test_full_stop_is_exempt() -> None:
    assert [b.setpoint_w for b in decided("full-stop", 9000.0).batteries] == [0.0, 0.0]


def test_a_held_battery_gives_way_only_when_the_others_do_not_suffice() -> None:
    powers_w = [b.setpoint_w for b in decided("standby", 4500.0, hold_w=1500.0).batteries]
    assert powers_w == [4000.0 - INSIDE_W - 4500.0 - 1500.0, 1500.0]
    powers_w = [b.setpoint_w for b in decided("standby", 5500.0, hold_w=1500.0).batteries]
    assert powers_w == [4000.0 - INSIDE_W - 5500.0, 0.0]


def test_an_empty_battery_is_not_asked() -> None:
    assert [b.setpoint_w for b in decided("standby", 9000.0, empty=True).batteries] == [0.0, 0.0]
