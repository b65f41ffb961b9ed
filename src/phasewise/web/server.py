"""The web server inside the daemon's own event loop. Signals belong to the engine, never to it."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import h11  # uvicorn's own parser
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_S = 0.5
"""How long open answers may finish after `stop`."""
CUT_S = 0.4
"""How long the rest may take once the connections are cut; together with GRACE_S below 1 s."""

MAX_CONNECTIONS = 256
"""Open at once; each costs memory and a file descriptor, of which batteries need some too."""
MAX_CONNECTIONS_OF_PEER = 128
"""Of one address, so that no single one takes them all. A proxy is one address for everybody behind it."""
REQUEST_S = 10.0
"""How long a request may take to arrive, from its connection or first byte on."""
STALLED_S = 60.0
"""How long a client may take nothing of what is sent to it; a phone that fell asleep comes back by itself."""

_FULL = b"""{"detail": "Too many connections are open. Try again in a minute."}"""
_FULL_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 60\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What to open in a browser on this machine when all addresses are served."""


class ServerStartError(Exception):
    """The server could not start listening. The text names the address and says what to do."""


class WebServer:
    """Serves one application on one address."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the guard must see the true peer
            )
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it; the real port once started."""
        host = _WILDCARDS.get(self._host, self._host)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen, and return when requests are answered. Raises ServerStartError."""
        listener = _listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="web server")
        await self._server.listening.wait()

    async def stop(self) -> None:
        """Stop listening and end every connection, within a second. Idempotent.

        Close `Live` first, so that event streams end by themselves; a client that does not take what
        is sent to it is cut off.
        """
        if self._serving is None:
            return
        self._server.should_exit = True
        done, _ = await asyncio.wait({self._serving}, timeout=GRACE_S)
        if not done:
            self._server.cut()
            await asyncio.wait({self._serving}, timeout=CUT_S)
            self._server.force_exit = True
        self._serving = None


class _Protocol(H11Protocol):
    """One connection, with bounds on what its other end may cost: uvicorn alone waits for ever."""

    _arriving: asyncio.TimerHandle | None = None
    """Runs while a request is awaited or only partly there."""
    _stalled: asyncio.TimerHandle | None = None
    """Runs while nothing of what is to be sent is taken."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        open_ = [c for c in self.connections if isinstance(c, _Protocol)]
        peer = self.client[0] if self.client else ""
        of_peer = sum(1 for c in open_ if c.client and c.client[0] == peer)
        if len(open_) > MAX_CONNECTIONS or of_peer > MAX_CONNECTIONS_OF_PEER:
            transport.write(_FULL_ANSWER)
            transport.close()
            return
        self._watch_arrival()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_arrival()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._arriving, self._stalled):
            if timer is not None:
                timer.cancel()

    def _watch_arrival(self) -> None:
        is_arriving = self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
        if not is_arriving and self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None
        elif is_arriving and self._arriving is None:
            self._arriving = self.loop.call_later(REQUEST_S, self.transport.close)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave SIGTERM to the engine: batteries are released before the server ends."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def cut(self) -> None:
        """Drop every open connection, whatever is still to be sent."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise ServerStartError(
            f"Can't serve the dashboard on {host}:{port}: {_advice(error, port)}"
        ) from error


def _advice(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program is using that port. Stop it, or choose another web.port in the configuration."
    if error.errno == errno.EACCES:
        return f"port {port} needs special rights. Choose a web.port of 1024 or higher in the configuration."
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address. Set web.host to 127.0.0.1, or to 0.0.0.0 for all addresses."
    return f"{error.strerror or error}. Check web.host and web.port in the configuration."
