"""`phasewise run` with a configuration file that is not there yet: set-up, then the daemon.

The same process goes on as the daemon once the file is written: nothing is restarted by hand.
"""

import asyncio
import ipaddress
import secrets
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from phasewise.app import Application
from phasewise.config import NotWritableError, read_token, write_new
from phasewise.config.api_token import LOCAL_HOSTS
from phasewise.drivers import Tryout
from phasewise.integrations.systemd import Systemd
from phasewise.registry import Plugins
from phasewise.setup import Mode, SetupDesk
from phasewise.web import Access, WebServer, create_app

HOST, PORT = "127.0.0.1", 8080
"""As the configuration has it where it says nothing."""
TOKEN_SUFFIX = ".token"  # noqa: S105 - the end of a file name
"""The access token is kept beside the configuration: `home.yaml`, `home.token`."""

log = structlog.get_logger("phasewise.setup")


class SetupStartError(Exception):
    """Set-up can't begin. The text says why, and what to do."""


async def run(
    path: Path,
    plugins: Plugins,
    *,
    host: str,
    port: int,
    say: Callable[[str], None],
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve set-up until the file is written, then be the daemon, until stopped.

    `say`: takes what the user must know, once. Raises SetupStartError, and what `Application` raises.
    """
    first = FirstRun(path, plugins, host=host, port=port, say=say, trusted_proxies=trusted_proxies)
    if await first.run():
        await Application(path, plugins).run()


class FirstRun:
    """Serves set-up and nothing else: no engine, no strategy, no battery that is told anything."""

    def __init__(
        self,
        path: Path,
        plugins: Plugins,
        *,
        host: str,
        port: int,
        say: Callable[[str], None],
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        """Raises SetupStartError, TokenError."""
        if not path.parent.is_dir():
            raise SetupStartError(f"{path}: there is no directory {path.parent}; make it first.")
        self._path = path
        self._say = say
        self._stopping = asyncio.Event()
        web: dict[str, object] = {}
        if host != HOST:
            web["host"] = host
        if port != PORT:
            web["port"] = port
        token = None
        if host not in LOCAL_HOSTS:
            web["token_file"] = self._token_file.name
            token = self._token()
        if trusted_proxies:
            web["trusted_proxies"] = list(trusted_proxies)
        self.desk = SetupDesk(path, plugins.registry(), Tryout(plugins), mode=Mode.SETUP, web=web)
        access = Access(token=token, trusted_proxies=_networks(trusted_proxies))
        self.server = WebServer(create_app(None, access=access, setup=self.desk), host, port)

    async def run(self) -> bool:
        """Serve until the file is written (True) or stopped (False). Raises ServerStartError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self.server.start()
        self._say(f"There is no file {self._path} yet: set-up makes it. Open {self.server.url}")
        log.info("set-up", dashboard=self.server.url, configuration=str(self._path))
        systemd = Systemd()
        systemd.ready(lambda: True)  # nothing is controlled yet: that this loop goes round is all there is
        ends = [asyncio.create_task(self._stopping.wait()), asyncio.create_task(self.desk.written.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await self.desk.close()
            await self.server.stop()
            systemd.end()
        return not self._stopping.is_set()

    @property
    def _token_file(self) -> Path:
        return self._path.with_suffix(TOKEN_SUFFIX)

    def _token(self) -> str:
        """The token of an earlier start of set-up, or a new one, which is shown this once."""
        if self._token_file.exists():
            self._say(f"The access token is in {self._token_file}.")
            return read_token(self._token_file)
        token = secrets.token_hex(16)
        try:
            write_new(self._token_file, token + "\n")
        except NotWritableError as error:
            raise SetupStartError(f"Set-up can't keep its access token: {error}.") from error
        self._say(f"Access token, shown once and kept in {self._token_file}: {token}")
        return token


def _networks(texts: Sequence[str]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise SetupStartError(f"--trusted-proxy: {error}.") from error
