"""A battery that tells its state on an MQTT broker and takes a setpoint there."""

import asyncio
from typing import ClassVar, Self

from pydantic import Field

from phasewise.devices.base import Clock, DeviceBadData, DeviceError, DeviceUnreachable, DriverOptions
from phasewise.devices.mqtt import MqttLink, MqttOptions
from phasewise.devices.mqtt_values import Messages, Topic, Value
from phasewise.model import BatteryReading, Capabilities

WAIT_S = 2.0
"""For a message: a reading that takes longer counts as none."""
ECHO_S = 3.0
"""So long after a setpoint a device may still tell the one before."""
MOST_POWER_W = 100_000.0
MOST_PCT = 100.0
WATCHDOG_PARTS = 3.0
"""A setpoint is repeated so often within the watchdog's time: two messages may get lost."""
OFFLINE = "offline"
"""As Home Assistant and most devices have it."""
SAME_W = 1.0
"""Rounding of what a device says it holds."""


class MqttBatteryOptions(MqttOptions):
    """Settings of a battery on an MQTT broker."""

    power: Value
    """AC power in W, charging positive."""
    soc: Value
    """State of charge in %."""
    setpoint_topic: Topic
    """Topic that the battery takes its power from."""
    setpoint_payload: str = "{power_w}"
    """What is sent there: {power_w} stands for the power in W, charging positive; {minus_power_w} for the
    same with discharging positive; {charge_w} and {discharge_w} for the power in one direction, 0 in the
    other."""
    release_payload: str | None = None
    """What is sent there when Phasewise ends, so that the battery goes on by itself; left out: it stays at
    0 W."""
    readback: Value | None = None
    """The setpoint that the battery says it holds, in W, charging positive."""
    availability_topic: Topic | None = None
    """Topic that says whether the battery is there: anything but 'offline'."""
    rated_charge_w: float = Field(gt=0.0, le=50_000.0)
    """Most charging power that the battery can do."""
    rated_discharge_w: float = Field(gt=0.0, le=50_000.0)
    """Most discharging power that the battery can do."""
    watchdog_s: float | None = Field(default=None, gt=1.0, le=3600.0)
    """How long the battery goes on without a new setpoint; left out: for ever, also when Phasewise is
    gone."""
    max_age_s: float = Field(default=15.0, gt=0.0, le=120.0, json_schema_extra={"x-advanced": True})
    """The battery counts as gone when its last power is older."""


class MqttBattery:
    """A `BatteryDriver`."""

    options_model: ClassVar[type[DriverOptions]] = MqttBatteryOptions

    def __init__(
        self, options: MqttBatteryOptions, clock: Clock, *, wait_s: float = WAIT_S, echo_s: float = ECHO_S
    ) -> None:
        """`wait_s` and `echo_s` instead of the usual are for tests."""
        self.capabilities = self.capabilities_of(options)
        self._options = options
        self._clock = clock
        self._wait_s = wait_s
        self._echo_s = echo_s
        values = (options.power, options.soc, options.readback)
        topics = {value.topic for value in values if value is not None}
        if options.availability_topic is not None:
            topics.add(options.availability_topic)
        self._link = MqttLink(options.broker, topics, self._hear)
        self._messages = Messages(clock)
        self._socs = Messages(clock)
        """The state of charge apart: many tell it only when it changes, so that a retained one counts."""
        self._heard = asyncio.Event()
        self._told_off = False
        """The battery, or the broker in its name, said that it is not there."""
        self._told_w: int | None = None
        """What it was told last; None when it is not known to hold it."""
        self._controlled = False
        self._applied_s = float("-inf")
        """When a setpoint was sent last; by the event loop's clock, as is the echo."""
        self._sent_s = float("-inf")
        """The same by the injected clock."""

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        return cls(_own(options), clock)

    @classmethod
    def capabilities_of(cls, options: DriverOptions) -> Capabilities:
        """What the user says that it can do."""
        own = _own(options)
        return Capabilities(
            max_charge_w=own.rated_charge_w,
            max_discharge_w=own.rated_discharge_w,
            watchdog_s=own.watchdog_s,
            keep_alive_s=None if own.watchdog_s is None else own.watchdog_s / WATCHDOG_PARTS,
            can_release=own.release_payload is not None,
        )

    async def read(self) -> BatteryReading:
        """What the next message says; the last one where none comes soon and that is not old yet."""
        applied_s = self._applied_s
        await self._listen()
        options = self._options
        power = self._messages.newest(options.power.topic)
        if power is None or self._is_gone():
            raise DeviceUnreachable(self._absence())
        ac = self._messages.number(options.power, float("inf"), MOST_POWER_W)
        if ac is None:
            raise DeviceBadData(f"a message in {options.power.topic} says nothing of the power")
        soc = self._socs.number(options.soc, float("inf"), MOST_PCT)
        echo = applied_s != self._applied_s or asyncio.get_running_loop().time() - applied_s < self._echo_s
        return BatteryReading(
            time_s=power.heard_s,
            ac_power_w=ac.value,
            soc_pct=None if soc is None else max(soc.value, 0.0),
            readback_w=None if echo else self._readback_w(),
        )

    async def apply(self, setpoint_w: float, *, rewrite: bool = False, ready: bool = False) -> None:
        """Tell it; see `BatteryDriver`. `ready` makes no difference here."""
        limits = self.capabilities
        power_w = round(min(max(setpoint_w, -limits.max_discharge_w), limits.max_charge_w))
        keep_alive_s = limits.keep_alive_s or float("inf")
        due = self._clock.now_s() - self._sent_s >= keep_alive_s
        if rewrite or due or self._told_w != power_w:
            await self._tell(power_w)

    async def release(self) -> None:
        """0 W, then the release payload, where there is one."""
        if not self._controlled:
            return
        first: DeviceError | None = None
        try:
            await self._tell(0)
        except DeviceError as error:
            first = error
        if self._options.release_payload is not None:
            await self._link.publish(self._options.setpoint_topic, self._options.release_payload)
        if first is not None:
            raise first
        self._told_w, self._controlled = None, False

    async def close(self) -> None:
        """Give up the connection, without writing. Idempotent."""
        await self._link.close()
        self._told_w = None

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._options.availability_topic:
            # The one thing that is kept for those who come later.
            self._told_off = payload.decode("utf-8", "replace").strip() == OFFLINE
        elif not retained:
            self._messages.hear(topic, payload)
        if topic == self._options.soc.topic:
            self._socs.hear(topic, payload)
        if topic == self._options.power.topic and not retained:
            self._heard.set()

    async def _listen(self) -> None:
        """Wait for a power, if one comes soon."""
        self._link.start()
        self._heard.clear()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._heard.wait()
        except TimeoutError:
            if self._link.problem is not None:
                raise DeviceUnreachable(self._link.problem) from None

    async def _tell(self, power_w: int) -> None:
        """Raises DeviceUnreachable, also when nothing is heard of the battery: who knows what it does?"""
        self._told_w = None
        self._controlled = True
        if self._is_gone():
            # A broker keeps no setpoint for a battery that is not there yet.
            await self._listen()
        absence = self._absence() if self._is_gone() else None
        await self._link.publish(self._options.setpoint_topic, self._payload(power_w))
        self._applied_s, self._sent_s = asyncio.get_running_loop().time(), self._clock.now_s()
        if absence is not None:
            raise DeviceUnreachable(f"The setpoint was sent, but nobody knows who took it: {absence}")
        self._told_w = power_w

    def _is_gone(self) -> bool:
        power = self._messages.newest(self._options.power.topic)
        return self._told_off or power is None or power.age_s >= self._options.max_age_s

    def _absence(self) -> str:
        """Why it counts as gone, as a sentence."""
        options = self._options
        if self._told_off:
            return f"the battery is {OFFLINE}, says {options.availability_topic}."
        power = self._messages.newest(options.power.topic)
        since = "nothing came" if power is None else f"the last message is {power.age_s:.0f} s old"
        return f"no power of the battery in {options.power.topic} on the broker at {options.broker}: {since}."

    def _payload(self, power_w: int) -> str:
        text = self._options.setpoint_payload
        for name, value in (
            ("{power_w}", power_w),
            ("{minus_power_w}", -power_w),
            ("{charge_w}", max(power_w, 0)),
            ("{discharge_w}", max(-power_w, 0)),
        ):
            text = text.replace(name, str(value))
        return text

    def _readback_w(self) -> float | None:
        """0 W where it tells none although it was told one: it let go."""
        if self._options.readback is None or not self._controlled:
            return None
        found = self._messages.number(self._options.readback, self._options.max_age_s, MOST_POWER_W)
        held_w = 0.0 if found is None else found.value
        if self._told_w is not None and abs(held_w - self._told_w) > SAME_W:
            # What it does not hold is told again, also when it is the same.
            self._told_w = None
        return held_w


def _own(options: DriverOptions) -> MqttBatteryOptions:
    if not isinstance(options, MqttBatteryOptions):
        raise TypeError(f"MqttBattery needs MqttBatteryOptions, not {type(options).__name__}")
    return options
