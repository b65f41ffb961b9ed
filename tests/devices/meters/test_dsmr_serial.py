"""The P1 meter driver on a real serial stack: a pseudo-terminal stands for the cable.

A pseudo-terminal keeps the baud rate, but Linux sets it back to 8 bits without parity, and there is
no timing. Proven is that the driver finds the baud rate that brings telegrams, and that it asks the
serial library for 7 bits and even parity with it.
"""

import asyncio
import os
import pty
import termios
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import serialx

from phasewise.devices.base import SystemClock
from phasewise.devices.meters.dsmr import DsmrMeter, DsmrOptions
from phasewise.devices.p1.link import SERIAL_MODES, SerialEndpoint, open_link
from phasewise.model import GridReading
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.p1 import format_telegram

SAMPLE = MeterSample(
    time_s=0.0, power_w=(100.0, -200.0, 1500.0), current_a=(0.5, 0.9, 6.6), voltage_v=(230.0, 231.0, 229.0)
)
MODERN = format_telegram(SAMPLE, 1.7e9)
OLD = b"/ISk5\\2MT382-1000\r\n\r\n1-0:1.7.0(001.19*kW)\r\n1-0:2.7.0(000.00*kW)\r\n!\r\n"
TIMEOUT_S = 20.0


class HastyClock(SystemClock):
    """Real time without long pauses."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.01)


class Cable:
    """The meter's end of a pseudo-terminal: sends a telegram over and over, readable at one speed."""

    def __init__(self, telegram: bytes, baudrate: int) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.seen: list[int] = []
        self._telegram = telegram
        self._baudrate = baudrate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def baudrate(self) -> int:
        """As set by the reader, in the constants of termios."""
        return int(termios.tcgetattr(self.slave)[4])

    def _run(self) -> None:
        os.set_blocking(self.master, False)
        while not self._stop.wait(0.05):
            baudrate = self.baudrate()
            if baudrate not in self.seen:
                self.seen.append(baudrate)
            # At the wrong speed a telegram arrives as bytes without meaning.
            data = self._telegram if baudrate == self._baudrate else bytes(b | 0x80 for b in self._telegram)
            try:
                os.write(self.master, data)
            except BlockingIOError:
                # Nobody reads at the moment: a meter does not care.
                continue

    def unplug(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def modern_cable() -> Iterator[Cable]:
    cable = Cable(MODERN, termios.B115200)
    yield cable
    cable.unplug()


@pytest.fixture
def old_cable() -> Iterator[Cable]:
    cable = Cable(OLD, termios.B9600)
    yield cable
    cable.unplug()


@asynccontextmanager
async def driver(url: str, silent_s: float = 0.5) -> AsyncIterator[DsmrMeter]:
    meter = DsmrMeter(DsmrOptions(url=url), HastyClock(), silent_s=silent_s)
    try:
        yield meter
    finally:
        await meter.close()


async def first(meter: DsmrMeter, count: int = 1) -> list[GridReading]:
    readings: list[GridReading] = []
    async with asyncio.timeout(TIMEOUT_S):
        async for reading in meter.readings():
            readings.append(reading)
            if len(readings) == count:
                break
    return readings


async def test_modern_meter_at_115200_8n1(modern_cable: Cable):
    async with driver(f"serial://{modern_cable.path}", silent_s=10.0) as meter:
        readings = await first(meter, 3)
        assert [reading.total_power_w for reading in readings] == [1400.0] * 3
        assert modern_cable.baudrate() == termios.B115200
        assert meter.status is None


async def test_old_meter_is_found_at_9600_7e1(old_cable: Cable):
    async with driver(f"serial://{old_cable.path}") as meter:
        readings = await first(meter, 3)
        assert [reading.total_power_w for reading in readings] == [1190.0] * 3
        assert old_cable.baudrate() == termios.B9600
        assert termios.B115200 in old_cable.seen


async def test_the_serial_library_is_asked_for_the_right_settings(modern_cable: Cable):
    for mode, byte_size, parity in zip(SERIAL_MODES, (8, 7), ("NONE", "EVEN"), strict=True):
        link = await open_link(SerialEndpoint(modern_cable.path), mode)
        transport = link._writer.transport
        assert isinstance(transport, serialx.BaseSerialTransport)
        assert (transport.baudrate, transport.byte_size) == (mode.baudrate, byte_size)
        assert transport.parity.name == parity
        assert transport.stopbits is serialx.StopBits.ONE
        await link.close()


async def test_a_given_baud_rate_is_the_only_one_tried(modern_cable: Cable):
    async with driver(f"serial://{modern_cable.path}?baudrate=9600", silent_s=0.2) as meter:
        readings = asyncio.create_task(first(meter))
        async with asyncio.timeout(TIMEOUT_S):
            while "(9600 7E1) sent no usable telegram" not in (meter.status or ""):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        readings.cancel()
        await asyncio.gather(readings, return_exceptions=True)
        assert termios.B9600 in modern_cable.seen
        assert termios.B115200 not in modern_cable.seen


async def test_an_unplugged_cable_is_said():
    cable = Cable(MODERN, termios.B115200)
    async with driver(f"serial://{cable.path}", silent_s=10.0) as meter:
        task = asyncio.create_task(first(meter, 10_000))
        async with asyncio.timeout(TIMEOUT_S):
            while meter.status is not None:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            cable.unplug()
            while "Next attempt in" not in (meter.status or ""):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
