"""A meter that is known to Home Assistant: its entities, whichever integration makes them."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from typing import Annotated, ClassVar, Self

from pydantic import Field

from phasewise.devices.base import Clock, DeviceError, DeviceUnreachable, DriverOptions
from phasewise.devices.home_assistant import (
    NAME,
    REPLY_S,
    Entity,
    EntityName,
    HomeAssistantOptions,
)
from phasewise.devices.quantities import decimals, in_our_unit
from phasewise.model import GridReading, PhaseReading

QUIET_S = 2.5
"""After so long without news it is asked whether the old value was confirmed since; less than a lost meter
takes to be noticed."""
MAX_AGE_S = 60.0
"""What was last reported longer ago is not used: it may have been so for hours. A meter every 30 s still
works."""
STILL_S = 10.0
"""After so long without a report it is said."""
BURST_S = 0.05
BURST_MAX_S = 0.25
"""An integration reports its entities one after the other: they are taken together when none has come for so
long."""
RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
"""Pause before the next attempt: doubled each time."""
ABSURD_W = 100_000.0
ABSURD_A = 400.0
"""Three times 80 A at 230 V is 55 kW, the largest connection of a home: more is a wrong unit."""


class HomeAssistantMeterOptions(HomeAssistantOptions):
    """Settings of a meter whose values are entities of Home Assistant. Entities that do not exist are left
    out, but for the total power."""

    power: Annotated[str, Field(pattern=NAME)] = "sensor.p1_meter_power"
    """Total power, import positive."""
    power_l1: EntityName = "sensor.p1_meter_l1_power"
    """Power of L1, import positive; likewise for L2 and L3."""
    power_l2: EntityName = "sensor.p1_meter_l2_power"
    """Power of L2."""
    power_l3: EntityName = "sensor.p1_meter_l3_power"
    """Power of L3."""
    current_l1: EntityName = "sensor.p1_meter_l1_current"
    """Current of L1."""
    current_l2: EntityName = "sensor.p1_meter_l2_current"
    """Current of L2."""
    current_l3: EntityName = "sensor.p1_meter_l3_current"
    """Current of L3."""
    voltage_l1: EntityName = "sensor.p1_meter_l1_voltage"
    """Voltage of L1."""
    voltage_l2: EntityName = "sensor.p1_meter_l2_voltage"
    """Voltage of L2."""
    voltage_l3: EntityName = "sensor.p1_meter_l3_voltage"
    """Voltage of L3."""
    export_power: EntityName | None = None
    """Where import and export are entities of their own, both positive: the one that is exported, in total.
    It is subtracted from `power`."""
    export_power_l1: EntityName | None = None
    """The same of L1."""
    export_power_l2: EntityName | None = None
    """The same of L2."""
    export_power_l3: EntityName | None = None
    """The same of L3."""
    energy_import: EntityName = "sensor.p1_meter_energy_import"
    """Energy imported so far."""
    energy_export: EntityName = "sensor.p1_meter_energy_export"
    """Energy exported so far."""
    sample_age_s: float = Field(
        default=1.0, ge=0.0, le=60.0, allow_inf_nan=False, json_schema_extra={"x-advanced": True}
    )
    """How old a value of the meter is when Home Assistant gets it."""


class _Unusable(Exception):  # noqa: N818 - never leaves this module
    """What the entities say cannot be used."""


class HomeAssistantMeter:
    """A `MeterDriver`."""

    options_model: ClassVar[type[DriverOptions]] = HomeAssistantMeterOptions

    def __init__(
        self,
        options: HomeAssistantMeterOptions,
        clock: Clock,
        *,
        quiet_s: float = QUIET_S,
        reply_s: float = REPLY_S,
    ) -> None:
        """`quiet_s` and `reply_s` instead of the usual are for tests."""
        self._options = options
        self._clock = clock
        self._quiet_s = quiet_s
        names = set(HomeAssistantMeterOptions.model_fields) - {"url", "token_file", "sample_age_s"}
        self._ids: dict[str, str] = {name: given for name in names if (given := getattr(options, name))}
        from phasewise.devices.home_assistant_link import (  # noqa: PLC0415 - only where it is used
            HomeAssistant,
        )

        self._link = HomeAssistant(options, set(self._ids.values()), clock, reply_s=reply_s)
        self._total = self._ids["power"]
        self._closed = asyncio.Event()
        self._rejected = 0
        self._decimals = 0
        """The most that a current was seen with."""
        self._judged_utc_s = float("-inf")
        """Which content was last made a reading of, or thrown away."""
        self._status: str | None = f"Connecting to Home Assistant at {self._link.url}."

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, HomeAssistantMeterOptions):
            raise TypeError(f"HomeAssistantMeter needs its own options, not {type(options).__name__}")
        return cls(options, clock)

    @property
    def status(self) -> str | None:
        """None while all is well, else a sentence: what was tried, what came back, what is next."""
        return self._status

    @property
    def rejected(self) -> int:
        """How often the entities said something that was thrown away."""
        return self._rejected

    async def close(self) -> None:
        """Give up the connection; `readings` then ends. Idempotent."""
        self._closed.set()
        await self._link.close()

    async def readings(self) -> AsyncGenerator[GridReading, None]:
        """One reading per change or confirmation of the total. Ends only after `close`."""
        retry_s = RETRY_MIN_S
        try:
            while not self._closed.is_set():
                try:
                    await self._begin()
                    while not self._closed.is_set():
                        reading = await self._next()
                        if reading is not None:
                            retry_s = RETRY_MIN_S
                            yield reading
                except DeviceError as error:
                    text = str(error)
                    self._status = f"{text[:1].upper()}{text[1:]}. Next attempt in {retry_s:g} s."
                if self._closed.is_set():
                    return
                await self._clock.sleep(retry_s)
                retry_s = min(2.0 * retry_s, RETRY_MAX_S)
        finally:
            await self._link.close()

    async def _begin(self) -> None:
        """Connect. What is there already has been judged before, or is of unknown age: what comes counts."""
        link = self._link
        await link.open()
        await link.freshen(0.0)
        self._judged_utc_s = self._heard_utc_s()
        self._status = f"Connected to Home Assistant at {link.url}, waiting for what {self._total} says next."
        if (total := link.entities.get(self._total)) is not None and not total.known:
            self._status = f"{total.id} is {total.state or 'empty'} in Home Assistant at {link.url}."
        link.news.clear()

    async def _next(self) -> GridReading | None:
        """Wait for news, or for a while; what there is then. Raises DeviceError."""
        link = self._link
        try:
            async with asyncio.timeout(self._quiet_s):
                await link.news.wait()
            await self._burst()
        except TimeoutError:
            await link.ping()
        if self._closed.is_set():
            return None
        if not link.is_open:
            raise DeviceUnreachable(f"the connection to Home Assistant at {link.url} ended")
        await link.freshen(self._quiet_s, {self._total})
        await link.freshen(4.0 * self._quiet_s)
        heard_utc_s = self._heard_utc_s()
        if heard_utc_s == self._judged_utc_s:
            self._say_still()
            return None
        self._judged_utc_s = heard_utc_s
        try:
            reading = self._reading()
        except _Unusable as error:
            self._rejected += 1
            self._status = f"Home Assistant at {link.url} gives no usable reading: {error}."
            return None
        self._status = None
        return reading

    async def _burst(self) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + BURST_MAX_S
        while self._link.news.is_set() and loop.time() < end_s:
            self._link.news.clear()
            await asyncio.sleep(BURST_S)

    def _heard_utc_s(self) -> float:
        """Home Assistant's time of the newest that it says of the total."""
        total = self._link.entities.get(self._total)
        return float("-inf") if total is None else total.changed_utc_s

    def _say_still(self) -> None:
        total = self._link.entities.get(self._total)
        if total is None:
            self._status = (
                f"Home Assistant at {self._link.url} has no {self._total}. Look up what the meter's "
                "total power is called there; it is used as soon as it appears."
            )
        elif self._age_s(total) > STILL_S:
            self._status = (
                f"{total.id} has not been reported for {self._age_s(total):.0f} s, though Home Assistant "
                f"at {self._link.url} answers. Look at the integration that it comes from; it is awaited."
            )

    def _age_s(self, entity: Entity) -> float:
        return self._clock.now_s() - entity.reported_s

    def _reading(self) -> GridReading:
        """Raises _Unusable."""
        total = self._link.entities[self._total]
        if not total.known:
            raise _Unusable(f"{total.id} is {total.state or 'empty'}")
        if self._age_s(total) > MAX_AGE_S:
            raise _Unusable(f"{total.id} was last reported {self._age_s(total):.0f} s ago")
        total_w = self._power_w("power", "export_power")
        if total_w is None:
            raise _Unusable(f"{self._ids['export_power']} says nothing")
        phases = [self._phase(f"l{n}") for n in (1, 2, 3)]
        has_current = any(phase is not None and phase.current_a is not None for phase in phases)
        quantum_a = 10.0**-self._decimals if has_current else None
        return GridReading(
            received_s=self._clock.now_s(),
            total_power_w=total_w,
            phases=(phases[0], phases[1], phases[2]),
            sample_age_s=min(self._options.sample_age_s + self._age_s(total), 60.0),
            meter_time_s=total.changed_utc_s,
            content_id=self._content_id(total),
            current_quantum_a=quantum_a,
            current_allowance_a=(quantum_a or 0.0) / 2.0,
            energy_import_wh=self._value("energy_import", "wh"),
            energy_export_wh=self._value("energy_export", "wh"),
        )

    def _phase(self, phase: str) -> PhaseReading | None:
        power_w = self._power_w(f"power_{phase}", f"export_power_{phase}")
        current_a = self._value(f"current_{phase}", "a")
        voltage_v = self._value(f"voltage_{phase}", "v")
        if power_w is None and current_a is None and voltage_v is None:
            return None
        if current_a is not None:
            said = self._link.entities[self._ids[f"current_{phase}"]]
            self._decimals = max(self._decimals, min(decimals(said.state), 3))
            current_a = abs(current_a)
        return PhaseReading(power_w, current_a, voltage_v)

    def _power_w(self, name: str, export_name: str) -> float | None:
        power_w = self._value(name, "w")
        if power_w is None or export_name not in self._ids:
            return power_w
        export_w = self._value(export_name, "w")
        return None if export_w is None else power_w - export_w

    def _value(self, name: str, unit: str) -> float | None:
        """None where it does not exist, says nothing, or has said nothing for too long. Raises _Unusable."""
        entity = self._link.entities.get(self._ids[name])
        if entity is None or not entity.known:
            return None
        if unit != "wh" and self._age_s(entity) > MAX_AGE_S:
            return None
        try:
            value = in_our_unit(entity.state, entity.attributes.get("unit_of_measurement"), unit)
        except ValueError as error:
            raise _Unusable(f"{entity.id} {error}") from error
        if abs(value) > {"w": ABSURD_W, "a": ABSURD_A}.get(unit, float("inf")):
            said = f"{entity.state} {entity.attributes.get('unit_of_measurement') or ''}".strip()
            raise _Unusable(f"{entity.id} says {said}: more than any home draws")
        return value

    def _content_id(self, total: Entity) -> int:
        known = self._link.entities
        states = [known[entity_id].state for entity_id in sorted(self._ids.values()) if entity_id in known]
        return zlib.crc32(repr((total.changed_utc_s, states)).encode())
