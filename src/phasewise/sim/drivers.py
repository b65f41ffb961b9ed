"""Drivers that talk to a simulated house in the same process: for the fast demo and for tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Self

from phasewise.devices.base import Clock, DeviceUnreachable, DriverOptions
from phasewise.model import BatteryReading, Capabilities, GridReading
from phasewise.sim.battery import SimBattery
from phasewise.sim.closed_loop import grid_reading
from phasewise.sim.house import SimHouse

STEP_S, MOST_STEP_S = 1.0, 2.0
"""How often a fast clock is looked at in simulated seconds, and how far it goes between two looks at most."""


class FastClock:
    """A clock that runs `speed` times as fast as the event loop's, or slower where the computer is too busy.

    A tenth of a second that something else took would be seconds of the simulation: the meter would seem lost
    and batteries deaf. So this clock stands still then.
    """

    def __init__(self, speed: float, *, utc_s: float) -> None:
        """`utc_s`: the Unix time at which it starts."""
        self.speed = speed
        self._utc_s = utc_s
        self._now_s = 0.0
        self._seen_s = asyncio.get_running_loop().time()

    def now_s(self) -> float:
        """Simulated seconds since the start."""
        before_s, self._seen_s = self._seen_s, asyncio.get_running_loop().time()
        self._now_s += min((self._seen_s - before_s) * self.speed, MOST_STEP_S)
        return self._now_s

    def utc_s(self) -> float:
        """Simulated Unix time."""
        return self._utc_s + self.now_s()

    async def sleep(self, seconds: float) -> None:
        """Wait for simulated seconds."""
        due_s = self.now_s() + seconds
        left_s = seconds
        while True:
            await asyncio.sleep(min(left_s, STEP_S) / self.speed)
            left_s = due_s - self.now_s()
            if left_s <= 0.0:
                return


class NoOptions(DriverOptions):
    """These drivers are made by code, not from a configuration."""


class SimMeterDriver:
    """The meter of a simulated house."""

    options_model: ClassVar[type[DriverOptions]] = NoOptions

    def __init__(
        self, house: SimHouse, clock: Clock, *, cadence_s: float = 1.0, delay_s: float = 1.0
    ) -> None:
        self.house = house
        self.silent = False
        self.status: str | None = None
        self.rejected = 0
        self._clock = clock
        self._cadence_s = cadence_s
        self._delay_s = delay_s

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """Not available: there is no house in a configuration."""
        raise TypeError(f"a simulated meter needs a simulated house, not {options!r} and {clock!r}")

    async def readings(self) -> AsyncIterator[GridReading]:
        """One reading a cadence, `delay_s` after it was measured."""
        while True:
            sample = self.house.sample(self._clock.now_s())
            await self._clock.sleep(self._delay_s)
            if not self.silent:
                yield grid_reading(sample, self._clock.now_s(), self._delay_s)
            await self._clock.sleep(max(self._cadence_s - self._delay_s, 0.0))

    async def close(self) -> None:
        """Nothing to give up."""


class SimBatteryDriver:
    """One battery of a simulated house."""

    options_model: ClassVar[type[DriverOptions]] = NoOptions

    def __init__(self, battery: SimBattery, clock: Clock, *, read_cadence_s: float = 2.0) -> None:
        self.battery = battery
        self.dead = False
        """While True it does not answer."""
        self.applied: list[tuple[float, float]] = []
        """Every setpoint it was told: (time_s, W)."""
        self.released = 0
        self.capabilities = Capabilities(
            max_charge_w=battery.spec.max_charge_w,
            max_discharge_w=battery.spec.max_discharge_w,
            read_cadence_s=read_cadence_s,
        )
        self._clock = clock

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """Not available: there is no battery in a configuration."""
        raise TypeError(f"a simulated battery driver needs a SimBattery, not {options!r} and {clock!r}")

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """Not available: they are those of the simulated battery."""
        raise TypeError(f"the capabilities are those of the simulated battery, not of {options!r}")

    async def read(self) -> BatteryReading:
        """The battery's true values, rounded as a device does."""
        self._answer()
        now_s = self._clock.now_s()
        self.battery.advance(now_s)
        return BatteryReading(
            time_s=now_s,
            ac_power_w=float(round(self.battery.ac_power_w)),
            soc_pct=float(round(self.battery.soc_pct)),
            battery_power_w=float(round(self.battery.dc_power_w)),
        )

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Pass a changed setpoint on."""
        self._answer()
        if not rewrite and self.applied and self.applied[-1][1] == setpoint_w:
            return
        self.applied.append((self._clock.now_s(), setpoint_w))
        self.battery.command(setpoint_w, self._clock.now_s())

    async def release(self) -> None:
        """0 W, and counted."""
        if self.applied:
            await self.apply(0.0)
        self.released += 1

    async def close(self) -> None:
        """Nothing to give up."""

    def _answer(self) -> None:
        if self.dead:
            raise DeviceUnreachable("no answer from the simulated battery; tried again later")


def drivers_for(
    house: SimHouse, ids: Sequence[str], clock: Clock
) -> tuple[SimMeterDriver, dict[str, SimBatteryDriver]]:
    """In-process drivers for a house and its batteries, in order."""
    batteries = {
        battery_id: SimBatteryDriver(battery, clock)
        for battery_id, (_, battery) in zip(ids, house.batteries, strict=True)
    }
    return SimMeterDriver(house, clock), batteries
