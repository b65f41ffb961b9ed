"""Where two values differ, in words."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

_encode = msgspec.msgpack.Encoder().encode


class Difference(Struct, frozen=True):
    """One value that is not the same on both sides."""

    what: str
    """Where it stands: `batteries m1 setpoint_w`."""
    recorded: str
    here: str


def differences(recorded: object, here: object) -> tuple[Difference, ...]:
    """Every value that differs, empty when none does.

    Numbers are compared to the last bit, but for the sign of a zero: a driver may give a whole number,
    which has none. NaN equals NaN.
    """
    if _encode(recorded) == _encode(here):
        return ()
    return tuple(_walk(recorded, here, ""))


def _walk(recorded: object, here: object, what: str) -> Iterator[Difference]:
    if isinstance(recorded, Struct) and type(recorded) is type(here):
        for name in recorded.__struct_fields__:
            yield from _walk(getattr(recorded, name), getattr(here, name), f"{what} {name}")
    elif isinstance(recorded, tuple) and isinstance(here, tuple) and len(recorded) == len(here):
        for number, (left, right) in enumerate(zip(recorded, here, strict=True)):
            yield from _walk(left, right, f"{what} {getattr(left, 'id', number + 1)}")
    elif recorded != here and not _both_nan(recorded, here):
        yield Difference(what.strip() or "outcome", words(recorded), words(here))


def _both_nan(recorded: object, here: object) -> bool:
    return recorded != recorded and here != here  # noqa: PLR0124 - only NaN differs from itself


def words(value: object) -> str:
    """A value as a person reads it; numbers in full."""
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        return ", ".join(map(words, value)) or "none"
    if isinstance(value, Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return " ".join(f"{name}={words(held)}" for name, held in fields if held is not None)
    return str(value)
