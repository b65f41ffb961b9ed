"""Short ways to write down telegrams with phases, homes under protection, and what is decided for them."""

from collections.abc import Sequence

from control_kit import STRATEGIES, battery_settings, seen
from msgspec.structs import replace

from phasewise.control.decide import decide
from phasewise.model import (
    Assignment,
    BatterySettings,
    ControlSettings,
    Decision,
    GridReading,
    Phase,
    PhaseDecision,
    PhaseProtection,
    PhaseReading,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import Memory

STAR = Site()
PROTECTED = PhaseProtection(enabled=True)


def on(phase: Assignment | str, battery_id: str = "m1", **changes: object) -> BatterySettings:
    return battery_settings(battery_id, phase=Assignment(phase), **changes)


def home(*batteries: BatterySettings, site: Site = STAR, **control: object) -> Settings:
    """A home with protection on."""
    values: dict[str, object] = {"phase_protection": PROTECTED} | control
    return Settings(site, batteries, ControlSettings(**values))  # type: ignore[arg-type]  # keyword table


def telegram(
    now_s: float, loads_w: Sequence[float | None], quantum_a: float = 1.0, allowance_a: float = 0.5
) -> GridReading:
    """A telegram with power, whole amps and 230 V per phase; None = it says nothing of that phase."""
    phases = tuple(
        None if w is None else PhaseReading(w, round(abs(w) / 230.0 / quantum_a) * quantum_a, 230.0)
        for w in loads_w
    )
    phases += (None,) * (3 - len(phases))
    return GridReading(
        now_s,
        sum(w or 0.0 for w in loads_w),
        (phases[0], phases[1], phases[2]),
        current_quantum_a=quantum_a,
        current_allowance_a=allowance_a,
    )


class Home:
    """The core and a home whose batteries do within a second what they are told; unassigned ones are nowhere.

    The meter's values are a second old, so that what was told shows in the second telegram after it.
    """

    def __init__(self, settings: Settings, *, cadence_s: float = 1.0) -> None:
        self.settings = settings
        self.cadence_s = cadence_s
        self.memory = Memory()
        self.now_s = 100.0
        self.powers_w: dict[str, float] = {}
        """Setpoints in force."""
        self.seen_w: dict[str, float] = {}
        """Powers at the meter's instant."""
        self.soc_pct = 50.0
        self.quantum_a = 1.0
        self.blind: tuple[Phase, ...] = ()
        """Phases of which the meter says nothing."""
        self.truly: dict[str, Assignment] = {}
        """Where batteries are that are not where the settings say."""
        self.grid: GridReading | None = None
        self.decision: Decision | None = None

    def step(self, *loads_w: float, new: bool = True, passed_s: float | None = None) -> Decision:
        """One decision; `loads_w` is the house without batteries."""
        self.now_s += self.cadence_s if passed_s is None else passed_s
        if new and self.cadence_s > 2.0:
            self.seen_w = self.powers_w
        if new:
            self.grid = telegram(self.now_s, self._grid_w(loads_w), self.quantum_a, self.quantum_a / 2.0)
        snapshot = Snapshot(
            time_s=self.now_s,
            utc_s=self.now_s,
            grid=self.grid,
            grid_is_new=new,
            grid_cadence_s=self.cadence_s,
            batteries=tuple(
                seen(b.id, self.seen_w.get(b.id, 0.0), time_s=self.now_s - 1.0, soc_pct=self.soc_pct)
                for b in self.settings.batteries
            ),
        )
        self.decision, self.memory = decide(snapshot, self.settings, self.memory, STRATEGIES)
        self.seen_w = self.powers_w
        self.powers_w = {b.id: b.setpoint_w for b in self.decision.batteries}
        return self.decision

    def run(self, steps: int, *loads_w: float) -> Decision:
        for _ in range(steps - 1):
            self.step(*loads_w)
        return self.step(*loads_w)

    def _grid_w(self, loads_w: Sequence[float]) -> list[float | None]:
        found: list[float | None] = list(loads_w)
        for phase in self.settings.site.phases:
            found[phase.ordinal] = None if phase in self.blind else loads_w[phase.ordinal] + self.on_w(phase)
        return found

    def on_w(self, phase: Phase) -> float:
        """What the batteries of a phase do."""
        sum_w = 0.0
        for battery in self.settings.batteries:
            place = self.truly.get(battery.id, battery.phase)
            if place is Assignment.THREE_PHASE:
                sum_w += self.seen_w.get(battery.id, 0.0) / 3.0
            elif place.phase is phase:
                sum_w += self.seen_w.get(battery.id, 0.0)
        return sum_w

    def phase(self, phase: Phase) -> PhaseDecision:
        """What the last decision says of a phase."""
        assert self.decision is not None
        return next(p for p in self.decision.phases if p.phase is phase)

    def alarms(self) -> set[str]:
        assert self.decision is not None
        return {a.code.value for a in self.decision.alarms}

    def change(self, **control: object) -> None:
        """The user changes settings of the control while it runs."""
        self.settings = replace(self.settings, control=replace(self.settings.control, **control))
