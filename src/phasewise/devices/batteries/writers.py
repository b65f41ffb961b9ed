"""Command entities of a battery in Home Assistant: writing them, and noticing that somebody else does.

Home Assistant says of every change what caused it (its context). An entity that shows something that
Phasewise did not write was moved by somebody else when its context names a user or an automation, or when it
shows more than it was told, or another direction. One that falls back to stop, disable or 0 W by itself has
lost control: that is taken again, but not for ever.
"""

from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from phasewise.devices.base import Clock, DeviceError, DeviceRefused
from phasewise.devices.home_assistant import Entity
from phasewise.devices.quantities import in_our_unit

if TYPE_CHECKING:
    from phasewise.devices.home_assistant_link import HomeAssistant

QUIET_S = 300.0
"""Control is taken again when nobody has moved a command entity for so long."""
LAG_S = 30.0
"""Entities may be read from the device only every 15 s (the default of Home Assistant's Modbus), and show an
older command until then."""
LOSSES = 3
"""A device that lost control so often within `QUIET_S` is being stopped by something."""
REMEMBERED = 64
"""Contexts and values of our own writes: more than come within `LAG_S`."""


class Role(StrEnum):
    """What a command entity is for: the name of its option."""

    CONTROL_MODE = "control_mode"
    MODE = "mode"
    CHARGE_POWER = "charge_power"
    DISCHARGE_POWER = "discharge_power"
    WORK_MODE = "work_mode"


COMMANDS = (Role.CONTROL_MODE, Role.MODE, Role.CHARGE_POWER, Role.DISCHARGE_POWER)
POWERS = (Role.CHARGE_POWER, Role.DISCHARGE_POWER)
WORDS: Mapping[str, tuple[str, ...]] = {
    "enable": ("enable", "enabled", "on"),
    "disable": ("disable", "disabled", "off"),
    "stop": ("stop", "none", "standby", "idle"),
    "charge": ("charge", "charging"),
    "discharge": ("discharge", "discharging"),
}
"""How integrations call what we mean; the first is that of existing set-ups."""
NEUTRAL: Mapping[Role, str | float] = {
    Role.CONTROL_MODE: "disable",
    Role.MODE: "stop",
    Role.CHARGE_POWER: 0.0,
    Role.DISCHARGE_POWER: 0.0,
}
"""What a device falls back to by itself."""
ITSELF = "the device itself"


class Moved(Struct, frozen=True):
    """A command entity that somebody else moved."""

    entity_id: str
    state: str
    by: str
    quiet_since_s: float

    @property
    def text(self) -> str:
        """Which one, to what, and the rule by which it will be tried again."""
        return (
            f"{self.entity_id} was set to {self.state} by {self.by}, not by Phasewise: something else "
            "controls this battery. It is let alone until nobody has moved its entities for "
            f"{QUIET_S / 60:.0f} minutes"
        )

    def refusal(self, now_s: float) -> str:
        """The same, and when that is at the earliest."""
        left_s = max(QUIET_S - (now_s - self.quiet_since_s), 0.0)
        return f"{self.text}; next attempt in {left_s:.0f} s at the earliest"


class Writers:
    """The command entities of one battery, and who wrote them last."""

    def __init__(self, link: "HomeAssistant", ids: Mapping[Role, str], clock: Clock) -> None:
        self._link = link
        self._ids = dict(ids)
        self._clock = clock
        self._told: dict[Role, str | float] = {}
        """What is known to have arrived."""
        self._expected: dict[Role, str | float] = {}
        """What an entity shows if nobody else moves it; survives lost connections."""
        self._base: dict[Role, tuple[str, str | None]] = {}
        """State and context that an entity had before our last write to it."""
        self._written_s: dict[Role, float] = {}
        self._prompt: set[Role] = set()
        """Those that show a command as soon as it is carried out."""
        self._values: deque[tuple[float, Role, str | float]] = deque(maxlen=REMEMBERED)
        self._contexts: deque[str] = deque(maxlen=REMEMBERED)
        self._lost_s: deque[float] = deque(maxlen=LOSSES)
        self._signature: tuple[object, ...] = ()
        self._moved: Moved | None = None

    @property
    def moved(self) -> Moved | None:
        """What somebody else moved, until it has been quiet for long enough."""
        moved = self._moved
        if moved is None:
            return None
        now_s = self._clock.now_s()
        signature = self._sign()
        if signature != self._signature:
            self._signature = signature
            self._moved = Moved(moved.entity_id, moved.state, moved.by, now_s)
        elif now_s - moved.quiet_since_s >= QUIET_S:
            self._moved = None
        return self._moved

    def begin(self) -> None:
        """Control is taken now: from here on every move counts. DeviceError where an entity is missing."""
        for role in COMMANDS:
            if role in self._ids and self._entity(role) is None:
                name = self._ids[role]
                raise DeviceError(f"Home Assistant has no {name}; the option '{role}' names another")
        self._expected = {role: seen for role in COMMANDS if (seen := self.seen(role)) is not None}
        self._base = {role: self._content(role) for role in COMMANDS}
        self._lost_s.clear()

    def forget(self) -> None:
        """Take nothing for granted: everything is written again."""
        self._told.clear()

    def expected(self, role: Role) -> str | float | None:
        """What it shows if nobody else moves it; None while nobody knows."""
        return self._expected.get(role)

    def seen(self, role: Role) -> str | float | None:
        """What an entity shows, in our words or W; None where it says nothing."""
        entity = self._entity(role)
        if entity is None or not entity.known:
            return None
        if role in POWERS:
            try:
                return in_our_unit(entity.state, entity.attributes.get("unit_of_measurement"), "w")
            except ValueError:
                return None
        if role is Role.WORK_MODE:
            return entity.state
        return next((ours for ours, names in WORDS.items() if entity.state.lower() in names), entity.state)

    def shown(self, role: Role) -> str | float | None:
        """The same, but None while it may not have been read from the device since our last write."""
        written_s = self._written_s.get(role, float("-inf"))
        entity = self._entity(role)
        if entity is None:
            return None
        arrived = role in self._prompt or self._content(role) != self._base.get(role)
        return self.seen(role) if arrived or self._clock.now_s() - written_s > LAG_S else None

    def age_s(self, role: Role) -> float:
        """Time since it was last written; 0 where there is no such entity."""
        if role not in self._ids:
            return 0.0
        return self._clock.now_s() - self._written_s.get(role, float("-inf"))

    def lost_control(self) -> bool:
        """Whether the device has let go, or may have: all is to be written again."""
        if Role.CONTROL_MODE not in self._ids:
            return False
        return Role.CONTROL_MODE not in self._told or self.shown(Role.CONTROL_MODE) not in {None, "enable"}

    async def write(self, role: Role, value: str | float, *, again: bool = False) -> None:
        """Unless the device has it already and shows it. Raises DeviceError."""
        entity = self._entity(role)
        if entity is None:
            return
        if not again and self._told.get(role) == value == self.seen(role):
            return
        now_s = self._clock.now_s()
        self._told.pop(role, None)
        self._expected[role] = value
        self._values.append((now_s, role, value))
        self._base[role] = self._content(role)
        action, data = _action(entity, value)
        context_id = await self._link.act(action, entity.id, **data)
        if context_id is not None:
            self._contexts.append(context_id)
        self._told[role] = value
        self._written_s[role] = self._clock.now_s()
        if self._base[role] != self._content(role) and self.seen(role) == value:
            self._prompt.add(role)

    def look(self) -> Moved | None:
        """Compare what the entities show with what they were told. Not while a write is under way."""
        fell_back: Role | None = None
        for role in COMMANDS:
            by = self._mover(role)
            if by == ITSELF:
                fell_back = fell_back or role
            elif by is not None:
                self._note_move(role, by)
                return self._moved
        if fell_back is not None:
            self._note_loss(fell_back)
        return self.moved

    def _mover(self, role: Role) -> str | None:
        """Who moved it, in words; None when nobody did, or nobody can tell."""
        seen, expected = self.seen(role), self._expected.get(role)
        entity = self._entity(role)
        if entity is None or seen is None or expected is None or seen == expected:
            return None
        content = self._content(role)
        if content == self._base.get(role) or content[1] in self._contexts or self._was_ours(role, seen):
            return None
        self._base[role] = content
        if entity.context.get("parent_id"):
            return "an automation or a script"
        if entity.context.get("user_id"):
            return "somebody or something that uses Home Assistant"
        if seen == NEUTRAL[role]:
            return ITSELF
        if role in POWERS and _allowed(float(seen), float(expected), entity):
            return None
        return "something outside Home Assistant"

    def _note_move(self, role: Role, by: str) -> None:
        entity = self._entity(role)
        self._signature = self._sign()
        state = "nothing" if entity is None else entity.state
        self._moved = Moved(self._ids[role], state, by, self._clock.now_s())

    def _note_loss(self, role: Role) -> None:
        """The device let go: everything is written again, but not for ever."""
        now_s = self._clock.now_s()
        self._lost_s.append(now_s)
        self.forget()
        if len(self._lost_s) == LOSSES and now_s - self._lost_s[0] < QUIET_S:
            self._lost_s.clear()
            self._note_move(role, f"something outside Home Assistant, {LOSSES} times")

    def _was_ours(self, role: Role, seen: str | float) -> bool:
        since_s = self._clock.now_s() - LAG_S
        return any(at_s >= since_s and (of, value) == (role, seen) for at_s, of, value in self._values)

    def _entity(self, role: Role) -> Entity | None:
        return self._link.entities.get(self._ids[role]) if role in self._ids else None

    def _content(self, role: Role) -> tuple[str, str | None]:
        entity = self._entity(role)
        return ("", None) if entity is None else (entity.state, entity.context.get("id"))

    def _sign(self) -> tuple[object, ...]:
        return tuple(self._content(role) for role in COMMANDS)


def _allowed(seen_w: float, expected_w: float, entity: Entity) -> bool:
    """A device may round a power, or hold it below a limit of its own."""
    step = entity.attributes.get("step", 1.0)
    return 0.0 <= seen_w <= expected_w + (float(step) if isinstance(step, int | float) else 1.0)


def _action(entity: Entity, value: str | float) -> tuple[str, dict[str, object]]:
    """The action that gives an entity this value. Raises DeviceRefused where it has no such option."""
    domain = entity.id.partition(".")[0]
    if isinstance(value, float):
        scale = in_our_unit("1", entity.attributes.get("unit_of_measurement"), "w")
        return f"{domain}.set_value", {"value": value / scale}
    if domain in {"switch", "input_boolean"}:
        return f"{domain}.turn_{'on' if value == 'enable' else 'off'}", {}
    options = [str(option) for option in entity.attributes.get("options", ())]
    if value in options:
        return f"{domain}.select_option", {"option": value}
    option = next((option for option in options if option.lower() in WORDS.get(value, ())), None)
    if option is None:
        raise DeviceRefused(f"{entity.id} has no option like '{value}', only {', '.join(options) or 'none'}")
    return f"{domain}.select_option", {"option": option}
