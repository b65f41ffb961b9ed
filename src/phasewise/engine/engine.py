"""The running loop: telegrams in, decisions out. The only place that touches the world."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import structlog

from phasewise import __version__
from phasewise.control.decide import decide
from phasewise.control.freshness import MeterWatch, Verdict, admit
from phasewise.control.protection import SLOWEST_CADENCE_S
from phasewise.control.strategies import Strategy
from phasewise.devices.base import BatteryDriver, Clock, MeterDriver
from phasewise.engine.ahead import Ahead, ahead
from phasewise.engine.alarms import AlarmBook, Standing
from phasewise.engine.battery_worker import BAD_READINGS, BatteryWorker
from phasewise.engine.controls import HANGS_S, Health
from phasewise.engine.event_now import Now
from phasewise.engine.events import EventWatch, Sink, told_to_nobody, why_executing
from phasewise.engine.goal import goal_state
from phasewise.engine.habit import Habit
from phasewise.engine.identification import Identification
from phasewise.engine.inputs import Inputs
from phasewise.engine.keeper import Keeper
from phasewise.engine.live import Live
from phasewise.engine.outlook import Outlook
from phasewise.engine.publish import alarm_states, system_state
from phasewise.engine.recorder import Recorder
from phasewise.engine.state import Counters
from phasewise.engine.submeters import Submeters
from phasewise.engine.summary import CONTROL_FAILED, Scene, Spans, summary
from phasewise.engine.told_phase import told_otherwise
from phasewise.mapping import plausibility
from phasewise.model import (
    Alarm,
    AlarmCode,
    Command,
    Decision,
    Fact,
    FactCode,
    GridReading,
    Settings,
    Severity,
    Snapshot,
)
from phasewise.model.event import Started, Stopped
from phasewise.model.memory import Memory, begun_anew

TICK_S = 1.0
"""Timers and a lost meter are looked at this often while no telegram comes."""
QUIET_S = 1.5
"""So long without a decision means that no telegram came: a 1 s meter with jitter stays below it."""
RELEASE_DEADLINE_S = 3.0
"""Each battery's own deadline at the end; all run in parallel, and the process must end within 5 s."""
UNREACHABLE_ALARM_S = 10.0
"""A restart of a dongle takes about as long; the alarm must stand within 30 s."""
AHEAD_S = 10.0
"""What is ahead is put together no more often: a plan takes some ten milliseconds of control's own."""
REJECTED_ALARM_S = 10.0
"""How long a rejected telegram stays worth an alarm."""
LOG_CHANGE_W = 50.0
"""Setpoints that move less are not news."""

log = structlog.get_logger("phasewise.engine")


class Engine:
    """Runs control on one meter and any number of batteries until stopped."""

    def __init__(
        self,
        settings: Settings,
        meter: MeterDriver,
        batteries: Mapping[str, BatteryDriver],
        *,
        strategies: Mapping[str, Strategy],
        clock: Clock,
        state_file: Path | None = None,
        tell: Sink = told_to_nobody,
    ) -> None:
        """`batteries` holds a driver for every battery of the settings, by id.

        `state_file`: where to keep what must outlive a restart; None = nothing is kept.
        `tell` takes what happens, for the why-log.
        """
        self._keeper = Keeper(state_file)
        self._memory = Memory(quarter=self._keeper.load())
        self.live = Live()
        self.recorder = Recorder(strategies, memory=self._memory)
        self.outlook = Outlook()
        self.submeters = Submeters()
        self.settings = settings
        self.extra_alarms: dict[AlarmCode, Alarm] = {}
        """Alarms of others (the configuration file...), shown with the engine's own."""
        self._meter = meter
        self._strategies = strategies
        self._clock = clock
        self._watch = MeterWatch()
        self._plausibility = plausibility.PlausibilityMemory()
        self._rejected: dict[AlarmCode, tuple[float, str]] = {}
        self._counts = dict.fromkeys(Verdict, 0)
        self._decisions = 0
        self._decide_seconds = 0.0
        self._decided_s = float("-inf")
        self._ticked_s = clock.now_s()
        self._book = AlarmBook(self._alarm_changed)
        self.alarm_listeners: list[Callable[[Standing], None]] = []
        """Hear of each alarm as it rises and as it ends."""
        self._tell = tell
        self._events = EventWatch(tell)
        self._identification = Identification()
        self._inputs = Inputs()
        self._spans = Spans()
        self._ahead: tuple[float, Settings, Ahead] | None = None
        self._habit = Habit()
        self._last_logged: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._keeping: asyncio.Task[None] | None = None
        self._workers = {i: self._worker(i, driver) for i, driver in batteries.items()}

    def _worker(self, battery_id: str, driver: BatteryDriver) -> BatteryWorker:
        return BatteryWorker(battery_id, driver, self._clock, decided_s=lambda: self._decided_s)

    def start(self) -> None:
        """Begin. Nothing is written to any battery before the first decision."""
        self._tell(self._clock.utc_s(), Started(version=__version__))
        for worker in self._workers.values():
            worker.start()
        self._tasks = [
            asyncio.create_task(self._follow_meter(), name="meter"),
            asyncio.create_task(self._tick(), name="tick"),
        ]

    async def stop(self) -> None:
        """All batteries to 0 W and released, in parallel, each within its own deadline; then end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._release(self._workers.values())
        self._tell(self._clock.utc_s(), Stopped())
        self.recorder.finish()
        await self._keeper.save(self._memory.quarter)
        await self._meter.close()
        await self.outlook.stop()
        await self.submeters.stop()

    async def _release(self, workers: Iterable[BatteryWorker]) -> None:
        await asyncio.gather(*(worker.shutdown(RELEASE_DEADLINE_S) for worker in workers))

    async def reconfigure(
        self,
        settings: Settings,
        *,
        meter: MeterDriver | None = None,
        batteries: Mapping[str, BatteryDriver] | None = None,
    ) -> None:
        """Go on with other settings; with other devices where given.

        `meter`: a new driver that replaces the old one. `batteries`: drivers of batteries that are new
        or changed, by id. A battery that the settings no longer have, or that is replaced, is released.
        """
        replaced = dict(batteries or {})
        wanted = {b.id for b in settings.batteries}
        leaving = [w for i, w in self._workers.items() if i not in wanted or i in replaced]
        for worker in leaving:
            del self._workers[worker.id]
        kept = tuple(b for b in self.settings.batteries if b.id in self._workers)
        self.settings = Settings(settings.site, kept, settings.control)
        await self._release(leaving)
        self._plausibility = plausibility.forget(self._plausibility, replaced)
        for battery_id, driver in replaced.items():
            self._workers[battery_id] = self._worker(battery_id, driver)
            self._workers[battery_id].start()
        self.settings = settings
        if meter is not None:
            await self._replace_meter(meter)
        self._cycle(grid_is_new=False)

    async def _replace_meter(self, meter: MeterDriver) -> None:
        task, tick = self._tasks
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._meter.close()
        self._meter, self._watch = meter, MeterWatch()
        self._tasks = [asyncio.create_task(self._follow_meter(), name="meter"), tick]

    async def _follow_meter(self) -> None:
        while True:
            try:
                async for reading in self._meter.readings():
                    self._take(reading)
            except Exception:  # a driver's bug must not end control: the meter counts as silent meanwhile
                log.exception("meter driver failed", next="started again in a second")
            await self._clock.sleep(TICK_S)

    def _take(self, reading: GridReading) -> None:
        """Judge one telegram; decide if it counts. Never two decisions on the same sample."""
        self._watch, verdict, problem = admit(self._watch, reading, self.settings.site)
        self._counts[verdict] += 1
        if verdict is Verdict.ACCEPTED:
            self._cycle(grid_is_new=True)
            return
        replayed = verdict is Verdict.REPLAYED
        code = AlarmCode.METER_REPLAYED if replayed else AlarmCode.METER_REJECTED
        self._rejected[code] = (self._clock.now_s(), problem or "")

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TICK_S)
            self._ticked_s = self._clock.now_s()
            if self._ticked_s - self._decided_s >= QUIET_S:
                self._cycle(grid_is_new=False)
            if self._keeper.is_due(self._memory.quarter, self._clock.now_s()):
                self._keeping = asyncio.create_task(self._keeper.save(self._memory.quarter), name="keep")

    def _cycle(self, *, grid_is_new: bool) -> None:
        """One decision: picture, decide, tell, show. A fault in it stops the batteries, not the loop."""
        snapshot = self._snapshot(grid_is_new=grid_is_new)
        settings = self.settings
        began = time.perf_counter()
        try:
            settings = self._identification.advance(snapshot, self.settings)
            decision, self._memory = decide(snapshot, settings, self._memory, self._strategies)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the state must be defined and safe
            self._decision_failed(error, snapshot, settings)
            return
        self._decide_seconds += time.perf_counter() - began
        self._decisions += 1
        self._decided_s = snapshot.time_s
        self._dispatch(decision)
        self.recorder.decided(snapshot, settings, decision, self._memory)
        if grid_is_new and decision.load_w is not None:
            zone = settings.site.time_zone
            self._habit.saw(snapshot.utc_s, decision.load_w, snapshot.forecast, zone)
        try:
            self._publish(snapshot, decision)
        except Exception:  # what is shown must never decide over what is controlled
            log.exception("could not publish the state")

    def _decision_failed(self, error: Exception, snapshot: Snapshot, settings: Settings) -> None:
        """All batteries to 0 W, memory begun anew, and said; tried again at the next sample."""
        log.exception("no decision", next="all batteries to 0 W; tried again at the next sample")
        self._memory = begun_anew(self._memory)
        self._identification.forget()
        for worker in self._workers.values():
            worker.command(0.0, rewrite=False)
        problem = f"{type(error).__name__}: {error}"
        self.recorder.failed(snapshot, settings, problem)
        alarm = Alarm(AlarmCode.CONTROL_FAILED, Severity.ALARM, None, problem)
        standing = self._book.update((alarm, *self._alarms(snapshot)), snapshot.utc_s)
        if self.live.current is not None:
            shown = alarm_states(standing, self.settings)
            state = msgspec.structs.replace(self.live.current, alarms=shown, summary=CONTROL_FAILED)
            self.live.publish(state)
        try:
            self._events.alarms(standing, self.settings, snapshot.time_s, snapshot.utc_s)
        except Exception:  # what is told must never decide over what is controlled
            log.exception("could not tell what happened")

    def _snapshot(self, *, grid_is_new: bool) -> Snapshot:
        return Snapshot(
            time_s=self._clock.now_s(),
            utc_s=self._clock.utc_s(),
            grid=self._watch.last,
            grid_is_new=grid_is_new,
            grid_cadence_s=self._watch.cadence_s,
            batteries=tuple(self._workers[b.id].snapshot() for b in self.settings.batteries),
            prices=self.outlook.prices,
            forecast=self.outlook.forecast,
            load_forecast=self._habit.forecast,
            inputs=self._inputs.on(self.settings, self._clock.now_s()),
        )

    def _dispatch(self, decision: Decision) -> None:
        for told in decision.batteries:
            if told.command is Command.NONE:
                continue
            rewrite = told.command is Command.WAKE
            self._workers[told.id].command(told.setpoint_w, rewrite=rewrite, ready=told.ready)
            before_w = self._last_logged.get(told.id)
            stops = told.setpoint_w == 0.0 and before_w
            if before_w is None or stops or abs(told.setpoint_w - before_w) >= LOG_CHANGE_W:
                self._last_logged[told.id] = told.setpoint_w
                why = {"reasons": ",".join(reason.code for reason in told.reasons)} if told.reasons else {}
                log.info("setpoint", battery=told.id, power_w=round(told.setpoint_w), **why)

    def _publish(self, snapshot: Snapshot, decision: Decision) -> None:
        self._plausibility = plausibility.advance(self._plausibility, snapshot, self.settings)
        found = plausibility.findings(self._plausibility, self.settings)
        alarms = (*decision.alarms, *self._alarms(snapshot), *plausibility.warnings(found))
        standing = self._book.update(alarms, snapshot.utc_s)
        identify = self._identification.state(self.settings)
        now = Now(snapshot, self.settings, decision, self._memory, identify)
        self.live.publish(
            system_state(
                snapshot,
                self.settings,
                decision,
                strategies=tuple(sorted(self._strategies)),
                applied_w={i: worker.applied_w for i, worker in self._workers.items()},
                alarms=standing,
                found=found,
                identify=identify,
                outlook=self.outlook,
                inputs=self._inputs.state(self.settings, snapshot.time_s),
                submeters=self.submeters,
                goal=goal_state(snapshot, self.settings, self._memory),
                why=why_executing(now),
                summary=summary(self._scene(snapshot, decision)),
            )
        )
        self._events.alarms(standing, self.settings, snapshot.time_s, snapshot.utc_s)
        self._events.decided(now)

    def _scene(self, snapshot: Snapshot, decision: Decision) -> Scene:
        return Scene(
            snapshot,
            self.settings,
            decision,
            notes=self._memory.notes,
            identifying=self._identification.running,
            until=self._spans.until(snapshot, self.settings, decision.executing),
        )

    def _alarm_changed(self, standing: Standing) -> None:
        for listener in self.alarm_listeners:
            try:
                listener(standing)
            except Exception:  # who listens must never decide over what is controlled
                log.exception("an alarm was not passed on", alarm=standing.alarm.code)

    def _alarms(self, snapshot: Snapshot) -> list[Alarm]:
        now_s = snapshot.time_s
        found = list(self.extra_alarms.values())
        for code, (seen_s, problem) in self._rejected.items():
            if now_s - seen_s < REJECTED_ALARM_S:
                found.append(Alarm(code, Severity.WARNING, "meter", problem))
        if self._meter.status is not None and snapshot.grid is None:
            found.append(Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter", self._meter.status))
        if snapshot.grid is not None and snapshot.grid_cadence_s > SLOWEST_CADENCE_S:
            facts = (Fact(FactCode.CADENCE_S, round(snapshot.grid_cadence_s)),)
            found.append(Alarm(AlarmCode.METER_SLOW, Severity.WARNING, "meter", facts=facts))
        found.extend(self.submeters.alarms(now_s))
        found.extend(told_otherwise(snapshot, self.settings))
        for worker in self._workers.values():
            found.extend(self._battery_alarms(worker, now_s))
        return found

    def _battery_alarms(self, worker: BatteryWorker, now_s: float) -> list[Alarm]:
        since_s = worker.unreachable_since_s
        if since_s is None or now_s - since_s < UNREACHABLE_ALARM_S:
            return []
        bad = worker.bad_in_a_row >= BAD_READINGS
        code = AlarmCode.BATTERY_BAD_READING if bad else AlarmCode.BATTERY_UNREACHABLE
        return [Alarm(code, Severity.WARNING, worker.id, worker.error)]

    def start_identify(self, battery_id: str) -> None:
        """Begin to identify the phase of a battery of the settings. Raises IdentifyError."""
        self._identification.start(battery_id, self._snapshot(grid_is_new=False), self.settings)
        log.info("identifying a phase", battery=battery_id)
        self._cycle(grid_is_new=False)

    def end_identify(self) -> None:
        """Abort the run, or take its result away. Raises IdentifyError."""
        self._identification.end(self._clock.now_s())
        self._cycle(grid_is_new=False)

    def acknowledge_alarm(self, code: str, subject: str | None) -> None:
        """Somebody knows of an alarm that stands. Raises UnknownAlarmError."""
        standing = self._book.acknowledge(code, subject)
        log.info("alarm acknowledged", alarm=code, subject=subject)
        if self.live.current is not None:
            shown = alarm_states(standing, self.settings)
            self.live.publish(msgspec.structs.replace(self.live.current, alarms=shown))

    def set_input(self, name: str, *, on: bool, expires_s: float | None) -> None:
        """Switch a boolean input; in effect at the next sample. Raises UnknownInputError."""
        self._inputs.set(name, self.settings, self._clock.now_s(), on=on, expires_s=expires_s)
        log.info("input", name=name, on=on, expires_s=expires_s)
        self._cycle(grid_is_new=False)

    def recall_loads(self, means: Iterable[tuple[float, float]]) -> None:
        """What the house drew before the start: begins of quarter hours, and means in W without panels."""
        self._habit.recall(means, self._clock.utc_s(), self.settings.site.time_zone)

    def ahead(self) -> Ahead:
        """What is known of today and tomorrow; the same answer for AHEAD_S while the settings stay."""
        now_s = self._clock.now_s()
        if self._ahead is not None:
            made_s, settings, found = self._ahead
            if settings is self.settings and now_s - made_s < AHEAD_S:
                return found
        found = ahead(self._snapshot(grid_is_new=False), self.settings, self._memory)
        self._ahead = (now_s, self.settings, found)
        return found

    def counters(self) -> Counters:
        """Totals since the start."""
        return Counters(
            decisions=self._decisions,
            telegrams_accepted=self._counts[Verdict.ACCEPTED],
            telegrams_rejected=self._counts[Verdict.IMPLAUSIBLE] + self._meter.rejected,
            telegrams_replayed=self._counts[Verdict.REPLAYED],
            battery_writes={i: worker.writes for i, worker in self._workers.items()},
            battery_failures={i: worker.failures for i, worker in self._workers.items()},
            decide_seconds_sum=self._decide_seconds,
        )

    def is_alive(self) -> bool:
        """Whether the control loop goes round: a dead meter, or a decision that fails, is no hang."""
        return self._clock.now_s() - max(self._ticked_s, self._decided_s) <= HANGS_S

    def health(self) -> Health:
        """Whether decisions are made, and on a meter that is alive."""
        now_s = self._clock.now_s()
        age_s = now_s - self._decided_s
        if age_s == float("inf"):
            return Health(ok=False, detail="no decision yet", last_decision_age_s=None)
        if age_s > HANGS_S:
            detail = f"the last decision is {age_s:.0f} s old: the control loop hangs"
            return Health(ok=False, detail=detail, last_decision_age_s=age_s)
        state = self.live.current
        if state is not None and state.grid.freshness in ("lost", "absent"):
            detail = self._meter.status or "the meter sends nothing new; all batteries are at 0 W"
            return Health(ok=False, detail=detail, last_decision_age_s=age_s)
        return Health(ok=True, detail="ok", last_decision_age_s=age_s)
