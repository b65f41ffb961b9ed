"""A real MQTT broker for tests: Debian's mosquitto, on a port and with a configuration of its own."""

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from ports import free_port

MOSQUITTO = shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"
)
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="mosquitto is missing: sudo apt-get install mosquitto"
)


class Mosquitto:
    """It keeps nothing over a restart, unless `persistent`."""

    def __init__(
        self,
        folder: Path,
        *,
        user: tuple[str, str] | None = None,
        tls: bool = False,
        persistent: bool = False,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.user = user
        self.tls = tls
        self._process: asyncio.subprocess.Process | None = None
        self.is_dead = False
        """Killed, and not started since."""
        # Started by root it would become a user who may not read this folder.
        lines = [f"listener {self.port} 127.0.0.1", "user root", "connection_messages true"]
        lines.append(f"allow_anonymous {'false' if user else 'true'}")
        if user is not None:
            self._make_password(*user)
            lines.append(f"password_file {folder / 'passwords'}")
        if tls:
            self._make_certificate()
            lines += [f"certfile {folder / 'broker.crt'}", f"keyfile {folder / 'broker.key'}"]
        if persistent:
            lines += ["persistence true", f"persistence_location {folder}/"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def url(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "mosquitto.log").read_text()

    def _make_password(self, name: str, password: str) -> None:
        passwords = self.folder / "passwords"
        passwords.write_text(f"{name}:{password}\n")
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)

    def _make_certificate(self) -> None:
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(self.folder / "broker.key")]
        out = ["-out", str(self.folder / "broker.crt"), "-days", "2"]
        subprocess.run(["openssl", "req", "-x509", *key, *out, *names], check=True, capture_output=True)

    async def start(self) -> None:
        """Returns when it answers."""
        assert MOSQUITTO is not None
        self.is_dead = False
        with (self.folder / "mosquitto.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                MOSQUITTO, "-v", "-c", str(self.folder / "mosquitto.conf"), stdout=output, stderr=output
            )
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return
        raise AssertionError(f"mosquitto does not answer:\n{self.log}")

    def kill(self) -> None:
        """At once; `start` begins anew."""
        assert self._process is not None
        self.is_dead = True
        self._process.kill()

    @property
    def clients(self) -> int:
        """How many connections there are."""
        port = f":{self.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(local.endswith(port) and state == "01" for _, local, _, state, *_ in rows)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def pause(self) -> None:
        """It stands still: connections stay open, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def mosquitto(folder: Path, **options: Any) -> AsyncIterator[Mosquitto]:
    folder.mkdir(parents=True, exist_ok=True)
    broker = Mosquitto(folder, **options)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@dataclass(frozen=True)
class Heard:
    """One message."""

    at_s: float
    topic: str
    payload: bytes
    retained: bool


class Listener:
    """Somebody else on the broker, who hears everything."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[Heard] = []
        self.now: dict[str, bytes] = {}
        """The last payload of each topic; without those that were cleared."""

    async def listen(self) -> None:
        await self.client.subscribe("#")
        async for message in self.client.messages:
            topic, payload = message.topic.value, bytes(message.payload)
            self.heard.append(Heard(time.monotonic(), topic, payload, message.retain))
            self.now[topic] = payload
            if not payload:
                del self.now[topic]

    def json(self, topic: str) -> Any:
        return json.loads(self.now[topic])

    def has_heard(self, topic: str, *, since: int) -> bool:
        return any(message.topic == topic for message in self.heard[since:])

    async def until(self, true: Callable[[], object], within_s: float = 15.0) -> None:
        began_s = time.monotonic()
        while time.monotonic() - began_s < within_s:
            try:
                if true():
                    return
            except LookupError:
                pass
            await asyncio.sleep(0.02)
        raise AssertionError(f"not reached; {sorted(self.now)}\n{self.heard[-10:]}")


@asynccontextmanager
async def listening(broker: Mosquitto) -> AsyncIterator[Listener]:
    name, password = broker.user or (None, None)
    async with aiomqtt.Client("127.0.0.1", broker.port, username=name, password=password) as client:
        listener = Listener(client)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
