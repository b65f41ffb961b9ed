"""`phasewise replay`, as a user runs it."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from replay_kit import IDS, file_of, home, opened, recorded, recording
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.replay.recording import Header


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home.recording"
    path.write_bytes(recording())
    return path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["replay", *map(str, args)], env={"COLUMNS": "200"})


def test_identical_is_said_and_exits_with_0(file: Path) -> None:
    result = run(file)
    assert result.exit_code == 0
    assert "Identical" in result.stdout
    found = json.loads(run(file, "--json").stdout)
    assert found["identical"] is True
    assert found["first"] is None
    assert found["recorded"]["decisions"] >= 195


def test_a_difference_is_said_and_exits_with_1(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewise.control.steer.SHARE_W", 1e9)
    result = run(file)
    assert result.exit_code == 1
    assert "First in the decision at 1970-01-01T00:00:" in result.stdout
    as_json = run(file, "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["first"]["values"]


def test_a_torn_end_is_said(file: Path) -> None:
    file.write_bytes(recording()[:-1])
    result = run(file)
    assert result.exit_code == 0
    assert "The end of the file is missing" in result.stdout


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a recording"),
        (b"{}", "not a recording"),
        (recording()[:-100] + b"x" * 100, "damaged"),
        (file_of(Header("9.0.0", (), home(), opened(recording())[0].memory, 2), []), "Phasewise 9.0.0"),
    ],
)
def test_what_can_not_be_replayed_exits_with_2_and_says_why(file: Path, data: bytes, said: str) -> None:
    file.write_bytes(data)
    result = run(file)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    result = run(tmp_path / "none.recording")
    assert result.exit_code == 2
    assert "none.recording cannot be read: No such file" in result.stderr


def test_a_changed_setting_is_shown_side_by_side(file: Path) -> None:
    result = run(file, "--set", "control.target_grid_w=150", "--set", "batteries.m1.max_charge_w=800")
    assert result.exit_code == 0
    for said in ("Open loop", "m1 told to charge", "m2 told to discharge", "as recorded", "mean difference"):
        assert said in result.stdout
    found = json.loads(run(file, "--set", "control.target_grid_w=150", "--json").stdout)
    assert [b["id"] for b in found["batteries"]] == list(IDS)
    assert {at["id"] for at in found["first"]} <= set(IDS)
    assert "do not react" in found["note"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("control.target=5", "there can be: strategy, target_grid_w"),
        ("control.strategy=nap", "there are: "),
    ],
)
def test_a_change_that_can_not_be_tried_is_said(file: Path, change: str, said: str) -> None:
    result = run(file, "--set", change)
    assert result.exit_code == 2
    assert said in result.stderr


CONFIG = """\
meter: {driver: dsmr, url: "tcp://127.0.0.1:1"}
batteries:
  - {id: m2, driver: marstek, url: "modbus-tcp://127.0.0.1:1?unit=1", model: venus-e-v3}
  - {id: m1, driver: marstek, url: "modbus-tcp://127.0.0.1:2?unit=1", model: venus-e-v3, max_discharge_w: 300}
"""


def test_all_settings_of_a_file_can_be_tried_and_changed_further(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "home.yaml"
    config.write_text(CONFIG)
    result = run(file, "--config", config, "--json")
    assert result.exit_code == 0
    by_id = {b["id"]: b for b in json.loads(result.stdout)["batteries"]}
    assert 0 < by_id["m1"]["changed_discharge_wh"] <= 300 * 200 / 3600
    stopped = json.loads(
        run(file, "--config", config, "--set", "control.strategy=full-stop", "--json").stdout
    )
    assert all(b["changed_discharge_wh"] == 0 for b in stopped["batteries"])


def test_a_wrong_file_is_said(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "home.yaml"
    config.write_text(CONFIG.replace("id: m2", "id: m3"))
    other = run(file, "--config", config)
    assert other.exit_code == 2
    assert "have the batteries m3, m1, the recording has m1, m2" in other.stderr
    config.write_text(CONFIG.replace("driver: dsmr", "driver: none"))
    wrong = run(file, "--config", config)
    assert wrong.exit_code == 2
    assert "home.yaml:1" in wrong.stderr


def test_a_strategy_that_is_not_installed_is_said(file: Path) -> None:
    settings = home(strategy="eager")
    header, records = opened(recorded(settings))
    file.write_bytes(file_of(Header(header.version, ("eager",), settings, header.memory), records))
    result = run(file)
    assert result.exit_code == 2
    assert "no strategy 'eager' here" in result.stderr
    assert "Install the package" in result.stderr
