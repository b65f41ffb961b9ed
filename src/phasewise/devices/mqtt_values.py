"""Where in the messages of a topic a number stands: the whole payload, or a place in its JSON."""

import asyncio
import json
from decimal import Decimal, InvalidOperation
from typing import Annotated

import jmespath
from jmespath.exceptions import JMESPathError
from msgspec import Struct
from pydantic import AfterValidator, Field

from phasewise.devices.base import Clock, DeviceBadData, DriverOptions


def _topic(value: str) -> str:
    if not value or any(sign in value for sign in "+#\0"):
        raise ValueError(f"{value!r} is not a topic: it is a text without '+' and '#'")
    return value


def _path(value: str) -> str:
    try:
        jmespath.compile(value)
    except JMESPathError as error:
        raise ValueError(f"{value!r} is not a JMESPath expression: {error}") from error
    return value


Topic = Annotated[str, AfterValidator(_topic)]


class Value(DriverOptions):
    """One number of a topic."""

    topic: Topic
    """Topic that it is in."""
    path: Annotated[str, AfterValidator(_path)] | None = None
    """Where it stands in the JSON of a message, as a JMESPath expression such as power.l1; left out: the
    message is the number."""
    scale: float = Field(default=1.0, allow_inf_nan=False)
    """What it is multiplied by: 1000 for a number in kW, -1 for the other sign."""


class Number(Struct, frozen=True):
    """A number, and how exactly it was told."""

    value: float
    step: float
    """The last digit that was told."""


class Message(Struct, frozen=True):
    """The newest one of a topic."""

    payload: bytes
    heard_s: float
    """Monotonic, by the injected clock."""
    at_s: float
    """By the event loop's clock, for its age: a broker is always real."""

    @property
    def age_s(self) -> float:
        """How long ago it came."""
        return asyncio.get_running_loop().time() - self.at_s


class Messages:
    """The newest message of each topic. A retained one is not kept: nobody knows how old it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: dict[str, Message] = {}

    def hear(self, topic: str, payload: bytes) -> None:
        """A message that was sent just now."""
        at_s = asyncio.get_running_loop().time()
        self._newest[topic] = Message(payload, self._clock.now_s(), at_s)

    def newest(self, topic: str) -> Message | None:
        """None before the first."""
        return self._newest.get(topic)

    def number(self, value: Value | None, max_age_s: float, most: float) -> Number | None:
        """None where there is none, or none young enough. Raises DeviceBadData, also above `most`."""
        message = None if value is None else self._newest.get(value.topic)
        if value is None or message is None or message.age_s > max_age_s:
            return None
        found = _number(message.payload, value)
        if found is not None and not abs(found.value) <= most:
            raise DeviceBadData(f"{found.value:g} in {value.topic} can't be true")
        return found


def _number(payload: bytes, value: Value) -> Number | None:
    try:
        text = payload.decode("utf-8")
        told: object = text.strip()
        if value.path is not None:
            # Decimals, so that it is known how many digits were told.
            told = jmespath.search(value.path, json.loads(text, parse_float=Decimal, parse_constant=Decimal))
    except (ValueError, RecursionError, JMESPathError) as error:
        raise DeviceBadData(
            f"{_brief(payload)} in {value.topic} is not what was expected: {error}"
        ) from error
    if told is None:
        return None
    try:
        if isinstance(told, bool) or not isinstance(told, str | int | Decimal):
            raise TypeError
        exact = Decimal(told)
        if not exact.is_finite():
            raise TypeError
    except (InvalidOperation, TypeError) as error:
        raise DeviceBadData(f"{_brief(told)} in {value.topic} is no number") from error
    exponent = exact.as_tuple().exponent
    step = 10.0 ** min(int(exponent), 0) * abs(value.scale)
    return Number(float(exact) * value.scale, step)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
