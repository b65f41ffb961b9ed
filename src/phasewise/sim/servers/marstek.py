"""A simulated Marstek Venus on a real Modbus port, true to its registers, its watchdog and its whims.

Written from the facts in docs/devices/marstek.md, independently of the driver. In the registers
discharging is positive; everywhere else here charging is.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.servers.modbus import Fault, IllegalAddressError, LineRules, ModbusServer
from phasewise.sim.servers.tasks import end

CONTROL_ENABLED, CONTROL_DISABLED = 0x55AA, 0x55BB
MANUAL, ANTI_FEED, TRADE = 0, 1, 2
STANDBY, CHARGING, DISCHARGING = 1, 2, 3
UNCONTROLLABLE_STATES = (4, 5, 6)
BACKUP_OFF = 1
WATCHDOG_S = 105.0
"""Without a refresh the device lets go of control after 90 to 120 s."""
TICK_S = 0.2
"""How often the watchdog looks, in real time."""
TEMPERATURE_C = 25.0

MODELS = ("venus-e-v2", "venus-e-v3", "venus-a", "venus-d")
RATED_W = {"venus-e-v2": 2500, "venus-e-v3": 2500, "venus-a": 1500, "venus-d": 2500}
BRIDGE_RULES = LineRules(single_connection=False, frame_pause_s=0.05)
ETHERNET_RULES = LineRules(single_connection=True, frame_pause_s=0.15, reopen_wait_s=1.0, settle_s=0.2)


class Command(Struct, frozen=True):
    """A power that the unit was made to run at, charging positive, from `time_s` on."""

    time_s: float
    power_w: float


class MarstekServer(ModbusServer):
    """One unit. `now` is its clock: the battery's, and that of the watchdog."""

    def __init__(
        self,
        battery: SimBattery,
        *,
        model: str,
        now: Callable[[], float],
        host: str = "127.0.0.1",
        port: int = 0,
        rtu: bool = False,
        rules: LineRules | None = None,
        newer_firmware: bool = False,
    ) -> None:
        """`rtu`: behind a transparent RS485 bridge. `newer_firmware`: SoC where newer E v3 have it, and no
        reading across registers that do not exist."""
        usual = BRIDGE_RULES if model == "venus-e-v2" else ETHERNET_RULES
        super().__init__(now=now, rules=rules or usual, rtu=rtu, host=host, port=port)
        if model not in MODELS:
            raise ValueError(f"unknown model {model!r}; allowed: {', '.join(MODELS)}")
        self.battery = battery
        self.model = model
        self.newer_firmware = newer_firmware
        self.state_override: int | None = None
        """An inverter state to show (4 backup, 5 update, 6 bypass: then it takes no commands)."""
        self.pv_w = 0.0
        """Power of the PV inputs of an A or D, >= 0."""
        self.own_programme_w = 0.0
        """What it does by itself when nobody controls it and its work mode is not manual."""
        self.commands: list[Command] = []
        """Every change of the power that the registers tell it to run at."""
        rated_w = RATED_W[model]
        self._settings = {
            41200: BACKUP_OFF,
            42000: CONTROL_DISABLED,
            42010: 0,
            42020: 0,
            42021: 0,
            43000: ANTI_FEED,
            44002: rated_w,
            44003: rated_w,
        }
        self._refreshed_s = float("-inf")
        self._told_w = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, and let the watchdog run."""
        await super().start()
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Drop all clients and stop. Idempotent."""
        await end(self._task)
        await super().stop()

    @property
    def controlled(self) -> bool:
        """Whether control is enabled."""
        return self._settings[42000] == CONTROL_ENABLED

    @property
    def force_mode(self) -> int:
        """0 none, 1 charge, 2 discharge."""
        return self._settings[42010]

    @property
    def work_mode(self) -> int:
        """What the unit does by itself: 0 manual, 1 anti-feed, 2 trade."""
        return self._settings[43000]

    @work_mode.setter
    def work_mode(self, mode: int) -> None:
        self._settings[43000] = mode
        self.advance()

    @property
    def registers(self) -> dict[int, int]:
        """Every register there is, and the word in it now."""
        self.advance()
        return self._settings | self._telemetry()

    def read_register(self, address: int) -> int:
        """As the real one; what does not exist is refused."""
        try:
            return self.registers[address]
        except KeyError:
            if address in self._gap:
                return 0
            raise IllegalAddressError(address) from None

    def write_register(self, address: int, value: int) -> None:
        """As the real one: force mode and powers only count while control is enabled."""
        self.advance()
        if address not in self._settings:
            raise IllegalAddressError(address)
        if address in (42010, 42020, 42021) and not self.controlled:
            return
        if address == 42000:
            self._switch_control(value)
        else:
            self._settings[address] = value
        self.advance()

    def on_fault(self) -> None:
        """Faults of the unit itself, not of its line."""
        self.battery.fault = BatteryFault.INVERTED if self.fault is Fault.INVERTED else BatteryFault.NONE
        if self.fault is Fault.LOSES_CONTROL:
            self._let_go()
        self.advance()

    def advance(self) -> None:
        """Bring watchdog and battery up to now."""
        now_s = self.now()
        if self.controlled and now_s - self._refreshed_s > WATCHDOG_S:
            self._let_go()
        power_w = self._wanted_w()
        if power_w != self._told_w:
            self._told_w = power_w
            self.commands.append(Command(now_s, power_w))
            self.battery.command(power_w, now_s)
        self.battery.advance(now_s)

    @property
    def _gap(self) -> range:
        """Addresses without a meaning that are read as 0."""
        return range(0) if self.newer_firmware or self.model == "venus-e-v2" else range(30001, 30007)

    def _switch_control(self, value: int) -> None:
        if value == CONTROL_ENABLED:
            if not self.controlled:
                # Being controlled, the unit shows itself as manual.
                self._settings[43000] = MANUAL
            self._settings[42000] = CONTROL_ENABLED
            self._refreshed_s = self.now()
        elif value == CONTROL_DISABLED:
            self._settings[42000] = CONTROL_DISABLED

    def _let_go(self) -> None:
        self._settings |= {42000: CONTROL_DISABLED, 42010: 0, 42020: 0, 42021: 0}

    def _wanted_w(self) -> float:
        if self.state_override in UNCONTROLLABLE_STATES:
            return 0.0
        if not self.controlled:
            return 0.0 if self.work_mode == MANUAL else self.own_programme_w
        mode = self._settings[42010]
        if mode == 1:
            return float(min(self._settings[42020], self._settings[44002]))
        if mode == 2:
            return -float(min(self._settings[42021], self._settings[44003]))
        return 0.0

    def _state(self) -> int:
        if self.state_override is not None:
            return self.state_override
        if self.battery.dc_power_w == 0:
            return STANDBY
        return CHARGING if self.battery.dc_power_w > 0 else DISCHARGING

    def _telemetry(self) -> dict[int, int]:
        battery = self.battery
        words = {
            32105: round(battery.spec.capacity_wh),
            35000: round(TEMPERATURE_C * 10),
            35100: self._state(),
            **_int32(33000, battery.charged_wh / 10),
            **_int32(33002, battery.discharged_wh / 10),
        }
        soc_pct = battery.soc_pct
        ac_out_w = self.pv_w - battery.ac_power_w
        if self.model == "venus-e-v2":
            words |= {32100: 5200, 32101: 0, 32104: round(soc_pct)}
            return words | _int32(32102, battery.dc_power_w) | _int32(32202, ac_out_w) | _int32(32302, 0)
        words |= {30001: _int16(battery.dc_power_w), 30006: _int16(ac_out_w), 30100: 5200, 30101: 0, 32302: 0}
        if self.model == "venus-e-v3":
            return words | ({34002: round(10 * soc_pct)} if self.newer_firmware else {37005: round(soc_pct)})
        inputs = {30037 + n: round(10 * self.pv_w / 4) for n in range(4)}
        return words | {32104: round(soc_pct)} | inputs

    async def _watch(self) -> None:
        while True:
            self.advance()
            await asyncio.sleep(TICK_S)


def _int16(value: float) -> int:
    return round(value) & 0xFFFF


def _int32(address: int, value: float) -> dict[int, int]:
    whole = round(value) & 0xFFFFFFFF
    return {address: whole >> 16, address + 1: whole & 0xFFFF}
