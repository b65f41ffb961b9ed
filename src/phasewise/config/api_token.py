"""The secret that protects the API when it can be reached from the network."""

from pathlib import Path

MIN_TOKEN_LENGTH = 16
"""Characters. 16 random hexadecimal ones are 64 bits: beyond guessing over a network."""

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names on which only this computer listens, so that no token is needed."""

_HOW_TO = "make one with 'openssl rand -hex 32 > FILE'"


class TokenError(Exception):
    """The file with a token or password cannot be used. The text says why, and what to do."""


def read_token(path: Path) -> str:
    """The token in a file, without white space around it. Raises TokenError."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise TokenError(f"there is no file {path}; {_HOW_TO}") from error
    except OSError as error:
        raise TokenError(f"the file {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise TokenError(f"the file {path} is not UTF-8 text; {_HOW_TO}") from error
    if len(token) < MIN_TOKEN_LENGTH:
        needed = f"at least {MIN_TOKEN_LENGTH} are needed"
        raise TokenError(f"the token in {path} has {len(token)} characters, {needed}; {_HOW_TO}")
    return token
