"""What devices announce about themselves on the network (mDNS service discovery)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from phasewise.discovery.findings import Finding, Kind

BROWSE_S = 4.0
"""Questions are sent at 0, 1 and 3 s (RFC 6762, section 5.2); who answers does so within half a second."""
RESOLVE_S = 2.0
MAX_SERVICES = 200
"""A home has a few dozen; an announcer that floods the network must not keep us busy."""

_LATER = "A driver for it comes in another release."


Interfaces = Sequence[str] | InterfaceChoice
"""Addresses of this machine, or all."""
EVERYWHERE = InterfaceChoice.All


class MdnsError(Exception):
    """Announcements can't be listened for. The text says why."""


class Announcement(Struct, frozen=True):
    """One service of one device."""

    service: str
    name: str
    """The device's own, without the service."""
    address: str
    properties: Mapping[str, str]


async def browse(interfaces: Interfaces = EVERYWHERE) -> list[Finding]:
    """The meters, batteries and hubs that announce themselves. Raises MdnsError."""
    try:
        announcements = await _announcements(interfaces)
    except (OSError, ZeroconfError) as error:
        raise MdnsError(f"announcements (mDNS) can't be listened for: {error}") from error
    found = [finding for heard in announcements if (finding := SERVICES[heard.service](heard)) is not None]
    return list({(finding.name, finding.kind): finding for finding in found}.values())


async def _announcements(interfaces: Interfaces) -> list[Announcement]:
    names: dict[str, str] = {}

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added and len(names) < MAX_SERVICES:
            names[name] = service_type

    chosen = interfaces if isinstance(interfaces, InterfaceChoice) else list(interfaces)
    mdns = AsyncZeroconf(chosen, ip_version=IPVersion.V4Only)
    try:
        browser = AsyncServiceBrowser(mdns.zeroconf, list(SERVICES), handlers=[heard])
        try:
            await asyncio.sleep(BROWSE_S)
        finally:
            await browser.async_cancel()
        infos = [AsyncServiceInfo(service, name) for name, service in names.items()]
        known = await asyncio.gather(*(i.async_request(mdns.zeroconf, RESOLVE_S * 1000) for i in infos))
    finally:
        await mdns.async_close()
    return [_announcement(info) for info, is_known in zip(infos, known, strict=True) if is_known]


def _announcement(info: AsyncServiceInfo) -> Announcement:
    addresses = info.parsed_addresses(IPVersion.V4Only)
    properties = {key: value or "" for key, value in info.decoded_properties.items()}
    name = info.name.removesuffix("." + info.type)
    return Announcement(info.type, name, addresses[0] if addresses else "", properties)


def _homewizard(heard: Announcement) -> Finding:
    product = heard.properties.get("product_type", "")
    name = f"HomeWizard {heard.properties.get('product_name') or heard.name} at {heard.address}"
    kind = {"HWE-P1": Kind.METER, "HWE-BAT": Kind.BATTERY}.get(product, Kind.OTHER)
    if kind is Kind.OTHER:
        return Finding(kind, name, f"It announces itself as {product or 'a product without a type'}.")
    return Finding(kind, name, f"It announces itself as {product}. {_LATER}")


def _shelly(heard: Announcement) -> Finding | None:
    """Energy meters only: a home may have dozens of switches."""
    app = heard.properties.get("app", "")
    if "EM" not in app:
        return None
    return Finding(
        Kind.METER, f"Shelly {app} at {heard.address}", f"It announces itself as {heard.name}. {_LATER}"
    )


def _first_shelly(heard: Announcement) -> Finding | None:
    """The first generation announces nothing but a web page, under a telling name."""
    if not heard.name.lower().startswith("shellyem3"):
        return None
    return Finding(
        Kind.METER, f"Shelly 3EM at {heard.address}", f"It announces itself as {heard.name}. {_LATER}"
    )


def _zendure(heard: Announcement) -> Finding:
    """`Zendure-<model>-<serial>`; a model may also be a meter."""
    model = heard.name.removeprefix("Zendure-").partition("-")[0]
    kind = Kind.METER if "meter" in model.lower() else Kind.BATTERY
    return Finding(
        kind, f"Zendure {model} at {heard.address}", f"It announces itself as {heard.name}. {_LATER}"
    )


def _home_assistant(heard: Announcement) -> Finding:
    name = heard.properties.get("location_name") or heard.name
    version = heard.properties.get("version", "of an unknown version")
    detail = (
        f"Version {version}. Meters and batteries through it come in another release. If it controls "
        "batteries now, end that before Phasewise does: two controllers fight each other."
    )
    return Finding(Kind.OTHER, f"Home Assistant ({name}) at {heard.address}", detail)


SERVICES: Mapping[str, Callable[[Announcement], Finding | None]] = {
    "_hwenergy._tcp.local.": _homewizard,
    "_homewizard._tcp.local.": _homewizard,
    "_shelly._tcp.local.": _shelly,
    "_http._tcp.local.": _first_shelly,
    "_zendure._tcp.local.": _zendure,
    "_home-assistant._tcp.local.": _home_assistant,
}
"""From the makers' documentation: HomeWizard API (Discovery), Shelly API (mDNS), Zendure zenSDK."""
