"""Settings of strategies in recordings, and what may be changed of them when asking what would have been."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert, msgpack, to_builtins

from phasewise.model import ControlSettings, Phase, Settings, Site
from phasewise.model.strategy_options import (
    ChargeGoal,
    ChargeOptions,
    DynamicOptions,
    EvOverride,
    FollowUp,
    SellOptions,
    TimedOptions,
    Weekday,
    Window,
)
from phasewise.replay.change import changed_settings, parse_change

amounts = st.none() | st.floats(0.0, 100.0)
charge = st.builds(ChargeOptions, goal=..., soc_pct=amounts, energy_kwh=amounts, grid_limit_w=amounts)
windows = st.builds(
    Window,
    start_min=st.integers(0, 1439),
    end_min=st.integers(0, 1440),
    strategy=st.text(max_size=10),
    days=st.lists(st.sampled_from(list(Weekday)), max_size=7).map(tuple),
    charge=st.none() | charge,
)
plain = st.none() | st.booleans() | st.floats(-1e6, 1e6) | st.text(max_size=5) | st.lists(st.integers(0, 9))
controls = st.builds(
    ControlSettings,
    charge=charge,
    sell=st.builds(SellOptions, soc_pct=amounts),
    timed=st.builds(TimedOptions, windows=st.lists(windows, max_size=3).map(tuple)),
    dynamic=st.builds(DynamicOptions),
    ev_override=st.none() | st.builds(EvOverride, threshold_w=amounts, input=st.none() | st.text(max_size=5)),
    options=st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(max_size=5), plain, max_size=3)),
)


@given(controls)
def test_settings_of_strategies_survive_a_recording(control: ControlSettings) -> None:
    settings = Settings(Site(), (), control)
    assert msgpack.decode(msgpack.encode(settings), type=Settings) == settings
    assert convert(to_builtins(settings), Settings) == settings


def changed(*texts: str) -> ControlSettings:
    return changed_settings(Settings(Site(), ()), [parse_change(text) for text in texts]).control


def test_settings_of_strategies_can_be_changed() -> None:
    found = changed(
        "control.strategy=charge",
        "control.charge.goal=soc",
        "control.charge.soc_pct=80",
        "control.sell.follow_up=standby",
        'control.ev_override={"threshold_w": 3700, "phase": "L2"}',
        'control.timed.windows=[{"start_min": 60, "end_min": 300, "strategy": "charge"}]',
    )
    assert found == ControlSettings(
        strategy="charge",
        charge=ChargeOptions(goal=ChargeGoal.SOC, soc_pct=80.0),
        sell=SellOptions(follow_up=FollowUp.STANDBY),
        ev_override=EvOverride(threshold_w=3700.0, phase=Phase.L2),
        timed=TimedOptions(windows=(Window(60, 300, "charge"),)),
    )
