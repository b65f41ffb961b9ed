"""Connections to an MQTT broker, for everybody who needs one.

Each one has a client of its own with a random name and a clean session: a broker keeps nothing of us but
what is retained, and commands that were sent while we were away are not carried out late.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import field_validator

from phasewise.devices.base import DeviceUnreachable, DriverOptions, FileOfConfiguration

if TYPE_CHECKING:
    import aiomqtt

PORTS = {"mqtt": 1883, "mqtts": 8883}
"""As registered with IANA."""
TIMEOUT_S = 5.0
"""For an answer of the broker: one that takes longer is as good as away."""
KEEPALIVE_S = 15
"""A broker that hears nothing for one and a half of these tells everybody that we are gone."""
PATIENCE_S = 0.5
"""Then a task that was cancelled and goes on is cancelled again."""
MOST_WAITING = 200
"""Messages that wait to be looked at; beyond, new ones are dropped: nobody fills the memory."""
RETRY_MIN_S = 1.0
RETRY_MAX_S = 30.0
"""Pause before the next attempt: doubled each time, so that a broker that starts is not flooded."""


class BrokerError(Exception):
    """There is no connection to the broker. The text says what was tried and what came back."""


@dataclass(frozen=True)
class Broker:
    """Where it is and how to log in."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password_file: Path | None = None
    """Read when connecting, so that a new password counts at once."""
    ca_file: Path | None = None
    """Of the authority that signed the broker's certificate; None = those that this computer trusts."""

    @classmethod
    def at(
        cls,
        url: str,
        username: str | None = None,
        password_file: Path | None = None,
        ca_file: Path | None = None,
    ) -> "Broker":
        """`url`: mqtt://HOST:1883 or mqtts://HOST:8883. Raises ValueError."""
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        if not usable or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(
                f"'{url}' is not the address of a broker: write mqtt://HOST:1883 or mqtts://HOST"
            )
        port = parts.port or PORTS[parts.scheme]
        return cls(str(parts.hostname), port, parts.scheme == "mqtts", username, password_file, ca_file)

    def __str__(self) -> str:
        """`192.168.1.10:1883`."""
        return f"{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def connection(broker: Broker, will: "aiomqtt.Will | None" = None) -> "AsyncIterator[aiomqtt.Client]":
    """A connection, closed in the end. Raises BrokerError, also for one that breaks while it is in use."""
    import aiomqtt  # noqa: PLC0415 - a daemon without a broker need not load it

    password, tls = await asyncio.to_thread(_files, broker)
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=password,
        tls_context=tls,
        will=will,
        timeout=TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_queued_incoming_messages=MOST_WAITING,
    )
    try:
        await _connect(client)
    except (aiomqtt.MqttError, OSError, ValueError) as error:
        raise BrokerError(f"could not connect to the MQTT broker at {broker}: {error}") from error
    try:
        yield client
    except aiomqtt.MqttError as error:
        why = error.__cause__ or error
        raise BrokerError(f"the connection to the MQTT broker at {broker} broke: {why}") from error
    finally:
        with contextlib.suppress(aiomqtt.MqttError):
            await client.__aexit__(None, None, None)


def _files(broker: Broker) -> tuple[str | None, ssl.SSLContext | None]:
    """Password and certificates. Raises BrokerError."""
    password, tls = None, None
    try:
        if broker.password_file is not None:
            password = broker.password_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BrokerError(
            f"the password for the MQTT broker can't be read from {broker.password_file}: {why}"
        ) from error
    try:
        if broker.tls:
            tls = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:
        raise BrokerError(
            f"the certificate for the MQTT broker can't be read from {broker.ca_file}: {error}"
        ) from error
    return password, tls


async def ended(tasks: "Collection[asyncio.Task[None]]", patience_s: float = PATIENCE_S) -> None:
    """Cancel them until they are over: in Python 3.11 a wait for an answer that comes just then goes on as if
    nobody had asked it to end."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=patience_s)
        for task in done:
            # Looked at, so that nobody complains that nobody did.
            _ = task.cancelled() or task.exception()


_abandoned: set[asyncio.Task[None]] = set()
"""Keeps them from being collected before they are done."""


async def _connect(client: "aiomqtt.Client") -> None:
    """Connect; when that is cancelled, a connection that was made nevertheless is not left behind."""
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        leaving = asyncio.create_task(_leave(client, entering), name="mqtt leaves")
        _abandoned.add(leaving)
        leaving.add_done_callback(_abandoned.discard)
        raise


async def _leave(client: "aiomqtt.Client", entering: "asyncio.Future[aiomqtt.Client]") -> None:
    import aiomqtt  # noqa: PLC0415 - see above

    with contextlib.suppress(aiomqtt.MqttError, OSError, ValueError):
        await entering
        await client.__aexit__(None, None, None)


class MqttOptions(DriverOptions):
    """Where a device is heard: what all drivers on a broker share."""

    is_shared: ClassVar[bool] = True

    url: str
    """Where the broker is: mqtt://HOST:1883, or mqtts://HOST:8883 with encryption."""
    username: str | None = None
    """Name to log in with; left out: none."""
    password_file: FileOfConfiguration | None = None
    """File with the password; relative to the configuration file."""
    ca_file: FileOfConfiguration | None = None
    """File with the certificate of the authority that signed the broker's, for mqtts."""

    @field_validator("url")
    @classmethod
    def _url_is_understood(cls, url: str) -> str:
        Broker.at(url)
        return url

    @property
    def broker(self) -> Broker:
        """The same as one thing."""
        return Broker.at(self.url, self.username, self.password_file, self.ca_file)


Hear = Callable[[str, bytes, bool], None]
"""Gets topic, payload, and whether the message was retained: sent at any time before."""


Pause = Callable[[float], Awaitable[None]]


class MqttLink:
    """Hears some topics and says others, on a connection that is made anew for ever."""

    def __init__(
        self, broker: Broker, topics: Collection[str], hear: Hear, pause: Pause = asyncio.sleep
    ) -> None:
        """`hear` must not raise or block. `pause`: how it waits before the next attempt."""
        self._broker = broker
        self._topics = sorted(topics)
        self._hear = hear
        self._pause = pause
        self._task: asyncio.Task[None] | None = None
        self._client: aiomqtt.Client | None = None
        self._connected = asyncio.Event()
        self.opened = 0
        """How many connections there were."""
        self.problem: str | None = f"Connecting to the MQTT broker at {broker}."
        """None while connected, else a sentence."""

    def start(self) -> None:
        """Begin, in the running event loop. Idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"mqtt {self._broker}")

    async def close(self) -> None:
        """Give up the connection; `start` begins anew. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            await ended([task], TIMEOUT_S)

    async def publish(self, topic: str, payload: str) -> None:
        """Say something, once; returns when the broker has it. Raises DeviceUnreachable, within 10 s."""
        import aiomqtt  # noqa: PLC0415 - see above

        self.start()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._connected.wait()
            client = self._client
            if client is not None:
                await client.publish(topic, payload, qos=1, timeout=TIMEOUT_S)
                return
        except TimeoutError as error:
            raise DeviceUnreachable(self.problem or f"No connection to {self._broker}.") from error
        except aiomqtt.MqttError as error:
            raise DeviceUnreachable(
                f"The MQTT broker at {self._broker} did not take a message for {topic}: {error}."
            ) from error
        raise DeviceUnreachable(f"The connection to the MQTT broker at {self._broker} broke.")

    async def _run(self) -> None:
        pause_s = RETRY_MIN_S
        while True:
            try:
                async with connection(self._broker) as client:
                    pause_s = RETRY_MIN_S
                    await self._use(client)
            except BrokerError as error:
                text = str(error)
                self.problem = f"{text[:1].upper()}{text[1:]}. Next attempt in {pause_s:g} s."
            await self._pause(pause_s)
            pause_s = min(2.0 * pause_s, RETRY_MAX_S)

    async def _use(self, client: "aiomqtt.Client") -> None:
        """Until the connection breaks."""
        if self._topics:
            await client.subscribe([(topic, 0) for topic in self._topics])
        self._client, self.problem = client, None
        self.opened += 1
        self._connected.set()
        try:
            async for message in client.messages:
                self._hear(message.topic.value, message.payload, message.retain)
        finally:
            self._connected.clear()
            self._client = None
            self.problem = f"The connection to the MQTT broker at {self._broker} broke."
