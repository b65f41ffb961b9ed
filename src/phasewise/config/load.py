"""Reads a configuration file: either a whole valid `Config`, or every problem in it."""

from pathlib import Path

from phasewise.config.build import Builder
from phasewise.config.check import Checker
from phasewise.config.document import parse
from phasewise.config.errors import ConfigError, Problem
from phasewise.config.registry import Registry
from phasewise.config.result import Config


def load_config(path: Path, registry: Registry) -> Config:
    """Read and check a file. Raises ConfigError with every problem found, also when it cannot be read."""
    return parse_config(read_text(path), path, registry)


def parse_config(text: str, path: Path, registry: Registry) -> Config:
    """Check the text of a file; `path` names it in messages and anchors relative paths.

    Raises ConfigError with every problem found.
    """
    document = parse(text, str(path))
    return Builder(document.value, path, registry, Checker(document, path.parent)).config()


def read_text(path: Path) -> str:
    """The file as text, line ends and byte order mark kept, as editing needs it. Raises ConfigError."""
    try:
        return decode(path.read_bytes(), path)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> ConfigError:
    """The error for a file that the system does not hand out."""
    message = f"the file cannot be read: {error.strerror or error}"
    return ConfigError([Problem(str(path), None, None, "", None, message)])


def decode(data: bytes, path: Path) -> str:
    """Bytes of the file as text. Raises ConfigError when they are not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        message = (
            f"the file is not UTF-8 text (byte {data[error.start]:#04x} in column {column}); save it as UTF-8"
        )
        raise ConfigError([Problem(str(path), line, column, "", None, message)]) from error
