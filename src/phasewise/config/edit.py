"""Changes one value in the text of a configuration file and leaves every other character as it is."""

import copy
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from phasewise.config.errors import EditError, KeyPath
from phasewise.config.rewrite import read, rewrite
from phasewise.config.splice import refuse
from phasewise.config.written import Value
from phasewise.model import Assignment, Override


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
    batteries = read(text)[1].get("batteries")
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

    Raises EditError as `rewrite` does.
    """
    return rewrite(text, _with(read(text)[1], path, value))


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
            raise refuse(path, "there is no such place in the file") from error
    if not isinstance(here, dict) or not isinstance(path[-1], str):
        raise refuse(path, "the value around it is not a mapping")
    here[path[-1]] = value
    return changed
