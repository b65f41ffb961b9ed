"""Random YAML texts in many styles, what they say and what each line is about, known by construction."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]

KEYS = ("a", "b", "name", "max_w", "x y", "on", "url")
TEXTS = (
    "L1",
    "Garage",
    "",
    "yes",
    "12",
    "it's",
    'say "x"',
    "a # b",
    "x: y",
    "tcp://h:23?a=1#f",
    "ü, ☀",
    "- {[",
)
NUMBERS = (0, 1, 25, -500, 0.5, 12.25, 2500)

scalars: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.none()
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    mappings = st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    return st.one_of(scalars, st.lists(inner, max_size=3), mappings)


values = around(around(scalars))
entries = st.lists(
    st.dictionaries(st.sampled_from(KEYS), values, max_size=3).flatmap(
        lambda entry: st.sampled_from(("m1", "m2", "m3")).map(lambda id_: {"id": id_, **entry})
    ),
    max_size=3,
    unique_by=lambda entry: entry["id"],
)
documents = st.dictionaries(
    st.sampled_from((*KEYS, "batteries")), st.one_of(values, entries), min_size=1, max_size=4
)


@dataclass
class Text:
    """A text that is being written."""

    style: random.Random
    tame: bool
    """Without anchors, tags, texts over several lines and comments inside of braces."""
    lines: list[tuple[str, Path]] = field(default_factory=list)
    """With the path of what each is about."""
    comments: int = 0
    anchors: dict[str, Any] = field(default_factory=dict)

    def some(self, *choices: Any) -> Any:
        return self.style.choice(choices)

    def comment(self) -> str:
        """Each is different, so that none can be lost unnoticed."""
        if self.some(True, False, False):
            self.comments += 1
            about = self.some("x", "a: b", "'", "{", "# #")
            return f" {self.some('', ' ', '  ')}# c{self.comments}. {about}"
        return str(self.some("", "", " "))

    def between(self, path: Path) -> None:
        """Lines that say nothing."""
        kind = self.some(0, 0, 0, 1, 2)
        if kind == 1:
            self.comments += 1
            self.lines.append((f"{' ' * self.some(0, 2, 5)}# c{self.comments}. about", (*path, "(comment)")))
        if kind == 2:
            self.lines.append((self.some("", "  "), (*path, "(blank)")))

    def mapping(self, value: dict[str, Any], column: int, path: Path, first: str | None = None) -> None:
        """`first`: what the first line begins with, such as a dash."""
        for key, item in value.items():
            head = (first if first is not None else " " * column) + self.key(key)
            self.pair(head, item, column, (*path, key))
            first = None
            self.between(path)

    def key(self, key: str) -> str:
        written = self.some(key, json.dumps(key), f"'{key}'")
        return f"{written}{self.some('', '', '', ' ')}:"

    def pair(self, head: str, value: Any, column: int, path: Path) -> None:
        anchor = self.anchor(value)
        if isinstance(value, dict | list) and value and self.some(True, True, False):
            self.lines.append((head + anchor + self.comment(), path))
            step = self.some(0, 2, 4) if isinstance(value, list) else self.some(1, 2, 4)
            self.block(value, column + step, path)
        elif not self.tame and isinstance(value, str) and value and self.some(True, False, False, False):
            self.lines.append((f"{head}{anchor} |-", path))
            # Further in than any comment between, which would be a part of it.
            self.lines.append((" " * (column + 6) + value, path))
        else:
            self.inline(head + anchor, value, path)

    def block(self, value: Any, column: int, path: Path) -> None:
        if isinstance(value, dict):
            self.mapping(value, column, path)
            return
        for index, item in enumerate(value):
            self.item(item, column, (*path, index))
            self.between(path)

    def item(self, item: Any, column: int, path: Path) -> None:
        gap = self.some(1, 1, 3)
        dash = " " * column + "-" + " " * gap
        if isinstance(item, dict) and item and self.some(True, True, False):
            self.mapping(item, column + 1 + gap, path, dash)
        else:
            self.inline(" " * column + "-" + self.anchor(item), item, path)

    def anchor(self, value: Any) -> str:
        if self.tame or value is None or self.some(True, True, True, True, True, False):
            return ""
        name = f"p{len(self.anchors)}"
        self.anchors[name] = value
        return f" &{name}"

    def inline(self, head: str, value: Any, path: Path) -> None:
        """On one line, or on several within braces."""
        written = self.flow(value)
        head += self.some(" ", " ", "   ") + written if written else ""
        for part in (head + self.comment()).split("\n"):
            self.lines.append((part, path))

    def flow(self, value: Any) -> str:
        if isinstance(value, dict):
            inner = [
                f"{self.some(key, json.dumps(key))}: {self.flow(item) or '~'}" for key, item in value.items()
            ]
            return self.collection("{", inner, "}")
        if isinstance(value, list):
            return self.collection("[", [self.flow(item) or "null" for item in value], "]")
        return self.scalar(value)

    def collection(self, left: str, inner: list[str], right: str) -> str:
        gap = self.some(", ", ", ", " ,  ")
        if not self.tame and self.some(True, False, False, False):
            gap = "," + self.comment() + "\n" + " " * 12
        edge = self.some("", " ")
        comma = self.some("", ",") if inner else ""
        return f"{left}{edge}{gap.join(inner)}{comma}{edge}{right}"

    def scalar(self, value: Any) -> str:
        if value is None:
            return str(self.some("", "null", "~"))
        if isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, str):
            quoted = [json.dumps(value, ensure_ascii=False), "'" + value.replace("'", "''") + "'"]
            plain = [value] if value in {"L1", "Garage"} else quoted
            tagged = [] if self.tame else [f"!!str {quoted[0]}"]
            return str(self.some(*plain, *quoted, *quoted, *tagged))
        return str(self.some(repr(value), repr(value), f"{value:.2f}"))


@st.composite
def texts(draw: st.DrawFn, *, tame: bool) -> tuple[str, dict[str, Any], list[tuple[str, Path]]]:
    """A text, what it says, and its lines with what they are about."""
    said = draw(documents)
    # The style is not Hypothesis' to shrink: drawing every blank from it takes most of the time.
    text = Text(random.Random(draw(st.integers(0, 2**32))), tame)
    column = text.some(0, 0, 2)
    text.between(())
    text.mapping(said, column, ())
    said = dict(said)
    for name, value in text.anchors.items():
        said[f"again {name}"] = value
        text.lines.append((f'{" " * column}"again {name}": *{name}', (f"again {name}",)))
        if isinstance(value, dict):
            said[f"merged {name}"] = {**value, "own": 1}
            text.lines.append(
                (f'{" " * column}"merged {name}": {{<<: *{name}, own: 1}}', (f"merged {name}",))
            )
    newline = text.some("\n", "\n", "\r\n")
    end = text.some(newline, newline, "")
    mark = text.some("", "", "\ufeff")
    return mark + newline.join(line for line, _ in text.lines) + end, said, text.lines
