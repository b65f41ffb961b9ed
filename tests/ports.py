"""Ports for processes that are to listen later.

A port that the system gave and that was closed again may be given to somebody else before the process is up.
"""

import os
import socket
from itertools import count

FIRST = 10_000
"""Below those that Linux gives to whoever asks for any port (from 32768 on)."""
PER_PROCESS, PROCESSES = 20, 1_000

_next = count()


def free_port() -> int:
    """One that no other process of these tests takes, and that nobody has."""
    first = FIRST + os.getpid() % PROCESSES * PER_PROCESS
    for _ in range(PER_PROCESS):
        port = first + next(_next) % PER_PROCESS
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError(f"no port from {first} to {first + PER_PROCESS} is free")
