"""`phasewise identify` against a running daemon, over real HTTP."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from click.testing import Result
from test_application import battery, running
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.remote import Remote, RemoteError

SPEED = 10.0
TRIES = 4
"""Ten times as fast, a machine that stops for 0.2 s has a meter that is not fresh: that rightly aborts."""


async def process(url: str, *arguments: str) -> tuple[int | None, str, str]:
    """As a user has it: exit code, standard output and standard error."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "phasewise.cli", "identify", "--url", url, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(running.communicate(), 100)
    return running.returncode, out.decode(), err.decode()


async def command(url: str, *arguments: str) -> Result:
    """In a thread: the daemon runs in this one."""
    return await asyncio.to_thread(CliRunner().invoke, cli, ["identify", "--url", url, *arguments])


async def test_the_phase_is_found_and_told_and_nothing_is_changed(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port, speed=SPEED) as (app, path, devices):
        devices.house.loads_w = lambda _: (400.0, 300.0, 200.0)
        before = path.read_text()
        for _ in range(TRIES):
            code, out, err = await process(app.server.url, "shed", "--json")
            found = json.loads(out)
            if found["code"] not in ("meter", "battery"):
                break
        assert (found["state"], found["outcome"], found["matches"]) == ("done", "L3", False)
        assert code == 0
        assert len(found["phases"]["L3"]["steps_w"]) == found["steps"] == len(found["expected_w"])
        assert "All batteries are brought to rest" in err
        assert battery(app, "shed").phase == "unassigned"
        assert path.read_text() == before


async def test_a_refusal_is_printed_and_fails(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as (app, _, _):
        unknown = await command(app.server.url, "cellar")
        assert unknown.exit_code == 1
        assert "garage, attic, shed" in unknown.stderr
        await app.select_strategy("full-stop")
        stopped = await command(app.server.url, "shed")
        assert stopped.exit_code == 1
        assert "Full stop is selected" in stopped.stderr


async def test_a_run_that_is_left_is_aborted(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port, speed=2.0) as (app, _, _):

        def leave() -> None:
            states = Remote(app.server.url).identify("shed")
            next(states)
            states.close()

        await asyncio.to_thread(leave)
        state = app.live.current
        assert state is not None
        assert state.identify is not None
        assert (state.identify.state, state.identify.code) == ("aborted", "user")


async def test_without_a_daemon_it_says_where_it_looked(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    done = await command(url, "m1")
    assert done.exit_code == 1
    assert url in done.stderr


@pytest.mark.parametrize("url", ["localhost:8080", "file:///etc/passwd", "tcp://127.0.0.1:1"])
def test_only_http_is_an_address(url: str) -> None:
    with pytest.raises(RemoteError, match="no address"):
        Remote(url)


async def test_a_missing_token_file_is_said(tmp_path: Path) -> None:
    done = await command("http://127.0.0.1:1", "m1", "--token-file", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "cannot be read" in done.stderr
