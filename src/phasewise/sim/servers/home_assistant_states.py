"""What a simulated Home Assistant knows of its entities, and the messages in which it says so."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct


class Context(Struct, frozen=True):
    """What caused a change."""

    id: str
    user_id: str | None = None
    parent_id: str | None = None


class State(Struct, frozen=True):
    """One entity."""

    state: str
    attributes: dict[str, Any]
    context: Context
    changed_utc_s: float
    updated_utc_s: float
    reported_utc_s: float


def of_context(context: Context) -> dict[str, str | None]:
    """A context as a message tells it."""
    return {"id": context.id, "parent_id": context.parent_id, "user_id": context.user_id}


def _short(context: Context) -> str | dict[str, str | None]:
    plain = context.user_id is None and context.parent_id is None
    return context.id if plain else of_context(context)


def whole(state: State) -> dict[str, Any]:
    """An entity as a subscriber first hears of it."""
    said = {
        "s": state.state,
        "a": state.attributes,
        "c": _short(state.context),
        "lc": state.changed_utc_s,
    }
    if state.updated_utc_s != state.changed_utc_s:
        said["lu"] = state.updated_utc_s
    return said


def diff(before: State, after: State) -> dict[str, Any]:
    """What changed: `+` is new, `-` is gone."""
    new: dict[str, Any] = {}
    if after.state != before.state:
        new["s"] = after.state
    if after.changed_utc_s != before.changed_utc_s:
        new["lc"] = after.changed_utc_s
    else:
        new["lu"] = after.updated_utc_s
    was, now = of_context(before.context), of_context(after.context)
    of_user = {key: now[key] for key in ("parent_id", "user_id") if now[key] != was[key]}
    if now["id"] != was["id"]:
        new["c"] = {**of_user, "id": now["id"]} if of_user else now["id"]
    attributes = {
        key: value
        for key, value in after.attributes.items()
        if key not in before.attributes or before.attributes[key] != value
    }
    if attributes:
        new["a"] = attributes
    gone = [key for key in before.attributes if key not in after.attributes]
    return {"+": new, "-": {"a": gone}} if gone else {"+": new}


def full(entity_id: str, state: State) -> dict[str, Any]:
    """An entity in the answer to `get_states`."""

    def iso(utc_s: float) -> str:
        return datetime.fromtimestamp(utc_s, UTC).isoformat()

    return {
        "entity_id": entity_id,
        "state": state.state,
        "attributes": state.attributes,
        "last_changed": iso(state.changed_utc_s),
        "last_reported": iso(state.reported_utc_s),
        "last_updated": iso(state.updated_utc_s),
        "context": of_context(state.context),
    }


def success(number: int, result: object) -> dict[str, Any]:
    """The answer to a message of that number."""
    return {"id": number, "type": "result", "success": True, "result": result}


def failure(number: int, code: str, message: str) -> dict[str, Any]:
    """The same where it could not be done."""
    return {"id": number, "type": "result", "success": False, "error": {"code": code, "message": message}}
