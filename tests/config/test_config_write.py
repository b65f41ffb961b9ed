"""Writing the file: the old content or the new, never a part, and never a failure that nobody hears of."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phasewise.config import NotWritableError, write_atomic
from phasewise.config.write import BACKUP_SUFFIX

NEW = "\ufeffphase: L2  # ü\r\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "home.yaml"
    file.write_text("old: 1\n")
    return file


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def failing(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(f"phasewise.config.write.{name}", fail)


def test_every_byte_arrives_and_nothing_is_left_beside_it(path: Path) -> None:
    write_atomic(path, NEW)
    assert path.read_bytes() == NEW.encode()
    assert names(path) == ["home.yaml"]


def test_the_file_is_replaced_not_rewritten(path: Path) -> None:
    with path.open() as reader:
        write_atomic(path, NEW)
        assert reader.read() == "old: 1\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_stays(path: Path, mode: int) -> None:
    path.chmod(mode)
    write_atomic(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_the_owner_stays(path: Path) -> None:
    os.chown(path, 1234, 4321)
    write_atomic(path, NEW)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_an_owner_that_may_not_be_kept_does_not_stop_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "os.fchown", errno.EPERM)
    write_atomic(path, NEW)
    assert path.read_bytes() == NEW.encode()


def test_links_are_followed_and_stay(path: Path, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "link.yaml"
    link.symlink_to("../home.yaml")
    write_atomic(link, NEW)
    assert link.is_symlink()
    assert path.read_bytes() == NEW.encode()
    assert names(link) == ["link.yaml"]


@pytest.mark.parametrize("target", ["nothing.yaml", "loop.yaml"])
def test_a_file_that_is_gone_is_not_made_up(tmp_path: Path, target: str) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(NotWritableError, match="cannot be found any more"):
        write_atomic(tmp_path / target, NEW)
    assert names(tmp_path / target) == ["loop.yaml"]


def test_a_full_disk_leaves_the_old_content(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "os.fsync", errno.ENOSPC)
    with pytest.raises(NotWritableError, match=r"home\.yaml was not changed: .*No space left on device"):
        write_atomic(path, NEW)
    assert path.read_text() == "old: 1\n"
    assert names(path) == ["home.yaml"]


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV])
def test_a_file_that_cannot_be_replaced_is_written_in_place(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failing(monkeypatch, "os.replace", code)
    path.chmod(0o600)
    inode = path.stat().st_ino
    write_atomic(path, NEW)
    assert path.read_bytes() == NEW.encode()
    assert path.stat().st_ino == inode
    backup = path.with_name(path.name + BACKUP_SUFFIX)
    assert backup.read_text() == "old: 1\n"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert names(path) == ["home.yaml", backup.name]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_directory_that_takes_no_file_is_no_obstacle(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failing(monkeypatch, "tempfile.mkstemp", code)
    failing(monkeypatch, "shutil.copy2", code)
    path.write_text("old and longer than the new one: 1\n")
    write_atomic(path, NEW)
    assert path.read_bytes() == NEW.encode()
    assert names(path) == ["home.yaml"]


def test_when_nothing_works_both_attempts_are_told_and_the_old_content_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "os.replace", errno.EBUSY)
    real, calls = os.fsync, []

    def full_at_the_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # 1: the new file beside it, 2: writing in place, 3: putting the old content back
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr("phasewise.config.write.os.fsync", full_at_the_second)
    with pytest.raises(NotWritableError) as caught:
        write_atomic(path, NEW)
    said = str(caught.value)
    for part in (
        "was not changed",
        "Device or resource busy",
        "No space left",
        "make ",
        "edit the file by hand",
    ):
        assert part in said
    assert path.read_text() == "old: 1\n"


def test_a_read_only_file_is_respected(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o444)
    if os.geteuid() == 0:  # to root everything is writable
        monkeypatch.setattr("phasewise.config.write.os.access", lambda *_: False)
    with pytest.raises(NotWritableError, match=r"home\.yaml is read-only for user number \d+.*make "):
        write_atomic(path, NEW)
    assert path.read_text() == "old: 1\n"


WRITE = "import sys, pathlib, phasewise.config as c; c.write_atomic(pathlib.Path(sys.argv[1]), 'new: 1\\n')"


@pytest.mark.parametrize(
    ("mount", "outcome"),
    [
        ("mount --bind home.yaml home.yaml", "new: 1\n"),
        ("mount --bind home.yaml home.yaml && mount -o remount,bind,ro home.yaml", "old: 1\n"),
    ],
)
def test_a_file_mounted_by_itself_as_in_a_container(path: Path, mount: str, outcome: str) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this system does not let us make a mount of our own")
    script = f"{mount} && exec '{sys.executable}' -c \"$WRITE\" home.yaml"
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=path.parent, env={**os.environ, "WRITE": WRITE},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert path.read_text() == outcome
    if outcome.startswith("new"):
        assert run.returncode == 0, run.stderr
        assert path.with_name("home.yaml" + BACKUP_SUFFIX).read_text() == "old: 1\n"
    else:
        assert "home.yaml is read-only for user number" in run.stderr
