"""A running daemon, reached over its HTTP API: for commands that do something in it."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

TIMEOUT_S = 10.0
POLL_S = 1.0
"""The state is published once a second."""
SILENT_S = 30.0
"""A daemon that does not answer for so long is given up; a busy one may miss a poll."""


class RemoteError(Exception):
    """The daemon can't be reached, or says no. The text says why."""


class Remote:
    """One daemon."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`url`: that of its dashboard. Raises RemoteError for what is no HTTP address."""
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise RemoteError(f"'{url}' is no address of a daemon: it looks like http://127.0.0.1:8080.")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str) -> Any:
        """The answer's JSON; None without content. Raises RemoteError."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            self._url + path, data=b"" if method != "GET" else None, method=method, headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - likewise
                content = answer.read()
                return json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            raise RemoteError(_detail(error)) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"There is no answer from {self._url}: {reason}. Does it run there?") from error

    def identify(self, battery_id: str) -> Generator[dict[str, Any]]:
        """Begin to identify the phase of a battery; each new state of it, up to the one in which it ended.

        Raises RemoteError. Closed before the end, it is aborted in the daemon.
        """
        self.ask("POST", f"/api/v1/batteries/{urllib.parse.quote(battery_id, safe='')}/identify")
        ended = False
        try:
            while not ended:
                found = self._patiently(lambda: self.ask("GET", "/api/v1/state")["identify"])
                if found is None or found["battery_id"] != battery_id:
                    raise RemoteError("It was ended and taken away by somebody else.")
                ended = found["state"] != "running"
                yield found
                if not ended:
                    time.sleep(POLL_S)
        finally:
            if not ended:
                self._end()

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        began_s = time.monotonic()
        while True:
            try:
                return ask()
            except RemoteError:
                if time.monotonic() - began_s >= SILENT_S:
                    raise
                time.sleep(POLL_S)

    def _end(self) -> None:
        """Abort; a daemon that can't be reached aborts by itself when anything is wrong."""
        try:
            self.ask("DELETE", "/api/v1/identify")
        except RemoteError:
            return


def read_secret(path: Path) -> str:
    """The access token in a file. Raises RemoteError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RemoteError(f"{path} cannot be read: {error}") from error


def _detail(error: urllib.error.HTTPError) -> str:
    """What the daemon says of a refusal; anything else may answer there too."""
    try:
        return str(json.loads(error.read())["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"{error.url} answered with {error.code} {error.reason}: is that Phasewise?"


def identify_lines(found: dict[str, Any]) -> Iterator[str]:
    """The evidence, for people."""
    header = "".join(f"{phase:>9}" for phase in found["phases"])
    if found["steps"]:
        yield f"step  battery{header}    W, each level against its neighbours"
    for number, expected_w in enumerate(found["expected_w"]):
        steps = "".join(f"{phase['steps_w'][number]:9.0f}" for phase in found["phases"].values())
        yield f"{number + 1:4} {expected_w:8.0f}{steps}"
    if found["steps"]:
        yield "share        " + "".join(f"{phase['share']:9.2f}" for phase in found["phases"].values())
        yield "fit          " + "".join(f"{phase['fit']:9.2f}" for phase in found["phases"].values())
    yield found["text"]
    if found["confidence"]:
        yield f"Confidence {found['confidence']:.2f}. Nothing was changed: the phase is yours to set."
