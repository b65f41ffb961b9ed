"""The simulated unit, asked with frames made by hand."""

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.servers.marstek import MANUAL, TRADE, MarstekServer
from phasewise.sim.servers.modbus import Fault, LineRules, rtu_checksum

RULES = LineRules(single_connection=True, frame_pause_s=0.0)
ON, OFF = 21930, 21947


class Client:
    """The least that speaks Modbus TCP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, pdu: bytes, transaction: int = 9) -> bytes:
        self.writer.write(struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu)
        return await self.answer()

    async def answer(self) -> bytes:
        async with asyncio.timeout(5.0):
            header = await self.reader.readexactly(7)
            return await self.reader.readexactly(struct.unpack(">H", header[4:6])[0] - 1)

    async def read(self, address: int, count: int = 1) -> tuple[int, ...]:
        answer = await self.ask(struct.pack(">BHH", 3, address, count))
        assert answer[:2] == bytes((3, 2 * count)), answer
        return struct.unpack(f">{count}H", answer[2:])

    async def write(self, address: int, value: int) -> None:
        pdu = struct.pack(">BHH", 6, address, value)
        assert await self.ask(pdu) == pdu


class Bench:
    """A unit with a clock that is moved by hand."""

    def __init__(self, model: str = "venus-e-v3", **options: object) -> None:
        self.now_s = 0.0
        self.battery = SimBattery(BatterySpec(dead_time_s=0.5))
        self.server = MarstekServer(
            self.battery, model=model, now=lambda: self.now_s, **({"rules": RULES} | options)
        )

    async def connect(self) -> Client:
        return Client(*await asyncio.open_connection(self.server.host, self.server.port))

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.server.advance()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    unit = Bench()
    await unit.server.start()
    yield unit
    await unit.server.stop()


async def charge(client: Client, power_w: int) -> None:
    await client.write(42000, ON)
    await client.write(42020, power_w)
    await client.write(42010, 1)


async def test_it_charges_and_says_so_with_the_sign_of_the_device(bench: Bench):
    client = await bench.connect()
    await charge(client, 1000)
    bench.wait(10.0)
    assert bench.battery.ac_power_w == 1000.0
    assert (await client.read(30006))[0] == 0x10000 - 1000
    assert await client.read(35100) == (2,)
    await client.write(42021, 600)
    await client.write(42010, 2)
    bench.wait(10.0)
    assert bench.battery.ac_power_w == -600.0
    assert await client.read(30006) == (600,)
    assert await client.read(35100) == (3,)


async def test_powers_and_mode_only_count_while_control_is_enabled(bench: Bench):
    client = await bench.connect()
    await client.write(42020, 1000)
    await client.write(42010, 1)
    bench.wait(10.0)
    assert bench.battery.ac_power_w == 0.0
    assert await client.read(42010) == (0,)
    assert await client.read(42020) == (0,)
    assert [(write.register, write.value) for write in bench.server.writes] == [(42020, 1000), (42010, 1)]


async def test_the_watchdog_lets_go_between_90_and_120_s(bench: Bench):
    client = await bench.connect()
    await charge(client, 1000)
    bench.wait(80.0)
    await client.write(42000, ON)
    bench.wait(90.0)
    assert bench.server.controlled
    bench.wait(30.0)
    assert not bench.server.controlled
    bench.wait(10.0)
    assert bench.battery.ac_power_w == 0.0
    assert await client.read(42000) == (OFF,)


async def test_the_watchdog_needs_nobody_to_ask(bench: Bench):
    client = await bench.connect()
    await charge(client, 1000)
    bench.now_s += 121.0
    async with asyncio.timeout(5.0):
        while bench.server.controlled:  # noqa: ASYNC110 - the device has no event for a test
            await asyncio.sleep(0.02)


async def test_its_own_programme_runs_when_nobody_controls_it(bench: Bench):
    bench.server.own_programme_w = -300.0
    bench.server.work_mode = TRADE
    bench.wait(5.0)
    assert bench.battery.ac_power_w == -300.0
    client = await bench.connect()
    await client.write(42000, ON)
    assert await client.read(43000) == (MANUAL,)
    bench.wait(5.0)
    assert bench.battery.ac_power_w == 0.0
    await client.write(42000, OFF)
    await client.write(43000, TRADE)
    bench.wait(5.0)
    assert bench.battery.ac_power_w == -300.0


@pytest.mark.parametrize("state", [4, 5, 6])
async def test_it_takes_no_commands_in_backup_update_and_bypass(bench: Bench, state: int):
    client = await bench.connect()
    await charge(client, 1000)
    bench.wait(5.0)
    bench.server.state_override = state
    bench.wait(0.0)
    bench.wait(5.0)
    assert bench.battery.ac_power_w == 0.0
    assert await client.read(35100) == (state,)


@pytest.mark.parametrize(
    ("model", "there", "missing"),
    [
        ("venus-e-v2", {32104: 50, 32105: 5120, 44002: 2500}, (30006, 37005, 34002)),
        ("venus-e-v3", {37005: 50, 32105: 5120, 44002: 2500}, (32104, 34002, 32202)),
        ("venus-a", {32104: 50, 44003: 1500, 30037: 100}, (37005, 32202)),
        ("venus-d", {32104: 50, 44003: 2500, 30040: 100}, (37005, 32202)),
    ],
)
async def test_register_maps(model: str, there: dict[int, int], missing: tuple[int, ...]):
    unit = Bench(model)
    unit.server.pv_w = 40.0
    await unit.server.start()
    client = await unit.connect()
    for address, word in there.items():
        assert await client.read(address) == (word,)
    for address in missing:
        assert await client.ask(struct.pack(">BHH", 3, address, 1)) == b"\x83\x02"
    await unit.server.stop()


async def test_other_functions_and_read_only_registers_are_refused(bench: Bench):
    client = await bench.connect()
    assert await client.ask(struct.pack(">BHH", 4, 35100, 1)) == b"\x84\x01"
    assert await client.ask(struct.pack(">BHH", 6, 35100, 1)) == b"\x86\x02"


async def test_the_limits_in_the_device_hold(bench: Bench):
    client = await bench.connect()
    await client.write(44002, 800)
    await charge(client, 2500)
    assert bench.server.commands[-1].power_w == 800.0


async def test_one_connection_only(bench: Bench):
    first = await bench.connect()
    await first.read(35100)
    second = await bench.connect()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await second.read(35100)
    assert bench.server.violations == ["a second connection"]
    await first.read(35100)


async def test_impatient_clients_are_noted():
    unit = Bench(rules=LineRules(single_connection=True, frame_pause_s=0.5, reopen_wait_s=5.0, settle_s=0.5))
    await unit.server.start()
    client = await unit.connect()
    await client.read(35100)
    await client.read(35100)
    client.writer.close()
    while unit.server.client_count:  # noqa: ASYNC110 - the device has no event for a test
        await asyncio.sleep(0.01)
    again = await unit.connect()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await again.read(35100)
    kinds = [violation.split(" ")[0:2] for violation in unit.server.violations]
    assert kinds == [["a", "request"], ["a", "request"], ["opened", "again"]]
    await unit.server.stop()


async def test_rtu_frames():
    unit = Bench("venus-e-v2", rtu=True)
    await unit.server.start()
    client = await unit.connect()
    # The published example of CRC-16/MODBUS: 01 04 02 FF FF is followed by B8 80.
    assert rtu_checksum(bytes.fromhex("010402FFFF")) == bytes.fromhex("B880")
    request = struct.pack(">BBHH", 1, 3, 32104, 1)
    client.writer.write(request + rtu_checksum(request))
    answer = await client.reader.readexactly(7)
    assert answer[:5] == bytes((1, 3, 2, 0, 50))
    assert answer[5:] == rtu_checksum(answer[:5])
    client.writer.write(request + b"\x00\x00")
    assert await client.reader.read() == b""
    await unit.server.stop()


async def test_faults_of_the_line(bench: Bench):
    client = await bench.connect()
    read_state = struct.pack(">BHH", 3, 35100, 1)
    bench.server.fault = "refuses"
    assert await client.ask(read_state) == b"\x83\x06"
    bench.server.fault = "garbled"
    assert await client.ask(read_state) == b"\x83"
    bench.server.fault = "garbage"
    assert await client.read(35100) == (0xFFFF,)
    bench.server.fault = "late"
    client.writer.write(struct.pack(">HHHB", 9, 0, 6, 1) + read_state)
    frames = await client.reader.readexactly(2 * 11)
    assert [struct.unpack(">H", frames[at : at + 2])[0] for at in (0, 11)] == [8, 9]
    bench.server.fault = "wrong-length"
    client.writer.write(struct.pack(">HHHB", 9, 0, 6, 1) + read_state)
    frame = await client.reader.readexactly(9)
    assert struct.unpack(">H", frame[4:6])[0] > len(frame) - 6
    bench.server.fault = "silent"
    client.writer.write(struct.pack(">HHHB", 9, 0, 6, 1) + read_state)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.reader.read(1)
    bench.server.fault = "down"
    assert await client.reader.read() == b""
    late = await bench.connect()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await late.read(35100)


async def test_faults_of_the_unit(bench: Bench):
    client = await bench.connect()
    await charge(client, 500)
    bench.server.fault = Fault.IGNORES
    await client.write(42020, 900)
    assert await client.read(42020) == (500,)
    bench.server.fault = Fault.INVERTED
    await client.write(42020, 700)
    bench.wait(10.0)
    assert bench.battery.ac_power_w == -700.0
    bench.server.fault = Fault.LOSES_CONTROL
    assert await client.read(42000) == (OFF,)
    bench.server.fault = Fault.NONE
    bench.server.latency_s = 0.2
    started_s = asyncio.get_running_loop().time()
    await client.read(42000)
    assert asyncio.get_running_loop().time() - started_s >= 0.2


async def test_an_unknown_model_or_fault_is_refused(bench: Bench):
    with pytest.raises(ValueError, match="venus-e-v3"):
        Bench("venus-x")
    with pytest.raises(ValueError, match="gremlins"):
        bench.server.fault = "gremlins"
