"""Recordings of the last days: on disk, over restarts, with gaps, and always bit for bit."""

import asyncio
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rig import STRATEGIES, Rig, make_rig
from virtual_time import LoopClock, run_virtual

from phasewise.engine.chapter import packed, unpacked
from phasewise.engine.controls import NotRecordedError
from phasewise.engine.recorder import Recorder
from phasewise.engine.recordings import WAITING, Recordings
from phasewise.model.memory import Memory
from phasewise.replay.change import changed_settings, parse_change
from phasewise.replay.recording import Header, Step, read
from phasewise.replay.replay import Replay, replay
from phasewise.replay.whatif import what_if
from phasewise.store import Writer, open_to_write

FIRST_UTC_S = 1_700_000_000.0
"""When a rig's clock begins."""
DAY_S = 86400.0


class Home:
    """A home whose recordings are kept, over several runs of the daemon."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path, batch_s=0.02)
        self.recordings: Recordings | None = None

    def run(self, seconds: float) -> int:
        """One run of the daemon, in virtual time, with a load step every 100 s; how many decisions."""

        async def scenario() -> int:
            rig = make_rig()
            self.recordings = Recordings(rig.engine.recorder, self.writer)
            rig.engine.start()
            await _use(rig, seconds)
            await rig.engine.stop()
            return rig.engine.counters().decisions

        self.writer.start()
        decisions = run_virtual(scenario())
        self.writer.close()
        return decisions

    def later(self) -> Recordings:
        """The recordings as another run finds them, before it has any of its own."""
        self.writer = Writer(self.writer.path, batch_s=0.02)
        return Recordings(Recorder(STRATEGIES), self.writer)


async def _use(rig: Rig, seconds: float) -> None:
    home = rig.engine.settings
    for step in range(int(seconds // 100)):
        rig.loads_w[step % 3] += 900.0 if step % 2 else -700.0
        if step == 3:
            control = msgspec.structs.replace(home.control, target_grid_w=123.5)
            await rig.engine.reconfigure(msgspec.structs.replace(home, control=control))
        rig.meter.silent = step == 4
        await rig.wait(100)
    await rig.wait(seconds % 100)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home.history.db")


@contextlib.contextmanager
def days_later(days: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoopClock, "utc_s", lambda clock: FIRST_UTC_S + days * DAY_S + clock.now_s())
        yield


def fetched(recordings: Recordings, from_s: float, to_s: float) -> bytes:
    """From and to in seconds since the first run began."""

    async def fetch() -> bytes:
        parts = await recordings.between(FIRST_UTC_S + from_s, FIRST_UTC_S + to_s)
        return b"".join([part async for part in parts])

    return asyncio.run(fetch())


def replayed(data: bytes) -> Replay:
    return replay(*read(io.BytesIO(data)), STRATEGIES)


def steps_of(data: bytes) -> list[Step]:
    return [record for record in read(io.BytesIO(data))[1] if isinstance(record, Step)]


def test_after_a_restart_a_stretch_from_disk_replays_bit_for_bit(home: Home) -> None:
    decisions = home.run(730)
    recordings = home.later()
    whole = fetched(recordings, 0, 1e4)
    found = replayed(whole)
    assert found.first is None
    assert found.recorded.decisions == decisions > 650
    assert found.memory_checks >= 12
    middle = fetched(recordings, 290, 410)
    assert replayed(middle).identical
    times = [step.snapshot.utc_s - FIRST_UTC_S for step in steps_of(middle)]
    assert 230 <= times[0] <= 290
    assert 410 <= times[-1] <= 470


def test_the_disk_has_what_memory_had(home: Home) -> None:
    async def both() -> bytes:
        rig = make_rig()
        self_made = Recordings(rig.engine.recorder, home.writer)
        rig.engine.start()
        await _use(rig, 400)
        await rig.engine.stop()
        home.recordings = self_made
        parts = rig.engine.recorder.export(1e9)
        assert parts is not None
        return b"".join(parts)

    home.writer.start()
    exported = run_virtual(both())
    home.writer.close()
    assert fetched(home.later(), 0, 1e4) == exported


def test_two_runs_are_one_recording_with_a_gap(home: Home) -> None:
    decisions = home.run(330)
    home.later()
    with days_later(1):
        decisions += home.run(250)
    recordings = home.later()
    data = fetched(recordings, 0, 2 * DAY_S)
    found = replayed(data)
    assert found.first is None
    assert found.recorded.decisions == decisions
    assert sum(isinstance(record, Header) for record in read(io.BytesIO(data))[1]) == 1
    other = [parse_change("control.target_grid_w=500")]
    tried = what_if(*read(io.BytesIO(data)), STRATEGIES, lambda settings: changed_settings(settings, other))
    hours = [max(b.recorded_charge_wh, b.recorded_discharge_wh) / 2500.0 for b in tried.batteries]
    assert all(h <= 600 / 3600 for h in hours), "the day in between counts for nothing"
    only_second = fetched(recordings, DAY_S, 2 * DAY_S)
    assert replayed(only_second).identical
    assert steps_of(only_second)[0].snapshot.utc_s >= FIRST_UTC_S + DAY_S


def test_what_is_not_on_disk_yet_comes_from_memory(tmp_path: Path) -> None:
    async def scenario() -> tuple[Rig, Recordings]:
        rig = make_rig()
        recordings = Recordings(rig.engine.recorder, Writer(tmp_path / "never-started.db"))
        rig.engine.start()
        await rig.wait(200)
        return rig, recordings

    rig, recordings = run_virtual(scenario())
    found = replayed(fetched(recordings, 0, 1e4))
    assert found.identical
    assert found.recorded.decisions == rig.engine.counters().decisions
    assert asyncio.run(recordings.span()) == pytest.approx((FIRST_UTC_S, FIRST_UTC_S + 200), abs=5)


def test_a_chapter_that_is_damaged_is_a_gap(home: Home) -> None:
    home.run(400)
    recordings = home.later()
    with contextlib.closing(open_to_write(home.writer.path)) as db:
        db.execute("UPDATE recording SET data = ? WHERE number = 2", (b"rubbish",))
        db.execute("DELETE FROM recording WHERE number = 4")
    data = fetched(recordings, 0, 1e4)
    assert replayed(data).identical
    assert sum(isinstance(record, Header) for record in read(io.BytesIO(data))[1]) == 2


def test_nothing_of_that_time_says_what_there_is(home: Home) -> None:
    with pytest.raises(NotRecordedError, match="Nothing is recorded yet"):
        fetched(Recordings(Recorder([]), home.writer), 0, 1e4)
    home.run(130)
    recordings = home.later()
    with pytest.raises(NotRecordedError, match=r"kept from 2023-11-14T22:13:\d\dZ to 2023-11-14T22:15:\d\dZ"):
        fetched(recordings, DAY_S, DAY_S + 60)


def test_while_the_disk_is_away_little_is_held_and_control_goes_on(tmp_path: Path) -> None:
    async def scenario() -> int:
        rig = make_rig()
        recordings = Recordings(rig.engine.recorder, Writer(tmp_path / "missing" / "x.db"))
        rig.engine.start()
        await rig.wait(60 * (WAITING + 5))
        assert len(recordings._waiting) == WAITING
        await rig.engine.stop()
        return rig.engine.counters().decisions

    assert run_virtual(scenario()) > 55 * (WAITING + 5)


def test_a_packed_chapter_comes_back_whole_and_is_small(home: Home) -> None:
    async def scenario() -> Any:
        rig = make_rig()
        rig.engine.start()
        await rig.wait(150)
        return rig.engine.recorder

    recorder: Recorder = run_virtual(scenario())
    chapter = recorder.chapters()[1]
    parts = recorder.part(chapter, follows=False).parts
    data = packed(parts)
    assert unpacked(data) == parts
    assert 5 * len(data) < chapter.size
    for damaged in (b"", data[:-5], b"x" + data):
        with pytest.raises(ValueError, match="can't be read"):
            unpacked(damaged)


def test_after_it_was_finished_a_recorder_begins_a_new_chapter() -> None:
    async def scenario() -> Recorder:
        rig = make_rig()
        rig.engine.start()
        await rig.wait(20)
        rig.engine.recorder.finish()
        await rig.wait(20)
        return rig.engine.recorder

    handed: list[int] = []
    recorder = run_virtual(scenario())
    recorder.hand_on = lambda chapter: handed.append(chapter.number)
    recorder.finish()
    recorder.finish()
    assert handed == [1]
    assert [chapter.number for chapter in recorder.chapters()] == [0, 1]
    assert recorder.chapters()[0].end is not None
    assert recorder.chapters()[0].end != Memory()
