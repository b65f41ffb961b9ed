"""Which addresses a scan may look at, and which of their ports are open."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import ifaddr

MAX_ADDRESSES = 1024
"""A /22. Homes have a /24; more would take minutes and fill the address tables of small routers."""
OWN_PREFIX = 24
"""What is looked through around an address of this machine, unless its network is smaller."""
CONNECT_S = 0.7
"""A device on Wi-Fi that saves power may take some 300 ms; what takes longer is hardly there."""
AT_ONCE = 128
"""A home network is through in some 10 s like this, and nothing on it notices."""

_VIRTUAL = ("docker", "br-", "veth", "virbr", "podman", "cni")
"""Names of network cards that exist only inside this machine: no device is behind them."""
_DOCUMENTATION = ("192.0.2.1", 9)
"""An address that exists nowhere (RFC 5737): asking the way there sends nothing."""


class RangeError(ValueError):
    """The range can't be scanned. The text says why, and what is allowed."""


def parse_range(text: str) -> IPv4Network:
    """A network such as 192.168.1.0/24, or one address. Raises RangeError."""
    allowed = "write a network such as 192.168.1.0/24 or one address"
    try:
        network = IPv4Network(text.strip(), strict=False)
    except ValueError as error:
        raise RangeError(f"{text!r} is no range of IPv4 addresses; {allowed}") from error
    if network.num_addresses > MAX_ADDRESSES:
        raise RangeError(f"{network} has {network.num_addresses} addresses; at most {MAX_ADDRESSES} (a /22)")
    first, last = network.network_address, network.broadcast_address
    if any(address.is_global or address.is_multicast for address in (first, last)):
        raise RangeError(f"{network} is not a home network: addresses of the internet are not scanned")
    return network


def own_ranges() -> tuple[IPv4Network, ...]:
    """The networks this machine is in, the one with the way out first."""
    preferred = _address_of_the_way_out()
    interfaces = [
        IPv4Interface((str(ip.ip), max(OWN_PREFIX, ip.network_prefix)))
        for adapter in ifaddr.get_adapters()
        if not adapter.nice_name.startswith(_VIRTUAL)
        for ip in adapter.ips
        if ip.is_IPv4
    ]
    local = [i for i in interfaces if not (i.ip.is_loopback or i.ip.is_global or i.ip.is_link_local)]
    local.sort(key=lambda interface: interface.ip != preferred)
    return tuple(dict.fromkeys(interface.network for interface in local))


def _address_of_the_way_out() -> IPv4Address | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_DOCUMENTATION)
        except OSError:
            return None
        return IPv4Address(probe.getsockname()[0])


async def open_ports(
    targets: Iterable[tuple[str, int]], tried: Callable[[], None]
) -> tuple[tuple[str, int], ...]:
    """Those (address, port) that take a connection, in the order given. `tried` is called after each."""
    found: dict[tuple[str, int], bool] = {}
    waiting = iter(targets)

    async def worker() -> None:
        for target in waiting:
            found[target] = False
            found[target] = await _takes_connection(*target)
            tried()

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return tuple(target for target, is_open in found.items() if is_open)


async def _takes_connection(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
        except (OSError, TimeoutError):
            return False
        return True
