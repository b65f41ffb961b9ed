"""Who may talk to the daemon: this machine without a token, others with one."""

import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SESSION_COOKIE = "phasewise_session"

SESSION_S = 30 * 24 * 3600.0
"""A dashboard on a wall should not ask for its token every day."""
MAX_SESSIONS = 100
"""Far more than a household has browsers; the oldest goes first, so memory stays bounded."""

MAX_FAILURES = 10
FAILURE_WINDOW_S = 60.0
"""Ten wrong tokens a minute: plenty for a person, far too few to guess with."""

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Access:
    """The rules. Without a token only this machine is served, under a name that means this machine."""

    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    """Further host names that requests may be addressed to, without port: those of a reverse proxy."""

    def __post_init__(self) -> None:
        if self.token is not None and not self.token.strip():
            raise ValueError("the access token is empty")

    def knows_host(self, host: str) -> bool:
        """Whether a Host header (port included or not) is one that this daemon answers to."""
        name = _without_port(host)
        return name in _LOCAL_NAMES or name in {h.lower() for h in self.allowed_hosts}

    def is_same_site(self, origin: str, host: str) -> bool:
        """Whether an Origin header comes from the page that is served under this Host header."""
        netloc = origin.lower().partition("://")[2]
        if not netloc:  # "null": a sandboxed or local page
            return False
        return netloc == host.lower() or _without_port(netloc) in {h.lower() for h in self.allowed_hosts}


def is_this_machine(address: str) -> bool:
    """Whether a peer address is a loopback one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


class Doorkeeper:
    """Checks tokens and sessions, and slows down guessing. It remembers nothing across a restart."""

    def __init__(self, access: Access, now_s: Callable[[], float] = time.monotonic) -> None:
        self.access = access
        self._now_s = now_s
        self._sessions: dict[str, float] = {}
        """Expiry by session id, oldest first."""
        self._failures: dict[str, list[float]] = {}
        """Times of recent wrong tokens, by peer address."""

    def wait_s(self, peer: str) -> float:
        """Seconds until this peer may try a token again; 0 when it may now."""
        recent = self._failures.get(peer, [])
        if len(recent) < MAX_FAILURES:
            return 0.0
        return max(0.0, recent[-MAX_FAILURES] + FAILURE_WINDOW_S - self._now_s())

    def accepts(self, token: bytes, peer: str) -> bool:
        """Whether this is the token, in UTF-8; a wrong one counts against the peer."""
        if self.access.token is None or hmac.compare_digest(token.strip(), self.access.token.encode()):
            return True
        self._count_failure(peer)
        return False

    def open_session(self) -> str:
        """A new session's id: random, and worthless after a restart."""
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[session] = self._now_s() + SESSION_S
        return session

    def holds(self, session: str | None) -> bool:
        """Whether this session was opened and has not expired."""
        return session is not None and self._sessions.get(session, 0.0) > self._now_s()

    def _count_failure(self, peer: str) -> None:
        now_s = self._now_s()
        since_s = now_s - FAILURE_WINDOW_S
        kept = {p: [t for t in times if t > since_s] for p, times in self._failures.items()}
        self._failures = {p: times for p, times in kept.items() if times}
        self._failures.setdefault(peer, []).append(now_s)


def _without_port(host: str) -> str:
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
