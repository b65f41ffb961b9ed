"""Alarms to a webhook: a real server that answers, refuses, is slow, or is not there."""

import asyncio
import importlib.abc
import json
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from phasewise.engine.alarms import Standing
from phasewise.explain import alarm_text
from phasewise.integrations import webhook as webhooks
from phasewise.integrations.webhook import MOST_WAITING, Webhook
from phasewise.model import Alarm, AlarmCode, Severity

SECRET = "s3cr3t"
UNREACHABLE = Alarm(AlarmCode.BATTERY_UNREACHABLE, Severity.WARNING, "m1", "no answer")
RISEN = Standing(UNREACHABLE, 1_800_000_000.0)
ENDED = Standing(UNREACHABLE, 1_800_000_000.0, ended_utc_s=1_800_000_060.5)
NAMES = {"m1": "Garage"}
QUICK_S = (0.05, 0.05, 0.05)
DEADLINE_S = 20.0


class Receiver:
    """An HTTP server of a few lines; `answers` says what it does with each request in turn, then 204."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        """A status; None = never answer."""
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.url = ""
        self.news = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        if first != b"P":
            writer.close()  # TLS, or nothing
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1]) for line in head.splitlines() if "content-length" in line.lower()
        )
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self.news.set()
        status = self.answers.pop(0) if self.answers else 204
        if status is None:
            await asyncio.sleep(DEADLINE_S)
        else:
            location = "Location: /elsewhere\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} Word\r\n{location}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()
        writer.close()

    async def heard(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.bodies) < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def receiving(*answers: int | None) -> AsyncIterator[Receiver]:
    receiver = Receiver(*answers)
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"http://me:{SECRET}@127.0.0.1:{port}/hook/{SECRET}?key={SECRET}"
    try:
        yield receiver
    finally:
        server.close()


@asynccontextmanager
async def hooked(url: str, **how: Any) -> AsyncIterator[Webhook]:
    webhook = Webhook(**{"retry_s": QUICK_S, **how})
    await webhook.follow(url)
    try:
        yield webhook
    finally:
        await webhook.stop()


async def test_an_alarm_is_posted_as_it_rises_and_as_it_ends() -> None:
    async with receiving() as receiver, hooked(receiver.url) as webhook:
        webhook.alarm(RISEN, NAMES)
        webhook.alarm(ENDED, NAMES)
        await receiver.heard(2)
    assert receiver.heads[0].startswith(f"POST /hook/{SECRET}?key={SECRET} HTTP/1.1")
    assert "application/json" in receiver.heads[0]
    assert "Authorization: Basic" in receiver.heads[0]
    first, second = receiver.bodies
    assert "Garage" in first["text"]
    assert first | {"text": ""} == {
        "code": "battery-unreachable",
        "severity": "warning",
        "subject": "m1",
        "text": "",
        "since": "2027-01-15T08:00:00.000Z",
        "ended": None,
    }
    assert second == first | {"ended": "2027-01-15T08:01:00.500Z"}


async def test_it_is_told_in_the_language_of_the_home() -> None:
    async with receiving() as receiver, hooked(receiver.url) as webhook:
        webhook.alarm(RISEN, NAMES, "nl")
        await receiver.heard(1)
    assert receiver.bodies[0]["text"] == alarm_text(RISEN.alarm, "nl", NAMES)
    assert receiver.bodies[0]["text"] != alarm_text(RISEN.alarm, "en", NAMES)


@pytest.mark.parametrize("answers", [(500, 404), (302, 503), (None,)], ids=str)
async def test_it_is_tried_again_until_it_is_delivered_and_the_next_one_waits(
    answers: tuple[int | None, ...],
) -> None:
    async with receiving(*answers) as receiver, hooked(receiver.url, timeout_s=0.5) as webhook:
        webhook.alarm(RISEN, NAMES)
        webhook.alarm(ENDED, NAMES)
        await receiver.heard(len(answers) + 2)
    assert [body["ended"] is None for body in receiver.bodies] == [True] * (len(answers) + 1) + [False]


async def test_it_gives_up_in_the_end_and_goes_on_with_the_next() -> None:
    refusals = [500] * (len(QUICK_S) + 1)
    async with receiving(*refusals) as receiver, hooked(receiver.url) as webhook:
        webhook.alarm(RISEN, NAMES)
        webhook.alarm(ENDED, NAMES)
        await receiver.heard(len(refusals) + 1)
    assert [body["ended"] is None for body in receiver.bodies] == [True] * len(refusals) + [False]


async def test_nobody_waits_for_an_address_that_does_not_answer() -> None:
    async with receiving(*[None] * 50) as receiver, hooked(receiver.url) as webhook:
        began_s = time.monotonic()
        for _ in range(10 * MOST_WAITING):
            webhook.alarm(RISEN, NAMES)
        assert time.monotonic() - began_s < 5.0  # a wait for the address would be 10 s
        await receiver.heard(1)
        began_s = time.monotonic()
        await webhook.stop()
        assert time.monotonic() - began_s < 5.0  # a wait for the address would be 10 s


async def test_the_newest_are_kept_when_too_many_wait() -> None:
    async with receiving() as receiver, hooked(receiver.url) as webhook:
        for second in range(MOST_WAITING + 20):
            webhook.alarm(Standing(UNREACHABLE, 1_800_000_000.0 + second), NAMES)
        await receiver.heard(MOST_WAITING)
    assert receiver.bodies[0]["since"] == "2027-01-15T08:00:20.000Z"
    assert receiver.bodies[-1]["since"] == "2027-01-15T08:01:59.000Z"


async def _refused(receiver: Receiver) -> str:
    return receiver.url


async def _nobody_there(_: Receiver) -> str:
    probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    return f"http://me:{SECRET}@127.0.0.1:{port}/{SECRET}"


async def _no_such_host(_: Receiver) -> str:
    return f"https://nowhere.invalid/{SECRET}"


async def _not_tls(receiver: Receiver) -> str:
    return receiver.url.replace("http:", "https:")


@pytest.mark.parametrize("where", [_refused, _nobody_there, _no_such_host, _not_tls])
async def test_what_is_logged_names_the_host_and_no_secret(
    where: Callable[[Receiver], Awaitable[str]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = LogCapture()  # of this logger alone, however logging is set up at this moment
    monkeypatch.setattr(webhooks, "log", structlog.wrap_logger(None, processors=[capture]))
    logs = capture.entries
    with caplog.at_level(logging.DEBUG):
        async with receiving(*[500] * 9) as receiver, hooked(await where(receiver)) as webhook:
            webhook.alarm(RISEN, NAMES)
            async with asyncio.timeout(DEADLINE_S):
                while not any(entry.get("next") == "given up" for entry in logs):  # noqa: ASYNC110 - a log has none
                    await asyncio.sleep(0.01)
    assert SECRET not in str(logs) + caplog.text
    assert {entry["host"] for entry in logs} <= {"127.0.0.1", "nowhere.invalid"}
    assert all(entry["why"] for entry in logs)


async def test_another_address_from_now_on_or_none() -> None:
    async with receiving(None) as first, receiving() as second, hooked(first.url) as webhook:
        webhook.alarm(RISEN, NAMES)
        await first.heard(1)
        await webhook.follow(second.url)
        webhook.alarm(ENDED, NAMES)
        await second.heard(1)
        await webhook.follow(None)
        webhook.alarm(RISEN, NAMES)
        await asyncio.sleep(0.1)
    assert (len(first.bodies), len(second.bodies)) == (1, 1)


async def test_what_sending_needs_is_loaded_beside_the_loop_before_there_is_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first alarm may be of a phase over its limit: control must not stand still for a second then."""
    loaded_in: list[threading.Thread] = []

    class Watching(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, *_: object) -> None:
            if fullname == "aiohttp":
                loaded_in.append(threading.current_thread())

    async with receiving() as receiver:
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, "aiohttp", raising=False)
            patch.setattr(sys, "meta_path", [Watching(), *sys.meta_path])
            async with hooked(receiver.url), asyncio.timeout(DEADLINE_S):
                while not loaded_in:  # noqa: ASYNC110 - a list has no event
                    await asyncio.sleep(0.01)
    assert threading.main_thread() not in loaded_in
