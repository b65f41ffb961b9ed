"""A HomeWizard device on the local network: where it is, its token, and whether it is that device at all.

The API with a token is spoken over TLS. A device's certificate is signed by HomeWizard's own authority and
names no address, so that what is usual on the Internet does not work. Either the certificate's fingerprint
is kept with the token when the two are paired, or the authority's certificate is given; without one of
them, nothing is sent.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
from msgspec import Struct
from yarl import URL

from phasewise.devices.base import DeviceBadData, DeviceError, DeviceRefused, DeviceUnreachable
from phasewise.devices.meters.network import reason_of

CONNECT_TIMEOUT_S = 5.0
"""A device on the local network answers within milliseconds, or not at all."""
USER = "local/phasewise"
"""Under this name the device keeps the token; a second token of that name ends the first."""
PAIR_S = 60.0
PAIR_EVERY_S = 1.0
"""After the button the device gives out tokens for 30 s; asking again and again does no harm."""
APPLIANCE = "appliance/"
"""Common names of devices are appliance/<kind>/<serial number>."""

_TOKEN = re.compile(r"[0-9A-Fa-f]{32}")
_FINGERPRINT = re.compile(r"sha256:([0-9a-f]{64})")
_HEADERS = {"X-Api-Version": "2"}


class Access(Struct, frozen=True):
    """What a device is accessed with."""

    token: str
    fingerprint: bytes | None = None
    """SHA-256 of the device's certificate; None where it was not kept."""

    def text(self) -> str:
        """As it stands in a file."""
        kept = "" if self.fingerprint is None else f"sha256:{self.fingerprint.hex()}\n"
        return f"{self.token}\n{kept}"


def parse_url(url: str) -> URL:
    """Where a device is. Raises ValueError with what is allowed."""
    allowed = "write http://HOST or https://HOST, such as http://192.168.1.30"
    try:
        parsed = URL(url)
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; {allowed}") from error
    extra = parsed.user or parsed.path.strip("/") or parsed.query_string or parsed.fragment
    if parsed.scheme not in {"http", "https"} or not parsed.host or extra:
        raise ValueError(f"{url!r}: {allowed}")
    return parsed.origin()


def read_access(path: Path) -> Access:
    """What is in a token's file. Raises DeviceError, a whole sentence."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DeviceError(f"Could not read the token from {path}: {reason}. {_HOW}") from error
    first, *others = text.split() or [""]
    found = [match for line in others if (match := _FINGERPRINT.fullmatch(line)) is not None]
    if _TOKEN.fullmatch(first) is None or len(found) < len(others):
        raise DeviceError(f"{path} is not a file with a HomeWizard token. {_HOW}")
    return Access(first, bytes.fromhex(found[0].group(1)) if found else None)


_HOW = "'phasewise pair-homewizard' writes one."


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
    # Python 3.13 asks for extensions that a maker's own authority may leave out; the signature counts.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def is_appliance(certificate: object) -> bool:
    """Whether this is a device's certificate, as `SSLSocket.getpeercert` gives it."""
    subject = certificate.get("subject", ()) if isinstance(certificate, dict) else ()
    names = [value for part in subject for key, value in part if key == "commonName"]
    return any(name.startswith(APPLIANCE) for name in names)


async def fingerprint_of(url: URL) -> bytes:
    """SHA-256 of the certificate that the device shows now. Raises DeviceUnreachable, a whole sentence."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is only looked at: nothing is sent
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except (OSError, ValueError, TimeoutError) as error:
        raise DeviceUnreachable(f"Could not connect to {url}: {reason_of(error)}.") from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    return hashlib.sha256(shown or b"").digest()


async def pair(url: URL, tell: Callable[[], None], *, within_s: float = PAIR_S) -> Access:
    """A new token, which the device gives out after its button was pressed.

    `tell` is called once, when the button is to be pressed. The certificate that the device shows is the one
    that is trusted from then on. Raises DeviceError, a whole sentence.
    """
    shown = await fingerprint_of(url)
    told = False
    timeout = aiohttp.ClientTimeout(total=CONNECT_TIMEOUT_S)
    try:
        async with (
            asyncio.timeout(within_s),
            aiohttp.ClientSession(url, headers=_HEADERS, timeout=timeout) as session,
        ):
            while True:
                token = await _ask_for_token(session, shown)
                if token is not None:
                    return Access(token, shown)
                if not told:
                    tell()
                    told = True
                await asyncio.sleep(PAIR_EVERY_S)
    except TimeoutError as error:
        if not told:
            raise DeviceUnreachable(f"{url} did not answer in time.") from error
        raise DeviceRefused(
            f"The button of the device at {url} was not pressed within {within_s:g} s: try again."
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise DeviceUnreachable(f"Could not ask {url} for a token: {reason_of(error)}.") from error


async def _ask_for_token(session: aiohttp.ClientSession, shown: bytes) -> str | None:
    """The token; None while the button was not pressed."""
    body = {"name": USER}
    async with session.post("/api/user", json=body, ssl=aiohttp.Fingerprint(shown)) as answer:
        said = await answer.text(errors="replace")
        if answer.status == 403:
            return None
        if answer.status != 200:
            raise DeviceRefused(
                f"Asked for a token, {answer.url.origin()} answered {answer.status}: {said[:200]}."
            )
        found = _TOKEN.search(said)
        if found is None:
            raise DeviceBadData(
                f"Asked for a token, {answer.url.origin()} answered without one: {said[:200]}."
            )
        return found.group()
