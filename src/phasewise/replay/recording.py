"""The form of a recording: everything that decisions were made from, and the decisions.

What is known of the future is the same in thousands of snapshots and larger than all else in them: it is
written by itself, when it changes, and put back into the snapshots when they are read.

A line that says what the file is, then frames: the length of a record, its CRC-32 (both 4 bytes, big
endian), the record in msgpack. The first record is a `Header`; there is another wherever something is missing
before it, as after a restart. msgpack, unlike JSON, keeps every number
as it was: infinities, NaN and the last bit.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from phasewise.model import Decision, Settings, Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval

MAGIC = b"phasewise recording\n"
FORMAT = 1
"""Goes up when older recordings can't be read as they were meant any more."""
MAX_RECORD_BYTES = 1 << 20
"""A record of six batteries has about 3 kB: a length beyond this is damage."""

_FRAME = struct.Struct(">II")


class ReplayError(Exception):
    """A recording can't be used, or not like this. The text says why, and what to do."""


class Header(Struct, frozen=True, tag="header"):
    """How the world was when the recording begins."""

    version: str
    """The Phasewise that recorded."""
    strategies: tuple[str, ...]
    """Names of all strategies that were installed."""
    settings: Settings
    memory: Memory
    """What `decide` remembered before the first decision."""
    format: int = FORMAT


class Step(Struct, frozen=True, tag="step"):
    """One decision: what `decide` got, and what it decided."""

    snapshot: Snapshot
    decision: Decision


class Changed(Struct, frozen=True, tag="settings"):
    """From here on these settings were in force."""

    settings: Settings


class Outlook(Struct, frozen=True, tag="outlook"):
    """From here on this was known of the future: as in `Snapshot`."""

    prices: tuple[PriceInterval, ...] = ()
    forecast: tuple[ForecastInterval, ...] = ()
    load_forecast: tuple[ForecastInterval, ...] = ()

    def into(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with this in it."""
        return replace(snapshot, prices=self.prices, forecast=self.forecast, load_forecast=self.load_forecast)


NO_OUTLOOK = Outlook()
"""What a recording begins with."""


class Checkpoint(Struct, frozen=True, tag="memory"):
    """What `decide` remembered at this point."""

    memory: Memory


class Failed(Struct, frozen=True, tag="failed"):
    """`decide` raised: there was no decision, and memory was begun anew."""

    snapshot: Snapshot
    error: str


Record = Header | Step | Changed | Outlook | Checkpoint | Failed


class Torn(Struct, frozen=True):
    """Not a record: the file ends inside one. What comes before it is whole."""

    unread_bytes: int


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class _Form(Struct):
    """The part of a header that no format may change."""

    format: int
    version: str


def outlook_of(snapshot: Snapshot) -> Outlook:
    """What a snapshot knows of the future."""
    return Outlook(snapshot.prices, snapshot.forecast, snapshot.load_forecast)


def same_outlook(one: Outlook, other: Outlook) -> bool:
    """Whether both are the identical objects, as in snapshots while nothing changes."""
    return (
        one.prices is other.prices
        and one.forecast is other.forecast
        and one.load_forecast is other.load_forecast
    )


def frame(record: Record) -> bytes:
    """One record as it stands in the file: snapshots without their outlook."""
    if isinstance(record, Step | Failed):
        record = _with_outlook(record, NO_OUTLOOK)
    data = _encoder.encode(record)
    return _FRAME.pack(len(data), zlib.crc32(data)) + data


def read(stream: BinaryIO) -> tuple[Header, Iterator[Record | Torn]]:
    """The header, and the records after it as they are asked for; `Torn` comes last if the end is missing.

    Both raise ReplayError for what is not a recording, is of another format or is damaged.
    """
    if stream.read(len(MAGIC)) != MAGIC:
        raise ReplayError(
            "This is not a recording of Phasewise. Get one from a running daemon: GET /api/v1/recording."
        )
    frames = _frames(stream)
    first = next(frames, None)
    if first is None or isinstance(first, Torn):
        raise ReplayError("The recording ends before anything was recorded. Get it again.")
    header = _header(first)
    return header, _records(frames, header.version)


def _frames(stream: BinaryIO) -> Iterator[bytes | Torn]:
    """The content of each frame."""
    at = len(MAGIC)
    while head := stream.read(_FRAME.size):
        if len(head) < _FRAME.size:
            yield Torn(len(head))
            return
        length, checksum = _FRAME.unpack(head)
        data = stream.read(length) if length <= MAX_RECORD_BYTES else b""
        if length <= MAX_RECORD_BYTES and len(data) < length:
            yield Torn(len(head) + len(data))
            return
        if length > MAX_RECORD_BYTES or zlib.crc32(data) != checksum:
            raise ReplayError(f"The recording is damaged at byte {at}. Get it again.")
        yield data
        at += len(head) + length


def _records(frames: Iterator[bytes | Torn], version: str) -> Iterator[Record | Torn]:
    outlook = NO_OUTLOOK
    for data in frames:
        record = data if isinstance(data, Torn) else _record(data, version)
        if isinstance(record, Outlook):
            outlook = record
            continue
        if isinstance(record, Header) and not isinstance(data, Torn):
            record, outlook = _header(data), NO_OUTLOOK
        if isinstance(record, Step | Failed):
            yield _with_outlook(record, outlook)
        else:
            yield record


def _with_outlook(record: Step | Failed, outlook: Outlook) -> Step | Failed:
    snapshot = record.snapshot
    if same_outlook(outlook_of(snapshot), outlook):
        return record
    return replace(record, snapshot=outlook.into(snapshot))


def _header(data: bytes) -> Header:
    try:
        form = msgspec.msgpack.decode(data, type=_Form)
    except msgspec.DecodeError as error:
        raise ReplayError(f"The recording has no header that can be read ({error}). Get it again.") from error
    if form.format != FORMAT:
        raise ReplayError(
            f"The recording has format {form.format}, made by Phasewise {form.version}; this version reads "
            f"format {FORMAT}. Replay it with Phasewise {form.version}."
        )
    record = _record(data, form.version)
    if not isinstance(record, Header):
        raise ReplayError("The recording does not begin with a header. Get it again.")
    return record


def _record(data: bytes, version: str) -> Record:
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ReplayError(
            f"A record can't be read by this version ({error}). Replay the recording with the version that "
            f"made it, Phasewise {version}."
        ) from error
