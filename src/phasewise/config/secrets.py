"""Secrets of a configuration: masked on the way out, left as they are when the mask comes back."""

from collections.abc import Mapping
from typing import Any

from phasewise.config.errors import MASK, KeyPath, is_secret, without_secrets


class StaleMaskError(Exception):
    """A text has a mask in it that does not stand for what is there now. `path`: where."""

    def __init__(self, path: KeyPath) -> None:
        self.path = path
        super().__init__("a part of this is masked, so it can't be changed: type all of it")


def masked(value: Any, path: KeyPath = ()) -> Any:
    """The same without secrets. `path`: where it stands in the file."""
    if isinstance(value, Mapping):
        return {key: masked(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, (*path, index)) for index, item in enumerate(value)]
    if value is not None and value != "" and any(is_secret(path[:end]) for end in range(1, len(path) + 1)):
        return MASK
    return without_secrets(value) if isinstance(value, str) else value


def unmasked(value: Any, now: Any, path: KeyPath) -> Any:
    """What is meant by a value in which secrets may be masked, where `now` stands. Raises StaleMaskError."""
    if isinstance(value, dict):
        known = now if isinstance(now, dict) else {}
        return {key: unmasked(item, known.get(key), (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [unmasked(item, _counterpart(item, i, now), (*path, i)) for i, item in enumerate(value)]
    if not isinstance(value, str) or MASK not in value:
        return value
    if now is None or masked(now, path) != value:
        raise StaleMaskError(path)
    return now


def _counterpart(item: Any, index: int, now: Any) -> Any:
    """What an item of a list is now: the entry with its id, or the one at its place."""
    items = now if isinstance(now, list) else []
    if isinstance(item, dict) and "id" in item:
        same = (entry for entry in items if isinstance(entry, dict) and entry.get("id") == item["id"])
        return next(same, None)
    return items[index] if index < len(items) else None
