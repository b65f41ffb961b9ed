"""Tells somebody else of alarms: a POST of JSON as each one rises and as it ends.

In the background and in order; control never waits for it. The address is often a secret, so no more than
its host is ever logged.
"""

import asyncio
import importlib
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

import structlog

from phasewise.engine.alarms import Standing
from phasewise.explain import alarm_text

TIMEOUT_S = 10.0
"""For one attempt: a service that takes longer is as good as away."""
RETRY_S = (5.0, 30.0, 120.0, 600.0)
"""Pauses before further attempts: they bridge a restart of a router or of a service."""
MOST_WAITING = 100
"""Alarms that wait for an address out of reach; beyond, the oldest are dropped."""

log = structlog.get_logger("phasewise.webhook")


class Webhook:
    """Sends alarms to one address, or to none."""

    def __init__(self, retry_s: tuple[float, ...] = RETRY_S, timeout_s: float = TIMEOUT_S) -> None:
        self._retry_s = retry_s
        self._timeout_s = timeout_s
        self._url: str | None = None
        self._waiting: deque[dict[str, str | None]] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    async def follow(self, url: str | None) -> None:
        """Send to this address from now on; what waits for another one is dropped. None = to nobody."""
        if url == self._url:
            return
        await self.stop()
        self._url = url
        if url is not None:
            self._sending = asyncio.create_task(self._send(url), name="webhook")

    async def stop(self) -> None:
        """Send nothing any more. Idempotent."""
        sending, self._sending, self._url = self._sending, None, None
        self._waiting.clear()
        if sending is not None:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def alarm(self, standing: Standing, names: Mapping[str, str], lang: str = "en") -> None:
        """An alarm rose, or ended. `names`: of batteries by id; `lang`: a language tag. Never blocks."""
        if self._url is None:
            return
        if len(self._waiting) == MOST_WAITING:
            log.warning("too many alarms wait", next="the oldest is dropped", host=_host(self._url))
        alarm, ended_s = standing.alarm, standing.ended_utc_s
        self._waiting.append(
            {
                "code": alarm.code.value,
                "severity": alarm.severity.value,
                "subject": alarm.subject,
                "text": alarm_text(alarm, lang, names),
                "since": _iso(standing.since_utc_s),
                "ended": None if ended_s is None else _iso(ended_s),
            }
        )
        self._news.set()

    async def _send(self, url: str) -> None:
        # Now and in a thread: it takes a second on a small machine, and an alarm is no moment to wait for it.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        while True:
            while self._waiting:
                await self._deliver(url, self._waiting.popleft())
            self._news.clear()
            await self._news.wait()

    async def _deliver(self, url: str, alarm: dict[str, str | None]) -> None:
        host = _host(url)
        for pause_s in (*self._retry_s, None):
            problem = await self._post(url, alarm)
            if problem is None:
                return
            if pause_s is None:
                log.warning(
                    "alarm not delivered", host=host, alarm=alarm["code"], why=problem, next="given up"
                )
                return
            log.info("alarm not delivered", host=host, why=problem, next=f"tried again in {pause_s:g} s")
            await asyncio.sleep(pause_s)

    async def _post(self, url: str, alarm: dict[str, str | None]) -> str | None:
        """None when it was delivered, else why not: without an error's own text: it may hold the address."""
        import aiohttp  # noqa: PLC0415 - loaded by `_send`; a daemon without a webhook need not

        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as web,
                web.post(url, json=alarm, allow_redirects=False) as answer,
            ):
                return None if 200 <= answer.status < 300 else f"it answered {answer.status}"
        except TimeoutError:
            return f"no answer within {self._timeout_s:g} s"
        except aiohttp.ClientConnectorError as error:
            return f"no connection: {error.os_error.strerror or type(error.os_error).__name__}"
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return f"it can't be reached ({type(error).__name__})"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
