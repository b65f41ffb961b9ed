"""`phasewise import-ha` on a real Home Assistant."""

from pathlib import Path

import pytest
from ha_home import Home

from phasewise.config import load_config
from phasewise.registry import load_plugins
from phasewise.setup.import_ha import configuration

pytestmark = [pytest.mark.ha, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


async def test_the_existing_set_up_becomes_a_configuration(home: Home, tmp_path: Path) -> None:
    path, registry = tmp_path / "home.yaml", load_plugins().registry()
    await home.hass.until_state("number.marstek_m1_max_charge_power", "2500.0")
    text, found = await configuration(home.hass.url, home.hass.token_file, path, registry)
    path.write_text(text)
    config = load_config(path, registry)
    settings = config.settings()
    assert settings.site.time_zone == "Europe/Amsterdam"
    assert [(b.id, b.phase.value, b.min_soc_pct, b.max_soc_pct) for b in settings.batteries] == [
        ("m1", "L1", 15.0, 98.0),
        ("m2", "L2", 12.0, 100.0),
    ]
    assert settings.control.priority == ("m2", "m1")
    assert settings.control.strategy == "self-consumption"
    assert any("Main fuse" in line for line in found.left)
