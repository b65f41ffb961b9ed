"""What the packages say of themselves holds: image, add-on of Home Assistant, systemd service.

There is no container engine here. `tools/check_packaging.py` carries out the Dockerfile's steps; these are
the checks that cost nothing.
"""

import configparser
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
ADD_ON = PACKAGING / "home-assistant-addon" / "phasewise"
SERVICE = PACKAGING / "systemd" / "phasewise.service"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_packaging", ROOT / "tools" / "check_packaging.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
DOCKERFILE = TOOL.instructions(TOOL.DOCKERFILE.read_text())


def yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def rest(name: str) -> list[str]:
    return [text for instruction, text in DOCKERFILE if instruction == name]


def test_every_image_that_is_built_upon_has_a_version() -> None:
    bases = [text.split()[-3] if " AS " in text else text for text in rest("FROM")]
    assert len(bases) == 3
    for base in bases:
        assert re.fullmatch(r"[a-z]+:\d[\w.-]+", base), base


def test_nothing_depends_on_the_kind_of_machine() -> None:
    """Only what is the same for every machine is built on the one that builds."""
    assert not re.search(r"amd64|arm64|aarch64|x86_64", "\n".join(text for _, text in DOCKERFILE))
    *build, last = rest("FROM")
    assert all(text.startswith("--platform=$BUILDPLATFORM ") for text in build)
    assert "--platform" not in last


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    for text in rest("COPY"):
        words = shlex.split(text)
        if words[0].startswith("--from="):
            continue
        for name in words[:-1]:
            assert (ROOT / name).exists(), name
            assert not TOOL.ignored(f"{name.rstrip('/')}/x" if name.endswith("/") else name), name


@pytest.mark.parametrize(
    ("path", "out"),
    [
        (".git/config", True),
        ("tests/app/test_demo_past.py", True),
        ("docs/install.md", True),
        ("home.yaml", True),
        ("home.token", True),
        ("src/phasewise/web/static/index.html", True),
        ("src/phasewise/cli.py", False),
        ("src/phasewise/sim/__pycache__/x.pyc", True),
        ("frontend/src/main.ts", False),
        ("frontend/node_modules/vite/index.js", True),
        ("uv.lock", False),
    ],
)
def test_the_build_is_given_what_it_needs_and_no_secrets(path: str, out: bool) -> None:
    assert TOOL.ignored(path) is out


def test_the_image_does_not_run_as_root() -> None:
    (user,) = rest("USER")
    uid, gid = user.split(":")
    assert uid == gid
    assert 1000 < int(uid) < 60000
    assert f"useradd --uid {uid}" in " ".join(rest("RUN"))
    assert rest("VOLUME") == ["/data"]


def test_the_health_check_and_the_command_exist() -> None:
    (health,) = rest("HEALTHCHECK")
    assert '"phasewise.healthcheck", "/data/phasewise.yaml"' in health
    assert importlib.util.find_spec("phasewise.healthcheck") is not None
    assert rest("ENTRYPOINT") == ['["phasewise"]']  # a list: signals reach it, not a shell
    assert '"/data/phasewise.yaml"' in rest("CMD")[0]


def test_compose() -> None:
    service = yaml(PACKAGING / "docker" / "compose.yaml")["services"]["phasewise"]
    context = (PACKAGING / "docker" / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    assert service["volumes"] == ["data:/data"]
    assert service["restart"] == "unless-stopped"


ADD_ON_KEYS = {
    "name": str,
    "version": str,
    "slug": str,
    "description": str,
    "arch": list,
    "startup": str,
    "boot": str,
    "init": bool,
    "timeout": int,
    "host_network": bool,
    "uart": bool,
    "ingress": bool,
    "ingress_port": int,
    "panel_icon": str,
    "panel_title": str,
    "panel_admin": bool,
    "watchdog": str,
    "homeassistant_api": bool,
    "map": list,
    "options": dict,
    "schema": dict,
}
"""Those that we use, of those that Home Assistant's Supervisor knows (developer documentation, add-on
configuration). It leaves out unknown ones without a word."""
OPTION = re.compile(r"(str|int|float|bool|email|url|password|port|device|match\(.+\)|list\(.+\))\??")
VOLUME = re.compile(r"(data|ssl|share|media|backup|homeassistant_config|addon_config)(:(rw|ro))?")
BASE_IMAGE = re.compile(r"([a-zA-Z\-.:\d{}]+/)*?([\-\w{}]+)/([\-\w{}]+)(:[.\-\w{}]+)?")


def test_the_add_on_has_what_the_supervisor_knows() -> None:
    config = yaml(ADD_ON / "config.yaml")
    assert set(config) <= set(ADD_ON_KEYS)
    for key, value in config.items():
        assert type(value) is ADD_ON_KEYS[key], key
    assert config["version"] == VERSION
    assert config["slug"] == ADD_ON.name
    assert set(config["arch"]) <= {"aarch64", "amd64"}
    assert config["startup"] in {"initialize", "system", "services", "application"}
    assert config["boot"] in {"auto", "manual"}
    assert 10 <= config["timeout"] <= 300
    assert re.fullmatch(r"https?://\[HOST\]:\[PORT:\d+\]/health\?of=loop", config["watchdog"])
    assert f"[PORT:{config['ingress_port']}]" in config["watchdog"]
    assert all(VOLUME.fullmatch(entry) for entry in config["map"])
    assert config["init"] is False


def test_the_add_ons_options_have_a_schema_and_words_in_every_language() -> None:
    config = yaml(ADD_ON / "config.yaml")
    assert set(config["options"]) == set(config["schema"])
    for key, kind in config["schema"].items():
        assert OPTION.fullmatch(kind), key
    levels = config["schema"]["log_level"].removeprefix("list(").removesuffix(")").split("|")
    assert config["options"]["log_level"] in levels
    words = {path.stem: yaml(path) for path in (ADD_ON / "translations").iterdir()}
    assert set(words) == {"en", "nl", "de"}
    for language, sections in words.items():
        assert set(sections) == {"configuration"}, language
        assert set(sections["configuration"]) == set(config["schema"]), language
        for text in sections["configuration"].values():
            assert set(text) == {"name", "description"}
            assert all(text.values())


def test_the_add_on_is_built_upon_images_that_the_supervisor_takes() -> None:
    bases = yaml(ADD_ON / "build.yaml")["build_from"]
    assert set(bases) == set(yaml(ADD_ON / "config.yaml")["arch"])
    assert all(BASE_IMAGE.fullmatch(base) for base in bases.values())
    (argument,) = [
        text
        for name, text in TOOL.instructions((ADD_ON / "Dockerfile").read_text())
        if name == "ARG" and "=" in text
    ]
    assert argument == f"BUILD_FROM={bases['amd64']}"


def test_the_repository_is_one_for_the_add_on_store() -> None:
    """Its file has to be at the top; the add-on is found in whatever folder it is."""
    assert {"name", "maintainer"} <= set(yaml(ROOT / "repository.yaml"))


@pytest.mark.parametrize(
    ("options", "level"), [('{"log_level": "debug"}', "debug"), ("{}", "info"), ("{", "info"), (None, "info")]
)
def test_the_run_script_becomes_phasewise_and_writes_nothing(
    tmp_path: Path, options: str | None, level: str
) -> None:
    folder, binaries = tmp_path / "config", tmp_path / "bin"
    folder.mkdir()
    binaries.mkdir()
    fake = binaries / "phasewise"
    fake.write_text('#!/bin/sh\necho "$$"\nfor word in "$@"; do echo "$word"; done\n')
    fake.chmod(0o755)
    if options is not None:
        (tmp_path / "options.json").write_text(options)
    script = ADD_ON / "run.sh"
    assert script.stat().st_mode & stat.S_IXUSR
    environment = os.environ | {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PHASEWISE_FOLDER": str(folder),
        "PHASEWISE_OPTIONS": str(tmp_path / "options.json"),
    }
    started = subprocess.Popen([str(script)], env=environment, stdout=subprocess.PIPE, text=True)
    said, _ = started.communicate(timeout=20)
    pid, *words = said.split()
    assert started.returncode == 0
    assert int(pid) == started.pid  # no shell in between: signals reach Phasewise
    port = str(yaml(ADD_ON / "config.yaml")["ingress_port"])
    assert words == [
        *("run", str(folder / "phasewise.yaml"), "--log-level", level),
        *("--host", "0.0.0.0", "--port", port, "--trusted-proxy", "172.30.32.2"),
    ]
    assert list(folder.iterdir()) == []


def test_the_proxy_that_the_add_on_trusts_is_the_one_in_the_docs() -> None:
    assert "trusted_proxies: [172.30.32.2]" in (ROOT / "docs" / "access.md").read_text()


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # keys keep their case
    parser.read(SERVICE)
    return parser


def test_the_service_is_started_stopped_and_watched() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    engine = importlib.import_module("phasewise.engine.engine")
    # A hang is noticed after HANGS_S; then systemd waits.
    assert float(service["WatchdogSec"]) > engine.HANGS_S
    assert float(service["TimeoutStopSec"]) > engine.RELEASE_DEADLINE_S + 5
    _, command, path = service["ExecStart"].split()
    assert command == "run"
    assert path.startswith(f"/var/lib/{service['StateDirectory']}/")
    assert service["SupplementaryGroups"] == "dialout"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_understands_the_service_and_finds_it_confined(tmp_path: Path) -> None:
    text = SERVICE.read_text().replace("/opt/phasewise/bin/phasewise", "/bin/true")
    copied = tmp_path / "phasewise.service"
    copied.write_text(text)
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(copied)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(copied)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-400:]  # an exposure of at most 2.5 of 10
