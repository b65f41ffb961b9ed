"""The web server inside the daemon's own event loop. Signals belong to the engine, never to it."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE_S = 0.5
"""How long open answers may finish after `stop`."""
CUT_S = 0.4
"""How long the rest may take once the connections are cut; together with GRACE_S below 1 s."""

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
