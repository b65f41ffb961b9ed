"""Marstek Venus batteries by Modbus: E v1/v2 through an RS485 bridge, E v3, A and D by Ethernet.

The device counts discharging as positive; it is turned round in the table of `marstek_models` and here in
`_command` and `_readback`, and nowhere else. The facts, and what is not known: docs/devices/marstek.md.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import field_validator

from phasewise.devices.base import Clock, DeviceError, DriverOptions
from phasewise.devices.batteries.marstek_models import (
    CHARGE_W,
    CONTROL,
    CONTROL_OFF,
    CONTROL_ON,
    DISCHARGE_W,
    HELD,
    MODE,
    MODE_CHARGE,
    MODE_DISCHARGE,
    MODE_NONE,
    MODELS,
    NOT_CONTROLLABLE,
    PV_INPUTS,
    REQUIRED,
    SLOW,
    STATES,
    WORK_MODE,
    MarstekModel,
)
from phasewise.devices.batteries.registers import Chooser
from phasewise.devices.modbus import LineTiming, ModbusLink, parse_url
from phasewise.model import BatteryReading, Capabilities

REFRESH_S = 10.0
"""The control enable must be refreshed about every 30 s. A battery is applied to at least every 20 s
(`keep_alive_s`), and then an enable older than this is refreshed: so it never gets older than 30 s."""
EXPIRED_S = 60.0
"""An enable this old may soon be gone (after 90 s at the earliest): everything is written again."""


class MarstekOptions(DriverOptions):
    """Settings of a Marstek battery."""

    url: str
    """modbus-tcp://HOST:502?unit=1, modbus-rtu-tcp://HOST:PORT?unit=1 for a transparent RS485 bridge,
    modbus-rtu:///dev/ttyUSB0?baudrate=115200&unit=1 for a cable."""
    model: MarstekModel
    """Which Marstek it is; what it can do depends on it."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        parse_url(url)
        return url


class MarstekBattery:
    """A `BatteryDriver`."""

    options_model: ClassVar[type[DriverOptions]] = MarstekOptions

    def __init__(self, options: MarstekOptions, clock: Clock, *, timing: LineTiming | None = None) -> None:
        """`timing` instead of what the model asks for is for tests."""
        spec = MODELS[options.model]
        self.capabilities = spec.capabilities
        self._clock = clock
        self._link = ModbusLink(parse_url(options.url), timing or spec.timing)
        self._connection = 0
        """Which one of the link's `_held` is about."""
        self._every_time = [Chooser(choice, REQUIRED) for choice in spec.registers.every_time]
        self._by_turns = [[Chooser(choice, REQUIRED) for choice in turn] for turn in spec.registers.by_turns]
        self._turn = 0
        self._slow: dict[str, float] = {}
        self._held: dict[int, int] = {}
        """Control registers as the device is known to have them: confirmed or read since."""
        self._written = 0
        """How many writes were begun: tells a reading that one came in between."""
        self._enabled_s = float("-inf")
        self._worked_in = MODE_NONE
        """The mode in which it last had a power."""
        self._found_work_mode: int | None = None
        """The work mode as it was before control was taken; None while it is not."""

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        return cls(_own(options), clock)

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """What the configured model can do."""
        return MODELS[_own(options).model].capabilities

    async def read(self) -> BatteryReading:
        """State, SoC and AC power now, and one of the things that are read by turns.

        Temperature, capacity and energies are as old as their last turn: 10 s, if no reading failed.
        """
        written = self._written
        turn = self._by_turns[self._turn]
        self._turn = (self._turn + 1) % len(self._by_turns)
        async with self._link.deadline("reading the battery"):
            seen: dict[str, float] = {}
            for chooser in turn:
                seen |= await chooser.read(self._link)
            for chooser in self._every_time:
                seen |= await chooser.read(self._link)
        self._slow |= {name: seen[name] for name in SLOW if name in seen}
        if written != self._written:
            # A setpoint was written meanwhile: what was read of the old one is out of date.
            seen = {name: value for name, value in seen.items() if name not in HELD}
        if seen.keys() >= HELD.keys():
            self._held = {register: round(seen[name]) for name, register in HELD.items()}
        return self._reading(seen)

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Make it run at this AC power; see `BatteryDriver`. A changed power alone is one write.

        To be ready at 0 W it stays in the mode in which it worked, at 0 W.
        """
        limit = self.capabilities
        mode, power_w = _command(min(max(setpoint_w, -limit.max_discharge_w), limit.max_charge_w))
        if mode != MODE_NONE:
            self._worked_in = mode
        elif ready:
            mode = self._worked_in
        async with self._link.deadline(f"applying {setpoint_w:.0f} W"):
            await self._take_control()
            age_s = self._clock.now_s() - self._enabled_s
            if rewrite or age_s > EXPIRED_S or self._held.get(CONTROL) != CONTROL_ON:
                # A device that lost control may have lost all else: nothing is taken for granted.
                self._held.clear()
                await self._write(CONTROL, CONTROL_ON)
            # Power before mode: a change of direction must never run at the other direction's old power.
            if mode != MODE_NONE:
                await self._write(CHARGE_W if mode == MODE_CHARGE else DISCHARGE_W, power_w)
            await self._write(MODE, mode)
            if self._clock.now_s() - self._enabled_s >= REFRESH_S:
                self._held.pop(CONTROL, None)
                await self._write(CONTROL, CONTROL_ON)

    async def release(self) -> None:
        """0 W, control off, the work mode as found; every step is tried, the first error raised."""
        if self._found_work_mode is None:
            return
        first: DeviceError | None = None
        self._held.clear()
        async with self._link.deadline("releasing the battery"):
            for register, value in (
                (CHARGE_W, 0),
                (DISCHARGE_W, 0),
                (MODE, MODE_NONE),
                (CONTROL, CONTROL_OFF),
                (WORK_MODE, self._found_work_mode),
            ):
                try:
                    if register != WORK_MODE or await self._read_one(WORK_MODE) != value:
                        await self._write(register, value)
                except DeviceError as error:
                    first = first or error
        if first is not None:
            raise first
        self._held.clear()
        self._found_work_mode = None

    async def close(self) -> None:
        """Give up the connection, without writing. Idempotent."""
        await self._link.close()

    async def _take_control(self) -> None:
        """Before the first write: note what will be put back at the end."""
        await self._link.open()
        if self._connection != self._link.opened:
            # It may have been switched off and on meanwhile, or a write may have been lost on the way.
            self._connection = self._link.opened
            self._held.clear()
        if self._found_work_mode is None:
            self._found_work_mode = await self._read_one(WORK_MODE)

    async def _write(self, register: int, value: int) -> None:
        """Unless the device has it already.

        A write that got no answer, or was cancelled, costs the connection, and so all that `_held` says.
        """
        if self._held.get(register) == value:
            return
        self._written += 1
        await self._link.write(register, value)
        self._held[register] = value
        if register == CONTROL:
            self._enabled_s = self._clock.now_s()

    async def _read_one(self, register: int) -> int:
        (word,) = await self._link.read(register)
        return word

    def _readback(self, seen: Mapping[str, float]) -> float | None:
        """The setpoint that the device holds, charging positive; None where it was not read just now.

        0 W when it has let go of our control: it holds none. What it holds of others does not count.
        """
        if self._found_work_mode is None or not seen.keys() >= HELD.keys():
            return None
        if seen["control"] != CONTROL_ON:
            return 0.0
        return {MODE_CHARGE: seen["charge_w"], MODE_DISCHARGE: -seen["discharge_w"]}.get(
            round(seen["mode"]), 0.0
        )

    def _reading(self, seen: Mapping[str, float]) -> BatteryReading:
        state = round(seen["state"])
        inputs_w = [value for name, value in seen.items() if name in PV_INPUTS]
        return BatteryReading(
            time_s=self._clock.now_s(),
            ac_power_w=seen["ac_w"],
            soc_pct=min(seen["soc_pct"], 100.0),
            battery_power_w=seen.get("battery_w"),
            pv_power_w=sum(inputs_w) if inputs_w else None,
            controllable=state not in NOT_CONTROLLABLE,
            state=STATES.get(state, f"state {state}"),
            readback_w=self._readback(seen),
            temperature_c=self._slow.get("temperature_c"),
            capacity_wh=self._slow.get("capacity_wh"),
            energy_charged_wh=self._slow.get("charged_wh"),
            energy_discharged_wh=self._slow.get("discharged_wh"),
        )


def _command(power_w: float) -> tuple[int, int]:
    """Force mode and power of a setpoint, charging positive."""
    watts = round(power_w)
    if watts == 0:
        return MODE_NONE, 0
    return (MODE_CHARGE, watts) if watts > 0 else (MODE_DISCHARGE, -watts)


def _own(options: DriverOptions) -> MarstekOptions:
    if not isinstance(options, MarstekOptions):
        raise TypeError(f"MarstekBattery needs MarstekOptions, not {type(options).__name__}")
    return options
