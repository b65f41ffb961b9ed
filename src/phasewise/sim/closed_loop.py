"""A controller and a simulated house, in simulated time: deterministic, no wall clock."""

import math
import random
from collections import deque
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.freshness import MeterWatch, Verdict, admit
from phasewise.model import (
    Alarm,
    AlarmCode,
    BatteryReading,
    BatterySnapshot,
    Command,
    Decision,
    GridReading,
    PhaseReading,
    ReasonCode,
    Site,
    Snapshot,
)
from phasewise.model.prices import PriceInterval
from phasewise.sim.battery import SimBattery
from phasewise.sim.house import DelayLine, MeterSample, SimHouse

TICK_S = 0.1
"""Resolution of the scorecard. Batteries and energies are exact between ticks; loads change on ticks."""
LATENESS = 1e-9
"""Ticks are sums of floats: this much too early is on time."""


RELIEF_W = 1.0
"""Relief of less than this is rounding."""


class Rounding(StrEnum):
    """What a meter does with the digits of a current that it does not show."""

    NEAREST = "nearest"
    DOWN = "down"


class Controller(Protocol):
    """Anything that can be put on the plant."""

    def control(self, snapshot: Snapshot) -> Decision:
        """What to do, given this picture; keeps its own memory."""
        ...


class LoopTiming(Struct, frozen=True):
    """When things are measured and seen."""

    meter_cadence_s: float = 1.0
    meter_delay_s: float = 1.0
    """How late a sample is seen."""
    assumed_delay_s: float = 1.0
    """How late the controller takes it to be."""
    telemetry_cadence_s: float = 2.0
    meter_phase_s: float = 0.0
    """Offset of the meter's samples against the time axis."""
    current_quantum_a: float = 1.0
    """Resolution of the meter's currents: whole amps (NL) or 0.01 A (BE)."""
    current_rounding: Rounding = Rounding.NEAREST
    dropouts: float = 0.0
    """Share of the telegrams that never arrive."""
    telemetry_delay_s: float = 0.0
    """How old a battery's values are when they are read."""
    telemetry_capacity: bool = False
    """Whether a battery tells its capacity."""
    utc_offset_s: float = 0.0
    """Unix time at the start of the run."""


class Raised(Struct):
    """An alarm, and how long it stood."""

    alarm: Alarm
    """As it was raised; its detail may have changed since."""
    from_s: float
    until_s: float = math.inf


class Trace(Struct):
    """What happened, at every tick."""

    tick_s: float = TICK_S
    time_s: list[float] = []
    grid_w: list[tuple[float, float, float]] = []
    """True grid power per phase."""
    current_a: list[tuple[float, float, float]] = []
    """True RMS current per phase."""
    battery_w: list[tuple[float, ...]] = []
    setpoint_w: list[tuple[float, ...]] = []
    soc_pct: list[tuple[float, ...]] = []
    writes: list[int] = []
    """Setpoint changes per battery over the run."""
    write_s: list[list[float]] = []
    """When each battery was written."""
    reasons: dict[tuple[str, ReasonCode], list[float]] = {}
    """By battery and cause: seconds it was given as a reason, Wh it accounts for (given minus wanted)."""
    alarms: list[Raised] = []
    """Everything that was raised, in the order in which it was."""
    executing: list[tuple[float, str]] = []
    """(time, strategy that runs from then on)"""
    relieving: list[bool] = []
    """At every tick, whether the decision in force makes a battery relieve a phase."""

    def total_w(self) -> list[float]:
        """True grid total at every tick."""
        return [p1 + p2 + p3 for p1, p2, p3 in self.grid_w]


def grid_reading(
    sample: MeterSample,
    now_s: float,
    age_s: float,
    *,
    current_quantum_a: float = 1.0,
    current_rounding: Rounding = Rounding.NEAREST,
    lost: Collection[int] = (),
) -> GridReading:
    """A sample as a DSMR 5 meter shows it: 1 W, whole amps (or 0.01 A), unsigned.

    `lost`: phases (0, 1, 2) that the telegram says nothing of.
    """
    p1, p2, p3 = sample.power_w
    down = current_rounding is Rounding.DOWN

    def phase(index: int) -> PhaseReading | None:
        if index in lost:
            return None
        quanta = sample.current_a[index] / current_quantum_a
        shown = math.floor(quanta) if down else round(quanta)
        power_w = float(round(sample.power_w[index]))
        return PhaseReading(power_w, shown * current_quantum_a, sample.voltage_v[index])

    return GridReading(
        received_s=now_s,
        total_power_w=float(round(p1 + p2 + p3)),
        phases=(phase(0), phase(1), phase(2)),
        sample_age_s=age_s,
        meter_time_s=sample.time_s,
        current_quantum_a=current_quantum_a,
        current_allowance_a=current_quantum_a if down else current_quantum_a / 2.0,
    )


class _Telemetry:
    """What one battery says of itself, when it is asked, with the faults that telemetry has."""

    def __init__(self, first_s: float, timing: LoopTiming) -> None:
        self.next_s = first_s
        self.reading: BatteryReading | None = None
        self.frozen = False
        """While True its values stay as they are, though it goes on answering."""
        self.delay_s = timing.telemetry_delay_s
        """How old its values are."""
        self._tells_capacity = timing.telemetry_capacity
        self._answers: deque[BatteryReading] = deque()

    def read(self, battery: SimBattery, now_s: float) -> None:
        """Ask the battery; the answer counts as of now, however old its values are."""
        battery.advance(now_s)
        answer = BatteryReading(
            time_s=now_s,
            ac_power_w=float(round(battery.ac_power_w)),
            soc_pct=float(round(battery.soc_pct)),
            battery_power_w=float(round(battery.dc_power_w)),
            capacity_wh=battery.spec.capacity_wh if self._tells_capacity else None,
        )
        if self.frozen and self.reading is not None:
            self.reading = replace(self.reading, time_s=now_s)
        elif self.delay_s:
            self._answers.append(answer)
            while len(self._answers) > 1 and self._answers[1].time_s <= now_s - self.delay_s:
                self._answers.popleft()
            self.reading = replace(self._answers[0], time_s=now_s)
        else:
            self.reading = answer


class ClosedLoop:
    """Runs a controller on a house, tick by tick.

    Meter, batteries and connections can be broken and mended between two calls of `run`: set
    `meter_alive`, `meter_replays`, `lost_phases`, `reachable[i]`, `telemetry[i].frozen`,
    `telemetry[i].delay_s` and each battery's own `fault`.
    """

    def __init__(
        self,
        house: SimHouse,
        ids: Sequence[str],
        controller: Controller,
        *,
        site: Site,
        timing: LoopTiming = LoopTiming(),  # noqa: B008 - frozen
        tick_s: float = TICK_S,
        every_tick: bool = False,
        seed: int = 1,
        prices: tuple[PriceInterval, ...] = (),
    ) -> None:
        """`every_tick`: ask the controller at every tick, also without news. `seed` draws dropouts."""
        self._prices = prices
        self.house = house
        self.ids = tuple(ids)
        self.controller = controller
        self.site = site
        self.timing = timing
        self.trace = Trace(tick_s=tick_s, writes=[0] * len(self.ids), write_s=[[] for _ in self.ids])
        self.meter_alive = True
        self.meter_replays = False
        """While True the meter sends its last telegram again and again."""
        self.lost_phases: set[int] = set()
        """Phases (0, 1, 2) that the telegrams say nothing of."""
        self.reachable = [True] * len(self.ids)
        # Telemetry of several batteries never falls on one instant.
        self.telemetry = [_Telemetry(0.3 + 0.37 * index, timing) for index in range(len(self.ids))]
        self._batteries = [battery for _, battery in house.batteries]
        self._next_read_s = min((telemetry.next_s for telemetry in self.telemetry), default=math.inf)
        self._tick_s = tick_s
        self._tick = 0
        self._line = DelayLine(timing.meter_delay_s)
        self._watch = MeterWatch()
        self._random = random.Random(seed)
        self._next_sample_s = timing.meter_phase_s
        self._slow_tick_s = 0.0 if every_tick else 1.0
        self._next_slow_tick_s = 0.0
        self._controlled_s = 0.0
        self._relieving = False
        self._standing: dict[tuple[AlarmCode, str | None], Raised] = {}
        self._setpoints: list[float | None] = [None] * len(self.ids)
        self._told_w: tuple[float, ...] = (0.0,) * len(self.ids)

    @property
    def now_s(self) -> float:
        """Simulated time."""
        return self._tick * self._tick_s

    def run(self, seconds: float) -> Trace:
        """Let that much simulated time pass."""
        for _ in range(round(seconds / self._tick_s)):
            self._step()
        return self.trace

    def _step(self) -> None:
        now_s = self.now_s
        if now_s >= self._next_read_s - LATENESS:
            self._read_batteries(now_s)
        reading = self._telegram(now_s)
        if reading is not None:
            self._watch, verdict, _ = admit(self._watch, reading, self.site)
            if verdict is Verdict.ACCEPTED:
                self._control(now_s, grid_is_new=True)
        elif now_s >= self._next_slow_tick_s - LATENESS:
            self._control(now_s, grid_is_new=False)
        self._record(now_s)
        self._tick += 1

    def _read_batteries(self, now_s: float) -> None:
        for index, telemetry in enumerate(self.telemetry):
            if now_s >= telemetry.next_s - LATENESS:
                telemetry.next_s += self.timing.telemetry_cadence_s
                if self.reachable[index]:
                    telemetry.read(self._batteries[index], now_s)
        self._next_read_s = min(telemetry.next_s for telemetry in self.telemetry)

    def _telegram(self, now_s: float) -> GridReading | None:
        """What the meter sends now, if anything."""
        if now_s >= self._next_sample_s - LATENESS:
            self._next_sample_s += self.timing.meter_cadence_s
            if self.meter_alive and self.meter_replays and self._watch.last is not None:
                return replace(self._watch.last, received_s=now_s)
            if not self.timing.dropouts or self._random.random() >= self.timing.dropouts:
                self._line.put(self.house.sample(now_s))
        sample = self._line.due(now_s)
        if sample is None or not self.meter_alive or self.meter_replays:
            return None
        timing = self.timing
        return grid_reading(
            sample,
            now_s,
            timing.assumed_delay_s,
            current_quantum_a=timing.current_quantum_a,
            current_rounding=timing.current_rounding,
            lost=self.lost_phases,
        )

    def _control(self, now_s: float, *, grid_is_new: bool) -> None:
        self._next_slow_tick_s = now_s + self._slow_tick_s
        snapshot = Snapshot(
            time_s=now_s,
            utc_s=now_s + self.timing.utc_offset_s,
            grid=self._watch.last,
            grid_is_new=grid_is_new,
            grid_cadence_s=self._watch.cadence_s,
            batteries=tuple(
                [
                    BatterySnapshot(i, seen.reading, seen.reading is not None and reachable)
                    for i, seen, reachable in zip(self.ids, self.telemetry, self.reachable, strict=True)
                ]
            ),
            prices=self._prices,
        )
        decision = self.controller.control(snapshot)
        self._note(decision, now_s)
        for index, told in enumerate(decision.batteries):
            unchanged = told.command is Command.SET and told.setpoint_w == self._setpoints[index]
            if told.command is Command.NONE or unchanged:
                continue
            self._setpoints[index] = told.setpoint_w
            self._told_w = tuple([setpoint_w or 0.0 for setpoint_w in self._setpoints])
            self.trace.writes[index] += 1
            self.trace.write_s[index].append(now_s)
            if self.reachable[index]:
                self._batteries[index].command(told.setpoint_w, now_s)

    def _note(self, decision: Decision, now_s: float) -> None:
        """Add up the reasons since the decision before, and the alarms."""
        passed_s = now_s - self._controlled_s
        self._controlled_s = now_s
        if not self.trace.executing or self.trace.executing[-1][1] != decision.executing:
            self.trace.executing.append((now_s, decision.executing))
        self._relieving = any(abs(phase.relief_w) >= RELIEF_W for phase in decision.phases)
        for told in decision.batteries:
            for reason in told.reasons:
                sums = self.trace.reasons.setdefault((told.id, reason.code), [0.0, 0.0])
                sums[0] += passed_s
                sums[1] += reason.power_w * passed_s / 3600.0
                if reason.code is ReasonCode.RELIEF:
                    self._relieving = True
        if decision.alarms or self._standing:
            self._note_alarms(decision.alarms, now_s)

    def _note_alarms(self, alarms: Sequence[Alarm], now_s: float) -> None:
        """An alarm stands from the decision that raises it to the first that does not."""
        before, self._standing = self._standing, {}
        for alarm in alarms:
            raised = before.pop((alarm.code, alarm.subject), None)
            if raised is None:
                raised = Raised(alarm, now_s)
                self.trace.alarms.append(raised)
            self._standing[alarm.code, alarm.subject] = raised
        for ended in before.values():
            ended.until_s = now_s

    def _record(self, now_s: float) -> None:
        trace, house = self.trace, self.house
        trace.time_s.append(now_s)
        trace.grid_w.append(house.power_w(now_s))
        trace.current_a.append(house.current_a(now_s))
        trace.battery_w.append(tuple([battery.ac_power_w for battery in self._batteries]))
        trace.setpoint_w.append(self._told_w)
        trace.soc_pct.append(tuple([battery.soc_pct for battery in self._batteries]))
        trace.relieving.append(self._relieving)
