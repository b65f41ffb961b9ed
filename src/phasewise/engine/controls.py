"""What a user interface may ask of the running daemon. `app` implements it; `web` only knows this."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from phasewise.config import Change, SettingsState, Wrong
from phasewise.engine.ahead import Ahead
from phasewise.engine.live import Live
from phasewise.engine.state import Counters
from phasewise.model import Assignment
from phasewise.store.events import EventPage, EventQuery


class ControlError(Exception):
    """A request that was not carried out. The text says why, and what to do."""


class UnknownBatteryError(ControlError):
    """There is no battery with that id. The text lists those there are."""


class UnknownStrategyError(ControlError):
    """There is no strategy with that name. The text lists those there are."""


class UnknownInputError(ControlError):
    """The configuration names no input of that name. The text lists those it does."""


class UnknownAlarmError(ControlError):
    """No such alarm stands."""


class NotRecordedError(ControlError):
    """No recording is kept of that time. The text says of which."""


class OverrideError(ControlError):
    """What is asked of a battery makes no sense. The text says why, and what is allowed."""


class IdentifyError(ControlError):
    """The phase can't be identified now, or there is nothing to end. The text says why, and what to do."""


class NotSavedError(ControlError):
    """The configuration file could not be changed, so nothing was changed."""


class SettingsError(ControlError):
    """Values that are wrong, so nothing was changed."""

    def __init__(self, detail: str, errors: Sequence[Wrong]) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class SettingsSaved(Struct, frozen=True):
    """What became of changes that are right."""

    persisted: bool
    """False after a dry run."""
    detail: str | None
    revision: str


class Saved(Struct, frozen=True):
    """What became of a change that took effect."""

    persisted: bool
    """False when it holds only until the next restart, because the file could not be written."""
    detail: str | None = None


class Hold(Struct, frozen=True):
    """A fixed power for one battery, as the user gives it."""

    power_w: float
    """Charging positive."""
    until: str | None = None
    """ISO date and time, of the site unless it has an offset; None = until it is changed."""


HANGS_S = 10.0
"""Without a decision for so long the control loop hangs: nothing in it takes nearly as long."""


class Health(Struct, frozen=True):
    """Whether the daemon does its job."""

    ok: bool
    """False while the meter is lost or the control loop hangs."""
    detail: str
    last_decision_age_s: float | None


class Controls(Protocol):
    """The running daemon, as seen from a user interface."""

    @property
    def live(self) -> Live:
        """The state, now and as it changes."""
        ...

    def counters(self) -> Counters:
        """Totals since the start."""
        ...

    def health(self) -> Health:
        """Whether the daemon does its job."""
        ...

    def ahead(self) -> Ahead:
        """What is known of today and tomorrow."""
        ...

    def recording(self, seconds: float) -> Iterator[bytes] | None:
        """A recording of at least the last `seconds`, in parts; None before the first decision."""
        ...

    async def recording_between(self, from_utc_s: float, to_utc_s: float) -> AsyncIterator[bytes]:
        """A recording of this stretch of the last days, in parts. Raises NotRecordedError."""
        ...

    async def recorded_span(self) -> tuple[float, float] | None:
        """Unix times between which recordings are kept, with gaps; None for nothing."""
        ...

    async def events(self, query: EventQuery) -> EventPage:
        """What happened and why, newest first."""
        ...

    def start_identify(self, battery_id: str) -> None:
        """Begin to identify the phase of a battery; the state shows how it goes.

        Raises UnknownBatteryError, IdentifyError.
        """
        ...

    def end_identify(self) -> None:
        """Abort the identification that runs, or take the result of the last one away.

        Raises IdentifyError.
        """
        ...

    async def set_phase(self, battery_id: str, phase: Assignment) -> Saved:
        """The user says which phase a battery is on: written to the file, then in effect.

        Raises UnknownBatteryError, NotSavedError.
        """
        ...

    async def set_override(self, battery_id: str, override: Hold | bool) -> Saved:
        """What the user decides for one battery: written to the file, then in effect.

        A power that is held; or whether it is in service, as the strategy says.
        Raises UnknownBatteryError, OverrideError, NotSavedError.
        """
        ...

    def acknowledge_alarm(self, code: str, subject: str | None) -> None:
        """Somebody knows of an alarm that stands: the state says so until it ends.

        Raises UnknownAlarmError.
        """
        ...

    def set_input(self, name: str, *, on: bool, expires_s: float | None) -> None:
        """Switch a boolean input; it goes off by itself after `expires_s`, and with a restart.

        Raises UnknownInputError.
        """
        ...

    async def select_strategy(self, name: str) -> Saved:
        """Select a strategy: in effect at the next sample even if the file cannot be written.

        Raises UnknownStrategyError.
        """
        ...

    async def settings(self) -> SettingsState:
        """What the configuration file says now, and what may stand there.

        Raises NotSavedError when it cannot be read.
        """
        ...

    async def change_settings(
        self, changes: Sequence[Change], *, revision: str | None, dry_run: bool
    ) -> SettingsSaved:
        """All changes or none: written to the file, then in effect; a dry run only checks.

        `revision`: what the file must still be. Raises SettingsError, NotSavedError.
        """
        ...
