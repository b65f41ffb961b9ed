"""A configuration from what an existing set-up has in Home Assistant."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import load_config, parse_config
from phasewise.devices.meters.home_assistant import HomeAssistantMeterOptions
from phasewise.registry import load_plugins
from phasewise.setup.import_ha import Imported, Known, configuration, convert
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.home_assistant import TOKEN, HomeAssistantServer
from phasewise.sim.servers.home_assistant_units import HassMarstek

ACCESS = {"url": "http://ha:8123", "token_file": "token"}
REGISTRY = load_plugins().registry()
WATT, PERCENT = {"unit_of_measurement": "W"}, {"unit_of_measurement": "%"}
P1 = {
    "sensor.p1_meter_power": ("312", WATT),
    **{f"sensor.p1_meter_l{n}_power": ("104", WATT) for n in (1, 2, 3)},
}
BATTERY = {
    "sensor.marstek_m1_ac_power": ("0", WATT),
    "select.marstek_m1_forcible_charge_discharge": ("stop", {}),
}
RICH = {
    **P1,
    **BATTERY,
    "sensor.marstek_m1_device_name": ("VenusE", {}),
    "number.marstek_m1_max_charge_power": ("1800", WATT),
    "number.marstek_m1_max_discharge_power": ("2500", WATT),
    "number.marstek_m1_forcible_charge_power": ("0", WATT | {"max": 2500}),
    "input_number.marstek_m1_charging_cutoff_capacity": ("95.0", PERCENT),
    "input_number.marstek_m1_discharging_cutoff_capacity": ("15.0", PERCENT),
    "input_select.marstek_m1_phase": ("L2", {}),
    "sensor.marstek_m2_ac_power": ("0", WATT),
    "number.marstek_m2_forcible_charge_power": ("0", WATT | {"max": 800}),
    "input_select.marstek_m2_phase": ("Unassigned", {}),
    "sensor.marstek_m3_ac_power": ("0", WATT),
    "input_number.house_battery_count": ("2.0", {}),
    "input_number.house_battery_control_prioritize_battery": ("2.0", {}),
    "input_select.house_battery_control_priority_change_interval": ("Weekly", {}),
    "input_select.house_battery_strategy": ("Timed", {}),
    "input_number.house_target_grid_consumption_in_w": ("-50.0", WATT),
    "input_boolean.house_battery_control_has_power_limit_import": ("on", {}),
    "input_number.house_battery_control_power_limit_import": ("4000.0", WATT),
    "input_boolean.house_battery_control_has_power_limit_export": ("off", {}),
    "input_number.house_battery_control_power_limit_export": ("3000.0", WATT),
    "input_select.house_battery_strategy_charge_goal": ("state of charge", {}),
    "input_number.house_battery_strategy_charge_target_soc": ("80.0", PERCENT),
    "input_select.house_battery_strategy_sell_goal": ("energy reserve", {}),
    "input_number.house_battery_strategy_sell_target_energy": ("2.5", {}),
    "input_select.house_battery_strategy_timed_strat_0": ("Self-consumption", {}),
    "input_select.house_battery_strategy_timed_strat_a": ("Charge", {}),
    "input_datetime.house_battery_strategy_timed_period_a1": ("02:00:00", {}),
    "input_datetime.house_battery_strategy_timed_period_a2": ("05:30:00", {}),
    "input_select.house_battery_strategy_timed_strat_b": ("Sell", {}),
    "input_datetime.house_battery_strategy_timed_period_b1": ("18:00:00", {}),
    "input_datetime.house_battery_strategy_timed_period_b2": ("20:00:00", {}),
    "input_boolean.house_battery_strategy_timed_has_period_b": ("on", {}),
    "input_select.house_battery_strategy_timed_strat_c": ("Sell", {}),
    "input_boolean.house_battery_strategy_timed_has_period_c": ("off", {}),
    "input_number.house_battery_strategy_dynamic_threshold_delta": ("7.0", {}),
    "input_select.house_battery_strategy_dynamic_data_source": ("Zonneplan", {}),
    "input_number.house_battery_control_kp": ("0.65", {}),
    "input_text.house_battery_strategy_ev_sensor_entity_id": ("input_boolean.ev", {}),
}


def imported(states: dict[str, tuple[str, dict]], settings: dict | None = None) -> Imported:
    entities = {name: Known(state, attributes) for name, (state, attributes) in states.items()}
    return convert(entities, settings or {}, ACCESS, HomeAssistantMeterOptions)


def values(states: dict[str, tuple[str, dict]], settings: dict | None = None) -> dict:
    """What the file says; it is correct."""
    text = imported(states, settings).file.text("home.yaml")
    parse_config(text, Path("home.yaml"), REGISTRY)
    return YAML(typ="safe").load(text)


def test_everything_that_has_a_counterpart_is_taken_over() -> None:
    found = values(RICH, {"location_name": "Ons huis", "time_zone": "Europe/Brussels"})
    own = {"driver": "home-assistant", **ACCESS}
    assert found["site"] == {"name": "Ons huis", "main_fuse_a": 25, "time_zone": "Europe/Brussels"}
    assert found["meter"] == own
    assert found["batteries"] == [
        {
            "id": "m1",
            "name": "VenusE M1",
            **own,
            "prefix": "marstek_m1",
            "phase": "L2",
            "max_charge_w": 1800,
            "min_soc_pct": 15,
            "max_soc_pct": 95,
        },
        {"id": "m2", "name": "Marstek M2", **own, "prefix": "marstek_m2", "rated_w": 800},
    ]
    assert found["control"] == {
        "strategy": "timed",
        "target_grid_w": -50,
        "priority": ["m2", "m1"],
        "cycle": "weekly",
        "peak": {"import_w": 4000},
        "charge": {"goal": "soc", "soc_pct": 80},
        "sell": {"goal": "energy", "energy_kwh": 2.5},
        "timed": {
            "default": "self-consumption",
            "windows": [
                {"start": "02:00", "end": "05:30", "strategy": "charge"},
                {"start": "18:00", "end": "20:00", "strategy": "sell"},
            ],
        },
        "dynamic": {"min_spread_eur_kwh": 0.07},
    }


def test_what_has_none_is_told() -> None:
    left = "\n".join(imported(RICH).left)
    assert "Main fuse" in left
    assert "Battery m3: has entities, but house_battery_count is 2" in left
    assert "Battery m2: no phase is chosen in input_select.marstek_m2_phase" in left
    assert "Prices from Zonneplan" in left
    assert "input_text.house_battery_strategy_ev_sensor_entity_id (input_boolean.ev)" in left
    assert "_kp" not in left  # there is nothing to be tuned
    assert "m1_phase" not in left


def test_names_of_other_integrations_are_found() -> None:
    dsmr = {"unit_of_measurement": "kW"}
    found = values(
        {
            **BATTERY,
            "sensor.electricity_meter_power_consumption": ("0.3", dsmr),
            "sensor.electricity_meter_power_production": ("0.0", dsmr),
            "sensor.p1_meter_power_phase_1": ("300", WATT),
        }
    )
    assert found["meter"]["power"] == "sensor.electricity_meter_power_consumption"
    assert found["meter"]["export_power"] == "sensor.electricity_meter_power_production"
    assert found["meter"]["power_l1"] == "sensor.p1_meter_power_phase_1"


@pytest.mark.parametrize(
    ("entity_id", "state", "told"),
    [
        ("input_number.marstek_m1_discharging_cutoff_capacity", "much", "says 'much'"),
        ("input_select.house_battery_strategy", "Party", "'Party' has no counterpart"),
        ("input_number.marstek_m1_charging_cutoff_capacity", "9", "leave nothing between"),
        ("input_number.house_battery_strategy_charge_target_soc", "unknown", "'soc' has no value"),
    ],
)
def test_a_value_that_does_not_fit_is_left_out_and_told(entity_id: str, state: str, told: str) -> None:
    states = {**RICH, entity_id: (state, {})}
    values(states)
    assert told in "\n".join(imported(states).left)


@given(
    st.dictionaries(
        st.sampled_from(sorted(RICH)),
        st.one_of(
            st.none(),
            st.sampled_from(
                ["unknown", "unavailable", "on", "L1", "Sell", "25:00:00", "0", "-1", "1e9", "nan"]
            ),
            st.text(max_size=8),
        ),
    )
)
def test_whatever_is_there_the_result_is_correct(changed: dict[str, str | None]) -> None:
    states = {
        name: (changed.get(name) or state, attributes)
        for name, (state, attributes) in RICH.items()
        if name not in changed or changed[name] is not None
    }
    values(states)


@pytest.fixture
async def server() -> AsyncIterator[HomeAssistantServer]:
    served = HomeAssistantServer(now=time.monotonic, utc=time.time)
    HassMarstek(served, SimBattery(BatterySpec(), now_s=time.monotonic()), phase="L3")
    for name, (state, attributes) in P1.items():
        served.put(name, state, attributes)
    await served.start()
    yield served
    await served.stop()


async def test_from_a_running_home_assistant(server: HomeAssistantServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    path = tmp_path / "home.yaml"
    text, found = await configuration(server.url, tmp_path / "token", path, REGISTRY)
    path.write_text(text)
    (battery,) = load_config(path, REGISTRY).settings().batteries
    assert (battery.id, battery.phase.value) == ("m1", "L3")
    assert "token_file: token" in text
    assert any("m1" in line for line in found.taken)


def test_the_command_never_replaces_a_file_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def found(*_: object) -> tuple[str, Imported]:
        return "site: {}\n", imported(RICH)

    monkeypatch.setattr("phasewise.setup.import_ha.configuration", found)
    path = tmp_path / "home.yaml"
    command = ["import-ha", "http://ha", "--token-file", str(tmp_path / "token"), "--out", str(path)]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, path.read_text()) == (0, "site: {}\n")
    assert "Left to you:" in done.output
    path.write_text("mine")
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, path.read_text()) == (1, "mine")
    assert "--force" in done.output
    assert CliRunner().invoke(cli, [*command, "--force"]).exit_code == 0
    assert path.read_text() == "site: {}\n"


def test_without_home_assistant_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    command = ["import-ha", "http://127.0.0.1:9", "--token-file", str(tmp_path / "token")]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 1
    assert "no connection to Home Assistant at http://127.0.0.1:9" in done.output
