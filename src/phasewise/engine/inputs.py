"""Boolean inputs from outside, such as "a car is charging": they live here, not in the configuration file."""

from phasewise.engine.controls import UnknownInputError
from phasewise.engine.state import InputState
from phasewise.model import Settings


class Inputs:
    """Which inputs are on, and until when. Everything is off after a start."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}
        """Those that were switched on, with the monotonic time at which they go off by themselves."""

    def set(self, name: str, settings: Settings, now_s: float, *, on: bool, expires_s: float | None) -> None:
        """Switch one. Raises UnknownInputError for a name that nothing goes by."""
        known = names(settings)
        if name not in known:
            named = f"there are: {', '.join(known)}" if known else "control.ev_override.input names one"
            raise UnknownInputError(f"the configuration names no input '{name}'; {named}")
        if on:
            self._until_s[name] = float("inf") if expires_s is None else now_s + expires_s
        else:
            self._until_s.pop(name, None)

    def on(self, settings: Settings, now_s: float) -> tuple[str, ...]:
        """The names of those that are on now."""
        return tuple([name for name in names(settings) if now_s < self._until_s.get(name, now_s)])

    def state(self, settings: Settings, now_s: float) -> tuple[InputState, ...]:
        """All that the configuration names, as shown."""
        return tuple([self._shown(name, now_s) for name in names(settings)])

    def _shown(self, name: str, now_s: float) -> InputState:
        left_s = self._until_s.get(name, now_s) - now_s
        expires = 0.0 < left_s < float("inf")
        return InputState(name, left_s > 0.0, round(left_s, 1) if expires else None)


def names(settings: Settings) -> tuple[str, ...]:
    """The inputs that the configuration names."""
    override = settings.control.ev_override
    return () if override is None or override.input is None else (override.input,)
