"""HomeWizard's P1 meter and kWh meters, on either of their local APIs."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Self

import aiohttp
from msgspec import Struct
from pydantic import Field, model_validator

from phasewise.devices import homewizard
from phasewise.devices.base import (
    Clock,
    DeviceBadData,
    DeviceRefused,
    DeviceUnreachable,
    DriverOptions,
    FileOfConfiguration,
)
from phasewise.devices.meters.homewizard_values import measured, reading_of_version_1, reading_of_version_2
from phasewise.devices.meters.network import SILENT_S, NetworkMeter, Payload, brief, parse_object, reason_of
from phasewise.model import GridReading

POLL_S = 1.0
"""The fastest meters measure once a second."""
ANSWER_TIMEOUT_S = 5.0
"""Wi-Fi with a weak signal takes a second now and then."""
CLOSE_TIMEOUT_S = 1.0
MOST_BYTES = 65_536
"""An answer has about 2 kB; a telegram at most 4 kB."""


class HomeWizardOptions(DriverOptions):
    """Settings of a HomeWizard P1 meter or kWh meter."""

    url: str
    """http://HOST after the local API was switched on in HomeWizard's app; or https://HOST with a token_file,
    which is faster and safer."""
    token_file: FileOfConfiguration | None = None
    """For https: the file that `phasewise pair-homewizard https://HOST FILE` wrote."""
    ca_file: FileOfConfiguration | None = Field(default=None, json_schema_extra={"x-advanced": True})
    """For https: HomeWizard's certificate authority, a PEM file; then any certificate of a HomeWizard device
    is taken, instead of the one that was seen when the device was paired."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        secure = homewizard.parse_url(self.url).scheme == "https"
        if secure and self.token_file is None:
            raise ValueError(
                "https:// needs a token_file; 'phasewise pair-homewizard https://HOST FILE' writes one"
            )
        if not secure and (self.token_file or self.ca_file):
            raise ValueError("a token_file or ca_file is for https:// only")
        return self


class HomeWizardMeter(NetworkMeter):
    """A `MeterDriver`: polls version 1 of the API once a second, or listens to version 2."""

    options_model: ClassVar[type[DriverOptions]] = HomeWizardOptions

    def __init__(self, options: HomeWizardOptions, clock: Clock, *, silent_s: float = SILENT_S) -> None:
        super().__init__(options.url, clock, silent_s=silent_s)
        self._options = options
        self._url = homewizard.parse_url(options.url)
        self._session: aiohttp.ClientSession | None = None
        self._told: _Told | None = None
        self._update = 0

    @classmethod
    def from_options(cls, options: DriverOptions, clock: Clock) -> Self:
        """A driver that has not touched the device yet."""
        if not isinstance(options, HomeWizardOptions):
            raise TypeError(f"HomeWizardMeter needs HomeWizardOptions, not {type(options).__name__}")
        return cls(options, clock)

    async def _hang_up(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _payloads(self) -> AsyncGenerator[Payload, None]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(self._url, timeout=timeout) as session:
                self._session = session
                payloads = self._pushed(session) if self._version_2 else self._polled(session)
                async with aclosing(payloads) as came:
                    async for payload in came:
                        yield payload
        except (aiohttp.ClientError, OSError) as error:
            if not self._closed.is_set():
                raise DeviceUnreachable(
                    f"Could not reach the meter at {self._where}: {reason_of(error)}."
                ) from error
        finally:
            self._session = None

    def _understand(self, payload: Payload) -> GridReading | None:
        values = parse_object(payload.content)
        if not self._version_2:
            return reading_of_version_1(values, payload.received_s, self._update)
        if values.get("type") == "error":
            raise DeviceBadData(f"it answered {brief(values.get('data'))}")
        data = values.get("data")
        if values.get("type") != "measurement" or not isinstance(data, dict):
            return None
        return reading_of_version_2(data, payload.received_s, self._clock.utc_s())

    @property
    def _version_2(self) -> bool:
        return self._url.scheme == "https"

    # Version 1: HTTP, no token

    async def _polled(self, session: aiohttp.ClientSession) -> AsyncGenerator[Payload, None]:
        self._told = None
        while not self._closed.is_set():
            asked_s = self._clock.now_s()
            content = await self._get(session, "/api/v1/data")
            if content is None:
                raise DeviceRefused(
                    f"What is at {self._where} has no /api/v1/data: it is no HomeWizard meter."
                )
            received_s = self._clock.now_s()
            await self._look_for_update(session, content)
            yield Payload(content, received_s)
            await self._clock.sleep(max(0.0, asked_s + POLL_S - self._clock.now_s()))

    async def _look_for_update(self, session: aiohttp.ClientSession, content: bytes) -> None:
        """Values come without a time: when they are as before, the P1 telegram tells whether they are new."""
        before, now = self._told, _Told(measured(content))
        if before is not None and before.values == now.values:
            now = _Told(now.values, await self._get(session, "/api/v1/telegram"))
            if None not in {before.telegram, now.telegram} and before.telegram != now.telegram:
                self._update += 1
        self._told = now

    async def _get(self, session: aiohttp.ClientSession, path: str) -> bytes | None:
        """The body of an answer; None where the device has no such thing."""
        async with session.get(path, allow_redirects=False) as answer:
            if answer.status == 404:
                return None
            if answer.status == 403:
                raise DeviceRefused(
                    f"The meter at {self._where} refuses: its local API is off. Switch it on in HomeWizard's "
                    "app, in the settings of the meter."
                )
            if answer.status != 200:
                raise DeviceRefused(f"The meter at {self._where} answered {path} with HTTP {answer.status}.")
            body = b""
            while len(body) < MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                body += more
            return body

    # Version 2: WebSocket, TLS, token

    async def _pushed(self, session: aiohttp.ClientSession) -> AsyncGenerator[Payload, None]:
        if self._options.token_file is None:
            raise TypeError("version 2 without a token_file: the options' validator lets none through")
        access = homewizard.read_access(self._options.token_file)
        async with await self._connected(session, await self._trust(access)) as socket:
            await self._admitted(socket, access.token)
            await socket.send_json({"type": "subscribe", "data": "measurement"})
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield Payload(message.data.encode(), self._clock.now_s())
        if not self._closed.is_set():
            raise DeviceUnreachable(f"The meter at {self._where} closed the connection.")

    async def _trust(self, access: homewizard.Access) -> aiohttp.Fingerprint | ssl.SSLContext:
        if self._options.ca_file is not None:
            return await asyncio.to_thread(homewizard.authority, self._options.ca_file)
        if access.fingerprint is not None:
            return aiohttp.Fingerprint(access.fingerprint)
        shown = await homewizard.fingerprint_of(self._url)
        raise DeviceRefused(
            f"{self._options.token_file} does not say which certificate the meter at {self._where} has, so "
            "that anything could pose as it. If nothing does now, add this line to the file: "
            f"sha256:{shown.hex()}."
        )

    async def _connected(
        self, session: aiohttp.ClientSession, trust: aiohttp.Fingerprint | ssl.SSLContext
    ) -> aiohttp.ClientWebSocketResponse:
        brisk = aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                socket = await session.ws_connect(
                    "/api/ws", ssl=trust, timeout=brisk, max_msg_size=MOST_BYTES
                )
        except (aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError) as error:
            raise self._stranger() from error
        if isinstance(trust, ssl.SSLContext) and not homewizard.is_appliance(
            socket.get_extra_info("peercert")
        ):
            await socket.close()
            raise self._stranger()
        return socket

    def _stranger(self) -> DeviceRefused:
        return DeviceRefused(
            f"What answers at {self._where} shows another certificate than it should: no token was sent. "
            "If the device was replaced or reset, run 'phasewise pair-homewizard' again."
        )

    async def _admitted(self, socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
        """The handshake. Raises DeviceError, a whole sentence."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                asked = parse_object(await _text(socket))
                if asked.get("type") == "authorization_requested":
                    await socket.send_json({"type": "authorization", "data": token})
                    asked = parse_object(await _text(socket))
        except DeviceBadData as error:
            raise DeviceBadData(f"The meter at {self._where} does not ask for a token: {error}.") from error
        except TimeoutError as error:
            raise DeviceUnreachable(f"The meter at {self._where} does not answer the token.") from error
        if asked.get("type") == "error":
            raise DeviceRefused(
                f"The meter at {self._where} refuses the token: {brief(asked.get('data'))}. "
                "'phasewise pair-homewizard' gets a new one."
            )
        if asked.get("type") != "authorized":
            raise DeviceBadData(f"The meter at {self._where} answered the token with {brief(asked)}.")


class _Told(Struct, frozen=True):
    """What version 1 told last."""

    values: bytes
    telegram: bytes | None = None
    """None where it was not asked for, or there is none, as with kWh meters."""


async def _text(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    message = await socket.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise DeviceBadData("it closed the connection")
    return str(message.data).encode()
