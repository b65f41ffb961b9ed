"""What the sun will leave for the batteries."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from phasewise.model import Snapshot

_HALF_DAY = timedelta(hours=12)


def sun_ahead_wh(snapshot: Snapshot, time_zone: str) -> float | None:
    """Energy expected of the panels on the day whose sun is ahead; None without a forecast of it.

    Until noon, by the local clock, that is today; after noon, tomorrow.
    """
    zone = ZoneInfo(time_zone)
    day = (datetime.fromtimestamp(snapshot.utc_s, zone) + _HALF_DAY).date()
    begins_s = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
    after = day + timedelta(days=1)
    ends_s = datetime(after.year, after.month, after.day, tzinfo=zone).timestamp()
    found = [
        interval.energy_wh for interval in snapshot.forecast if begins_s <= interval.start_utc_s < ends_s
    ]
    return sum(found) if found else None
