"""A phase that was chosen elsewhere is compared with the configured one, and never used."""

import msgspec
import pytest

from phasewise.engine.told_phase import told_otherwise
from phasewise.model import (
    Assignment,
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Settings,
    Site,
    Snapshot,
)

CAPABILITIES = Capabilities(2500.0, 2500.0)


def said(phase: Assignment, told: str | None) -> list[tuple[str, str, str]]:
    settings = Settings(Site(), (BatterySettings("m1", "One", CAPABILITIES, phase),))
    reading = BatteryReading(time_s=1.0, ac_power_w=0.0, soc_pct=50.0, told_phase=told)
    battery = BatterySnapshot("m1", reading, reachable=True)
    snapshot = msgspec.structs.replace(EMPTY, batteries=(battery,))
    return [
        (alarm.code.value, alarm.severity.value, str(alarm.facts[0].value))
        for alarm in told_otherwise(snapshot, settings)
    ]


EMPTY = Snapshot(time_s=1.0, utc_s=1.0, grid=None, grid_is_new=False, grid_cadence_s=1.0, batteries=())


@pytest.mark.parametrize("phase", list(Assignment))
@pytest.mark.parametrize("told", ["L1", "L2", "L3"])
def test_another_phase_is_said(phase: Assignment, told: str) -> None:
    severity = "info" if phase is Assignment.UNASSIGNED else "warning"
    expected = [] if phase.value == told else [("phase-told-otherwise", severity, told)]
    assert said(phase, told) == expected


@pytest.mark.parametrize("phase", list(Assignment))
def test_nothing_is_said_where_nothing_was_chosen(phase: Assignment) -> None:
    assert said(phase, None) == []


def test_a_battery_that_was_never_read_says_nothing() -> None:
    settings = Settings(Site(), (BatterySettings("m1", "One", CAPABILITIES, Assignment.L1),))
    snapshot = msgspec.structs.replace(EMPTY, batteries=(BatterySnapshot("m1", None, reachable=False),))
    assert told_otherwise(snapshot, settings) == []
