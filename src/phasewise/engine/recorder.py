"""The last hour of decisions with everything they were made from, kept in memory for a bug report.

Each record is encoded once, when it is made, and kept in chapters of a minute. A chapter begins with what
`decide` remembered, so that a recording can begin with any of them and still replays bit for bit. Each
chapter is handed on when it is full, to be kept longer; nothing here waits for that.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import structlog

from phasewise.engine.chapter import Chapter, Part, joined
from phasewise.model import Decision, Settings, Snapshot
from phasewise.model.memory import Memory, begun_anew
from phasewise.replay.recording import (
    NO_OUTLOOK,
    Changed,
    Failed,
    Step,
    frame,
    outlook_of,
    same_outlook,
)

KEEP_S = 3600.0
"""An hour: someone who sees something odd has the time to fetch it."""
KEEP_BYTES = 12_000_000
"""Encoded; with what holds them together 13 MB. Six batteries at 1 Hz take 9 to 10 MB an hour."""
CHAPTER_S = 60.0
"""A recording begins at most this much before what was asked for."""
CHAPTER_BYTES = 1_000_000
"""Faster meters make shorter chapters, so that little is dropped at once."""

log = structlog.get_logger("phasewise.engine")


class Recorder:
    """A ring of encoded decisions, bounded in time and bytes."""

    def __init__(
        self,
        strategies: Iterable[str],
        *,
        memory: Memory | None = None,
        keep_s: float = KEEP_S,
        keep_bytes: int = KEEP_BYTES,
    ) -> None:
        """`strategies`: the names of all there are. `memory`: what is remembered from before the start."""
        self.strategies = tuple(sorted(strategies))
        self.hand_on: Callable[[Chapter], None] = _nobody
        """Takes each chapter that is full. It must not block."""
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._chapters: deque[Chapter] = deque()
        self._next_number = 0
        self._settings: Settings | None = None
        self._memory = memory or Memory()
        self._outlook = NO_OUTLOOK
        self._now_s = float("-inf")
        self._interrupted = False
        self.size = 0
        """Encoded bytes held."""

    def decided(self, snapshot: Snapshot, settings: Settings, decision: Decision, memory: Memory) -> None:
        """Keep one decision. `memory`: as it is after it."""
        self._keep(Step(snapshot, decision), settings)
        self._memory = memory

    def failed(self, snapshot: Snapshot, settings: Settings, error: str) -> None:
        """Keep that `decide` raised; memory begins anew."""
        self._keep(Failed(snapshot, error), settings)
        self._memory = begun_anew(self._memory)

    def finish(self) -> None:
        """There will be no more decisions: hand on what there is."""
        self._close()

    def _keep(self, record: Step | Failed, settings: Settings) -> None:
        snapshot = record.snapshot
        outlook = outlook_of(snapshot)
        try:
            data = frame(record)
            if not same_outlook(outlook, self._outlook):
                data = frame(outlook) + data
            if self._settings is not None and settings is not self._settings:
                data = frame(Changed(settings)) + data
        except Exception as error:  # noqa: BLE001 - whatever a driver calls a reading, control goes on
            self._interrupt(error)
            return
        self._interrupted = False
        self._now_s, self._settings = snapshot.time_s, settings
        self._chapter(settings).add(data, snapshot.utc_s)
        self._outlook = outlook
        self.size += len(data)
        while len(self._chapters) > 1 and self._is_too_much():
            self.size -= self._chapters.popleft().size

    def _interrupt(self, error: Exception) -> None:
        """The gap can't be replayed over."""
        if not self._interrupted:
            problem = f"{type(error).__name__}: {error}"
            log.warning("recording interrupted", error=problem, next="begun anew; control goes on")
        self._interrupted = True
        self._close()
        self._chapters.clear()
        self._next_number += 1
        self.size = 0

    def _chapter(self, settings: Settings) -> Chapter:
        """The newest chapter, or a new one when it is full."""
        if self._chapters:
            newest = self._chapters[-1]
            room = self._now_s - newest.began_s < CHAPTER_S and newest.size < CHAPTER_BYTES
            if room and newest.end is None:
                return newest
            self._close()
        number, self._next_number = self._next_number, self._next_number + 1
        self._chapters.append(Chapter(number, self._now_s, settings, self._memory, self._outlook))
        return self._chapters[-1]

    def _close(self) -> None:
        """The newest chapter is complete."""
        if self._chapters and self._chapters[-1].end is None:
            self._chapters[-1].end = self._memory
            self.hand_on(self._chapters[-1])

    def _is_too_much(self) -> bool:
        return self.size > self._keep_bytes or self._chapters[1].began_s < self._now_s - self._keep_s

    def chapters(self) -> tuple[Chapter, ...]:
        """All that is held, oldest first; the last may grow."""
        return tuple(self._chapters)

    def part(self, chapter: Chapter, *, follows: bool) -> Part:
        """One of these as a part of a recording."""
        end = self._memory if chapter.end is None else chapter.end
        return Part(follows, chapter.parts(self.strategies, end))

    def export(self, seconds: float) -> Iterator[bytes] | None:
        """A recording of at least the last `seconds`, as far as it is kept, in parts; None without any.

        What is in it is settled by the call, however slowly it is read.
        """
        if not self._chapters:
            return None
        chapters = list(self._chapters)
        since_s = self._now_s - seconds
        while len(chapters) > 1 and chapters[1].began_s <= since_s:
            chapters.pop(0)
        newest = self.part(chapters.pop(), follows=True)
        return joined(self._with(chapters, newest))

    def _with(self, closed: Iterable[Chapter], newest: Part) -> Iterator[Part]:
        """Chapters that are closed do not change; they are put together as they are asked for."""
        for chapter in closed:
            yield self.part(chapter, follows=True)
        yield newest


def _nobody(_: Chapter) -> None:
    pass
