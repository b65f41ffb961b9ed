"""Recordings of the last days: chapters go to the disk as they are full, and come back as one recording."""

import secrets
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from phasewise.engine.chapter import Chapter, Part, joined_later, packed, unpacked
from phasewise.engine.controls import NotRecordedError
from phasewise.engine.recorder import Recorder
from phasewise.replay.recording import FORMAT
from phasewise.store import Job, UnreadableError, Writer, looked_up, reading
from phasewise.store import recordings as store
from phasewise.store.recordings import KeptChapter, Place

WAITING = 10
"""Chapters that wait to be packed; the writer asks for them every few seconds."""

_RUN_BITS = 62
"""SQLite's integers have 63 bits and a sign."""


class _Piece(Struct, frozen=True):
    """A chapter of a stretch: on disk, or still in memory."""

    place: Place
    kept_id: int | None
    part: Part | None


class Recordings:
    """Keeps what the recorder hands on, and finds any stretch of it."""

    def __init__(self, recorder: Recorder, writer: Writer) -> None:
        self._recorder = recorder
        self._path = writer.path
        self._run = secrets.randbits(_RUN_BITS)
        self._waiting: deque[Chapter] = deque(maxlen=WAITING)
        recorder.hand_on = self._waiting.append
        writer.add_source(self._take)

    def _take(self) -> Job | None:
        """In the writer's thread: packs what is full; a closed chapter does not change any more."""
        chapters = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not chapters:
            return None
        rows = [
            (self._place(chapter), packed(self._recorder.part(chapter, follows=False).parts))
            for chapter in chapters
        ]

        def job(connection: sqlite3.Connection) -> None:
            for place, data in rows:
                store.add(connection, place, FORMAT, data)

        return job

    def _place(self, chapter: Chapter) -> Place:
        return Place(self._run, chapter.number, chapter.began_utc_s, chapter.ended_utc_s)

    async def span(self) -> tuple[float, float] | None:
        """Unix times of the first and the last that is kept; there may be gaps. None for nothing.

        Raises UnreadableError.
        """
        spans = [await looked_up(self._span_on_disk)]
        spans += [(chapter.began_utc_s, chapter.ended_utc_s) for chapter in self._recorder.chapters()]
        known = [span for span in spans if span is not None]
        return (min(b for b, _ in known), max(e for _, e in known)) if known else None

    def _span_on_disk(self) -> tuple[float, float] | None:
        with reading(self._path, version=store.VERSION) as db:
            return None if db is None else store.span(db, FORMAT)

    async def between(self, from_utc_s: float, to_utc_s: float) -> AsyncIterator[bytes]:
        """The recording of this time in parts, from up to a minute before to up to a minute after it.

        What is in it is settled by the call. Raises NotRecordedError, which says what is kept, and
        UnreadableError.
        """
        kept = await looked_up(self._listed, from_utc_s, to_utc_s)
        pieces = [_Piece(chapter.place, chapter.id, None) for chapter in kept]
        have = {(chapter.place.run, chapter.place.number) for chapter in kept}
        for chapter in self._recorder.chapters():
            place = self._place(chapter)
            asked = place.ended_utc_s >= from_utc_s and place.began_utc_s < to_utc_s
            if asked and (place.run, place.number) not in have:
                pieces.append(_Piece(place, None, self._recorder.part(chapter, follows=False)))
        if not pieces:
            raise NotRecordedError(_nothing(await self.span()))
        # Earlier runs came to the disk in their order; what is missing of this one is in memory.
        own = sorted((p for p in pieces if p.place.run == self._run), key=lambda piece: piece.place.number)
        return joined_later(self._parts([p for p in pieces if p.place.run != self._run] + own))

    def _listed(self, from_utc_s: float, to_utc_s: float) -> Sequence[KeptChapter]:
        with reading(self._path, version=store.VERSION) as db:
            return () if db is None else store.between(db, from_utc_s, to_utc_s, FORMAT)

    async def _parts(self, pieces: Sequence[_Piece]) -> AsyncIterator[Part]:
        """Each as it is asked for; what was forgotten meanwhile is left out."""
        last: Place | None = None
        for piece in pieces:
            part = piece.part
            if part is None and piece.kept_id is not None:
                part = await looked_up(self._read, piece.kept_id)
            if part is None:
                continue
            place = piece.place
            follows = last is not None and (place.run, place.number) == (last.run, last.number + 1)
            last = place
            yield Part(follows, part.parts)

    def _read(self, id_: int) -> Part | None:
        try:
            with reading(self._path, version=store.VERSION) as db:
                data = None if db is None else store.data_of(db, id_)
            return None if data is None else Part(follows=False, parts=unpacked(data))
        except (UnreadableError, ValueError):
            return None


def _nothing(span: tuple[float, float] | None) -> str:
    if span is None:
        return "Nothing is recorded yet. Ask again in a minute."
    begin, end = (f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%dT%H:%M:%SZ}" for utc_s in span)
    return (
        f"Nothing is recorded of that time. Recordings are kept from {begin} to {end}, without the times in "
        "which Phasewise did not run."
    )
