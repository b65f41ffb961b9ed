"""The why-log and the recordings of a running daemon, over HTTP and over a restart."""

import io
from pathlib import Path
from typing import Any

import httpx
from test_application import PLUGINS, running, until

from phasewise.app import Application
from phasewise.model import Assignment
from phasewise.replay.recording import read
from phasewise.replay.replay import replay

UTC_S = 1_700_000_000.0
"""When the daemon's clock begins, in each run."""


def kinds_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [event["kind"] for event in answer.json()["events"]]


async def get(app: Application, path: str, **params: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=app.server.url, timeout=30) as client:
        return await client.get(path, params=params, timeout=30.0)


async def test_after_a_restart_what_happened_is_told_and_replays(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        await app.set_phase("shed", Assignment.L2)
        await app.select_strategy("standby")
        await until(lambda: app.engine.counters().decisions > 150)
        decisions = app.engine.counters().decisions
    assert path.with_suffix(".history.db").exists()
    async with running(tmp_path, unused_tcp_port) as (app, _, _):
        events = await get(app, "/api/v1/events")
        kinds = kinds_of(events)
        assert kinds[0] == "stopped"
        assert kinds[-1] == "started"
        assert {"phase-assigned", "strategy-selected"} <= set(kinds)
        assert kinds_of(await get(app, "/api/v1/events", phase="L2", battery="shed", lang="de"))[-1] == (
            "phase-assigned"
        )
        assert kinds_of(await get(app, "/api/v1/events", to=UTC_S - 1)) == []
        assert events.json()["recorded"]["begin"].startswith("2023-11-14T22:13:")
        stretch = {"from": UTC_S, "to": UTC_S + 3600}
        answer = await get(app, "/api/v1/recording", **stretch)
        assert answer.status_code == 200, answer.text
        found = replay(*read(io.BytesIO(answer.content)), PLUGINS.strategies)
        assert found.first is None
        assert found.recorded.decisions >= decisions
        missing = await get(app, "/api/v1/recording", **{"from": UTC_S - 7200, "to": UTC_S - 3600})
        assert missing.status_code == 404
        assert "kept from 2023-11-14T22:13:" in missing.json()["detail"]
