"""Cutting a byte stream into telegrams: what is accepted, what is thrown away, and why."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phasewise.devices.p1 import Discard, TelegramReader
from phasewise.devices.p1.crc import crc16
from phasewise.devices.p1.reader import GARBAGE_BYTES, MAX_TELEGRAM_BYTES
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import Style, checksum, format_telegram, seal

SAMPLE = MeterSample(
    time_s=0.0, power_w=(45.0, -10.0, 322.0), current_a=(0.2, 0.1, 1.6), voltage_v=(237.1, 235.1, 236.1)
)
TELEGRAM = format_telegram(SAMPLE, 1_700_000_000.0, Style.DSMR5)
OTHER = format_telegram(SAMPLE, 1_700_000_001.0, Style.FLUVIUS)
PLAIN = b"/ISk5\\2MT382-1000\r\n\r\n1-0:1.7.0(001.19*kW)\r\n1-0:2.7.0(000.00*kW)\r\n!\r\n"


def read(*chunks: bytes) -> tuple[list[bytes], dict[Discard, int]]:
    reader = TelegramReader()
    telegrams = [telegram for chunk in chunks for telegram in reader.feed(chunk)]
    return telegrams, dict(reader.discarded)


def test_checksum_is_arc():
    assert crc16(b"123456789") == 0xBB3D  # the published check value of CRC-16/ARC


@given(st.binary())
def test_both_checksums_agree(data: bytes):
    assert crc16(data) == checksum(data)


def test_telegrams_back_to_back():
    assert read(TELEGRAM + OTHER + TELEGRAM) == ([TELEGRAM, OTHER, TELEGRAM], {})


def test_torn_start():
    assert read(TELEGRAM[100:] + OTHER) == ([OTHER], {Discard.TORN_START: 1})


def test_torn_end():
    assert read(TELEGRAM[:-40] + b"\r\n" + OTHER) == ([OTHER], {Discard.TORN_END: 1})


def test_bytes_lost_inside():
    assert read(TELEGRAM[:100] + TELEGRAM[110:] + OTHER) == ([OTHER], {Discard.BAD_CHECKSUM: 1})


@pytest.mark.parametrize("end", [b"!XYZW", b"!12345", b"! ", b"!12 3", b"!\x00"])
def test_what_is_no_checksum_is_not_taken_for_none(end: bytes):
    body = TELEGRAM[: TELEGRAM.index(b"!")]
    assert read(body + end + b"\r\n") == ([], {Discard.BAD_CHECKSUM: 1})


def test_a_checksum_has_four_digits_at_most():
    assert read(TELEGRAM[:-6] + b"0" + TELEGRAM[-6:]) == ([], {Discard.BAD_CHECKSUM: 1})


def test_lower_case_checksum():
    head, end = TELEGRAM[:-6], TELEGRAM[-6:]
    lowered = head + end.lower()
    assert read(lowered) == ([lowered], {})


def test_unpadded_checksum():
    for second in range(200):
        telegram = format_telegram(SAMPLE, 1_700_000_000.0 + second)
        if telegram[-6:-5] == b"0":
            unpadded = telegram[:-6] + telegram[-6:].lstrip(b"0")
            assert read(unpadded) == ([unpadded], {})
            return
    pytest.fail("no checksum in 200 begins with 0")


def test_line_feed_only():
    bare = TELEGRAM.replace(b"\r\n", b"\n")
    assert read(bare) == ([bare], {})
    own = b"/ABC5\n\n1-0:1.7.0(00.100*kW)\n!"
    own += b"%04X\n" % checksum(own)
    assert read(own) == ([own], {})


def test_without_checksum():
    assert read(PLAIN + PLAIN) == ([PLAIN, PLAIN], {})


def test_a_meter_with_checksums_does_not_lose_them():
    stripped = OTHER[: OTHER.index(b"!")] + b"!\r\n"
    reader = TelegramReader()
    assert reader.feed(TELEGRAM + stripped) == [TELEGRAM]
    assert reader.discarded == {Discard.NO_CHECKSUM: 1}
    reader.reset()
    assert reader.feed(stripped) == [stripped]
    assert reader.discarded == {Discard.NO_CHECKSUM: 1}


def test_reset_forgets_the_unfinished():
    reader = TelegramReader()
    reader.feed(TELEGRAM[:200])
    reader.reset()
    assert reader.feed(TELEGRAM) == [TELEGRAM]


def test_noise_before_the_start_of_a_line():
    assert read(b"\x00\xff\x00" + TELEGRAM) == ([TELEGRAM], {})


def test_short_trailer_is_no_garbage():
    trailer = b"  25818685\r\n" + b"\xff" * 43 + b"\r\n"
    assert read((PLAIN + trailer) * 50) == ([PLAIN] * 50, {})


def test_garbage_is_counted():
    noise = (b"\x80" * 99 + b"\n") * (2 * GARBAGE_BYTES // 100)
    telegrams, discarded = read(noise + TELEGRAM)
    assert telegrams == [TELEGRAM]
    assert set(discarded) == {Discard.GARBAGE}


@pytest.mark.parametrize("filler", [b"x" * 100, b"x" * 99 + b"\n"])
def test_oversize_is_dropped_and_memory_bounded(filler: bytes):
    reader = TelegramReader()
    reader.feed(b"/ABC5\r\n")
    for _ in range(1000):
        reader.feed(filler)
        held = len(reader._line) + len(reader._telegram or b"")
        assert held <= 2 * MAX_TELEGRAM_BYTES
    assert reader.discarded[Discard.OVERSIZE] == 1
    assert reader.feed(b"\r\n" + TELEGRAM) == [TELEGRAM]


def test_encrypted_is_recognised():
    frame = b"\xdb\x08SAGgp\x00\x01\x02\x82\x01\xf2\x30\x00\x00\x00\x01" + bytes(range(256))
    telegrams, discarded = read(frame * 3)
    assert telegrams == []
    assert discarded[Discard.ENCRYPTED] >= 2


ODD_PIECES = st.one_of(
    st.sampled_from(
        [
            TELEGRAM,
            OTHER,
            PLAIN,
            TELEGRAM[50:],
            OTHER[:300],
            b"!\r\n",
            b"\r\n/",
            b"\n!6E",
            b"/XYZ",
            b"\xdb\x08SAG",
        ]
    ),
    st.binary(max_size=60),
    st.just(b"y" * (MAX_TELEGRAM_BYTES + 1)),
)


@settings(deadline=None)
@given(st.lists(ODD_PIECES, max_size=8), st.lists(st.integers(1, 3000), min_size=1, max_size=50))
@example([b"/ABC", b"y" * (MAX_TELEGRAM_BYTES + 1), TELEGRAM], [1000])
def test_chunking_makes_no_difference(pieces: list[bytes], sizes: list[int]):
    stream = b"".join(pieces)
    chunks, position, turn = [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        chunks.append(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert read(*chunks) == read(stream)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([TELEGRAM, OTHER]), st.data())
def test_one_wrong_bit_is_never_accepted(telegram: bytes, data: st.DataObject):
    position = data.draw(st.integers(0, len(telegram) - 1))
    bit = data.draw(st.integers(0, 7))
    broken = bytearray(telegram)
    broken[position] ^= 1 << bit
    content = telegram.index(b"!") + 1
    for accepted in read(bytes(broken) + PLAIN[:20])[0]:
        # Upper and lower case of a checksum digit, or of its line end, mean the same.
        assert position >= content
        assert accepted[:content] == telegram[:content]


def test_every_single_bit_of_a_short_telegram():
    telegram = seal(["/ABC5X", "1-0:1.7.0(00.378*kW)", "1-0:2.7.0(00.000*kW)"])
    content = telegram.index(b"!") + 1
    for position in range(content):
        for bit in range(8):
            broken = bytearray(telegram)
            broken[position] ^= 1 << bit
            assert read(bytes(broken))[0] == []


@given(st.binary(max_size=2000))
def test_arbitrary_bytes_never_raise(data: bytes):
    reader = TelegramReader()
    for telegram in reader.feed(data):
        assert telegram.startswith(b"/")
        assert telegram.endswith(b"\n")
