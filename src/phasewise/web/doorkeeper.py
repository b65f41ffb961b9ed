"""Checks tokens, passwords and sessions, and slows down guessing. Nothing here outlives a restart."""

import asyncio
import hmac
import ipaddress
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from phasewise.web.access import Access, Role, parsed_address

SESSION_S = 30 * 24 * 3600.0
"""A dashboard on a wall should not ask for its token every day."""
RENEW_S = 24 * 3600.0
"""A session's id is replaced once a day, so that one that leaked is soon worthless."""
OVERLAP_S = 60.0
"""How long the old id still counts: requests with it may be under way, in other tabs too."""
MAX_SESSIONS = 100
"""Of each role: far more than a household has browsers. The oldest goes first, so memory stays bounded, and
no viewer can push out the owner."""

MAX_FAILURES = 10
FAILURE_WINDOW_S = 60.0
"""Ten wrong ones a minute: plenty for a person, far too few to guess with."""
MAX_FAILURES_IN_TOTAL = 60
"""Of logins, in that time: guessing from many addresses is no faster. Tokens in headers are not held up by
that, or strangers could shut out the owner's programs; they are too long to be guessed."""
MAX_PEERS = 1000
"""Remembered at most; more than a home has, so memory stays bounded."""

EVERYBODY = ""
"""Failures are counted for this peer too."""


class Throttle:
    """Counts failures of the last while, by peer."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._failures: dict[str, list[float]] = {}
        """Times of recent failures, oldest first; the peer that failed last comes last."""

    def wait_s(self, peer: str, allowed: int) -> float:
        """Seconds until this peer may try again; 0 when it may now."""
        recent = self._failures.get(_household(peer), [])
        if len(recent) < allowed:
            return 0.0
        return max(0.0, recent[-allowed] + FAILURE_WINDOW_S - self._now_s())

    def count(self, peer: str) -> None:
        """This peer failed, or tries to."""
        key, now_s = _household(peer), self._now_s()
        recent = [t for t in self._failures.pop(key, []) if t > now_s - FAILURE_WINDOW_S]
        self._failures[key] = [*recent, now_s]
        while len(self._failures) > MAX_PEERS:
            del self._failures[next(iter(self._failures))]

    def take_back(self, peer: str) -> None:
        """What was counted last was no failure."""
        recent = self._failures.get(_household(peer))
        if recent:
            recent.pop()


@dataclass(slots=True)
class _Session:
    role: Role
    renew_s: float
    expires_s: float


class Sessions:
    """Those who are logged in."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._sessions: dict[str, _Session] = {}
        """By id, oldest first."""

    def open(self, role: Role) -> str:
        """A new session's id: random, and worthless after a restart."""
        now_s = self._now_s()
        self._sessions = {id_: s for id_, s in self._sessions.items() if s.expires_s > now_s}
        of_role = [id_ for id_, s in self._sessions.items() if s.role is role]
        for oldest in of_role[: max(0, len(of_role) - MAX_SESSIONS + 1)]:
            del self._sessions[oldest]
        id_ = secrets.token_urlsafe(32)
        self._sessions[id_] = _Session(role, now_s + RENEW_S, now_s + SESSION_S)
        return id_

    def role(self, id_: str | None) -> Role | None:
        """Whose session this is; None when it was not opened, has expired or was closed."""
        session = self._sessions.get(id_ or "")
        return session.role if session is not None and session.expires_s > self._now_s() else None

    def renewed(self, id_: str | None) -> str | None:
        """The id that takes the place of one that is a day old; None while it need not be replaced."""
        session = self._sessions.get(id_ or "")
        now_s = self._now_s()
        if session is None or not session.renew_s <= now_s < session.expires_s:
            return None
        session.renew_s = math.inf
        session.expires_s = min(session.expires_s, now_s + OVERLAP_S)
        return self.open(session.role)

    def close(self, id_: str | None) -> None:
        """End a session. One that there is not is fine."""
        self._sessions.pop(id_ or "", None)


class Doorkeeper:
    """Lets in whoever may come in."""

    def __init__(self, access: Access, now_s: Callable[[], float] = time.monotonic) -> None:
        self.access = access
        self.sessions = Sessions(now_s)
        self._throttle = Throttle(now_s)
        self._hashing = asyncio.Lock()

    def wait_s(self, peer: str) -> float:
        """Seconds until this peer may send a token again; 0 when it may now."""
        return self._throttle.wait_s(peer, MAX_FAILURES)

    def login_wait_s(self, peer: str) -> float:
        """Seconds until this peer may log in again; 0 when it may now."""
        return max(self.wait_s(peer), self._throttle.wait_s(EVERYBODY, MAX_FAILURES_IN_TOTAL))

    def role_of_token(self, token: bytes, peer: str) -> Role | None:
        """Whose token this is, in UTF-8; a wrong one counts against the peer."""
        role = self._token_role(token)
        if role is None:
            self._throttle.count(peer)
        return role

    async def role_of_login(self, *, token: str | None, password: str | None, peer: str) -> Role | None:
        """Whose token or password this is; a wrong one counts against the peer, and in total."""
        # Counted beforehand: many at once must not all pass while the first is still being checked.
        for who in (peer, EVERYBODY):
            self._throttle.count(who)
        role = None if token is None else self._token_role(token.encode("utf-8", "surrogatepass"))
        if password is not None:
            role = await self._password_role(password)
        if role is not None:
            for who in (peer, EVERYBODY):
                self._throttle.take_back(who)
        return role

    def _token_role(self, token: bytes) -> Role | None:
        access = self.access
        known = ((access.token, Role.OWNER), (access.viewer_token, Role.VIEWER))
        # All are compared, so that the time it takes tells nothing.
        matching = [r for t, r in known if t is not None and hmac.compare_digest(token.strip(), t.encode())]
        return matching[0] if matching else None

    async def _password_role(self, password: str) -> Role | None:
        access = self.access
        # One at a time and outside the loop: hashing takes memory and time, and control must not wait.
        async with self._hashing:
            for known, role in ((access.password, Role.OWNER), (access.viewer_password, Role.VIEWER)):
                if known is not None and await asyncio.to_thread(known.matches, password):
                    return role
        return None


def _household(peer: str) -> str:
    """Peers that count as one: who has an address of IPv6 has a whole network of them."""
    ip = parsed_address(peer)
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return peer
