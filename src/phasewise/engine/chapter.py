"""A minute of a recording, complete in itself: what it was made under, and every decision in it.

Chapters that follow each other are joined to one recording. Where one is missing, or after a restart, the
next begins with a header of its own, so that the recording still replays bit for bit.
"""

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

import msgspec
from msgspec import Struct

from phasewise import __version__
from phasewise.model import Settings
from phasewise.model.memory import Memory
from phasewise.replay.recording import (
    MAGIC,
    NO_OUTLOOK,
    Checkpoint,
    Header,
    Outlook,
    frame,
    same_outlook,
)

COMPRESSION = 6
"""zlib's own choice: 9 takes three times as long for 3 % less."""


class ChapterParts(Struct, frozen=True):
    """A chapter as frames of a recording."""

    header: bytes
    outlook: bytes
    """Empty where nothing was known of the future."""
    frames: bytes
    end: bytes
    """What was remembered after it."""


class Chapter:
    """A minute as it is recorded."""

    def __init__(
        self, number: int, began_s: float, settings: Settings, memory: Memory, outlook: Outlook
    ) -> None:
        """`number`: one more than that of the chapter it follows on. `began_s`: monotonic."""
        self.number = number
        self.began_s = began_s
        self.settings = settings
        self.memory = memory
        self.outlook = outlook
        self.frames: list[bytes] = []
        self.size = 0
        self.began_utc_s = float("inf")
        """Of the first decision in it; Unix time, as is `ended_utc_s`."""
        self.ended_utc_s = float("-inf")
        self.end: Memory | None = None
        """What was remembered after it; None while it may grow."""

    def add(self, data: bytes, utc_s: float) -> None:
        """One more decision."""
        if not self.frames:
            self.began_utc_s = utc_s
        self.frames.append(data)
        self.size += len(data)
        self.ended_utc_s = utc_s

    def parts(self, strategies: tuple[str, ...], end: Memory) -> ChapterParts:
        """As it is now. `strategies`: names of all there are; `end`: what is remembered after it."""
        outlook = b"" if same_outlook(self.outlook, NO_OUTLOOK) else frame(self.outlook)
        header = Header(__version__, strategies, self.settings, self.memory)
        return ChapterParts(frame(header), outlook, b"".join(self.frames), frame(Checkpoint(end)))


class Part(Struct, frozen=True):
    """A chapter and its place in a recording."""

    follows: bool
    """Whether it goes on where the one before it ended."""
    parts: ChapterParts


def packed(parts: ChapterParts) -> bytes:
    """A chapter for the disk."""
    return zlib.compress(msgspec.msgpack.encode(parts), COMPRESSION)


def unpacked(data: bytes) -> ChapterParts:
    """A chapter from the disk. Raises ValueError for what is none."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=ChapterParts)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"a recorded chapter can't be read: {error}") from error


def joined(parts: Iterable[Part]) -> Iterator[bytes]:
    """One recording, in pieces."""
    yield MAGIC
    for number, part in enumerate(parts):
        yield _piece(part, first=number == 0)


async def joined_later(parts: AsyncIterable[Part]) -> AsyncIterator[bytes]:
    """The same of chapters that take time to come."""
    yield MAGIC
    first = True
    async for part in parts:
        yield _piece(part, first=first)
        first = False


def _piece(part: Part, *, first: bool) -> bytes:
    parts = part.parts
    head = b"" if part.follows and not first else parts.header + parts.outlook
    return head + parts.frames + parts.end
