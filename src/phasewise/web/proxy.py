"""Who asks, and under which address the browser sees the page: also through a reverse proxy.

What a request says of itself in `X-Forwarded-*` and `X-Ingress-Path` counts only from a trusted proxy.
"""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from phasewise.web.access import Access, parsed_address

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-ingress-path")
"""What only a proxy sends."""

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
"""A path that can go into a cookie as it is."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as the browser or program at the far end sees it."""

    peer: str
    """The address of who asks; empty when not known."""
    host: str
    """Name and port in the browser's address line."""
    is_https: bool
    prefix: str
    """The path in front of every path of ours; empty, or with a slash in front and none behind."""
    is_ingress: bool
    """Shown inside Home Assistant, in a frame."""
    is_unknown_proxy: bool
    """Came through a proxy that is not trusted, so that nobody knows who asks."""


def visit_of(scope: Scope, access: Access) -> Visit:
    """What is to be believed of a request."""
    headers = Headers(scope=scope)
    client = scope.get("client")
    peer: str = client[0] if client else ""
    host = headers.get("host", "")
    if not access.trusts(peer):
        is_https = scope.get("scheme") == "https"
        is_forwarded = any(name in headers for name in FORWARDING)
        return Visit(peer, host, is_https, access.root_path, is_ingress=False, is_unknown_proxy=is_forwarded)
    ingress = _prefix(headers.get("x-ingress-path"))
    return Visit(
        peer=_first_untrusted(headers.getlist("x-forwarded-for"), peer, access),
        host=_nearest(headers.get("x-forwarded-host")) or host,
        is_https=(_nearest(headers.get("x-forwarded-proto")) or scope.get("scheme")) == "https",
        prefix=ingress or _prefix(headers.get("x-forwarded-prefix")) or access.root_path,
        is_ingress=bool(ingress),
        is_unknown_proxy=False,
    )


def _first_untrusted(hops: list[str], peer: str, access: Access) -> str:
    """Each proxy appends who asked it, so only what trusted ones wrote is believed: read from the end."""
    for hop in reversed(",".join(hops).split(",")):
        ip = parsed_address(hop.strip())
        if ip is None:
            return peer
        peer = str(ip)
        if not access.trusts(peer):
            return peer
    return peer


def _nearest(value: str | None) -> str:
    return "" if value is None else value.rpartition(",")[2].strip()


def _prefix(value: str | None) -> str:
    path = "" if value is None else value.strip().rstrip("/")
    return path if PREFIX.fullmatch(path) else ""
