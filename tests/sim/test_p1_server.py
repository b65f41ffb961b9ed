"""The simulated P1 meter: its formats by hand, its faults on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import Fault, P1Server, Style, checksum, format_telegram

SAMPLE = MeterSample(
    time_s=0.0,
    power_w=(1234.4, -200.0, 0.0),
    current_a=(5.6, 0.92, 0.0),
    voltage_v=(230.04, 231.0, 229.0),
    energy_import_wh=1_234_567.0,
    energy_export_wh=42.0,
)
SUMMER, WINTER = 1_589_284_449.0, 1_553_436_319.0  # 2020-05-12T11:54:09Z, 2019-03-24T14:05:19Z


@asynccontextmanager
async def connected(simulated: P1Server) -> AsyncIterator[asyncio.StreamReader]:
    await simulated.start()
    reader, writer = await asyncio.open_connection(simulated.host, simulated.port)
    try:
        while simulated.client_count == 0:  # noqa: ASYNC110 - the server offers no event for this, nor need it
            await asyncio.sleep(0.01)
        yield reader
    finally:
        writer.close()
        await simulated.stop()


async def receive(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readuntil(b"!") + await reader.readline()


def lines_of(telegram: bytes) -> list[str]:
    return telegram.decode("ascii").split("\r\n")


def test_checksum_of_the_published_check_value():
    assert checksum(b"123456789") == 0xBB3D


def test_dutch_telegram():
    telegram = format_telegram(SAMPLE, WINTER, "dsmr5")
    lines = lines_of(telegram)
    assert lines[0].startswith("/")
    assert lines[1] == ""
    assert {
        "0-0:1.0.0(190324150519W)",
        "1-0:1.8.1(001234.567*kWh)",
        "1-0:2.8.1(000000.042*kWh)",
        "1-0:1.7.0(01.034*kW)",
        "1-0:2.7.0(00.000*kW)",
        "1-0:32.7.0(230.0*V)",
        "1-0:31.7.0(006*A)",
        "1-0:51.7.0(001*A)",
        "1-0:21.7.0(01.234*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:41.7.0(00.000*kW)",
        "1-0:42.7.0(00.200*kW)",
    } <= set(lines)
    content, end = telegram.split(b"!")
    assert end == b"%04X\r\n" % checksum(content + b"!")


def test_belgian_telegram():
    lines = lines_of(format_telegram(SAMPLE, SUMMER, "fluvius", quarter_demand_w=2351.0, month_peak_w=2589.0))
    assert {
        "0-0:1.0.0(200512135409S)",
        "1-0:1.4.0(02.351*kW)",
        "1-0:31.7.0(005.60*A)",
        "1-0:51.7.0(000.92*A)",
    } <= set(lines)
    assert "1-0:1.6.0(200512135409S)(02.589*kW)" in lines


def test_older_dutch_telegram_has_no_voltages():
    telegram = format_telegram(SAMPLE, WINTER, Style.DSMR4)
    assert b"*V)" not in telegram
    assert b"1-0:31.7.0(006*A)" in telegram


async def test_many_clients_get_the_same():
    simulated = P1Server(lambda: SAMPLE, cadence_s=0.05)
    async with connected(simulated) as first:
        second, writer = await asyncio.open_connection(simulated.host, simulated.port)
        while simulated.client_count < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        expected = lines_of(format_telegram(SAMPLE, 0.0))[0]
        assert lines_of(await receive(first))[0] == expected
        assert lines_of(await receive(second))[0] == expected
        writer.close()


async def test_nothing_new_is_not_sent():
    simulated = P1Server(lambda: None, cadence_s=None)
    async with connected(simulated):
        assert await simulated.emit() == b""


async def test_frozen_and_replay_repeat_what_was_sent():
    times = iter(range(1_700_000_000, 1_800_000_000))
    simulated = P1Server(lambda: SAMPLE, cadence_s=None, utc_s=lambda: float(next(times)))
    async with connected(simulated) as reader:
        live = [await simulated.emit() for _ in range(7)]
        assert len(set(live)) == 7
        assert [await receive(reader) for _ in range(7)] == live
        simulated.fault = "frozen"
        assert [await simulated.emit() for _ in range(3)] == [live[-1]] * 3
        simulated.fault = "replay"
        assert [await simulated.emit() for _ in range(6)] == [*live[2:], live[2]]
        simulated.fault = "none"
        assert await simulated.emit() not in live


async def test_wrong_values_have_a_right_checksum():
    simulated = P1Server(lambda: SAMPLE, cadence_s=None)
    async with connected(simulated):
        for fault, expected in ((Fault.ABSURD, b"1-0:1.7.0(1034.400*kW)"), (Fault.NAN, b"1-0:1.7.0(nan*kW)")):
            simulated.fault = fault
            telegram = await simulated.emit()
            assert expected in telegram
            content, end = telegram.split(b"!")
            assert int(end, 16) == checksum(content + b"!")


async def test_silent_sends_nothing_and_garbage_sends_noise():
    simulated = P1Server(lambda: SAMPLE, cadence_s=None)
    async with connected(simulated) as reader:
        simulated.fault = Fault.SILENT
        assert await simulated.emit() == b""
        simulated.fault = Fault.GARBAGE
        noise = await simulated.emit()
        assert await asyncio.wait_for(reader.readexactly(len(noise)), 10) == noise
        assert noise != await simulated.emit()


async def test_closed_drops_and_refuses_until_it_is_over():
    simulated = P1Server(lambda: SAMPLE, cadence_s=None)
    async with connected(simulated) as reader:
        port = simulated.port
        simulated.fault = Fault.CLOSED
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await receive(reader)
        with pytest.raises(OSError, match=r"(?i)refused|connect call failed"):
            await asyncio.open_connection(simulated.host, port)
        assert await simulated.emit() == b""
        simulated.fault = Fault.NONE
        await simulated.emit()
        again, writer = await asyncio.open_connection(simulated.host, port)
        while simulated.client_count == 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        await simulated.emit()
        assert (await receive(again)).startswith(b"/")
        writer.close()


async def test_demand_rises_through_the_quarter_and_leaves_its_peak():
    state = {"utc_s": 1_700_000_100.0 // 900 * 900, "wh": 0.0}

    def sample() -> MeterSample:
        return MeterSample(
            time_s=0.0, power_w=SAMPLE.power_w, current_a=SAMPLE.current_a, voltage_v=SAMPLE.voltage_v,
            energy_import_wh=state["wh"],
        )  # fmt: skip

    simulated = P1Server(sample, cadence_s=None, style="fluvius", utc_s=lambda: state["utc_s"])
    async with connected(simulated):
        assert b"1-0:1.4.0(00.000*kW)" in await simulated.emit()
        state.update(utc_s=state["utc_s"] + 450.0, wh=250.0)
        assert b"1-0:1.4.0(01.000*kW)" in await simulated.emit()
        state.update(utc_s=state["utc_s"] + 450.0)
        telegram = await simulated.emit()
    assert b"1-0:1.4.0(00.000*kW)" in telegram
    assert b")(01.000*kW)" in telegram


async def test_a_busy_computer_does_not_make_two_telegrams_of_one_second() -> None:
    began_s = time.monotonic()
    samples = 0

    def sample() -> MeterSample:
        nonlocal samples
        samples += 1
        if samples == 2:
            time.sleep(0.9)
        return SAMPLE

    simulated = P1Server(sample, cadence_s=1.0, utc_s=lambda: 1_700_000_000.5 + time.monotonic() - began_s)
    await simulated.start()
    reader, writer = await asyncio.open_connection(simulated.host, simulated.port)
    stamps = [await _stamp(reader) for _ in range(3)]
    writer.close()
    await simulated.stop()
    assert len(set(stamps)) == 3


async def _stamp(reader: asyncio.StreamReader) -> bytes:
    telegram = await asyncio.wait_for(reader.readuntil(b"!"), 10)
    return telegram.split(b"0-0:1.0.0(")[1].split(b")")[0]
