"""What Phasewise announces over MQTT, in a real Home Assistant."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest
from ha_home import Home, free_port

from phasewise.app import Application
from phasewise.registry import load_plugins

sys.path.insert(0, str(Path(__file__).parents[1]))
from broker import Mosquitto, needs_mosquitto

pytestmark = [
    pytest.mark.ha,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(400),
    needs_mosquitto,
]

CONFIG = """\
site: {{name: Test, main_fuse_a: 25}}
meter: {{driver: home-assistant, url: "{url}", token_file: {token}}}
web: {{port: {port}}}
mqtt: {{url: "{mqtt}"}}
batteries:
  - id: m1
    driver: marstek
    url: "{battery}"
    model: venus-e-v3
    phase: L1   # as the electrician said
"""


async def test_entities_appear_and_a_phase_chosen_there_arrives_in_the_file(
    home: Home, tmp_path: Path
) -> None:
    hass = home.hass
    broker = Mosquitto(tmp_path)
    await broker.start()
    path = tmp_path / "home.yaml"
    unit = home.units[0]
    path.write_text(
        CONFIG.format(
            url=hass.url, token=hass.token_file, port=free_port(), mqtt=broker.url, battery=unit.url
        )
    )
    app = Application(path, load_plugins())
    running = asyncio.create_task(app.run())
    try:
        flow = await hass.post("config/config_entries/flow", handler="mqtt", show_advanced_options=False)
        done = await hass.post(
            f"config/config_entries/flow/{flow['flow_id']}", broker="127.0.0.1", port=broker.port
        )
        assert done["type"] == "create_entry", done
        began_s = time.monotonic()
        phase = await _entity(home, "select", "_phase")
        print(f"entities of Phasewise there after {time.monotonic() - began_s:.1f} s")
        await hass.until_state(phase, "L1")
        ids = await _ids(home)
        print(f"{len(ids)} entities")
        for part in ("grid_power", "l1_power", "state_of_charge", "setpoint", "strategy"):
            assert any(part in entity_id for entity_id in ids), (part, ids)
        before, began_s = path.read_text(), time.monotonic()
        await hass.act("select.select_option", phase, option="L3")
        while path.read_text() == before:
            assert time.monotonic() - began_s < 10
            await asyncio.sleep(0.05)
        print(f"a phase chosen in Home Assistant is in the file after {time.monotonic() - began_s:.2f} s")
        assert path.read_text() == before.replace("phase: L1 ", "phase: L3 ")
        await hass.until_state(phase, "L3")
    finally:
        app.stop()
        await running
    began_s = time.monotonic()
    await hass.until_state(phase, "unavailable")
    print(f"unavailable {time.monotonic() - began_s:.1f} s after the end")
    await broker.stop()


async def _ids(home: Home) -> list[str]:
    """Entities whose names begin as those of Phasewise's device do."""
    states = await home.hass.get("states")
    return [state["entity_id"] for state in states if ".phasewise_" in state["entity_id"]]


async def _entity(home: Home, domain: str, ending: str) -> str:
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        found = [i for i in await _ids(home) if i.startswith(f"{domain}.") and i.endswith(ending)]
        if found:
            return found[0]
        await asyncio.sleep(0.1)
    raise AssertionError(
        f"no {domain} ...{ending} in {json.dumps(await _ids(home))}\n{home.hass.log[-2000:]}"
    )
