"""Checks the packages as far as that goes without a container engine: `python tools/check_packaging.py`.

It carries out packaging/docker/Dockerfile itself, stage by stage, in a folder of its own: COPY copies, RUN
runs, with a clean virtual environment for each stage that begins with Python. Then the installed program is
used as the image would: set-up, `check`, running, the health check, SIGTERM. Takes a minute or two;
`--dashboard FOLDER` takes a built dashboard instead of npm's.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = ROOT / "packaging" / "docker" / "Dockerfile"
NEEDS_ROOT = ("useradd", "install -d")
"""Steps of a RUN that only make sense in an image."""
SYSTEM_FOLDERS = ("/build", "/tmp/phasewise", "/data")  # noqa: S108 - names inside the image
HOME = """\
meter: {{driver: dsmr, url: "tcp://127.0.0.1:1"}}
batteries: [{{id: m1, driver: marstek, url: "modbus-tcp://127.0.0.1:1", model: venus-e-v3}}]
web: {{port: {port}}}
"""


class Stage:
    """One stage of the Dockerfile, in a folder."""

    def __init__(self, folder: Path, base: str, python: str) -> None:
        self.folder = folder
        self.workdir = "/"
        self.environment = os.environ | {"HOME": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        for name in ("VIRTUAL_ENV", "PYTHONPATH"):
            self.environment.pop(name, None)
        folder.mkdir()
        if base.startswith("python:"):
            run([python, "-m", "venv", str(folder / "venv")], folder, os.environ)
            self.environment["PATH"] = f"{folder / 'venv' / 'bin'}:{os.environ['PATH']}"

    def path(self, inside: str) -> Path:
        """Where a path of the image is here."""
        return Path(f"{self.folder}{os.path.normpath(os.path.join(self.workdir, inside))}")  # noqa: PTH118 - of strings

    def command(self, text: str) -> str:
        """A shell command with the image's folders replaced by those here."""
        for name in SYSTEM_FOLDERS:
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?=[/\s]|$)", f"{self.folder}{name}", text)
        return text


def run(command: list[str] | str, folder: Path, environment: "os._Environ[str] | dict[str, str]") -> str:
    """Its output; ends the check where it fails."""
    done = subprocess.run(  # noqa: S603 - the repository's own commands
        command,
        cwd=folder,
        env=dict(environment),
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"failed ({done.returncode}): {command}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, rest) of a Dockerfile, comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.strip().split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(name, " ".join(rest.split())) for name, rest in found]


def ignored(path: str) -> bool:
    """Whether the build's context leaves a file out: the last pattern that fits counts."""
    out = False
    for line in (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        name = pattern.removeprefix("!").rstrip("/")
        regex = re.escape(name).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if re.match(f"{regex}(/|$)", path):
            out = not pattern.startswith("!")
    return out


def context(folder: Path) -> Path:
    """The files that a build is given: what is in git, or new in the work tree, less what is ignored."""
    listed = run(["git", "ls-files", "-co", "--exclude-standard"], ROOT, os.environ).splitlines()
    for name in listed:
        if not ignored(name) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def copy(rest: str, stage: Stage, stages: dict[str, Stage], given: Path) -> None:
    """A COPY instruction."""
    words = shlex.split(rest)
    source = given
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].folder
    *names, target = words
    into = stage.path(target)
    for name in names:
        matches = sorted(source.glob(name.strip("/")))
        if not matches:
            raise SystemExit(f"COPY {rest}: there is no {name}")
        for match in matches:
            if match.is_dir():
                shutil.copytree(match, into, dirs_exist_ok=True)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy2(match, into / match.name if target.endswith("/") else into)


def build(folder: Path, python: str, dashboard: Path | None) -> Stage:
    """Carry out the Dockerfile; its last stage."""
    given = context(folder / "context")
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for name, rest in instructions(DOCKERFILE.read_text()):
        if name == "FROM":
            words = [word for word in rest.split() if not word.startswith("--")]
            stage = Stage(folder / f"stage{len(stages)}", words[0], python)
            stages[words[2] if len(words) == 3 else "last"] = stage
            is_dashboard = words[0].startswith("node:")
            print(f"== {rest}", flush=True)
            if is_dashboard and dashboard is not None:
                shutil.copytree(dashboard, stage.folder / "build" / "static")
        if stage is None or (is_dashboard and dashboard is not None):
            continue
        began_s = time.monotonic()
        if name == "WORKDIR":
            stage.workdir = rest
            stage.path(".").mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            copy(rest, stage, stages, given)
        elif name == "RUN":
            steps = [step.strip() for step in rest.split("&&")]
            kept = " && ".join(step for step in steps if not step.startswith(NEEDS_ROOT))
            stage.path(".").mkdir(parents=True, exist_ok=True)
            run(stage.command(kept), stage.path("."), stage.environment)
            print(f"   {time.monotonic() - began_s:5.1f} s  RUN {kept[:90]}", flush=True)
    return stages["last"]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def use(stage: Stage) -> None:
    """As a user of the image would."""
    data = stage.folder / "data"
    data.mkdir(exist_ok=True)
    found = dict(instructions(DOCKERFILE.read_text()))
    health = shlex.split(re.sub(r'[\[\],"]', " ", found["HEALTHCHECK"].split("CMD", 1)[1]))
    start = shlex.split(re.sub(r'[\[\],"]', " ", found["ENTRYPOINT"] + " " + found["CMD"]))
    health, start = ([stage.command(word) for word in words] for words in (health, start))
    binaries = stage.folder / "venv" / "bin"
    static = list(stage.folder.glob("venv/lib/python*/site-packages/phasewise/web/static/index.html"))
    if not static:
        raise SystemExit("the dashboard is not in the wheel")
    setup_port = free_port()
    serve_and_stop(
        binaries, [*start, "--port", str(setup_port)], [*health, str(setup_port)], stage, expected=0
    )
    (data / "phasewise.yaml").write_text(HOME.format(port=free_port()))
    print(
        run([str(binaries / "phasewise"), "check", str(data / "phasewise.yaml")], data, stage.environment),
        end="",
    )
    # Its meter is not there: the health check has to say so, and that the daemon is.
    serve_and_stop(binaries, start, health, stage, expected=1)


def serve_and_stop(
    binaries: Path, start: list[str], health: list[str], stage: Stage, *, expected: int
) -> None:
    """Start it, check its health until it answers, end it by SIGTERM."""
    command = [str(binaries / start[0]), *start[1:]]
    began_s = time.monotonic()
    daemon = subprocess.Popen(  # noqa: S603 - likewise
        command, env=stage.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        said = "no answer from"
        while "no answer from" in said:
            if time.monotonic() - began_s > 60.0 or daemon.poll() is not None:
                raise SystemExit(f"{command} does not serve: {said}")
            done = subprocess.run(  # noqa: S603 - likewise
                [str(binaries / health[0]), *health[1:]],
                env=stage.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            said = done.stdout + done.stderr
            time.sleep(0.2)
        took_s = time.monotonic() - began_s
        if done.returncode != expected:
            raise SystemExit(f"health check: {done.returncode} instead of {expected}: {said}")
        daemon.send_signal(signal.SIGTERM)
        stopping_s = time.monotonic()
        code = daemon.wait(20)
        print(
            f"served after {took_s:.1f} s, health check {done.returncode} ({said.strip()}), "
            f"ended with code {code} {time.monotonic() - stopping_s:.1f} s after SIGTERM"
        )
        if code != 0:
            raise SystemExit("it did not end well")
    finally:
        if daemon.poll() is None:
            daemon.kill()


def main() -> None:
    """Build, then use."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dashboard", type=Path, help="a built dashboard, instead of building one with npm")
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter that stands for the image's"
    )
    chosen = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="phasewise-packaging-") as folder:
        use(build(Path(folder), chosen.python, chosen.dashboard))
    print(f"the image's steps work ({time.monotonic() - began_s:.0f} s)")


if __name__ == "__main__":
    main()
