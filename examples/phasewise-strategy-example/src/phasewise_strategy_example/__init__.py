"""Self-consumption that keeps a reserve on every phase."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from phasewise.control.strategies import Delegate
from phasewise.model import Intent, Phase, Settings, Snapshot
from phasewise.model.memory import Memory

NAME = "phase-reserve"
LOW = "phase-reserve: low"
RESUME_PCT = 3.0
"""So much above the reserve, the house is served again: a state of charge wavers by a step or two."""


class Options(BaseModel):
    """The keys of `control.phase-reserve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reserve_pct: Annotated[float, Field(ge=0, le=100)] = 30.0


class PhaseReserve:
    """Serves the house while the fullest battery of every phase is above the reserve."""

    options_model = Options

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent | Delegate:
        """Self-consumption, or the same without discharging; idle without any assigned battery."""
        options = Options.model_validate(settings.control.options.get(NAME, {}))
        fullest = fullest_by_phase(snapshot, settings)
        if not fullest:
            return Delegate("standby")
        keep_pct = options.reserve_pct + (RESUME_PCT if LOW in memory.notes else 0.0)
        low = min(fullest.values()) <= keep_pct
        return Intent(
            grid_target_w=settings.control.target_grid_w,
            may_discharge=not low,
            notes=(LOW,) if low else (),
        )


def fullest_by_phase(snapshot: Snapshot, settings: Settings) -> dict[Phase, float]:
    """State of charge, in %, of the fullest battery on each phase that has one which tells it."""
    found: dict[Phase, float] = {}
    for battery, seen in zip(settings.batteries, snapshot.batteries, strict=True):
        phase = battery.phase.phase
        reading = seen.reading
        if phase is None or not seen.reachable or reading is None or reading.soc_pct is None:
            continue
        found[phase] = max(found.get(phase, 0.0), reading.soc_pct)
    return found
