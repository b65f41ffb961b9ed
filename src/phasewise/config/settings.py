"""The configuration as values that a user interface shows and changes, one or several at a time.

A battery goes by its id in a path: `("batteries", "m1", "max_charge_w")`.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from phasewise.config.build import Builder
from phasewise.config.check import Checker, model_in
from phasewise.config.control import ControlSection
from phasewise.config.document import EXACT_INTEGERS, Document, Place, parse
from phasewise.config.errors import ConfigError, KeyPath, key_text, without_secrets
from phasewise.config.form import LISTS, SECTIONS, Entries, driver_entries
from phasewise.config.load import parse_config
from phasewise.config.registry import NotLoadedError, Registry
from phasewise.config.result import Config
from phasewise.config.rewrite import read, rewrite
from phasewise.config.secrets import StaleMaskError, masked, unmasked

_DEEP = 16
"""Mappings and lists around a value; the keys there are need at most 6."""


@dataclass(frozen=True)
class Change:
    """One value that is to change."""

    path: KeyPath
    value: Any = None
    """As JSON has it; None = nothing stands there."""
    remove: bool = False


@dataclass(frozen=True)
class Wrong:
    """What is wrong with one value."""

    path: KeyPath
    """With a battery's id, where it has one."""
    message: str
    allowed: str | None = None

    def __str__(self) -> str:
        """`control.peak.import_w: -5 is too low`."""
        return f"{key_text(self.path)}: {self.message}" if self.path else self.message


class WrongSettingsError(Exception):
    """Changes that were not made. Carries everything that is wrong."""

    def __init__(self, wrong: Iterable[Wrong]) -> None:
        self.wrong = tuple(wrong)
        super().__init__("; ".join(str(one) for one in self.wrong))


@dataclass(frozen=True)
class Values:
    """What a file says, as it is shown."""

    values: dict[str, Any]
    """With defaults filled in and secrets masked."""
    given: tuple[KeyPath, ...]
    """What the file itself has, to the leaves."""
    wrong: tuple[Wrong, ...]


def setting_values(text: str, path: Path, registry: Registry) -> Values:
    """What the text of a file says; what can be told, where it is wrong."""
    try:
        plain = parse(text, str(path)).value
    except ConfigError as error:
        return Values({}, (), _wrong(error, {}))
    config: Config | None = None
    wrong: tuple[Wrong, ...] = ()
    try:
        config = parse_config(text, path, registry)
    except ConfigError as error:
        wrong = _wrong(error, plain)
    filled = _filled(plain, registry)
    if config is not None:
        _fill_from_models(filled, config)
    return Values(masked(filled), tuple(_leaves(plain, ())), wrong)


def with_changes(text: str, path: Path, registry: Registry, changes: Sequence[Change]) -> str:
    """The text with all changes in it.

    Raises WrongSettingsError when a value is wrong, EditError when the text cannot be changed so.
    """
    node, before = read(text)
    wanted = _applied(before, changes)
    try:
        # Before the text is touched: a wrong value is told apart from a place that can't be edited.
        document = Document(str(path), node, wanted, dict.fromkeys(_places(wanted, ()), Place(1, 1)))
        Builder(wanted, path, registry, Checker(document, path.parent)).config()
    except ConfigError as error:
        raise WrongSettingsError(_wrong(error, wanted)) from error
    return rewrite(text, wanted)


def _places(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """Of everything that is there; a problem is told of the nearest of them."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(_list(value))
    for part, item in inner:
        yield from _places(item, (*path, part))


def _wrong(error: ConfigError, plain: Mapping[str, Any]) -> tuple[Wrong, ...]:
    return tuple(
        Wrong(_by_id(problem.path, plain), without_secrets(problem.message), problem.allowed)
        for problem in error.problems
    )


def _by_id(path: KeyPath, plain: Mapping[str, Any]) -> KeyPath:
    """The id of a battery instead of its position, if only one has it."""
    match path:
        case ("batteries", int(index), *rest):
            ids = _battery_ids(plain)
            if index < len(ids) and ids[index] is not None and ids.count(ids[index]) == 1:
                return ("batteries", str(ids[index]), *rest)
    return path


def _battery_ids(plain: Mapping[str, Any]) -> list[str | None]:
    """Of every entry, in order; None where there is none that is a text."""
    entries = plain.get("batteries")
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in _list(entries)]
    return [id_ if isinstance(id_, str) else None for id_ in ids]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# What is there


def _filled(plain: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """The plain values with defaults where nothing is given."""
    drivers = driver_entries(registry)
    found: dict[str, Any] = {}
    for name, model in SECTIONS.items():
        value = plain.get(name)
        if name in LISTS:
            found[name] = [_with_driver(model, entry, drivers[name]) for entry in _list(value)]
        elif name in drivers:
            found[name] = _with_driver(model, value, drivers[name])
        else:
            found[name] = _with_defaults(model, {} if value is None else value)
    control = found["control"]
    for name, options in registry.strategies.items():
        if isinstance(control, dict) and options is not None and name not in ControlSection.model_fields:
            control[name] = _with_defaults(options, control.get(name) or {})
    return found


def _with_driver(common: type[BaseModel], entry: Any, drivers: Entries) -> Any:
    if not isinstance(entry, dict):
        return entry
    filled: dict[str, Any] = _with_defaults(common, entry)
    driver = entry.get("driver")
    if not isinstance(driver, str) or driver not in drivers:
        return filled
    try:
        return _with_defaults(drivers[driver].options_model, filled)
    except NotLoadedError:
        return filled


def _with_defaults(model: type[BaseModel], given: Any) -> Any:
    """A mapping with the defaults of its model; anything else as it is."""
    if not isinstance(given, dict):
        return given
    filled = dict(given)
    for name, field in model.model_fields.items():
        key = field.alias or name
        value = given.get(key)
        inner = model_in(field.annotation)
        if value is None and not field.is_required():
            default = field.get_default(call_default_factory=True)
            filled[key] = to_jsonable_python(default, by_alias=True)
        elif inner is not None and isinstance(value, list):
            filled[key] = [_with_defaults(inner, item) for item in value]
        elif inner is not None:
            filled[key] = _with_defaults(inner, value)
    return filled


def _fill_from_models(filled: dict[str, Any], config: Config) -> None:
    """What a battery can do is where its own limits are not given."""
    for entry, battery in zip(filled["batteries"], config.batteries, strict=True):
        settings = battery.settings
        entry["name"] = settings.name
        for key in ("max_charge_w", "max_discharge_w"):
            if entry[key] is None:
                entry[key] = getattr(settings, key)


def _leaves(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    """The paths of everything that is not a mapping with something in it, nor the list of batteries."""
    if isinstance(value, dict) and (value or not path):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif path == ("batteries",) and isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _leaves(entry, _by_id((*path, index), {"batteries": value}))
    elif value is not None:
        yield path


# What is to be there


def _applied(now: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """A copy of the plain values with the changes in it. Raises WrongSettingsError."""
    wanted: dict[str, Any] = copy.deepcopy(dict(now))
    wrong = []
    for change in changes:
        try:
            _apply(wanted, change)
        except _WrongChange as error:
            wrong.append(Wrong(change.path, str(error)))
        except StaleMaskError as error:
            wrong.append(Wrong(_by_id(error.path, wanted), str(error)))
    if wrong:
        raise WrongSettingsError(wrong)
    return wanted


class _WrongChange(Exception):  # noqa: N818 - never leaves this module
    """The path leads nowhere, or the value is nothing that a file can hold."""


def _apply(wanted: dict[str, Any], change: Change) -> None:
    path, value = change.path, None if change.remove else _plain(change.value, _DEEP)
    match path:
        case ("batteries", str(id_), *rest):
            ids = _battery_ids(wanted)
            if id_ in ids:
                index = ids.index(id_)
            elif change.remove:
                return
            elif rest:
                raise _WrongChange(f"there is no battery '{id_}'")
            else:
                index = len(ids)
            path = ("batteries", index, *rest)
            value = value if rest or change.remove else _entry(id_, value)
    here = _around(wanted, path, make=value is not None)
    if here is not None:
        _put(here, path, value, remove=change.remove)


def _entry(id_: str, value: Any) -> dict[str, Any]:
    """A whole battery; what is beside the path may not contradict it."""
    if not isinstance(value, dict):
        raise _WrongChange("a battery is a mapping")
    if value.get("id", id_) != id_:
        raise _WrongChange("the 'id' in it is another one than that of the path")
    return {"id": id_, **value}


def _around(wanted: dict[str, Any], path: KeyPath, *, make: bool) -> Any:
    """The mapping or list that a path ends in; None where there is none and none is to be made."""
    here: Any = wanted
    for part, following in pairwise(path):
        _check_fits(here, part)
        child = here[part] if _is_there(here, part) else None
        if child is None:
            if not make:
                return None
            child = [] if isinstance(following, int) else {}
            _set(here, part, child)
        here = child
    _check_fits(here, path[-1])
    return here


def _check_fits(here: Any, part: str | int) -> None:
    if isinstance(here, dict) and isinstance(part, str):
        return
    if isinstance(here, list) and isinstance(part, int) and part <= len(here):
        return
    raise _WrongChange("there is no such place in the file")


def _is_there(here: Any, part: Any) -> bool:
    """In a mapping or list that fits."""
    return part in here if isinstance(here, dict) else part < len(here)


def _put(here: Any, path: KeyPath, value: Any, *, remove: bool) -> None:
    """Into a mapping or list that fits."""
    last: Any = path[-1]
    there = _is_there(here, last)
    if remove or (value is None and not there):
        if there:
            del here[last]
        return
    _set(here, last, unmasked(value, here[last] if there else None, path))


def _set(here: Any, part: Any, value: Any) -> None:
    """In a mapping or list that fits."""
    if isinstance(here, list) and part == len(here):
        here.append(value)
    else:
        here[part] = value


def _plain(value: Any, depth: int) -> Any:
    """A value of JSON as the file would give it back. Raises _WrongChange."""
    if depth == 0:
        raise _WrongChange("this is nested too deeply")
    if isinstance(value, Mapping):
        return {_plain(key, depth - 1): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, str) and not _is_text(value):
        raise _WrongChange("this text has half a character in it")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGERS:
        return int(value)
    if abs(value) > EXACT_INTEGERS if isinstance(value, int) else not math.isfinite(value):
        raise _WrongChange("this number is too large")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
