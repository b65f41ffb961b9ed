"""The P1 meter driver on real sockets, with every fault of the simulated meter."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phasewise.devices.base import DriverOptions, MeterDriver, SystemClock
from phasewise.devices.meters.dsmr import DsmrMeter, DsmrOptions
from phasewise.model import GridReading, PhaseReading
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import Fault, P1Server, Style, format_telegram

SAMPLE = MeterSample(
    time_s=0.0, power_w=(100.0, -200.0, 1500.0), current_a=(0.5, 0.9, 6.6), voltage_v=(230.0, 231.0, 229.0)
)
TIMEOUT_S = 20.0


class HastyClock(SystemClock):
    """Real time, but every pause is short, and is noted."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        await asyncio.sleep(0.01)


class Watch:
    """A driver with a task that reads it, as the engine does."""

    def __init__(self, url: str, silent_s: float) -> None:
        self.clock = HastyClock()
        self.meter = DsmrMeter(DsmrOptions(url=url), self.clock, silent_s=silent_s)
        self.readings: list[GridReading] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for reading in self.meter.readings():
            self.readings.append(reading)

    async def more(self, count: int = 1) -> list[GridReading]:
        start = len(self.readings)
        await until(lambda: len(self.readings) >= start + count)
        return self.readings[start:]

    async def says(self, text: str) -> None:
        await until(lambda: text in (self.meter.status or ""))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110 - sockets and drivers offer no event for what is awaited here
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watching(url: str, silent_s: float = 10.0) -> AsyncIterator[Watch]:
    watch = Watch(url, silent_s)
    try:
        yield watch
    finally:
        watch.task.cancel()
        await asyncio.gather(watch.task, return_exceptions=True)
        await watch.meter.close()


@asynccontextmanager
async def server(style: Style = Style.FLUVIUS, cadence_s: float | None = 0.05) -> AsyncIterator[P1Server]:
    simulated = P1Server(lambda: SAMPLE, cadence_s=cadence_s, style=style)
    await simulated.start()
    try:
        yield simulated
    finally:
        await simulated.stop()


@asynccontextmanager
async def sending(*pieces: bytes, close: bool = False, pause_s: float = 0.1) -> AsyncIterator[str]:
    """A server that sends this to each client, and then nothing or the end."""
    clients: list[asyncio.StreamWriter] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        if close:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        for writer in clients:
            writer.transport.abort()


def test_it_is_a_meter_driver():
    options = DsmrOptions(url="tcp://h:23")
    driver: MeterDriver = DsmrMeter.from_options(options, SystemClock())
    assert driver.status == "Connecting to the meter at tcp://h:23."
    with pytest.raises(TypeError, match="DsmrOptions"):
        DsmrMeter.from_options(DriverOptions(), SystemClock())


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({}, "url"),
        ({"url": "host:23"}, "tcp://HOST:PORT"),
        ({"url": "tcp://h", "sample_age_s": -1}, "greater than or equal to 0"),
        ({"url": "tcp://h", "baud": 9600}, "baud"),
        ({"url": "tcp://h", "current_rounding": "up"}, "'nearest' or 'down'"),
    ],
)
def test_wrong_options_are_explained(options: dict[str, object], hint: str):
    with pytest.raises(ValidationError) as failure:
        DsmrOptions.model_validate(options)
    assert hint in str(failure.value)


@pytest.mark.parametrize(("rounding", "allowance_a"), [("nearest", 0.5), ("down", 1.0)])
@pytest.mark.parametrize(("style", "quantum_a"), [(Style.DSMR5, 1.0), (Style.FLUVIUS, 0.01)])
async def test_a_current_may_be_larger_than_told(
    rounding: str, allowance_a: float, style: Style, quantum_a: float
):
    async with server(style) as simulated:
        options = DsmrOptions.model_validate({"url": simulated.url, "current_rounding": rounding})
        meter = DsmrMeter(options, HastyClock())
        async with asyncio.timeout(TIMEOUT_S), aclosing(meter.readings()) as readings:
            reading = await anext(readings)
    assert reading.current_allowance_a == pytest.approx(allowance_a * quantum_a)


async def test_a_live_meter():
    async with server(cadence_s=None) as simulated, watching(simulated.url) as watch:
        await until(lambda: simulated.client_count == 1)
        payload = await simulated.emit()
        (reading,) = await watch.more()
        assert watch.meter.status is None
        assert watch.meter.rejected == 0
    assert reading.total_power_w == 1400.0
    assert reading.phases == (
        PhaseReading(power_w=100.0, current_a=0.5, voltage_v=230.0),
        PhaseReading(power_w=-200.0, current_a=0.9, voltage_v=231.0),
        PhaseReading(power_w=1500.0, current_a=6.6, voltage_v=229.0),
    )
    assert reading.current_quantum_a == pytest.approx(0.01)
    assert reading.current_allowance_a == pytest.approx(0.005)
    assert reading.content_id == zlib.crc32(payload)
    assert reading.sampled_s == reading.received_s - 1.0
    assert abs(reading.received_s - watch.clock.now_s()) < TIMEOUT_S
    assert reading.meter_id == "53494D303031"


async def test_silence_is_noticed_and_recovers():
    async with server() as simulated, watching(simulated.url, silent_s=0.3) as watch:
        await watch.more(3)
        simulated.fault = Fault.SILENT
        await watch.says("sent no usable telegram for")
        assert "nothing came" in (watch.meter.status or "")
        assert "Next attempt in" in (watch.meter.status or "")
        simulated.fault = Fault.NONE
        await watch.more(3)
        assert watch.meter.status is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.GARBAGE, "thrown away"),
        (Fault.NAN, "no usable total power"),
        (Fault.ABSURD, "can't be true"),
    ],
)
async def test_nothing_wrong_is_passed_on(fault: Fault, said: str):
    async with server() as simulated, watching(simulated.url, silent_s=1.0) as watch:
        await watch.more(3)
        simulated.fault = fault
        await watch.says(said)
        assert watch.meter.rejected > 0
        assert {reading.total_power_w for reading in watch.readings} == {1400.0}
        simulated.fault = Fault.NONE
        await watch.more(3)
        assert watch.meter.status is None
        assert {reading.total_power_w for reading in watch.readings} == {1400.0}


@pytest.mark.parametrize("fault", [Fault.FROZEN, Fault.REPLAY])
async def test_old_content_is_passed_on_recognisably(fault: Fault):
    async with server() as simulated, watching(simulated.url) as watch:
        known = {reading.content_id for reading in await watch.more(3)}
        simulated.fault = fault
        await watch.more(1)
        known |= {reading.content_id for reading in watch.readings}
        assert {reading.content_id for reading in await watch.more(7)} <= known


async def test_a_refused_meter_is_tried_ever_more_slowly_and_found_again():
    async with server() as simulated, watching(simulated.url) as watch:
        await watch.more(2)
        simulated.fault = Fault.CLOSED
        await watch.says("Could not connect to the meter")
        await until(lambda: len(watch.clock.pauses_s) >= 8)
        assert watch.clock.pauses_s[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
        simulated.fault = Fault.NONE
        await watch.more(2)
        assert watch.meter.status is None
        count = len(watch.clock.pauses_s)
        simulated.fault = Fault.CLOSED
        await until(lambda: len(watch.clock.pauses_s) > count)
        assert watch.clock.pauses_s[count] == 1.0


async def test_an_ended_connection_is_said():
    telegram = format_telegram(SAMPLE, 1.7e9)
    async with sending(telegram, close=True) as url, watching(url) as watch:
        await watch.more(2)
        await watch.says("the other side closed the connection")


async def test_what_a_lost_connection_left_unfinished_does_not_spoil_the_next():
    telegram = format_telegram(SAMPLE, 1.7e9)
    async with sending(telegram + telegram[:300], close=True) as url, watching(url) as watch:
        await watch.more(4)
        assert watch.meter.rejected == 0


async def test_of_a_burst_only_the_newest_counts():
    telegrams = [format_telegram(SAMPLE, 1.7e9 + second) for second in range(300)]
    burst, torn, last = b"".join(telegrams[:-1]), telegrams[0][200:], telegrams[-1]
    # As far apart as live telegrams are: reading the burst takes its time on a busy machine.
    async with sending(torn + burst, last, pause_s=1.0) as url, watching(url) as watch:
        await watch.more(2)
        assert [reading.meter_time_s for reading in watch.readings] == [1.7e9 + 298, 1.7e9 + 299]
        assert watch.meter.rejected == 1


async def test_a_flood_without_a_pause_is_not_waited_out():
    async with server(cadence_s=0.002) as simulated, watching(simulated.url) as watch:
        await watch.more(3)


async def test_encrypted_meters_are_told_so():
    frame = b"\xdb\x08SAGgp\x00\x01\x02\x82\x01\xf2\x30\x00\x00\x00\x01" + bytes(range(256))
    async with sending(frame * 2) as url, watching(url, silent_s=0.5) as watch:
        await watch.says("encrypted")


async def test_what_is_read_only_in_part_is_said():
    lines = b"/ABC5\r\n\r\n1-0:1.7.0(00.378*kW)\r\n1-0:2.7.0(00.000*kW)\r\n1-0:32.7.0(237,1*V)\r\n!\r\n"
    async with sending(lines) as url, watching(url) as watch:
        (reading,) = await watch.more()
        assert reading.total_power_w == 378.0
        assert watch.meter.status is not None
        assert "read only in part: 1-0:32.7.0 '237,1*V' not understood" in watch.meter.status


async def test_a_slow_meter_may_miss_a_telegram():
    async with server(cadence_s=None) as simulated, watching(simulated.url, silent_s=1.5) as watch:
        await until(lambda: simulated.client_count == 1)
        for pause_s in (0.0, 1.0, 2.2):
            await asyncio.sleep(pause_s)
            await simulated.emit()
            await until(lambda: len(watch.readings) > 0)
        await until(lambda: len(watch.readings) == 3)
        assert watch.clock.pauses_s == []


async def test_cancelling_closes_the_connection():
    async with server() as simulated, watching(simulated.url) as watch:
        await watch.more()
        assert simulated.client_count == 1
        watch.task.cancel()
        await until(lambda: simulated.client_count == 0)


async def test_close_ends_the_stream_and_may_be_repeated():
    async with server() as simulated, watching(simulated.url) as watch:
        await watch.more()
        await watch.meter.close()
        await watch.meter.close()
        await asyncio.wait_for(watch.task, TIMEOUT_S)
        await until(lambda: simulated.client_count == 0)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.binary(max_size=300), max_size=3))
def test_whatever_comes_a_telegram_after_it_is_read(noise: list[bytes]):
    telegram = format_telegram(SAMPLE, 1.7e9)

    async def scenario() -> None:
        async with sending(b"".join(noise) + b"\n" + telegram) as url, watching(url) as watch:
            (reading,) = await watch.more()
            assert reading.total_power_w == 1400.0

    asyncio.run(scenario())
