"""JSON over plain HTTP to one small device: one request at a time, every wait bounded.

Whatever goes wrong is one of the three device errors, with a text that says what was tried and what came.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from phasewise.devices.base import DeviceBadData, DeviceRefused, DeviceUnreachable
from phasewise.devices.turns import Turns

if TYPE_CHECKING:
    import aiohttp

CALL_TIMEOUT_S = 9.5
"""Whatever a driver does in one call, however many requests: the seam allows 10 s."""
MAX_ANSWER_BYTES = 65536
"""Far more than any of these devices sends; a stream without an end is cut off here."""
_SHOWN = 200
"""Characters of an answer that an error text shows."""


def parse_http_url(url: str) -> str:
    """`http://HOST[:PORT]`, without a slash at the end. Raises ValueError with what is allowed."""
    allowed = "write http://HOST, with the address of the device"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; {allowed}") from error
    if parts.scheme != "http" or not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
        raise ValueError(f"{url!r}: {allowed}")
    return f"http://{parts.netloc}" if port != 0 else f"http://{parts.hostname}"


class HttpJsonLink:
    """One device. Calls may overlap: their requests take turns, a write before a read not sent yet."""

    def __init__(self, base_url: str, *, timeout_s: float) -> None:
        """`timeout_s`: of one request."""
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._turns = Turns()

    async def get(self, path: str, *, urgent: bool = False) -> Mapping[str, Any]:
        """The JSON object that is at `path`."""
        return await self._request("GET", path, None, urgent=urgent)

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a JSON object; the one that comes back."""
        return await self._request("POST", path, body, urgent=True)

    async def close(self) -> None:
        """Give up connections. Idempotent; a later request opens another."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def deadline(self, what: str) -> AsyncIterator[None]:
        """Bounds everything inside to CALL_TIMEOUT_S; DeviceUnreachable beyond it."""
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                yield
        except TimeoutError as error:
            raise DeviceUnreachable(
                f"{self._base_url}: {what}: not done within {CALL_TIMEOUT_S:g} s"
            ) from error

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, urgent: bool
    ) -> Mapping[str, Any]:
        import aiohttp  # noqa: PLC0415 - a daemon without such a device need not load it

        tried = f"{method} {self._base_url}{path}"
        async with self._turns.take(urgent=urgent):
            if self._session is None:
                # A connection each time: these devices close an idle one without a word, and a write lost on
                # a dead connection cannot be told from one that arrived.
                self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
            try:
                async with (
                    asyncio.timeout(self._timeout_s),
                    self._session.request(
                        method, self._base_url + path, json=body, allow_redirects=False
                    ) as response,
                ):
                    status, content = response.status, await _content(response, tried)
            except TimeoutError as error:
                raise DeviceUnreachable(f"{tried}: no answer within {self._timeout_s:g} s") from error
            except aiohttp.ClientConnectorError as error:
                raise DeviceUnreachable(f"{tried}: no connection: {error.strerror or error}") from error
            except aiohttp.ClientConnectionError as error:
                raise DeviceUnreachable(f"{tried}: it closed the connection ({error})") from error
            except (aiohttp.ClientError, ValueError) as error:
                raise DeviceBadData(f"{tried}: what came is no HTTP answer: {str(error)[:_SHOWN]}") from error
        if status != 200:
            raise DeviceRefused(f"{tried}: it answered {status}: {_shown(content)}")
        return _object(content, tried)


async def _content(response: "aiohttp.ClientResponse", tried: str) -> bytes:
    content = b""
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise DeviceBadData(f"{tried}: the answer has more than {MAX_ANSWER_BYTES} bytes")
    return content


def _object(content: bytes, tried: str) -> Mapping[str, Any]:
    try:
        answer = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DeviceBadData(f"{tried}: no JSON came ({error}): {_shown(content)}") from error
    if not isinstance(answer, dict):
        raise DeviceBadData(f"{tried}: no JSON object came: {_shown(content)}")
    return answer


def _shown(content: bytes) -> str:
    return content[:_SHOWN].decode("utf-8", "replace").strip() or "nothing"
