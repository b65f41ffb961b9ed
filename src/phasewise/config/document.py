"""YAML text as nodes and as plain values, with the place of every key."""

import math
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from phasewise.config.errors import ConfigError, KeyPath, Problem, shown

_TAG = "tag:yaml.org,2002:"
EXACT_INTEGERS = 2**53  # up to this, a whole number is the same as float and as int

_PLAIN_WORDS: tuple[tuple[str, str, bool], ...] = (
    # (part of the parser's message, what it means, whether the opening place is the one to look at)
    ("'\\t'", "there is a tab here; indent with spaces only", False),
    (
        "mapping values are not",
        "this ':' does not fit: check the indentation, or quote the text",
        False,
    ),
    ("could not find expected ':'", "there is no ':' after this key", True),
    ("another document", "there is a second document ('---'); one file is one document", False),
    ("undefined alias", "'*' refers to an anchor that does not exist; put a plain text in quotes", False),
    ("that cannot start any token", "this character cannot start a value; put the text in quotes", False),
    ("quoted scalar", "the quoted text that starts here does not end, or contains a wrong escape", True),
    ("flow node", "a '{' or '[' before this place is not closed, or a value is missing", False),
    ("flow", "the '{' or '[' that opens here is not closed, or a ',' is missing", True),
    ("expected <block end>", "the indentation does not fit the lines above", False),
)


@dataclass(frozen=True)
class Place:
    """A position in the file, both counted from 1."""

    line: int
    column: int


@dataclass
class Document:
    """A parsed file."""

    file: str
    node: MappingNode
    value: dict[str, Any] = field(default_factory=dict)
    """Made of dict, list, str, int, float, bool, None; whole floats as int, time stamps as their text."""
    places: dict[KeyPath, Place] = field(default_factory=dict)
    """Of every key and list item; `()` is the start."""
    problems: list[tuple[KeyPath, Place, str]] = field(default_factory=list)
    """What YAML allows and a configuration does not: duplicate keys, tags, NaN..."""


def parse(text: str, file: str) -> Document:
    """Parse YAML text. Raises ConfigError when it is not YAML, empty or not a mapping."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
        if node is None:
            raise _whole_file(file, "the file is empty; at least 'meter' and 'batteries' are needed")
        if not isinstance(node, MappingNode):
            raise _whole_file(file, "the file must consist of keys such as 'meter:' and 'batteries:'")
        document = Document(file, node)
        document.value = _Converter(document).mapping(node, ())
    except YAMLError as error:
        raise ConfigError([_syntax_problem(error, text, file)]) from error
    except RecursionError as error:
        raise _whole_file(file, "the file is nested too deeply") from error
    return document


def _whole_file(file: str, message: str) -> ConfigError:
    return ConfigError([Problem(file, 1, 1, "", None, message)])


def _syntax_problem(error: YAMLError, text: str, file: str) -> Problem:
    if isinstance(error, ReaderError):
        before = text[: error.position].splitlines() or [""]
        message = f"there is a control character here (code {ord(text[error.position]):#04x}); remove it"
        return Problem(file, len(before), len(before[-1]) + 1, "", None, message)
    if not isinstance(error, MarkedYAMLError):
        return Problem(file, 1, 1, "", None, f"this is not valid YAML: {error}")
    mark = error.problem_mark or error.context_mark
    said = f"{error.context or ''} {error.problem or ''}"
    message = f"this is not valid YAML: {error.problem or error.context}"
    for part, plain, at_opening in _PLAIN_WORDS:
        if part in said:
            message = plain
            mark = error.context_mark if at_opening and error.context_mark else mark
            break
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(file, line, column, "", None, f"{message} (column {column})")


class _Converter:
    """Turns nodes into plain values and notes where each came from."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._scalars = YAML(typ="safe", pure=True).constructor
        self._open: set[int] = set()

    def value(self, node: Node, path: KeyPath) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            self._problem(node, path, "refers to itself")
            return None
        self._open.add(id(node))
        plain = self.mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        self._open.discard(id(node))
        return plain

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        """Later keys win: first what `<<` brings in, then the mapping's own."""
        self._check_tag(node, path, "map")
        self._document.places.setdefault(path, _place(node))
        merged, own = self._keys(node, path)
        plain: dict[str, Any] = {}
        for source in reversed(merged):
            if isinstance(source, MappingNode) and id(source) not in self._open:
                plain.update(self.mapping(source, path))
            else:
                self._problem(source, path, "'<<' must refer to another mapping")
        for key, value in own:
            self._document.places[(*path, key.value)] = _place(key)
            plain[key.value] = self.value(value, (*path, key.value))
        return plain

    def _keys(self, node: MappingNode, path: KeyPath) -> tuple[list[Node], list[tuple[ScalarNode, Node]]]:
        """The sources of `<<`, and the pairs with a usable key, each key once."""
        merged: list[Node] = []
        own: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif not isinstance(key, ScalarNode):
                self._problem(key, path, "a key must be plain text; put it in quotes")
            elif key.value in own:
                first = own[key.value][0].start_mark.line + 1
                self._problem(key, (*path, key.value), f"given twice, first on line {first}; keep one")
            else:
                own[key.value] = (key, value)
        return merged, list(own.values())

    def _sequence(self, node: Node, path: KeyPath) -> list[Any]:
        self._check_tag(node, path, "seq")
        items = []
        for index, item in enumerate(node.value):
            self._document.places[(*path, index)] = _place(item)
            items.append(self.value(item, (*path, index)))
        return items

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        kind = str(node.tag).removeprefix(_TAG)
        if kind in {"str", "timestamp"}:
            return node.value
        if kind not in {"null", "bool", "int", "float"}:
            self._problem(node, path, f"the tag {node.tag} is not supported; write the value itself")
            return None
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, LookupError):
            self._problem(node, path, f"{shown(node.value)} is not a valid {kind}")
            return None
        if isinstance(value, float):
            if not math.isfinite(value):
                self._problem(node, path, f"{node.value} is not a finite number")
                return None
            if value.is_integer() and abs(value) < EXACT_INTEGERS:
                return int(value)
        elif isinstance(value, int) and abs(value) > EXACT_INTEGERS:
            self._problem(node, path, "this number is too large")
            return None
        return value

    def _check_tag(self, node: Node, path: KeyPath, kind: str) -> None:
        if node.tag != _TAG + kind:
            self._problem(node, path, f"the tag {node.tag} is not supported; write the value itself")

    def _problem(self, node: Node, path: KeyPath, message: str) -> None:
        self._document.problems.append((path, _place(node), message))


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)
