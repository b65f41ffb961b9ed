"""What every request must pass before any route sees it, and the headers that every answer carries."""

import math
from collections.abc import Callable, Iterable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phasewise.web.access import SESSION_COOKIE, Doorkeeper, is_this_machine
from phasewise.web.dashboard import login_page

OPEN_PATHS = frozenset({"/health", "/api/v1/login", "/login.js", "/pages.css"})
"""What can be had without a token: health for a container's check, and what the login page needs."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

MAX_BODY_BYTES = 16 * 1024
"""Every body of this API is a short JSON object; more only fills a small machine's memory."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says why not, and what to do."""
    return JSONResponse({"detail": detail}, status, headers)


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app = app
        self._doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        checks: Iterable[Callable[[Request], Response | None]] = (
            self._wrong_address,
            self._cross_site_write,
            self._no_permission,
        )
        return next((refusal for check in checks if (refusal := check(request)) is not None), None)

    def _wrong_address(self, request: Request) -> Response | None:
        """Without a token: a web page elsewhere can make its own name point here (DNS rebinding)."""
        access = self._doorkeeper.access
        if access.token is not None:
            return None
        if not is_this_machine(_peer(request)):
            return problem(
                403,
                "No access token is set, so only this machine itself is served. Set web.token_file to "
                "allow others in.",
            )
        if not access.knows_host(request.headers.get("host", "")):
            return problem(
                421,
                "No access token is set, so this is only served as localhost, 127.0.0.1 or [::1]. "
                "Open it under one of those names, or set web.token_file.",
            )
        return None

    def _cross_site_write(self, request: Request) -> Response | None:
        if request.method in SAFE_METHODS:
            return None
        headers = request.headers
        origin = headers.get("origin")
        if origin is not None and not self._doorkeeper.access.is_same_site(origin, headers.get("host", "")):
            return problem(403, "Changes are only accepted from the dashboard itself, not from another site.")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return problem(415, "Send the change as JSON, with the header Content-Type: application/json.")
        if "transfer-encoding" in headers:
            return problem(411, "Send the change with a Content-Length, not in chunks.")
        if int(headers.get("content-length", "0")) > MAX_BODY_BYTES:
            return problem(413, f"The change is too large: at most {MAX_BODY_BYTES} bytes.")
        return None

    def _no_permission(self, request: Request) -> Response | None:
        if self._doorkeeper.access.token is None or request.url.path in OPEN_PATHS:
            return None
        if self._doorkeeper.holds(request.cookies.get(SESSION_COOKIE)):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            # Starlette decodes headers as Latin-1; these are the bytes as they came.
            return check_token(self._doorkeeper, token.encode("latin-1"), request)
        if request.url.path == "/":
            return login_page()
        return problem(
            401,
            "An access token is needed: reload the dashboard to log in, or send the header "
            "Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": "Bearer"},
        )


def check_token(doorkeeper: Doorkeeper, token: bytes, request: Request) -> Response | None:
    """None when the token is right, else the refusal."""
    peer = _peer(request)
    wait_s = math.ceil(doorkeeper.wait_s(peer))
    if wait_s > 0:
        return problem(
            429, f"Too many wrong tokens. Try again in {wait_s} seconds.", {"Retry-After": str(wait_s)}
        )
    if doorkeeper.accepts(token, peer):
        return None
    return problem(
        401,
        "That is not the access token. It is in the file that web.token_file names in the configuration.",
        {"WWW-Authenticate": "Bearer"},
    )


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""
