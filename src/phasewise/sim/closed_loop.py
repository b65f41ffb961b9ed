"""A controller and a simulated house, in simulated time: deterministic, no wall clock."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from phasewise.control.freshness import MeterWatch, Verdict, admit
from phasewise.model import (
    BatteryReading,
    BatterySnapshot,
    Command,
    Decision,
    GridReading,
    PhaseReading,
    Site,
    Snapshot,
)
from phasewise.sim.house import DelayLine, MeterSample, SimHouse

TICK_S = 0.1


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


class Trace(Struct):
    """What happened, at every tick of 0.1 s."""

    time_s: list[float] = []
    grid_w: list[tuple[float, float, float]] = []
    """True grid power per phase."""
    battery_w: list[tuple[float, ...]] = []
    setpoint_w: list[tuple[float, ...]] = []
    writes: list[int] = []
    """Setpoint changes per battery over the run."""

    def total_w(self) -> list[float]:
        """True grid total at every tick."""
        return [sum(phases) for phases in self.grid_w]


def grid_reading(sample: MeterSample, now_s: float, age_s: float) -> GridReading:
    """A sample as a DSMR 5 meter shows it: 1 W, whole amps, unsigned."""
    phases = [
        PhaseReading(power_w=float(round(w)), current_a=float(round(a)), voltage_v=v)
        for w, a, v in zip(sample.power_w, sample.current_a, sample.voltage_v, strict=True)
    ]
    return GridReading(
        received_s=now_s,
        total_power_w=float(round(sample.total_w)),
        phases=(phases[0], phases[1], phases[2]),
        sample_age_s=age_s,
        meter_time_s=sample.time_s,
        current_quantum_a=1.0,
    )


class ClosedLoop:
    """Runs a controller on a house, tick by tick."""

    def __init__(
        self,
        house: SimHouse,
        ids: Sequence[str],
        controller: Controller,
        *,
        site: Site,
        timing: LoopTiming = LoopTiming(),  # noqa: B008 - frozen
    ) -> None:
        self.house = house
        self.ids = tuple(ids)
        self.controller = controller
        self.site = site
        self.timing = timing
        self.trace = Trace(writes=[0] * len(self.ids))
        self.meter_alive = True
        self.reachable = [True] * len(self.ids)
        self._tick = 0
        self._line = DelayLine(timing.meter_delay_s)
        self._watch = MeterWatch()
        self._next_sample_s = timing.meter_phase_s
        self._next_slow_tick_s = 0.0
        self._readings: list[BatteryReading | None] = [None] * len(self.ids)
        # Telemetry of several batteries never falls on one instant.
        self._next_read_s = [0.3 + 0.37 * index for index in range(len(self.ids))]
        self._setpoints: list[float | None] = [None] * len(self.ids)

    @property
    def now_s(self) -> float:
        """Simulated time."""
        return self._tick * TICK_S

    def run(self, seconds: float) -> Trace:
        """Let that much simulated time pass."""
        for _ in range(round(seconds / TICK_S)):
            self._step()
        return self.trace

    def _step(self) -> None:
        now_s = self.now_s
        self._read_batteries(now_s)
        if self.meter_alive and now_s >= self._next_sample_s - 1e-9:
            self._line.put(self.house.sample(now_s))
            self._next_sample_s += self.timing.meter_cadence_s
        sample = self._line.due(now_s) if self.meter_alive else None
        if sample is not None:
            reading = grid_reading(sample, now_s, self.timing.assumed_delay_s)
            self._watch, verdict, _ = admit(self._watch, reading, self.site)
            if verdict is Verdict.ACCEPTED:
                self._control(now_s, grid_is_new=True)
        elif now_s >= self._next_slow_tick_s:
            self._control(now_s, grid_is_new=False)
        self._record(now_s)
        self._tick += 1

    def _read_batteries(self, now_s: float) -> None:
        for index, (_, battery) in enumerate(self.house.batteries):
            if now_s < self._next_read_s[index] - 1e-9:
                continue
            self._next_read_s[index] += self.timing.telemetry_cadence_s
            if self.reachable[index]:
                battery.advance(now_s)
                self._readings[index] = BatteryReading(
                    time_s=now_s,
                    ac_power_w=float(round(battery.ac_power_w)),
                    soc_pct=float(round(battery.soc_pct)),
                    battery_power_w=float(round(battery.dc_power_w)),
                )

    def _control(self, now_s: float, *, grid_is_new: bool) -> None:
        self._next_slow_tick_s = now_s + 1.0
        snapshot = Snapshot(
            time_s=now_s,
            utc_s=now_s,
            grid=self._watch.last,
            grid_is_new=grid_is_new,
            grid_cadence_s=self._watch.cadence_s,
            batteries=tuple(
                BatterySnapshot(i, reading, reading is not None and reachable)
                for i, reading, reachable in zip(self.ids, self._readings, self.reachable, strict=True)
            ),
        )
        for index, told in enumerate(self.controller.control(snapshot).batteries):
            if told.command is Command.NONE or told.setpoint_w == self._setpoints[index]:
                continue
            self._setpoints[index] = told.setpoint_w
            self.trace.writes[index] += 1
            if self.reachable[index]:
                self.house.batteries[index][1].command(told.setpoint_w, now_s)

    def _record(self, now_s: float) -> None:
        trace = self.trace
        trace.time_s.append(now_s)
        trace.grid_w.append(self.house.power_w(now_s))
        trace.battery_w.append(tuple(b.ac_power_w for _, b in self.house.batteries))
        trace.setpoint_w.append(tuple(w or 0.0 for w in self._setpoints))
