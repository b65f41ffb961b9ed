"""The history of one engine: whatever is wrong with what was kept, what comes is kept."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Never

import pytest
from rig import make_rig
from state_kit import BEGIN, state

from phasewise.engine.chronicle import Chronicle

TODAY = datetime.fromtimestamp(BEGIN, UTC).date()


async def test_what_can_not_be_read_of_the_past_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> Never:
        raise ValueError("what a bad block made of it")

    engine = make_rig().engine
    chronicle = Chronicle(tmp_path / "h.db", time_zone=lambda: "UTC", utc_s=lambda: float(BEGIN))
    monkeypatch.setattr(chronicle.past, "fact", broken)
    chronicle.follow(engine, keep_days=lambda: 7.0)
    chronicle.start()
    try:
        for second in range(200):
            engine.live.publish(state(BEGIN + second, (3600.0, 0.0, 0.0)))
            await asyncio.sleep(0.005)
    finally:
        await chronicle.stop()
    (day,) = chronicle.past.days(TODAY, TODAY)
    # What was shown before it began to follow is not seen.
    assert 10.0 < day.import_wh < 200.0
