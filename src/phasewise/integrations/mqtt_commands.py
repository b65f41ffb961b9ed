"""What may be asked of Phasewise over MQTT: the same as over the API, through the same functions.

strategy/set                  the name of a strategy
target/set                    grid power to hold, in W
battery/ID/phase/set          L1, L2, L3, three-phase, Unassigned
battery/ID/override/set       auto, out-of-service
input/NAME/set                ON, OFF; NAME as in a URL
"""

import math
from urllib.parse import unquote

import structlog

from phasewise.config import Change
from phasewise.engine.controls import ControlError, Controls
from phasewise.integrations.mqtt_discovery import OVERRIDES, UNASSIGNED
from phasewise.model import Assignment

PATTERNS = ("strategy/set", "target/set", "battery/+/phase/set", "battery/+/override/set", "input/+/set")
"""The topics below that of Phasewise, as subscriptions."""
LONGEST = 200
"""Bytes; a longer one is no name of anything."""

log = structlog.get_logger("phasewise.mqtt")


class RefusedError(Exception):
    """A command that makes no sense. The text says why, and what is allowed."""


async def carry_out(controls: Controls, command: str, payload: bytes, *, retained: bool) -> str | None:
    """Do it; None, or where to show how things really are: the topic of the state that was to change.

    `command`: the topic below that of Phasewise. A command that was retained may be years old: refused.
    """
    try:
        if retained:
            raise RefusedError("it is a retained message, which may be old: publish it without 'retain'")
        await _carry_out(controls, command.split("/"), _text(payload))
    except (RefusedError, ControlError) as error:
        shown = payload[:LONGEST].decode("utf-8", "replace")
        log.warning("command refused", topic=command, payload=shown, why=str(error))
        return _shown_in(command)
    log.info("command carried out", topic=command, payload=_text(payload))
    return None


async def _carry_out(controls: Controls, parts: list[str], text: str) -> None:
    match parts:
        case ["strategy", "set"]:
            await controls.select_strategy(text)
        case ["target", "set"]:
            await _hold(controls, text)
        case ["battery", battery_id, "phase", "set"]:
            await controls.set_phase(battery_id, _assignment(text))
        case ["battery", battery_id, "override", "set"]:
            if text not in OVERRIDES:
                raise RefusedError(f"allowed: {', '.join(OVERRIDES)}")
            await controls.set_override(battery_id, text == "auto")
        case ["input", name, "set"]:
            if text not in {"ON", "OFF"}:
                raise RefusedError("allowed: ON, OFF")
            controls.set_input(unquote(name), on=text == "ON", expires_s=None)
        case _:
            raise RefusedError("there is no such command")


async def _hold(controls: Controls, text: str) -> None:
    """The grid at a power."""
    try:
        target_w = float(text)
    except ValueError as error:
        raise RefusedError("allowed: a number, in W") from error
    if not math.isfinite(target_w):
        raise RefusedError("allowed: a finite number, in W")
    change = Change(("control", "target_grid_w"), target_w)
    await controls.change_settings((change,), revision=None, dry_run=False)


def _assignment(text: str) -> Assignment:
    if text in {UNASSIGNED, ""}:
        return Assignment.UNASSIGNED
    try:
        return Assignment(text)
    except ValueError as error:
        allowed = ", ".join([UNASSIGNED, *(each.value for each in Assignment)])
        raise RefusedError(f"allowed: {allowed}") from error


def _text(payload: bytes) -> str:
    if len(payload) > LONGEST:
        raise RefusedError(f"it has more than {LONGEST} bytes")
    try:
        return payload.decode("utf-8")
    except ValueError as error:
        raise RefusedError("it is not UTF-8 text") from error


def _shown_in(command: str) -> str:
    """`battery/m1/phase/set` is about `battery/m1`."""
    match command.split("/"):
        case ["battery", battery_id, *_]:
            return f"battery/{battery_id}"
        case ["input", *_]:
            return "inputs"
    return "control"
