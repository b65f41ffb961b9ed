"""Scenario files: what comes with Phasewise loads, what is wrong is named with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields

from phasewise.config import ConfigError
from phasewise.model import Connection, Phase, Split
from phasewise.sim.entries import BatteryEntry, FaultKind, MeterEntry, MetricKind, SiteEntry, TelemetryEntry
from phasewise.sim.loads import Loads, Ramp, Step, load_function, read_csv
from phasewise.sim.scenario import Scenario, load_packaged, load_scenario, packaged_names, parse_scenario

HEAD = """\
title: t
description: d
duration_s: 100
batteries:
  - {id: m1, connected_to: L1, dead_time_s: 0.5}
  - {id: m2, connected_to: three-phase, phase: three-phase}
"""


@pytest.mark.parametrize("name", packaged_names())
def test_packaged_scenarios_load_and_say_what_they_measure(name: str) -> None:
    scenario = load_packaged(name).scenario
    assert scenario.metrics, "a row of the scorecard measures something"
    assert len({metric.name for metric in scenario.metrics}) == len(scenario.metrics)
    for metric in scenario.metrics:
        assert metric.goal is None or (metric.must is not None and metric.goal <= metric.must)


def test_rows_stand_in_the_order_of_their_numbers() -> None:
    steps = [name for name in packaged_names() if name.startswith("step-d")]
    assert steps == ["step-d0.3", "step-d0.5", "step-d1.5", "step-d2.5", "step-d4"]
    assert packaged_names().index("step-meter2s") < packaged_names().index("step-meter10s")


def test_everything_has_a_default_but_title_description_duration_and_batteries() -> None:
    scenario = parse_scenario(HEAD, "t.yaml")
    first = scenario.batteries[0]
    assert (first.dead_time_s, first.ramp_w_s, first.capacity_wh, first.soc_pct) == (0.5, 1250, 5120, 50)
    assert (scenario.meter.cadence_s, scenario.meter.delay_s, scenario.meter.noise_w) == (1, 1, 5)
    assert scenario.settings().batteries[1].phase == "three-phase"


def test_control_settings_are_those_of_the_configuration() -> None:
    text = HEAD + "control: {split: fair, target_grid_w: 50, phase_protection: {enabled: true}}\n"
    control = parse_scenario(text, "t.yaml").settings().control
    assert (control.split, control.target_grid_w, control.phase_protection.enabled) == (Split.FAIR, 50, True)


def test_a_fuse_may_differ_from_phase_to_phase() -> None:
    site = parse_scenario(HEAD + "site: {main_fuse_a: {L1: 35, L2: 25, L3: 16}}\n", "t.yaml").settings().site
    assert site.main_fuse_a == (35.0, 25.0, 16.0)
    site = parse_scenario(HEAD + "site: {main_fuse_a: 20, connection: delta}\n", "t.yaml").settings().site
    assert (site.main_fuse_a, site.connection) == ((20.0, 20.0, 20.0), Connection.DELTA)


def test_a_power_factor_may_differ_from_phase_to_phase() -> None:
    loads = parse_scenario(HEAD + "loads: {power_factor: {L2: 0.8}}\n", "t.yaml").loads
    assert loads.power_factors == (1.0, 0.8, 1.0)
    assert parse_scenario(HEAD + "loads: {power_factor: 0.9}\n", "t.yaml").loads.power_factors == (0.9,) * 3


def test_a_battery_is_held_until_a_time_of_the_scenario() -> None:
    text = HEAD.replace("dead_time_s: 0.5", "hold: {power_w: 1800, until_s: 5}") + "warm_up_s: 30\n"
    held, free = (battery.override for battery in parse_scenario(text, "t.yaml").settings().batteries)
    assert (held.hold_power_w, held.hold_until_utc_s) == (1800.0, 35.0)
    assert free.hold_power_w is None


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("dutation: 3\n", 7, "dutation: there is no such key"),
        ("loads: {base_w: [1, 2]}\n", 7, "loads.base_w: expected `array` of length 3"),
        ("loads:\n  steps:\n    - {at_s: 1, phase: L4, power_w: 5}\n", 9, "loads.steps[#1].phase: invalid"),
        (
            "loads:\n  steps:\n    - {phase: L1, power_w: 5}\n",
            9,
            "loads.steps[#1]: the key 'at_s' is missing",
        ),
        ("meter:\n  noise_w: -1\n", 8, "meter.noise_w: expected"),
        ("meter:\n  noise_w: 1\n  noise_w: 2\n", 9, "given twice, first on line 8"),
        ("control:\n  splitt: fair\n", 8, "control.splitt: there is no such key"),
        ("control: {phase_protection: {on: true}}\n", 7, "control.phase_protection.on: there is no such key"),
        ("control: {priority: [m3]}\n", 7, "no battery 'm3'; allowed: m1, m2"),
        ("faults:\n  - {kind: battery-ignores, at_s: 1, battery: m9}\n", 8, "faults[#1].battery"),
        ("faults:\n  - {kind: battery-ignores, at_s: 1}\n", 8, "needs the battery that it is about"),
        ("faults:\n  - {kind: meter-dead, at_s: 1, battery: m1}\n", 8, "is about the meter"),
        ("faults:\n  - {kind: meter-dead, at_s: 100}\n", 8, "outside the 100 s"),
        ("faults:\n  - {kind: phase-lost, at_s: 1}\n", 8, "needs the phase that it is about"),
        ("faults:\n  - {kind: meter-dead, at_s: 1, phase: L1}\n", 8, "nothing else does"),
        ("site: {main_fuse_a: {L1: 25, L2: 25}}\n", 7, "site.main_fuse_a: the key 'L3' is missing"),
        ("loads: {power_factor: {L1: 1.1}}\n", 7, "loads.power_factor.L1: expected `float` <= 1"),
        ("metrics:\n  - {name: a, kind: alarm-raised}\n", 8, "needs the alarm that it is about"),
        ("metrics:\n  - {name: a, kind: stop, battery: m3}\n", 8, "no battery 'm3'; allowed: m1, m2"),
        ("metrics:\n  - {name: a, kind: phase-over, phases: []}\n", 8, "at least one phase is needed"),
        ("metrics:\n  - {name: a, kind: settle, until_s: 101}\n", 8, "outside the 100 s"),
        ("metrics:\n  - {name: a, kind: settle, from_s: 5, until_s: 5}\n", 8, "later than the beginning"),
        ("metrics:\n  - {name: a, kind: settel}\n", 8, "metrics[#1].kind: invalid enum value 'settel'"),
        ("pv:\n  - {points: []}\n", 8, "at least one point"),
        ("pv:\n  - {points: [[0, 1], [0, 2]]}\n", 8, "each later than the one before"),
        ("seeds: 0\n", 7, "seeds: expected `int` >= 1"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_key(more: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(HEAD + more, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("battery", "said"),
    [
        ("{id: m1, connected_to: L2}", "'m1' is used twice"),
        ("{id: m3, connected_to: unassigned}", "allowed: L1, L2, L3, three-phase"),
        ("{id: m3, connected_to: L1, ramp_w_s: 0}", "expected `float` > 0"),
        ("{id: m3, connected_to: L1, one_way_efficiency: 1.1}", "expected `float` <= 1"),
        ("{id: 'm 3', connected_to: L1}", "batteries[m 3].id"),
        ("{connected_to: L1}", "the key 'id' is missing"),
    ],
)
def test_a_wrong_battery_is_named(battery: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(HEAD + f"  - {battery}\n", "my.yaml")
    assert str(caught.value).startswith("my.yaml:7: ")
    assert said in str(caught.value)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="did you mean 'hob'"):
        load_packaged("hop")


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(Path("/nowhere/at/all.yaml"))


def test_a_csv_lies_beside_its_scenario(tmp_path: Path) -> None:
    (tmp_path / "day.csv").write_text("# recorded\nt_s,l1_w,l2_w,l3_w\n5,100,10,1\n7,200,20,2\n9,300,30,3\n")
    (tmp_path / "my.yaml").write_text(HEAD + "loads: {csv: day.csv, base_w: [1000, 0, 0]}\n")
    loaded = load_scenario(tmp_path / "my.yaml")
    assert loaded.name == "my"
    assert loaded.loads_w(-3.0) == (1100, 10, 1)
    assert loaded.loads_w(1.999) == (1100, 10, 1)
    assert loaded.loads_w(2.0) == (1200, 20, 2)
    assert loaded.loads_w(50.0) == (1300, 30, 3)


def test_a_home_with_one_phase_has_one_column(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("t,L1_w\n0,5\n60,7\n")
    recording = read_csv(path)
    assert (recording.duration_s, recording.phases_w(60.0)) == (60.0, (7.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,L1_w,L2_w\n0,1,2\n1,1,2\n", "one.csv:1: no column l3_w"),
        ("time,L1_w\n0,1\n1,1\n", "one.csv:1: no column t"),
        ("t,L1_w\n0,1\n1,x\n", "one.csv:3: not numbers"),
        ("t,L1_w\n0,1\n1\n", "one.csv:3: not numbers"),
        ("t,L1_w\n0,1\n1,nan\n", "one.csv:3: a value is not a finite number"),
        ("t,L1_w\n0,1\n# gap\n0,1\n", "one.csv:4: the time 0 does not come after 0"),
        ("t,L1_w\n0,1\n", "one.csv: a header and at least two rows"),
    ],
)
def test_a_wrong_csv_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_csv(path)
    assert said in str(caught.value)


def test_steps_ramps_pulses_and_base_add_up() -> None:
    loads = parse_scenario(
        HEAD
        + "loads:\n  base_w: [1, 2, 3]\n"
        + "  steps: [{at_s: 10, until_s: 20, phase: L1, power_w: 100}]\n"
        + "  pulses: [{at_s: 4, until_s: 40, phase: L2, power_w: 50, on_s: 1, off_s: 3}]\n"
        + "  ramps: [{phase: L3, points: [[0, 0], [10, 100]]}, {points: [[0, 30]]}]\n",
        "t.yaml",
    ).loads
    loads_w = load_function(loads, Path())
    assert loads_w(-5.0) == pytest.approx((11, 12, 13))
    assert loads_w(4.0) == pytest.approx((11, 62, 53))
    assert loads_w(5.0) == pytest.approx((11, 12, 63))
    assert loads_w(10.0) == pytest.approx((111, 12, 113))
    assert loads_w(19.9) == pytest.approx((111, 12, 113))
    assert loads_w(20.0) == pytest.approx((11, 62, 113))
    assert loads_w(40.0) == pytest.approx((11, 12, 113))


@given(st.integers(0, 2000))
def test_an_edge_falls_on_the_tick_it_is_written_for(tick: int) -> None:
    loads_w = load_function(Loads(steps=(Step(tick / 10, Phase.L1, 1.0),)), Path())
    assert loads_w(0.1 * tick)[0] == 1.0
    assert loads_w(0.1 * (tick - 1))[0] == 0.0


def test_a_ramp_holds_before_and_after() -> None:
    loads_w = load_function(Loads(ramps=(Ramp(((10.0, 5.0), (20.0, 15.0)), Phase.L2),)), Path())
    assert [loads_w(t)[1] for t in (0.0, 10.0, 15.0, 20.0, 99.0)] == [5.0, 5.0, 10.0, 15.0, 15.0]


def test_every_kind_of_metric_has_a_unit() -> None:
    assert {kind: isinstance(kind.unit, str) for kind in MetricKind} == dict.fromkeys(MetricKind, True)


DOCUMENTED = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")


def test_the_documented_scenario_is_one() -> None:
    text = DOCUMENTED.partition("```yaml\n")[2].partition("```")[0]
    documented = parse_scenario(text, "simulate.md")
    bare = parse_scenario(HEAD, "t.yaml")
    # "Everything else has the value shown."
    assert documented.meter == bare.meter
    assert documented.telemetry == bare.telemetry
    assert documented.site == bare.site
    assert documented.control == bare.control
    assert (documented.warm_up_s, documented.tick_s, documented.seeds) == (bare.warm_up_s, 0.1, bare.seeds)
    plain = parse_scenario(HEAD.replace(", dead_time_s: 0.5", ""), "t.yaml")
    assert documented.batteries[0] == plain.batteries[0]


@pytest.mark.parametrize("kind", [Scenario, BatteryEntry, Loads, MeterEntry, TelemetryEntry, SiteEntry])
def test_every_key_is_documented(kind: type[Struct]) -> None:
    for field in fields(kind):
        assert f"{field.name}:" in DOCUMENTED, f"{field.name} is not in docs/simulate.md"


def test_every_fault_and_metric_is_documented() -> None:
    scorecard = (Path(__file__).parents[2] / "docs" / "scorecard.md").read_text(encoding="utf-8")
    assert [kind for kind in FaultKind if f"`{kind}`" not in DOCUMENTED] == []
    assert [kind for kind in MetricKind if f"`{kind}`" not in scorecard] == []
