"""Where in the text of a YAML file a change belongs: stretches to replace, found from the parser's nodes.

Nothing here promises that the result is right: `rewrite` parses it again and compares.
"""

import re
from collections.abc import Sequence

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from phasewise.config.errors import EditError, KeyPath, key_text
from phasewise.config.written import STEP, Value, inline, is_long, item_lines, key_lines, pair, value_lines

Splice = tuple[int, int, str]
"""Replace the characters from the first index up to the second by this text."""

_COLON = re.compile(r"[ \t]*:")
_COMMENT = re.compile(r"(?<![^\s\ufeff])#")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")
_BLANK = " \t\ufeff"
"""What may stand before the first key of a line; a byte order mark before that of the file."""
_ELSEWHERE = "it has an anchor, an alias or a tag there"
_BLOCK_TEXT = ("|", ">")


def refuse(path: KeyPath, why: str) -> EditError:
    """The error for a place that cannot be changed."""
    return EditError(f"{key_text(path)} was not changed: {why}; please edit the file by hand")


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text with all stretches replaced; they must not overlap."""
    for start, end, piece in sorted(splices, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def comments(text: str, root: Node) -> list[tuple[int, int]]:
    """From where to where each comment goes, in the order of the file."""
    spans = _scalar_spans(text, root)
    found, at = [], 0
    for match in _COMMENT.finditer(text):
        begin = match.start()
        if begin < at or any(start <= begin < end for start, end in spans):
            continue  # within the comment before, or within a text
        line_end = _LINE_BREAK.search(text, begin)
        at = line_end.start() if line_end else len(text)
        found.append((begin, at))
    return found


def _scalar_spans(text: str, root: Node) -> list[tuple[int, int]]:
    """Where a '#' is text. The first line of `|` and `>` is not among it: it may have a comment."""
    spans = []
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            nodes += [part for both in node.value for part in both]
        elif isinstance(node, SequenceNode):
            nodes += node.value
        elif isinstance(node, ScalarNode):
            start, end = node.start_mark.index, node.end_mark.index
            if node.style in _BLOCK_TEXT:
                first_line = _LINE_BREAK.search(text, start, end)
                start = first_line.end() if first_line else end
            spans.append((start, end))
    return spans


class Place:
    """A mapping or list in the text, with what is done to it. `path` leads to it."""

    def __init__(self, text: str, root: MappingNode, path: KeyPath) -> None:
        """Raises EditError when there is no mapping or list of its own there."""
        self._text = text
        self._root = root
        self._path = path
        self._in_flow = False
        """It is inside of braces or brackets, itself not counted."""
        self._node: CollectionNode = root
        for part in path:
            self._in_flow = self._in_flow or bool(self._node.flow_style)
            node = self._children()[self._index(part)][1]
            if not isinstance(node, CollectionNode):
                raise refuse(path, "the value around it is not a mapping")
            self._node = node

    def _children(self) -> list[tuple[Node | None, Node]]:
        """Keys and values; list items have no key."""
        if isinstance(self._node, MappingNode):
            return list(self._node.value)
        return [(None, item) for item in self._node.value]

    def _index(self, part: str | int) -> int:
        if isinstance(part, int):
            return part
        for index, (key, _) in enumerate(self._node.value):
            if key.value == part:
                return index
        raise refuse((*self._path, part), _ELSEWHERE)  # by '<<'

    def has(self, part: str) -> bool:
        """Whether the mapping itself has this key, not only what it merges in."""
        return any(key.value == part for key, _ in self._node.value)

    # Replace a value

    def replace(self, part: str | int, value: Value) -> list[Splice]:
        """Another value of a key or item that is there."""
        path = (*self._path, part)
        key, node = self._children()[self._index(part)]
        if key is not None and _is_empty(node):
            return self._fill(key, value)
        start, end = self._written_at(path, key, node)
        if isinstance(node, ScalarNode) and node.start_mark.line != node.end_mark.line:
            raise refuse(path, "its text goes over several lines")
        below = key is not None and (is_long(value) or _is_list_of_mappings(value))
        if key is not None and below and not self._is_flow:
            return self._unfold(key, start, end, value)
        piece = inline(value, node.style if isinstance(node, ScalarNode) else None)
        if key is not None and isinstance(node, CollectionNode) and not node.flow_style:
            start = self._colon_end(key)
            piece = f" {piece}"
        elif _is_empty(node):
            piece = f" {piece}"
        return [(start, end, piece), *self._kept(start, end, key or node)]

    def _fill(self, key: Node, value: Value) -> list[Splice]:
        """A key without a value: what is long and a section's first keys go below it, the rest behind it."""
        at = self._colon_end(key)
        if not self._is_flow and value and isinstance(value, dict | list):
            lines = value_lines(value, key.start_mark.column + self._step, self._step)
            return [self._below(key.end_mark.index, lines)]
        has_colon = at > key.end_mark.index
        return [(at, at, f" {inline(value)}" if has_colon else f": {inline(value)}")]

    def _unfold(self, key: Node, start: int, end: int, value: Value) -> list[Splice]:
        """Instead of what stands behind or below the key, lines below it."""
        colon, kept = self._colon_end(key), self._kept(start, end, key)
        if _LINE_BREAK.search(self._text, colon, start):
            start_of_line = self._line_start(start)
            lines = value_lines(value, start - start_of_line, self._step)
            return [(start_of_line, end, self._newline.join(lines)), *kept]
        lines = value_lines(value, key.start_mark.column + self._step, self._step)
        at, _, piece = self._below(end, lines)
        return [(colon, end, ""), (at, at, piece + "".join(comment for _, _, comment in kept))]

    def _kept(self, start: int, end: int, beside: Node) -> list[Splice]:
        """The comments inside of what goes, on lines of their own below it. Within braces there is no place
        for such lines: there the loss of one is a reason to refuse, as `rewrite` does.
        """
        inside = self._comments_within(start, end)
        if not inside or self._is_flow:
            return []
        indent = " " * (beside.start_mark.column + self._step)
        return [self._below(end, [indent + comment for comment in inside])]

    def _comments_within(self, start: int, end: int) -> list[str]:
        return [self._text[a:b] for a, b in comments(self._text, self._root) if start <= a < end]

    def _written_at(self, path: KeyPath, key: Node | None, node: Node) -> tuple[int, int]:
        """From where to where a value is written. Raises EditError when that is elsewhere."""
        start, end = int(node.start_mark.index), self._end_of(node)
        if node.anchor or self._text[start:end].startswith("!"):
            raise refuse(path, _ELSEWHERE)
        around = self._node if key is None else key
        if start < int(around.start_mark.index):
            raise refuse(path, _ELSEWHERE)
        return start, end

    # Add a key or an item

    def insert_key(self, part: str, value: Value) -> list[Splice]:
        """A key that the mapping does not have yet."""
        pairs = self._node.value
        if self._is_flow:
            return self._insert_in_flow(len(pairs), pair(part, value))
        column = pairs[0][0].start_mark.column
        at_root = self._node is self._root
        lines = key_lines(part, value, column, self._step, spread=at_root)
        if at_root:
            return [self._below(len(self._text), lines)]
        ends = [end for key, item in pairs if (end := self._end_on_its_line(key, item)) is not None]
        if ends:
            return [self._below(max(ends), lines)]
        start = pairs[0][0].start_mark.index
        if self._text[self._line_start(start) : start].strip(" "):
            raise refuse((*self._path, part), "no key beside it has a simple value")
        at = self._line_start(start)
        return [(at, at, self._joined(lines))]

    def _end_on_its_line(self, key: Node, item: Node) -> int | None:
        """Where a pair ends that is on one line; None for others."""
        if _is_empty(item):
            return self._colon_end(key)
        written_here = item.start_mark.index >= key.end_mark.index
        one_line = key.start_mark.line == item.end_mark.line
        return int(item.end_mark.index) if written_here and one_line else None

    def insert_item(self, index: int, value: Value) -> list[Splice]:
        """An item of a list that has some, in front of the one that has this index now."""
        items = self._node.value
        if self._is_flow:
            return self._insert_in_flow(index, inline(value))
        column, first = self._node.start_mark.column, items[0]
        on_its_line = first.start_mark.line == self._node.start_mark.line
        gap = first.start_mark.column - column if on_its_line and not _is_empty(first) else STEP
        spread = isinstance(first, MappingNode) and not first.flow_style
        lines = item_lines(value, column, gap, self._step, spread=spread)
        if index == 0:
            at = self._line_start(self._node.start_mark.index)
            if self._text[at : self._node.start_mark.index].strip(" "):
                raise refuse(self._path, "the list begins in the middle of a line")
            return [(at, at, self._joined(lines))]
        return [self._below(self._end_of(items[index - 1]), lines)]

    def _insert_in_flow(self, index: int, piece: str) -> list[Splice]:
        """After the value before it, so that a comment behind that stays behind both."""
        children = self._children()
        if not children:
            at = self._node.start_mark.index + 1
            return [(at, at, piece)]
        if index == 0:
            key, item = children[0]
            at = (key or item).start_mark.index
            return [(at, at, f"{piece}, ")]
        ends = [self._end_in_flow(key, item) for key, item in children[:index]]
        at = max(end for end in ends if end is not None) if any(ends) else None
        if at is None or (ends[-1] is None and isinstance(self._node, SequenceNode)):
            raise refuse(self._path, "no key beside it has a value of its own")
        return [(at, at, f", {piece}")]

    def _end_in_flow(self, key: Node | None, item: Node) -> int | None:
        """None where nothing is written, or an alias."""
        start = self._node.start_mark.index if key is None else key.end_mark.index
        return None if _is_empty(item) or item.start_mark.index < start else int(item.end_mark.index)

    # Take a key or an item away

    def remove(self, part: str | int) -> list[Splice]:
        """A key or an item that is not the only one. The comments in it stay, on lines of their own."""
        path = (*self._path, part)
        index = self._index(part)
        key, node = self._children()[index]
        if key is not None and _is_empty(node):
            end = self._colon_end(key)
        else:
            _, end = self._written_at(path, key, node)
        if self._is_flow:
            return [self._remove_in_flow(path, index, end)]
        start = key.start_mark.index if key is not None else self._dash(path, index)
        at = self._line_start(start)
        if not self._text[at:start].strip(_BLANK):
            return [self._remove_lines(at + self._text[at:start].count("\ufeff"), start, end)]
        if index == 0 and key is not None:  # behind the dash of a list item
            following = self._node.value[1][0].start_mark.index
            return [(start, end if "#" in self._text[end:following] else following, "")]
        raise refuse(path, "it begins in the middle of a line")

    def _remove_in_flow(self, path: KeyPath, index: int, end: int) -> Splice:
        children = self._children()
        key, node = children[index]
        start = (key or node).start_mark.index
        if index + 1 < len(children):
            next_key, next_node = children[index + 1]
            following = (next_key or next_node).start_mark.index
            if following < end:
                raise refuse(path, _ELSEWHERE)
            return start, following, ""
        return self._text.rfind(",", 0, start), end, ""

    def _remove_lines(self, line_start: int, start: int, end: int) -> Splice:
        indent = self._text[line_start:start]
        inside = self._comments_within(start, end)
        here = _LINE_BREAK.search(self._text, end)
        line_end, after_line = (here.start(), here.end()) if here else (len(self._text),) * 2
        behind = self._text[end:line_end].strip(" \t")
        kept = [*inside, behind] if behind else inside
        return line_start, after_line, self._joined([indent + comment for comment in kept])

    def _dash(self, path: KeyPath, index: int) -> int:
        """Where the dash of a list item is."""
        items, column = self._node.value, self._node.start_mark.column
        begin = self._node.start_mark.index if index == 0 else self._end_of(items[index - 1])
        end = items[index].start_mark.index
        if index == 0:
            return int(begin)
        pattern = re.compile(rf"(?:\r\n|\n|\r) {{{column}}}-")
        found = list(pattern.finditer(self._text, begin, end))
        if not found:
            raise refuse(path, "its dash is not on a line of its own list")
        return found[-1].end() - 1

    # The text around

    @property
    def _is_flow(self) -> bool:
        return self._in_flow or bool(self._node.flow_style)

    @property
    def _newline(self) -> str:
        """The file's own kind of line break."""
        first = _LINE_BREAK.search(self._text)
        return first.group() if first else "\n"

    def _joined(self, lines: list[str]) -> str:
        return "".join(line + self._newline for line in lines)

    def _line_start(self, index: int) -> int:
        at = index
        while at > 0 and self._text[at - 1] not in "\r\n":
            at -= 1
        return at

    def _below(self, index: int, lines: list[str]) -> Splice:
        """Lines after the one that holds `index`."""
        here = _LINE_BREAK.search(self._text, index)
        if here:
            return here.end(), here.end(), self._joined(lines)
        end = len(self._text)
        if self._text.endswith(("\n", "\r")):
            return end, end, self._joined(lines)
        return end, end, self._newline + self._newline.join(lines)

    def _colon_end(self, key: Node) -> int:
        """Behind the colon of a key; behind the key when it has none."""
        colon = _COLON.match(self._text, key.end_mark.index)
        return colon.end() if colon else int(key.end_mark.index)

    def _end_of(self, node: Node) -> int:
        """Where the last value of a block of lines ends: what follows it, also a comment, stays.

        Raises EditError when the last one is an alias: it is written elsewhere.
        """
        begin = int(node.start_mark.index)
        while isinstance(node, CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            key, node = last if isinstance(last, tuple) else (None, last)
            if key is not None and _is_empty(node):
                return self._colon_end(key)
        end = int(node.end_mark.index)
        if end < begin or node.start_mark.index < begin:
            raise refuse(self._path, _ELSEWHERE)
        if isinstance(node, ScalarNode) and node.style in _BLOCK_TEXT:
            end = len(self._text[:end].rstrip())
        return end

    @property
    def _step(self) -> int:
        """By how much this file indents a nested mapping."""
        for key, value in self._root.value:
            if isinstance(value, MappingNode) and not value.flow_style and value.value:
                step = value.value[0][0].start_mark.column - key.start_mark.column
                if step > 0:
                    return int(step)
        return STEP


def _is_empty(node: Node) -> bool:
    """Nothing is written: `key:` and no more."""
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _is_list_of_mappings(value: Value) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value)
