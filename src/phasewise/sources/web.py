"""One polite way to ask a web service: in time, in size, and with errors that say what came back."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from phasewise import __version__
from phasewise.sources.base import SourceBadData, SourceRefused, SourceUnreachable

TIMEOUT_S = 20.0
"""Prices are wanted hours ahead; a service that needs longer is asked again later."""
MAX_BYTES = 5_000_000
"""Two days of quarter hours are 30 kB in the wordiest format; an endless answer must not fill the memory."""
MIN_SECRET = 6
"""Characters. Shorter values, such as an area or a number, would only garble messages."""
SHOWN = 200
"""Characters of an answer that a message repeats."""


def session() -> aiohttp.ClientSession:
    """A session of our own; closed after each question, so that nothing stays open for hours."""
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        headers={"User-Agent": f"phasewise/{__version__}"},
    )


async def get(
    web: aiohttp.ClientSession,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The body of a good answer. Raises SourceError, which never repeats parameters: they hold secrets."""
    host = urlsplit(url).hostname or "the address"
    secrets = secrets_of(url, params or {}, headers or {})
    try:
        async with web.get(url, params=params, headers=headers) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise SourceBadData(f"{host} sends more than {MAX_BYTES / 1e6:g} MB")
            status, phrase = answer.status, answer.reason
    except TimeoutError as error:
        raise SourceUnreachable(f"{host} did not answer within {TIMEOUT_S:g} s") from error
    except (aiohttp.ClientError, ValueError) as error:
        reason = without(secrets, f"{type(error).__name__}: {error}")
        raise SourceUnreachable(f"{host} can't be reached: {reason}") from error
    if status != 200:
        text = f": {shown(bytes(body), secrets=secrets)}" if body else ""
        raise SourceRefused(f"{host} answered {status} {phrase or ''}".rstrip() + text, status)
    return bytes(body)


def parsed(body: bytes, source: str, secrets: Sequence[str] = ()) -> object:
    """The content of a JSON answer. `secrets`: what the error never repeats. Raises SourceBadData."""
    try:
        content: object = json.loads(body)
    except ValueError as error:
        raise SourceBadData(
            f"{source} sent something that is not JSON: {shown(body, secrets=secrets)}"
        ) from error
    return content


def shown(body: bytes, length: int = SHOWN, secrets: Sequence[str] = ()) -> str:
    """The beginning of an answer on one line, without these secrets."""
    text = without(secrets, " ".join(body[: 4 * SHOWN].decode("utf-8", "replace").split()))
    return text if len(text) <= length else text[: length - 3] + "..."


def secrets_of(url: str, params: Mapping[str, str], headers: Mapping[str, str]) -> list[str]:
    """What may be secret of a question, longest first: some services repeat in their answer what they got."""
    parts = urlsplit(url)
    values = [*params.values(), *headers.values(), *(value for _, value in parse_qsl(parts.query))]
    words = [word for value in values for word in (value, *value.split())]
    found = {*words, parts.username, parts.password}
    return sorted((word for word in found if word and len(word) >= MIN_SECRET), key=len, reverse=True)


def without(secrets: Sequence[str], text: str) -> str:
    """The text with each of these, the longest first, made unreadable."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
