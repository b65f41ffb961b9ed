"""Frozen value types shared by every room. Positive power = import from the grid, and charging."""

from phasewise.model.decision import (
    Alarm,
    AlarmCode,
    BatteryDecision,
    Command,
    Decision,
    Intent,
    PhaseDecision,
    Reason,
    ReasonCode,
    Severity,
)
from phasewise.model.phase import PHASES, Assignment, Phase
from phasewise.model.readings import BatteryReading, GridReading, PhaseReading
from phasewise.model.site import (
    BatterySettings,
    Capabilities,
    Connection,
    ControlSettings,
    Override,
    PhaseProtection,
    Regulate,
    Settings,
    Site,
    Split,
    UnassignedPolicy,
)
from phasewise.model.snapshot import BatterySnapshot, Freshness, Snapshot

__all__ = [
    "PHASES",
    "Alarm",
    "AlarmCode",
    "Assignment",
    "BatteryDecision",
    "BatteryReading",
    "BatterySettings",
    "BatterySnapshot",
    "Capabilities",
    "Command",
    "Connection",
    "ControlSettings",
    "Decision",
    "Freshness",
    "GridReading",
    "Intent",
    "Override",
    "Phase",
    "PhaseDecision",
    "PhaseProtection",
    "PhaseReading",
    "Reason",
    "ReasonCode",
    "Regulate",
    "Settings",
    "Severity",
    "Site",
    "Snapshot",
    "Split",
    "UnassignedPolicy",
]
