"""Which daily window it is: wall-clock time of the home, whatever daylight saving does to the day."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from phasewise.model.strategy_options import Weekday, Window

_WEEK = tuple(Weekday)


def window_at(windows: Sequence[Window], utc_s: float, time_zone: str) -> Window | None:
    """The first window that contains this instant.

    A window lasts as long as the wall clock shows its times: an hour that is skipped in spring is not in it,
    one that comes twice in autumn is in it twice.
    """
    local = datetime.fromtimestamp(utc_s, ZoneInfo(time_zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = _WEEK[local.weekday()], _WEEK[local.weekday() - 1]
    for window in windows:
        if window.start_min < window.end_min:
            fits = today in window.days and window.start_min <= minute < window.end_min
        else:
            fits = (today in window.days and minute >= window.start_min) or (
                yesterday in window.days and minute < window.end_min
            )
        if fits:
            return window
    return None
