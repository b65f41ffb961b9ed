"""Timed: another strategy at each time of the day."""

from typing import Any

from msgspec.structs import replace

from phasewise.control.strategies.base import Delegate
from phasewise.control.strategies.windows import window_at
from phasewise.model import Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.model.strategy_options import Window


class Timed:
    """The strategy of the first window that fits, else the default one."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Delegate:
        """Whose turn it is."""
        options = settings.control.timed
        window = window_at(options.windows, snapshot.utc_s, settings.site.time_zone)
        if window is None:
            return Delegate(options.default)
        return Delegate(window.strategy, _with_its_own(window, settings))


def _with_its_own(window: Window, settings: Settings) -> Settings | None:
    """The settings as they are in this window; None when they are those of every day."""
    own: dict[str, Any] = {
        name: value
        for name in ("charge", "sell", "target_grid_w")
        if (value := getattr(window, name)) is not None
    }
    return replace(settings, control=replace(settings.control, **own)) if own else None
