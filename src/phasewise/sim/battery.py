"""A battery as physics: dead time, ramp or lag, state of charge, refusal at limits, faults.

Time is whatever the caller says; there is no clock here. Every step is solved exactly (piecewise linear
or exponential), so the result does not depend on how finely it is called.
"""

import math
import random
from collections import deque
from enum import StrEnum

from msgspec import Struct

from phasewise.sim.strict import Percent, Positive, PositiveShare, Power, Seconds


class BatteryFault(StrEnum):
    """What can be wrong with a simulated battery."""

    NONE = "none"
    IGNORES = "ignores"
    """Takes commands and does nothing with them."""
    INVERTED = "inverted"
    """Charges when told to discharge, as a mis-wired or mis-read sign does."""


class BatterySpec(Struct, frozen=True):
    """Parameters of one simulated battery."""

    max_charge_w: Power = 2500.0
    max_discharge_w: Power = 2500.0
    capacity_wh: Positive = 5120.0
    one_way_efficiency: PositiveShare = 0.95
    dead_time_s: Seconds = 1.5
    dead_time_jitter_s: Seconds = 0.0
    """Each command takes up to this much more or less than `dead_time_s`; their order is kept."""
    ramp_w_s: Positive = 1250.0
    """Slope toward the command after the dead time; used when `lag_s` is 0."""
    lag_s: Seconds = 0.0
    """Time constant of a first-order approach instead of the ramp."""
    min_soc_pct: Percent = 10.0
    """Below this the unit itself refuses to discharge, whatever it is told."""
    min_power_w: Power = 0.0
    """Commands smaller than this are run as 0 W."""
    standby_w: Power = 0.0
    """Drawn from the grid whenever the unit is at 0 W."""


class SimBattery:
    """One battery. Positive power = charging."""

    def __init__(
        self, spec: BatterySpec, *, soc_pct: float = 50.0, now_s: float = 0.0, seed: int = 1
    ) -> None:
        """`seed` draws the jitter of the dead time."""
        self.spec = spec
        self.fault = BatteryFault.NONE
        self.now_s = now_s
        self.energy_wh = spec.capacity_wh * soc_pct / 100.0
        self.charged_wh = 0.0
        self.discharged_wh = 0.0
        self._converter_w = 0.0
        self._target_w = 0.0
        self._refuses = False
        self._pending: deque[tuple[float, float]] = deque()
        self._random = random.Random(seed)

    @property
    def soc_pct(self) -> float:
        """State of charge, 0 to 100."""
        return 100.0 * self.energy_wh / self.spec.capacity_wh

    @property
    def ac_power_w(self) -> float:
        """What the meter sees of this battery now."""
        return self._converter_w if self._converter_w else self.spec.standby_w

    @property
    def dc_power_w(self) -> float:
        """What goes into the cells now."""
        efficiency = self.spec.one_way_efficiency
        return self._converter_w * efficiency if self._converter_w > 0 else self._converter_w / efficiency

    def command(self, power_w: float, now_s: float) -> None:
        """Tell the battery a power; it acts on it one dead time later."""
        self.advance(now_s)
        at_s = now_s + self.spec.dead_time_s
        if self.spec.dead_time_jitter_s:
            at_s += self._random.uniform(-self.spec.dead_time_jitter_s, self.spec.dead_time_jitter_s)
            at_s = max(at_s, now_s, self._pending[-1][0] if self._pending else now_s)
        self._pending.append((at_s, power_w))

    def advance(self, now_s: float) -> None:
        """Let time pass until `now_s` (never backward)."""
        if not self._pending and not self._target_w and not self._converter_w:
            self.now_s = max(self.now_s, now_s)
            return
        while self._pending and self._pending[0][0] <= now_s:
            at_s, power_w = self._pending.popleft()
            self._run_until(at_s)
            self._target_w = self._admit(power_w)
            self._refuses = self._must_refuse()
        self._run_until(now_s)

    def _admit(self, power_w: float) -> float:
        """What this unit makes of a command: its own limits, and its faults."""
        if self.fault is BatteryFault.IGNORES:
            return self._target_w
        if self.fault is BatteryFault.INVERTED:
            power_w = -power_w
        if abs(power_w) < self.spec.min_power_w:
            return 0.0
        return min(max(power_w, -self.spec.max_discharge_w), self.spec.max_charge_w)

    def _run_until(self, at_s: float) -> None:
        while at_s > self.now_s:
            target_w = 0.0 if self._refuses else self._target_w
            until_s = at_s
            if self._converter_w != target_w or self._target_w:
                until_s = min(at_s, math.floor(self.now_s) + 1.0)
            # The losses are others on the other side of 0 W: a stretch never lies on both.
            turn_at_s = self.now_s + self._turn_s(target_w)
            until_s = min(until_s, turn_at_s)
            duration_s = until_s - self.now_s
            if duration_s:
                self._store(self._move(target_w, duration_s) * duration_s / 3600.0)
            if until_s == turn_at_s:
                self._converter_w = 0.0
            self.now_s = until_s
            if until_s == math.floor(until_s):
                # Looked at on whole seconds only, so that it does not matter when this is called.
                self._refuses = self._must_refuse()

    def _must_refuse(self) -> bool:
        if self._target_w > 0:
            return self.energy_wh >= self.spec.capacity_wh
        return self._target_w < 0 and self.soc_pct <= self.spec.min_soc_pct

    def _turn_s(self, target_w: float) -> float:
        """Time until the converter changes direction on its way to the target; infinite if it does not."""
        start_w = self._converter_w
        if start_w * target_w >= 0:
            return math.inf
        if self.spec.lag_s > 0:
            return self.spec.lag_s * math.log((target_w - start_w) / target_w)
        return abs(start_w) / self.spec.ramp_w_s

    def _move(self, target_w: float, duration_s: float) -> float:
        """Let the converter run toward the target; return its mean power over the stretch."""
        start_w = self._converter_w
        gap_w = target_w - start_w
        if not gap_w:
            return target_w
        if self.spec.lag_s > 0:
            tau_s = self.spec.lag_s
            rest = math.exp(-duration_s / tau_s)
            self._converter_w = target_w - gap_w * rest
            return target_w - gap_w * tau_s / duration_s * (1.0 - rest)
        ramp_s = abs(gap_w) / self.spec.ramp_w_s
        if ramp_s >= duration_s:
            self._converter_w = start_w + math.copysign(self.spec.ramp_w_s * duration_s, gap_w)
            return (start_w + self._converter_w) / 2.0
        self._converter_w = target_w
        return ((start_w + target_w) / 2.0 * ramp_s + target_w * (duration_s - ramp_s)) / duration_s

    def _store(self, ac_wh: float) -> None:
        efficiency = self.spec.one_way_efficiency
        if ac_wh > 0:
            self.charged_wh += ac_wh
            self.energy_wh = min(self.energy_wh + ac_wh * efficiency, self.spec.capacity_wh)
        else:
            self.discharged_wh -= ac_wh
            self.energy_wh = max(self.energy_wh + ac_wh / efficiency, 0.0)
