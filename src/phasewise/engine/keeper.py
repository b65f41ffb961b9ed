"""What must outlive a restart, in a small file: the month's highest quarter, which the tariff is charged by.

Written only when it changed, and at most once a minute: SD cards wear out. Without the file, or with one that
can't be read, the month begins anew.
"""

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

import msgspec
import structlog

from phasewise.model.memory import QuarterMemory

KEEP_EVERY_S = 60.0

log = structlog.get_logger("phasewise.engine")


class Kept(msgspec.Struct, frozen=True):
    """The content of the file, as JSON."""

    month: str
    """Such as 2026-11, in local time."""
    month_peak_w: float
    """Highest mean import of a clock quarter in it."""


class Keeper:
    """Reads the file once, and writes it when there is news. Never raises."""

    def __init__(self, path: Path | None) -> None:
        """`path`: of the file; None = nothing is kept."""
        self._path = path
        self._kept: Kept | None = None
        self._saved_s = float("-inf")
        self._saving = False

    def load(self) -> QuarterMemory:
        """What was kept."""
        if self._path is None:
            return QuarterMemory()
        try:
            self._kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return QuarterMemory()
        except (OSError, msgspec.DecodeError) as error:
            log.warning(
                "kept state not used", file=str(self._path), error=str(error), next="the month begins anew"
            )
            return QuarterMemory()
        return QuarterMemory(month=self._kept.month, month_peak_w=self._kept.month_peak_w)

    def is_due(self, memory: QuarterMemory, now_s: float) -> bool:
        """Whether there is news to save, and the last attempt is over, and long enough ago."""
        if self._saving or now_s - self._saved_s < KEEP_EVERY_S or not self._has_news(memory):
            return False
        self._saved_s = now_s
        return True

    def _has_news(self, memory: QuarterMemory) -> bool:
        return self._path is not None and memory.month != "" and _worth_keeping(memory) != self._kept

    async def save(self, memory: QuarterMemory) -> None:
        """Keep what is worth keeping of it, if that has changed."""
        if self._path is None or not self._has_news(memory):
            return
        now = _worth_keeping(memory)
        self._saving = True
        try:
            await asyncio.to_thread(_write, self._path, msgspec.json.encode(now))
        except OSError as error:
            log.warning(
                "state not kept",
                file=str(self._path),
                error=str(error),
                next="tried again in a minute; control goes on",
            )
        else:
            self._kept = now
        finally:
            self._saving = False


def _worth_keeping(memory: QuarterMemory) -> Kept:
    return Kept(memory.month, round(memory.month_peak_w, 1))


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing: a power cut leaves the old file or the new one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
