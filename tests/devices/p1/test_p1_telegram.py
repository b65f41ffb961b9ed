"""What a telegram says: every dialect, and every way to be wrong."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.devices.p1 import Telegram, TelegramError, TelegramReader, parse
from phasewise.model import PhaseReading
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import Style, format_telegram

BOTH = ("1-0:1.7.0(00.378*kW)", "1-0:2.7.0(00.000*kW)")


def telegram(*lines: str) -> bytes:
    return "\r\n".join(["/ABC5\\2TEST", "", *lines, "!", ""]).encode("latin-1")


def read(*lines: str) -> Telegram:
    return parse(telegram(*lines))


def test_total_is_import_minus_export():
    assert read("1-0:1.7.0(00.170*kW)", "1-0:2.7.0(00.270*kW)").total_power_w == -100.0


@pytest.mark.parametrize(
    ("lines", "total_w"),
    [
        (["1-0:1.7.0(02.949*kW)"], 2949.0),
        (["1-0:2.7.0(02.949*kW)"], -2949.0),
        (["1-0:1.7.0(00.013kW)", "1-0:2.7.0(00.000kW)"], 13.0),
        (["1-0:1.7.0(000000286*W)", "1-0:2.7.0(000000000*W)"], 286.0),
        (["1-0:1.7.0(0001.01*kW)", "1-0:2.7.0(0000.00*kW)"], 1010.0),
        (["1-0:1.7.0*255(001688.21*W)"], 1688.21),
        (["1-0:1.7.0*255(-000116.77*W)"], -116.77),
        (["1-0:16.7.0*255(-000116.77*W)"], -116.77),
        (["1-0:16.7.0(999*W)", *BOTH], 378.0),
    ],
)
def test_total_power_of_every_dialect(lines: list[str], total_w: float):
    assert read(*lines).total_power_w == total_w


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["1-0:21.7.0(00.045*kW)", "1-0:41.7.0(00.010*kW)", "1-0:61.7.0(00.325*kW)"],
        ["1-0:1.7.0(00.378*kW)", "1-0:2.7.0(0x.000*kW)"],
        ["1-0:1.7.0(00.378*kW)", "1-0:2.7.0()"],
        ["1-0:1.7.0(00.378)", "1-0:2.7.0(00.000*kW)"],
        ["1-0:1.7.0(00.378*kVA)"],
        ["1-0:1.7.0(nan*kW)", "1-0:2.7.0(nan*kW)"],
        ["1-0:1.7.0(1e3*kW)"],
        ["1-0:1.7.0 00.378*kW)"],
        ["1-0:1.7.0(00.378*kW", "1-0:2.7.0(00.000*kW)"],
        ["1-0:1.7.0(-00.378*kW)", "1-0:2.7.0(00.000*kW)"],
        ["1-0:1.7.0(00.000*kW)", "1-0:2.7.0(-00.378*kW)"],
        ["1-0:1.7.0(378.000*kW)"],
        ["1-0:1.7.0(00.378*kW)", "1-0:1.7.0(00.379*kW)"],
        ["1-0:1.7.0(00.37/ABC5\\2TEST", *BOTH],
        ["1-0:1.7.0(00.378*A)"],
        ["1-0:1.7.0(190324150519W)(00.378*kW)"],
    ],
)
def test_without_a_certain_total_the_telegram_is_refused(lines: list[str]):
    with pytest.raises(TelegramError, match=r"no usable total power"):
        read(*lines)


def test_the_reason_names_the_line():
    with pytest.raises(TelegramError, match=r"1-0:2\.7\.0 '0x\.000\*kW' not understood"):
        read("1-0:1.7.0(00.378*kW)", "1-0:2.7.0(0x.000*kW)")


def test_encrypted_and_foreign_bytes_are_refused():
    with pytest.raises(TelegramError, match="encrypted"):
        parse(b"\xdb\x08SAGgp")
    with pytest.raises(TelegramError, match="begin with"):
        parse(b"hello")


def test_phases():
    found = read(
        *BOTH,
        "1-0:21.7.0(00.045*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:41.7.0(00.000*kW)",
        "1-0:42.7.0(01.234*kW)",
        "1-0:31.7.0(002*A)",
        "1-0:51.7.0(005*A)",
        "1-0:32.7.0(237.1*V)",
        "1-0:72.7.0(0*V)",
    )
    assert found.phases == (
        PhaseReading(power_w=45.0, current_a=2.0, voltage_v=237.1),
        PhaseReading(power_w=-1234.0, current_a=5.0, voltage_v=None),
        PhaseReading(power_w=None, current_a=None, voltage_v=0.0),
    )
    assert found.notes == ()


def test_a_phase_of_which_nothing_is_said_is_absent():
    assert read(*BOTH, "1-0:21.7.0(00.378*kW)").phases == (PhaseReading(power_w=378.0), None, None)


def test_net_power_per_phase():
    found = read(
        *BOTH, "1-0:36.7.0(-128.41*W)", "1-0:56.7.0(00.010*kW)", "1-0:76.7.0(11*W)", "1-0:61.7.0(22*W)"
    )
    assert [phase.power_w if phase else None for phase in found.phases] == [-128.41, 10.0, 22.0]


def test_a_malformed_line_costs_only_its_own_quantity():
    found = read(
        *BOTH, "1-0:21.7.0(00.045*kW)", "1-0:22.7.0(00.0?0*kW)", "1-0:31.7.0(002*A)", "1-0:32.7.0(237.1 V)"
    )
    assert found.phases[0] == PhaseReading(power_w=None, current_a=2.0, voltage_v=None)
    assert found.total_power_w == 378.0
    assert len(found.notes) == 2
    assert "1-0:22.7.0" in found.notes[0]


@pytest.mark.parametrize(
    ("written", "current_a", "quantum_a"),
    [("002*A", 2.0, 1.0), ("0.48*A", 0.48, 0.01), ("1.5A", 1.5, 0.1), ("1500*mA", 1.5, 0.001)],
)
def test_current_and_its_quantum(written: str, current_a: float, quantum_a: float):
    found = read(*BOTH, f"1-0:31.7.0({written})")
    assert found.phases[0] == PhaseReading(current_a=current_a)
    assert found.current_quantum_a == pytest.approx(quantum_a)


def test_the_coarsest_quantum_counts():
    assert read(*BOTH, "1-0:31.7.0(0.48*A)", "1-0:51.7.0(002*A)").current_quantum_a == 1.0
    assert read(*BOTH).current_quantum_a is None


@pytest.mark.parametrize(
    "line", ["1-0:31.7.0(-02*A)", "1-0:31.7.0(6600.00*A)", "1-0:32.7.0(2371.0*V)", "1-0:21.7.0(145.000*kW)"]
)
def test_what_cannot_be_true_is_absent_and_noted(line: str):
    found = read(*BOTH, line)
    assert found.phases == (None, None, None)
    assert len(found.notes) == 1


@pytest.mark.parametrize(
    ("written", "utc_s"),
    [
        ("190324150519W", 1553436319.0),  # 2019-03-24T14:05:19Z
        ("200512135409S", 1589284449.0),  # 2020-05-12T11:54:09Z
        ("201025020000S", 1603584000.0),  # the hour that comes twice: first
        ("201025020000W", 1603587600.0),  # and an hour later
    ],
)
def test_meter_time(written: str, utc_s: float):
    assert read(*BOTH, f"0-0:1.0.0({written})").time_utc_s == utc_s


@pytest.mark.parametrize("written", ["", "190324150519", "191324150519W", "632525252525W", "19032415051aW"])
def test_a_wrong_time_is_absent_and_noted(written: str):
    found = read(*BOTH, f"0-0:1.0.0({written})")
    assert found.time_utc_s is None
    assert len(found.notes) == 1


def test_energy_registers():
    tariffs = read(*BOTH, "1-0:1.8.1(000010.181*kWh)", "1-0:1.8.2(000010.182*kWh)", "1-0:2.8.1(000000058*Wh)")
    assert (tariffs.energy_import_wh, tariffs.energy_export_wh) == (20363.0, 58.0)
    total = read(*BOTH, "1-0:1.8.0(006545766*Wh)", "1-0:1.8.1(005017120*Wh)")
    assert total.energy_import_wh == 6545766.0
    partly = read(*BOTH, "1-0:1.8.1(000010.181*kWh)", "1-0:1.8.2(000010.1x2*kWh)")
    assert partly.energy_import_wh is None


def test_belgian_demand_and_limits():
    found = read(
        *BOTH,
        "1-0:1.4.0(02.351*kW)",
        "1-0:1.6.0(200509134558S)(02.589*kW)",
        "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230801000000S)(632525252525W)(00.000*kW)",
        "0-0:17.0.0(999.9*kW)",
        "1-0:31.4.0(999*A)",
    )
    assert (found.quarter_demand_w, found.month_peak_w) == (2351.0, 2589.0)
    assert (found.limiter_w, found.limiter_a, found.fuse_threshold_a) == (999_900.0, None, 999.0)
    assert found.notes == ()


def test_limiter_in_amps():
    found = read(*BOTH, "0-0:17.0.0(016*A)")
    assert (found.limiter_w, found.limiter_a) == (None, 16.0)


def test_meter_id_and_identification():
    found = read(*BOTH, "0-0:96.1.1(4B38)", "0-1:96.1.1(5555)", "0-0:96.1.0(6666)")
    assert (found.meter_id, found.identification) == ("4B38", "ABC5\\2TEST")
    assert read(*BOTH, "0-0:96.1.1()", "1-0:0.0.0*255(1336001560)").meter_id == "1336001560"


def test_other_lines_do_no_harm():
    found = read(
        "0-0:96.13.0(" + "\xff" * 1024 + ")",
        *BOTH,
        "1-0:3.7.0(000000000*var)",
        "0-1:24.3.0(161107190000)(00)(60)(1)(0-1:24.2.1)(m3)",
        "(00001.001)",
        "1-0:99.97.0(3)(0-0:96.7.19)(000104180320W)(0000237126*s)",
        "1-0:1.7.1(99.999*kW)",
        "nonsense",
    )
    assert found == read(*BOTH)


MAGNITUDES_W = st.floats(-30_000.0, 30_000.0)
SAMPLES = st.builds(
    MeterSample,
    time_s=st.just(0.0),
    power_w=st.tuples(MAGNITUDES_W, MAGNITUDES_W, MAGNITUDES_W),
    current_a=st.tuples(*[st.floats(0.0, 130.0)] * 3),
    voltage_v=st.tuples(*[st.floats(180.0, 260.0)] * 3),
    energy_import_wh=st.floats(0.0, 9e8),
    energy_export_wh=st.floats(0.0, 9e8),
)


@settings(deadline=None)
@given(SAMPLES, st.sampled_from(Style), st.integers(1_577_836_800, 2_000_000_000))
def test_round_trip_with_the_simulated_meter(sample: MeterSample, style: Style, utc_s: int):
    (payload,) = TelegramReader().feed(format_telegram(sample, float(utc_s), style, month_peak_w=2589.0))
    found = parse(payload)
    assert found.notes == ()
    assert found.time_utc_s == utc_s
    assert found.total_power_w == pytest.approx(sample.total_w, abs=0.51)
    assert found.energy_import_wh == pytest.approx(sample.energy_import_wh, abs=0.51)
    assert found.energy_export_wh == pytest.approx(sample.energy_export_wh, abs=0.51)
    quantum_a = 0.01 if style is Style.FLUVIUS else 1.0
    assert found.current_quantum_a == pytest.approx(quantum_a)
    for index, phase in enumerate(found.phases):
        assert phase is not None
        assert phase.power_w == pytest.approx(sample.power_w[index], abs=0.51)
        assert phase.current_a == pytest.approx(sample.current_a[index], abs=0.51 * quantum_a)
        if style is Style.DSMR4:
            assert phase.voltage_v is None
        else:
            assert phase.voltage_v == pytest.approx(sample.voltage_v[index], abs=0.051)
    assert found.month_peak_w == (2589.0 if style is Style.FLUVIUS else None)


CODES = ["1-0:1.7.0", "1-0:2.7.0", "1-0:16.7.0", "1-0:21.7.0", "1-0:31.7.0", "1-0:32.7.0", "1-0:1.8.1",
         "1-0:1.6.0", "0-0:1.0.0", "0-0:96.1.1", "0-0:17.0.0"]  # fmt: skip
VALUES = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,12}\.?[0-9]{0,10}\*?(kW|W|A|V|kWh|nan)?", fullmatch=True),
    st.sampled_from(["nan*kW", "inf*W", "-0*W", "\xb2*A", "190324150519W", ""]),
    st.text(st.characters(max_codepoint=255), max_size=20),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CODES), VALUES), max_size=12))
def test_whatever_is_written_no_value_is_absurd(lines: list[tuple[str, str]]):
    payload = telegram(*(f"{code}({value})" for code, value in lines))
    try:
        found = parse(payload)
    except TelegramError:
        return
    assert_sane(found)


@given(st.binary(max_size=500))
def test_arbitrary_bytes_are_refused_or_sane(data: bytes):
    try:
        found = parse(b"/ABC5\n" + data)
    except TelegramError:
        return
    assert_sane(found)


def assert_sane(found: Telegram) -> None:
    fields = msgspec.structs.asdict(found)
    phases = [value for phase in found.phases if phase for value in msgspec.structs.astuple(phase)]
    numbers = [value for value in (*fields.values(), *phases) if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
    assert abs(found.total_power_w) <= 100_000.0
