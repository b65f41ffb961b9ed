"""Zendure SolarFlow batteries by the HTTP server that they have on the home network (zenSDK).

In its words charging is input and discharging is output; both are counted up from 0, and turned into one
signed power here. The facts, and what is not known: docs/devices/zendure.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self

import msgspec
from msgspec import Struct
from pydantic import field_validator

from phasewise.devices.base import Clock, DeviceBadData, DeviceError, DeviceRefused, DriverOptions
from phasewise.devices.http_json import HttpJsonLink, parse_http_url
from phasewise.model import BatteryReading, Capabilities

REPORT, WRITE = "/properties/report", "/properties/write"
INPUT, OUTPUT = 1, 2
"""Values of `acMode`."""
STATES = {0: "standby", 1: "charge", 2: "discharge"}
TIMEOUT_S = 4.0
"""Zendure's own Home Assistant integration waits as long."""
ECHO_S = 3.0
"""A report shows what was written 2 to 2.5 s later; until then it says nothing of the setpoint."""
READ_CADENCE_S = 3.0
WRITE_INTERVAL_S = 4.0
"""Its makers advise 10 s between changes of power and enforce nothing; their own integration writes every 2.2
to 4 s."""
KEEP_ALIVE_S = 60.0
"""It has no watchdog. But units were seen to leave `smartMode`, or to change a limit, by themselves: the
setpoint is repeated."""
REFRESH_S = 50.0
"""What was written so long ago is written again when a keep-alive asks for it."""
_KELVIN = 273.1
"""`hyperTmp` is in tenths of a kelvin, from 2731."""


class ZendureModel(StrEnum):
    """Which unit; `solarflow-800` is for the 800 Plus and 800 Pro too."""

    SOLARFLOW_800 = "solarflow-800"
    SOLARFLOW_1600_AC = "solarflow-1600-ac"
    SOLARFLOW_2400_AC = "solarflow-2400-ac"
    SOLARFLOW_2400_PRO = "solarflow-2400-pro"


def _capabilities(charge_w: float, discharge_w: float, *, has_pv: bool = False) -> Capabilities:
    return Capabilities(
        max_charge_w=charge_w,
        max_discharge_w=discharge_w,
        read_cadence_s=READ_CADENCE_S,
        write_interval_s=WRITE_INTERVAL_S,
        keep_alive_s=KEEP_ALIVE_S,
        watchdog_s=None,
        has_pv=has_pv,
    )


# From the makers' own Home Assistant integration; a unit keeps to its country's limits by itself.
MODELS: Mapping[ZendureModel, Capabilities] = {
    ZendureModel.SOLARFLOW_800: _capabilities(1000.0, 800.0, has_pv=True),
    ZendureModel.SOLARFLOW_1600_AC: _capabilities(1600.0, 1600.0),
    ZendureModel.SOLARFLOW_2400_AC: _capabilities(2400.0, 2400.0),
    ZendureModel.SOLARFLOW_2400_PRO: _capabilities(2400.0, 2400.0, has_pv=True),
}


class ZendureOptions(DriverOptions):
    """Settings of a Zendure battery."""

    url: str
    """http://HOST. The local API has to be open, and HEMS off in the Zendure app."""
    model: ZendureModel
    """Which SolarFlow it is; what it can do depends on it."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        return parse_http_url(url)


class _Properties(Struct, rename="camel"):
    ac_mode: int
    input_limit: float
    output_limit: float
    smart_mode: int = 0
    electric_level: float | None = None
    grid_input_power: float | None = None
    output_home_power: float | None = None
    output_pack_power: float | None = None
    """Into the cells, whatever its name suggests."""
    pack_input_power: float | None = None
    """Out of the cells."""
    solar_input_power: float | None = None
    pack_state: int | None = None
    grid_state: int = 1
    hyper_tmp: float | None = None


class _Report(Struct):
    sn: str
    properties: _Properties


class ZendureBattery:
    """A `BatteryDriver`."""

    options_model: ClassVar[type[DriverOptions]] = ZendureOptions

    def __init__(
        self, options: ZendureOptions, clock: Clock, *, timeout_s: float = TIMEOUT_S, echo_s: float = ECHO_S
    ) -> None:
        """`timeout_s` and `echo_s` other than the device's are for tests."""
        self.capabilities = MODELS[options.model]
        self._url = options.url
        self._clock = clock
        self._echo_s = echo_s
        self._link = HttpJsonLink(options.url, timeout_s=timeout_s)
        self._seen: _Report | None = None
        self._found: _Properties | None = None
        """As it was before control was taken; None while it is not."""
        self._ac_mode: int | None = None
        self._held_w: int | None = None
        """What the device is known to have: confirmed or read since; None while that is not known."""
        self._written_s = float("-inf")
        self._written = 0
        """How many writes were begun: tells a reading that one came in between."""

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        return cls(_own(options), clock)

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """What the configured model can do."""
        return MODELS[_own(options).model]

    async def read(self) -> BatteryReading:
        """Everything, in one report."""
        written = self._written
        async with self._link.deadline("reading the battery"):
            seen = (await self._report()).properties
        readback_w: float | None = None
        is_echo = self._clock.now_s() - self._written_s >= self._echo_s
        if self._found is not None and written == self._written and is_echo:
            readback_w = _within(_setpoint_w(seen), -self._most_w, self._most_w)
        is_ours = readback_w is None or readback_w == self._held_w
        if readback_w is not None:
            self._ac_mode = seen.ac_mode
            self._held_w = round(readback_w) if seen.smart_mode == 1 else None
        return self._reading(seen, readback_w, is_ours=is_ours)

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Make it run at this AC power; see `BatteryDriver`. One write, two where the direction changes.

        `ready` makes no difference: at 0 W it stays in the mode in which it worked.
        """
        limit = self.capabilities
        power_w = round(min(max(setpoint_w, -limit.max_discharge_w), limit.max_charge_w))
        async with self._link.deadline(f"applying {power_w} W"):
            if self._found is None:
                seen = self._seen or await self._report(urgent=True)
                self._found, self._ac_mode = seen.properties, seen.properties.ac_mode
            age_s = self._clock.now_s() - self._written_s
            if rewrite or power_w != self._held_w or age_s >= REFRESH_S:
                await self._tell(power_w)

    async def release(self) -> None:
        """0 W, then mode and limits as found; both are tried, the first error raised."""
        found = self._found
        if found is None:
            return
        first: DeviceError | None = None
        async with self._link.deadline("releasing the battery"):
            try:
                await self._tell(0)
            except DeviceError as error:
                first = error
            self._held_w = self._ac_mode = None
            as_found: dict[str, Any] = {"smartMode": 0}
            if found.smart_mode == 0:
                # Else what was found were the passing values of a controller, perhaps ours before a crash.
                as_found |= {
                    "acMode": found.ac_mode,
                    "inputLimit": round(found.input_limit),
                    "outputLimit": round(found.output_limit),
                }
            try:
                await self._write(as_found)
            except DeviceError as error:
                first = first or error
        if first is not None:
            raise first
        self._found = self._seen = None

    async def close(self) -> None:
        """Give up the connection, without writing. Idempotent."""
        await self._link.close()

    async def _tell(self, power_w: int) -> None:
        """Write the whole command: one who has left `smartMode` ignores a limit alone."""
        mode = self._ac_mode if power_w == 0 else INPUT if power_w > 0 else OUTPUT
        powers = {"smartMode": 1, "inputLimit": max(power_w, 0), "outputLimit": max(-power_w, 0)}
        was, self._held_w, self._ac_mode = self._ac_mode, None, None
        if mode != was:
            # Power before mode: a change of direction must never run at the other direction's old power.
            await self._write(powers)
        await self._write(powers if mode is None else powers | {"acMode": mode})
        self._held_w, self._ac_mode = power_w, mode

    async def _write(self, properties: Mapping[str, Any]) -> None:
        seen = self._seen or await self._report(urgent=True)
        self._written += 1
        self._written_s = self._clock.now_s()
        answer = await self._link.post(WRITE, {"sn": seen.sn, "properties": dict(properties)})
        self._written_s = self._clock.now_s()
        if answer.get("success") is False:
            raise DeviceRefused(f"{self._url}: writing {dict(properties)}: it answered {str(answer)[:200]}")

    async def _report(self, *, urgent: bool = False) -> _Report:
        answer = await self._link.get(REPORT, urgent=urgent)
        if answer.get("success") is False:
            raise DeviceRefused(
                f"{self._url}: its local API is closed ({str(answer.get('msg'))[:100]}): in the Zendure app "
                "add the unit to HEMS and take it out again"
            )
        try:
            self._seen = msgspec.convert(answer, _Report)
        except msgspec.ValidationError as error:
            raise DeviceBadData(f"{self._url}{REPORT}: {error}") from error
        return self._seen

    def _reading(self, seen: _Properties, readback_w: float | None, *, is_ours: bool) -> BatteryReading:
        has_pv = self.capabilities.has_pv
        state = (
            STATES.get(seen.pack_state, f"state {seen.pack_state}") if seen.pack_state is not None else None
        )
        if not is_ours:
            state = f"{state or 'on'}, set by something else (is HEMS on?)"
        return BatteryReading(
            time_s=self._clock.now_s(),
            ac_power_w=self._difference(seen.grid_input_power, seen.output_home_power),
            soc_pct=_within(seen.electric_level, 0.0, 100.0),
            battery_power_w=self._difference(seen.output_pack_power, seen.pack_input_power),
            pv_power_w=_within(seen.solar_input_power, 0.0, self._most_w) if has_pv else None,
            controllable=seen.grid_state != 0,
            state=state,
            readback_w=readback_w,
            temperature_c=None if seen.hyper_tmp is None else round(seen.hyper_tmp / 10 - _KELVIN, 1),
        )

    @property
    def _most_w(self) -> float:
        return 3 * max(self.capabilities.max_charge_w, self.capabilities.max_discharge_w)

    def _difference(self, charging_w: float | None, discharging_w: float | None) -> float | None:
        """Of two powers that are counted up from 0, charging positive."""
        into, out_of = _within(charging_w, 0.0, self._most_w), _within(discharging_w, 0.0, self._most_w)
        return None if into is None or out_of is None else into - out_of


def _setpoint_w(seen: _Properties) -> float:
    """The setpoint that the device holds, charging positive; 0 W when it has let go of our control."""
    if seen.smart_mode != 1:
        return 0.0
    return {INPUT: seen.input_limit, OUTPUT: -seen.output_limit}.get(seen.ac_mode, 0.0) + 0.0


def _within(value: float | None, low: float, high: float) -> float | None:
    if value is not None and not low <= value <= high:
        raise DeviceBadData(f"a value of {value:g} cannot be (it is between {low:g} and {high:g})")
    return value


def _own(options: DriverOptions) -> ZendureOptions:
    if not isinstance(options, ZendureOptions):
        raise TypeError(f"ZendureBattery needs ZendureOptions, not {type(options).__name__}")
    return options
