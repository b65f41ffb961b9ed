"""What every request must pass before any route sees it, and the headers that every answer carries."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasewise.web.access import Role, is_this_machine
from phasewise.web.dashboard import login_page
from phasewise.web.doorkeeper import Doorkeeper
from phasewise.web.proxy import Visit, visit_of

SESSION_COOKIE = "phasewise_session"

OPEN_PATHS = frozenset({"/health", "/api/v1/login", "/api/v1/logout", "/login.js", "/pages.css"})
"""What can be had without a login: health for a container's check, and what the login page needs."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

MAX_BODY_BYTES = 16 * 1024
"""Every body of this API is a short JSON object; more only fills a small machine's memory."""

STREAM_PATH = "/api/v1/stream"
MAX_STREAMS = 64
"""Open at once: far more than a household has screens, few enough for a small machine."""
MAX_STREAMS_OF_PEER = 40
"""Of one address, so that no single one takes them all; a wall of tablets behind one proxy still fits."""
STREAM_RETRY_S = 30

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors "
)
SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY + "'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
INGRESS_HEADERS = SECURITY_HEADERS | {
    # Home Assistant shows it in a frame of its own address.
    "Content-Security-Policy": _POLICY + "'self'",
    "X-Frame-Options": "SAMEORIGIN",
}

_VISIT, _ROLE = "phasewise.visit", "phasewise.role"
"""Keys of the scope, for the routes."""


def visit(request: Request) -> Visit:
    """Who asks, and under which address. Only behind the guard."""
    found: Visit = request.scope[_VISIT]
    return found


def role(request: Request) -> Role:
    """What who asks may do. Only behind the guard, on a path that is not open."""
    found: Role = request.scope[_ROLE]
    return found


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says why not, and what to do."""
    return JSONResponse({"detail": detail}, status, headers)


def too_many(wait_s: float) -> Response:
    """The answer to whoever guesses."""
    seconds = math.ceil(wait_s)
    return problem(
        429,
        f"Too many wrong tokens or passwords. Try again in {seconds} seconds.",
        {"Retry-After": str(seconds)},
    )


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._streams: list[str] = []
        """The peer of each open stream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = visit_of(scope, self._doorkeeper.access)
        scope = self._without_root_path(scope) | {_VISIT: visit}
        request = Request(scope)
        still_welcome = self._welcome_until(request)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(INGRESS_HEADERS if visit.is_ingress else SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            elif message.get("more_body") and not still_welcome():
                # The server then tells the route that nobody listens any more.
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        refusal = self._refusal(request)
        with self._counted(request, refusal is None):
            await (refusal or self._app)(scope, receive, guarded_send)

    def _without_root_path(self, scope: Scope) -> dict[str, Any]:
        """A proxy may pass the path on with or without the prefix in front."""
        root = self._doorkeeper.access.root_path
        path: str = scope["path"]
        if not root or not path.startswith(root + "/"):
            return dict(scope)
        raw: bytes = scope.get("raw_path") or path.encode()
        return dict(scope) | {"path": path.removeprefix(root), "raw_path": raw.removeprefix(root.encode())}

    def _welcome_until(self, request: Request) -> Callable[[], bool]:
        """Whether an answer under way may go on: a live stream ends with its session."""
        sessions = self._doorkeeper.sessions
        session = request.cookies.get(SESSION_COOKIE)
        if sessions.role(session) is None or "authorization" in request.headers:
            return lambda: True
        return lambda: sessions.role(session) is not None

    @contextmanager
    def _counted(self, request: Request, is_served: bool) -> Iterator[None]:
        peer = visit(request).peer
        counts = is_served and request.scope["path"] == STREAM_PATH
        if counts:
            self._streams.append(peer)
        try:
            yield
        finally:
            if counts:
                self._streams.remove(peer)

    def _refusal(self, request: Request) -> ASGIApp | None:
        checks: Iterable[Callable[[Request], Response | None]] = (
            self._wrong_address,
            self._other_site,
            self._unfit_change,
            self._missing_slash,
            self._no_permission,
            self._too_many_streams,
        )
        return next((refusal for check in checks if (refusal := check(request)) is not None), None)

    def _wrong_address(self, request: Request) -> Response | None:
        """A web page elsewhere can make its own name point here (DNS rebinding)."""
        access = self._doorkeeper.access
        if not access.is_locked and visit(request).is_unknown_proxy:
            return problem(
                403,
                "This came through a proxy, so it may come from anywhere. Set web.trusted_proxies to the "
                "proxy's address, and web.password_file or web.token_file.",
            )
        if not access.is_locked and not is_this_machine(visit(request).peer):
            return problem(
                403,
                "No access token or password is set, so only this machine itself is served. Set "
                "web.token_file or web.password_file to allow others in.",
            )
        # As sent: a page elsewhere may claim any X-Forwarded-Host, but not another Host.
        if access.knows_host(request.headers.get("host", "")):
            return None
        if access.is_locked:
            return problem(
                421,
                "Phasewise does not know that it has this name. Open it under its address or as localhost, "
                "or add the name to web.allowed_hosts.",
            )
        return problem(
            421,
            "No access token or password is set, so this is only served as localhost, 127.0.0.1 or [::1]. "
            "Open it under one of those names, or set web.token_file or web.password_file.",
        )

    def _other_site(self, request: Request) -> Response | None:
        """Pages of others may lead here; they get nothing to show, and change nothing."""
        headers = request.headers
        origin = headers.get("origin")
        is_change = request.method not in SAFE_METHODS
        host = visit(request).host
        if is_change and origin is not None and not self._doorkeeper.access.is_same_site(origin, host):
            return problem(403, "Changes are only accepted from the dashboard itself, not from another site.")
        is_link = headers.get("sec-fetch-mode") == "navigate" and not is_change
        if headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not is_link:
            return problem(403, "Only the dashboard itself is served, not a page of another site.")
        return None

    def _unfit_change(self, request: Request) -> Response | None:
        if request.method in SAFE_METHODS:
            return None
        headers = request.headers
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return problem(415, "Send the change as JSON, with the header Content-Type: application/json.")
        if "transfer-encoding" in headers:
            return problem(411, "Send the change with a Content-Length, not in chunks.")
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return problem(413, f"The change is too large: at most {MAX_BODY_BYTES} bytes.")
        return None

    def _no_permission(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if not self._doorkeeper.access.is_locked:
            request.scope[_ROLE] = Role.OWNER
            return None
        if path in OPEN_PATHS:
            return None
        found = self._doorkeeper.sessions.role(request.cookies.get(SESSION_COOKIE))
        if found is None:
            answer = self._role_of_header(request)
            if isinstance(answer, Response):
                return answer
            found = answer
        request.scope[_ROLE] = found
        if found is Role.VIEWER and request.method not in SAFE_METHODS:
            return problem(403, "You are logged in to look only. Log in as the owner to change something.")
        return None

    def _role_of_header(self, request: Request) -> Role | Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            peer = visit(request).peer
            if (wait_s := self._doorkeeper.wait_s(peer)) > 0:
                return too_many(wait_s)
            # Starlette decodes headers as Latin-1; these are the bytes as they came.
            found = self._doorkeeper.role_of_token(token.encode("latin-1"), peer)
            return found or problem(
                401,
                "That is not the access token. It is in the file that web.token_file names in the "
                "configuration.",
                {"WWW-Authenticate": "Bearer"},
            )
        if request.scope["path"] == "/":
            return login_page(self._doorkeeper.access.ways)
        return problem(
            401,
            "A login is needed: reload the dashboard to log in, or send the header "
            "Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": "Bearer"},
        )

    def _too_many_streams(self, request: Request) -> Response | None:
        if request.scope["path"] != STREAM_PATH or request.method != "GET":
            return None
        of_peer = self._streams.count(visit(request).peer)
        if len(self._streams) < MAX_STREAMS and of_peer < MAX_STREAMS_OF_PEER:
            return None
        return problem(
            503,
            f"Too many dashboards are open: at most {MAX_STREAMS} at once, {MAX_STREAMS_OF_PEER} from one "
            "address. Close some, or try again later.",
            {"Retry-After": str(STREAM_RETRY_S)},
        )

    def _missing_slash(self, request: Request) -> Response | None:
        """Without the slash behind it, relative addresses of the page would leave the prefix."""
        root = self._doorkeeper.access.root_path
        if not root or request.scope["path"] != root:
            return None
        return RedirectResponse(root + "/", 308)
