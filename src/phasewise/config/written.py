"""How a value is written into the file: on one line, or on lines of its own."""

import json
import math
import re
from collections.abc import Mapping, Sequence

Value = str | float | bool | Mapping[str, "Value"] | Sequence["Value"] | None
"""What JSON has: text, number, true or false, mapping, list, nothing."""

SHORT = 60
"""Characters of a mapping or list that still stand on one line: with key and indent, one sees it whole."""

STEP = 2
"""Columns for a nested key, where the file itself shows no other habit."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # to some YAML version


def inline(value: Value, style: str | None = None) -> str:
    """On one line; a text in the quotes it had (`style`) if they can hold it."""
    if isinstance(value, str):
        return _quoted(value, style)
    if isinstance(value, Mapping):
        return "{" + ", ".join(pair(key, item) for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{value:.0f}" if math.isfinite(value) and value == round(value) else repr(value)


def pair(key: str, value: Value) -> str:
    """`key: value` on one line."""
    return f"{_quoted(key, None)}: {inline(value)}"


def is_long(value: Value) -> bool:
    """Whether it had better stand on lines of its own."""
    return isinstance(value, Mapping | list | tuple) and bool(value) and len(inline(value)) > SHORT


def key_lines(key: str, value: Value, column: int, step: int, *, spread: bool = False) -> list[str]:
    """A key with its value. `spread`: a mapping's keys below it, however short."""
    name = " " * column + _quoted(key, None) + ":"
    if is_long(value) or (spread and isinstance(value, Mapping) and value):
        return [name, *value_lines(value, column + step, step)]
    return [f"{name} {inline(value)}"]


def value_lines(value: Value, column: int, step: int) -> list[str]:
    """A mapping or list that is not empty, key by key or item by item."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in key_lines(key, item, column, step)]
    if isinstance(value, list | tuple):
        return [line for item in value for line in item_lines(item, column, STEP, step, spread=True)]
    return [" " * column + inline(value)]


def item_lines(item: Value, column: int, gap: int, step: int, *, spread: bool = False) -> list[str]:
    """A list item with its dash; `gap`: columns from the dash to what it holds."""
    dash = " " * column + "-" + " " * (gap - 1)
    if not (is_long(item) or (spread and isinstance(item, Mapping) and item)):
        return [dash + inline(item)]
    first, *others = value_lines(item, column + gap, step)
    return [dash + first[column + gap :], *others]


def _quoted(value: str, style: str | None) -> str:
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style is None and _PLAIN.fullmatch(value) and value.casefold() not in _NOT_TEXT:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    """What JSON lets stand and YAML does not: line separators, control characters."""
    return f"\\U{ord(char):08x}"
