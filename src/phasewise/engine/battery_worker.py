"""One worker per battery: reads it, tells it the newest setpoint, keeps it awake, lets it go.

A slow or dead battery never delays another, nor the control loop: the newest setpoint wins, none queue.
"""

import asyncio
from collections.abc import Callable, Coroutine

import structlog

from phasewise.devices.base import BatteryDriver, Clock, DeviceBadData, DeviceError
from phasewise.model import BatteryReading, BatterySnapshot

SLOW_S = 2.5
"""A call that takes longer makes the battery count as out of reach: the others must act within 3 s."""
LOOK_AGAIN_S = 0.2
IDLE_S = 60.0
"""Bounds of the pause between two looks at what is to be written; a new command ends it at once."""
CLOSE_S = 0.5
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
BAD_READINGS = 3
"""One impossible answer is a glitch; this many in a row mean that nothing is known of the battery."""
DECISION_STALE_S = 10.0
"""A device's keep-alive is refreshed only while the last decision is younger: its own watchdog must be
able to stop it when the control loop hangs."""

log = structlog.get_logger("phasewise.battery")


class BatteryWorker:
    """Owns one battery driver; everything else talks to the battery through this."""

    def __init__(
        self,
        battery_id: str,
        driver: BatteryDriver,
        clock: Clock,
        *,
        decided_s: Callable[[], float],
    ) -> None:
        """`decided_s` tells the time of the newest decision."""
        self.id = battery_id
        self.driver = driver
        self.writes = 0
        self.failures = 0
        self._apply_failed = False
        self.error: str | None = None
        """What is wrong now, in words; None while all is well."""
        self.unreachable_since_s: float | None = None
        self.reading: BatteryReading | None = None
        self.bad_in_a_row = 0
        """Impossible answers since the last good reading."""
        self._clock = clock
        self._decided_s = decided_s
        self._wanted_w: float | None = None
        self._ready = False
        self._rewrite = False
        self._applied_w: float | None = None
        self._applied_ready = False
        self._applied_s = float("-inf")
        self._calls_began_s: list[float] = []
        self._failed_in_a_row = 0
        self._next_read_s = float("-inf")
        self._kick = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def reachable(self) -> bool:
        """Whether the battery answers: it has been read, and no call fails or hangs."""
        if self.reading is None or self._failed_in_a_row or self.bad_in_a_row >= BAD_READINGS:
            return False
        slow_s = SLOW_S + self.driver.capabilities.turn_s
        return not self._calls_began_s or self._clock.now_s() - self._calls_began_s[0] < slow_s

    @property
    def applied_w(self) -> float | None:
        """The setpoint that the device confirmed last; None before the first, or after a failure."""
        return self._applied_w

    def snapshot(self) -> BatterySnapshot:
        """What is known of the battery now."""
        return BatterySnapshot(self.id, self.reading, self.reachable)

    def command(self, setpoint_w: float, *, rewrite: bool, ready: bool = False) -> None:
        """Set the power that the battery is to run at, from now until the next call. Never waits.

        `ready`: as `BatteryDriver.apply` takes it.
        """
        self._wanted_w, self._ready = setpoint_w, ready
        self._rewrite = self._rewrite or rewrite
        if self._is_news():
            self._kick.set()

    def _is_news(self) -> bool:
        """Whether the device is to be told something else than it was told last."""
        told = self._wanted_w == self._applied_w and self._ready == self._applied_ready
        return self._rewrite or not told

    def start(self) -> None:
        """Begin serving."""
        self._tasks = [
            asyncio.create_task(self._read_always(), name=f"read {self.id}"),
            asyncio.create_task(self._write_when_due(), name=f"write {self.id}"),
        ]

    async def shutdown(self, deadline_s: float) -> None:
        """0 W, release, close: within `deadline_s`, whatever the device does. Never raises DeviceError."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        problem = await self._within(deadline_s, self.driver.release())
        if problem is None:
            log.info("released", battery=self.id)
        else:
            log.warning("release failed", battery=self.id, error=problem, next=self._watchdog_words())
        await self._within(CLOSE_S, self.driver.close())

    async def _within(self, deadline_s: float, call: Coroutine[None, None, None]) -> str | None:
        """Run a call of the end, whatever it does; say what went wrong."""
        try:
            async with asyncio.timeout(deadline_s):
                await call
        except TimeoutError:
            return f"no answer within {deadline_s:g} s"
        except Exception as error:  # noqa: BLE001 - one driver's bug must not keep others from being released
            return f"{type(error).__name__}: {error}"
        return None

    def _watchdog_words(self) -> str:
        watchdog_s = self.driver.capabilities.watchdog_s
        if watchdog_s is None:
            return "it may stay at its last setpoint: check the battery"
        return f"its own watchdog stops it within {watchdog_s:.0f} s"

    async def _read_always(self) -> None:
        while True:
            now_s = self._clock.now_s()
            if now_s < self._next_read_s:
                await self._clock.sleep(self._next_read_s - now_s)
            self._next_read_s = self._clock.now_s() + self.driver.capabilities.read_cadence_s
            await self._guard(self._read())

    async def _write_when_due(self) -> None:
        while True:
            self._kick.clear()
            now_s = self._clock.now_s()
            if self._due_apply(now_s):
                await self._guard(self._apply())
            else:
                await self._pause(self._wake_s() - now_s)

    @property
    def _takes_setpoints(self) -> bool:
        """Not while it says itself that it does not: then nobody has a wish for it either."""
        return self.reading is not None and self.reading.controllable

    def _due_apply(self, now_s: float) -> bool:
        """Whether a setpoint, or the keep-alive of the one in force, is to be written now."""
        if self._wanted_w is None or not self.reachable or not self._takes_setpoints:
            return False
        capabilities = self.driver.capabilities
        if now_s - self._applied_s < capabilities.write_interval_s:
            return False
        if self._is_news():
            return True
        return now_s >= self._keep_alive_s() and now_s - self._decided_s() < DECISION_STALE_S

    def _keep_alive_s(self) -> float:
        keep_alive_s = self.driver.capabilities.keep_alive_s
        return float("inf") if keep_alive_s is None else self._applied_s + keep_alive_s

    def _wake_s(self) -> float:
        """When there may next be something to write."""
        if self._is_news():
            return self._applied_s + self.driver.capabilities.write_interval_s
        return self._keep_alive_s()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until the next command."""
        # Something due may wait for a fresh decision or for the device to come back: look again soon.
        sleeper = asyncio.create_task(self._clock.sleep(min(max(seconds, LOOK_AGAIN_S), IDLE_S)))
        kicked = asyncio.create_task(self._kick.wait())
        try:
            await asyncio.wait({sleeper, kicked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            kicked.cancel()

    async def _guard(self, call: Coroutine[None, None, None]) -> None:
        """Run one call to the device; note what became of it."""
        began_s = self._clock.now_s()
        self._calls_began_s.append(began_s)
        try:
            await call
        except DeviceBadData as error:
            self.bad_in_a_row += 1
            self.failures += 1
            self.error = str(error)
            log.warning("bad reading", battery=self.id, error=str(error), in_a_row=self.bad_in_a_row)
        except DeviceError as error:
            self._failed(str(error))
        except Exception as error:
            # A driver's bug is that battery's trouble alone: it counts as out of reach.
            log.exception("driver failed", battery=self.id)
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self._recovered()
        finally:
            self._calls_began_s.remove(began_s)
        if self.bad_in_a_row >= BAD_READINGS and self.unreachable_since_s is None:
            self.unreachable_since_s = self._clock.now_s()

    def _failed(self, error: str) -> None:
        now_s = self._clock.now_s()
        wait_s = BACKOFF_S[min(self._failed_in_a_row, len(BACKOFF_S) - 1)]
        if self._failed_in_a_row == 0:
            log.warning("unreachable", battery=self.id, error=error, next=f"again in {wait_s:.0f} s")
        self._failed_in_a_row += 1
        self.failures += 1
        self.error = error
        if self.unreachable_since_s is None:
            self.unreachable_since_s = now_s
        # What the device holds now is unknown: everything is written again once it answers.
        self._applied_w = None
        self._rewrite = True
        self._next_read_s = now_s + wait_s

    def _recovered(self) -> None:
        if self._failed_in_a_row:
            log.info("reachable again", battery=self.id)
        self._failed_in_a_row = 0
        if self.bad_in_a_row < BAD_READINGS and not self._apply_failed:
            self.unreachable_since_s = None
            self.error = None

    async def _apply(self) -> None:
        setpoint_w, ready, rewrite = self._wanted_w, self._ready, self._rewrite
        if setpoint_w is None:
            return
        changed = self._is_news()
        self._rewrite = False
        self._apply_failed = True
        await self.driver.apply(setpoint_w, rewrite=rewrite, ready=ready)
        self._apply_failed = False
        self._applied_w, self._applied_s = setpoint_w, self._clock.now_s()
        self._applied_ready = ready
        self.writes += changed

    async def _read(self) -> None:
        self.reading = await self.driver.read()
        self.bad_in_a_row = 0
        if not self._takes_setpoints:
            # That is why it refused, if it did: no failure any more, but a state.
            self._apply_failed = False
