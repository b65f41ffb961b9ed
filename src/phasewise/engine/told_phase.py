"""Phases that were chosen elsewhere, as in Home Assistant: compared with the configured ones, never used."""

from phasewise.model import Alarm, AlarmCode, Assignment, Fact, FactCode, Settings, Severity, Snapshot


def told_otherwise(snapshot: Snapshot, settings: Settings) -> list[Alarm]:
    """An alarm for each battery whose reading tells another phase than the user configured."""
    configured = {battery.id: battery.phase for battery in settings.batteries}
    found = []
    for battery in snapshot.batteries:
        phase = configured.get(battery.id)
        told = None if battery.reading is None else battery.reading.told_phase
        if phase is None or told is None or told == phase.value:
            continue
        severity = Severity.INFO if phase is Assignment.UNASSIGNED else Severity.WARNING
        facts = (Fact(FactCode.TOLD_PHASE, told),)
        found.append(Alarm(AlarmCode.PHASE_TOLD_OTHERWISE, severity, battery.id, facts=facts))
    return found
