"""The first file says what the user said, and no more."""

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from setup_kit import PLUGINS

from phasewise.config import AlreadyThereError, NotWritableError, load_config, parse_config, write_new
from phasewise.config.document import parse
from phasewise.model import Assignment
from phasewise.setup.first_file import FirstFile

METER = {"driver": "dsmr", "url": "tcp://192.168.1.20:23"}
BATTERY = {
    "id": "m1",
    "driver": "marstek",
    "url": "modbus-tcp://192.168.1.31:502?unit=1",
    "model": "venus-e-v3",
}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "yes",
        "on",
        "null",
        "~",
        "012",
        "0x1f",
        "1e3",
        "12:30",
        "2026-01-01",
        "- a",
        "a: b",
        "a #b",
        "[",
        "'",
        '"',
        "\\",
        "%",
        "!x",
        "&x",
        "*x",
        "",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.dictionaries(TEXTS, VALUES, max_size=4)


@settings(max_examples=40, deadline=None)
@given(SECTIONS, SECTIONS, st.lists(SECTIONS, max_size=3), SECTIONS)
def test_whatever_is_said_is_read_back_the_same(
    site: dict[str, Any], meter: dict[str, Any], batteries: list[dict[str, Any]], web: dict[str, Any]
) -> None:
    document = parse(FirstFile(site, meter, batteries, web).text("home.yaml"), "home.yaml")
    assert document.problems == []
    given_ = {"site": site, "meter": meter, "batteries": batteries, "web": web}
    assert document.value == {key: value for key, value in given_.items() if value or key == "batteries"}


def test_a_household_can_read_it() -> None:
    batteries = [BATTERY | {"name": "Garage", "max_charge_w": 1200}, BATTERY | {"id": "m2", "phase": "L2"}]
    text = FirstFile({"name": "Ons huis", "main_fuse_a": 25}, METER, batteries, {}).text("home.yaml")
    assert (
        text
        == """\
# Configuration of Phasewise, written by its set-up.
# Change it here or on the dashboard; a running Phasewise takes changes up by itself.
# All keys and what they mean: docs/configuration.md. To check it: phasewise check home.yaml

site:
  name: "Ons huis"
  main_fuse_a: 25

meter:
  driver: dsmr
  url: "tcp://192.168.1.20:23"

batteries:
  - id: m1
    driver: marstek
    url: "modbus-tcp://192.168.1.31:502?unit=1"
    model: venus-e-v3
    name: Garage
    max_charge_w: 1200
    # phase: which phase it is on has not been said yet: L1, L2, L3 or three-phase, here or on the
    # dashboard.
  - id: m2
    driver: marstek
    url: "modbus-tcp://192.168.1.31:502?unit=1"
    model: venus-e-v3
    phase: L2
"""
    )


@given(st.sampled_from([None, "L1", "L3", "three-phase", "unassigned", ""]))
def test_no_phase_is_ever_filled_in(phase: str | None) -> None:
    battery = BATTERY if phase is None else BATTERY | {"phase": phase}
    text = FirstFile({}, METER, [battery], {}).text("home.yaml")
    (found,) = parse_config(text, Path("home.yaml"), PLUGINS.registry()).batteries
    assert found.settings.phase is Assignment(phase or "unassigned")


def test_it_is_written_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    text = FirstFile({"name": "Größe 😀"}, METER, [BATTERY], {}).text(path.name)
    write_new(path, text)
    assert path.read_text() == text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["home.yaml"]  # noqa: PTH208 - also hidden ones
    assert load_config(path, PLUGINS.registry()).settings().site.name == "Größe 😀"


@pytest.mark.parametrize("links", [True, False])
def test_what_is_there_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        _without_links(monkeypatch)
    path = tmp_path / "home.yaml"
    path.write_text("mine")
    with pytest.raises(AlreadyThereError, match=r"home\.yaml already"):
        write_new(path, "theirs")
    assert path.read_text() == "mine"
    (dangling := tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(AlreadyThereError):
        write_new(dangling, "theirs")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["home.yaml", "link.yaml"]


def _without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_a_memory_stick_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_links(monkeypatch)
    write_new(tmp_path / "home.yaml", "text")
    assert (tmp_path / "home.yaml").read_text() == "text"
    assert stat.S_IMODE((tmp_path / "home.yaml").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["home.yaml"]


def test_of_many_that_write_at_once_exactly_one_does(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"

    def attempt(number: int) -> int | None:
        try:
            write_new(path, f"{number}\n" * 1000)
        except AlreadyThereError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        done = [number for number in pool.map(attempt, range(32)) if number is not None]
    assert len(done) == 1
    assert path.read_text() == f"{done[0]}\n" * 1000
    assert [entry.name for entry in tmp_path.iterdir()] == ["home.yaml"]


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        NotWritableError, match=r"could not be made \(No such file or directory\); make .* writable"
    ):
        write_new(tmp_path / "not-there" / "home.yaml", "text")
