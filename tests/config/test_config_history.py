"""Where history is kept: beside the file unless it says where, and never in a file that is something else."""

from pathlib import Path

import pytest
from config_fakes import REGISTRY

from phasewise.config import ConfigError, parse_config

TEXT = "meter: {driver: dsmr, url: x}\nbatteries: []\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("", "home.history.db"),
        ("history: {path: null}", "home.history.db"),
        ("history: {path: data/h.db}", "data/h.db"),
        ("history: {path: /mnt/usb/h.db}", "/mnt/usb/h.db"),
    ],
)
def test_where_it_is(tmp_path: Path, line: str, name: str) -> None:
    found = parse_config(TEXT + line, tmp_path / "home.yaml", REGISTRY)
    assert found.history.path == tmp_path / name


@pytest.mark.parametrize(
    ("path", "says"), [("home.yaml", "is this configuration file"), (".", "is a directory"), ("''", "")]
)
def test_where_it_can_not_be(tmp_path: Path, path: str, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"home\.yaml:3: history\.path: .*{says}"):
        parse_config(f"{TEXT}history: {{path: {path}}}", tmp_path / "home.yaml", REGISTRY)
