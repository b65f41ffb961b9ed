"""The Home Assistant battery driver against a simulated Home Assistant on a real socket."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from battery_contract import BatteryBench, BatteryContract, ManualClock, Trouble, readback
from msgspec.structs import replace

from phasewise.devices.base import DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.batteries.home_assistant import HomeAssistantBattery, HomeAssistantBatteryOptions
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.home_assistant import TOKEN, HassFault, HomeAssistantServer
from phasewise.sim.servers.home_assistant_states import Context
from phasewise.sim.servers.home_assistant_units import HassMarstek

NODE_RED = Context("", user_id="somebody")
AUTOMATION = Context("", parent_id="what started it")
DEVICE = Context("")


class HassBench(BatteryBench):
    """One simulated Marstek behind a simulated Home Assistant."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.clock = ManualClock()
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.options = options
        self.battery = SimBattery(BatterySpec(capacity_wh=5120.0), now_s=self.clock.now_s())
        self.server = HomeAssistantServer(now=self.clock.now_s, utc=self.clock.utc_s)
        self.unit = HassMarstek(self.server, self.battery)

    def new_driver(self) -> HomeAssistantBattery:
        options = {"url": self.server.url, "token_file": self.token_file, **self.options}
        return HomeAssistantBattery(HomeAssistantBatteryOptions(**options), self.clock, reply_s=0.3)

    def trouble(self, trouble: Trouble) -> None:
        self.server.fault = HassFault(trouble.value)

    @property
    def true_power_w(self) -> float:
        return self.battery.ac_power_w

    @property
    def held_w(self) -> Sequence[float]:
        return self.unit.commands

    @property
    def write_count(self) -> int:
        return len(self.server.actions)

    @property
    def controlled(self) -> bool:
        return self.unit.controlled

    @property
    def own_mode(self) -> str:
        return self.server.states[self.unit.work_mode].state

    def advance(self) -> None:
        self.unit.advance()

    def move(self, entity_id: str, state: str, context: Context) -> None:
        """Somebody does something."""
        self.server.put(entity_id, state, context=replace(context, id=uuid.uuid4().hex))
        self.advance()

    def written(self) -> list[tuple[str, object]]:
        names = {"select_option": "option", "set_value": "value"}
        return [
            (action.entity_id.partition("marstek_m1_")[2], action.data[names[action.name.partition(".")[2]]])
            for action in self.server.actions
        ]


@asynccontextmanager
async def serving(folder: Path, **options: object) -> AsyncIterator[HassBench]:
    bench = HassBench(folder, **options)
    await bench.server.start()
    bench.driver = bench.new_driver()
    try:
        yield bench
    finally:
        await bench.driver.close()
        await bench.server.stop()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[HassBench]:
    async with serving(tmp_path) as served:
        yield served


class TestContract(BatteryContract):
    """Every law of the contract."""


async def test_telemetry_is_the_truth(bench: HassBench):
    await bench.driver.apply(1200.0)
    for _ in range(60):
        bench.clock.time_s += 15.0
        await bench.driver.apply(1200.0)
    bench.advance()
    reading = await bench.driver.read()
    battery = bench.battery
    assert reading.ac_power_w == pytest.approx(battery.ac_power_w, abs=1)
    assert reading.battery_power_w == pytest.approx(battery.dc_power_w, abs=1)
    assert reading.soc_pct == pytest.approx(battery.soc_pct, abs=0.06)
    assert reading.capacity_wh == 5120.0
    assert reading.temperature_c == 25.0
    assert reading.energy_charged_wh == pytest.approx(battery.charged_wh, abs=5.1)
    assert reading.state == "Charge"
    assert reading.told_phase is None


async def test_order_of_writes(bench: HassBench):
    await bench.driver.apply(500.0)
    assert bench.written() == [
        ("rs485_control_mode", "enable"),
        ("forcible_charge_power", 500.0),
        ("forcible_charge_discharge", "charge"),
    ]
    await bench.driver.apply(-800.0)
    assert bench.written()[3:] == [
        ("forcible_discharge_power", 800.0),
        ("forcible_charge_discharge", "discharge"),
    ]
    await bench.driver.release()
    assert bench.written()[5:] == [
        ("forcible_discharge_power", 0.0),
        ("forcible_charge_discharge", "stop"),
        ("forcible_charge_power", 0.0),
        ("rs485_control_mode", "disable"),
    ]


async def test_the_work_mode_is_put_back_when_it_was_changed(bench: HassBench):
    await bench.driver.apply(500.0)
    bench.server.put(bench.unit.work_mode, "manual", context=DEVICE)
    await bench.driver.release()
    assert bench.own_mode == "anti-feed"


async def test_a_second_writer_that_was_not_seen_yet_is_not_released_from(bench: HassBench):
    await bench.driver.apply(500.0)
    bench.move(bench.unit.charge_power, "900.0", NODE_RED)
    before = bench.write_count
    await bench.driver.release()
    assert bench.write_count == before
    assert bench.controlled


@pytest.mark.parametrize(
    ("moved", "state", "context", "who"),
    [
        ("number.marstek_m1_forcible_charge_power", "900.0", NODE_RED, "uses Home Assistant"),
        ("number.marstek_m1_forcible_charge_power", "20.0", NODE_RED, "uses Home Assistant"),
        ("select.marstek_m1_forcible_charge_discharge", "stop", AUTOMATION, "an automation"),
        ("select.marstek_m1_rs485_control_mode", "disable", NODE_RED, "uses Home Assistant"),
        ("number.marstek_m1_forcible_charge_power", "900.0", DEVICE, "outside Home Assistant"),
        ("select.marstek_m1_forcible_charge_discharge", "discharge", DEVICE, "outside Home Assistant"),
        ("number.marstek_m1_forcible_discharge_power", "700.0", NODE_RED, "uses Home Assistant"),
    ],
)
@pytest.mark.parametrize("read_first", [True, False])
async def test_a_second_writer_is_not_fought(
    bench: HassBench, moved: str, state: str, context: Context, who: str, read_first: bool
):
    await bench.driver.apply(600.0)
    bench.move(moved, state, context)
    before = bench.write_count
    if read_first:
        reading = await bench.driver.read()
        assert not reading.controllable
        assert f"{moved} was set to {state}" in reading.state
    with pytest.raises(DeviceRefused) as caught:
        await bench.driver.apply(650.0)
    said = str(caught.value)
    assert f"{moved} was set to {state}" in said
    assert who in said
    assert "5 minutes" in said
    await bench.driver.release()
    assert bench.write_count == before
    assert bench.server.states[moved].state == state


async def test_it_tries_again_after_five_quiet_minutes(bench: HassBench):
    await bench.driver.apply(600.0)
    bench.move(bench.unit.charge_power, "900.0", NODE_RED)
    with pytest.raises(DeviceRefused, match="in 300 s"):
        await bench.driver.apply(600.0)
    bench.clock.time_s += 200.0
    bench.move(bench.unit.charge_power, "850.0", NODE_RED)
    with pytest.raises(DeviceRefused, match="in 300 s"):
        await bench.driver.apply(600.0)
    bench.clock.time_s += 250.0
    bench.advance()
    assert not (await bench.driver.read()).controllable
    with pytest.raises(DeviceRefused, match=r"in \d\d? s at"):
        await bench.driver.apply(600.0)
    bench.clock.time_s += 301.0
    bench.advance()
    assert (await bench.driver.read()).controllable
    await bench.driver.apply(600.0)
    assert bench.held_w[-1] == 600.0


async def test_a_unit_that_is_stopped_again_and_again_is_left_alone(bench: HassBench):
    for _ in range(2):
        await bench.driver.apply(600.0)
        bench.clock.time_s += 5.0
        bench.move(bench.unit.mode, "stop", DEVICE)
        assert (await bench.driver.read()).controllable
    await bench.driver.apply(600.0)
    bench.move(bench.unit.mode, "stop", DEVICE)
    assert not (await bench.driver.read()).controllable
    with pytest.raises(DeviceRefused, match="3 times"):
        await bench.driver.apply(600.0)


async def test_a_device_that_rounds_or_limits_is_no_second_writer(bench: HassBench):
    await bench.driver.apply(600.0)
    bench.move(bench.unit.charge_power, "560.0", DEVICE)
    assert (await bench.driver.read()).controllable
    await bench.driver.apply(700.0)
    assert bench.held_w[-1] == 700.0


async def test_entities_that_show_a_command_late_are_waited_for(bench: HassBench):
    """As with entities that Home Assistant reads back from the device every 15 s."""
    for entity_id in (bench.unit.mode, bench.unit.charge_power):
        bench.server.handlers[entity_id] = lambda *_: None
    for power_w in (300.0, 400.0, 500.0):
        await bench.driver.apply(power_w)
        assert await readback(bench.driver) is None
        bench.clock.time_s += 4.0
        bench.advance()
    # The poll shows what was told 4 s ago, then what was told last.
    for power in ("400.0", "500.0"):
        bench.move(bench.unit.mode, "charge", DEVICE)
        bench.move(bench.unit.charge_power, power, DEVICE)
        reading = await bench.driver.read()
        assert reading.controllable
    assert reading.readback_w == 500.0


async def test_a_battery_that_is_lost_to_home_assistant_is_out_of_reach(bench: HassBench):
    bench.server.put("sensor.marstek_m1_ac_power", "unavailable")
    with pytest.raises(DeviceUnreachable, match=r"sensor\.marstek_m1_ac_power is unavailable"):
        await bench.driver.read()


async def test_frozen_values_are_not_taken_for_fresh(bench: HassBench):
    began_s = bench.clock.time_s
    await bench.driver.read()
    bench.clock.time_s += 60.0
    assert (await bench.driver.read()).time_s == began_s
    bench.clock.time_s += 61.0
    with pytest.raises(DeviceUnreachable, match="not reported for more than 120 s"):
        await bench.driver.read()
    bench.clock.time_s += 6.0
    bench.advance()
    assert (await bench.driver.read()).time_s == bench.clock.time_s


async def test_values_that_come_only_when_they_change_can_be_had(tmp_path: Path):
    async with serving(tmp_path, stale_s=0) as bench:
        await bench.driver.read()
        bench.clock.time_s += 5000.0
        assert (await bench.driver.read()).time_s == bench.clock.time_s


async def test_the_phase_that_was_chosen_in_home_assistant_is_told(bench: HassBench):
    options = {"options": ["Unassigned", "L1", "L2", "L3"]}
    for state, told in (("L2", "L2"), ("Unassigned", None), ("unavailable", None)):
        bench.server.put("input_select.marstek_m1_phase", state, options)
        assert (await bench.driver.read()).told_phase == told


async def test_entities_with_other_names_words_and_units(tmp_path: Path):
    async with serving(
        tmp_path,
        control_mode="switch.garage_control",
        mode="select.garage_force_mode",
        charge_power="number.garage_charge",
        discharge_power="number.garage_discharge",
        ac_power="sensor.garage_power",
        ac_power_positive="charging",
        work_mode="none",
    ) as bench:
        put = bench.server.put
        put("switch.garage_control", "off")
        put("select.garage_force_mode", "Standby", {"options": ["Standby", "Charge", "Discharge"]})
        for name in ("charge", "discharge"):
            put(f"number.garage_{name}", "0", {"min": 0, "max": 5, "step": 0.1, "unit_of_measurement": "kW"})
        put("sensor.garage_power", "-1.25", {"unit_of_measurement": "kW"})
        await bench.driver.apply(-1500.0)
        states = {name: state.state for name, state in bench.server.states.items() if "garage" in name}
        assert states["switch.garage_control"] == "on"
        assert states["number.garage_discharge"] == "1.5"
        assert states["select.garage_force_mode"] == "Discharge"
        reading = await bench.driver.read()
        assert (reading.ac_power_w, reading.readback_w) == (-1250.0, -1500.0)
        await bench.driver.release()
        assert bench.server.states["switch.garage_control"].state == "off"


async def test_a_wrong_token_and_a_missing_one_are_said(bench: HassBench):
    bench.token_file.write_text("another")
    with pytest.raises(DeviceRefused, match=r"refused the token in .*token"):
        await bench.driver.read()
    bench.token_file.unlink()
    with pytest.raises(DeviceError, match="cannot be read"):
        await bench.driver.read()
    bench.token_file.write_text(TOKEN)
    assert (await bench.driver.read()).soc_pct == 50.0


async def test_the_add_on_needs_no_token_file(bench: HassBench, monkeypatch: pytest.MonkeyPatch):
    options = HomeAssistantBatteryOptions(url=bench.server.url)
    driver = HomeAssistantBattery(options, bench.clock)
    with pytest.raises(DeviceError, match="token_file"):
        await driver.read()
    monkeypatch.setenv("SUPERVISOR_TOKEN", TOKEN)
    assert (await driver.read()).soc_pct == 50.0
    await driver.close()


async def test_an_entity_that_is_missing_is_named(bench: HassBench):
    bench.server.remove(bench.unit.mode)
    with pytest.raises(DeviceError, match=r"no select\.marstek_m1_forcible_charge_discharge"):
        await bench.driver.apply(500.0)
    assert bench.write_count == 0


async def test_a_power_beyond_the_entitys_own_range_is_refused_by_name(bench: HassBench):
    attributes = {"min": 0, "max": 800, "step": 1, "unit_of_measurement": "W"}
    bench.server.put(bench.unit.charge_power, "0.0", attributes)
    with pytest.raises(DeviceRefused, match="outside valid range"):
        await bench.driver.apply(1000.0)


async def test_without_a_control_mode_no_watchdog_is_promised():
    options = HomeAssistantBatteryOptions(control_mode="none", rated_w=800)
    capabilities = HomeAssistantBattery.capabilities_of(options)
    assert (capabilities.watchdog_s, capabilities.keep_alive_s, capabilities.max_charge_w) == (
        None,
        None,
        800,
    )


async def test_a_battery_with_the_least_there_can_be(tmp_path: Path):
    absent = ("battery_power", "state", "temperature", "capacity", "energy_charged", "energy_discharged")
    none = dict.fromkeys((*absent, "phase_select", "control_mode", "work_mode"), "none")
    async with serving(tmp_path, **none) as bench:
        bench.server.act("select.select_option", bench.unit.control, {"option": "enable"}, NODE_RED)
        await bench.driver.apply(-700.0)
        await bench.settle()
        reading = await bench.driver.read()
        assert (reading.ac_power_w, reading.readback_w, reading.soc_pct) == (-700.0, -700.0, 50.0)
        assert (reading.state, reading.capacity_wh) == (None, None)
        bench.clock.time_s += 121.0
        with pytest.raises(DeviceUnreachable, match="not reported"):
            await bench.driver.read()
        await bench.driver.release()
        assert bench.held_w[-1] == 0.0


@pytest.mark.parametrize("needed", ["ac_power", "soc", "mode", "charge_power", "discharge_power"])
def test_what_cannot_be_done_without_cannot_be_none(needed: str):
    with pytest.raises(ValueError, match=needed):
        HomeAssistantBatteryOptions(**{needed: "none"})
