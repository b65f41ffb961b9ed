"""Talking to a HomeWizard device, with and without a token.

The API with a token is spoken over TLS. A device's certificate is signed by HomeWizard's own authority and
names no address, so that what is usual on the Internet does not work. Either the certificate's fingerprint
is kept with the token when the two are paired, or the authority's certificate is given; without one of
them, nothing is sent.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
from yarl import URL

from phasewise.devices.base import Clock, DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.homewizard import Access, read_access
from phasewise.devices.meters.homewizard_values import measured
from phasewise.devices.meters.network import ANSWER_TIMEOUT_S, Payload, brief, parse_object, reason_of

POLL_S = 1.0
"""The fastest meters measure once a second."""
CLOSE_TIMEOUT_S = 1.0
MOST_BYTES = 65_536
"""An answer has about 2 kB; a telegram at most 4 kB."""
APPLIANCE = "appliance/"
"""Common names of devices are appliance/<kind>/<serial number>."""

Trust = aiohttp.Fingerprint | ssl.SSLContext


class WithoutToken:
    """Version 1 of the API: asked over HTTP once a second."""

    def __init__(self, session: aiohttp.ClientSession, url: str, clock: Clock) -> None:
        self._session = session
        self._url = url
        self._clock = clock
        self._values = b""
        self._telegram: bytes | None = None
        self._update = 0

    async def payloads(self) -> AsyncGenerator[Payload, None]:
        """What it measured last, again and again. Raises DeviceError, a whole sentence."""
        while not self._session.closed:
            asked_s = self._clock.now_s()
            content = await self._get("/api/v1/data")
            if content is None:
                raise DeviceRefused(f"What is at {self._url} has no /api/v1/data: it is no HomeWizard meter.")
            received_s = self._clock.now_s()
            await self._look_for_update(content)
            yield Payload(content, received_s, self._update)
            await self._clock.sleep(max(0.0, asked_s + POLL_S - self._clock.now_s()))

    async def _look_for_update(self, content: bytes) -> None:
        """Values come without a time: when they are as before, the P1 telegram tells whether they are new."""
        values = measured(content)
        if values != self._values:
            self._values, self._telegram = values, None
            return
        before, self._telegram = self._telegram, await self._get("/api/v1/telegram")
        if before is not None and self._telegram not in {None, before}:
            self._update += 1

    async def _get(self, path: str) -> bytes | None:
        """The body of an answer; None where the device has no such thing, as kWh meters have no telegram."""
        async with self._session.get(self._url + path, allow_redirects=False) as answer:
            if answer.status == 404:
                return None
            if answer.status == 403:
                raise DeviceRefused(
                    f"The meter at {self._url} refuses: its local API is off. Switch it on in HomeWizard's "
                    "app, in the settings of the meter."
                )
            if answer.status != 200:
                raise DeviceRefused(f"The meter at {self._url} answered {path} with HTTP {answer.status}.")
            body = b""
            while len(body) < MOST_BYTES and (more := await answer.content.read(MOST_BYTES)):
                body += more
            return body


class WithToken:
    """Version 2 of the API: it tells by itself, over a WebSocket."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, clock: Clock, token_file: Path, ca_file: Path | None
    ) -> None:
        self._session = session
        self._url = url
        self._clock = clock
        self._token_file = token_file
        self._ca_file = ca_file

    async def payloads(self) -> AsyncGenerator[Payload, None]:
        """What it tells, from what it measured last on. Raises DeviceError, a whole sentence."""
        access = read_access(self._token_file)
        async with await self._connected(await self._trust(access)) as socket:
            await self._admitted(socket, access.token)
            await socket.send_json({"type": "subscribe", "data": "measurement"})
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield Payload(message.data.encode(), self._clock.now_s())

    async def _trust(self, access: Access) -> Trust:
        if self._ca_file is not None:
            return await asyncio.to_thread(authority, self._ca_file)
        if access.fingerprint is not None:
            return aiohttp.Fingerprint(access.fingerprint)
        shown = await fingerprint_of(self._url)
        raise DeviceRefused(
            f"{self._token_file} does not say which certificate the meter at {self._url} has, so that "
            "anything could pose as it. If nothing does now, add this line to the file: "
            f"sha256:{shown.hex()}."
        )

    async def _connected(self, trust: Trust) -> aiohttp.ClientWebSocketResponse:
        brisk = aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                socket = await self._session.ws_connect(
                    f"{self._url}/api/ws", ssl=trust, timeout=brisk, max_msg_size=MOST_BYTES
                )
        except (aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError) as error:
            raise self._stranger() from error
        certificate = socket.get_extra_info("peercert")
        if isinstance(trust, ssl.SSLContext) and not is_appliance(certificate):
            await socket.close()
            raise self._stranger()
        return socket

    def _stranger(self) -> DeviceRefused:
        return DeviceRefused(
            f"What answers at {self._url} shows another certificate than it should: no token was sent. "
            "If the device was replaced or reset, run 'phasewise pair-homewizard' again."
        )

    async def _admitted(self, socket: aiohttp.ClientWebSocketResponse, token: str) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                said = parse_object(await _text(socket))
                if said.get("type") == "authorization_requested":
                    await socket.send_json({"type": "authorization", "data": token})
                    said = parse_object(await _text(socket))
        except DeviceBadData as error:
            raise DeviceBadData(f"The meter at {self._url} does not ask for a token: {error}.") from error
        except TimeoutError as error:
            raise DeviceUnreachable(f"The meter at {self._url} does not answer the token.") from error
        if said.get("type") == "error":
            raise DeviceRefused(
                f"The meter at {self._url} refuses the token: {brief(said.get('data'), hide=token)}. "
                "'phasewise pair-homewizard' gets a new one."
            )
        if said.get("type") != "authorized":
            raise DeviceBadData(
                f"The meter at {self._url} answered the token with {brief(said, hide=token)}."
            )


async def _text(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    message = await socket.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise DeviceBadData("it closed the connection")
    return str(message.data).encode()


def authority(path: Path) -> ssl.SSLContext:
    """A context that takes certificates of this authority only. Raises DeviceError, a whole sentence."""
    try:
        context = ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise DeviceError(
            f"Could not use {path} as the certificate of HomeWizard's authority: {error}."
        ) from error
    # The common name is no name of a host, and tells the serial number: `is_appliance` looks at it.
    context.check_hostname = False
    # HomeWizard's authority has a certificate of version 1, without the extensions that Python 3.13 demands.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def is_appliance(certificate: object) -> bool:
    """Whether this is a device's certificate, as `SSLSocket.getpeercert` gives it."""
    subject = certificate.get("subject", ()) if isinstance(certificate, dict) else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return any(name.startswith(APPLIANCE) for name in names)


async def fingerprint_of(url: str) -> bytes:
    """SHA-256 of the certificate that the device shows now. Raises DeviceUnreachable, a whole sentence."""
    where = URL(url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is only looked at: nothing is sent
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            _, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
    except (OSError, ValueError, TimeoutError) as error:
        raise DeviceUnreachable(f"Could not connect to {url}: {reason_of(error)}.") from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return hashlib.sha256(shown or b"").digest()
