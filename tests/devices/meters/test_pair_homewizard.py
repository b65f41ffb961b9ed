"""`phasewise pair-homewizard`, as a user runs it."""

import asyncio
import stat
import sys
from pathlib import Path

from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.devices.homewizard import Access, read_access
from phasewise.sim.servers.homewizard import HomeWizardServer
from tls_kit import certificate


async def test_the_button_is_pressed_and_the_token_kept(tmp_path: Path) -> None:
    device = certificate(tmp_path)
    server = HomeWizardServer(lambda: None, tls=device.context)
    await server.start()
    file = tmp_path / "meter.token"
    file.write_text("0" * 32)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "phasewise.cli", "pair-homewizard", server.url, str(file)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        asked = await asyncio.wait_for(process.stderr.readline(), 30)
        assert asked == b"Press the button of the meter now.\n"
        server.press_button()
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        await server.stop()
    assert process.returncode == 0
    assert f"'token_file: {file}'" in said.decode()
    assert read_access(file) == Access(server.token or "", device.fingerprint)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_wrong_is_said_before_anybody_presses(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("milk, eggs")
    for url, file, hint in [
        ("http://192.168.1.2", tmp_path / "t", "tokens are for https://"),
        ("nowhere", tmp_path / "t", "write http://HOST or https://HOST"),
        ("https://127.0.0.1:1", notes, "is not a file with a HomeWizard token"),
        ("https://127.0.0.1:1", tmp_path / "no" / "t", "cannot be written"),
        ("https://127.0.0.1:1", tmp_path / "t", "Could not connect to https://127.0.0.1:1"),
    ]:
        done = CliRunner().invoke(cli, ["pair-homewizard", url, str(file)])
        assert done.exit_code == 1
        assert hint in done.output
    assert notes.read_text() == "milk, eggs"
