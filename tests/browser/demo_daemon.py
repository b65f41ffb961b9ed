"""`phasewise demo` as a process of its own, with today and yesterday as its past."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ports import free_port


class Demo:
    """The running demonstration."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        assert process.stdout is not None
        said = ""
        while "http://" not in said:
            line = process.stdout.readline()
            assert line, log.read_text()
            said += line
        self.url = re.search(r"http://\S+", said)[0]  # type: ignore[index] # the loop ends when it is there
        self.config = Path(re.search(r"configuration=(\S+)", log.read_text())[1])  # type: ignore[index]

    def get(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.url.rstrip('/')}/api/v1/{path}", timeout=30).json()
        return answer

    def state(self) -> dict[str, Any]:
        return self.get("state")

    def phase_of(self, name: str) -> str:
        return str(next(b["phase"] for b in self.state()["batteries"] if b["name"] == name))


@contextmanager
def running_demo(folder: Path, speed: float = 1) -> Iterator[Demo]:
    """On real sockets; its log is written to the folder."""
    log = folder / "demo.log"
    # Several may begin at the same time, and each would find the usual port free.
    told = ["--log-level", "info", "--speed", str(speed), "--port", str(free_port())]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "phasewise.cli", "demo", *told],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            yield Demo(process, log)
        finally:
            process.terminate()
            assert process.wait(10) == 0, log.read_text()
