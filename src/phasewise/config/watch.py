"""Notices when the user changes the configuration file."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from phasewise.config.errors import ConfigError, Problem
from phasewise.config.load import decode, parse_config, unreadable
from phasewise.config.registry import Registry
from phasewise.config.result import Config

_GONE_POLLS = 3
"""An editor that saves may remove or empty the file for an instant; longer is no saving any more."""

_UNSURE_NS = 2_000_000_000
"""FAT stores times in steps of 2 s: a file changed less than that ago may change again unseen by its time."""


@dataclass(frozen=True)
class Changed:
    """The file has new content, and it is valid."""

    config: Config


@dataclass(frozen=True)
class Broken:
    """The file has new content that is wrong, or cannot be read: the last good configuration stays."""

    error: ConfigError


class ConfigWatcher:
    """Reports each new content of the file once.

    The content at construction counts as known: construct it before loading the file for the first
    time, so that no change falls between.
    """

    def __init__(self, path: Path, registry: Registry) -> None:
        self._path = path
        self._registry = registry
        self._gone = 0
        self._stamp: tuple[int, ...] | None = None
        self._known: str | None = None
        """What was reported or accepted last: a digest, or what the system said instead of content."""
        try:
            self._known = _digest(path.read_bytes())
        except OSError as error:
            self._known = f"unreadable: {error.errno}"

    def accept(self, text: str) -> None:
        """This text was just written by ourselves: it is not news."""
        self._known = _digest(text.encode("utf-8"))

    def poll(self) -> Changed | Broken | None:
        """Look at the file. None while there is nothing new. Never raises."""
        try:
            stamp = self._changed_stamp()
            if stamp is not None and stamp == self._stamp:
                return None
            data = self._path.read_bytes()
        except FileNotFoundError as error:
            return self._missing(unreadable(self._path, error))
        except OSError as error:
            return self._broken(f"unreadable: {error.errno}", unreadable(self._path, error))
        if not data:
            return self._missing(ConfigError([Problem(str(self._path), 1, 1, "", None, "the file is empty")]))
        self._gone = 0
        self._stamp = stamp
        return self._judge(data)

    def _changed_stamp(self) -> tuple[int, ...] | None:
        """What identifies the file's state, or None while it is too young to tell."""
        status = self._path.stat()
        if abs(time.time_ns() - status.st_mtime_ns) < _UNSURE_NS:
            return None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def _judge(self, data: bytes) -> Changed | Broken | None:
        digest = _digest(data)
        if digest == self._known:
            return None
        try:
            config = parse_config(decode(data, self._path), self._path, self._registry)
        except ConfigError as error:
            return self._broken(digest, error)
        self._known = digest
        return Changed(config)

    def _missing(self, error: ConfigError) -> Broken | None:
        self._stamp = None
        self._gone += 1
        return self._broken("missing", error) if self._gone > _GONE_POLLS else None

    def _broken(self, state: str, error: ConfigError) -> Broken | None:
        if state == self._known:
            return None
        self._known = state
        return Broken(error)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
