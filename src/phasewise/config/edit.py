"""Changes one value in the text of a configuration file and leaves every other character as it is.

The place comes from the parser, the change is spliced into the text, and the result is parsed again:
unless exactly that one value is different, nothing is changed and EditError says so.
"""

import copy
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from phasewise.config.document import parse
from phasewise.config.errors import ConfigError, KeyPath, key_text
from phasewise.model import Assignment, Override

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # to some YAML version
_COLON = re.compile(r"[ \t]*:")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_INDENT = 2  # columns for a new nested key, where the file itself shows no other habit

Value = str | float | Mapping[str, Any]
"""A text, a number, or a mapping of such: what a value in the file can be changed to."""

_Splice = tuple[int, int, str]
"""Replace the characters from the first index up to the second by this text."""


class EditError(Exception):
    """The text was not changed. Says why, and what to do."""


def set_battery_phase(text: str, battery_id: str, assignment: Assignment) -> str:
    """The text with the phase that the user chose for one battery. Raises EditError."""
    place, entry = _battery(text, battery_id)
    if assignment is Assignment.UNASSIGNED and entry.get("phase") in (None, ""):
        return text
    return set_value(text, ("batteries", place, "phase"), assignment.value)


def set_battery_override(text: str, battery_id: str, override: Override, time_zone: str) -> str:
    """The text with what the user decided for one battery. Raises EditError.

    The end of a hold is written in local time with its offset.
    """
    place, entry = _battery(text, battery_id)
    path = ("batteries", place, "override")
    if override.out_of_service:
        return set_value(text, path, "out-of-service")
    if override.hold_power_w is None:
        return text if entry.get("override") is None else set_value(text, path, "auto")
    hold: dict[str, Value] = {"power_w": override.hold_power_w}
    if override.hold_until_utc_s is not None:
        until = datetime.fromtimestamp(override.hold_until_utc_s, ZoneInfo(time_zone))
        hold["until"] = until.isoformat(timespec="seconds")
    return set_value(text, path, {"hold": hold})


def _battery(text: str, battery_id: str) -> tuple[int, dict[str, Any]]:
    """Position and plain values of one battery's entry."""
    batteries = _read(text)[1].get("batteries")
    entries = batteries if isinstance(batteries, list) else []
    places = [
        i for i, entry in enumerate(entries) if isinstance(entry, dict) and entry.get("id") == battery_id
    ]
    if len(places) != 1:
        what = "no battery" if not places else "more than one battery"
        raise EditError(f"not changed: the file has {what} with id '{battery_id}'")
    return places[0], entries[places[0]]


def set_strategy(text: str, name: str) -> str:
    """The text with another strategy selected. Raises EditError."""
    return set_value(text, ("control", "strategy"), name)


def set_value(text: str, path: KeyPath, value: Value) -> str:
    """The text with another value at `path`: replaced there, or inserted where the key is missing.

    Raises EditError when the text is not YAML, when the place is ambiguous (an anchor, alias, tag or
    text over several lines), when a comment would be lost or when something else would change too.
    """
    root, before = _read(text)
    wanted = _with(before, path, value)
    if wanted == before:
        return text
    start, end, piece = _splice(text, root, path, value)
    changed = text[:start] + piece + text[end:]
    try:
        after = _read(changed)[1]
    except EditError:
        after = {}
    if after != wanted:
        raise _refuse(path, "the way it is written there does not allow to change this value alone")
    return changed


def _read(text: str) -> tuple[MappingNode, dict[str, Any]]:
    try:
        document = parse(text, "configuration file")
    except ConfigError as error:
        raise EditError(f"not changed: {error}") from error
    for path, place, message in document.problems:
        where = key_text(path, document.value)
        raise EditError(f"not changed: configuration file:{place.line}: {where}: {message}")
    return document.node, document.value


def _refuse(path: KeyPath, why: str) -> EditError:
    return EditError(f"{key_text(path)} was not changed: {why}; please edit the file by hand")


def _with(plain: dict[str, Any], path: KeyPath, value: Value) -> dict[str, Any]:
    """A copy of the plain values with one more or another value in it."""
    changed = copy.deepcopy(plain)
    here: Any = changed
    for part in path[:-1]:
        if isinstance(here, dict) and here.get(part) is None:
            here[part] = {}
        try:
            here = here[part]
        except (LookupError, TypeError) as error:
            raise _refuse(path, "there is no such place in the file") from error
    if not isinstance(here, dict) or not isinstance(path[-1], str):
        raise _refuse(path, "the value around it is not a mapping")
    here[path[-1]] = value
    return changed


def _splice(text: str, root: MappingNode, path: KeyPath, value: Value) -> _Splice:
    node: Node = root
    key: Node = root  # replaced on the way: the last part of a path is always a mapping's key
    for depth, part in enumerate(path):
        if isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part]
            continue
        if not isinstance(node, MappingNode):
            return _fill(text, key, node, path, depth, value)
        pair = next((pair for pair in node.value if pair[0].value == part), None)
        if pair is None:
            return _insert(text, root, node, path, depth, value)
        parent_is_flow = bool(node.flow_style)
        key, node = pair
        if depth + 1 < len(path) and _is_empty(node) and not parent_is_flow:
            column = key.start_mark.column + _indent_step(root)
            return _new_line(text, key.end_mark.index, _lines(path[depth + 1 :], value, column, _INDENT))
    return _replace(text, key, node, path, value)


def _fill(text: str, key: Node, node: Node, path: KeyPath, depth: int, value: Value) -> _Splice:
    """A section that has no keys yet (`control: null`) gets its first one."""
    if not isinstance(node, ScalarNode):
        raise _refuse(path, f"{key_text(path[:depth])} is not a mapping")
    return _put(text, key, node, path, "{" + _inline(path[depth:], value) + "}")


def _replace(text: str, key: Node, node: Node, path: KeyPath, value: Value) -> _Splice:
    if isinstance(node, MappingNode):
        return _replace_mapping(text, key, node, path, value)
    if not isinstance(node, ScalarNode):
        raise _refuse(path, "it is a mapping or a list there")
    return _put(text, key, node, path, _written(value, node.style))


def _replace_mapping(text: str, key: Node, node: MappingNode, path: KeyPath, value: Value) -> _Splice:
    """Write over all of a mapping, from the colon of its key to its last value."""
    if node.anchor or not _is_written_at(key, node):
        raise _refuse(path, "it has an anchor, an alias or a tag there")
    start = node.start_mark.index
    if not node.flow_style:
        colon = _COLON.match(text, key.end_mark.index)
        start = colon.end() if colon else start
    end = node.end_mark.index if node.flow_style else _end_of(node)
    if "#" in text[start:end]:
        raise _refuse(path, "there is a comment inside, which would be lost")
    return start, end, ("" if node.flow_style else " ") + _written(value, None)


def _end_of(node: Node) -> int:
    """Where the last value of a block of lines ends: what follows it, also a comment, stays."""
    while isinstance(node, MappingNode) and not node.flow_style and node.value:
        key, node = node.value[-1]
        if _is_empty(node):
            return int(key.end_mark.index) + 1
    return int(node.end_mark.index)


def _put(text: str, key: Node, node: ScalarNode, path: KeyPath, piece: str) -> _Splice:
    """Write over a value on one line, or behind the colon of a key that has none."""
    start, end = node.start_mark.index, node.end_mark.index
    if node.anchor or text[start:end].startswith("!"):
        raise _refuse(path, "it has an anchor, an alias or a tag there")
    if not _is_empty(node):
        if node.start_mark.line != node.end_mark.line:
            raise _refuse(path, "its text goes over several lines")
        return start, end, piece
    at = key.end_mark.index
    colon = _COLON.match(text, at)
    return (colon.end(), colon.end(), f" {piece}") if colon else (at, at, f": {piece}")


def _insert(
    text: str, root: MappingNode, mapping: MappingNode, path: KeyPath, depth: int, value: Value
) -> _Splice:
    """A key that the mapping, found at `path[:depth]`, does not have yet."""
    if mapping.flow_style:
        return _insert_in_braces(mapping, path, depth, value)
    first = mapping.value[0][0].start_mark
    if mapping is root:
        return _new_line(text, len(text), _lines(path, value, first.column, _indent_step(root)))
    line = " " * first.column + _inline(path[depth:], value)
    ends = [
        key.end_mark.index if _is_empty(item) else item.end_mark.index
        for key, item in mapping.value
        if _is_empty(item) or (_is_written_at(key, item) and key.start_mark.line == item.end_mark.line)
    ]
    if ends:
        return _new_line(text, max(ends), [line])
    start_of_line = first.index - first.column
    if text[start_of_line : first.index].strip(" "):
        raise _refuse(path, "no key beside it has a simple value")
    return start_of_line, start_of_line, line + _newline(text)


def _insert_in_braces(mapping: MappingNode, path: KeyPath, depth: int, value: Value) -> _Splice:
    """After the last value that is written there: what follows it, also a comment, stays behind it."""
    ends = [item.end_mark.index for key, item in mapping.value if _is_written_at(key, item)]
    if mapping.value and not ends:
        raise _refuse(path, "no key beside it has a value of its own")
    at = max(ends, default=mapping.start_mark.index + 1)
    return at, at, (", " if ends else "") + _inline(path[depth:], value)


def _newline(text: str) -> str:
    """The file's own kind of line break."""
    first = _LINE_BREAK.search(text)
    return first.group() if first else "\n"


def _new_line(text: str, index: int, lines: list[str]) -> _Splice:
    """Lines after the one that holds `index`."""
    newline = _newline(text)
    here = _LINE_BREAK.search(text, index)
    block = newline.join(lines)
    if here:
        return here.end(), here.end(), block + newline
    if text.endswith(("\n", "\r")):
        return len(text), len(text), block + newline
    return len(text), len(text), newline + block


def _lines(path: KeyPath, value: Value, column: int, step: int) -> list[str]:
    """The keys of `path`, each on a line of its own below the other."""
    *outer, last = (_quoted(str(part), None) for part in path)
    lines = [" " * (column + step * depth) + f"{part}:" for depth, part in enumerate(outer)]
    return [*lines, " " * (column + step * len(outer)) + f"{last}: {_written(value, None)}"]


def _inline(path: KeyPath, value: Value) -> str:
    """The keys of `path` on one line: `a: {b: value}`."""
    text = _written(value, None)
    for depth, part in enumerate(reversed(path)):
        text = f"{_quoted(str(part), None)}: " + (f"{{{text}}}" if depth else text)
    return text


def _written(value: Value, style: str | None) -> str:
    """A value as YAML on one line."""
    if isinstance(value, str):
        return _quoted(value, style)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_quoted(key, None)}: {_written(item, None)}" for key, item in value.items())
        return "{" + inner + "}"
    return f"{value:.0f}" if value == round(value) else repr(value)


def _quoted(value: str, style: str | None) -> str:
    """A text as YAML, in the quotes it had (`style`) if they can hold it."""
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style is None and _PLAIN.fullmatch(value) and value.casefold() not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_empty(node: Node) -> bool:
    """Nothing is written: `key:` and no more."""
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _is_written_at(key: Node, value: Node) -> bool:
    """Not empty, and not an alias: the text of those is elsewhere."""
    return not _is_empty(value) and bool(value.start_mark.index >= key.end_mark.index)


def _indent_step(root: MappingNode) -> int:
    """By how much this file indents a nested mapping."""
    for key, value in root.value:
        if isinstance(value, MappingNode) and not value.flow_style and value.value:
            step = value.value[0][0].start_mark.column - key.start_mark.column
            if step > 0:
                return int(step)
    return _INDENT
