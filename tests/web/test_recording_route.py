"""Fetching a recording over HTTP: what it is called, what it holds, who gets it."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from typing import ClassVar, Self

import httpx
import pytest
from web_fakes import FakeControls

from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.devices.base import Clock, DriverOptions, SystemClock
from phasewise.engine.engine import Engine
from phasewise.model import GridReading, Settings, Site
from phasewise.replay.recording import read
from phasewise.replay.replay import replay

URL = "/api/v1/recording"


async def test_a_recording_is_a_file_named_after_its_time(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    answer = await client.get(URL)
    assert answer.status_code == 200
    assert answer.content == b"first partlast part"
    assert answer.headers["content-type"] == "application/octet-stream"
    name = r'attachment; filename="phasewise-20\d{6}T\d{6}Z\.recording"'
    assert re.fullmatch(name, answer.headers["content-disposition"])
    assert answer.headers["cache-control"] == "no-store"
    assert controls.recording_asked_s == [600.0]


async def test_minutes_are_as_asked_for(client: httpx.AsyncClient, controls: FakeControls) -> None:
    assert (await client.get(URL, params={"minutes": 60})).status_code == 200
    assert controls.recording_asked_s == [3600.0]


@pytest.mark.parametrize("minutes", ["0", "-1", "61", "1e9", "nan", "ten", ""])
async def test_other_minutes_are_refused(
    client: httpx.AsyncClient, controls: FakeControls, minutes: str
) -> None:
    answer = await client.get(URL, params={"minutes": minutes})
    assert answer.status_code == 422
    assert "minutes" in answer.json()["detail"]
    assert controls.recording_asked_s == []


async def test_before_the_first_decision_it_says_to_wait(
    client: httpx.AsyncClient, controls: FakeControls
) -> None:
    controls.recorded = None
    answer = await client.get(URL)
    assert answer.status_code == 503
    assert "recorded" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0


class OneByOne:
    """A meter that sends what a test gives it."""

    options_model: ClassVar[type[DriverOptions]] = DriverOptions

    def __init__(self) -> None:
        self.status: str | None = None
        self.rejected = 0
        self.queue: asyncio.Queue[float] = asyncio.Queue()

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        raise AssertionError(f"not made from {options} and {clock}")

    async def readings(self) -> AsyncIterator[GridReading]:
        while True:
            total_w = await self.queue.get()
            yield GridReading(SystemClock().now_s(), total_w, content_id=hash(total_w))

    async def close(self) -> None:
        pass


async def test_what_a_running_engine_recorded_replays(
    client: httpx.AsyncClient, controls: FakeControls, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = OneByOne()
    strategies = {"self-consumption": SelfConsumption()}
    engine = Engine(Settings(Site(), ()), meter, {}, strategies=strategies, clock=SystemClock())
    monkeypatch.setattr(controls, "recording", engine.recorder.export)
    engine.start()
    for total_w in (100.0, 120.0, 90.0):
        meter.queue.put_nowait(total_w)
    async with asyncio.timeout(10):
        async for _ in engine.live.changes():
            if engine.counters().decisions >= 3:
                break
    await engine.stop()
    answer = await client.get(URL, params={"minutes": 1})
    found = replay(*read(io.BytesIO(answer.content)), strategies)
    assert found.identical
    assert found.recorded.decisions == 3
