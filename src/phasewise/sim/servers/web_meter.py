"""What simulated meters with a web server of their own have in common: to listen, to measure, to hang up."""

import asyncio
import ssl
from abc import ABC, abstractmethod

from aiohttp import web

from phasewise.sim.servers.tasks import end


class WebMeter(ABC):
    """Measures every `cadence_s` and listens on a free port of `host`; over TLS with a certificate."""

    def __init__(self, *, cadence_s: float, host: str, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = 0
        """0 until `start`; then the real one, which stays."""
        self._tls = tls
        self._cadence_s = cadence_s
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """For the `url` of a meter's configuration."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def connection_count(self) -> int:
        """How many connections there are."""
        return 0 if self._web is None else len(self._web.connections)

    async def start(self) -> None:
        """Listen, and begin to measure."""
        self._measure()
        await self._listen()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Drop all connections and stop. Idempotent."""
        await end(self._task)
        self._hang_up()
        if self._web is not None:
            await self._web.shutdown(0.0)

    @abstractmethod
    def _measure(self) -> bool:
        """Whether there is something to tell."""

    @abstractmethod
    async def _measure_and_tell(self) -> None:
        """Measure, and tell who waits for it."""

    @abstractmethod
    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""

    @abstractmethod
    def _is_down(self) -> bool:
        """Whether connections are refused."""

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._cadence_s)
            if not self._is_down():
                await self._listen()
                await self._measure_and_tell()

    async def _listen(self) -> None:
        if self._listener is None:
            loop = asyncio.get_running_loop()
            self._web = self._web or web.Server(self._serve)
            self._listener = await loop.create_server(self._web, self.host, self.port, ssl=self._tls)
            self.port = int(self._listener.sockets[0].getsockname()[1])

    def _hang_up(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in () if self._web is None else self._web.connections:
            if connection.transport is not None:
                connection.transport.abort()
