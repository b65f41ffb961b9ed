"""Noticing changes: each new content once, whatever an editor does on the way."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from config_fakes import REGISTRY

from phasewise.config import Broken, Changed, ConfigWatcher, set_strategy, write_atomic

OLD = "meter: {driver: dsmr, url: x}\nbatteries: []\n"
NEW = OLD + "control: {strategy: full-stop}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "home.yaml"
    file.write_text(OLD)
    return file


@pytest.fixture
def watcher(path: Path) -> ConfigWatcher:
    return ConfigWatcher(path, REGISTRY)


def strategy(outcome: Changed | Broken | None) -> str:
    assert isinstance(outcome, Changed)
    return outcome.config.control.strategy


def test_nothing_is_new_at_first(watcher: ConfigWatcher) -> None:
    assert watcher.poll() is None
    assert watcher.poll() is None


def test_a_change_is_told_once(path: Path, watcher: ConfigWatcher) -> None:
    path.write_text(NEW)
    assert strategy(watcher.poll()) == "full-stop"
    assert watcher.poll() is None
    path.write_text(OLD)
    assert strategy(watcher.poll()) == "self-consumption"
    assert watcher.poll() is None


def test_a_change_of_equal_length_in_the_same_instant_is_seen(path: Path, watcher: ConfigWatcher) -> None:
    for url in "ab":
        before = path.stat()
        path.write_text(OLD.replace("x", url))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert isinstance(watcher.poll(), Changed)


def test_touching_or_replacing_it_by_the_same_is_no_change(path: Path, watcher: ConfigWatcher) -> None:
    os.utime(path)
    assert watcher.poll() is None
    write_atomic(path, OLD)
    assert watcher.poll() is None


def test_a_mistake_is_told_once_and_so_is_its_correction(path: Path, watcher: ConfigWatcher) -> None:
    path.write_text(OLD + "control: {strategy: nap}\n")
    outcome = watcher.poll()
    assert isinstance(outcome, Broken)
    assert "home.yaml:3: control.strategy: 'nap' is not a strategy" in str(outcome.error)
    assert watcher.poll() is None
    path.write_text(OLD)
    assert strategy(watcher.poll()) == "self-consumption"


def test_our_own_change_is_not_news_but_the_next_one_is(path: Path, watcher: ConfigWatcher) -> None:
    text = set_strategy(OLD, "full-stop")
    write_atomic(path, text)
    watcher.accept(text)
    assert watcher.poll() is None
    path.write_text(OLD)
    assert strategy(watcher.poll()) == "self-consumption"


@pytest.mark.parametrize("gap", ["missing", "empty"])
def test_a_file_that_is_gone_for_a_moment_is_an_editor_saving(
    path: Path, watcher: ConfigWatcher, gap: str
) -> None:
    for text in (OLD, NEW):
        path.unlink() if gap == "missing" else path.write_text("")
        assert [watcher.poll() for _ in range(3)] == [None] * 3
        path.write_text(text)
        assert (watcher.poll() is not None) == (text == NEW)


@pytest.mark.parametrize(
    ("gap", "says"),
    [("missing", "No such file or directory"), ("empty", "the file is empty")],
)
def test_a_file_that_stays_away_is_told_once_and_its_return_too(
    path: Path, watcher: ConfigWatcher, gap: str, says: str
) -> None:
    path.unlink() if gap == "missing" else path.write_text("")
    outcomes = [watcher.poll() for _ in range(6)]
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 3 + [Broken] + [type(None)] * 2
    assert isinstance(outcomes[3], Broken)
    assert says in str(outcomes[3].error)
    path.write_text(OLD)
    assert isinstance(watcher.poll(), Changed)


def test_a_missing_file_at_the_start_is_noticed_when_it_comes(tmp_path: Path) -> None:
    watcher = ConfigWatcher(tmp_path / "home.yaml", REGISTRY)
    assert watcher.poll() is None
    (tmp_path / "home.yaml").write_text(OLD)
    assert isinstance(watcher.poll(), Changed)


def test_a_directory_in_its_place_is_told_once(path: Path, watcher: ConfigWatcher) -> None:
    path.unlink()
    path.mkdir()
    outcome = watcher.poll()
    assert isinstance(outcome, Broken)
    assert "Is a directory" in str(outcome.error)
    assert watcher.poll() is None


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a: [", b"\x00", b"- a"])
def test_garbage_is_told_never_raised(path: Path, watcher: ConfigWatcher, data: bytes) -> None:
    path.write_bytes(data)
    assert isinstance(watcher.poll(), Broken)
    assert watcher.poll() is None


def test_an_old_unchanged_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))
    watcher = ConfigWatcher(path, REGISTRY)
    assert watcher.poll() is None
    reads = []
    real = Path.read_bytes

    def counted(self: Path, **kwargs: Any) -> bytes:
        reads.append(self)
        return real(self, **kwargs)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert watcher.poll() is None
    assert reads == []
    path.write_text(NEW)
    assert isinstance(watcher.poll(), Changed)
