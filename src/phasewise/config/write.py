"""Writes the user's configuration file so that a power cut leaves either the old or the new one."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

BACKUP_SUFFIX = ".phasewise-backup"

_CANNOT_REPLACE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV})
"""The directory takes no new file, or the file is a mount of its own, as in a container: it cannot be
replaced by another, but perhaps written into. A full disk is not among them: nothing must be touched then."""


NEW_FILE_MODE = 0o600
"""It may come to hold access codes of devices."""


class AlreadyThereError(Exception):
    """There is a file of that name, and it was not touched."""


class NotWritableError(Exception):
    """The file could not be written and still has its old content. Says what was tried and what to do."""


def write_atomic(path: Path, text: str) -> None:
    """Replace the content of an existing file; mode, owner (where allowed) and symbolic links stay.

    Where the file cannot be replaced, it is copied to `NAME.phasewise-backup` beside it if that is
    possible, and written in place: a power cut in that instant can leave it incomplete.
    Raises NotWritableError.
    """
    data = text.encode("utf-8")
    target, status = _writable(path)
    try:
        _replace(target, data, status)
    except OSError as error:
        reason = f"a new file in {target.parent} could not take its place ({_why(error)})"
        if error.errno not in _CANNOT_REPLACE:
            raise NotWritableError(f"{target} was not changed: {reason}") from error
        _write_in_place(target, data, reason)


def why_not_writable(path: Path) -> str | None:
    """What speaks against writing the file, as far as can be told before; None when nothing does."""
    try:
        _writable(path)
    except NotWritableError as error:
        return str(error)
    return None


def _writable(path: Path) -> tuple[Path, os.stat_result]:
    """The file itself, behind links. Raises NotWritableError."""
    try:
        target = path.resolve(strict=True)
        status = target.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise NotWritableError(f"{path} cannot be found any more: {error}") from error
    if not os.access(target, os.W_OK):
        raise NotWritableError(f"{target} is read-only for {_user()}; {_hint(target)}")
    return target, status


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there: whole or not at all, for its owner only.

    Raises AlreadyThereError, NotWritableError.
    """
    try:
        _link_in(path, text.encode("utf-8"))
    except FileExistsError as error:
        raise AlreadyThereError(f"there is a file {path} already; it was not touched") from error
    except OSError as error:
        raise NotWritableError(
            f"{path} could not be made ({_why(error)}); make {path.parent} writable for {_user()}"
        ) from error
    _sync_directory(path.parent)


def _link_in(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), NEW_FILE_MODE)
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, a link never replaces a file that came there meanwhile.
            path.hardlink_to(temporary)
        except FileExistsError:
            raise
        except OSError:  # there are no links on a memory stick
            path.touch(NEW_FILE_MODE, exist_ok=False)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(target: Path, data: bytes, status: os.stat_result) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.fsync(file.fileno())
        os.replace(name, target)  # noqa: PTH105 - os.replace is the system call whose promise is relied on
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - the name is still a plain text here
        raise
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    # The new file is in place already; some network file systems just cannot sync a directory.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write_in_place(target: Path, data: bytes, reason: str) -> None:
    before = None
    try:
        before = target.read_bytes()
        with contextlib.suppress(OSError):  # a directory that takes no new file takes no backup either
            shutil.copy2(target, target.with_name(target.name + BACKUP_SUFFIX))
        _overwrite(target, data)
    except OSError as error:
        if before is not None:
            with contextlib.suppress(OSError):  # the first error is the one to report
                _overwrite(target, before)
        tried = f"{reason}, and writing into it failed ({_why(error)})"
        raise NotWritableError(f"{target} was not changed: {tried}; {_hint(target)}") from error


def _overwrite(target: Path, data: bytes) -> None:
    with target.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _why(error: OSError) -> str:
    return error.strerror or str(error)


def _user() -> str:
    return f"user number {os.geteuid()}, as which Phasewise runs"


def _hint(target: Path) -> str:
    return f"make {target} and {target.parent} writable for {_user()}, or edit the file by hand"
