"""A meter whose values are on an MQTT broker, whoever publishes them there."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Self

from pydantic import Field, model_validator

from phasewise.devices.base import Clock, DeviceBadData, DeviceUnreachable, DriverOptions
from phasewise.devices.meters.network import (
    MOST_CURRENT_A,
    MOST_ENERGY_KWH,
    MOST_POWER_W,
    MOST_VOLTAGE_V,
    SILENT_S,
    magnitude,
)
from phasewise.devices.mqtt import RETRY_MAX_S, RETRY_MIN_S, MqttLink, MqttOptions
from phasewise.devices.mqtt_values import Messages, Number, Value
from phasewise.model import GridReading, PhaseReading

GATHER_S = 0.05
GATHER_MAX_S = 0.25
"""Values of one moment come in one message after the other: they are taken together when none has come for
so long."""


class PhaseValues(DriverOptions):
    """Where the values of a phase are."""

    power: Value | None = None
    """Power in W, import positive."""
    export: Value | None = None
    """Where import and export are told apart, both positive: the power exported. It is subtracted from
    power."""
    current: Value | None = None
    """Current in A; its sign does not count."""
    voltage: Value | None = None
    """Voltage in V."""


class MqttMeterOptions(MqttOptions):
    """Settings of a meter on an MQTT broker. Needed is the total power, or the power of every phase."""

    total_power: Value | None = None
    """Total power in W, import positive; left out: the sum of the phases."""
    total_export: Value | None = None
    """Where import and export are told apart, both positive: the power exported. It is subtracted from
    total_power."""
    L1: PhaseValues = PhaseValues()
    """Where the values of L1 are."""
    L2: PhaseValues = PhaseValues()
    """Likewise for L2."""
    L3: PhaseValues = PhaseValues()
    """Likewise for L3."""
    energy_import: Value | None = None
    """Energy imported so far, in Wh."""
    energy_export: Value | None = None
    """Energy exported so far, in Wh."""
    max_age_s: float = Field(default=15.0, gt=0.0, le=60.0, json_schema_extra={"x-advanced": True})
    """A value is not used any more when its last message is older."""
    sample_age_s: float = Field(default=1.0, ge=0.0, le=60.0, json_schema_extra={"x-advanced": True})
    """How old the values are when a message arrives."""
    repeats_count: bool = Field(default=False, json_schema_extra={"x-advanced": True})
    """Whether messages that say the same as those before count as measured anew. Only for a meter that tells
    so few digits that this is usual: what repeats itself may as well be dead."""

    @property
    def phases(self) -> tuple[PhaseValues, PhaseValues, PhaseValues]:
        """L1, L2, L3."""
        return (self.L1, self.L2, self.L3)

    @model_validator(mode="after")
    def _has_a_total(self) -> Self:
        told = [phase.power is not None for phase in self.phases]
        if self.total_power is None and told not in ([True, True, True], [True, False, False]):
            raise ValueError("give total_power, or power of L1, L2 and L3 (of L1 alone with one phase)")
        return self

    @property
    def values(self) -> tuple[Value, ...]:
        """All that is to be heard."""
        found = [self.total_power, self.total_export, self.energy_import, self.energy_export]
        for phase in self.phases:
            found += [phase.power, phase.export, phase.current, phase.voltage]
        return tuple(value for value in found if value is not None)

    @property
    def leading(self) -> frozenset[str]:
        """The topics of which at least one has to be new: those of the total."""
        total = [self.total_power, self.total_export]
        if self.total_power is None:
            total = [value for phase in self.phases for value in (phase.power, phase.export)]
        return frozenset(value.topic for value in total if value is not None)


class MqttMeter:
    """A `MeterDriver`: messages in, readings out; reconnects for ever."""

    options_model: ClassVar[type[DriverOptions]] = MqttMeterOptions

    def __init__(self, options: MqttMeterOptions, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        self._options = options
        self._clock = clock
        self._silent_s = silent_s
        self._topics = frozenset(value.topic for value in options.values)
        self._messages = Messages(clock)
        self._new: set[str] = set()
        """Topics that were heard since the last reading."""
        self._heard = asyncio.Event()
        self._closed = False
        self._rejected = 0
        self._count = 0
        self._quantum_a: float | None = None
        """The finest step that a current was seen with."""
        self._link: MqttLink | None = None
        self._status: str | None = f"Connecting to the MQTT broker at {options.broker}."

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, MqttMeterOptions):
            raise TypeError(f"MqttMeter needs MqttMeterOptions, not {type(options).__name__}")
        return cls(options, clock)

    @property
    def status(self) -> str | None:
        """None while all is well, else a sentence: what was tried, what came back, what is next."""
        return (self._link.problem if self._link is not None else None) or self._status

    @property
    def rejected(self) -> int:
        """How many messages were thrown away so far: not understood, or impossible."""
        return self._rejected

    async def close(self) -> None:
        """Give up the connection; `readings` then ends. Idempotent."""
        self._closed = True
        self._heard.set()

    async def readings(self) -> AsyncGenerator[GridReading, None]:
        """A reading for everything that says something of the total. Ends only after `close`."""
        retry_s = RETRY_MIN_S
        while not self._closed:
            link = self._link = MqttLink(self._options.broker, self._topics, self._hear, self._clock.sleep)
            link.start()
            try:
                async with aclosing(self._of_one_link(link)) as readings:
                    async for reading in readings:
                        retry_s = RETRY_MIN_S
                        yield reading
            except DeviceUnreachable as error:
                self._status = f"{error} Next attempt in {retry_s:g} s."
            finally:
                self._link = None
                await link.close()
            if not self._closed:
                await self._clock.sleep(retry_s)
                retry_s = min(2.0 * retry_s, RETRY_MAX_S)

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if not retained:
            self._messages.hear(topic, payload)
            self._new.add(topic)
            self._heard.set()

    async def _of_one_link(self, link: MqttLink) -> AsyncGenerator[GridReading, None]:
        """Raises DeviceUnreachable when nothing usable comes for long."""
        loop = asyncio.get_running_loop()
        usable_s = loop.time()
        came, opened, last_id = "nothing came", 0, None
        while not self._closed:
            if link.problem is not None:
                usable_s = loop.time()
            try:
                async with asyncio.timeout(self._silent_s):
                    await self._burst()
                reading = None if self._closed else self._understand()
            except TimeoutError:
                reading = None
            except DeviceBadData as error:
                self._rejected += 1
                came = f"the last was rejected, {error}"
                self._status = f"Values on the MQTT broker at {self._options.broker} were rejected: {error}."
                reading = None
            if reading is not None:
                # What comes first on a connection may have been measured long ago: it waits until it changes.
                is_first, opened = link.opened != opened, link.opened
                is_new, last_id = reading.content_id != last_id, reading.content_id
                if is_first or not is_new:
                    came, reading = "it repeats the same values", None
            if reading is not None:
                usable_s, came = loop.time(), "nothing came"
                self._status = None
                yield reading
            elif link.problem is None and loop.time() - usable_s >= self._silent_s:
                topics = ", ".join(sorted(self._options.leading))
                raise DeviceUnreachable(
                    f"No usable message for {self._silent_s:g} s on the MQTT broker at "
                    f"{self._options.broker} under {topics}: {came}."
                )

    async def _burst(self) -> None:
        """Wait for messages, and for those that come with the first."""
        await self._heard.wait()
        loop = asyncio.get_running_loop()
        end_s = loop.time() + GATHER_MAX_S
        while not self._closed and not self._new >= self._topics and loop.time() < end_s:
            self._heard.clear()
            try:
                async with asyncio.timeout(GATHER_S):
                    await self._heard.wait()
            except TimeoutError:
                break
        self._heard.clear()

    def _understand(self) -> GridReading | None:
        """What the newest messages say; None where nothing is new of the total. Raises DeviceBadData."""
        if not self._new & self._options.leading:
            return None
        self._new.clear()
        options = self._options
        phases = [self._phase(phase) for phase in options.phases]
        total = self._difference(options.total_power, options.total_export)
        if options.total_power is None:
            powers = [
                phase.power_w if phase is not None else None
                for phase, values in zip(phases, options.phases, strict=True)
                if values.power is not None
            ]
            total = None if None in powers else sum(power for power in powers if power is not None)
        if total is None:
            raise DeviceBadData("there is no total power")
        self._count += 1
        return GridReading(
            received_s=self._clock.now_s(),
            total_power_w=total,
            phases=(phases[0], phases[1], phases[2]),
            sample_age_s=options.sample_age_s,
            content_id=self._content_id(),
            current_quantum_a=self._quantum_a,
            # Nobody knows how what stands behind the broker rounds: to the nearest, as meters do.
            current_allowance_a=0.5 * (self._quantum_a or 0.0),
            energy_import_wh=self._energy_wh(options.energy_import),
            energy_export_wh=self._energy_wh(options.energy_export),
        )

    def _content_id(self) -> int:
        content = b"" if not self._options.repeats_count else str(self._count).encode()
        for topic in sorted(self._options.leading):
            message = self._messages.newest(topic)
            content += b"\0" + (b"" if message is None else message.payload)
        for phase in self._options.phases:
            message = None if phase.power is None else self._messages.newest(phase.power.topic)
            content += b"\0" + (b"" if message is None else message.payload)
        return zlib.crc32(content)

    def _phase(self, values: PhaseValues) -> PhaseReading | None:
        power_w = self._difference(values.power, values.export)
        current = self._number(values.current, MOST_CURRENT_A)
        voltage = self._number(values.voltage, MOST_VOLTAGE_V)
        if current is not None:
            self._quantum_a = min(current.step, self._quantum_a or current.step)
        if power_w is None and current is None and voltage is None:
            return None
        current_a = magnitude(None if current is None else current.value)
        return PhaseReading(power_w, current_a, None if voltage is None else voltage.value)

    def _difference(self, power: Value | None, export: Value | None) -> float | None:
        bought, sold = self._number(power, MOST_POWER_W), self._number(export, MOST_POWER_W)
        if bought is None or (export is not None and sold is None):
            return None
        return bought.value - (0.0 if sold is None else sold.value)

    def _number(self, value: Value | None, most: float) -> Number | None:
        return self._messages.number(value, self._options.max_age_s, most)

    def _energy_wh(self, value: Value | None) -> float | None:
        """A counter is what it was for as long as it does not say otherwise."""
        found = self._messages.number(value, float("inf"), MOST_ENERGY_KWH * 1000.0)
        return None if found is None else found.value
