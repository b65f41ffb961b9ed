"""What devices announce about themselves on the network (mDNS service discovery)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from phasewise.devices.batteries.zendure import ZendureModel
from phasewise.discovery.findings import Finding, Kind, Note, NoteCode, Suggestion

BROWSE_S = 4.0
"""Questions are sent at 0, 1 and 3 s (RFC 6762, section 5.2); who answers does so within half a second."""
RESOLVE_S = 2.0
MAX_SERVICES = 200
"""A home has a few dozen; an announcer that floods the network must not keep us busy."""


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
        raise MdnsError(str(error)) from error
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


def _announced(name: str, *, later: bool = True) -> tuple[Note, ...]:
    note = Note(NoteCode.ANNOUNCED, {"name": name})
    return (note, Note(NoteCode.DRIVER_LATER)) if later else (note,)


def _usable(kind: Kind, driver: str, name: str, heard: Announcement, called: str) -> Finding:
    """What a driver of this version talks to, at the usual port."""
    url = f"http://{heard.address}"
    suggestion = Suggestion(kind, driver, {"url": url})
    return Finding(kind, name, _announced(called, later=False), driver, url, (suggestion,))


HOMEWIZARD_METERS = {"HWE-P1", "HWE-KWH3", "SDM630-wifi"}
"""Those that tell of every phase. All know the API without a token; which API to use is the user's choice."""


def _homewizard(heard: Announcement) -> Finding:
    product = heard.properties.get("product_type", "")
    name = f"HomeWizard {heard.properties.get('product_name') or heard.name}, {heard.address}"
    if product in HOMEWIZARD_METERS:
        return _usable(Kind.METER, "homewizard", name, heard, product)
    kind = Kind.BATTERY if product == "HWE-BAT" else Kind.OTHER
    return Finding(kind, name, _announced(product or heard.name, later=kind is not Kind.OTHER))


def _shelly(heard: Announcement) -> Finding | None:
    """Energy meters only: a home may have dozens of switches."""
    app = heard.properties.get("app", "")
    if "EM" not in app:
        return None
    name = f"Shelly {app}, {heard.address}"
    if "3EM" in app:
        return _usable(Kind.METER, "shelly", name, heard, heard.name)
    return Finding(Kind.METER, name, _announced(heard.name))


def _first_shelly(heard: Announcement) -> Finding | None:
    """The first generation announces nothing but a web page, under a telling name."""
    if not heard.name.lower().startswith("shellyem3"):
        return None
    return Finding(Kind.METER, f"Shelly 3EM, {heard.address}", _announced(heard.name))


ZENDURE_MODELS = {
    "solarflow800": ZendureModel.SOLARFLOW_800,
    "solarflow1600ac": ZendureModel.SOLARFLOW_1600_AC,
    "solarflow2400pro": ZendureModel.SOLARFLOW_2400_PRO,
    "solarflow2400ac": ZendureModel.SOLARFLOW_2400_AC,
}
"""How the name of a model begins, without blanks; the first that fits."""


def _zendure(heard: Announcement) -> Finding:
    """`Zendure-<model>-<serial>`; a model may also be a meter."""
    model = heard.name.removeprefix("Zendure-").partition("-")[0]
    name = f"Zendure {model}, {heard.address}"
    if "meter" in model.lower():
        return Finding(Kind.METER, name, _announced(heard.name))
    plain = model.lower().replace(" ", "").replace("_", "")
    known = next((m for begins, m in ZENDURE_MODELS.items() if plain.startswith(begins)), None)
    if known is None:
        return Finding(Kind.BATTERY, name, _announced(heard.name))
    url = f"http://{heard.address}"
    suggestion = Suggestion(Kind.BATTERY, "zendure", {"url": url, "model": known})
    return Finding(Kind.BATTERY, name, _announced(heard.name, later=False), "zendure", url, (suggestion,))


def _home_assistant(heard: Announcement) -> Finding:
    name = heard.properties.get("location_name") or heard.name
    note = Note(NoteCode.HOME_ASSISTANT, {"version": heard.properties.get("version", "?")})
    return Finding(Kind.OTHER, f"Home Assistant ({name}), {heard.address}", (note,))


SERVICES: Mapping[str, Callable[[Announcement], Finding | None]] = {
    "_hwenergy._tcp.local.": _homewizard,
    "_homewizard._tcp.local.": _homewizard,
    "_shelly._tcp.local.": _shelly,
    "_http._tcp.local.": _first_shelly,
    "_zendure._tcp.local.": _zendure,
    "_home-assistant._tcp.local.": _home_assistant,
}
"""From the makers' documentation: HomeWizard API (Discovery), Shelly API (mDNS), Zendure zenSDK."""
