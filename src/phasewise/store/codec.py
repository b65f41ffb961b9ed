"""Columns of whole numbers, packed small: what a chunk of history holds.

Each column is turned into differences from one value to the next, as narrow as they fit, the low bytes of
all values before the high ones, and everything is deflated together. A column that stays the same costs
nothing. Home-grown because the daemon goes without numpy, and everything here runs at C speed.
"""

import sys
import zlib
from array import array
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from operator import sub

import msgspec

Column = Sequence[int | None]
Columns = Mapping[str, Column]

_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}
"""Type codes of `array`, by width in bytes."""
_LEAST = -(2**62)
_MOST = 2**62 - 1
"""Differences of values within fit 8 bytes."""


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """How one column lies in the body."""

    name: str
    width: int
    """Bytes per difference; 0: all differences are 0."""
    first: int
    gaps: tuple[int, ...]
    """Begin, end, begin, end... of stretches that are None."""


class _Head(msgspec.Struct, frozen=True, array_like=True):
    length: int
    columns: tuple[_Packed, ...]


_decode_head = msgspec.msgpack.Decoder(_Head).decode


def pack(columns: Columns) -> bytes:
    """Columns of equal length. Columns of nothing but None are left out."""
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns of unequal length: {sorted(lengths)}")
    heads, parts = [], []
    for name, column in columns.items():
        gaps = _gaps(column)
        filled = _filled(column) if gaps else column
        if filled is None:
            continue
        known: Sequence[int] = filled  # type: ignore[assignment]  # without gaps there is no None
        width, planes = _planes([after - before for before, after in pairwise(known)])
        heads.append(_Packed(name, width, known[0], gaps))
        parts.append(planes)
    head = msgspec.msgpack.encode(_Head(max(lengths, default=0), tuple(heads)))
    return zlib.compress(b"".join([len(head).to_bytes(4, "little"), head, *parts]))


def unpack(data: bytes, wanted: Collection[str] | None = None) -> dict[str, list[int | None]]:
    """The columns of those names that there are; None = all. Raises zlib.error, msgspec.DecodeError."""
    body = memoryview(zlib.decompress(data))
    size = int.from_bytes(body[:4], "little")
    head = _decode_head(body[4 : 4 + size])
    count = max(0, head.length - 1)
    at, found = 4 + size, {}
    for packed in head.columns:
        if wanted is None or packed.name in wanted:
            found[packed.name] = _column(packed, body[at : at + packed.width * count], head.length)
        at += packed.width * count
    return found


def salvaged(data: bytes, wanted: Collection[str] | None = None) -> dict[str, list[int | None]] | None:
    """As `unpack`; None for what can't be read: a bad block on a card costs what was in it, no more."""
    try:
        return unpack(data, wanted)
    except (zlib.error, ValueError, IndexError):  # checked by a sum before: the others hardly ever
        return None


def _gaps(column: Column) -> tuple[int, ...]:
    if None not in column:
        return ()
    missing = [value is None for value in column]
    edges = map(sub, chain(missing, [False]), chain([False], missing))
    return tuple(index for index, edge in enumerate(edges) if edge)


def _filled(column: Column) -> list[int] | None:
    """With what was last known in the gaps, as no difference costs least."""
    last = next((value for value in column if value is not None), None)
    if last is None:
        return None
    filled = []
    for value in column:
        last = last if value is None else value
        filled.append(last)
    return filled


def _planes(steps: list[int]) -> tuple[int, bytes]:
    if not any(steps):
        return 0, b""
    low, high = min(steps), max(steps)
    width = next(width for width in _CODES if -(1 << 8 * width - 1) <= low and high < 1 << 8 * width - 1)
    values = array(_CODES[width], steps)
    if sys.byteorder == "big":
        values.byteswap()
    raw = values.tobytes()
    return width, b"".join(raw[plane::width] for plane in range(width))


def _column(packed: _Packed, planes: memoryview, length: int) -> list[int | None]:
    column: list[int | None]
    if packed.width:
        count, raw = length - 1, bytearray(len(planes))
        for plane in range(packed.width):
            raw[plane :: packed.width] = planes[plane * count : (plane + 1) * count]
        values = array(_CODES[packed.width])
        values.frombytes(raw)
        if sys.byteorder == "big":
            values.byteswap()
        column = list(accumulate(values, initial=packed.first))
    else:
        column = [packed.first] * length
    for begin, end in zip(packed.gaps[::2], packed.gaps[1::2], strict=True):
        column[begin:end] = [None] * (end - begin)
    return column


def bounded(value: int) -> int:
    """Within what can be packed, however absurd."""
    return max(_LEAST, min(_MOST, value))
