"""Real telegrams, with dsmr-parser as the judge of what they say."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser

from phasewise.devices.p1 import Discard, Telegram, TelegramError, TelegramReader, parse

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "telegrams"
CAPTURE = "nl_iskra_am550_dsmr50_3phase_1s_566.raw.txt"
HUNGARIAN = "hu_eon_sanxing_10s_54.log"

SINGLE = {
    "v2_2": "V2_2",
    "v3": "V3",
    "v4_2": "V4",
    "v5": "V5",
    "v5_two_mbus": "V5",
    "fluvius_v171": "BELGIUM_FLUVIUS",
    "fluvius_v171_alt": "BELGIUM_FLUVIUS",
    "v5_eon_hu": "EON_HUNGARY",
    "iskra_ie": "ISKRA_IE",
    "sagemcom_t210_d_r": "SAGEMCOM_T210_D_R",
    "esy5q3db1024_v304": "Q3D",
}
"""Which specification the judge must be told for each file."""


def real(name: str) -> bytes:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"real telegrams are not here: {path}")
    return path.read_bytes()


def with_crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def judge(payload: bytes, specification: str, *, checksum: bool = True) -> Any:
    # Of some meters only the specification of the encrypted kind exists; these telegrams are plain.
    told_plain = {**getattr(telegram_specifications, specification), "general_global_cipher": False}
    parser = TelegramParser(told_plain, apply_checksum_validation=checksum)
    return parser.parse(with_crlf(payload).decode("latin-1"))


def told(judged: Any, name: str) -> float | None:
    """A value of the judge in W, Wh, A or V."""
    item = getattr(judged, name, None)
    if item is None or item.value is None:
        return None
    factor = 1000 if (item.unit or "").startswith("k") else 1
    return float(Decimal(str(item.value)) * factor)


def assert_agrees(found: Telegram, judged: Any) -> None:
    used, delivered = told(judged, "CURRENT_ELECTRICITY_USAGE"), told(judged, "CURRENT_ELECTRICITY_DELIVERY")
    assert used is not None
    assert found.total_power_w == pytest.approx(used - (delivered or 0.0))
    for number, phase in enumerate(found.phases, start=1):
        positive = told(judged, f"INSTANTANEOUS_ACTIVE_POWER_L{number}_POSITIVE")
        negative = told(judged, f"INSTANTANEOUS_ACTIVE_POWER_L{number}_NEGATIVE")
        expected_w = None if positive is None else positive - (negative or 0.0)
        assert (phase.power_w if phase else None) == (
            expected_w if expected_w is None else pytest.approx(expected_w)
        )
        assert (phase.current_a if phase else None) == told(judged, f"INSTANTANEOUS_CURRENT_L{number}")
        assert (phase.voltage_v if phase else None) == told(judged, f"INSTANTANEOUS_VOLTAGE_L{number}")
    stamp = getattr(judged, "P1_MESSAGE_TIMESTAMP", None)
    if stamp is None:
        assert found.time_utc_s is None
    elif not found.identification.endswith("MIE5T-200"):
        # The Irish telegram says summer time in February: the judge goes by the date, we by the letter.
        assert found.time_utc_s == stamp.value.timestamp()
    tariffs = [told(judged, f"ELECTRICITY_USED_TARIFF_{number}") for number in (1, 2)]
    if None not in tariffs:
        assert found.energy_import_wh == pytest.approx(sum(wh for wh in tariffs if wh is not None))


def test_capture_of_a_dutch_meter():
    reader = TelegramReader()
    payloads = reader.feed(with_crlf(real(CAPTURE)))
    assert len(payloads) == 566
    assert reader.discarded == {Discard.TORN_START: 1}
    times = []
    for payload in payloads:
        found = parse(payload)
        assert found.notes == ()
        assert found.current_quantum_a == 1.0
        assert_agrees(found, judge(payload, "V5"))
        times.append(found.time_utc_s or 0.0)
    gaps = [after - before for before, after in pairwise(times)]
    assert sorted(gaps)[-2:] == [1.0, 2.0]


def test_capture_as_a_converter_without_carriage_returns_sends_it():
    reader = TelegramReader()
    assert len(reader.feed(real(CAPTURE))) == 566
    assert reader.discarded == {Discard.TORN_START: 1}


@pytest.mark.parametrize("name", SINGLE)
def test_single_telegram(name: str):
    reader = TelegramReader()
    (payload,) = reader.feed(with_crlf(real(f"dsmrparser_telegram_{name}.txt")))
    assert reader.discarded == {}
    found = parse(payload)
    assert found.notes == ()
    assert_agrees(found, judge(payload, SINGLE[name]))


def test_easymeter_without_export_register():
    (payload,) = TelegramReader().feed(real("dsmrparser_telegram_esy5q3da1004_v304.txt"))
    found = parse(payload)
    assert found.total_power_w == 1688.21
    assert [phase.power_w if phase else None for phase in found.phases] == [557.29, 521.62, 609.3]


def test_belgian_demand():
    (payload,) = TelegramReader().feed(with_crlf(real("dsmrparser_telegram_fluvius_v171.txt")))
    found, judged = parse(payload), judge(payload, "BELGIUM_FLUVIUS")
    assert found.quarter_demand_w == told(judged, "BELGIUM_CURRENT_AVERAGE_DEMAND")
    assert found.month_peak_w == told(judged, "BELGIUM_MAXIMUM_DEMAND_MONTH")
    assert found.current_quantum_a == pytest.approx(0.01)


def test_hungarian_capture():
    raw = real(HUNGARIAN)
    reader = TelegramReader()
    # The identifiers were made unrecognisable before publication, so that no checksum is right.
    assert reader.feed(with_crlf(raw)) == []
    assert reader.discarded == {Discard.BAD_CHECKSUM: 54}
    payloads = [b"/" + part for part in raw.split(b"\n/")[1:]]
    assert len(payloads) == 54
    for payload in payloads:
        found = parse(payload)
        assert found.notes == ()
        assert_agrees(found, judge(payload, "EON_HUNGARY", checksum=False))
        assert all(phase is not None and phase.power_w is None for phase in found.phases)


def test_a_heat_meter_is_not_a_grid_meter():
    (payload,) = TelegramReader().feed(with_crlf(real("dsmrparser_telegram_unpadded_crc.txt")))
    with pytest.raises(TelegramError, match="no usable total power"):
        parse(payload)
