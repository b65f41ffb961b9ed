"""The seam between the engine and real things: what a driver must do, and how it may fail.

A driver converts units and signs once, here at its edge: positive = import, and charging.
Drivers are found through the entry points `phasewise.meters` and `phasewise.batteries`.

    DeviceError                 anything a device or its connection did
    |-- DeviceUnreachable       no connection, no answer in time
    |-- DeviceRefused           the device answered, and said no
    `-- DeviceBadData           the device answered with something impossible
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from phasewise.model import BatteryReading, Capabilities, GridReading


class DeviceError(Exception):
    """A device did not do its part. The text says what was tried and what came back."""


class DeviceUnreachable(DeviceError):  # noqa: N818 - the tree above reads better without "Error" thrice
    """No connection could be made, or no answer came in time."""


class DeviceRefused(DeviceError):  # noqa: N818
    """The device answered and refused."""


class DeviceBadData(DeviceError):  # noqa: N818
    """The device answered with something that cannot be true."""


class Clock(Protocol):
    """Time, injected everywhere, so that tests and the fast demo can have their own."""

    def now_s(self) -> float:
        """Monotonic seconds; the origin has no meaning."""
        ...

    def utc_s(self) -> float:
        """Unix time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock."""
        ...


class SystemClock:
    """Real time."""

    def now_s(self) -> float:
        """Monotonic seconds of the system."""
        return time.monotonic()

    def utc_s(self) -> float:
        """Unix time of the system."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`."""
        await asyncio.sleep(seconds)


class DriverOptions(BaseModel):
    """Base of a driver's own settings: exactly the keys of its configuration entry that are its own.

    A field is a key of the user's YAML, its docstring what the user reads about it; validators raise
    ValueError with what is allowed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    is_shared: ClassVar[bool] = False
    """Whether what `url` names serves many programs, with several devices behind it, as a broker does: then
    one of them may be looked at while another is in use."""


def _in_its_folder(path: Path, info: ValidationInfo) -> Path:
    folder = info.context.get("folder") if isinstance(info.context, dict) else None
    return path if folder is None else folder / path


FileOfConfiguration = Annotated[Path, AfterValidator(_in_its_folder)]
"""A driver's option that names a file, such as one with a secret: relative names begin in the folder of the
configuration file. Secrets are never options themselves."""


class MeterDriver(Protocol):
    """A meter: an endless stream of readings."""

    options_model: ClassVar[type[DriverOptions]]

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet. `options` is an `options_model`."""
        ...

    def readings(self) -> AsyncIterator[GridReading]:
        """Every reading that passes the driver's own checks, as it arrives.

        Never ends and never raises for anything the device does: it reconnects with backoff and
        says in `status` what is wrong. Replay and freshness are judged by the engine, not here.
        """
        ...

    @property
    def status(self) -> str | None:
        """None while all is well, else a sentence: what was tried, what came back, what is next."""
        ...

    @property
    def rejected(self) -> int:
        """How many telegrams were thrown away so far (bad checksum, torn, garbage)."""
        ...

    async def close(self) -> None:
        """Give up the connection. Idempotent."""
        ...


class BatteryDriver(Protocol):
    """A battery: read it, tell it a power, let it go.

    `read` and `apply` may overlap, each is called once at a time; a driver puts their frames in order,
    so that a setpoint waits for at most the frame under way, not for a whole reading. Every call ends
    within a bounded time of its own (at most 10 s, and `Capabilities.turn_s`) and may raise DeviceError; it
    connects by itself when it must. A call that is cancelled leaves the driver usable.
    """

    options_model: ClassVar[type[DriverOptions]]

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet. `options` is an `options_model`."""
        ...

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """What a device with these options can do, without asking it. Used to check the configuration."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """As `capabilities_of` this driver's options; constant for the driver's life."""
        ...

    async def read(self) -> BatteryReading:
        """Fresh telemetry from the device: never a cached value."""
        ...

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Make the device run at this AC power, charging positive, clipped to the capabilities.

        The first call takes control of the device. Writes only what changed, plus the keep-alive if
        it is due; calling it again with the same value therefore is how control is kept. `rewrite`
        writes everything again. A measured value is never a default: nothing is written before the
        first call. `ready` counts at 0 W only: the device worked a moment ago and keeps its relay
        closed, where it can; without it, it rests as it does by itself.
        """
        ...

    async def release(self) -> None:
        """0 W first, then hand control back with the work mode as it was found.

        Does nothing when control was never taken. Idempotent.
        """
        ...

    async def close(self) -> None:
        """Give up the connection, without writing. Idempotent."""
        ...
