"""The `url` of a meter: what it may be, and what is said when it is wrong."""

import asyncio

import pytest

from phasewise.devices.p1.link import (
    SERIAL_MODES,
    LinkError,
    SerialEndpoint,
    TcpEndpoint,
    open_link,
    parse_url,
)

FAST, SLOW = SERIAL_MODES


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("tcp://192.168.1.20:2001", TcpEndpoint("192.168.1.20", 2001)),
        ("tcp://p1-meter.local", TcpEndpoint("p1-meter.local", 23)),
        ("tcp://[fe80::1]:23/", TcpEndpoint("fe80::1", 23)),
        ("serial:///dev/ttyUSB0", SerialEndpoint("/dev/ttyUSB0", (FAST, SLOW))),
        ("serial:///dev/ttyUSB0?baudrate=9600", SerialEndpoint("/dev/ttyUSB0", (SLOW,))),
        ("serial:///dev/ttyUSB0?baudrate=115200", SerialEndpoint("/dev/ttyUSB0", (FAST,))),
    ],
)
def test_what_is_allowed(url: str, endpoint: TcpEndpoint | SerialEndpoint):
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "tcp://HOST:PORT"),
        ("192.168.1.20:23", "tcp://HOST:PORT"),
        ("http://192.168.1.20", "tcp://HOST:PORT"),
        ("/dev/ttyUSB0", "serial:///dev/ttyUSB0"),
        ("tcp://", "tcp://HOST:PORT"),
        ("tcp://:23", "tcp://HOST:PORT"),
        ("tcp://host:0", "tcp://HOST:PORT"),
        ("tcp://host:99999", "tcp://HOST:PORT"),
        ("tcp://host:x", "tcp://HOST:PORT"),
        ("tcp://host:23/path", "nothing more"),
        ("tcp://host:23?a=b", "nothing more"),
        ("tcp://user@host:23", "nothing more"),
        ("serial://dev/ttyUSB0", "three slashes"),
        ("serial:///", "three slashes"),
        ("serial:///dev/ttyUSB0?baudrate=19200", "9600"),
        ("serial:///dev/ttyUSB0?parity=even", "9600"),
    ],
)
def test_what_is_wrong_is_said(url: str, hint: str):
    with pytest.raises(ValueError, match=r".") as failure:
        parse_url(url)
    assert hint in str(failure.value)


def test_modes_are_written_as_people_do():
    assert [str(mode) for mode in SERIAL_MODES] == ["115200 8N1", "9600 7E1"]


async def test_a_refused_connection_says_so():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    with pytest.raises(LinkError, match="Connection refused"):
        await open_link(TcpEndpoint("127.0.0.1", port), None)


async def test_an_impossible_host_name_says_so():
    with pytest.raises(LinkError, match="label"):
        await open_link(TcpEndpoint(f"{'x' * 70}.local", 23), None)


@pytest.mark.parametrize("path", ["/dev/null", "/etc", __file__, "/dev/tty\0"])
async def test_what_is_no_serial_port_says_so(path: str):
    with pytest.raises(LinkError, match=r"\w+"):
        await open_link(SerialEndpoint(path), FAST)


async def test_a_missing_cable_says_so():
    with pytest.raises(LinkError, match="No such file"):
        await open_link(SerialEndpoint("/dev/does-not-exist"), FAST)
