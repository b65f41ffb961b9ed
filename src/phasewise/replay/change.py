"""Changes to recorded settings, as a user writes them: `control.target_grid_w=100`."""

import enum
import json
import math
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from phasewise.model import BatterySettings, Settings
from phasewise.replay.recording import ReplayError

_Holder = TypeVar("_Holder", bound=Struct)

_FIXED = ("id", "name", "capabilities")
"""What the recorded house is, not how it is set."""


class SettingChange(Struct, frozen=True):
    """One setting with another value."""

    path: tuple[str, ...]
    text: str
    """As written."""

    @property
    def value(self) -> object:
        """A number, true, false, null, or a list of these as in JSON; whatever else it is, text."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


def parse_change(text: str) -> SettingChange:
    """From `control.target_grid_w=100`. Raises ReplayError."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ReplayError(f"'{text}' is not a change: write it like control.target_grid_w=100.")
    return SettingChange(tuple(part.strip() for part in path.split(".")), value.strip())


def changed_settings(settings: Settings, changes: Iterable[SettingChange]) -> Settings:
    """The settings with these changes. Keys are those of the settings: `site`, `control`, `batteries.ID`.

    Raises ReplayError for a key that there is not, and a value that the key does not take.
    """
    for change in changes:
        settings = _with(settings, change, change.path)
    for battery in settings.batteries:
        _check(battery)
    return settings


def _with(holder: _Holder, change: SettingChange, rest: tuple[str, ...]) -> _Holder:
    name = rest[0]
    fields = {field.encode_name: field for field in msgspec.structs.fields(holder)}
    if name not in fields or name in _FIXED:
        raise _no_such_key(change, rest, (known for known in fields if known not in _FIXED))
    now = getattr(holder, name)
    if name == "batteries":
        return replace(holder, batteries=_with_battery(now, change, rest[1:]))
    if isinstance(now, Struct):
        if len(rest) == 1:
            raise _no_such_key(change, ("",), now.__struct_fields__)
        return replace(holder, **{name: _with(now, change, rest[1:])})
    if len(rest) > 1:
        raise _no_such_key(change, rest[1:], ())
    return replace(holder, **{name: _converted(change, fields[name].type)})


def _with_battery(
    batteries: tuple[BatterySettings, ...], change: SettingChange, rest: tuple[str, ...]
) -> tuple[BatterySettings, ...]:
    ids = [battery.id for battery in batteries]
    if len(rest) < 2 or rest[0] not in ids:
        raise _no_such_key(change, rest or ("",), ids)
    return tuple(_with(b, change, rest[1:]) if b.id == rest[0] else b for b in batteries)


def _no_such_key(change: SettingChange, rest: tuple[str, ...], known: Iterable[str]) -> ReplayError:
    there_are = ", ".join(known) or "nothing"
    return ReplayError(
        f"There is no setting '{'.'.join(change.path)}'. At '{rest[0]}' there can be: {there_are}."
    )


def _converted(change: SettingChange, kind: object) -> object:
    """The value as the setting's own type: text that looks like a number may be meant as text."""
    problem = ""
    for value in (change.value, change.text):
        try:
            converted = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            problem = problem or str(error)
            continue
        if isinstance(converted, float) and not math.isfinite(converted):
            problem = "not a finite number"
            continue
        return converted
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        problem = f"allowed are {', '.join(str(member.value) for member in kind)}"
    raise ReplayError(f"'{'.'.join(change.path)}' does not take '{change.text}': {problem}.")


def _check(battery: BatterySettings) -> None:
    can = battery.capabilities
    for name, most_w in (("max_charge_w", can.max_charge_w), ("max_discharge_w", can.max_discharge_w)):
        limit_w = getattr(battery, name)
        if not 0.0 <= limit_w <= most_w:
            raise ReplayError(f"batteries.{battery.id}.{name} is {limit_w:g}; allowed: 0 to {most_w:g}.")
    if not 0.0 <= battery.min_soc_pct < battery.max_soc_pct <= 100.0:
        low, high = battery.min_soc_pct, battery.max_soc_pct
        raise ReplayError(
            f"batteries.{battery.id}: min_soc_pct {low:g} and max_soc_pct {high:g} must lie between 0 and "
            "100, the first below the second."
        )
