"""Changes as a user writes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay_kit import home

from phasewise.model import Assignment, Settings
from phasewise.replay.change import changed_settings, parse_change
from phasewise.replay.recording import ReplayError


def after(*texts: str) -> Settings:
    return changed_settings(home(), [parse_change(text) for text in texts])


@pytest.mark.parametrize(
    ("text", "what", "value"),
    [
        ("control.target_grid_w=100", lambda s: s.control.target_grid_w, 100.0),
        ("control.target_grid_w = -12.5", lambda s: s.control.target_grid_w, -12.5),
        ("control.strategy=full-stop", lambda s: s.control.strategy, "full-stop"),
        ('control.priority=["m2", "m1"]', lambda s: s.control.priority, ("m2", "m1")),
        ("control.phase_protection.margin_a=2", lambda s: s.control.phase_protection.margin_a, 2.0),
        ("batteries.m2.override.hold_power_w=0", lambda s: s.batteries[1].override.hold_power_w, 0.0),
        ("control.phase_protection.enabled=true", lambda s: s.control.phase_protection.enabled, True),
        ("site.main_fuse_a=[25, 25, 35]", lambda s: s.site.main_fuse_a, (25.0, 25.0, 35.0)),
        ("site.time_zone=123", lambda s: s.site.time_zone, "123"),
        ("batteries.m2.phase=L3", lambda s: s.batteries[1].phase, Assignment.L3),
        ("batteries.m2.max_charge_w=800", lambda s: s.batteries[1].max_charge_w, 800.0),
        ("batteries.m1.override.out_of_service=true", lambda s: s.batteries[0].override.out_of_service, True),
    ],
)  # fmt: skip
def test_one_setting_is_changed_and_nothing_else(text: str, what: Any, value: object) -> None:
    found = after(text)
    assert what(found) == value
    assert type(what(found)) is type(value)
    assert what(home()) != value
    undone = str(what(home())).replace("'", '"').replace("(", "[").replace(")", "]")
    undone = {"None": "null", "True": "true", "False": "false"}.get(undone, undone)
    assert changed_settings(found, [parse_change(f"{text.partition('=')[0]}={undone}")]) == home()


@given(st.floats(-1e6, 1e6))
def test_a_number_is_taken_to_the_last_bit(target_w: float) -> None:
    assert after(f"control.target_grid_w={target_w!r}").control.target_grid_w == target_w


def test_the_last_of_two_changes_holds() -> None:
    assert after("control.target_grid_w=1", "control.target_grid_w=2").control.target_grid_w == 2.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("control.target_grid_w", "is not a change: write it like"),
        ("=5", "is not a change: write it like"),
        (
            "contol.strategy=x",
            "no setting 'contol.strategy'. At 'contol' there can be: site, batteries, control",
        ),
        ("control.target=5", "At 'target' there can be: strategy, target_grid_w,"),
        ("control=5", "no setting 'control'"),
        ("control.target_grid_w.x=5", "At 'x' there can be: nothing"),
        ("batteries.m3.phase=L1", "At 'm3' there can be: m1, m2"),
        ("batteries=5", "there can be: m1, m2"),
        ("batteries.m1=5", "there can be: m1, m2"),
        ("batteries.m1.id=m2", "there can be: phase, max_charge_w,"),
        ("batteries.m1.capabilities.min_power_w=5", "there can be: phase, max_charge_w,"),
        ("control.target_grid_w=much", "'control.target_grid_w' does not take 'much': Expected `float`"),
        ("control.target_grid_w=NaN", "not a finite number"),
        ("control.target_grid_w=1e999", "not a finite number"),
        ("control.prefer_own_phase=maybe", "Expected `bool`"),
        ("control.regulate=both", "allowed are total, per-phase"),
        ("batteries.m1.phase=L4", "allowed are L1, L2, L3, three-phase, unassigned"),
        ("batteries.m1.max_charge_w=2501", "max_charge_w is 2501; allowed: 0 to 2500"),
        ("batteries.m1.max_discharge_w=-1", "max_discharge_w is -1; allowed: 0 to 2500"),
        ("batteries.m1.min_soc_pct=100", "min_soc_pct 100 and max_soc_pct 100 must lie between"),
    ],
)
def test_what_is_wrong_is_said_with_what_there_is(text: str, said: str) -> None:
    with pytest.raises(ReplayError) as caught:
        after(text)
    assert said in str(caught.value)
