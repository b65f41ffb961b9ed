"""HomeWizard's meters: what they tell, who they are, pairing; the maker's own library is the judge."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import homewizard_energy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meter_contract import SAMPLE, HastyClock, Reader, reading
from msgspec.structs import replace
from pydantic import ValidationError

from phasewise.devices.base import DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable, DriverOptions
from phasewise.devices.homewizard import Access, parse_url, read_access
from phasewise.devices.homewizard_link import authority, fingerprint_of
from phasewise.devices.homewizard_pairing import pair
from phasewise.devices.meters.homewizard import HomeWizardMeter, HomeWizardOptions
from phasewise.devices.meters.homewizard_values import reading_of_version_1, reading_of_version_2
from phasewise.devices.meters.network import NetworkMeter, Payload
from phasewise.model import GridReading
from phasewise.sim.house import MeterSample
from phasewise.sim.servers.homewizard import Fault, HomeWizardServer, Product
from phasewise.sim.servers.p1 import Style
from tls_kit import DeviceCertificate, certificate

TOKEN = "0123456789ABCDEF" * 2


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> DeviceCertificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> DeviceCertificate:
    return certificate(tmp_path_factory.mktemp("other"))


@asynccontextmanager
async def serving(server: HomeWizardServer) -> AsyncIterator[HomeWizardServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def listening(options: HomeWizardOptions) -> AsyncIterator[Reader]:
    async with reading(HomeWizardMeter(options, HastyClock(), silent_s=0.5)) as reader:
        yield reader


_seconds = itertools.count(1_700_000_000)


def ticking() -> float:
    """A meter's clock that is a second later each time, so that nothing is told twice."""
    return float(next(_seconds))


def test_wrong_options_are_explained():
    for options, hint in [
        ({}, "url"),
        ({"url": "192.168.1.2"}, "http://HOST or https://HOST"),
        ({"url": "http://h/api"}, "http://HOST or https://HOST"),
        ({"url": "http://h:x"}, "Port could not be cast"),
        ({"url": "https://h"}, "needs a token_file"),
        ({"url": "http://h", "token_file": "t"}, "for https:// only"),
    ]:
        with pytest.raises(ValidationError) as failure:
            HomeWizardOptions.model_validate(options)
        assert hint in str(failure.value)
    with pytest.raises(TypeError, match="HomeWizardOptions"):
        HomeWizardMeter.from_options(DriverOptions(), HastyClock())


def counting() -> Callable[[], MeterSample]:
    """Of a meter without a clock, only the values tell what is new; in the end they stay as they are."""
    energies_wh = itertools.chain(range(1000, 1020), itertools.repeat(2000))
    return lambda: replace(SAMPLE, energy_import_wh=float(next(energies_wh)))


async def last_of(options: HomeWizardOptions) -> GridReading:
    async with listening(options) as reader:
        await reader.until(lambda: any(r.energy_import_wh == 2000.0 for r in reader.readings))
        return reader.readings[-1]


OLD_NAMES = {
    "energy_import_kwh": "total_energy_import_kwh",
    "energy_export_kwh": "total_energy_export_kwh",
    "average_power_15m_w": "active_power_average_w",
}
"""In the last release of the library for Python 3.11: those of the first version of the API."""


def agree(found: GridReading, truth: object) -> None:
    """What a field means is the maker's to say."""

    def told(name: str) -> float | None:
        names = (name, f"active_{name}", OLD_NAMES.get(name, name))
        known = [known for known in names if hasattr(truth, known)]
        return getattr(truth, known[0])

    assert found.total_power_w == told("power_w")
    for n, phase in enumerate(found.phases, start=1):
        assert phase is not None
        assert phase.power_w == told(f"power_l{n}_w")
        assert phase.current_a == abs(told(f"current_l{n}_a") or 0.0)
        assert phase.voltage_v == told(f"voltage_l{n}_v")
    assert found.energy_import_wh == pytest.approx(1000 * (told("energy_import_kwh") or 0.0))
    assert found.energy_export_wh == pytest.approx(1000 * (told("energy_export_kwh") or 0.0))
    assert found.quarter_demand_w == told("average_power_15m_w")
    assert found.month_peak_w == told("monthly_power_peak_w")


@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize("style", list(Style))
async def test_the_makers_library_reads_the_same(product: Product, style: Style):
    server = HomeWizardServer(counting(), product=product, style=style, cadence_s=0.02, utc_s=ticking)
    async with serving(server):
        found = await last_of(HomeWizardOptions(url=server.url))
        host = server.url.removeprefix("http://")
        old = not hasattr(homewizard_energy, "HomeWizardEnergyV1")
        library = (homewizard_energy.HomeWizardEnergy if old else homewizard_energy.HomeWizardEnergyV1)(host)
        truth = await (library.data() if old else library.measurement())
        await library.close()
    agree(found, truth)


@pytest.mark.skipif(
    not hasattr(homewizard_energy, "HomeWizardEnergyV2"),
    reason="the last release of the maker's library for Python 3.11 does not know version 2",
)
async def test_the_makers_library_reads_the_same_with_a_token(device: DeviceCertificate, tmp_path: Path):
    server = HomeWizardServer(
        counting(), style=Style.FLUVIUS, tls=device.context, cadence_s=0.02, utc_s=ticking
    )
    async with serving(server):
        token = server.new_token()
        found = await last_of(options_for(server, tmp_path, Access(token, device.fingerprint)))
        library = homewizard_energy.HomeWizardEnergyV2(server.url.removeprefix("https://"), token=token)
        library._ssl = authority(device.authority)
        truth = await library.measurement()
        await library.close()
    agree(found, truth)


@pytest.mark.parametrize("style", list(Style))
async def test_both_versions_tell_the_same(device: DeviceCertificate, tmp_path: Path, style: Style):
    options = []
    async with AsyncExitStack() as stack:
        for tls in (None, device.context):
            server = HomeWizardServer(lambda: SAMPLE, style=style, tls=tls, cadence_s=0.05, utc_s=ticking)
            await stack.enter_async_context(serving(server))
            access = Access(server.new_token(), device.fingerprint)
            options.append(
                options_for(server, tmp_path, access) if tls else HomeWizardOptions(url=server.url)
            )
        first, second = [await _one(of) for of in options]
    for field in GridReading.__struct_fields__:
        if field not in {"received_s", "content_id", "meter_time_s", "sample_age_s"}:
            assert getattr(first, field) == getattr(second, field), field
    assert first.meter_time_s is None
    assert second.meter_time_s is not None


async def _one(options: HomeWizardOptions) -> GridReading:
    async with listening(options) as reader:
        return (await reader.more())[0]


def test_energy_of_the_tariffs_where_there_is_no_sum():
    values = {"active_power_w": 1, "total_power_import_t1_kwh": 1.5, "total_power_import_t2_kwh": 2}
    told = reading_of_version_1(values, 0.0, 0)
    assert told.energy_import_wh == 3500.0
    assert told.energy_export_wh is None


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2024-06-28T14:12:34", "2024-06-28T12:12:34+00:00"),
        ("2024-12-28T14:12:34", "2024-12-28T13:12:34+00:00"),
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00+00:00"),
        ("2024-10-27T02:30:00", "2024-10-27T01:30:00+00:00"),
        ("2024-10-27T02:30:00+01:00", "2024-10-27T01:30:00+00:00"),
    ],
)
def test_times_are_central_european_in_the_hour_that_comes_twice_too(written: str, utc: str):
    now_s = datetime.fromisoformat(utc).astimezone(UTC).timestamp()
    told = reading_of_version_2({"power_w": 1, "timestamp": written}, 0.0, now_s + 3.0)
    assert told.meter_time_s == now_s


@pytest.mark.parametrize("written", ["", "yesterday", 240628141234, None, "0001-01-01T00:00:00"])
def test_a_time_that_is_none_is_left_out(written: object):
    told = reading_of_version_2({"power_w": 1, "timestamp": written}, 0.0, 1.7e9)
    assert told.meter_time_s is None or isinstance(told.meter_time_s, float)


async def test_a_meter_that_stands_still_is_not_lost(device: DeviceCertificate):
    """Equal values for a minute are common with older meters: the telegram tells that they are new."""
    server = HomeWizardServer(lambda: SAMPLE, cadence_s=0.05, utc_s=ticking)
    async with serving(server), listening(HomeWizardOptions(url=server.url)) as reader:
        await reader.more(5)
        assert len({r.content_id for r in reader.readings}) == len(reader.readings)
        assert "/api/v1/telegram" in server.requests
        assert reader.driver.status is None


async def test_a_cached_sample_is_never_new_even_at_the_first_connection():
    """Seen in the field: a device whose P1 cable is out tells what it read last, for hours."""
    server = HomeWizardServer(lambda: SAMPLE, cadence_s=0.05, utc_s=ticking)
    async with serving(server):
        server.fault = Fault.REPLAY
        async with listening(HomeWizardOptions(url=server.url)) as reader:
            await reader.until(lambda: "repeats the same values" in (reader.driver.status or ""))
            assert reader.readings == []
            server.fault = Fault.NONE
            await reader.more()


async def test_a_device_that_hangs_up_after_every_answer_is_read_on():
    """Without a word: it said that it would keep the connection."""
    count = itertools.count(1)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"active_power_w": next(count)}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as device:
        port = device.sockets[0].getsockname()[1]
        async with listening(HomeWizardOptions(url=f"http://127.0.0.1:{port}")) as reader:
            found = await reader.more(10)
            assert reader.driver.status is None
    assert [r.total_power_w for r in found] == list(range(2, 12))


async def test_an_answer_without_end_is_cut_off_and_rejected():
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"{" * 65536)
                await writer.drain()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as device:
        port = device.sockets[0].getsockname()[1]
        async with listening(HomeWizardOptions(url=f"http://127.0.0.1:{port}")) as reader:
            await reader.until(lambda: reader.driver.rejected >= 2)
            assert "is not JSON" in (reader.driver.status or "")


async def test_an_api_that_is_off_is_explained():
    async with serving(HomeWizardServer(lambda: SAMPLE)) as server:
        server.fault = Fault.API_OFF
        async with listening(HomeWizardOptions(url=server.url)) as reader:
            await reader.until(lambda: "Switch it on in HomeWizard's app" in (reader.driver.status or ""))


def options_for(server: HomeWizardServer, folder: Path, access: Access, **more: Path) -> HomeWizardOptions:
    file = folder / f"{server.port}-{next(_seconds)}.token"
    file.write_text(access.text())
    return HomeWizardOptions(url=server.url, token_file=file, **more)


@asynccontextmanager
async def secured(device: DeviceCertificate) -> AsyncIterator[HomeWizardServer]:
    server = HomeWizardServer(lambda: SAMPLE, tls=device.context, cadence_s=0.05, utc_s=ticking)
    server.token = TOKEN
    async with serving(server):
        yield server


async def test_a_device_is_known_by_its_certificate_or_its_maker(device: DeviceCertificate, tmp_path: Path):
    async with secured(device) as server:
        for options in (
            options_for(server, tmp_path, Access(TOKEN, device.fingerprint)),
            options_for(server, tmp_path, Access(TOKEN), ca_file=device.authority),
        ):
            async with listening(options) as reader:
                await reader.more(2)


async def test_nothing_is_told_to_a_stranger(
    device: DeviceCertificate, stranger: DeviceCertificate, tmp_path: Path
):
    web_site = certificate(tmp_path / "web", "www.example.com")
    async with secured(device) as server, secured(web_site) as site:
        for options, shown in (
            (options_for(server, tmp_path, Access(TOKEN, stranger.fingerprint)), server),
            (options_for(server, tmp_path, Access(TOKEN), ca_file=stranger.authority), server),
            (options_for(site, tmp_path, Access(TOKEN), ca_file=web_site.authority), site),
        ):
            async with listening(options) as reader:
                await reader.until(lambda: "another certificate" in (reader.driver.status or ""))
                assert reader.readings == []
                assert shown.connection_count <= 1


async def test_a_token_without_a_certificate_is_not_sent_but_completed(
    device: DeviceCertificate, tmp_path: Path
):
    async with secured(device) as server:
        options = options_for(server, tmp_path, Access(TOKEN))
        async with listening(options) as reader:
            line = f"sha256:{device.fingerprint.hex()}"
            await reader.until(lambda: f"add this line to the file: {line}." in (reader.driver.status or ""))
            assert server.requests == []
            assert options.token_file is not None
            options.token_file.write_text(f"{TOKEN}\n{line}\n")
            await reader.more()


@pytest.mark.parametrize(
    ("fault", "said"), [(Fault.NONE, "'user:unauth"), (Fault.INDISCREET, "'authorization', 'd")]
)
async def test_a_wrong_token_is_said_and_never_shown(
    device: DeviceCertificate, tmp_path: Path, fault: Fault, said: str
):
    async with secured(device) as server:
        server.new_token()
        server.fault = fault
        options = options_for(server, tmp_path, Access(TOKEN, device.fingerprint))
        async with listening(options) as reader:
            await reader.until(lambda: "refuses the token: " in (reader.driver.status or ""))
            assert said in (reader.driver.status or "")
            assert TOKEN[:12] not in (reader.driver.status or "")


async def test_files_that_are_no_use_are_said_and_may_come_later(device: DeviceCertificate, tmp_path: Path):
    async with secured(device) as server:
        options = options_for(server, tmp_path, Access(TOKEN, device.fingerprint))
        file = options.token_file
        assert file is not None
        file.unlink()
        async with listening(options) as reader:
            await reader.until(lambda: "No such file" in (reader.driver.status or ""))
            file.write_text("secret")
            await reader.until(
                lambda: "is not a file with a HomeWizard token" in (reader.driver.status or "")
            )
            file.write_bytes(b"\xff\xfe")
            await reader.until(lambda: "it is not text" in (reader.driver.status or ""))
            file.write_text(Access(TOKEN, device.fingerprint).text())
            await reader.more()


def test_no_authority(tmp_path: Path):
    for name in ("none.pem", "empty.pem"):
        (tmp_path / "empty.pem").write_text("")
        with pytest.raises(DeviceError, match=name):
            authority(tmp_path / name)


async def test_pairing_waits_for_the_button(device: DeviceCertificate, tmp_path: Path):
    async with secured(device) as server:
        told = asyncio.Event()
        pairing = asyncio.create_task(pair(server.url, told.set, ask_every_s=0.05))
        await asyncio.wait_for(told.wait(), 10)
        server.press_button()
        access = await asyncio.wait_for(pairing, 10)
        assert access == Access(server.token or "", device.fingerprint)
        options = options_for(server, tmp_path, access)
        async with listening(options) as reader:
            await reader.more()
        assert options.token_file is not None
        assert read_access(options.token_file) == access


async def test_pairing_that_fails_says_why(device: DeviceCertificate, unused_tcp_port: int):
    with pytest.raises(DeviceUnreachable, match="Could not connect to https"):
        await pair(f"https://127.0.0.1:{unused_tcp_port}", lambda: None)
    async with secured(device) as server:
        with pytest.raises(DeviceRefused, match="was not pressed within"):
            await pair(server.url, lambda: None, within_s=0.3, ask_every_s=0.05)
        assert await fingerprint_of(server.url) == device.fingerprint
    async with serving(HomeWizardServer(lambda: SAMPLE)) as plain:
        with pytest.raises(DeviceUnreachable, match="Could not connect"):
            await pair(plain.url.replace("http:", "https:"), lambda: None)


def test_a_url_is_a_place_and_nothing_more():
    assert parse_url("http://h") == "http://h"
    assert parse_url("https://192.168.1.3:8443/") == "https://192.168.1.3:8443"
    for url in (
        "h",
        "ftp://h",
        "http://u@h",
        "http://h/x",
        "http://h?x",
        "http://",
        "http://h:0",
        "http://[",
    ):
        with pytest.raises(ValueError, match="write http"):
            parse_url(url)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "power_w",
        "active_power_w",
        "power_l1_w",
        "active_current_l2_a",
        "voltage_l3_v",
        "timestamp",
        "type",
        "data",
    ]
)


def understood(driver: NetworkMeter, content: bytes) -> GridReading | None:
    return driver._understand(Payload(content, 1.0))


@given(
    st.binary(max_size=60)
    | st.dictionaries(KEYS, JSON, max_size=5).map(lambda told: json.dumps(told).encode())
    | st.dictionaries(KEYS, JSON, max_size=5).map(
        lambda told: json.dumps({"type": "measurement", "data": told}).encode()
    )
)
def test_whatever_comes_is_a_reading_or_rejected(content: bytes):
    with_token = HomeWizardOptions(url="https://h", token_file=Path("t"))
    for options in (HomeWizardOptions(url="http://h"), with_token):
        driver = HomeWizardMeter(options, HastyClock())
        try:
            found = understood(driver, content)
        except DeviceBadData:
            continue
        if found is not None:
            numbers = [found.total_power_w, *(p.power_w for p in found.phases if p and p.power_w is not None)]
            assert all(abs(number) <= 100_000 for number in numbers)


def test_nesting_without_end_is_rejected():
    with pytest.raises(DeviceBadData, match="is not JSON"):
        understood(HomeWizardMeter(HomeWizardOptions(url="http://h"), HastyClock()), b"[" * 60_000)
