"""Local days as Unix time: 23, 24 or 25 hours long."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def day_start_utc_s(day: date, zone: ZoneInfo) -> float:
    """When a local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def local_day(utc_s: float, zone: ZoneInfo) -> date:
    """The local day that a moment belongs to."""
    return datetime.fromtimestamp(utc_s, zone).date()


def today_and_tomorrow(now_utc_s: float, zone: ZoneInfo) -> tuple[float, float, float]:
    """When today begins, when tomorrow does, and when tomorrow ends, as Unix times."""
    today = local_day(now_utc_s, zone)
    start, middle, end = (day_start_utc_s(today + n * _DAY, zone) for n in range(3))
    return start, middle, end


def market_days(now_utc_s: float, zone: ZoneInfo, market: ZoneInfo) -> tuple[date, ...]:
    """The days of a market in another zone that cover today and tomorrow here."""
    start, _, end = today_and_tomorrow(now_utc_s, zone)
    day, last = local_day(start, market), local_day(end - 1.0, market)
    days = []
    while day <= last:
        days.append(day)
        day += _DAY
    return tuple(days)
