"""Requests and answers as JSON datagrams to one device, paced for devices that bear few of them.

A datagram may be lost, doubled or late: answers are matched by their id, whatever else comes is dropped,
and every wait is bounded.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from phasewise.devices.base import DeviceBadData, DeviceRefused, DeviceUnreachable
from phasewise.devices.turns import Turns, now_s, sleep_until

CALL_TIMEOUT_S = 14.5
"""Whatever a driver does in one call. The seam allows 10 s and the wait for its turn, here 5 s."""
ID_RANGE = 0x10000
"""Ids are 16-bit numbers."""


class DatagramTiming(Struct, frozen=True):
    """What a device asks of whoever talks to it, in real seconds."""

    pause_s: float
    """From one request to the next."""
    reply_timeout_s: float
    """An answer later than that does not count."""
    resend_s: float
    """An answer that has not come by then hardly will: the request is sent once more."""
    hasty_pause_s: float
    """The same from and to a hasty request: one of the last before the end."""
    hasty_timeout_s: float


def parse_udp_url(url: str, default_port: int) -> tuple[str, int]:
    """Host and port of `udp://HOST:PORT`. Raises ValueError with what is allowed."""
    allowed = f"write udp://HOST:{default_port}, with the address of the device"
    try:
        parts = urlsplit(url)
        port = parts.port or default_port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; {allowed}") from error
    if parts.scheme != "udp" or not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r}: {allowed}")
    return parts.hostname, port


class UdpJsonLink(asyncio.DatagramProtocol):
    """One device. Calls may overlap: requests keep their pause, an urgent one goes first.

    Raises DeviceUnreachable, DeviceRefused or DeviceBadData, with a text that says what was tried and
    what came back. It may be cancelled at any point.
    """

    def __init__(self, host: str, port: int, timing: DatagramTiming) -> None:
        self._host, self._port = host, port
        self._timing = timing
        self._transport: asyncio.DatagramTransport | None = None
        self._turns = Turns()
        self._sent_s = float("-inf")
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        # Somewhere else after every start: an answer to the last run's request is not taken for ours.
        self._id = random.randrange(ID_RANGE)  # noqa: S311 - is no secret
        self._noise: str | None = None
        """What came last that was no answer, since the last one."""

    async def request(
        self, method: str, params: Mapping[str, Any], *, urgent: bool = False, hasty: bool = False
    ) -> Mapping[str, Any]:
        """The `result` of one request. `hasty` is urgent, with shorter waits and no second try."""
        timeout_s = self._timing.hasty_timeout_s if hasty else self._timing.reply_timeout_s
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        numbers = [await self._send(method, params, answer, urgent=urgent or hasty, hasty=hasty)]
        try:
            async with asyncio.timeout(timeout_s):
                if not hasty and not (await asyncio.wait([answer], timeout=self._timing.resend_s))[0]:
                    # A datagram was lost. Saying the same again does no harm, and either answer counts.
                    numbers.append(await self._send(method, params, answer, urgent=urgent, hasty=False))
                reply = await answer
        except TimeoutError as error:
            if self._noise is not None:
                raise DeviceBadData(self._says(method, f"what came was no answer: {self._noise}")) from error
            raise DeviceUnreachable(self._says(method, f"no answer within {timeout_s:g} s")) from error
        except OSError as error:
            raise DeviceUnreachable(
                self._says(method, f"{error.strerror or error} (is its local API switched on?)")
            ) from error
        finally:
            for number in numbers:
                self._waiting.pop(number, None)
            if not self._waiting and (not answer.done() or answer.cancelled() or answer.exception()):
                # The name may mean another address by now: it is looked up again.
                await self.close()
        return self._result(method, reply)

    async def close(self) -> None:
        """Give up the socket. Idempotent; a later call opens another."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    @asynccontextmanager
    async def deadline(self, what: str) -> AsyncIterator[None]:
        """Bounds everything inside to CALL_TIMEOUT_S; DeviceUnreachable beyond it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                yield
        except TimeoutError as error:
            raise DeviceUnreachable(self._says(what, f"not done within {CALL_TIMEOUT_S:g} s")) from error

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Whatever the device sent (the socket is connected: nobody else's datagrams come here)."""
        try:
            reply = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._noise = f"{data[:40]!r} ({error})"
            return
        number = reply.get("id") if isinstance(reply, dict) else None
        waiting = self._waiting.get(number) if isinstance(number, int) else None
        if waiting is None:
            self._noise = f"{data[:40]!r} with the id of no request that waits"
        elif not waiting.done():
            self._noise = None
            waiting.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        """The network said that a datagram did not arrive: nobody listens there."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(exc)

    async def _send(
        self,
        method: str,
        params: Mapping[str, Any],
        answer: asyncio.Future[Mapping[str, Any]],
        *,
        urgent: bool,
        hasty: bool,
    ) -> int:
        """Send it when it is its turn, which ends with that: one lost holds up no other. Returns its id."""
        pause_s = self._timing.hasty_pause_s if hasty else self._timing.pause_s
        while True:
            if not urgent:
                # Not while it is one's turn: a setpoint must not wait for a reading's pause.
                await sleep_until(self._sent_s + pause_s)
            async with self._turns.take(urgent=urgent):
                if urgent:
                    await sleep_until(self._sent_s + pause_s)
                if now_s() >= self._sent_s + pause_s:
                    transport = await self._open(method)
                    self._sent_s = now_s()
                    self._noise = None
                    self._id = (self._id + 1) % ID_RANGE
                    self._waiting[self._id] = answer
                    request = {"id": self._id, "method": method, "params": params}
                    transport.sendto(msgspec.json.encode(request))
                    return self._id

    async def _open(self, method: str) -> asyncio.DatagramTransport:
        if self._transport is None or self._transport.is_closing():
            loop = asyncio.get_running_loop()
            try:
                self._transport, _ = await loop.create_datagram_endpoint(
                    lambda: self, remote_addr=(self._host, self._port)
                )
            except OSError as error:
                raise DeviceUnreachable(self._says(method, f"{error.strerror or error}")) from error
        return self._transport

    def _result(self, method: str, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        result, refusal = reply.get("result"), reply.get("error")
        if refusal is not None:
            raise DeviceRefused(self._says(method, f"refused: {str(refusal)[:200]}"))
        if not isinstance(result, dict):
            raise DeviceBadData(self._says(method, f"an answer without a result: {str(reply)[:200]}"))
        return result

    def _says(self, what: str, came: str) -> str:
        return f"udp://{self._host}:{self._port}: {what}: {came}"
