"""The connection to Home Assistant: whatever happens to entities there, they are known here as they are."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phasewise.devices.base import DeviceError, DeviceRefused, DeviceUnreachable, SystemClock
from phasewise.devices.home_assistant import HomeAssistantOptions
from phasewise.devices.home_assistant_link import HomeAssistant
from phasewise.sim.servers.home_assistant import TOKEN, HassFault, HomeAssistantServer
from phasewise.sim.servers.home_assistant_states import Context

IDS = ("sensor.a", "sensor.b", "select.c")
CONTEXTS = st.builds(
    Context,
    id=st.uuids().map(str),
    user_id=st.sampled_from([None, "one", "another"]),
    parent_id=st.sampled_from([None, "cause"]),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["unit_of_measurement", "options", "min"]), st.integers(0, 2))
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(IDS), st.sampled_from(["1", "2", "unavailable"]), ATTRIBUTES, CONTEXTS),
        st.tuples(st.sampled_from(IDS), st.none(), st.just({}), CONTEXTS),
    ),
    max_size=12,
)


def link(server: HomeAssistantServer, folder: Path, **more: float) -> HomeAssistant:
    (folder / "token").write_text(TOKEN)
    options = HomeAssistantOptions(url=server.url + "/", token_file=folder / "token")
    return HomeAssistant(options, IDS, SystemClock(), **more)


@pytest.fixture
async def server() -> AsyncIterator[HomeAssistantServer]:
    served = HomeAssistantServer(now=time.monotonic, utc=time.time)
    await served.start()
    yield served
    await served.stop()


@given(before=HAPPENINGS, after=HAPPENINGS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_entities_are_known_as_they_are(tmp_path: Path, before: list, after: list) -> None:
    async def scenario() -> None:
        server = HomeAssistantServer(now=time.monotonic, utc=time.time)
        await server.start()
        mine = link(server, tmp_path)
        try:
            for happening in before:
                happen(server, *happening)
            await mine.open()
            for happening in after:
                happen(server, *happening)
            await mine.ping()
            assert mine.entities.keys() == server.states.keys()
            for entity_id, true in server.states.items():
                known = mine.entities[entity_id]
                assert (known.state, known.attributes) == (true.state, true.attributes)
                told = {key: known.context.get(key) for key in ("id", "user_id", "parent_id")}
                assert told == {
                    "id": true.context.id,
                    "user_id": true.context.user_id,
                    "parent_id": true.context.parent_id,
                }
        finally:
            await mine.close()
            await server.stop()

    asyncio.run(scenario())


def happen(
    server: HomeAssistantServer, entity_id: str, state: str | None, attributes: dict, context: Context
) -> None:
    if state is None:
        server.remove(entity_id)
    else:
        server.put(entity_id, state, attributes, context)


async def test_a_value_that_is_there_already_has_no_age_until_it_is_asked_for(
    server: HomeAssistantServer, tmp_path: Path
) -> None:
    server.utc = lambda: time.time() - 100.0
    server.put("sensor.a", "1")
    server.put("sensor.b", "1")
    server.utc = time.time
    server.put("sensor.b", "1")  # reported, not changed
    mine = link(server, tmp_path)
    await mine.open()
    assert {entity.reported_s for entity in mine.entities.values()} == {float("-inf")}
    await mine.freshen(0.0)
    now_s = time.monotonic()
    assert now_s - mine.entities["sensor.a"].reported_s == pytest.approx(100.0, abs=3.0)
    assert now_s - mine.entities["sensor.b"].reported_s == pytest.approx(0.0, abs=3.0)
    asked = len(server.asked)
    await mine.freshen(60.0)
    assert len(server.asked) == asked  # asked a moment ago
    await mine.close()


@pytest.mark.parametrize("hours", [-5.0, 0.0, 5.0])
async def test_its_clock_may_be_another(server: HomeAssistantServer, tmp_path: Path, hours: float) -> None:
    server.utc = lambda: time.time() + 3600.0 * hours
    server.put("sensor.a", "1")
    mine = link(server, tmp_path)
    await mine.open()
    await mine.freshen(0.0)
    assert time.monotonic() - mine.entities["sensor.a"].reported_s == pytest.approx(0.0, abs=3.0)
    await mine.close()


async def test_a_connection_that_ends_fails_what_waits(server: HomeAssistantServer, tmp_path: Path) -> None:
    mine = link(server, tmp_path)
    await mine.open()
    server.fault = HassFault.HANGS_UP
    with pytest.raises(DeviceUnreachable):
        await mine.ping()
    server.fault = HassFault.NONE
    await mine.open()
    await mine.ping()
    assert mine.opened == 2
    await mine.close()


async def test_what_is_not_home_assistant_is_said(tmp_path: Path) -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(hello, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    (tmp_path / "token").write_text(TOKEN)
    options = HomeAssistantOptions(url=f"http://127.0.0.1:{port}", token_file=tmp_path / "token")
    mine = HomeAssistant(options, IDS, SystemClock(), reply_s=1.0)
    with pytest.raises(DeviceUnreachable, match="no connection to Home Assistant"):
        await mine.open()
    other.close()


async def test_the_token_appears_in_no_error(server: HomeAssistantServer, tmp_path: Path) -> None:
    mine = link(server, tmp_path, reply_s=0.2)
    (tmp_path / "token").write_text("s3cret")
    with pytest.raises(DeviceRefused) as refused:
        await mine.open()
    server.fault = HassFault.SILENT
    with pytest.raises(DeviceError) as silent:
        await mine.open()
    server.fault = HassFault.DOWN
    with pytest.raises(DeviceError) as down:
        await mine.open()
    assert "s3cret" not in f"{refused.value}{silent.value}{down.value}"


async def test_closed_under_a_question_it_is_out_of_reach(
    server: HomeAssistantServer, tmp_path: Path
) -> None:
    server.put("sensor.a", "1")
    mine = link(server, tmp_path)
    await mine.open()
    server.fault = HassFault.SILENT
    asking = [asyncio.create_task(mine.freshen(0.0)), asyncio.create_task(mine.ping())]
    await asyncio.sleep(0.1)
    await mine.close()
    for answer in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(answer, DeviceUnreachable)
    with pytest.raises(DeviceUnreachable):
        await mine.freshen(0.0)
