"""What systemd is told, on real Unix sockets; by the real daemon too, while it lives, hangs and stops."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasewise.integrations.systemd import Systemd
from ports import free_port

HANG = """
import os, sys
import phasewise.engine.engine as engine
engine.HANGS_S = 0.6
real, hang = engine.Engine._cycle, sys.argv[2]
def cycle(self, *, grid_is_new):
    if os.path.exists(hang):
        return  # goes on without ever deciding
    real(self, grid_is_new=grid_is_new)
async def tick(self):
    while True:
        await self._clock.sleep(0.1)
        if not os.path.exists(hang):
            self._ticked_s = self._clock.now_s()
engine.Engine._cycle, engine.Engine._tick = cycle, tick
sys.argv[1:] = ["run", sys.argv[1]]
from phasewise.cli import main
main()
"""
"""The daemon with a control loop that stops going round once a file is there, while all else goes on."""


class Listener:
    """Hears what systemd would."""

    def __init__(self, name: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.name = name

    def next(self, within_s: float) -> str | None:
        self.socket.settimeout(within_s)
        try:
            return self.socket.recv(4096).decode()
        except TimeoutError:
            return None

    def until(self, wanted: str, within_s: float) -> list[str]:
        """What came up to and with `wanted`."""
        ends_s = time.monotonic() + within_s
        heard: list[str] = []
        while (left_s := ends_s - time.monotonic()) > 0:
            message = self.next(left_s)
            if message is not None:
                heard.append(message)
                if message == wanted:
                    return heard
        raise AssertionError(f"{wanted} did not come; {heard[-5:]} did")

    def now(self) -> list[str]:
        """What came already."""
        heard = []
        while (message := self.next(0.001)) is not None:
            heard.append(message)
        return heard


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    name = (
        str(tmp_path / "n") if request.param == "path" else f"@phasewise-test-{os.getpid()}-{time.time_ns()}"
    )
    heard = Listener(name)
    yield heard
    heard.socket.close()


async def test_ready_then_signs_of_life_then_stopping(listener: Listener):
    systemd = Systemd({"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "150000"})
    systemd.ready(lambda: True)
    await asyncio.sleep(0.3)
    systemd.stopping()
    systemd.end()
    await asyncio.sleep(0.1)
    heard = listener.now()
    assert heard[0] == "READY=1"
    assert heard[-1] == "STOPPING=1"
    assert 3 <= heard.count("WATCHDOG=1") <= 8
    assert len(heard) == heard.count("WATCHDOG=1") + 2


async def test_no_sign_of_life_of_one_that_hangs(listener: Listener):
    alive = True
    systemd = Systemd({"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "60000"})
    systemd.ready(lambda: alive)
    await asyncio.sleep(0.1)
    alive = False
    assert "WATCHDOG=1" in listener.now()
    await asyncio.sleep(0.03)
    listener.now()
    await asyncio.sleep(0.15)
    assert listener.now() == []
    alive = True
    await asyncio.sleep(0.1)
    assert "WATCHDOG=1" in listener.now()
    systemd.end()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"},
    ],
)
async def test_no_signs_of_life_where_nobody_waits_for_them(listener: Listener, environment: dict[str, str]):
    systemd = Systemd({"NOTIFY_SOCKET": listener.name, **environment})
    systemd.ready(lambda: True)
    await asyncio.sleep(0.1)
    systemd.end()
    assert listener.now() == ["READY=1"]


async def test_without_systemd_nothing_happens(tmp_path: Path):
    for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        systemd = Systemd(environment)
        systemd.ready(lambda: True)
        systemd.stopping()
        systemd.end()


def _config(folder: Path) -> Path:
    port = free_port()
    path = folder / "home.yaml"
    path.write_text(
        f'meter: {{driver: dsmr, url: "tcp://127.0.0.1:1"}}\nweb: {{port: {port}}}\nbatteries: []\n'
    )
    return path


def _daemon(command: list[str], listener: Listener, folder: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"NOTIFY_SOCKET": listener.name, "WATCHDOG_USEC": "600000"}
    environment.pop("WATCHDOG_PID", None)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([sys.executable, *command], env=environment, stdout=log, stderr=log)


@pytest.mark.e2e
def test_the_daemon_says_when_it_serves_lives_and_stops(tmp_path: Path):
    """With a meter that is not there: that is no hang, and no reason to be started anew."""
    listener = Listener(f"@phasewise-test-{os.getpid()}-{time.time_ns()}")
    daemon = _daemon(["-m", "phasewise.cli", "run", str(_config(tmp_path))], listener, tmp_path)
    try:
        assert listener.until("READY=1", 30.0) == ["READY=1"]
        for _ in range(5):
            assert listener.next(3.0) == "WATCHDOG=1"
        daemon.send_signal(signal.SIGTERM)
        listener.until("STOPPING=1", 10.0)
        assert daemon.wait(10.0) == 0
    finally:
        daemon.kill()
        listener.socket.close()


@pytest.mark.e2e
def test_a_control_loop_that_hangs_stops_the_signs_of_life(tmp_path: Path):
    listener = Listener(str(tmp_path / "n"))
    hang = tmp_path / "hang"
    daemon = _daemon(["-c", HANG, str(_config(tmp_path)), str(hang)], listener, tmp_path)
    try:
        listener.until("READY=1", 30.0)
        listener.until("WATCHDOG=1", 3.0)
        hang.touch()
        time.sleep(1.2)
        listener.now()
        assert listener.next(1.0) is None
        assert b"the control loop hangs" in (tmp_path / "log").read_bytes()
        hang.unlink()
        listener.until("WATCHDOG=1", 3.0)
        # And one whose whole process stands still.
        daemon.send_signal(signal.SIGSTOP)
        listener.now()
        assert listener.next(1.0) is None
    finally:
        daemon.kill()
        daemon.wait(10.0)
        listener.socket.close()
