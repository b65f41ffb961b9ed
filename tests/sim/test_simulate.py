"""`phasewise simulate`: what would it have done on my data."""

import csv
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import ConfigError
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import AlarmCode
from phasewise.sim.metrics import energy_wh
from phasewise.sim.run import ControllerName, run
from phasewise.sim.scenario import Loaded, load_packaged
from phasewise.sim.simulate import open_scenario, simulate

pytestmark = pytest.mark.simulated

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption()}
DATA = Path(__file__).parents[3] / "shared" / "data" / "household"
CONFIG = """\
site: {main_fuse_a: 16}
meter: {driver: dsmr, url: "tcp://192.0.2.1:23"}
batteries:
  - {id: attic, driver: marstek, url: "modbus-tcp://192.0.2.2", model: venus-e-v3, phase: L2}
  - {id: shed, driver: marstek, url: "modbus-tcp://192.0.2.3", model: venus-e-v3, min_soc_pct: 30}
control: {target_grid_w: 100}
"""


def recording(path: Path, rows: list[tuple[float, float, float, float]]) -> Path:
    lines = [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(["t,L1_w,L2_w,L3_w", *lines]) + "\n")
    return path


def invoke(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["simulate", *args])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def kettle(tmp_path: Path) -> Path:
    return recording(
        tmp_path / "kettle.csv", [(0, 300, 100, 100), (60, 2300, 100, 100), (240, 300, 100, 100)]
    )


def test_a_recording_is_run_with_usual_batteries(kettle: Path) -> None:
    code, out, _ = invoke(str(kettle), "--json")
    summary = json.loads(out)
    assert code == 0
    assert summary["name"] == "kettle"
    assert summary["import_without_wh"] == pytest.approx((500 * 60 + 2500 * 180) / 3600, rel=1e-3)
    assert summary["import_wh"] < 0.1 * summary["import_without_wh"]
    assert [battery["id"] for battery in summary["batteries"]] == ["m1", "m2", "m3"]
    assert summary["phases"][0]["most_without_a"] == pytest.approx(10.0)
    assert "5.12 kWh" in " ".join(summary["assumptions"])


def test_a_table_and_a_report_for_people(kettle: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    code, out, err = invoke(str(kettle), "--report", str(report))
    assert code == 0
    assert "without batteries" in out
    assert str(report) in err
    assert report.read_text().startswith("<!DOCTYPE html>")


def test_site_batteries_and_settings_of_a_configuration_are_taken(kettle: Path, tmp_path: Path) -> None:
    config = tmp_path / "home.yaml"
    config.write_text(CONFIG)
    _, out, _ = invoke(str(kettle), "--config", str(config), "--json")
    summary = json.loads(out)
    assert [(b["id"], b["connected_to"]) for b in summary["batteries"]] == [("attic", "L2"), ("shed", "L1")]
    assert summary["phases"][0]["fuse_a"] == 16
    assert any("shed has no phase" in text for text in summary["assumptions"])
    # A target of 100 W: what is imported at rest.
    assert summary["import_wh"] == pytest.approx(100 * 240 / 3600, abs=4.0)


def test_a_packaged_scenario_and_a_file_can_be_named(tmp_path: Path) -> None:
    assert open_scenario("hob").scenario == load_packaged("hob").scenario
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: Mine\ndescription: d\nduration_s: 5\nbatteries: [{id: a, connected_to: L3}]\n"
        "loads: {base_w: [0, 0, 400]}\n"
    )
    code, out, _ = invoke(str(path))
    assert code == 0
    assert "Mine" in out


@pytest.mark.parametrize("what", ["nothing.csv", "nothing.yaml", "nothing"])
def test_what_is_not_there_is_said(what: str) -> None:
    code, _, err = invoke(what)
    assert code == 2
    assert err.startswith(what)


def test_a_report_that_cannot_be_written_is_said(kettle: Path) -> None:
    code, _, err = invoke(str(kettle), "--report", "/proc/nowhere/out.html")
    assert code == 1
    assert "/proc/nowhere/out.html cannot be written" in err


def test_a_strategy_that_there_is_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "title: t\ndescription: d\nduration_s: 9\nbatteries: [{id: m1, connected_to: L1}]\n"
        "control: {strategy: dance}\n"
    )
    code, _, err = invoke(str(path))
    assert code == 2
    assert "there is no strategy 'dance'; allowed:" in err.replace("\n", " ")


def test_energies_balance(kettle: Path) -> None:
    summary = simulate(open_scenario(str(kettle)), STRATEGIES).summary
    net = summary.import_wh - summary.export_wh
    net_without = summary.import_without_wh - summary.export_without_wh
    batteries = sum(b.charged_wh - b.discharged_wh for b in summary.batteries)
    assert net == pytest.approx(net_without + batteries, abs=1.0)


def test_a_long_recording_is_run_in_whole_seconds(tmp_path: Path) -> None:
    rows = [(600.0 * n, 200.0 + n, 100.0, 100.0) for n in range(8)]
    assert open_scenario(str(recording(tmp_path / "a.csv", rows))).scenario.tick_s == 1.0
    assert open_scenario(str(recording(tmp_path / "b.csv", rows[:3]))).scenario.tick_s == 0.1


def test_a_csv_with_a_mistake_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("t,L1_w\n0,1\nsoon,1\n")
    with pytest.raises(ConfigError, match=r"bad\.csv:3"):
        open_scenario(str(path))


def real(name: str, tmp_path: Path, convert: str, rows: slice) -> Loaded:
    """A stretch of a real recording; `convert` names how its columns become phases."""
    source = DATA / name
    if not source.exists():
        pytest.skip(f"{source} is not there")
    with source.open() as file:
        found = list(csv.DictReader(line for line in file if not line.startswith("#")))[rows]
    powers = {
        "three": lambda row: (float(row["l1_w"]), float(row["l2_w"]), float(row["l3_w"])),
        "one": lambda row: (float(row["watts"]), 0.0, 0.0),
        "net": lambda row: (float(row["load_w"]) - float(row["pv_w"]), 0.0, 0.0),
    }[convert]
    start_s = float(found[0]["t_s"])
    path = recording(tmp_path / "real.csv", [(float(row["t_s"]) - start_s, *powers(row)) for row in found])
    return open_scenario(str(path))


@pytest.mark.parametrize(
    ("name", "convert", "rows"),
    [
        # An evening with oven, hob and washing machine; a morning; a day of sun and clouds.
        ("tracebase_composed_day_1s.csv", "three", slice(16 * 3600, 18 * 3600)),
        ("rae_household.csv", "one", slice(14_400, 21_600)),
        ("cyprus_netload.csv", "net", slice(None)),
    ],
)
def test_real_households_are_held_nearly_as_well_as_can_be(
    name: str, convert: str, rows: slice, tmp_path: Path
) -> None:
    loaded = real(name, tmp_path, convert, rows)
    ours = simulate(loaded, STRATEGIES)
    exchanged_wh = ours.summary.import_wh + ours.summary.export_wh
    without_wh = ours.summary.import_without_wh + ours.summary.export_without_wh
    bound = run(loaded, ControllerName.CLAIRVOYANT, STRATEGIES)
    bound_wh = sum(energy_wh(bound.total_w()[ours.first :], bound.tick_s))
    # What full or empty batteries leave undone, knowing the future leaves undone too.
    assert bound_wh < exchanged_wh < bound_wh + 0.15 * without_wh
    minutes = ours.summary.duration_s / 60.0
    assert all(battery.writes < 12.0 * minutes for battery in ours.summary.batteries)
    assert not [alarm for alarm in ours.summary.alarms if alarm.code != AlarmCode.METER_REJECTED]
    assert all(10.0 <= soc <= 100.0 for socs in ours.trace.soc_pct for soc in socs)


def test_reasons_are_those_after_the_warm_up(tmp_path: Path) -> None:
    path = recording(tmp_path / "much.csv", [(0, 9000, 0, 0), (60, 9000, 0, 0)])
    causes = simulate(open_scenario(str(path)), STRATEGIES).summary.causes
    assert {cause.code for cause in causes} == {"battery-limit"}
    assert sum(cause.energy_wh for cause in causes) == pytest.approx(1500.0 * 60.0 / 3600.0, rel=0.05)


def test_hours_of_a_generated_day_take_seconds() -> None:
    loaded = load_packaged("day")
    scenario = replace(loaded.scenario, duration_s=2 * 3600.0, metrics=())
    trace = run(replace(loaded, scenario=scenario), ControllerName.OURS, STRATEGIES)
    assert trace.tick_s == 1.0
    assert len(trace.time_s) == 2 * 3600 + 60
