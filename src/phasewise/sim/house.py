"""A simulated house: loads and batteries on phases, and what its meter reads."""

import math
import random
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from phasewise.sim.battery import SimBattery

PerPhase = tuple[float, float, float]


class MeterSample(Struct, frozen=True):
    """What the connection carries at one instant. Positive = import."""

    time_s: float
    power_w: PerPhase
    current_a: PerPhase
    """Magnitudes, exact: a meter rounds them as it does."""
    voltage_v: PerPhase
    energy_import_wh: float = 0.0
    energy_export_wh: float = 0.0

    @property
    def total_w(self) -> float:
        """Sum of the phases."""
        return sum(self.power_w)


class SimHouse:
    """Loads per phase as a function of time, plus batteries.

    PV may be part of the loads, as negative power, or be given by itself. It matters for currents
    only: the power factor is that of the loads. PV and batteries carry no reactive power, so a battery
    that covers a motor's real power leaves its reactive current on the phase.
    """

    def __init__(
        self,
        loads_w: Callable[[float], PerPhase],
        batteries: Sequence[tuple[int | None, SimBattery]],
        *,
        pv_w: Callable[[float], PerPhase] | None = None,
        voltage_v: float = 230.0,
        power_factor: float | PerPhase = 1.0,
        noise_w: float = 0.0,
        seed: int = 1,
    ) -> None:
        """Batteries with the phase (0, 1, 2) they feed; None = all three evenly.

        `pv_w`: PV power per phase, >= 0. `power_factor`: of the loads, of all or per
        phase. `noise_w`: standard deviation of the meter's total.
        """
        self.loads_w = loads_w
        self.pv_w = pv_w
        self.batteries = tuple(batteries)
        self.voltage_v = voltage_v
        factors = power_factor if isinstance(power_factor, tuple) else (power_factor,) * 3
        self._reactive = tuple(math.tan(math.acos(factor)) for factor in factors)
        self._is_reactive = any(self._reactive)
        self.noise_w = noise_w
        self._random = random.Random(seed)
        self._import_wh = 0.0
        self._export_wh = 0.0
        self._at_s = -math.inf
        self._power_w: PerPhase = (0.0, 0.0, 0.0)
        self._var: PerPhase = (0.0, 0.0, 0.0)

    def power_w(self, now_s: float) -> PerPhase:
        """True grid power per phase at `now_s`, import positive. Batteries advance to that time."""
        if now_s == self._at_s:
            return self._power_w
        phases = list(self.loads_w(now_s))
        if self._is_reactive:
            t1, t2, t3 = self._reactive
            self._var = (phases[0] * t1, phases[1] * t2, phases[2] * t3)
        if self.pv_w is not None:
            phases = [load_w - pv_w for load_w, pv_w in zip(phases, self.pv_w(now_s), strict=True)]
        for index, battery in self.batteries:
            battery.advance(now_s)
            if index is not None:
                phases[index] += battery.ac_power_w
            else:
                third_w = battery.ac_power_w / 3.0
                phases = [power_w + third_w for power_w in phases]
        p1, p2, p3 = phases
        self._count(now_s, p1 + p2 + p3)
        self._power_w = (p1, p2, p3)
        return self._power_w

    def current_a(self, now_s: float) -> PerPhase:
        """True RMS current per phase at `now_s`."""
        return self._currents(self.power_w(now_s))

    def _currents(self, power_w: PerPhase) -> PerPhase:
        p1, p2, p3 = power_w
        volts = self.voltage_v
        if not self._is_reactive:
            return (abs(p1) / volts, abs(p2) / volts, abs(p3) / volts)
        q1, q2, q3 = self._var
        return (math.hypot(p1, q1) / volts, math.hypot(p2, q2) / volts, math.hypot(p3, q3) / volts)

    def sample(self, now_s: float) -> MeterSample:
        """What a meter measures at `now_s`: true power with noise, and the currents that go with it."""
        power_w = self.power_w(now_s)
        if self.noise_w:
            # Noise of the total is noise_w; the phases share it.
            sigma = self.noise_w / math.sqrt(3.0)
            p1, p2, p3 = power_w
            gauss = self._random.gauss
            power_w = (p1 + gauss(0.0, sigma), p2 + gauss(0.0, sigma), p3 + gauss(0.0, sigma))
        return MeterSample(
            time_s=now_s,
            power_w=power_w,
            current_a=self._currents(power_w),
            voltage_v=(self.voltage_v, self.voltage_v, self.voltage_v),
            energy_import_wh=self._import_wh,
            energy_export_wh=self._export_wh,
        )

    def _count(self, now_s: float, total_w: float) -> None:
        if now_s > self._at_s > -math.inf:
            energy_wh = (total_w + sum(self._power_w)) / 2.0 * (now_s - self._at_s) / 3600.0
            if energy_wh > 0:
                self._import_wh += energy_wh
            else:
                self._export_wh -= energy_wh
        self._at_s = now_s


class DelayLine:
    """Samples that are seen some time after they were measured."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self._queue: deque[MeterSample] = deque()

    def put(self, sample: MeterSample) -> None:
        """Take a sample in."""
        self._queue.append(sample)

    def due(self, now_s: float) -> MeterSample | None:
        """The newest sample that can be seen by now, once; None if there is nothing new."""
        newest = None
        while self._queue and self._queue[0].time_s + self.delay_s <= now_s + 1e-9:
            newest = self._queue.popleft()
        return newest
