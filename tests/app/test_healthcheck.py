"""The health check of containers, against a real server."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from phasewise.healthcheck import address_of, main


class Health(BaseHTTPRequestHandler):
    """Answers as the daemon does."""

    answer = (200, b'{"ok": true, "detail": "ok", "last_decision_age_s": 0.4}')

    def do_GET(self) -> None:
        status, content = self.answer if self.path == "/health" else (404, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def config(folder: Path, text: str) -> str:
    path = folder / "home.yaml"
    path.write_text(text)
    return str(path)


def test_the_port_is_that_of_the_file(tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([config(tmp_path, f"meter: {{}}\nweb:\n  host: 0.0.0.0\n  port: {port}\n")]) == 0
    assert capsys.readouterr().out == "ok\n"


def test_set_up_is_asked_while_there_is_no_file(tmp_path: Path, port: int) -> None:
    assert main([str(tmp_path / "none.yaml"), str(port)]) == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b'{"ok": false, "detail": "the meter is silent"}'), "the meter is silent\n"),
        ((500, b"oops"), "oops\n"),
        ((503, b"[]"), "[]\n"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: tuple[int, bytes],
    said: str,
) -> None:
    monkeypatch.setattr(Health, "answer", answer)
    assert main([config(tmp_path, f"web: {{port: {port}}}\n")]) == 1
    assert capsys.readouterr().out == said


def test_nobody_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([config(tmp_path, "web: {port: 9}\n")]) == 1
    assert "no answer from http://127.0.0.1:9/health" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["web: [", "\t", "a: b: c"])
def test_a_file_that_is_broken(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([config(tmp_path, text)]) == 1
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "1", "2"]])
def test_wrong_arguments(arguments: list[str]) -> None:
    assert main(arguments) == 1


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ("127.0.0.1", 8080)),
        ("web: null", ("127.0.0.1", 8080)),
        ("web: {host: '::'}", ("::1", 8080)),
        ("web: {host: 192.168.1.4, port: 81}", ("192.168.1.4", 81)),
    ],
)
def test_addresses(tmp_path: Path, text: str, address: tuple[str, int]) -> None:
    assert address_of(Path(config(tmp_path, text)), 1) == address


def test_it_loads_next_to_nothing() -> None:
    code = "import sys, phasewise.healthcheck; print([n for n in sys.modules if n.startswith('phasewise.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['phasewise.healthcheck']"
