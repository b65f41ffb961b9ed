import asyncio
import threading
from pathlib import Path

import pytest

from phasewise.engine import keeper as keeper_module
from phasewise.engine.keeper import KEEP_EVERY_S, Keeper
from phasewise.model.memory import QuarterMemory

NEWS = QuarterMemory(start_utc_s=900.0, imported_wh=12.0, month="2026-11", month_peak_w=3064.04)


def test_the_months_peak_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home.state.json"
    asyncio.run(Keeper(path).save(NEWS))
    assert Keeper(path).load() == QuarterMemory(month="2026-11", month_peak_w=3064.0)
    assert [file.name for file in tmp_path.iterdir()] == ["home.state.json"]


def test_nothing_is_written_without_news_or_twice_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "home.state.json"
    keeper = Keeper(path)
    assert keeper.load() == QuarterMemory()
    assert not keeper.is_due(QuarterMemory(), 0.0)
    assert keeper.is_due(NEWS, 0.0)
    assert not keeper.is_due(NEWS, KEEP_EVERY_S - 1.0)
    asyncio.run(keeper.save(NEWS))
    assert not keeper.is_due(NEWS, 2 * KEEP_EVERY_S)
    path.unlink()
    asyncio.run(keeper.save(NEWS))
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"month": 11}', b"\xff"])
def test_a_broken_file_is_not_used(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "home.state.json"
    path.write_bytes(content)
    keeper = Keeper(path)
    assert keeper.load() == QuarterMemory()
    asyncio.run(keeper.save(NEWS))
    assert Keeper(path).load().month_peak_w == 3064.0


def test_a_folder_that_takes_no_file_ends_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "missing" / "home.state.json")
    asyncio.run(keeper.save(NEWS))
    assert keeper.is_due(NEWS, 2 * KEEP_EVERY_S), "it is tried again"


async def test_while_a_disk_hangs_one_attempt_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One a minute would take all threads in the end, also those that look up a battery's name."""
    disk, writing = threading.Event(), threading.Event()

    def hanging(*_: object) -> None:
        writing.set()
        disk.wait(20.0)

    monkeypatch.setattr(keeper_module, "_write", hanging)
    keeper = Keeper(tmp_path / "home.state.json")
    saving = asyncio.create_task(keeper.save(NEWS))
    try:
        await asyncio.to_thread(writing.wait, 20.0)
        assert not keeper.is_due(NEWS, 10 * KEEP_EVERY_S)
    finally:
        disk.set()
    await saving
    assert keeper.is_due(QuarterMemory(month="2026-12", month_peak_w=1.0), 20 * KEEP_EVERY_S)


def test_nothing_is_kept_without_a_file() -> None:
    keeper = Keeper(None)
    assert not keeper.is_due(NEWS, 0.0)
    asyncio.run(keeper.save(NEWS))
