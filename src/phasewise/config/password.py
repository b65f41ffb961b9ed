"""Passwords that open the dashboard. Files hold their hashes alone."""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from phasewise.config.api_token import TokenError

MIN_PASSWORD_LENGTH = 8
"""Characters; NIST SP 800-63B asks for as many. Guessing is slowed down besides."""

_N, _R, _P = 2**14, 8, 5
"""Cost of scrypt, after OWASP's password storage advice: the variant with 16 MiB, for small machines."""
_SALT_BYTES, _HASH_BYTES = 16, 32
_SCHEME = f"scrypt${_N}${_R}${_P}"
"""What each file begins with. Another cost would be another scheme, so that old files stay readable."""

_MODE = 0o600
_HOW_TO = "make it with 'phasewise password FILE'"


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """What is kept of a password."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str) -> "PasswordHash":
        """A new hash; takes a good part of a second. Raises ValueError for a password that is too short."""
        if len(password) < MIN_PASSWORD_LENGTH:
            raise ValueError(f"a password needs at least {MIN_PASSWORD_LENGTH} characters")
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(salt, _digest(password, salt))

    def matches(self, password: str) -> bool:
        """Whether this is the password. As slow as making the hash, so call it outside the event loop."""
        return hmac.compare_digest(_digest(password, self.salt), self.digest)

    def text(self) -> str:
        """One line for a file."""
        parts = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return "$".join((_SCHEME, *parts)) + "\n"


def read_password(path: Path) -> PasswordHash:
    """The hash in a file. Raises TokenError."""
    try:
        text = path.read_text(encoding="ascii").strip()
        scheme, salt, digest = text.rsplit("$", 2)
        found = PasswordHash(base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True))
    except FileNotFoundError as error:
        raise TokenError(f"there is no file {path}; {_HOW_TO}") from error
    except OSError as error:
        raise TokenError(f"the file {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, binascii.Error) as error:
        raise TokenError(f"the file {path} does not hold a hashed password; {_HOW_TO}") from error
    if scheme != _SCHEME or len(found.salt) != _SALT_BYTES or len(found.digest) != _HASH_BYTES:
        raise TokenError(f"the file {path} does not hold a hash that this version knows; {_HOW_TO}")
    return found


def write_password(path: Path, password: str) -> None:
    """Write the hash to a file that only its owner may read, in place of an old one.

    Raises ValueError for a password that is too short, TokenError for a file that holds something else,
    OSError.
    """
    if path.exists():
        read_password(path)
    data = PasswordHash.of(password).text().encode()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), _MODE)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _digest(password: str, salt: bytes) -> bytes:
    # The same letters can be typed as different code points, depending on the keyboard.
    typed = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(typed, salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES)
