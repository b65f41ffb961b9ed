"""A stand-in for the daemon: serves the built dashboard and a state that a test scripts."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from phasewise.engine.state import SystemState

PREFIX = "/home/phasewise/"
"""The page must work below the path prefix of a reverse proxy, so it is always served below one."""

EVENT_INTERVAL_S = 0.2
"""Faster than the real one, so that the tests wait less."""

CONTENT_SECURITY_POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'"
"""As strict as the real one: inline styles and scripts are refused."""

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class FakeDaemon:
    """Serves one state to everybody, records changes, and can fall silent or go down."""

    def __init__(self, static: Path, state: SystemState) -> None:
        self.static = static
        self.state = state
        self.changes: list[tuple[str, str, Any]] = []
        """Method, path below the prefix and body of each change that was asked for."""
        self.refusal: tuple[int, str] | None = None
        """Status and detail that every change is answered with; None = changes succeed."""
        self.saved: dict[str, Any] = {"persisted": True, "detail": None}
        self.answers: dict[str, Any] = {
            "api/v1/session": {"role": "owner", "login_needed": False},
            "api/v1/setup": {"mode": "running"},
        }
        """What a GET of each path is answered with, as JSON; 404 for a path that is not here."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and parameters of each GET of the API."""
        self.silent = False
        """The stream stays open and says nothing."""
        self.locked = False
        """Who asks is not logged in: the login page in place of the dashboard, 401 for the rest."""
        self.down = False
        """Every connection is closed without an answer."""
        self.stopped = threading.Event()
        handler = type("Handler", (_Handler,), {"daemon": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Address of the dashboard."""
        return f"http://127.0.0.1:{self._server.server_port}{PREFIX}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    daemon: FakeDaemon

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        if self.daemon.locked:
            self._answer(401, "text/html", b"<h1>Log in</h1>")
            return
        if path.startswith("api/"):
            self.daemon.asked.append((path, dict(parse_qsl(urlsplit(self.path).query))))
        if path == "api/v1/state":
            self._answer(200, "application/json", msgspec.json.encode(self.daemon.state))
        elif path == "api/v1/stream":
            self._stream()
        elif path in self.daemon.answers:
            self._answer(200, "application/json", json.dumps(self.daemon.answers[path]).encode())
        else:
            self._file(path or "index.html")

    def do_PATCH(self) -> None:
        self._change()

    def do_PUT(self) -> None:
        self._change()

    def do_POST(self) -> None:
        self._change()

    def do_DELETE(self) -> None:
        self._change()

    def _change(self) -> None:
        path = self._path()
        if path is None:
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.daemon.changes.append((self.command, path, body))
        if self.daemon.refusal is None:
            self._answer(200, "application/json", json.dumps(self.daemon.saved).encode())
        else:
            status, detail = self.daemon.refusal
            self._answer(status, "application/json", json.dumps({"detail": detail}).encode())

    def _path(self) -> str | None:
        """The path below the prefix, or None when there is nothing to answer."""
        if self.daemon.down:
            self.close_connection = True
            return None
        path = urlsplit(self.path).path
        if path.startswith(PREFIX):
            return path.removeprefix(PREFIX)
        self._answer(404, "text/plain", b"outside of the prefix")
        return None

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while not (self.daemon.down or self.daemon.locked or self.daemon.stopped.is_set()):
                if not self.daemon.silent:
                    self.wfile.write(b"data: " + msgspec.json.encode(self.daemon.state) + b"\n\n")
                self.daemon.stopped.wait(EVENT_INTERVAL_S)
        except OSError:
            pass  # The browser closed the stream: that is how every stream ends.

    def _file(self, path: str) -> None:
        file = self.daemon.static / path
        if file.is_file():
            self._answer(200, _TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes())
        else:
            self._answer(404, "text/plain", b"no such file")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Keep the output of the tests clean."""
