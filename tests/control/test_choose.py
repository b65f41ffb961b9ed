"""Who decides: handing over, and the override for a car or another large load."""

import pytest
from control_kit import battery_settings, picture, seen, settings_of
from msgspec.structs import replace
from strategy_kit import STRATEGIES, Asker, asker

from phasewise.control.choose import LOAD_LASTS_S, NoStrategyError, remarks, wish
from phasewise.control.strategies import Delegate
from phasewise.control.strategies.charge import NO_FORECAST
from phasewise.control.strategies.dynamic import NO_PRICE
from phasewise.model import (
    Alarm,
    AlarmCode,
    Assignment,
    GridReading,
    Intent,
    Phase,
    PhaseReading,
    Settings,
    Severity,
    Snapshot,
)
from phasewise.model.memory import Memory, PhaseMemory, ProtectionMemory
from phasewise.model.strategy_options import ChargeOptions, EvOverride, FollowUp

CAR = EvOverride(threshold_w=3700.0, clear_after_s=60.0)


class HandsOver:
    """To another, always."""

    def __init__(self, to: str, note: str = "") -> None:
        self._to, self._note = to, note

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Delegate:
        return Delegate(self._to, notes=(self._note,))


# --- handing over


def test_notes_of_all_who_were_asked_are_kept() -> None:
    strategies = {**STRATEGIES, "a": HandsOver("b", "from a"), "b": HandsOver("charge", "from b")}
    asking = Asker(asker(strategy="a").settings, strategies=strategies)
    found = asking.ask(100.0)
    assert found.notes == ("from a", "from b", "charge: full reached")
    assert found.executing == "charge-pv"


@pytest.mark.parametrize(
    ("strategies", "says"),
    [
        ({"a": HandsOver("b"), "b": HandsOver("a")}, "strategies hand over in circles: a, b, a, b, a"),
        ({"a": HandsOver("gone")}, "there is no strategy 'gone'; there are: a"),
    ],
)
def test_handing_over_to_nobody(strategies: dict[str, HandsOver], says: str) -> None:
    with pytest.raises(NoStrategyError) as caught:
        Asker(asker(strategy="a").settings, strategies=strategies).ask(50.0)
    assert str(caught.value) == says


def test_a_strategy_may_name_what_it_executes() -> None:
    class Named:
        def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
            return Intent(grid_target_w=0.0, executing="plan: cheap")

    asking = Asker(asker(strategy="named").settings, strategies={"named": Named()})
    assert asking.executing(50.0) == "plan: cheap"


@pytest.mark.parametrize(
    ("note", "code"), [(NO_PRICE, AlarmCode.PRICE_UNKNOWN), (NO_FORECAST, AlarmCode.FORECAST_UNKNOWN)]
)
def test_what_a_strategy_lacks_is_said(note: str, code: AlarmCode) -> None:
    assert remarks(Intent(notes=("any", note))) == (Alarm(code, Severity.WARNING),)
    assert remarks(Intent(notes=("any",))) == ()


# --- the override


def run(asking: Asker, load_w: float | None, seconds: int, soc_pct: float = 50.0) -> list[str | None]:
    return [asking.executing(soc_pct, load_w=load_w) for _ in range(seconds)]


@pytest.mark.parametrize("strategy", [FollowUp.FULL_STOP, FollowUp.STANDBY])
def test_a_large_load_stops_the_batteries_until_it_is_over(strategy: FollowUp) -> None:
    asking = asker(ev_override=replace(CAR, strategy=strategy))
    assert set(run(asking, 3699.0, 30)) == {"self-consumption"}
    begun = run(asking, 3800.0, 30)
    assert begun.index(strategy.value) == LOAD_LASTS_S
    assert set(begun[int(LOAD_LASTS_S) :]) == {strategy.value}
    # A car that charges a little slower still charges.
    assert set(run(asking, 3000.0, 200)) == {strategy.value}
    ended = run(asking, 500.0, 100)
    assert ended.index("self-consumption") == CAR.clear_after_s - 1
    assert set(ended[int(CAR.clear_after_s) :]) == {"self-consumption"}


def test_a_short_peak_is_no_car() -> None:
    asking = asker(ev_override=CAR)
    for _ in range(20):
        assert set(run(asking, 5000.0, 9) + run(asking, 500.0, 5)) == {"self-consumption"}


def test_a_pause_that_is_short_does_not_end_it() -> None:
    asking = asker(ev_override=CAR)
    run(asking, 8000.0, 20)
    for _ in range(5):
        assert set(run(asking, 0.0, 50) + run(asking, 8000.0, 2)) == {"full-stop"}


def test_an_unknown_load_starts_nothing_and_ends_nothing_early() -> None:
    asking = asker(ev_override=CAR)
    assert set(run(asking, None, 60)) == {"self-consumption"}
    run(asking, 4000.0, 20)
    assert set(run(asking, None, 50)) == {"full-stop"}
    assert run(asking, None, 20)[-1] == "self-consumption"


def test_an_input_holds_as_long_as_it_is_on() -> None:
    asking = asker(ev_override=EvOverride(input="car"))
    asking.inputs = ("boiler",)
    assert asking.executing(50.0) == "self-consumption"
    asking.inputs = ("boiler", "car")
    assert run(asking, None, 3) == ["full-stop"] * 3
    asking.inputs = ()
    assert asking.executing(50.0) == "self-consumption"


def test_the_users_full_stop_wins() -> None:
    override = EvOverride(strategy=FollowUp.STANDBY, input="car")
    asking = asker(strategy="full-stop", ev_override=override)
    asking.inputs = ("car",)
    assert asking.ask(50.0) == Intent(stop=True, executing="full-stop")


def test_a_goal_that_was_reached_is_still_reached_after_the_car() -> None:
    charging = ChargeOptions(follow_up=FollowUp.SELF_CONSUMPTION)
    asking = asker(strategy="charge", charge=charging, ev_override=EvOverride(input="car"))
    assert asking.executing(100.0) == "self-consumption"
    asking.inputs = ("car",)
    assert run(asking, None, 5, 90.0) == ["full-stop"] * 5
    asking.inputs = ()
    assert asking.executing(90.0) == "self-consumption"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (ProtectionMemory(), "full-stop"),
        (ProtectionMemory((PhaseMemory(load_w=4000.0),)), "full-stop"),
        (ProtectionMemory((PhaseMemory(load_w=100.0),)), "self-consumption"),
        (ProtectionMemory((PhaseMemory(),)), "full-stop"),
    ],
)
def test_the_load_of_a_phase_is_without_its_batteries(known: ProtectionMemory, expected: str) -> None:
    """L1: 1.8 kW from the grid and 2 kW from its battery; those on L2 and nowhere do not count."""
    settings = settings_of(
        battery_settings("a", phase=Assignment.L1),
        battery_settings("b", phase=Assignment.L2),
        battery_settings("c"),
        ev_override=EvOverride(threshold_w=3700.0, phase=Phase.L1),
    )
    readings = [seen("a", -2000.0), seen("b", 2500.0), seen("c", 2500.0)]
    memory = Memory(protection=known)
    for second in range(12):
        grid = GridReading(float(second), 900.0, (PhaseReading(power_w=1800.0), None, None))
        snapshot = replace(picture(float(second), 900.0, readings), grid=grid)
        intent = wish(snapshot, settings, memory, STRATEGIES)
        memory = replace(memory, notes=intent.notes)
    assert intent.executing == expected


def test_a_phase_that_the_meter_does_not_show_starts_nothing() -> None:
    asking = asker(ev_override=EvOverride(threshold_w=1.0, phase=Phase.L2))
    assert set(run(asking, 9000.0, 20)) == {"self-consumption"}
