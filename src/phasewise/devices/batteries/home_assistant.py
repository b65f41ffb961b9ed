"""Batteries that are known to Home Assistant, by the entities that the Node-RED flows for Marstek use.

Whoever moves a command entity without being Phasewise is let alone: see `writers.py` and
docs/devices/home-assistant.md.
"""

from typing import ClassVar, Self

from phasewise.devices.base import (
    Clock,
    DeviceBadData,
    DeviceError,
    DeviceRefused,
    DeviceUnreachable,
    DriverOptions,
)
from phasewise.devices.batteries.home_assistant_names import (
    MAX_W,
    NO_ENTITY,
    HomeAssistantBatteryOptions,
    Positive,
    entities_of,
)
from phasewise.devices.batteries.writers import Role, Writers
from phasewise.devices.home_assistant import (
    REPLY_S,
    Entity,
    deadline,
)
from phasewise.devices.quantities import in_our_unit
from phasewise.model import BatteryReading, Capabilities

CALL_S = 9.0
"""A call ends within 10 s, whatever happens."""
REFRESH_S = 10.0
"""The control mode is selected again when it was so long ago and the keep-alive comes: a Marstek lets go of
control after 90 s at the earliest."""
KEEP_ALIVE_S = 20.0
WATCHDOG_S = 120.0
ASK_S = 5.0
"""A power of which nothing was heard for so long is asked for: it may have been confirmed since."""
NOT_CONTROLLABLE = ("backup", "fault", "update", "upgrade", "bypass")
"""Parts of the states in which a unit takes no setpoint."""
PHASES = ("L1", "L2", "L3")


class HomeAssistantBattery:
    """A `BatteryDriver`."""

    options_model: ClassVar[type[DriverOptions]] = HomeAssistantBatteryOptions

    def __init__(
        self, options: HomeAssistantBatteryOptions, clock: Clock, *, reply_s: float = REPLY_S
    ) -> None:
        """`reply_s` instead of the usual is for tests."""
        self.capabilities = self.capabilities_of(options)
        self._options = options
        self._clock = clock
        self._ids = entities_of(options)
        from phasewise.devices.home_assistant_link import (  # noqa: PLC0415 - only where it is used
            HomeAssistant,
        )

        self._link = HomeAssistant(options, set(self._ids.values()), clock, reply_s=reply_s)
        self._connection = 0
        """Which one of the link's the writers know."""
        self._writers = Writers(
            self._link, {role: self._ids[role] for role in Role if role in self._ids}, clock
        )
        self._in_control = False
        self._found_work_mode: str | None = None
        self._worked_in = "stop"
        """The direction in which it last had a power."""
        self._applying = 0
        self._applied = 0
        """How often `apply` has begun: tells a reading that one came in between."""

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        return cls(_own(options), clock)

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """As the user says; without a control mode nobody knows whether the device has a watchdog."""
        own = _own(options)
        watched = own.control_mode != NO_ENTITY
        return Capabilities(
            max_charge_w=own.rated_w,
            max_discharge_w=own.rated_w,
            keep_alive_s=KEEP_ALIVE_S if watched else None,
            watchdog_s=WATCHDOG_S if watched else None,
        )

    async def read(self) -> BatteryReading:
        """What its entities say now: a round trip makes sure that nothing is under way."""
        applied, applying = self._applied, self._applying
        async with deadline(CALL_S, "reading the battery"):
            await self._connect()
            await self._link.ping()
            await self._link.freshen(ASK_S, {self._ids["ac_power"]})
            await self._refuse_stale()
        undisturbed = not applying and applied == self._applied
        if undisturbed and self._in_control and self._writers.look():
            self._in_control = False
        return self._reading(self._readback() if undisturbed else None)

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Make it run at this AC power; see `BatteryDriver`. DeviceRefused while another controls it."""
        limit = self.capabilities
        mode, power_w = _command(min(max(setpoint_w, -limit.max_discharge_w), limit.max_charge_w))
        if mode != "stop":
            self._worked_in = mode
        elif ready:
            mode = self._worked_in
        self._applied += 1
        self._applying += 1
        try:
            async with deadline(CALL_S, f"applying {setpoint_w:.0f} W"):
                await self._tell(mode, power_w, rewrite=rewrite)
        finally:
            self._applying -= 1

    async def release(self) -> None:
        """0 W, control off, the work mode as found; every step is tried, the first error raised.

        A battery that something else controls is not touched.
        """
        if not self._in_control:
            return
        self._applied += 1
        self._applying += 1
        try:
            async with deadline(CALL_S, "releasing the battery"):
                await self._connect()
                await self._link.ping()
                if self._writers.look() is None:
                    await self._give_back()
        finally:
            self._applying -= 1
        self._in_control = False
        self._found_work_mode = None

    async def _give_back(self) -> None:
        """Slow lines carry an action a second: what matters most comes first."""
        writers, first = self._writers, None
        now, other = Role.CHARGE_POWER, Role.DISCHARGE_POWER
        if self._worked_in == "discharge":
            now, other = other, now
        steps: list[tuple[Role, str | float]] = [(now, 0.0), (Role.MODE, "stop")]
        if writers.expected(other):
            steps.append((other, 0.0))
        steps.append((Role.CONTROL_MODE, "disable"))
        if self._found_work_mode not in {None, writers.seen(Role.WORK_MODE)}:
            steps.append((Role.WORK_MODE, str(self._found_work_mode)))
        writers.forget()
        for role, value in steps:
            try:
                await writers.write(role, value)
            except DeviceRefused as error:
                first = first or error
        if first is not None:
            raise first

    async def close(self) -> None:
        """Give up the connection, without writing. Idempotent."""
        await self._link.close()

    async def _connect(self) -> None:
        await self._link.open()
        if self._connection != self._link.opened:
            # A write may have been lost on the way.
            self._connection = self._link.opened
            self._writers.forget()

    async def _tell(self, mode: str, power_w: float, *, rewrite: bool) -> None:
        await self._connect()
        await self._link.ping()
        writers = self._writers
        moved = writers.look() if self._in_control else writers.moved
        if moved is not None:
            self._in_control = False
            raise DeviceRefused(moved.refusal(self._clock.now_s()))
        if not self._in_control:
            self._take_control()
        if rewrite or writers.lost_control():
            # A device that lost control may have lost all else: nothing is taken for granted.
            writers.forget()
        await writers.write(Role.CONTROL_MODE, "enable")
        # Power before mode: a change of direction must never run at the other direction's old power.
        if mode != "stop":
            await writers.write(Role.CHARGE_POWER if mode == "charge" else Role.DISCHARGE_POWER, power_w)
        await writers.write(Role.MODE, mode)
        if writers.age_s(Role.CONTROL_MODE) >= REFRESH_S:
            await writers.write(Role.CONTROL_MODE, "enable", again=True)

    def _take_control(self) -> None:
        """Before the first write: note what will be put back at the end."""
        self._writers.begin()
        if self._found_work_mode is None:
            seen = self._writers.seen(Role.WORK_MODE)
            self._found_work_mode = seen if isinstance(seen, str) else None
        self._in_control = True

    async def _refuse_stale(self) -> None:
        """Raises DeviceUnreachable when nothing of the battery was reported for too long."""
        stale_s = self._options.stale_s
        if not stale_s:
            return
        power = self._ids["ac_power"]
        if power in self._link.entities and self._silent_s(power) > stale_s:
            ids = [
                self._ids[name] for name in ("ac_power", "soc", "battery_power", "state") if name in self._ids
            ]
            await self._link.freshen(ASK_S, ids)
            if min(self._silent_s(entity_id) for entity_id in ids) > stale_s:
                raise DeviceUnreachable(
                    f"{power} was not reported for more than {stale_s:g} s, though Home Assistant "
                    "answers; where values come only when they change, set stale_s to 0"
                )

    def _silent_s(self, entity_id: str) -> float:
        entity = self._link.entities.get(entity_id)
        return float("inf") if entity is None else self._clock.now_s() - entity.reported_s

    def _readback(self) -> float | None:
        """The setpoint that its entities show, charging positive; None while they need not show it yet."""
        if not self._in_control:
            return None
        seen = self._writers.shown
        if Role.CONTROL_MODE in self._ids and (control := seen(Role.CONTROL_MODE)) != "enable":
            return None if control is None else 0.0
        mode = seen(Role.MODE)
        if mode not in {"charge", "discharge"}:
            return None if mode is None else 0.0
        power_w = seen(Role.CHARGE_POWER if mode == "charge" else Role.DISCHARGE_POWER)
        if not isinstance(power_w, float):
            return None
        return power_w if mode == "charge" else -power_w

    def _reading(self, readback_w: float | None) -> BatteryReading:
        now_s = self._clock.now_s()
        old_s = max(self._silent_s(self._ids["ac_power"]), 0.0) if self._options.stale_s else 0.0
        moved = self._writers.moved
        ac_w = self._needed("ac_power", "w")
        soc_pct = self._needed("soc", "pct")
        if abs(ac_w) > MAX_W or not 0.0 <= soc_pct <= 100.0:
            raise DeviceBadData(f"{ac_w:g} W at {soc_pct:g} % cannot be true ({self._ids['ac_power']})")
        state = self._text("state")
        told_phase = self._text("phase_select")
        taken = state is not None and any(word in state.lower() for word in NOT_CONTROLLABLE)
        return BatteryReading(
            time_s=now_s - old_s,
            ac_power_w=-ac_w if self._options.ac_power_positive is Positive.DISCHARGING else ac_w,
            soc_pct=soc_pct,
            battery_power_w=self._value("battery_power", "w"),
            controllable=not taken and moved is None,
            state=state if moved is None else moved.text,
            readback_w=readback_w,
            temperature_c=self._value("temperature", "c"),
            capacity_wh=self._value("capacity", "wh"),
            energy_charged_wh=self._value("energy_charged", "wh"),
            energy_discharged_wh=self._value("energy_discharged", "wh"),
            told_phase=told_phase if told_phase in PHASES else None,
        )

    def _needed(self, name: str, unit: str) -> float:
        entity = self._link.entities.get(self._ids[name])
        if entity is None:
            raise DeviceError(f"Home Assistant has no {self._ids[name]}; the option '{name}' names another")
        if not entity.known:
            raise DeviceUnreachable(
                f"{entity.id} is {entity.state or 'empty'}: Home Assistant has lost the battery"
            )
        return _number(entity, unit)

    def _value(self, name: str, unit: str) -> float | None:
        entity = self._link.entities.get(self._ids.get(name, NO_ENTITY))
        return _number(entity, unit) if entity is not None and entity.known else None

    def _text(self, name: str) -> str | None:
        entity = self._link.entities.get(self._ids.get(name, NO_ENTITY))
        return entity.state if entity is not None and entity.known else None


def _number(entity: Entity, unit: str) -> float:
    try:
        return in_our_unit(entity.state, entity.attributes.get("unit_of_measurement"), unit)
    except ValueError as error:
        raise DeviceBadData(f"{entity.id} {error}") from error


def _command(power_w: float) -> tuple[str, float]:
    """Direction and power of a setpoint, charging positive."""
    watts = round(power_w)
    if watts == 0:
        return "stop", 0.0
    return ("charge", float(watts)) if watts > 0 else ("discharge", float(-watts))


def _own(options: DriverOptions) -> HomeAssistantBatteryOptions:
    if not isinstance(options, HomeAssistantBatteryOptions):
        raise TypeError(f"HomeAssistantBattery needs its own options, not {type(options).__name__}")
    return options
