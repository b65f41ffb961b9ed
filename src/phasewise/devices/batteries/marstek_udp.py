"""Marstek Venus batteries by their local API: JSON datagrams on UDP port 30000, few and slow.

In `ES.SetMode` discharging is positive; it is turned round in `_tell`, `_readback` and `_ac_power_w`, and
nowhere else. Where Modbus can be had, it is better: see docs/devices/marstek-udp.md, where the facts are too.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pydantic import field_validator

from phasewise.devices.base import Clock, DeviceBadData, DeviceError, DeviceRefused, DriverOptions
from phasewise.devices.batteries.marstek_models import MODELS, MarstekModel
from phasewise.devices.udp_json import DatagramTiming, UdpJsonLink, parse_udp_url
from phasewise.model import BatteryReading, Capabilities

DEFAULT_PORT = 30000
TIMING = DatagramTiming(
    pause_s=5.0, reply_timeout_s=9.0, resend_s=4.0, hasty_pause_s=0.5, hasty_timeout_s=1.1
)
"""At least 5 s between requests: firmware was seen to reset under more. Answers come within 0.5 s, rarely
after up to 10 s, or never: what has none after 4 s asks for another turn, which comes after 5. Only a release
is hasty: its two requests must be through within 3 s, and are the last."""
READ_CADENCE_S = 10.0
WRITE_INTERVAL_S = 9.0
"""A reading and a setpoint share the pause: each gets every second request, and the setpoint comes first."""
COUNTDOWN_S = 60
"""The device's own dead man (`cd_time`). Shorter is safer when we die, but datagrams get lost: within 60 s
three keep-alives fit, or one that fails altogether and two that arrive at the second try."""
KEEP_ALIVE_S = 20.0
REFRESH_S = 15.0
"""What was told so long ago is told again when a keep-alive asks for it."""
RELEASE_COUNTDOWN_S = 5
"""0 W for so long; then the device goes on by itself even if handing it back failed."""
STATUS_EVERY = 6
"""One reading in so many asks `ES.GetStatus`, for the capacity; the others ask for the mode."""

PASSIVE, AUTO, UPS = "Passive", "Auto", "UPS"
MODE_CONFIG: Mapping[str, Mapping[str, Any]] = {
    AUTO: {"auto_cfg": {"enable": 1}},
    "AI": {"ai_cfg": {"enable": 1}},
    UPS: {"ups_cfg": {"enable": 1}},
}
"""What selecting a mode needs besides its name. `Manual` nothing: with a `manual_cfg` a schedule would be
overwritten."""

Answer = TypeVar("Answer")


class OngridPositive(StrEnum):
    """What a positive `ongrid_power` means."""

    DISCHARGING = "discharging"
    CHARGING = "charging"


class MarstekUdpOptions(DriverOptions):
    """Settings of a Marstek battery that is controlled by its local API."""

    url: str
    """udp://HOST:30000. The local API is switched on in the Marstek app."""
    model: MarstekModel
    """Which Marstek it is; what it can do depends on it."""
    ongrid_positive: OngridPositive = OngridPositive.DISCHARGING
    """What it means when the device reports a positive power: some firmware counts charging so."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        parse_udp_url(url, DEFAULT_PORT)
        return url


class _Passive(Struct):
    power: float


class _Mode(Struct):
    """`ES.GetMode`. Firmware before about 148 has no `passive_cfg`."""

    mode: str
    ongrid_power: float | None = None
    bat_soc: float | None = None
    passive_cfg: _Passive | None = None


class _Status(Struct):
    """`ES.GetStatus`. Its energies are left out: their unit differs with the firmware."""

    ongrid_power: float | None = None
    bat_soc: float | None = None
    bat_cap: float | None = None


class MarstekUdpBattery:
    """A `BatteryDriver`."""

    options_model: ClassVar[type[DriverOptions]] = MarstekUdpOptions

    def __init__(self, options: MarstekUdpOptions, clock: Clock, *, timing: DatagramTiming = TIMING) -> None:
        """`timing` other than the device's is for tests."""
        self.capabilities = self.capabilities_of(options)
        self._clock = clock
        self._sign = -1.0 if options.ongrid_positive is OngridPositive.DISCHARGING else 1.0
        self._link = UdpJsonLink(*parse_udp_url(options.url, DEFAULT_PORT), timing)
        self._turn = 0
        self._has_status = True
        self._capacity_wh: float | None = None
        self._held_w: int | None = None
        """The setpoint that the device confirmed; None while that is not known."""
        self._told_s = float("-inf")
        self._written = 0
        """How many writes were begun: tells a reading that one came in between."""
        self._seen_mode: str | None = None
        self._found_mode: str | None = None
        """The mode before control was taken; None while it is not."""

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        return cls(_own(options), clock)

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """What the configured model can do, at the pace of this API."""
        return replace(
            MODELS[_own(options).model].capabilities,
            read_cadence_s=READ_CADENCE_S,
            write_interval_s=WRITE_INTERVAL_S,
            keep_alive_s=KEEP_ALIVE_S,
            watchdog_s=float(COUNTDOWN_S),
            has_pv=False,
            turn_s=2 * TIMING.pause_s,  # its turn, and another where a datagram was lost
        )

    async def read(self) -> BatteryReading:
        """AC power, SoC and mode, or now and then the capacity: one request each time."""
        turn = self._turn
        self._turn += 1
        async with self._link.deadline("reading the battery"):
            if self._has_status and turn % STATUS_EVERY == 1:
                return await self._read_status()
            written = self._written
            seen = await self._read_mode()
        # A setpoint written meanwhile makes what was read of the old one out of date.
        readback_w = self._readback(seen) if written == self._written else None
        if readback_w is not None:
            self._held_w = round(readback_w) if seen.mode == PASSIVE else None
        return self._reading(seen.ongrid_power, seen.bat_soc, state=seen.mode, readback_w=readback_w)

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Make it run at this AC power; see `BatteryDriver`. One request, which is the keep-alive too.

        `ready` makes no difference: there is one way to be at 0 W.
        """
        limit = self.capabilities
        power_w = round(min(max(setpoint_w, -limit.max_discharge_w), limit.max_charge_w))
        async with self._link.deadline(f"applying {power_w} W"):
            if self._found_mode is None:
                seen = self._seen_mode or (await self._read_mode(urgent=True)).mode
                # Passive is what a controller leaves behind, perhaps ourselves before a crash.
                self._found_mode = AUTO if seen == PASSIVE else seen
            age_s = self._clock.now_s() - self._told_s
            if rewrite or power_w != self._held_w or age_s >= REFRESH_S:
                await self._tell(power_w, COUNTDOWN_S)

    async def release(self) -> None:
        """0 W, then the mode as found; both are tried, the first error raised."""
        found = self._found_mode
        if found is None:
            return
        first: DeviceError | None = None
        async with self._link.deadline("releasing the battery"):
            try:
                await self._tell(0, RELEASE_COUNTDOWN_S, hasty=True)
            except DeviceError as error:
                first = error
            self._held_w = None
            try:
                await self._set_mode({"mode": found, **MODE_CONFIG.get(found, {})}, hasty=True)
            except DeviceError as error:
                first = first or error
        if first is not None:
            raise first
        self._found_mode, self._seen_mode = None, found

    async def close(self) -> None:
        """Give up the socket, without writing. Idempotent."""
        await self._link.close()

    async def _tell(self, power_w: int, countdown_s: int, *, hasty: bool = False) -> None:
        self._held_w = None
        self._written += 1
        passive = {"power": -power_w, "cd_time": countdown_s}
        told_s = self._clock.now_s()
        await self._set_mode({"mode": PASSIVE, "passive_cfg": passive}, hasty=hasty)
        self._held_w, self._told_s = power_w, told_s

    async def _set_mode(self, config: Mapping[str, Any], *, hasty: bool) -> None:
        method = "ES.SetMode"
        result = await self._link.request(method, {"id": 0, "config": config}, urgent=True, hasty=hasty)
        if not result.get("set_result"):
            raise DeviceRefused(f"{method} {config}: it answered {str(result)[:200]}")

    async def _read_mode(self, *, urgent: bool = False) -> _Mode:
        method = "ES.GetMode"
        seen = _as(_Mode, method, await self._link.request(method, {"id": 0}, urgent=urgent))
        self._seen_mode = seen.mode
        return seen

    async def _read_status(self) -> BatteryReading:
        method = "ES.GetStatus"
        try:
            result = await self._link.request(method, {"id": 0})
        except DeviceRefused:
            self._has_status = False
            raise
        seen = _as(_Status, method, result)
        if seen.bat_cap:  # 0 stands for "not known" while its battery management is silent
            self._capacity_wh = seen.bat_cap
        return self._reading(seen.ongrid_power, seen.bat_soc, state=self._seen_mode, readback_w=None)

    def _reading(
        self, ongrid_w: float | None, soc_pct: float | None, *, state: str | None, readback_w: float | None
    ) -> BatteryReading:
        return BatteryReading(
            time_s=self._clock.now_s(),
            ac_power_w=self._ac_power_w(ongrid_w),
            soc_pct=_soc_pct(soc_pct),
            controllable=state != UPS,
            state=state,
            readback_w=readback_w,
            capacity_wh=self._capacity_wh,
        )

    def _ac_power_w(self, ongrid_w: float | None) -> float | None:
        return None if ongrid_w is None else self._possible_w(self._sign * ongrid_w)

    def _possible_w(self, power_w: float) -> float:
        if abs(power_w) > 3 * self.capabilities.max_discharge_w:
            raise DeviceBadData(f"a power of {power_w:g} W cannot be")
        return power_w

    def _readback(self, seen: _Mode) -> float | None:
        """The setpoint that the device holds, charging positive; 0 W when it has let go of our control."""
        if self._found_mode is None:
            return None
        if seen.mode != PASSIVE:
            return 0.0
        return None if seen.passive_cfg is None else self._possible_w(-seen.passive_cfg.power)


def _soc_pct(value: float | None) -> float | None:
    if not value:  # 0 stands for "not known"; it lets nobody discharge so far
        return None
    if not 0.0 <= value <= 100.0:
        raise DeviceBadData(f"a state of charge of {value:g} % cannot be")
    return value


def _as(kind: type[Answer], method: str, result: Mapping[str, Any]) -> Answer:
    try:
        return msgspec.convert(result, kind)
    except msgspec.ValidationError as error:
        raise DeviceBadData(f"{method}: {error}; it answered {str(result)[:200]}") from error


def _own(options: DriverOptions) -> MarstekUdpOptions:
    if not isinstance(options, MarstekUdpOptions):
        raise TypeError(f"MarstekUdpBattery needs MarstekUdpOptions, not {type(options).__name__}")
    return options
