"""Passwords: what is kept of them, and the files they are kept in."""

import base64
import hashlib
import stat
from pathlib import Path

import pytest
from click.testing import Result
from config_fakes import REGISTRY
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import (
    ConfigError,
    PasswordHash,
    TokenError,
    parse_config,
    read_password,
    write_password,
)

PASSWORD = "correct horse \u20ac"
KNOWN = PasswordHash.of(PASSWORD)
"""Made once: it is slow on purpose."""
BASE = "meter: {driver: dsmr, url: tcp://h:1}\nbatteries: []\n"


def test_only_the_password_matches_its_hash() -> None:
    assert KNOWN.matches(PASSWORD)
    assert not KNOWN.matches(PASSWORD + " ")
    assert PasswordHash.of(PASSWORD).digest != KNOWN.digest
    assert "salt" not in repr(KNOWN)


def test_letters_are_the_same_however_the_keyboard_composes_them() -> None:
    assert PasswordHash.of("caf\u00e9-caf\u00e9").matches("cafe\u0301-cafe\u0301")


def test_the_file_is_for_its_owner_and_holds_scrypt(tmp_path: Path) -> None:
    file = tmp_path / "password"
    write_password(file, PASSWORD)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    scheme, n, r, p, salt, digest = file.read_text().strip().split("$")
    again = hashlib.scrypt(
        PASSWORD.encode(), salt=base64.b64decode(salt), n=int(n), r=int(r), p=int(p), dklen=32
    )
    assert (scheme, again) == ("scrypt", base64.b64decode(digest))
    assert read_password(file).matches(PASSWORD)
    write_password(file, "another one")
    assert not read_password(file).matches(PASSWORD)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "text", ["", "hunter22", "scrypt$1$1$1$AAAA$AAAA", "scrypt$16384$8$5$AAAA$AAAA", "\xff", "a$b$c"]
)
def test_a_file_with_something_else_is_refused_and_never_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_text(text, encoding="latin-1")
    for attempt in (lambda: read_password(file), lambda: write_password(file, PASSWORD)):
        with pytest.raises(TokenError, match="phasewise password") as caught:
            attempt()
        assert "hunter22" not in str(caught.value)
    assert file.read_text(encoding="latin-1") == text


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 8"):
        write_password(tmp_path / "password", "1234567")
    assert list(tmp_path.iterdir()) == []


def run(*args: str, given: str) -> Result:
    return CliRunner().invoke(cli, args, input=given)


def test_the_command_writes_a_file_that_the_configuration_takes(tmp_path: Path) -> None:
    file = tmp_path / "password"
    done = run("password", str(file), given=PASSWORD + "\n")
    assert done.exit_code == 0, done.stderr
    assert "password_file" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    config = parse_config(
        BASE + "web: {host: 0.0.0.0, password_file: password}\n", tmp_path / "home.yaml", REGISTRY
    )
    assert config.web.password_file == file
    short = run("password", str(file), given="short\n")
    assert short.exit_code != 0
    assert "at least 8" in short.stderr
    assert read_password(file).matches(PASSWORD)


@pytest.mark.parametrize(
    ("web", "key", "says"),
    [
        ("{host: 0.0.0.0}", "web.token_file", "phasewise password"),
        ("{password_file: none}", "web.password_file", "there is no file"),
        ("{viewer_password_file: good}", "web.viewer_password_file", "of the owner"),
        ("{viewer_token_file: token}", "web.viewer_token_file", "of the owner"),
        ("{viewer_token_file: none, token_file: token}", "web.viewer_token_file", "there is no file"),
        ("{trusted_proxies: [router]}", "web.trusted_proxies[#1]", "allowed: such as 192.168.1.2"),
        ("{trusted_proxies: [10.0.0.1/8]}", "web.trusted_proxies[#1]", "not an address or network"),
        ("{allowed_hosts: ['https://x.example']}", "web.allowed_hosts[#1]", "not a host name"),
        ("{allowed_hosts: ['x.example:80']}", "web.allowed_hosts[#1]", "without port"),
        ("{root_path: phasewise}", "web.root_path", "such as /phasewise"),
        ("{root_path: '/a;b'}", "web.root_path", "not a path"),
        ("{pasword_file: good}", "web.pasword_file", "password_file"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_what_is_allowed(
    tmp_path: Path, web: str, key: str, says: str
) -> None:
    (tmp_path / "good").write_text(KNOWN.text())
    (tmp_path / "token").write_text("0123456789abcdef")
    with pytest.raises(ConfigError) as caught:
        parse_config(BASE + f"web: {web}\n", tmp_path / "home.yaml", REGISTRY)
    (problem,) = caught.value.problems
    assert (problem.key, problem.line) == (key, 3)
    assert says in str(problem)
