"""Which addresses may be looked at, and which ports are found open."""

import socket
import time
from contextlib import ExitStack
from ipaddress import IPv4Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.discovery import RangeError, own_ranges, parse_range
from phasewise.discovery.network import MAX_ADDRESSES, open_ports


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.168.1.0/24", "192.168.1.0/24"),
        (" 192.168.1.77/24 ", "192.168.1.0/24"),
        ("10.0.0.5", "10.0.0.5/32"),
        ("172.16.4.0/22", "172.16.4.0/22"),
        ("127.0.0.0/30", "127.0.0.0/30"),
        ("169.254.1.0/24", "169.254.1.0/24"),
        ("100.64.0.0/24", "100.64.0.0/24"),  # of a provider or an overlay network
    ],
)
def test_home_networks_are_taken(text: str, network: str) -> None:
    assert parse_range(text) == IPv4Network(network)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.0/21", "at most 1024"),
        ("0.0.0.0/0", "at most 1024"),
        ("8.8.8.8", "internet"),
        ("192.169.0.0/24", "internet"),
        ("224.0.0.251", "not a home network"),
        ("", "no range"),
        ("192.168.1", "no range"),
        ("fe80::1", "no range"),
        ("example.org", "no range"),
        ("192.168.1.0/33", "no range"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(RangeError, match=says):
        parse_range(text)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_no_range_reaches_the_internet_or_grows_large(number: int, prefix: int) -> None:
    try:
        network = parse_range(f"{ip_address(number)}/{prefix}")
    except RangeError:
        return
    assert network.num_addresses <= MAX_ADDRESSES
    assert not any(
        address.is_global for address in (network[0], network[len(list(network)) // 2], network[-1])
    )


def test_the_networks_of_this_machine_can_be_scanned() -> None:
    for network in own_ranges():
        assert parse_range(str(network)) == network
        assert network.prefixlen >= 24
        assert not network.is_loopback


async def test_exactly_the_open_ports_are_found_each_tried_once() -> None:
    tried = 0

    def count() -> None:
        nonlocal tried
        tried += 1

    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((f"127.0.0.{n}", 0))) for n in (1, 2, 3)]
        opened = {listener.getsockname() for listener in listeners}
        closed = {(address, port) for address, _ in opened for _, port in opened} - opened
        targets = sorted(opened | closed)
        found = await open_ports(targets, count)
    assert found == tuple(target for target in targets if target in opened)
    assert tried == len(targets)


async def test_an_address_that_does_not_answer_is_given_up_soon() -> None:
    """Linux drops what comes to a listener whose queue is full: as a host behind a firewall."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        began_s = time.monotonic()
        assert await open_ports([full.getsockname()], lambda: None) == ()
        assert 0.5 < time.monotonic() - began_s < 10
