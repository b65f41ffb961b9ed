"""The file: what is written is what is read, and what is damaged is never replayed."""

import io
import struct
import zlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_kit import file_of, home, opened, recording

from phasewise.model import BatteryReading, BatterySnapshot, Decision, GridReading, PhaseReading, Snapshot
from phasewise.model.memory import Memory
from phasewise.replay.recording import (
    FORMAT,
    MAGIC,
    Checkpoint,
    Failed,
    Header,
    Record,
    ReplayError,
    Step,
    Torn,
    frame,
    read,
)

HEADER = Header("1.2.3", ("full-stop",), home(), Memory())
any_w = st.floats()  # NaN and infinities too: a driver may send anything
maybe_w = st.none() | any_w
phase = st.builds(PhaseReading, maybe_w, maybe_w, maybe_w)
reading = st.builds(BatteryReading, st.floats(0, 1e6), maybe_w, maybe_w, maybe_w, state=st.none() | st.text())
snapshots = st.builds(
    Snapshot,
    st.floats(0, 1e9),
    st.floats(0, 2e9),
    st.none()
    | st.builds(
        GridReading,
        st.floats(0, 1e6),
        any_w,
        st.tuples(phase, st.none() | phase, st.none() | phase),
        content_id=st.integers(0, 2**63),
        meter_id=st.none() | st.text(),
    ),
    st.booleans(),
    st.floats(0, 60),
    st.lists(st.builds(BatterySnapshot, st.text(), st.none() | reading, st.booleans())).map(tuple),
)


def bits(records: list[Record | Torn]) -> list[bytes]:
    return [msgspec.msgpack.encode(record) for record in records]


@given(st.lists(snapshots, max_size=3), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_number_comes_back_to_the_last_bit(seen: list[Snapshot], error: str) -> None:
    records: list[Record | Torn] = [Step(s, Decision(s.time_s, "a", "b", (), None, s.utc_s)) for s in seen]
    records += [Failed(s, error) for s in seen]
    records += [Checkpoint(Memory())]
    header, back = opened(file_of(HEADER, records))
    assert header == HEADER
    assert bits(back) == bits(records)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_is_damage_or_a_torn_end_never_another_record(data: st.DataObject) -> None:
    whole = recording()[:20_000]
    _, expected = opened(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    try:
        header, found = opened(bytes(flipped))
    except ReplayError:
        return
    # Only a length can hide what follows; it is then said that there is something unread.
    assert isinstance(found[-1], Torn)
    assert bits(found[:-1]) == bits(expected[: len(found) - 1])
    assert header == opened(whole)[0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_end_loses_only_the_record_it_is_in(data: st.DataObject) -> None:
    whole = recording()[:20_000]
    _, expected = opened(whole)
    begin = len(MAGIC) + len(frame(opened(whole)[0]))
    end = data.draw(st.integers(begin, len(whole)))
    _, found = opened(whole[:end])
    records = [r for r in found if not isinstance(r, Torn)]
    assert bits(records) == bits(expected[: len(records)])
    size = begin + sum(len(frame(r)) for r in records)
    assert sum(r.unread_bytes for r in found if isinstance(r, Torn)) == end - size


@pytest.mark.parametrize("data", [b"", b"{}", b"phasewise recordinG\n", b"\x1f\x8b" * 50, b"<html>"])
def test_something_else_is_called_that(data: bytes) -> None:
    with pytest.raises(ReplayError, match="not a recording"):
        opened(data)


@pytest.mark.parametrize("size", [0, 3, 8, 100])
def test_a_file_without_a_whole_header_says_so(size: int) -> None:
    with pytest.raises(ReplayError, match="ends before"):
        opened(recording()[: len(MAGIC) + size])


def test_another_format_names_the_version_that_reads_it() -> None:
    future = msgspec.structs.replace(HEADER, version="9.0.0", format=FORMAT + 1)
    with pytest.raises(ReplayError, match=r"format 2, made by Phasewise 9\.0\.0; .* reads format 1\. Replay"):
        opened(file_of(future, []))


def _framed(value: object) -> bytes:
    data = msgspec.msgpack.encode(value)
    whole = frame(Checkpoint(Memory()))
    assert struct.unpack(">I", whole[:4])[0] == len(whole) - 8
    return struct.pack(">II", len(data), zlib.crc32(data)) + data


def test_a_header_of_another_shape_says_to_get_it_again() -> None:
    with pytest.raises(ReplayError, match="no header"):
        opened(MAGIC + _framed({"hello": 1}))
    with pytest.raises(ReplayError, match="begin with a header"):
        opened(MAGIC + _framed({"type": "failed", "format": FORMAT, "version": "1"} | _failed()))


def _failed() -> dict[str, object]:
    snapshot = Snapshot(1.0, 2.0, None, False, 1.0, ())
    return {"snapshot": msgspec.to_builtins(snapshot), "error": "x"}


@pytest.mark.parametrize("record", [{"type": "later"}, {"type": "step"}, [1], "x"])
def test_a_record_of_another_shape_names_the_version_that_made_it(record: object) -> None:
    with pytest.raises(ReplayError, match=r"can't be read by this version .* Phasewise 1\.2\.3"):
        opened(file_of(HEADER, []) + _framed(record))


def test_records_are_read_as_they_are_asked_for() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    stream = Counting(recording())
    _, records = read(stream)
    next(records)
    assert stream.taken < len(recording()) / 10
