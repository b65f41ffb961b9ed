"""The configuration file as a user interface sees it: what it says, what may stand there, and changes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from phasewise.config.errors import EditError, KeyPath
from phasewise.config.form import json_schema
from phasewise.config.load import read_text
from phasewise.config.registry import Registry
from phasewise.config.settings import Change, Wrong, setting_values, with_changes
from phasewise.config.write import why_not_writable


@dataclass(frozen=True)
class SettingsState:
    """The configuration as it stands in the file."""

    file: str
    revision: str
    """Of the file's content; changes with every change to it."""
    detail: str | None
    """Why the file cannot be written; None while it can."""
    values: dict[str, Any]
    """With defaults filled in and secrets masked."""
    given: tuple[KeyPath, ...]
    """What the file itself has; all else is a default."""
    errors: tuple[Wrong, ...]
    """What is wrong with it at present."""
    schema: dict[str, Any]


class SettingsFile:
    """Reads the file whenever it is asked: the user may change it too. For a thread: it takes a while."""

    def __init__(self, path: Path, registry: Registry) -> None:
        self._path = path
        self._registry = registry

    @cached_property
    def _schema(self) -> dict[str, Any]:
        """Made when it is asked for: it loads every source there is."""
        return json_schema(self._registry)

    def state(self) -> SettingsState:
        """As it is now. Raises ConfigError when the file cannot be read."""
        text = read_text(self._path)
        found = setting_values(text, self._path, self._registry)
        return SettingsState(
            file=str(self._path),
            revision=revision_of(text),
            detail=why_not_writable(self._path),
            values=found.values,
            given=found.given,
            errors=found.wrong,
            schema=self._schema,
        )

    def edited(self, text: str, changes: Sequence[Change], revision: str | None) -> str:
        """The text with all changes in it; `revision` is what it must be, if anything.

        Raises WrongSettingsError when a value is wrong, EditError when the text cannot be changed so.
        """
        if revision is not None and revision != revision_of(text):
            raise EditError("it was changed meanwhile; load the settings again")
        return with_changes(text, self._path, self._registry, changes)


def revision_of(text: str) -> str:
    """Short for the content of a file."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
