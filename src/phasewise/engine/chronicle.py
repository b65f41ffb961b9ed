"""All that is kept of the past: values, energy and money, what happened and why, recordings to replay.

Control waits for none of it: whatever can't be kept costs an alarm, and later on a gap.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from phasewise.engine.engine import Engine
from phasewise.engine.historian import REGISTERS, Historian, load_means, registers_of
from phasewise.engine.recordings import Recordings
from phasewise.model import Alarm, AlarmCode, Severity
from phasewise.store import History, UnreadableError, Writer, looked_up
from phasewise.store.events import EventLog

log = structlog.get_logger("phasewise.history")


class Chronicle:
    """The history file of one engine, and everybody who writes to it or reads from it."""

    def __init__(self, path: Path, *, time_zone: Callable[[], str], utc_s: Callable[[], float]) -> None:
        """`path`: of the file. `time_zone`: of the site, now."""
        self._utc_s = utc_s
        self.writer = Writer(path)
        self.past = History(path, time_zone, utc_s)
        self.events = EventLog(self.writer)

    def follow(self, engine: Engine, *, keep_days: Callable[[], float]) -> None:
        """From now on this is about that engine. `keep_days`: how long seconds are kept, now."""
        self._engine = engine
        self.recordings = Recordings(engine.recorder, self.writer)
        self._historian = Historian(lambda: engine.outlook.forecast, keep_days=keep_days)
        self.writer.add_source(self._historian.take)

    def start(self) -> None:
        """Begin to write."""
        self.writer.start()
        self._following = asyncio.create_task(self._follow_state(), name="history")

    async def stop(self) -> None:
        """Write what has gathered, and end."""
        self._following.cancel()
        await asyncio.to_thread(self.writer.close)

    async def _follow_state(self) -> None:
        """Follow the state, with what is known from before the start."""
        try:
            registers = registers_of(await looked_up(self.past.fact, REGISTERS))
            means = await looked_up(load_means, self.past, self._utc_s())
        except UnreadableError as error:
            log.warning("history not read", problem=str(error), next="habits are learnt anew")
        except Exception:  # what was before must never end what is kept from now on
            log.exception("history not read", next="habits are learnt anew")
        else:
            self._historian.recall(registers)
            self._engine.recall_loads(means)
        await self._historian.follow(self._engine.live)

    def alarms(self) -> dict[AlarmCode, Alarm | None]:
        """One while history can't be written, and one when its file had to be moved aside; None = not so."""
        trouble, moved_to = self.writer.trouble, self.writer.moved_to
        problems = {
            AlarmCode.HISTORY_NOT_WRITTEN: None if trouble is None else trouble.text,
            AlarmCode.HISTORY_DAMAGED: None if moved_to is None else str(moved_to),
        }
        return {
            code: None if problem is None else Alarm(code, Severity.WARNING, None, problem)
            for code, problem in problems.items()
        }
