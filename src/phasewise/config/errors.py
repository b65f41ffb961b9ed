"""What is wrong with a configuration file, said so that a person can mend it."""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Where a value is: mapping keys as text, list positions counted from 0."""

_SECRET_ENDINGS = ("password", "secret", "token", "key", "webhook")
MASK = "********"
"""Stands for a secret; nobody uses this as one, so that a mask can be told from what it hides."""
_IN_URL = (
    re.compile(r"(?P<before>://[^/?#\s:@]*:)\S+(?=@)"),
    re.compile(r"(?P<before>://)[^/?#\s:@]+(?=@)"),
    re.compile(r"(?i)(?P<before>[?&][\w-]*(?:password|secret|token|key|auth)=)[^&#\s]+"),
)
"""The password in front of a host, or what stands there alone, as tokens do; and keys in a query."""
_WEB_PATH = re.compile(r"(?P<host>https?://[^\s/?#]*)(?P<path>/[^\s?#]*)", re.IGNORECASE)
_KEY_IN_PATH = re.compile(r"(?<=/)(?=(?:[\w-]*?\d){3})(?=(?:[\w-]*?[A-Za-z]){3})[\w-]{16,}")
"""What some services take for a key: a long name in the path that mixes letters with digits. One that is none
and looks like it is masked too, which hides little and breaks nothing."""

_SHOWN_LENGTH = 60  # longer values would hide the rest of the message in a terminal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    file: str
    """As the user named it."""
    line: int | None
    """Counted from 1; None when the file could not be read at all."""
    column: int | None
    """Counted from 1."""
    key: str
    """For people: `batteries[m2].phase`; empty when it is about the whole file."""
    value: str | None
    """The offending value as shown to people; None when there is none."""
    message: str
    allowed: str | None = None
    path: KeyPath = ()
    """The same place as `key`, for programs."""

    def __str__(self) -> str:
        """`home.yaml:14: batteries[m2].phase: 'L4' is not a phase; allowed: L1, L2, ...`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}: {text}" + (f"; allowed: {self.allowed}" if self.allowed else "")


class ConfigError(Exception):
    """A configuration that is not used. Carries every problem found, in the order of the lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            sorted(problems, key=lambda p: (p.line or 0, p.column or 0))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class EditError(Exception):
    """The text was not changed. Says why, and what to do."""


def is_secret(path: KeyPath) -> bool:
    """Whether what stands there is for nobody's eyes: named as a password or key, or a header."""
    name = path[-1] if path else ""
    return "headers" in path[:-1] or (isinstance(name, str) and name.lower().endswith(_SECRET_ENDINGS))


def without_secrets(text: str) -> str:
    """A text with the secrets of the URLs in it masked."""
    for pattern in _IN_URL:
        text = pattern.sub(rf"\g<before>{MASK}", text)
    return _WEB_PATH.sub(lambda found: found["host"] + _KEY_IN_PATH.sub(MASK, found["path"]), text)


def shown(value: object, key: str | int = "") -> str:
    """A value as it appears in a message: text in quotes, collections by kind, secrets not at all."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_secret((key,)):
        return "'***'"
    text = repr(without_secrets(value) if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."


def key_text(path: KeyPath, root: object = None) -> str:
    """A path for people; a list entry that has an `id` is named by it, else by its number."""
    text = ""
    here = root
    for part in path:
        here = _child(here, part)
        if isinstance(part, str):
            text += f".{part}" if text else part
            continue
        name = here.get("id") if isinstance(here, dict) else None
        text += f"[{name}]" if isinstance(name, str) and name else f"[#{part + 1}]"
    return text


def _child(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def did_you_mean(wrong: object, known: Collection[str]) -> str:
    """` (did you mean 'L2'?)` for the nearest known word, or nothing when none is near."""
    if isinstance(wrong, dict | list):
        return ""
    text = str(wrong).strip().casefold()
    folded = {word.casefold(): word for word in known}
    near: Sequence[str] = difflib.get_close_matches(text, folded, n=1)
    return f" (did you mean '{folded[near[0]]}'?)" if near else ""
