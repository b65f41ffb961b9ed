"""The last hour of decisions with everything they were made from, kept in memory for a bug report.

Nothing is written to disk: SD cards wear out. Each record is encoded once, when it is made, and kept in
chapters of a minute. A chapter begins with what `decide` remembered, so that a recording can begin with
any of them and still replays bit for bit.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import structlog

from phasewise import __version__
from phasewise.model import Decision, Settings, Snapshot
from phasewise.model.memory import Memory, begun_anew
from phasewise.replay.recording import (
    MAGIC,
    NO_OUTLOOK,
    Changed,
    Checkpoint,
    Failed,
    Header,
    Outlook,
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


class _Chapter:
    """A minute, with the state at its start."""

    def __init__(self, began_s: float, settings: Settings, memory: Memory, outlook: Outlook) -> None:
        self.began_s = began_s
        self.settings = settings
        self.memory = memory
        self.outlook = outlook
        self.frames: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> None:
        self.frames.append(data)
        self.size += len(data)


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
        self._strategies = tuple(sorted(strategies))
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._chapters: deque[_Chapter] = deque()
        self._settings: Settings | None = None
        self._memory = memory or Memory()
        self._outlook = NO_OUTLOOK
        self._now_s = float("-inf")
        self._interrupted = False
        self.size = 0
        """Encoded bytes held."""

    def decided(self, snapshot: Snapshot, settings: Settings, decision: Decision, memory: Memory) -> None:
        """Keep one decision. `memory`: as it is after it."""
        self._keep(Step(snapshot, decision), snapshot.time_s, settings)
        self._memory = memory

    def failed(self, snapshot: Snapshot, settings: Settings, error: str) -> None:
        """Keep that `decide` raised; memory begins anew."""
        self._keep(Failed(snapshot, error), snapshot.time_s, settings)
        self._memory = begun_anew(self._memory)

    def _keep(self, record: Step | Failed, now_s: float, settings: Settings) -> None:
        outlook = outlook_of(record.snapshot)
        try:
            data = frame(record)
            if not same_outlook(outlook, self._outlook):
                data = frame(outlook) + data
            if self._settings is not None and settings is not self._settings:
                data = frame(Changed(settings)) + data
        except Exception as error:  # noqa: BLE001 - whatever a driver calls a reading, control goes on
            if not self._interrupted:
                problem = f"{type(error).__name__}: {error}"
                log.warning("recording interrupted", error=problem, next="begun anew; control goes on")
            self._interrupted = True
            # The gap can't be replayed over.
            self._chapters.clear()
            self.size = 0
            return
        self._interrupted = False
        self._now_s, self._settings = now_s, settings
        self._chapter(now_s, settings).add(data)
        self._outlook = outlook
        self.size += len(data)
        while len(self._chapters) > 1 and self._is_too_much():
            self.size -= self._chapters.popleft().size

    def _chapter(self, now_s: float, settings: Settings) -> _Chapter:
        """The newest chapter, or a new one when it is full."""
        if self._chapters:
            newest = self._chapters[-1]
            if now_s - newest.began_s < CHAPTER_S and newest.size < CHAPTER_BYTES:
                return newest
        self._chapters.append(_Chapter(now_s, settings, self._memory, self._outlook))
        return self._chapters[-1]

    def _is_too_much(self) -> bool:
        return self.size > self._keep_bytes or self._chapters[1].began_s < self._now_s - self._keep_s

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
        kept = [(chapter.memory, list(chapter.frames)) for chapter in chapters]
        header = Header(__version__, self._strategies, chapters[0].settings, chapters[0].memory)
        return _parts(header, chapters[0].outlook, kept, self._memory)


def _parts(
    header: Header, outlook: Outlook, chapters: list[tuple[Memory, list[bytes]]], last: Memory
) -> Iterator[bytes]:
    yield MAGIC + frame(header)
    if not same_outlook(outlook, NO_OUTLOOK):
        yield frame(outlook)
    for number, (memory, frames) in enumerate(chapters):
        checkpoint = frame(Checkpoint(memory)) if number else b""
        yield checkpoint + b"".join(frames)
    yield frame(Checkpoint(last))
