"""The scorecard: medians against limits, as a table, as JSON, as an exit code."""

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import ConfigError
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.sim import scorecard
from phasewise.sim.run import ControllerName
from phasewise.sim.scenario import Loaded, Scenario, load_packaged, packaged_names
from phasewise.sim.scorecard import Line, Scorer, chosen, table

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption()}


def line(value: float | None, must: float | None, goal: float | None) -> Line:
    return Line("1", "r", "a row", "m", "s", value, must, goal, None)


@pytest.mark.parametrize(
    ("value", "must", "goal", "mark"),
    [
        (7.0, 7.0, 3.0, "ok"),
        (7.1, 7.0, 3.0, "FAIL"),
        (3.0, 7.0, 3.0, "goal"),
        (None, 7.0, 3.0, "FAIL"),
        (0.0, 1.0, 0.0, "goal"),
        (5.0, 7.0, None, "ok"),
        (5.0, None, None, ""),
        (None, None, None, ""),
    ],
)
def test_a_figure_is_marked_against_its_limits(
    value: float | None, must: float | None, goal: float | None, mark: str
) -> None:
    assert line(value, must, goal).mark == mark
    assert line(value, must, goal).failed is (mark == "FAIL")


def test_the_median_over_the_seeds_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([[1.0, 9.0], [math.inf, 9.0], [3.0, 9.0]])
    monkeypatch.setattr(scorecard, "run", lambda *args, **kwargs: None)
    monkeypatch.setattr(scorecard, "measure", lambda trace, scenario: next(drawn))
    lines = Scorer(STRATEGIES, seeds=3).lines(_without_bound())
    assert [of.value for of in lines] == [3.0, 9.0]


def _without_bound() -> Loaded:
    """A scenario with two figures and a fault, for which knowing the future says nothing."""
    loaded = load_packaged("meter-dies")
    metrics = (loaded.scenario.metrics[0], loaded.scenario.metrics[0])
    scenario = Scenario(
        title="t",
        description="d",
        duration_s=60.0,
        batteries=loaded.scenario.batteries,
        faults=loaded.scenario.faults,
        metrics=metrics,
    )
    return Loaded("x", scenario, loaded.loads_w)


def test_rows_are_chosen_by_a_part_of_their_name() -> None:
    assert [loaded.name for loaded in chosen(["lag", "hob"])] == ["hob", "step-lag"]
    assert [loaded.name for loaded in chosen([])] == packaged_names()
    with pytest.raises(ConfigError, match="steps"):
        chosen(["hob", "steps"])


def test_other_controllers_stand_beside_on_request() -> None:
    lines = Scorer(STRATEGIES, seeds=1, compare=True).lines(load_packaged("step-lag"))
    header, rows = table(lines)
    assert header == ["", "measured", "must", "goal", "bound", "do-nothing", "pid", ""]
    assert rows[0][0] == "step, first-order lag"
    settle = next(row for row in rows if row[0].strip() == "settle")
    assert settle[5] == "never"
    assert all(len(row) == len(header) for row in rows)


def invoke(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, ["scorecard", *args])
    return result.exit_code, result.stdout, result.stderr


def test_json_keeps_a_history() -> None:
    _, out, _ = invoke("--only", "step-lag", "--seeds", "1", "--json")
    rows = json.loads(out)
    assert {"version", "row", "metric", "value", "must", "goal", "bound"} <= set(rows[0])
    assert [row["metric"] for row in rows] == [m.name for m in load_packaged("step-lag").scenario.metrics]


def test_a_missed_must_fails_the_command_and_is_marked() -> None:
    code, out, _ = invoke("--only", "step-lag", "--seeds", "1", "--controller", "do-nothing")
    assert code == 1
    assert "FAIL" in out
    code, out, _ = invoke("--only", "step-lag", "--seeds", "1", "--controller", "clairvoyant", "--json")
    assert code == 0
    assert all(row["must"] is None or row["value"] <= row["must"] for row in json.loads(out))


def test_an_unknown_row_is_named() -> None:
    code, _, err = invoke("--only", "stepp")
    assert code == 2
    assert "stepp" in err
    assert "step-d1.5" in err


def test_bounds_are_given_where_knowing_the_future_helps() -> None:
    lines = {of.metric: of for of in Scorer(STRATEGIES, seeds=1).lines(load_packaged("step-lag"))}
    assert lines["writes"].bound is None
    assert (lines["import"].bound or math.inf) < (lines["import"].value or 0.0)
    dies = Scorer(STRATEGIES, seeds=1, controller=ControllerName.PID).lines(load_packaged("meter-dies"))
    assert [(of.value, of.bound, of.failed) for of in dies] == [(None, None, True)]


def test_the_stability_map_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scorecard, "DEAD_TIMES_S", (0.5, 4.0))
    monkeypatch.setattr(scorecard, "RAMPS_W_S", (12_500.0,))
    monkeypatch.setattr(scorecard, "CADENCES_S", (1.0,))
    cells = scorecard.stability(STRATEGIES)
    assert [cell.dead_time_s for cell in cells] == [0.5, 4.0]
    quick_s, slow_s = (cell.settle_s for cell in cells)
    assert quick_s is not None
    assert slow_s is not None
    # What the dead time adds, the loop cannot take back.
    assert slow_s > quick_s + 2.5
    code, _, err = invoke("--stability", str(tmp_path / "map.html"))
    assert code == 0
    assert "map.html" in err
    assert f"{quick_s:.1f}" in (tmp_path / "map.html").read_text()
