"""A driver's options may name files: relative names begin in the folder of the configuration file."""

from dataclasses import replace
from pathlib import Path

from config_fakes import REGISTRY

from phasewise.config import MeterEntry, load_config
from phasewise.devices.base import DriverOptions, FileOfConfiguration


class _Options(DriverOptions):
    token_file: FileOfConfiguration


def _meter_file(folder: Path, written: str) -> Path:
    registry = replace(REGISTRY, meters={**REGISTRY.meters, "with-file": MeterEntry(_Options)})
    file = folder / "home.yaml"
    file.write_text(f"meter: {{driver: with-file, token_file: {written}}}\nbatteries: []\n")
    options = load_config(file, registry).meter.options
    assert isinstance(options, _Options)
    return options.token_file


def test_a_relative_name_is_beside_the_configuration(tmp_path: Path) -> None:
    assert _meter_file(tmp_path, "secret/token") == tmp_path / "secret" / "token"


def test_an_absolute_name_is_itself(tmp_path: Path) -> None:
    assert _meter_file(tmp_path, "/run/secrets/token") == Path("/run/secrets/token")
