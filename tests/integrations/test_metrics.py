"""The metrics text, read back by a small reader of its own that knows only the format's grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.engine.controls import Health
from phasewise.engine.state import (
    AlarmState,
    BatteryState,
    Counters,
    GridState,
    PhaseState,
    ProtectionState,
    QuarterState,
    StrategyState,
    SubmeterState,
    SystemState,
)
from phasewise.integrations.metrics import METRICS, render

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
BASE_UNITS = ("watts", "amperes", "volts", "seconds", "joules", "ratio", "celsius")
HEALTHY = Health(ok=True, detail="", last_decision_age_s=0.4)

Key = tuple[str, frozenset[tuple[str, str]]]


def read(text: str) -> dict[Key, float]:
    """Samples by name and labels; fails on anything that is not the exposition format."""
    samples: dict[Key, float] = {}
    typed: dict[str, str] = {}
    lines = text.split("\n")
    assert lines.pop() == "", "the text ends with a line feed"
    for line in lines:
        if line.startswith("# "):
            _, keyword, name, rest = line.split(" ", 3)
            assert keyword in {"HELP", "TYPE"}
            assert keyword == "HELP" or (name not in typed and rest in {"counter", "gauge"})
            typed |= {name: rest} if keyword == "TYPE" else {}
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert next(reversed(typed)) == name, "samples follow their TYPE"
        pairs = [(k, re.sub(r"\\.", lambda m: UNESCAPED[m[0]], v)) for k, v in LABEL.findall(labels or "")]
        key = (name, frozenset(pairs))
        assert key not in samples, f"{key} twice"
        samples[key] = float(value)
    return samples


def key(name: str, /, **labels: str) -> Key:
    return name, frozenset(labels.items())


def make_state(
    name: str = "Garage", grid: GridState | None = None, alarms: tuple[AlarmState, ...] = ()
) -> SystemState:
    phase = PhaseState(-1240.5, 5.4, 230.1, 25.0, 24.0, "fresh", 1500.0, 2500.0, (), ())
    phase = replace(
        phase,
        headroom_import_a=18.6,
        headroom_export_a=29.4,
        relief_w=-900.0,
        missing_w=-150.0,
        fuse_used_pct=12.5,
    )
    lost = PhaseState(None, None, None, 25.0, 24.0, "lost", 0.0, 0.0, (), ())
    battery = BatteryState(
        id="m1",
        name=name,
        phase="L1",
        soc_pct=55.5,
        power_w=-800.0,
        setpoint_w=None,
        available=True,
        reachable=False,
        state=None,
        age_s=1.5,
        temperature_c=21.0,
        max_charge_w=2500.0,
        max_discharge_w=2500.0,
        min_soc_pct=12.0,
        max_soc_pct=100.0,
        reasons=(),
    )
    return SystemState(
        time="2026-06-01T12:00:00Z",
        version="1.2.3",
        site="Home",
        strategy=StrategyState("timed", "charge", ("timed", "charge")),
        grid=grid or GridState(12.0, "fresh", 0.3, 1.0, {"L1": phase, "L2": lost}, 1000.0, 2.0),
        load_w=950.0,
        target_grid_w=0.0,
        batteries=(battery,),
        alarms=alarms,
        protection=ProtectionState(True, True, "worst-case"),
    )


def test_values_are_in_base_units_with_their_labels() -> None:
    samples = read(render(make_state(), Counters(), HEALTHY))
    expected = {
        key("phasewise_healthy"): 1,
        key("phasewise_last_decision_age_seconds"): 0.4,
        key("phasewise_build_info", version="1.2.3"): 1,
        key("phasewise_strategy_info", selected="timed", executing="charge"): 1,
        key("phasewise_grid_power_watts"): 12.0,
        key("phasewise_grid_import_energy_joules_total"): 3_600_000.0,
        key("phasewise_grid_export_energy_joules_total"): 7_200.0,
        key("phasewise_phase_power_watts", phase="L1"): -1240.5,
        key("phasewise_phase_current_amperes", phase="L1"): 5.4,
        key("phasewise_phase_voltage_volts", phase="L1"): 230.1,
        key("phasewise_phase_fuse_amperes", phase="L2"): 25.0,
        key("phasewise_phase_fresh", phase="L1"): 1,
        key("phasewise_phase_fresh", phase="L2"): 0,
        key("phasewise_phase_support_up_watts", phase="L1"): 1500.0,
        key("phasewise_phase_support_down_watts", phase="L1"): 2500.0,
        key("phasewise_protection_active"): 1,
        key("phasewise_phase_headroom_import_amperes", phase="L1"): 18.6,
        key("phasewise_phase_headroom_export_amperes", phase="L1"): 29.4,
        key("phasewise_phase_relief_watts", phase="L1"): -900.0,
        key("phasewise_phase_missing_watts", phase="L1"): -150.0,
        key("phasewise_phase_fuse_used_ratio", phase="L1"): 0.125,
        key("phasewise_phase_fuse_used_ratio", phase="L2"): 0,
        key("phasewise_battery_info", battery="m1", name="Garage", phase="L1"): 1,
        key("phasewise_battery_power_watts", battery="m1"): -800.0,
        key("phasewise_battery_state_of_charge_ratio", battery="m1"): 0.555,
        key("phasewise_battery_available", battery="m1"): 1,
        key("phasewise_battery_reachable", battery="m1"): 0,
        key("phasewise_battery_temperature_celsius", battery="m1"): 21.0,
    }
    assert {k: samples.get(k) for k in expected} == pytest.approx(expected)


def test_totals_are_counters() -> None:
    counters = Counters(120, 119, 1, 2, {"m1": 40, "m2": 3}, {"m2": 7}, 0.25)
    text = render(None, counters, HEALTHY)
    assert read(text) == {
        key("phasewise_healthy"): 1,
        key("phasewise_last_decision_age_seconds"): 0.4,
        key("phasewise_decisions_total"): 120,
        key("phasewise_decide_seconds_total"): 0.25,
        key("phasewise_meter_telegrams_total", outcome="accepted"): 119,
        key("phasewise_meter_telegrams_total", outcome="rejected"): 1,
        key("phasewise_meter_telegrams_total", outcome="replayed"): 2,
        key("phasewise_battery_writes_total", battery="m1"): 40,
        key("phasewise_battery_writes_total", battery="m2"): 3,
        key("phasewise_battery_failures_total", battery="m2"): 7,
    }
    assert "# TYPE phasewise_decisions_total counter\n" in text
    assert "# TYPE phasewise_healthy gauge\n" in text


def test_what_is_unknown_is_left_out_not_zero() -> None:
    samples = read(render(make_state(), Counters(), HEALTHY))
    assert key("phasewise_phase_power_watts", phase="L2") not in samples
    assert key("phasewise_battery_setpoint_watts", battery="m1") not in samples
    blind = read(render(make_state(grid=GridState(None, "lost", None, 1.0, {})), Counters(), HEALTHY))
    assert key("phasewise_grid_power_watts") not in blind
    assert key("phasewise_grid_import_energy_joules_total") not in blind
    assert not any(name.startswith("phasewise_phase_") for name, _ in blind)


def test_alarms_that_differ_only_in_their_text_are_one_sample() -> None:
    alarms = (
        AlarmState("meter-rejected", "info", None, "One.", ""),
        AlarmState("meter-rejected", "info", None, "Two.", ""),
        AlarmState("battery-unreachable", "warning", "m1", "Three.", ""),
    )
    samples = read(render(make_state(alarms=alarms), Counters(), HEALTHY))
    active = {labels for name, labels in samples if name == "phasewise_alarm_active"}
    assert active == {
        key("", code="meter-rejected", severity="info", subject="")[1],
        key("", code="battery-unreachable", severity="warning", subject="m1")[1],
    }


def test_an_unhealthy_daemon_says_so() -> None:
    samples = read(render(None, Counters(), Health(ok=False, detail="", last_decision_age_s=None)))
    assert samples[key("phasewise_healthy")] == 0
    assert key("phasewise_last_decision_age_seconds") not in samples


@given(st.text())
def test_any_name_survives(name: str) -> None:
    samples = read(render(make_state(name), Counters(), HEALTHY))
    assert samples[key("phasewise_battery_info", battery="m1", name=name, phase="L1")] == 1


def test_names_follow_the_conventions() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    dimensionless = ("_info", "_fresh", "_healthy", "_available", "_reachable", "_active")
    for metric in METRICS:
        stem = metric.name.removesuffix("_total")
        assert stem.startswith("phasewise_")
        assert stem.endswith(BASE_UNITS + dimensionless) or metric.kind == "counter", metric.name
        assert metric.help.endswith(".")
        assert "\n" not in metric.help


def test_everything_declared_is_sent() -> None:
    alarms = (AlarmState("meter-lost", "alarm", None, "", ""),)
    state = make_state(alarms=alarms)
    told = replace(state.batteries[0], setpoint_w=10.0)
    counters = Counters(battery_writes={"m1": 1}, battery_failures={"m1": 1})
    quarter = QuarterState(1200.0, 2480.0, 2500.0, 2400.0, 2310.0)
    submeters = {"pv": SubmeterState(2400.0, "fresh"), "ev": SubmeterState(-700.0, "aging")}
    state = replace(state, batteries=(told,), quarter=quarter, **submeters)
    samples = read(render(state, counters, HEALTHY))
    assert samples[key("phasewise_quarter_forecast_watts")] == 2480.0
    assert samples[key("phasewise_month_peak_watts")] == 2310.0
    assert samples[key("phasewise_pv_power_watts")] == 2400.0
    assert samples[key("phasewise_ev_power_watts")] == -700.0
    sent = {name for name, _ in samples}
    assert sent == {metric.name for metric in METRICS}
