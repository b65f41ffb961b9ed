"""Who may talk to the daemon: this machine without a login, others with one. The rules, without state."""

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum

from phasewise.config import PasswordHash, WebConfig, read_password, read_token

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY_HOST = "*"
"""In `allowed_hosts`: every name. For where nothing but a proxy can reach Phasewise."""

_NAME = re.compile(r"[a-z0-9_.-]+")
"""Of a host, in lower case; anything else was not sent by a browser."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOME_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa")
"""RFC 6762, common practice of routers, ICANN 2024, RFC 8375: nobody can register a name under these, so
no page elsewhere can have such a name point here."""


class Role(StrEnum):
    """What somebody may do."""

    OWNER = "owner"
    """Everything."""
    VIEWER = "viewer"
    """See everything, change nothing."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules. Without a token or password only this machine is served, by a name that means it."""

    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    """Further host names that requests may be addressed to, without port: those of a reverse proxy."""
    password: PasswordHash | None = field(default=None, repr=False)
    viewer_token: str | None = field(default=None, repr=False)
    viewer_password: PasswordHash | None = field(default=None, repr=False)
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word on who asks is taken."""
    root_path: str = ""
    """The path under which a proxy shows this; empty, or with a slash in front and none behind."""

    def __post_init__(self) -> None:
        if any(token is not None and not token.strip() for token in (self.token, self.viewer_token)):
            raise ValueError("the access token is empty")

    @classmethod
    def of(cls, web: WebConfig) -> "Access":
        """As the configuration says. Raises TokenError."""
        return cls(
            token=None if web.token_file is None else read_token(web.token_file),
            allowed_hosts=web.allowed_hosts,
            password=None if web.password_file is None else read_password(web.password_file),
            viewer_token=None if web.viewer_token_file is None else read_token(web.viewer_token_file),
            viewer_password=(
                None if web.viewer_password_file is None else read_password(web.viewer_password_file)
            ),
            trusted_proxies=tuple(ipaddress.ip_network(text) for text in web.trusted_proxies),
            root_path=web.root_path.rstrip("/"),
        )

    @property
    def is_locked(self) -> bool:
        """Whether a login is needed."""
        return any((self.token, self.password, self.viewer_token, self.viewer_password))

    @property
    def ways(self) -> tuple[str, ...]:
        """How somebody can log in: `password`, `token`."""
        passwords, tokens = (self.password, self.viewer_password), (self.token, self.viewer_token)
        return (*(["password"] if any(passwords) else []), *(["token"] if any(tokens) else []))

    def knows_host(self, host: str) -> bool:
        """Whether a Host header (port included or not) is one that this daemon answers to.

        With a login, also what no page elsewhere can make its own: addresses, and names of a home network.
        """
        name = _without_port(host)
        if name in _LOCAL_NAMES or name in self._allowed or ANY_HOST in self.allowed_hosts:
            return True
        return self.is_locked and (_is_address(name) or _is_home_name(name))

    def is_same_site(self, origin: str, host: str) -> bool:
        """Whether an Origin header comes from the page that is served under this host name (with port)."""
        netloc = origin.lower().partition("://")[2]
        if not netloc:  # "null": a sandboxed or local page
            return False
        # A proxy may hide the name that the browser knows it by; another port may be another program.
        return netloc == host.lower() or netloc in self._allowed

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        ip = parsed_address(address)
        return ip is not None and any(ip in network for network in self.trusted_proxies)

    @property
    def _allowed(self) -> set[str]:
        return {name.lower() for name in self.allowed_hosts} - {ANY_HOST}


def parsed_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address; one of IPv4 that came over IPv6 as what it is. None for anything else."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def is_this_machine(address: str) -> bool:
    """Whether a peer address is a loopback one."""
    ip = parsed_address(address)
    return ip is not None and ip.is_loopback


def _is_address(name: str) -> bool:
    return parsed_address(name.removeprefix("[").removesuffix("]")) is not None


def _is_home_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and ("." not in name or name.endswith(_HOME_SUFFIXES))


def _without_port(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
