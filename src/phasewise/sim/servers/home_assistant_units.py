"""What stands behind a simulated Home Assistant: the entities of a Marstek, and those of a P1 meter."""

import asyncio
from collections.abc import Callable

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.home_assistant import HassFault, HomeAssistantServer
from phasewise.sim.servers.home_assistant_states import Context
from phasewise.sim.servers.tasks import end

WATCHDOG_S = 105.0
"""Without a refresh a Marstek lets go of control after 90 to 120 s."""
TICK_S = 0.2


class HassMarstek:
    """The entities of one Marstek, under the names that existing set-ups have. In `ac_power` discharging is
    positive; everywhere else here charging is."""

    def __init__(
        self,
        server: HomeAssistantServer,
        battery: SimBattery,
        prefix: str = "marstek_m1",
        *,
        phase: str | None = None,
    ) -> None:
        self.battery = battery
        self.prefix = prefix
        self.commands: list[float] = []
        """Every change of the power that the entities tell it to run at, charging positive."""
        self._server = server
        self._told_w = 0.0
        self._refreshed_s = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self.control = f"select.{prefix}_rs485_control_mode"
        self.mode = f"select.{prefix}_forcible_charge_discharge"
        self.charge_power = f"number.{prefix}_forcible_charge_power"
        self.discharge_power = f"number.{prefix}_forcible_discharge_power"
        self.work_mode = f"select.{prefix}_user_work_mode"
        put = server.put
        put(self.control, "disable", {"options": ["disable", "enable"]})
        put(self.mode, "stop", {"options": ["stop", "charge", "discharge"]})
        for number in (self.charge_power, self.discharge_power):
            put(number, "0.0", {"min": 0, "max": 2500, "step": 1, "unit_of_measurement": "W"})
        put(self.work_mode, "anti-feed", {"options": ["manual", "anti-feed", "ai"]})
        if phase is not None:
            put(f"input_select.{prefix}_phase", phase, {"options": ["Unassigned", "L1", "L2", "L3"]})
        for entity_id in (self.control, self.mode, self.charge_power, self.discharge_power, self.work_mode):
            server.handlers[entity_id] = self._carry_out
        server.on_fault.append(self._on_fault)
        self.advance()

    @property
    def controlled(self) -> bool:
        """Whether control is enabled."""
        return self._server.states[self.control].state == "enable"

    async def start(self) -> None:
        """Let its telemetry be read, in real time."""
        self._task = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """No more telemetry. Idempotent."""
        await end(self._task)

    def advance(self) -> None:
        """Bring the unit, its watchdog and its sensors up to the clock."""
        now_s = self._server.now()
        if self.controlled and now_s - self._refreshed_s > WATCHDOG_S:
            self._server.put(self.control, "disable")
        self._obey()
        self.battery.advance(now_s)
        self._report()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.advance()

    def _report(self) -> None:
        if self._server.fault in {HassFault.REPLAY, HassFault.SILENT, HassFault.DOWN}:
            return
        battery, garbage = self.battery, self._server.fault is HassFault.GARBAGE
        for name, value, unit in (
            ("ac_power", f"{-battery.ac_power_w:.0f}", "W"),
            ("battery_power", f"{battery.dc_power_w:.0f}", "W"),
            ("battery_state_of_charge", f"{battery.soc_pct:.1f}", "%"),
            ("internal_temperature", "25.0", "°C"),
            ("battery_total_energy", f"{battery.spec.capacity_wh / 1000:.2f}", "kWh"),
            ("lifetime_charging_energy", f"{battery.charged_wh / 1000:.2f}", "kWh"),
            ("lifetime_discharging_energy", f"{battery.discharged_wh / 1000:.2f}", "kWh"),
        ):
            said = "garbage" if garbage else value
            self._server.put(f"sensor.{self.prefix}_{name}", said, {"unit_of_measurement": unit})
        power_w = battery.ac_power_w
        word = "Standby" if not power_w else "Charge" if power_w > 0 else "Discharge"
        self._server.put(f"sensor.{self.prefix}_inverter_state", word)

    def _carry_out(self, entity_id: str, value: str, context: Context) -> None:
        if self._server.fault is HassFault.IGNORES:
            return
        if entity_id == self.control and value == "enable":
            self._refreshed_s = self._server.now()
        self._server.put(entity_id, value, context=context)
        self.advance()

    def _obey(self) -> None:
        """Run at what the entities say."""
        states = self._server.states
        power_w = 0.0
        if self.controlled and states[self.mode].state == "charge":
            power_w = float(states[self.charge_power].state)
        elif self.controlled and states[self.mode].state == "discharge":
            power_w = -float(states[self.discharge_power].state)
        if power_w != self._told_w:
            self._told_w = power_w
            self.commands.append(power_w)
            self.battery.command(power_w, self._server.now())

    def _on_fault(self) -> None:
        if self._server.fault is HassFault.LOSES_CONTROL:
            self._server.put(self.control, "disable")
        ignores = self._server.fault is HassFault.IGNORES
        self.battery.fault = BatteryFault.IGNORES if ignores else BatteryFault.NONE
        self.advance()


class HassMeter:
    """The entities of a P1 meter, under the names that existing set-ups have."""

    def __init__(
        self,
        server: HomeAssistantServer,
        source: Callable[[], MeterSample | None],
        *,
        cadence_s: float = 1.0,
        name: str = "p1_meter",
    ) -> None:
        """`source` tells what the meter measures now; None for nothing new."""
        self.source = source
        self.poor = False
        """Only powers: no currents, no voltages."""
        self._server = server
        self._cadence_s = cadence_s
        self._name = name
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Report, in real time."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """No more reports. Idempotent."""
        await end(self._task)

    async def _run(self) -> None:
        while True:
            if self._server.fault is HassFault.REPLAY:
                self._server.replay()
            elif self._server.fault not in {HassFault.SILENT, HassFault.DOWN}:
                sample = self.source()
                if sample is not None:
                    self._report(sample)
            await asyncio.sleep(self._cadence_s)

    def _report(self, sample: MeterSample) -> None:
        fault = self._server.fault
        factor = 1000.0 if fault is HassFault.ABSURD else 1.0
        total = f"{factor * sample.total_w:.0f}"
        words = {HassFault.GARBAGE: "garbage", HassFault.NAN: "nan", HassFault.NO_TOTAL: "unavailable"}
        total = words.get(fault, total)
        for index in range(3):
            phase = f"l{index + 1}"
            self._say(f"{phase}_power", f"{factor * sample.power_w[index]:.0f}", "W")
            if self.poor:
                self._server.remove(f"sensor.{self._name}_{phase}_current")
                self._server.remove(f"sensor.{self._name}_{phase}_voltage")
            else:
                self._say(f"{phase}_current", f"{factor * sample.current_a[index]:.1f}", "A")
                self._say(f"{phase}_voltage", f"{sample.voltage_v[index]:.1f}", "V")
        self._say("energy_import", f"{sample.energy_import_wh / 1000:.3f}", "kWh")
        self._say("energy_export", f"{sample.energy_export_wh / 1000:.3f}", "kWh")
        self._say("power", total, "W")

    def _say(self, quantity: str, value: str, unit: str) -> None:
        self._server.put(f"sensor.{self._name}_{quantity}", value, {"unit_of_measurement": unit})
