"""Shelly's energy meter: what it tells, passwords, what it says of itself."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_contract import SAMPLE, HastyClock, Reader, reading
from pydantic import ValidationError

from phasewise.devices.base import DeviceBadData, DriverOptions
from phasewise.devices.meters.network import Payload
from phasewise.devices.meters.shelly import ShellyMeter, ShellyOptions, to_reading
from phasewise.model import PhaseReading
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.shelly import Fault, ShellyServer

DOCUMENTED = {
    "id": 0,
    "a_current": 3.761,
    "a_voltage": 231.7,
    "a_act_power": -342.8,
    "a_aprt_power": 457.5,
    "a_pf": -0.80,
    "b_current": 8.109,
    "b_voltage": 231.0,
    "b_act_power": 957.3,
    "b_pf": -0.98,
    "c_current": 0.025,
    "c_voltage": 0.0,
    "c_act_power": 0.0,
    "c_errors": ["phase_sequence"],
    "n_current": None,
    "total_current": 11.895,
    "total_act_power": 614.502,
    "user_calibrated_phase": [],
}
"""The fields as Shelly documents them, with errors that concern the wiring only."""


@asynccontextmanager
async def serving(password: str | None = None) -> AsyncIterator[ShellyServer]:
    server = ShellyServer(lambda: SAMPLE, password=password, cadence_s=0.02)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def listening(server: ShellyServer, password_file: Path | None = None) -> AsyncIterator[Reader]:
    options = ShellyOptions(url=server.url, password_file=password_file)
    async with reading(ShellyMeter(options, HastyClock(), silent_s=0.5)) as reader:
        yield reader


def test_wrong_options_are_explained():
    for options, hint in [
        ({}, "url"),
        ({"url": "ws://h"}, "write http://HOST"),
        ({"url": "http://h/rpc"}, "write http://"),
    ]:
        with pytest.raises(ValidationError) as failure:
            ShellyOptions.model_validate(options)
        assert hint in str(failure.value)
    with pytest.raises(TypeError, match="ShellyOptions"):
        ShellyMeter.from_options(DriverOptions(), HastyClock())


def test_every_field_is_where_it_belongs():
    told = to_reading(DOCUMENTED, 5.0)
    assert told.total_power_w == 614.502
    assert told.phases == (
        PhaseReading(power_w=-342.8, current_a=3.761, voltage_v=231.7),
        PhaseReading(power_w=957.3, current_a=8.109, voltage_v=231.0),
        PhaseReading(power_w=0.0, current_a=0.025, voltage_v=0.0),
    )
    assert told.current_quantum_a == 0.001
    assert told.received_s == 5.0


@pytest.mark.parametrize(
    "broken",
    [
        {"errors": ["power_meter_failure"]},
        {"b_errors": ["out_of_range:act_power"]},
        {"total_act_power": None},
        {"a_voltage": "230"},
        {"a_current": True},
        {"c_act_power": 10**400},
    ],
)
def test_what_it_takes_back_itself_is_not_taken(broken: dict[str, object]):
    with pytest.raises(DeviceBadData):
        to_reading(DOCUMENTED | broken, 0.0)


async def test_http_tells_the_same():
    """The same values over the other way that a Shelly has."""
    async with serving() as server:
        server.fault = Fault.REPLAY
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/rpc/EM.GetStatus?id=0") as got,
        ):
            over_http = to_reading(await got.json(), 0.0)
        async with listening(server) as reader:
            await reader.until(lambda: "repeats the same values" in (reader.driver.status or ""))
            server.fault = Fault.NONE
            over_socket = (await reader.more())[0]
        assert over_http.phases[0] is not None
        assert over_socket.phases[0] is not None
        assert over_socket.phases[0].power_w == over_http.phases[0].power_w
        assert over_socket.total_power_w == over_http.total_power_w


async def test_a_change_that_it_tells_by_itself_is_read():
    loads = iter([SAMPLE] * 40)

    def stepping() -> MeterSample:
        return next(loads, MeterSample(0.0, (2100.0, -200.0, 1500.0), (9.1, 0.9, 6.6), (230.0, 231.0, 229.0)))

    server = ShellyServer(stepping, cadence_s=0.01)
    await server.start()
    try:
        async with listening(server) as reader:
            await reader.until(lambda: any(r.total_power_w == 3400.0 for r in reader.readings))
            assert server.notifications >= 1
            assert reader.driver.rejected == 0
    finally:
        await server.stop()


async def test_a_password_is_wanted_wrong_right_and_asked_for_again(tmp_path: Path):
    file = tmp_path / "shelly.password"
    async with serving("open sesame") as server:
        async with listening(server) as reader:
            await reader.until(lambda: "wants a password" in (reader.driver.status or ""))
        async with listening(server, file) as reader:
            await reader.until(lambda: "No such file" in (reader.driver.status or ""))
            file.write_text("close sesame")
            await reader.until(lambda: "refuses the password in" in (reader.driver.status or ""))
            file.write_text("open sesame\n")
            await reader.more(2)
            connections = server.connection_count
            server.forget_nonce()  # as after an hour
            await reader.more(5)
            assert server.connection_count == connections
            assert reader.driver.status is None


async def test_answers_that_are_late_do_not_make_a_password_wrong(tmp_path: Path):
    """Several questions are on their way before the first answer demands one."""
    file = tmp_path / "shelly.password"
    file.write_text("open sesame")
    async with serving("open sesame") as server:
        server.answer_after_s = 0.05
        async with listening(server, file) as reader:
            await reader.more(2)
            assert reader.driver.status is None


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault.MONOPHASE, "three-phase profile"), (Fault.METER_FAILURE, "power_meter_failure")],
)
async def test_what_is_wrong_with_it_is_said(fault: Fault, said: str):
    async with serving() as server, listening(server) as reader:
        await reader.more()
        server.fault = fault
        await reader.until(lambda: said in (reader.driver.status or ""))
        server.fault = Fault.NONE
        await reader.more()
        assert reader.driver.status is None


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.text(max_size=5))
)
STATUS = st.dictionaries(st.sampled_from(sorted(DOCUMENTED)), VALUES, max_size=6)


@given(
    st.binary(max_size=40)
    | st.builds(lambda s: json.dumps({"id": 1, "result": s}).encode(), STATUS | VALUES)
    | st.builds(
        lambda s: json.dumps({"method": "NotifyStatus", "params": {"em:0": s}}).encode(), STATUS | VALUES
    )
)
def test_whatever_comes_is_a_reading_or_rejected(content: bytes):
    driver = ShellyMeter(ShellyOptions(url="http://h"), HastyClock())
    try:
        told = driver._understand(Payload(content, 1.0))
    except DeviceBadData:
        return
    assert told is None or abs(told.total_power_w) <= 100_000
