"""What the user changed, as events: from the settings before to those now. Never a value that is secret."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from phasewise.model import BatterySettings, Override, Settings
from phasewise.model.event import MORE, Event, OverrideEnded, OverrideSet, PhaseAssigned, SettingsChanged

TOLD_KEYS = 8
"""More changed keys than a person reads are only counted."""
_DEPTH = 3
"""As in `control.phase_protection.margin_a`: what lies deeper belongs to its key."""


def settings_events(before: Settings, now: Settings) -> Iterator[Event]:
    """Everything but the selected strategy and overrides, which show in other ways too."""
    if now is before:
        return
    known = {battery.id: battery for battery in before.batteries}
    for battery in now.batteries:
        was = known.get(battery.id)
        if was is not None and was.phase is not battery.phase:
            yield PhaseAssigned(
                phase=phase_name(battery),
                batteries=(battery.id,),
                battery=battery.name,
                now=battery.phase.value,
                before=was.phase.value,
            )
    keys = sorted(_different(_told(before), _told(now)))
    if keys:
        more = (MORE,) if len(keys) > TOLD_KEYS else ()
        yield SettingsChanged(keys=(*keys[:TOLD_KEYS], *more))


def phase_name(battery: BatterySettings) -> str | None:
    """The one phase that it is on, as an event has it."""
    return None if battery.phase.phase is None else battery.phase.phase.value


def override_event(
    battery: BatterySettings, before: Override | None, now: Override | None, utc_s: float, zone: str
) -> Event | None:
    """What became of the user's decision for a battery; None where nothing did.

    Both as `effective` gives them.
    """
    if now == before:
        return None
    if now is None:
        return OverrideEnded(phase=phase_name(battery), batteries=(battery.id,), battery=battery.name)
    until_s = now.hold_until_utc_s
    return OverrideSet(
        phase=phase_name(battery),
        batteries=(battery.id,),
        battery=battery.name,
        power_w=None if now.out_of_service else now.hold_power_w,
        until=None if until_s is None or now.out_of_service else local_time(until_s, utc_s, zone),
    )


def effective(override: Override, utc_s: float) -> Override | None:
    """The user's decision as it counts now; None for none, or one that has ended."""
    if override.out_of_service:
        return Override(out_of_service=True)
    return None if override.held_w(utc_s) is None else override


def local_time(at_utc_s: float, now_utc_s: float, zone: str) -> str:
    """As a person reads it: 18:00, with the date where that is another day."""
    local = ZoneInfo(zone)
    at, now = (datetime.fromtimestamp(s, UTC).astimezone(local) for s in (at_utc_s, now_utc_s))
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def _told(settings: Settings) -> dict[str, Any]:
    """As plain values, batteries by id; without what has events of its own."""
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    plain["control"].pop("strategy")
    batteries = {}
    for battery in plain["batteries"]:
        batteries[battery["id"]] = {k: v for k, v in battery.items() if k not in {"phase", "override"}}
    return plain | {"batteries": batteries}


def _different(before: Mapping[str, Any], now: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """The keys whose values differ, as in the configuration."""
    for key in before.keys() | now.keys():
        one, other = before.get(key), now.get(key)
        if one == other:
            continue
        if depth < _DEPTH and isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from (f"{key}.{inner}" for inner in _different(one, other, depth + 1))
        else:
            yield key
