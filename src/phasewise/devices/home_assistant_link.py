"""Home Assistant as a way to devices: the states of some of its entities, and its actions.

One WebSocket (`/api/websocket`) brings every change as it happens and carries the actions. It does not say
when a value was confirmed without a change; that is asked for with a template, together with Home Assistant's
own time, so that no two clocks are ever compared. (`/api/states` would tell it too, but Home Assistant 2025.4
keeps the text of an unchanged state, with the time at which it was first asked for.)
"""

import asyncio
import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from phasewise.devices.base import Clock, DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.home_assistant import REPLY_S, Entity, HomeAssistantOptions

ADD_ON_TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105 - the name of the variable, not what is in it
"""Set for every add-on: its key to `http://supervisor/core`."""
SAME_S = 0.001
"""A template tells times in whole microseconds, what is pushed tells them finer: nearer is the same."""
MAX_MESSAGE_BYTES = 16 * 2**20
"""All states of a large home are about 2 MB."""


class HomeAssistant:
    """A connection that follows some entities. Connects by itself when something is asked of it."""

    def __init__(
        self,
        options: HomeAssistantOptions,
        follow: Collection[str],
        clock: Clock,
        *,
        reply_s: float = REPLY_S,
    ) -> None:
        self.url = options.url.rstrip("/")
        self.entities: dict[str, Entity] = {}
        """Those that exist among the followed; empty before the first connection."""
        self.news = asyncio.Event()
        """Set at every change, and when the connection ends."""
        self.opened = 0
        """Counts the connections: another one means that anything may have happened between."""
        self._options = options
        self._follow = sorted(follow)
        self._clock = clock
        self._reply_s = reply_s
        self._opening = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._rendering: dict[int, asyncio.Future[Any]] = {}
        self._last_id = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._socket is not None and not self._socket.closed

    async def open(self) -> None:
        """Connect, log in and fetch the followed entities, unless that is done. Raises DeviceError."""
        async with self._opening:
            if self.is_open:
                return
            await self.close()
            try:
                async with asyncio.timeout(self._reply_s):
                    await self._connect()
            except TimeoutError as error:
                await self.close()
                message = f"Home Assistant at {self.url} gave no answer within {self._reply_s:g} s"
                raise DeviceUnreachable(message) from error
            except (aiohttp.ClientError, OSError) as error:
                await self.close()
                raise DeviceUnreachable(f"no connection to Home Assistant at {self.url}: {error}") from error
            except BaseException:
                await self.close()
                raise

    async def close(self) -> None:
        """Hang up. Idempotent; it may be opened again."""
        receiver, socket, session = self._receiver, self._socket, self._session
        self._receiver = self._socket = self._session = None
        try:
            if receiver is not None:
                receiver.cancel()
                await asyncio.wait([receiver])
            self._fail("the connection was closed")
            if socket is not None:
                # A peer that says nothing any more is not waited for: its socket is closed with the session.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await socket.close()
        finally:
            if session is not None:
                await session.close()
            self.news.set()

    async def ping(self) -> None:
        """A round trip: every change before it has arrived afterwards. Raises DeviceError."""
        await self._ask({"type": "ping"})

    async def act(self, action: str, entity_id: str, **data: object) -> str | None:
        """Run an action such as `number.set_value`; the id of its context. Raises DeviceError."""
        domain, _, service = action.partition(".")
        result = await self._ask(
            {
                "type": "call_service",
                "domain": domain,
                "service": service,
                "service_data": data,
                "target": {"entity_id": entity_id},
            }
        )
        context = result.get("context") if isinstance(result, dict) else None
        return context.get("id") if isinstance(context, dict) else None

    async def states(self) -> list[Mapping[str, Any]]:
        """All entities there are, as Home Assistant has them. Raises DeviceError."""
        result = await self._ask({"type": "get_states"})
        if not isinstance(result, list):
            raise DeviceBadData(f"Home Assistant at {self.url} answered get_states with no list")
        return [state for state in result if isinstance(state, dict)]

    async def settings(self) -> Mapping[str, Any]:
        """Home Assistant's own: name of the place, time zone, version. Raises DeviceError."""
        result = await self._ask({"type": "get_config"})
        if not isinstance(result, dict):
            raise DeviceBadData(f"Home Assistant at {self.url} answered get_config with no settings")
        return result

    async def freshen(self, older_than_s: float, ids: Collection[str] | None = None) -> None:
        """Ask when the followed entities (or these) were last reported: those of which nothing was heard for
        so long. Raises DeviceError."""
        before_s = self._clock.now_s() - older_than_s
        old = [
            entity.id
            for entity in self.entities.values()
            if (ids is None or entity.id in ids) and max(entity.reported_s, entity.asked_s) < before_s
        ]
        if not old:
            return
        request = {"type": "render_template", "template": _times_of(old), "report_errors": True}
        now_utc_s, *reported = _numbers(await self._ask(request, event=True), len(old) + 1)
        now_s = self._clock.now_s()
        for entity_id, reported_utc_s in zip(old, reported, strict=True):
            entity = self.entities.get(entity_id)
            if entity is not None and reported_utc_s is not None and now_utc_s is not None:
                is_other = abs(reported_utc_s - entity.changed_utc_s) > SAME_S
                self.entities[entity_id] = replace(
                    entity,
                    asked_s=now_s,
                    reported_s=max(entity.reported_s, now_s - max(now_utc_s - reported_utc_s, 0.0)),
                    changed_utc_s=reported_utc_s if is_other else entity.changed_utc_s,
                )

    async def _connect(self) -> None:
        token = _token(self._options)
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"})
        socket = await self._session.ws_connect(
            f"{self.url}/api/websocket", max_msg_size=MAX_MESSAGE_BYTES, autoclose=True
        )
        self._socket = socket
        await self._log_in(socket, token)
        self.entities = {}
        self._last_id = 0
        self.opened += 1
        self._receiver = asyncio.create_task(self._receive(socket), name=f"Home Assistant {self.url}")
        if self._follow:
            first = asyncio.get_running_loop().create_future()
            self._pending[-1] = first
            await self._ask({"type": "subscribe_entities", "entity_ids": self._follow})
            await first

    async def _log_in(self, socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
        try:
            hello = await socket.receive_json()
            if hello.get("type") == "auth_required":
                await socket.send_json({"type": "auth", "access_token": token})
                hello = await socket.receive_json()
        except (TypeError, ValueError, AttributeError) as error:
            raise DeviceUnreachable(f"what answers at {self.url} is not Home Assistant") from error
        if hello.get("type") != "auth_ok":
            said = hello.get("message", hello.get("type"))
            where = self._options.token_file or f"the environment's {ADD_ON_TOKEN}"
            raise DeviceRefused(f"Home Assistant at {self.url} refused the token in {where}: {said}")

    async def _ask(self, request: Mapping[str, object], *, event: bool = False) -> Any:
        """Send a request and wait for its result, or for what its first event says."""
        socket = self._socket
        if socket is None:
            raise DeviceUnreachable(f"no connection to Home Assistant at {self.url}")
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        if event:
            self._rendering[number] = asyncio.get_running_loop().create_future()
        what = " ".join(str(request[key]) for key in ("type", "domain", "service") if key in request)
        try:
            async with asyncio.timeout(self._reply_s):
                await socket.send_json({"id": number, **request})
                reply = await answer
                if event and reply.get("success") is True:
                    said = await self._rendering[number]
                    await socket.send_json(self._end_of(number))
                    return said
        except TimeoutError as error:
            # It may still be carried out, or come later: what is known of the entities is no longer sure.
            await self.close()
            message = f"Home Assistant at {self.url} gave no answer to {what} within {self._reply_s:g} s"
            raise DeviceUnreachable(message) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise DeviceUnreachable(f"the connection to {self.url} broke: {error}") from error
        finally:
            self._pending.pop(number, None)
            self._rendering.pop(number, None)
        if reply.get("success") is False:
            said = reply.get("error")
            said = said.get("message", said) if isinstance(said, dict) else said
            raise DeviceRefused(f"Home Assistant refused {what}: {said}")
        return reply.get("result")

    def _end_of(self, number: int) -> dict[str, object]:
        """No more events of that request, please."""
        self._last_id += 1
        return {"id": self._last_id, "type": "unsubscribe_events", "subscription": number}

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        why = "it was closed by Home Assistant"
        try:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                content = message.json()
                for part in content if isinstance(content, list) else [content]:
                    self._take(part)
        except (aiohttp.ClientError, OSError) as error:
            why = str(error)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = f"what came was not understood: {error!r}"
        finally:
            self._fail(f"the connection to Home Assistant at {self.url} ended: {why}")
            if self._socket is socket:
                self._socket = None
            self.news.set()

    def _fail(self, why: str) -> None:
        for answer in (*self._pending.values(), *self._rendering.values()):
            if not answer.done():
                answer.set_exception(DeviceUnreachable(why))
                answer.exception()  # nobody may be waiting any more
        self._pending.clear()
        self._rendering.clear()

    def _take(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind in {"result", "pong"}:
            answer = self._pending.get(message["id"])
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif kind == "event" and "listeners" not in message["event"] and "error" not in message["event"]:
            self._take_event(message["event"])
        elif kind == "event":
            rendered = self._rendering.get(message["id"])
            failed = message["event"].get("level") == "ERROR"
            if rendered is not None and not rendered.done() and ("result" in message["event"] or failed):
                rendered.set_result(message["event"].get("result"))

    def _take_event(self, event: Mapping[str, Any]) -> None:
        """`a`: entities as they are, `c`: what changed of them, `r`: those that are gone."""
        first = self._pending.pop(-1, None)
        now_s = self._clock.now_s()
        for entity_id, said in event.get("a", {}).items():
            # Those that are there at the beginning may have been so for hours.
            reported_s = float("-inf") if first is not None else now_s
            self._put(Entity(entity_id, "", reported_s=reported_s), said, ())
        for entity_id, change in event.get("c", {}).items():
            known = self.entities.get(entity_id)
            if known is not None:
                gone = change.get("-", {}).get("a", ())
                self._put(replace(known, reported_s=now_s), change.get("+", {}), gone)
        for entity_id in event.get("r", ()):
            self.entities.pop(entity_id, None)
        if first is not None and not first.done():
            first.set_result(None)
        self.news.set()

    def _put(self, base: Entity, said: Mapping[str, Any], gone: Collection[str]) -> None:
        attributes = {name: value for name, value in base.attributes.items() if name not in gone}
        context = said.get("c", {})
        if isinstance(context, str):
            context = {"id": context}
        self.entities[base.id] = replace(
            base,
            state=str(said.get("s", base.state)),
            attributes={**attributes, **said.get("a", {})},
            context={**base.context, **context},
            changed_utc_s=float(said.get("lu", said.get("lc", base.changed_utc_s))),
        )


def _times_of(ids: Sequence[str]) -> str:
    """A template: Home Assistant's time now, and when these entities were last reported, as Unix times."""
    times = []
    for entity_id in ids:
        state = f"states['{entity_id}']"
        reported = f"{state}.last_reported | default({state}.last_updated)"
        times.append(f"as_timestamp({reported}, none) if {state} else none")
    return "{{ [as_timestamp(now()), " + ", ".join(times) + "] }}"


def _numbers(rendered: object, count: int) -> list[float | None]:
    if not isinstance(rendered, list) or len(rendered) != count:
        raise DeviceBadData(f"Home Assistant cannot say how old its values are: {rendered!r}")
    return [float(value) if isinstance(value, int | float) else None for value in rendered]


def _token(options: HomeAssistantOptions) -> str:
    """Read when connecting: the file may be put there, or changed, at any time."""
    path: Path | None = options.token_file
    if path is None:
        token = os.environ.get(ADD_ON_TOKEN, "")
        if not token:
            raise DeviceError(
                "no token for Home Assistant: make a long-lived access token in your profile there, put it "
                "in a file and name it as 'token_file'"
            )
        return token
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(f"the token for Home Assistant cannot be read from {path}: {error}") from error
    if not token:
        raise DeviceError(f"the file {path}, which should contain the token for Home Assistant, is empty")
    return token
