"""The Modbus connection by itself: urls, every transport, an independent server, and things that hang."""

import asyncio
import os
import pty
import socket
import struct
import time
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from phasewise.devices import modbus
from phasewise.devices.base import DeviceBadData, DeviceRefused, DeviceUnreachable
from phasewise.devices.modbus import (
    Endpoint,
    LineTiming,
    ModbusLink,
    RegisterMissing,
    Transport,
    parse_url,
)
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.modbus import Fault, LineRules

QUICK = LineTiming(frame_pause_s=0.0, reply_timeout_s=0.8)
LENIENT = LineRules(single_connection=False, frame_pause_s=0.0)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("modbus-tcp://192.168.1.31:502?unit=1", Endpoint(Transport.TCP, "192.168.1.31", 502)),
        ("modbus-tcp://battery.local", Endpoint(Transport.TCP, "battery.local", 502)),
        ("modbus-tcp://[fe80::1]:1502?unit=247", Endpoint(Transport.TCP, "fe80::1", 1502, unit=247)),
        ("modbus-rtu-tcp://10.0.0.9:8899?unit=3", Endpoint(Transport.RTU_OVER_TCP, "10.0.0.9", 8899, unit=3)),
        (
            "modbus-rtu:///dev/ttyUSB0?baudrate=9600&unit=2",
            Endpoint(Transport.SERIAL, path="/dev/ttyUSB0", baudrate=9600, unit=2),
        ),
        ("modbus-rtu:///dev/ttyUSB0", Endpoint(Transport.SERIAL, path="/dev/ttyUSB0", baudrate=115200)),
    ],
)
def test_urls(url: str, endpoint: Endpoint):
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "192.168.1.31",
        "tcp://192.168.1.31:502",
        "modbus-tcp://",
        "modbus-tcp://host:99999",
        "modbus-tcp://host:0",
        "modbus-tcp://host/path",
        "modbus-tcp://user@host",
        "modbus-tcp://host?unit=0",
        "modbus-tcp://host?unit=248",
        "modbus-tcp://host?unit=one",
        "modbus-tcp://host?unit=-1",
        "modbus-tcp://host?slave=1",
        "modbus-tcp://host?baudrate=9600",
        "modbus-rtu-tcp://host",
        "modbus-rtu://ttyUSB0",
        "modbus-rtu:///",
        "modbus-rtu:///dev/ttyUSB0?baudrate=fast",
    ],
)
def test_a_wrong_url_is_answered_with_what_is_allowed(url: str):
    with pytest.raises(ValueError, match=r"allowed|write ") as caught:
        parse_url(url)
    assert repr(url) in str(caught.value)


def make_server(**options: object) -> MarstekServer:
    battery = SimBattery(BatterySpec())
    return MarstekServer(battery, model="venus-e-v2", now=time.monotonic, rules=LENIENT, **options)


@asynccontextmanager
async def linked(
    timing: LineTiming = QUICK, **options: object
) -> AsyncIterator[tuple[ModbusLink, MarstekServer]]:
    server = make_server(**options)
    await server.start()
    link = ModbusLink(parse_url(server.url), timing)
    try:
        yield link, server
    finally:
        await link.close()
        await server.stop()


async def test_against_an_independent_server():
    registers = SimData(100, values=[11, 22, 65535], datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=5, simdata=[registers]), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    link = ModbusLink(parse_url(f"modbus-tcp://127.0.0.1:{port}?unit=5"), QUICK)
    try:
        assert await link.read(100, 3) == (11, 22, 65535)
        await link.write(101, 21930)
        assert await link.read(101) == (21930,)
        with pytest.raises(RegisterMissing, match="reading register 900: refused"):
            await link.read(900)
    finally:
        await link.close()
        await server.shutdown()


@asynccontextmanager
async def answering(pdu: bytes) -> AsyncIterator[ModbusLink]:
    """A connection to something that gives the same answer to every request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(12):
            writer.write(request[:4] + struct.pack(">HB", len(pdu) + 1, 1) + pdu)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = ModbusLink(parse_url(f"modbus-tcp://127.0.0.1:{port}"), QUICK)
    try:
        yield link
    finally:
        await link.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("rtu", [False, True])
async def test_refusals(rtu: bool):
    async with linked(rtu=rtu) as (link, server):
        with pytest.raises(RegisterMissing):
            await link.read(1)
        with pytest.raises(RegisterMissing):
            await link.write(32104, 1)
        server.fault = Fault.REFUSES
        with pytest.raises(DeviceRefused, match=r"device busy \(6\)") as caught:
            await link.read(32104)
        assert not isinstance(caught.value, RegisterMissing)
        assert link.opened == 1  # a refusal is an answer: the connection stands


@pytest.mark.parametrize("rtu", [False, True])
async def test_a_lost_connection_is_noticed_at_once(rtu: bool):
    patient = LineTiming(frame_pause_s=0.0, reply_timeout_s=8.0)
    async with linked(patient, rtu=rtu) as (link, server):
        server.fault = Fault.HANGS_UP
        started_s = time.monotonic()
        with pytest.raises(DeviceUnreachable, match="it closed the connection"):
            await link.read(32104)
        assert time.monotonic() - started_s < 4.0
        server.fault = Fault.NONE
        assert await link.read(32104) == (50,)
        assert link.opened == 2


async def test_wrong_length_is_bad_data():
    async with linked() as (link, server):
        server.fault = Fault.WRONG_LENGTH
        with pytest.raises(DeviceBadData, match="wrong length"):
            await link.read(32104)
        server.fault = Fault.GARBLED
        with pytest.raises(DeviceBadData, match="can't be decoded"):
            await link.read(32104)


@pytest.mark.parametrize("pdu", ["06 A410 0002", "06 A411 0001", "03 02 0001"])
async def test_a_write_that_is_not_confirmed_as_it_was_sent_is_bad_data(pdu: str):
    async with answering(bytes.fromhex(pdu)) as link:
        with pytest.raises(DeviceBadData):
            await link.write(0xA410, 1)


async def test_another_number_of_words_than_asked_for_is_bad_data():
    async with answering(bytes.fromhex("03 02 0001")) as link:
        with pytest.raises(DeviceBadData, match="1 words came instead of 2"):
            await link.read(100, 2)
        assert await link.read(100) == (1,)


async def test_a_connection_that_is_never_accepted_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(modbus, "CONNECT_TIMEOUT_S", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        # The queue of waiting connections is full after these: the next gets no answer at all.
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(place)
        link = ModbusLink(parse_url(f"modbus-tcp://127.0.0.1:{place[1]}"), QUICK)
        started_s = time.monotonic()
        with pytest.raises(DeviceUnreachable, match=r"no connection within 0\.2 s"):
            await link.read(1)
        assert time.monotonic() - started_s < 5.0
        for filler in fillers:
            filler.close()


async def test_everything_a_call_does_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(modbus, "CALL_TIMEOUT_S", 0.15)
    async with linked() as (link, server):
        server.latency_s = 0.1

        async def three_frames() -> None:
            async with link.deadline("testing"):
                for _ in range(3):
                    await link.read(32104)

        with pytest.raises(DeviceUnreachable, match="testing: not done within"):
            await three_frames()
        server.latency_s = 0.0
        assert await link.read(32104) == (50,)


def test_the_seam_allows_what_is_really_set():
    assert modbus.CALL_TIMEOUT_S < 10.0
    assert modbus.CONNECT_TIMEOUT_S < modbus.CALL_TIMEOUT_S


async def test_no_bytes_of_a_cancelled_call_reach_the_next():
    async with linked(rtu=True) as (link, server):
        server.latency_s = 0.05
        for wait_s in (0.0, 0.02, 0.049, 0.051):
            task = asyncio.create_task(link.read(44002))
            await asyncio.sleep(wait_s)
            task.cancel()
            await asyncio.wait([task])
            assert await link.read(32104) == (50,)


@asynccontextmanager
async def cable(server: MarstekServer) -> AsyncIterator[str]:
    """A serial port whose far end is the simulated unit's RS485 side."""
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    loop.add_reader(master, lambda: writer.write(os.read(master, 256)))

    async def back() -> None:
        while data := await reader.read(256):
            os.write(master, data)

    task = asyncio.create_task(back())
    try:
        yield os.ttyname(slave)
    finally:
        loop.remove_reader(master)
        task.cancel()
        writer.close()
        os.close(master)
        os.close(slave)


async def test_a_serial_cable():
    server = make_server(rtu=True)
    await server.start()
    async with cable(server) as path:
        patient = LineTiming(frame_pause_s=0.0, reply_timeout_s=1.0)
        link = ModbusLink(parse_url(f"modbus-rtu://{path}?baudrate=115200&unit=1"), patient)
        assert await link.read(32104) == (50,)
        await link.write(42000, 21930)
        assert server.controlled
        server.fault = Fault.SILENT
        with pytest.raises(DeviceUnreachable, match="no answer within"):
            await link.read(32104)
        server.fault = Fault.NONE
        assert await link.read(32104, 2) == (50, 5120)
        await link.close()
    await server.stop()


async def test_a_serial_port_that_is_not_there():
    link = ModbusLink(parse_url("modbus-rtu:///dev/does-not-exist"), QUICK)
    with pytest.raises(DeviceUnreachable, match=r"/dev/does-not-exist.*no connection: "):
        await link.read(32104)
