"""Getting a token from a HomeWizard device, whose button somebody presses."""

import asyncio
from collections.abc import Callable

import aiohttp

from phasewise.devices.base import DeviceBadData, DeviceRefused, DeviceUnreachable
from phasewise.devices.homewizard import Access, is_token
from phasewise.devices.homewizard_link import fingerprint_of
from phasewise.devices.meters.network import ANSWER_TIMEOUT_S, brief, parse_object, reason_of

USER = "local/phasewise"
"""Under this name the device keeps the token; a second token of that name ends the first."""
PAIR_S = 60.0
ASK_EVERY_S = 1.0
"""After the button the device gives out tokens for 30 s; asking again and again does no harm."""
NOT_PRESSED = 403
_HEADERS = {"X-Api-Version": "2"}


async def pair(
    url: str, tell: Callable[[], None], *, within_s: float = PAIR_S, ask_every_s: float = ASK_EVERY_S
) -> Access:
    """A new token, and the certificate that the device shows: the one that is trusted from then on.

    `tell` is called once, when the button is to be pressed. Raises DeviceError, a whole sentence.
    """
    shown = await fingerprint_of(url)
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    told = False
    try:
        async with (
            asyncio.timeout(within_s),
            aiohttp.ClientSession(headers=_HEADERS, timeout=timeout) as session,
        ):
            while (token := await _ask(session, url, shown)) is None:
                if not told:
                    tell()
                    told = True
                await asyncio.sleep(ask_every_s)
            return Access(token, shown)
    except TimeoutError as error:
        if told:
            raise DeviceRefused(f"The button was not pressed within {within_s:g} s: try again.") from error
        raise DeviceUnreachable(f"Could not ask {url} for a token: it did not answer in time.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise DeviceUnreachable(f"Could not ask {url} for a token: {reason_of(error)}.") from error


async def _ask(session: aiohttp.ClientSession, url: str, shown: bytes) -> str | None:
    """The token; None while the button was not pressed."""
    trust = aiohttp.Fingerprint(shown)
    async with session.post(f"{url}/api/user", json={"name": USER}, ssl=trust) as answer:
        content = await answer.read()
        if answer.status == NOT_PRESSED:
            return None
        if answer.status != 200:
            raise DeviceRefused(f"{url} gives no token: HTTP {answer.status}, {brief(content)}.")
    try:
        token = parse_object(content).get("token")
    except DeviceBadData as error:
        raise DeviceBadData(f"{url} gives no token: {error}.") from error
    if not isinstance(token, str) or not is_token(token):
        raise DeviceBadData(f"{url} gives no token, but {brief(content)}.")
    return token
