"""A daemon that only exists on paper, and a state to show."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import httpx

from phasewise.config import Change, SettingsState, Wrong
from phasewise.engine.ahead import Ahead, DayPart, Expected, PlanStep, PriceAhead
from phasewise.engine.controls import (
    Health,
    Hold,
    IdentifyError,
    NotRecordedError,
    NotSavedError,
    OverrideError,
    Saved,
    SettingsError,
    SettingsSaved,
    UnknownAlarmError,
    UnknownBatteryError,
    UnknownInputError,
    UnknownStrategyError,
)
from phasewise.engine.live import Live
from phasewise.engine.state import (
    AlarmState,
    BatteryState,
    Counters,
    GridState,
    HoldState,
    IdentifyPhaseState,
    IdentifySampleState,
    IdentifyState,
    InputState,
    MappingState,
    OverrideState,
    PhaseState,
    ProtectionState,
    ReasonState,
    StrategyState,
    SupportState,
    SystemState,
)
from phasewise.model import Assignment
from phasewise.model.event import Started
from phasewise.store.events import EventPage, EventQuery, KeptEvent

Connect = Callable[..., httpx.AsyncClient]
"""The `connect` fixture."""

STRATEGIES = ("self-consumption", "charge", "full-stop")


def make_state(time: str = "2026-06-01T12:00:00Z", *, load_w: float | None = 950.0) -> SystemState:
    """One battery on L1, one unassigned; L3 lost."""
    phase = PhaseState(
        power_w=-1240.0,
        current_a=5.4,
        voltage_v=230.1,
        fuse_a=25.0,
        operating_limit_a=24.0,
        freshness="fresh",
        support_up_w=1500.0,
        support_down_w=2500.0,
        support_up=(SupportState("m1", 1500.0),),
        support_down=(SupportState("m1", 2500.0),),
    )
    lost = PhaseState(None, None, None, 25.0, 24.0, "lost", 0.0, 0.0, (), ())
    return SystemState(
        time=time,
        version="1.2.3",
        site="Home",
        strategy=StrategyState("self-consumption", "self-consumption", STRATEGIES),
        grid=GridState(12.0, "fresh", 0.3, 1.0, {"L1": phase, "L3": lost}, 1500.5, None),
        load_w=load_w,
        target_grid_w=0.0,
        batteries=(_battery("m1", "Garage", "L1"), _battery("m2", 'Attic "\\\n<b>', "unassigned")),
        alarms=(
            AlarmState("battery-unreachable", "warning", "m2", "It can't be reached.", time),
            AlarmState("meter-rejected", "info", None, "Rejected.", time),
        ),
        protection=ProtectionState(True, True, "worst-case"),
        identify=_identify(),
        inputs=(InputState("car", True, 90.0),),
    )


def _identify() -> IdentifyState:
    """m1 turns out to be on L2."""
    return IdentifyState(
        battery_id="m1",
        state="done",
        code=None,
        text="L2 followed Garage in 1 of 1 steps.",
        cycle=1,
        progress=1.0,
        outcome="L2",
        confidence=0.99,
        configured="L1",
        matches=False,
        high_w=1000.0,
        low_w=-1000.0,
        steps=1,
        agreeing=1,
        expected_w=(2000.0,),
        phases={"L2": IdentifyPhaseState((1990.0,), 0.99, 0.99)},
        samples=(IdentifySampleState(1.0, 998.0, (100.0, 1240.0, -20.0)),),
    )


def _battery(id_: str, name: str, phase: str) -> BatteryState:
    return BatteryState(
        id=id_,
        name=name,
        phase=phase,
        soc_pct=55.5,
        power_w=-800.0,
        setpoint_w=-810.0,
        available=True,
        reachable=True,
        state="discharge",
        age_s=1.2,
        temperature_c=None,
        max_charge_w=2500.0,
        max_discharge_w=2500.0,
        min_soc_pct=12.0,
        max_soc_pct=100.0,
        reasons=(ReasonState("soc-limit", -100.0, None, "Full."),),
        mapping=MappingState("L2", 0.97, False, "Seen on L2.") if phase == "L1" else None,
        override=OverrideState(HoldState(500.0, None)) if phase == "L1" else "auto",
    )


class FakeControls:
    """Implements `Controls` and remembers what it was asked."""

    def __init__(self, state: SystemState | None = None) -> None:
        self.live = Live()
        if state is not None:
            self.live.publish(state)
        self.phases: dict[str, Assignment] = {"m1": Assignment.L1, "m2": Assignment.UNASSIGNED}
        self.overrides: dict[str, Hold | bool] = {}
        self.inputs: dict[str, tuple[bool, float | None]] = {}
        self.acknowledged: list[tuple[str, str | None]] = []
        self.strategy = "self-consumption"
        self.values: dict[str, object] = {"site": {"name": ""}}
        self.settings_changes: list[Change] = []
        self.identifying: str | None = None
        self.writable = True
        self.ok = True
        self.broken: Exception | None = None
        self.recorded: list[bytes] | None = [b"first part", b"last part"]
        self.recording_asked_s: list[float] = []
        self.kept_span: tuple[float, float] | None = (1_780_000_000.0, 1_780_050_000.5)
        self.stretches_asked: list[tuple[float, float]] = []
        self.queries: list[EventQuery] = []
        self.page = EventPage((KeptEvent(7, 1_780_000_000.5, Started(version="1.2.3")),), 7)

    def counters(self) -> Counters:
        return Counters(120, 119, 1, 2, {"m1": 40, "m2": 3}, {"m2": 7}, 0.25)

    def health(self) -> Health:
        if self.broken is not None:
            raise self.broken
        return Health(self.ok, "All is well." if self.ok else "The meter is lost.", 0.4)

    def ahead(self) -> Ahead:
        start, end = "2026-06-01T12:00:00.000Z", "2026-06-01T13:00:00.000Z"
        return Ahead(
            time=start,
            prices=(PriceAhead(start, end, 0.21, -0.01, "pv"), PriceAhead(start, end, 0.31, 0.1, None)),
            plan=(PlanStep(start, end, "idle", 0.0, 55.5),),
            soc_pct=54.0,
            windows=(DayPart(start, end, "charge"),),
            pv_forecast=(Expected(start, end, 2400.0),),
            load_forecast=(),
        )

    def recording(self, seconds: float) -> Iterator[bytes] | None:
        self.recording_asked_s.append(seconds)
        return None if self.recorded is None else iter(self.recorded)

    async def recording_between(self, from_utc_s: float, to_utc_s: float) -> AsyncIterator[bytes]:
        if self.kept_span is None:
            raise NotRecordedError("Nothing is recorded yet. Ask again in a minute.")
        self.stretches_asked.append((from_utc_s, to_utc_s))
        return self._stretch()

    async def _stretch(self) -> AsyncIterator[bytes]:
        yield b"first chapter"
        yield b"last chapter"

    async def recorded_span(self) -> tuple[float, float] | None:
        return self.kept_span

    async def events(self, query: EventQuery) -> EventPage:
        self.queries.append(query)
        return self.page

    def start_identify(self, battery_id: str) -> None:
        if battery_id not in self.phases:
            raise UnknownBatteryError(f"There is no battery {battery_id!r}; there are: m1, m2.")
        if self.identifying is not None:
            raise IdentifyError("The phase of another battery is being identified.")
        self.identifying = battery_id

    def end_identify(self) -> None:
        if self.identifying is None:
            raise IdentifyError("No phase is being identified.")
        self.identifying = None

    def acknowledge_alarm(self, code: str, subject: str | None) -> None:
        state = self.live.current
        if state is None or (code, subject) not in [(a.code, a.subject) for a in state.alarms]:
            raise UnknownAlarmError(f"no alarm {code!r} stands")
        self.acknowledged.append((code, subject))

    async def set_phase(self, battery_id: str, phase: Assignment) -> Saved:
        if battery_id not in self.phases:
            raise UnknownBatteryError(f"There is no battery {battery_id!r}; there are: m1, m2.")
        if not self.writable:
            raise NotSavedError("home.yaml can't be written (read-only file system), so nothing was changed.")
        self.phases[battery_id] = phase
        return Saved(persisted=True)

    async def set_override(self, battery_id: str, override: Hold | bool) -> Saved:
        if battery_id not in self.phases:
            raise UnknownBatteryError(f"There is no battery {battery_id!r}; there are: m1, m2.")
        if isinstance(override, Hold) and override.until == "soon":
            raise OverrideError("'soon' is not a date and time.")
        if not self.writable:
            raise NotSavedError("home.yaml can't be written (read-only file system), so nothing was changed.")
        self.overrides[battery_id] = override
        return Saved(persisted=True)

    def set_input(self, name: str, *, on: bool, expires_s: float | None) -> None:
        if name != "car":
            raise UnknownInputError(f"There is no input {name!r}; there are: car.")
        self.inputs[name] = (on, expires_s)

    async def select_strategy(self, name: str) -> Saved:
        if name not in STRATEGIES:
            raise UnknownStrategyError(f"There is no strategy {name!r}; there are: {', '.join(STRATEGIES)}.")
        self.strategy = name
        return Saved(persisted=self.writable, detail=None if self.writable else "Until the next restart.")

    async def settings(self) -> SettingsState:
        if not self.writable:
            raise NotSavedError("home.yaml can't be read.")
        wrong = (Wrong(("site", "name"), "is empty", "some text"),)
        return SettingsState("home.yaml", "r1", None, dict(self.values), (("site", "name"),), wrong, {})

    async def change_settings(
        self, changes: Sequence[Change], *, revision: str | None, dry_run: bool
    ) -> SettingsSaved:
        if revision not in {None, "r1"}:
            raise NotSavedError("home.yaml was changed meanwhile.")
        if wrong := [Wrong(c.path, "is no key") for c in changes if c.path[0] not in self.values]:
            raise SettingsError("; ".join(map(str, wrong)), wrong)
        self.settings_changes += [] if dry_run else changes
        return SettingsSaved(not dry_run, None, "r1" if dry_run else "r2")
