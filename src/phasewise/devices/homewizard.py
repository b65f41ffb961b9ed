"""A HomeWizard device on the local network: where it is, and what it is accessed with."""

import contextlib
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from phasewise.devices.base import DeviceError

_TOKEN = re.compile(r"[0-9A-Fa-f]{32}")
_FINGERPRINT = re.compile(r"sha256:([0-9a-f]{64})")
_HOW = "'phasewise pair-homewizard' writes one."


class Access(Struct, frozen=True):
    """What a device is accessed with."""

    token: str
    fingerprint: bytes | None = None
    """SHA-256 of the device's certificate; None where it was not kept."""

    def text(self) -> str:
        """As it stands in a file."""
        kept = "" if self.fingerprint is None else f"sha256:{self.fingerprint.hex()}\n"
        return f"{self.token}\n{kept}"


def parse_url(url: str) -> str:
    """`http://HOST[:PORT]` or `https://HOST[:PORT]`, without a slash at the end.

    Raises ValueError with what is allowed.
    """
    allowed = "write http://HOST or https://HOST, such as http://192.168.1.30"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}; {allowed}") from error
    extra = parts.username or parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra or port == 0:
        raise ValueError(f"{url!r}: {allowed}")
    return f"{parts.scheme}://{parts.netloc}"


def is_token(text: str) -> bool:
    """Whether it looks like one."""
    return _TOKEN.fullmatch(text) is not None


def read_access(path: Path) -> Access:
    """What is in a token's file. Raises DeviceError, a whole sentence."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DeviceError(f"Could not read the token from {path}: {reason}. {_HOW}") from error
    first, *others = text.split() or [""]
    found = [match for line in others if (match := _FINGERPRINT.fullmatch(line)) is not None]
    if not is_token(first) or len(found) < len(others):
        raise DeviceError(f"{path} is not a file with a HomeWizard token. {_HOW}")
    return Access(first, bytes.fromhex(found[0].group(1)) if found else None)


def check_writable(path: Path) -> None:
    """That `write_access` will do. Raises DeviceError for a file that holds something else, OSError."""
    if path.exists():
        read_access(path)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def write_access(path: Path, access: Access) -> None:
    """To a file that only its owner may read, in place of an old one. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(access.text())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
