"""Changes the text of a configuration file so that it says something else, and leaves the rest as it is.

The difference between what the text says and what it is to say is made good one value at a time: the
place comes from the parser, the change is spliced into the text, and the result is parsed again. Unless
exactly that one value is different and every comment is still there, nothing is changed and EditError
says so.
"""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ruamel.yaml.nodes import MappingNode

from phasewise.config.document import parse
from phasewise.config.errors import ConfigError, EditError, KeyPath, key_text
from phasewise.config.splice import Place, comments, refuse, spliced


@dataclass(frozen=True)
class _Step:
    """One difference."""

    kind: Literal["put", "insert", "remove"]
    """`put`: the value of a key, there or not, or of an item that is there; `insert`: a new list item."""
    path: KeyPath
    value: Any = None


def rewrite(text: str, wanted: Mapping[str, Any]) -> str:
    """The text that says `wanted`, and else is as it was.

    `wanted`: plain values as `document` gives them. Raises EditError when the text is not YAML, when a
    place is ambiguous (an anchor, alias, tag or text over several lines), when a comment would be lost or
    when something else would change too; then nothing is changed.
    """
    node, now = read(text)
    while (step := _mapping_step(now, wanted, ())) is not None:
        changed = spliced(text, _splices(text, node, step))
        try:
            after_node, after = read(changed)
        except EditError:
            after_node, after = node, {}
        if not same(after, _after(now, step)):
            why = "the way it is written there does not allow to change this value alone"
            raise refuse(step.path, why)
        if _comments(changed, after_node) != _comments(text, node):
            raise refuse(step.path, "there is a comment inside, which would be lost")
        text, node, now = changed, after_node, after
    return text


def read(text: str) -> tuple[MappingNode, dict[str, Any]]:
    """The nodes and the plain values of a text. Raises EditError when it is not usable YAML."""
    try:
        document = parse(text, "configuration file")
    except ConfigError as error:
        raise EditError(f"not changed: {error}") from error
    for path, place, message in document.problems:
        where = key_text(path, document.value)
        raise EditError(f"not changed: configuration file:{place.line}: {where}: {message}")
    return document.node, document.value


def same(one: Any, other: Any) -> bool:
    """Equal, where true is not 1 and 1 is 1.0."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _comments(text: str, node: MappingNode) -> Counter[str]:
    return Counter(text[start:end].rstrip() for start, end in comments(text, node))


def _splices(text: str, root: MappingNode, step: _Step) -> list[tuple[int, int, str]]:
    place, part = Place(text, root, step.path[:-1]), step.path[-1]
    if step.kind == "remove":
        return place.remove(part)
    if isinstance(part, int):
        return (
            place.insert_item(part, step.value) if step.kind == "insert" else place.replace(part, step.value)
        )
    return place.replace(part, step.value) if place.has(part) else place.insert_key(part, step.value)


def _after(now: dict[str, Any], step: _Step) -> dict[str, Any]:
    """What the text must say after a step."""
    changed = copy.deepcopy(now)
    here: Any = changed
    for part in step.path[:-1]:
        here = here[part]
    if step.kind == "remove":
        del here[step.path[-1]]
    elif step.kind == "insert":
        here.insert(step.path[-1], step.value)
    else:
        here[step.path[-1]] = step.value
    return changed


def _difference(now: Any, wanted: Any, path: KeyPath) -> _Step | None:
    """The first one; None when there is none."""
    if same(now, wanted):
        return None
    if now and wanted:
        if isinstance(now, dict) and isinstance(wanted, Mapping):
            return _mapping_step(now, wanted, path)
        if isinstance(now, list) and isinstance(wanted, list | tuple):
            return _list_step(now, list(wanted), path)
    return _Step("put", path, wanted)


def _mapping_step(now: dict[str, Any], wanted: Mapping[str, Any], path: KeyPath) -> _Step | None:
    """What is new comes before what goes, so that a mapping is never empty in between."""
    for key, value in wanted.items():
        if key not in now:
            return _Step("put", (*path, key), value)
        if (step := _difference(now[key], value, (*path, key))) is not None:
            return step
    gone = next((key for key in now if key not in wanted), None)
    return None if gone is None else _Step("remove", (*path, gone))


def _list_step(now: list[Any], wanted: list[Any], path: KeyPath) -> _Step | None:
    before, after = _ids(now), _ids(wanted)
    in_order = [id_ for id_ in before if id_ in after] == [id_ for id_ in after if id_ in before]
    if before and after and in_order and not _only_renamed(before, after):
        return _step_by_id(dict(zip(before, now, strict=True)), dict(zip(after, wanted, strict=True)), path)
    first = next((i for i, (a, b) in enumerate(zip(now, wanted, strict=False)) if not same(a, b)), None)
    if first is None:
        first = min(len(now), len(wanted))
    tail = 0
    while tail < min(len(now), len(wanted)) - first and same(now[-1 - tail], wanted[-1 - tail]):
        tail += 1
    if first == len(now) - tail:
        return _Step("insert", (*path, first), wanted[first])
    if first == len(wanted) - tail:
        return _Step("remove", (*path, first))
    return _difference(now[first], wanted[first], (*path, first))


def _step_by_id(now: dict[str, Any], wanted: dict[str, Any], path: KeyPath) -> _Step | None:
    """Entries that are known by their `id` keep their comments when another one comes or goes."""
    places = {id_: index for index, id_ in enumerate(now)}
    before = -1
    for id_, value in wanted.items():
        if id_ not in now:
            return _Step("insert", (*path, before + 1), value)
        before = places[id_]
        if (step := _difference(now[id_], value, (*path, before))) is not None:
            return step
    gone = next((id_ for id_ in now if id_ not in wanted), None)
    return None if gone is None else _Step("remove", (*path, places[gone]))


def _only_renamed(before: list[str], after: list[str]) -> bool:
    """The same entries at the same places, some with a new id."""
    pairs = list(zip(before, after, strict=False))
    return len(before) == len(after) and all(old == new or new not in before for old, new in pairs)


def _ids(entries: list[Any]) -> list[str]:
    """Of all entries; none when one has none, or two have the same."""
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    found = [id_ for id_ in ids if isinstance(id_, str)]
    return found if len(set(found)) == len(entries) else []
