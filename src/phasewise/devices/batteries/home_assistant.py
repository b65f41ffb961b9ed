"""Batteries that are known to Home Assistant, by the entities that the Node-RED flows for Marstek use.

Whoever moves a command entity without being Phasewise is let alone: see `writers.py` and
docs/devices/home-assistant.md.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field

from phasewise.devices.base import (
    Clock,
    DeviceBadData,
    DeviceError,
    DeviceRefused,
    DeviceUnreachable,
    DriverOptions,
)
from phasewise.devices.batteries.writers import Role, Writers
from phasewise.devices.home_assistant import (
    NAME,
    REPLY_S,
    Entity,
    HomeAssistantOptions,
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
ABSURD_W = 50_000.0
NO_ENTITY = "none"
NOT_CONTROLLABLE = ("backup", "fault", "update", "upgrade", "bypass")
"""Parts of the states in which a unit takes no setpoint."""
PHASES = ("L1", "L2", "L3")

_Name = Annotated[str | None, Field(pattern=f"{NAME}|^{NO_ENTITY}$", json_schema_extra={"x-advanced": True})]


class Positive(StrEnum):
    """What a positive power means."""

    DISCHARGING = "discharging"
    CHARGING = "charging"


class HomeAssistantBatteryOptions(HomeAssistantOptions):
    """Settings of a battery that is controlled by entities of Home Assistant."""

    prefix: str = Field(default="marstek_m1", pattern="^[a-z0-9_]+$")
    """Beginning of the names of its entities: marstek_m1 for sensor.marstek_m1_ac_power and so on."""
    rated_w: float = Field(default=2500.0, gt=0, le=ABSURD_W, allow_inf_nan=False)
    """What this battery can charge and discharge at most."""
    ac_power_positive: Positive = Field(default=Positive.DISCHARGING, json_schema_extra={"x-advanced": True})
    """What a positive value of its AC power means; of a Marstek discharging."""
    stale_s: float = Field(
        default=120.0, ge=0, le=3600, allow_inf_nan=False, json_schema_extra={"x-advanced": True}
    )
    """The battery counts as out of reach when none of its values was reported for so long. 0 for never: where
    Home Assistant gets a value only when it changes."""
    ac_power: _Name = None
    """Left out: sensor.PREFIX_ac_power. So with the following, where entities have other names."""
    soc: _Name = None
    """Left out: sensor.PREFIX_battery_state_of_charge."""
    battery_power: _Name = None
    """Power of the cells, charging positive. Left out: sensor.PREFIX_battery_power."""
    state: _Name = None
    """Left out: sensor.PREFIX_inverter_state."""
    temperature: _Name = None
    """Left out: sensor.PREFIX_internal_temperature."""
    capacity: _Name = None
    """Left out: sensor.PREFIX_battery_total_energy."""
    energy_charged: _Name = None
    """Left out: sensor.PREFIX_lifetime_charging_energy."""
    energy_discharged: _Name = None
    """Left out: sensor.PREFIX_lifetime_discharging_energy."""
    phase_select: _Name = None
    """Where its phase was chosen. It is only compared. Left out: input_select.PREFIX_phase."""
    control_mode: _Name = None
    """Takes control: a select (enable, disable) or a switch; `none` where none is needed. Left out:
    select.PREFIX_rs485_control_mode."""
    mode: _Name = None
    """Direction: a select (stop, charge, discharge). Left out: select.PREFIX_forcible_charge_discharge."""
    charge_power: _Name = None
    """Left out: number.PREFIX_forcible_charge_power."""
    discharge_power: _Name = None
    """Left out: number.PREFIX_forcible_discharge_power."""
    work_mode: _Name = None
    """What it does by itself; put back at the end as it was found. Left out: select.PREFIX_user_work_mode."""


_USUAL = {
    "ac_power": "sensor.{}_ac_power",
    "soc": "sensor.{}_battery_state_of_charge",
    "battery_power": "sensor.{}_battery_power",
    "state": "sensor.{}_inverter_state",
    "temperature": "sensor.{}_internal_temperature",
    "capacity": "sensor.{}_battery_total_energy",
    "energy_charged": "sensor.{}_lifetime_charging_energy",
    "energy_discharged": "sensor.{}_lifetime_discharging_energy",
    "phase_select": "input_select.{}_phase",
    "control_mode": "select.{}_rs485_control_mode",
    "mode": "select.{}_forcible_charge_discharge",
    "charge_power": "number.{}_forcible_charge_power",
    "discharge_power": "number.{}_forcible_discharge_power",
    "work_mode": "select.{}_user_work_mode",
}
"""The names that existing set-ups have, by the option for others."""


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
        self._ids = _ids(options)
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
        first: DeviceError | None = None
        self._writers.forget()
        self._applied += 1
        self._applying += 1
        steps: list[tuple[Role, str | float]] = [
            (Role.CHARGE_POWER, 0.0),
            (Role.DISCHARGE_POWER, 0.0),
            (Role.MODE, "stop"),
            (Role.CONTROL_MODE, "disable"),
        ]
        if self._found_work_mode is not None:
            steps.append((Role.WORK_MODE, self._found_work_mode))
        try:
            async with deadline(CALL_S, "releasing the battery"):
                await self._connect()
                for role, value in steps:
                    try:
                        if role is not Role.WORK_MODE or self._writers.seen(role) != value:
                            await self._writers.write(role, value)
                    except DeviceRefused as error:
                        first = first or error
        finally:
            self._applying -= 1
        if first is not None:
            raise first
        self._in_control = False

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
        ids = {name: self._ids[name] for name in ("ac_power", "soc", "battery_power", "state")}
        if self._silent_s(ids["ac_power"]) > stale_s:
            await self._link.freshen(ASK_S, set(ids.values()))
            silent_s = min(self._silent_s(entity_id) for entity_id in ids.values())
            if silent_s > stale_s and ids["ac_power"] in self._link.entities:
                raise DeviceUnreachable(
                    f"{ids['ac_power']} was not reported for more than {stale_s:g} s, though Home Assistant "
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
        moved = self._writers.moved
        ac_w = self._needed("ac_power", "w")
        soc_pct = self._needed("soc", "pct")
        if abs(ac_w) > ABSURD_W or not 0.0 <= soc_pct <= 100.0:
            raise DeviceBadData(f"{ac_w:g} W at {soc_pct:g} % cannot be true ({self._ids['ac_power']})")
        state = self._text("state")
        told_phase = self._text("phase_select")
        taken = state is not None and any(word in state.lower() for word in NOT_CONTROLLABLE)
        return BatteryReading(
            time_s=now_s
            if not self._options.stale_s
            else now_s - max(self._silent_s(self._ids["ac_power"]), 0.0),
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
        entity = self._link.entities.get(self._ids[name])
        return _number(entity, unit) if entity is not None and entity.known else None

    def _text(self, name: str) -> str | None:
        entity = self._link.entities.get(self._ids[name])
        return entity.state if entity is not None and entity.known else None


def _ids(options: HomeAssistantBatteryOptions) -> dict[str, str]:
    """Entity by option; without those that the user says there are none of."""
    given = {name: getattr(options, name) or usual.format(options.prefix) for name, usual in _USUAL.items()}
    return {name: entity_id for name, entity_id in given.items() if entity_id != NO_ENTITY}


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
