"""Phasewise on an MQTT broker: its state for everybody, its controls, and the announcement to Home Assistant.

All of it happens beside control, which waits for none of it. What changed is sent at most once a second, and
kept by the broker; when a connection is new everything is sent again, because a broker may have forgotten.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from phasewise.config import MqttConfig
from phasewise.devices.mqtt import RETRY_MAX_S, RETRY_MIN_S, TIMEOUT_S, Broker, BrokerError, connection, ended
from phasewise.engine.controls import Controls
from phasewise.engine.state import SystemState
from phasewise.integrations import mqtt_discovery as discovery
from phasewise.integrations.mqtt_commands import PATTERNS, carry_out
from phasewise.integrations.mqtt_state import documents
from phasewise.model import Alarm, AlarmCode, Severity
from phasewise.store import UnreadableError

if TYPE_CHECKING:
    import aiomqtt

PUBLISH_S = 1.0
"""Least time between two looks at what changed."""
ENERGY_S = 10.0
"""Energies are in the file every 8 s; more often they are the same."""
LOOK_S = 0.5
"""So long the broker may take to tell what it kept of us: it does so at once, on a subscription."""
GRACE_S = 30.0
"""A broker that restarts is back by then: that is no alarm."""
FAREWELL_S = 2.0
"""For a last word; a broker that takes longer finds out by itself."""

Energies = Callable[[], Mapping[str, float]]
"""In Wh, by the names of `store.energy`. Blocks. Raises UnreadableError."""

log = structlog.get_logger("phasewise.mqtt")


class Mqtt:
    """The link to the broker that the configuration names, or to none."""

    def __init__(self, controls: Controls, energies: Energies, language: Callable[[], str]) -> None:
        """`language`: the tag of that in which texts are told now."""
        self._controls = controls
        self._energies = energies
        self._language = language
        self._config: MqttConfig | None = None
        self._task: asyncio.Task[None] | None = None
        self._problem: str | None = None
        """Why nothing is told; None while the broker takes what is told."""
        self._away_since_s = 0.0
        self._pause_s = RETRY_MIN_S
        self._ends_for_good = False

    async def follow(self, config: MqttConfig | None) -> None:
        """Be on this broker from now on, and gone from another one. None = on none."""
        if config == self._config:
            return
        old = self._config
        # With the same broker and topics Home Assistant's entities only change hands.
        stays = config is not None and old is not None and _place(config) == _place(old)
        await self._end(for_good=not stays)
        self._config = config
        if config is not None:
            self._problem = f"connecting to {config.url}"
            self._away_since_s = asyncio.get_running_loop().time()
            self._task = asyncio.create_task(self._run(config), name="mqtt")

    async def stop(self) -> None:
        """Say goodbye and end. Home Assistant shows its entities as unavailable. Idempotent."""
        await self._end(for_good=False)
        self._config = None

    def alarm(self) -> Alarm | None:
        """One while the broker has been out of reach for longer than a restart takes."""
        if self._config is None or self._problem is None:
            return None
        if asyncio.get_running_loop().time() - self._away_since_s < GRACE_S:
            return None
        return Alarm(
            AlarmCode.MQTT_UNREACHABLE,
            Severity.WARNING,
            None,
            f"{self._problem[:1].upper()}{self._problem[1:]}.",
        )

    async def _end(self, *, for_good: bool) -> None:
        task, self._task = self._task, None
        self._ends_for_good = for_good
        if task is not None:
            await ended([task], FAREWELL_S + TIMEOUT_S)
        self._problem = None

    async def _run(self, config: MqttConfig) -> None:
        """Connected again and again, until cancelled."""
        import aiomqtt  # noqa: PLC0415 - a daemon without a broker need not load it

        broker = Broker.at(config.url, config.username, config.password_file, config.ca_file)
        will = aiomqtt.Will(f"{config.topic}/availability", "offline", qos=1, retain=True)
        self._pause_s = RETRY_MIN_S
        while True:
            try:
                async with connection(broker, will) as client:
                    await self._talk(client, config)
            except BrokerError as error:
                if self._problem is None:
                    self._away_since_s = asyncio.get_running_loop().time()
                if self._problem != str(error):
                    log.warning("no broker", problem=str(error), next="tried again until it works")
                self._problem = str(error)
            except Exception:  # whatever it is, Home Assistant must not be left without a word for good
                log.exception("the link to the broker failed", next="begun anew")
                self._problem = "an error of Phasewise; its log has more"
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2.0 * self._pause_s, RETRY_MAX_S)

    def _works(self) -> None:
        """The broker took all there is to tell: to be let in says little, many throw one out again."""
        if self._problem is not None:
            log.info("told everything to the broker")
        self._problem, self._pause_s = None, RETRY_MIN_S

    async def _talk(self, client: "aiomqtt.Client", config: MqttConfig) -> None:
        """Until the connection breaks. Raises MqttError."""
        session = Session(client, config, self._controls, self._energies, self._language, self._works)
        try:
            await session.run()
        except asyncio.CancelledError:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await session.farewell(for_good=self._ends_for_good)
            raise


def _place(config: MqttConfig) -> tuple[str, str, str]:
    return config.url, config.topic, config.discovery_prefix


class Session:
    """One connection to the broker."""

    def __init__(
        self,
        client: "aiomqtt.Client",
        config: MqttConfig,
        controls: Controls,
        energies: Energies,
        language: Callable[[], str],
        works: Callable[[], None],
    ) -> None:
        """`works` is called whenever the broker took everything."""
        self._works = works
        self._client = client
        self._topic = config.topic
        self._availability = f"{config.topic}/availability"
        self._birth = f"{config.discovery_prefix}/status"
        self._announcement = discovery.discovery_topic(config.discovery_prefix, config.topic)
        self._controls = controls
        self._read_energies = energies
        self._language = language
        self._energy_wh: Mapping[str, float] | None = None
        self._sent: dict[str, bytes] = {}
        """What the broker keeps of us, by topic."""
        self._announced: dict[str, str] = {}
        """The platform of every component that Home Assistant was told of."""
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Send and listen until the connection breaks. Raises MqttError."""
        await self._take_over()
        await self._client.subscribe([(f"{self._topic}/{pattern}", 1) for pattern in PATTERNS])
        await self._client.subscribe([(self._birth, 0), (self._availability, 0)])
        await _all((self._follow_energies(), self._follow_state(), self._listen()))

    async def farewell(self, *, for_good: bool) -> None:
        """Be offline from now on; `for_good`: leave nothing behind."""
        # Nothing may be on its way to us while we leave: the broker would take that for a broken line, and
        # tell the last will after all.
        await self._client.unsubscribe(self._availability)
        await self._client.publish(self._availability, "offline", qos=1, retain=True)
        if for_good:
            for topic in self._sent:
                await self._client.publish(topic, b"", retain=True)

    async def _take_over(self) -> None:
        """Learn what the broker keeps of us from before: a battery may have been removed meanwhile."""
        kept = [self._announcement, f"{self._topic}/battery/+", f"{self._topic}/phase/+"]
        await self._client.subscribe([(topic, 0) for topic in kept])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                async for message in self._client.messages:
                    if message.topic.value == self._announcement:
                        self._announced = _platforms(message.payload)
                    else:
                        # Unlike anything that is sent: it is sent anew, or cleared.
                        self._sent[message.topic.value] = b""
        await self._client.unsubscribe(kept)

    async def _follow_energies(self) -> None:
        while True:
            # The history room has an alarm of its own for a file that can't be read.
            with contextlib.suppress(UnreadableError):
                self._energy_wh = await asyncio.to_thread(self._read_energies)
            await asyncio.sleep(ENERGY_S)

    async def _follow_state(self) -> None:
        async for state in self._controls.live.changes():
            await self._send(state)
            await asyncio.sleep(PUBLISH_S)

    async def _send(self, state: SystemState) -> None:
        """What changed since the last time."""
        async with self._sending:
            await self._announce(state)
            wanted = {
                f"{self._topic}/{name}": msgspec.json.encode(document)
                for name, document in documents(state, self._energy_wh, self._language()).items()
            }
            for topic in self._sent.keys() - wanted.keys() - {self._announcement, self._availability}:
                await self._say(topic, b"")
                del self._sent[topic]
            for topic, payload in wanted.items():
                await self._say(topic, payload)
            # Last, so that nobody sees an entity without a value; and answered, so that it is known to work.
            await self._say(self._availability, b"online", qos=1)
            self._works()

    async def _say(self, topic: str, payload: bytes, *, qos: int = 0) -> None:
        if self._sent.get(topic) != payload or not payload:
            await self._client.publish(topic, payload, qos=qos, retain=True)
            self._sent[topic] = payload

    async def _announce(self, state: SystemState) -> None:
        """Tell Home Assistant what there is; first what is no more."""
        components = discovery.components(state, self._topic)
        gone = {
            name: platform
            for name, platform in self._announced.items()
            if name not in components or components[name]["platform"] != platform
        }
        if gone:
            told = components | discovery.removed(gone)
            await self._say(self._announcement, self._encoded(state, told))
        self._announced = {name: component["platform"] for name, component in components.items()}
        await self._say(self._announcement, self._encoded(state, components))

    def _encoded(self, state: SystemState, components: discovery.Components) -> bytes:
        return msgspec.json.encode(discovery.payload(state, self._topic, components))

    async def _listen(self) -> None:
        async for message in self._client.messages:
            topic, payload = message.topic.value, message.payload
            if topic == self._birth:
                if payload == b"online" and not message.retain:
                    log.info("Home Assistant is back", next="it is told everything again")
                    await self._send_again()
            elif topic == self._availability:
                if payload == b"offline" and not message.retain:
                    # The last will of a connection of ours that the broker held for alive until now.
                    await self._send_again(topic)
            elif topic.startswith(f"{self._topic}/") and topic.endswith("/set"):
                command = topic.removeprefix(f"{self._topic}/")
                wrong = await carry_out(self._controls, command, payload, retained=message.retain)
                if wrong is not None:
                    await self._send_again(f"{self._topic}/{wrong}")

    async def _send_again(self, only: str | None = None) -> None:
        """Everything, or one topic, also when it did not change."""
        for topic in tuple(self._sent):
            if only in {None, topic}:
                # Stays known, so that it is cleared when it is no more.
                self._sent[topic] = b""
        state = self._controls.live.current
        if state is not None:
            await self._send(state)


def _platforms(announcement: bytes) -> dict[str, str]:
    """By component, of what was announced before; empty where that is not understood."""
    try:
        told = msgspec.json.decode(announcement)
        return {
            str(name): component["platform"]
            for name, component in told["components"].items()
            if isinstance(component["platform"], str)
        }
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return {}


async def _all(jobs: tuple[Coroutine[Any, Any, None], ...]) -> None:
    """Run them side by side until the first ends; its error is raised, the others are cancelled."""
    tasks = [asyncio.create_task(job, name="mqtt session") for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await ended(tasks)
