"""Tells systemd that Phasewise serves, lives and stops (sd_notify), where systemd asked for it.

One datagram each to the Unix socket that `NOTIFY_SOCKET` names; see sd_notify(3) and sd_watchdog_enabled(3).
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

import structlog

BEATS = 3
"""Signs of life within systemd's patience: two may be lost or late."""

log = structlog.get_logger("phasewise.systemd")


class Systemd:
    """Says nothing at all when nobody listens."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the 0 byte that begins a name which is in no folder (unix(7), abstract).
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._patience_s = _patience_s(environment) if name else None
        self._watching: asyncio.Task[None] | None = None

    def ready(self, alive: Callable[[], bool]) -> None:
        """The dashboard is served. From now on signs of life are sent, as long as `alive` says so."""
        self._tell("READY=1")
        if self._patience_s is not None and self._watching is None:
            every_s = self._patience_s / BEATS
            self._watching = asyncio.create_task(self._watch(alive, every_s), name="systemd watchdog")

    def stopping(self) -> None:
        """It ends, on purpose. Signs of life go on until `end`: releasing takes a while."""
        self._tell("STOPPING=1")

    def end(self) -> None:
        """No more signs of life. Idempotent."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def _watch(self, alive: Callable[[], bool], every_s: float) -> None:
        while True:
            if alive():
                self._tell("WATCHDOG=1")
            else:
                log.error(
                    "the control loop hangs", next="without a sign of life systemd starts Phasewise anew"
                )
            await asyncio.sleep(every_s)

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            log.warning("systemd was not told", message=message, error=str(error))


def _patience_s(environment: Mapping[str, str]) -> float | None:
    """After how long without a sign of life systemd ends this process; None for never."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    usec = environment.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isdigit() and int(usec) else None
