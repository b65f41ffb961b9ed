"""Asks a source when something new is due, and keeps what it said until it is over.

Runs beside the control loop, never in it. Nothing that was known is lost because a later question failed:
new intervals replace old ones where they overlap, all others stay until their day is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice, covered_until
from phasewise.sources.base import SourceError
from phasewise.sources.days import today_and_tomorrow

LOOK_S = 30.0
"""How often it is looked whether something is due: midnight and a clock that was set are noticed so soon."""
FETCH_DEADLINE_S = 120.0
"""A source's own timeouts are shorter; this one is for a source that has none."""
RETRY_MIN_S = 60.0
RETRY_MAX_S = 1800.0
"""Pause after a failure: doubled each time, so that a service in trouble is not flooded."""
NOT_YET_S = 600.0
"""Pause after an answer without what is due: tomorrow's prices are sometimes an hour late."""
AUCTION_ZONE = ZoneInfo("Europe/Brussels")
AUCTION_HOUR = 13
"""The European day-ahead auction is published at about 12:57 central European time."""

log = structlog.get_logger("phasewise.sources")

Item = TypeVar("Item", bound=MarketPrice | ForecastInterval)


class Clock(Protocol):
    """Time, injected, so that tests and the fast demo can have their own."""

    def now_s(self) -> float:
        """Monotonic seconds; the origin has no meaning."""
        ...

    def utc_s(self) -> float:
        """Unix time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds of this clock."""
        ...


class Problem(Struct, frozen=True):
    """Why something that is due is not known."""

    what: str
    """As in the rule."""
    why: str | None
    """What was asked and what came back; None when there was an answer, but with nothing for now."""
    again_s: float
    """It is asked again after this time."""


class Rule(Struct, frozen=True):
    """When something new is due."""

    what: str
    """For messages: `prices`."""
    refresh_s: float
    """An answer is asked for again after this time, whatever is known."""
    auction: bool
    """Whether tomorrow is known after the auction of today, or always."""


PRICES = Rule("prices", refresh_s=6 * 3600.0, auction=True)
"""Prices do not change once they are published; a file may, and it is rarely corrected elsewhere."""
FORECAST = Rule("forecast", refresh_s=3600.0, auction=False)
"""Weather models are computed every few hours; public services allow about ten questions an hour."""


class Schedule(Generic[Item]):
    """Keeps today and tomorrow known."""

    def __init__(
        self,
        fetch: Callable[[float], Awaitable[tuple[Item, ...]]],
        rule: Rule,
        time_zone: str,
        clock: Clock,
        publish: Callable[[tuple[Item, ...]], None],
    ) -> None:
        """`fetch`: of a source. `publish` gets what is known, in order, whenever that changes."""
        self._fetch = fetch
        self._rule = rule
        self._zone = ZoneInfo(time_zone)
        self._clock = clock
        self._publish = publish
        self._known: tuple[Item, ...] = ()
        self._answered_s = float("-inf")
        self._not_before_s = float("-inf")
        self._retry_s = RETRY_MIN_S
        self.problem: Problem | None = None
        """None while all is well."""

    async def run(self) -> None:
        """Ask and publish until cancelled."""
        while True:
            self._keep(())
            now_s = self._clock.now_s()
            if now_s >= self._not_before_s and self._is_due():
                await self._ask()
            await self._clock.sleep(LOOK_S)

    def _is_due(self) -> bool:
        now_utc_s = self._clock.utc_s()
        if self._clock.now_s() - self._answered_s >= self._rule.refresh_s:
            return True
        _, midnight_s, end_s = today_and_tomorrow(now_utc_s, self._zone)
        wanted_s = end_s if not self._rule.auction or _auction_is_over(now_utc_s) else midnight_s
        return covered_until(self._known, now_utc_s) < wanted_s

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(FETCH_DEADLINE_S):
                answer = await self._fetch(self._clock.utc_s())
        except SourceError as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed(f"there was no answer within {FETCH_DEADLINE_S:g} s")
        except Exception as error:
            log.exception("source failed", what=self._rule.what)
            self._failed(
                f"the source has a fault ({type(error).__name__}: {error}); report this to its maker"
            )
        else:
            self._answered(answer)

    def _failed(self, why: str) -> None:
        wait = f"{self._retry_s / 60.0:g} min"
        log.warning("no answer", what=self._rule.what, why=why, next=f"asked again in {wait}")
        self.problem = Problem(self._rule.what, why, self._retry_s)
        self._not_before_s = self._clock.now_s() + self._retry_s
        self._retry_s = min(2.0 * self._retry_s, RETRY_MAX_S)

    def _answered(self, answer: tuple[Item, ...]) -> None:
        now_s, now_utc_s = self._clock.now_s(), self._clock.utc_s()
        self._answered_s, self._retry_s = now_s, RETRY_MIN_S
        self._not_before_s = now_s + NOT_YET_S
        self._keep(answer)
        until_s = covered_until(self._known, now_utc_s)
        self.problem = None
        if until_s <= now_utc_s:
            self.problem = Problem(self._rule.what, None, NOT_YET_S)
        log.info(
            "answered", what=self._rule.what, intervals=len(answer), known_hours=(until_s - now_utc_s) // 3600
        )

    def _keep(self, new: tuple[Item, ...]) -> None:
        """Add what is new and drop what is over; publish if that makes a difference."""
        start_s, _, end_s = today_and_tomorrow(self._clock.utc_s(), self._zone)
        merged = merge(self._known, new)
        known = tuple(item for item in merged if item.end_utc_s > start_s and item.start_utc_s < end_s)
        if known != self._known:
            self._known = known
            self._publish(known)


def merge(old: tuple[Item, ...], new: tuple[Item, ...]) -> tuple[Item, ...]:
    """All of `new`, and of `old` what nothing new overlaps, in order of time."""
    if not new or not old:
        return new or old
    new = tuple(sorted(new, key=_start))
    kept: list[Item] = []
    at = 0
    for item in old:
        while at < len(new) and new[at].end_utc_s <= item.start_utc_s:
            at += 1
        if at == len(new) or new[at].start_utc_s >= item.end_utc_s:
            kept.append(item)
    return tuple(sorted((*kept, *new), key=_start))


def _start(item: MarketPrice | ForecastInterval) -> float:
    return item.start_utc_s


def _auction_is_over(utc_s: float) -> bool:
    return datetime.fromtimestamp(utc_s, AUCTION_ZONE).hour >= AUCTION_HOUR
