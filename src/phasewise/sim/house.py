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
    """Loads per phase as a function of time, plus batteries, each on one phase (0, 1, 2)."""

    def __init__(
        self,
        loads_w: Callable[[float], PerPhase],
        batteries: Sequence[tuple[int, SimBattery]],
        *,
        voltage_v: float = 230.0,
        power_factor: float = 1.0,
        noise_w: float = 0.0,
        seed: int = 1,
    ) -> None:
        self.loads_w = loads_w
        self.batteries = tuple(batteries)
        self.voltage_v = voltage_v
        self.power_factor = power_factor
        self.noise_w = noise_w
        self._random = random.Random(seed)
        self._import_wh = 0.0
        self._export_wh = 0.0
        self._last: tuple[float, float] | None = None

    def power_w(self, now_s: float) -> PerPhase:
        """True grid power per phase at `now_s`, import positive. Batteries advance to that time."""
        phases = list(self.loads_w(now_s))
        for index, battery in self.batteries:
            battery.advance(now_s)
            phases[index] += battery.ac_power_w
        self._count(now_s, sum(phases))
        return (phases[0], phases[1], phases[2])

    def sample(self, now_s: float) -> MeterSample:
        """What a meter measures at `now_s`: true power with noise, currents by power factor."""
        power_w = self.power_w(now_s)
        if self.noise_w:
            # Noise of the total is noise_w; the phases share it.
            sigma = self.noise_w / math.sqrt(3.0)
            p1, p2, p3 = power_w
            gauss = self._random.gauss
            power_w = (p1 + gauss(0.0, sigma), p2 + gauss(0.0, sigma), p3 + gauss(0.0, sigma))
        volt_amps = self.voltage_v * self.power_factor
        p1, p2, p3 = power_w
        return MeterSample(
            time_s=now_s,
            power_w=power_w,
            current_a=(abs(p1) / volt_amps, abs(p2) / volt_amps, abs(p3) / volt_amps),
            voltage_v=(self.voltage_v, self.voltage_v, self.voltage_v),
            energy_import_wh=self._import_wh,
            energy_export_wh=self._export_wh,
        )

    def _count(self, now_s: float, total_w: float) -> None:
        if self._last is not None:
            last_s, last_w = self._last
            energy_wh = (total_w + last_w) / 2.0 * (now_s - last_s) / 3600.0
            if energy_wh > 0:
                self._import_wh += energy_wh
            else:
                self._export_wh -= energy_wh
        self._last = (now_s, total_w)


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
