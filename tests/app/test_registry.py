"""What is installed: sources are loaded when they are configured, and a broken package is named."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import ConfigError, load_config
from phasewise.registry import PluginError, load_plugins

HOME = """\
meter: {driver: dsmr, url: "tcp://127.0.0.1:1"}
batteries: []
"""
PRICES = "prices: {driver: energyzero, tariff: [{buy: {add_eur_kwh: 0.1}}]}\n"


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package whose source of prices needs something that is not there."""
    info = tmp_path / "site" / "sunny_prices-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sunny-prices\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[phasewise.sources]\nprices.sunny = sunny_prices:Sunny\n")
    (tmp_path / "site" / "sunny_prices.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def home(folder: Path, extra: str = "") -> Path:
    path = folder / "home.yaml"
    path.write_text(HOME + extra)
    return path


@pytest.mark.parametrize(("extra", "loaded"), [("", False), (PRICES, True)])
def test_what_sources_need_is_loaded_only_where_they_are_configured(
    tmp_path: Path, extra: str, loaded: bool
) -> None:
    code = (
        "import sys; from pathlib import Path; from phasewise.app import Application; "
        "from phasewise.registry import load_plugins; "
        f"Application(Path({str(home(tmp_path, extra))!r}), load_plugins()); print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(loaded), done.stderr


@pytest.mark.usefixtures("broken")
def test_a_source_that_cannot_be_loaded_is_named_with_its_line_once_it_is_configured(tmp_path: Path) -> None:
    plugins = load_plugins()
    assert "sunny" in plugins.prices
    with pytest.raises(PluginError, match="of sunny-prices can't be loaded"):
        plugins.prices["sunny"]
    assert CliRunner().invoke(cli, ["check", str(home(tmp_path))]).exit_code == 0
    done = CliRunner().invoke(cli, ["check", str(home(tmp_path, "prices:\n  driver: sunny\n"))])
    assert done.exit_code == 2
    for text in ("home.yaml:4", "prices.driver", "sunny-prices", "not_installed_anywhere"):
        assert text in done.output


@pytest.mark.usefixtures("broken")
def test_the_names_of_all_sources_are_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sunn.*did you mean 'sunny'") as caught:
        load_config(home(tmp_path, "prices: {driver: sunn}\n"), load_plugins().registry())
    assert "energyzero" in str(caught.value)
