"""The closed-loop step with the meter, the batteries, or all of them on an MQTT broker."""

import asyncio
import time
from pathlib import Path

import pytest
from step_world import BatteryMaker, MeterMaker, Part, SampleSource, marstek, p1_meter, step

from broker import Mosquitto, mosquitto, needs_mosquitto
from phasewise.sim.battery import SimBattery
from phasewise.sim.servers.mqtt import MqttBattery, MqttMeter

pytestmark = [needs_mosquitto, pytest.mark.e2e, pytest.mark.timeout(150)]


def at(topic: str, path: str, scale: float = 1.0) -> dict[str, object]:
    return {"topic": topic, "path": path, "scale": scale}


def meter_on(broker: Mosquitto, topic: str) -> MeterMaker:
    def meter(seen: SampleSource) -> Part:
        state = f"{topic}/state"
        phases = {
            name: {key: at(state, f"{name.lower()}.{key}") for key in ("power", "current", "voltage")}
            for name in ("L1", "L2", "L3")
        }
        entry = {"driver": "mqtt", "url": broker.url, "total_power": at(state, "power"), **phases}
        return Part(MqttMeter("127.0.0.1", broker.port, seen, topic=topic), lambda: entry)

    return meter


def battery_on(broker: Mosquitto, topic: str) -> BatteryMaker:
    def battery(simulated: SimBattery) -> Part:
        entry = {
            "driver": "mqtt",
            "url": broker.url,
            "power": at(f"{topic}/state", "power", -1.0),
            "soc": {"topic": f"{topic}/soc"},
            "readback": at(f"{topic}/state", "setpoint", -1.0),
            "setpoint_topic": f"{topic}/command",
            "setpoint_payload": '{"mode": "remote", "power": {minus_power_w}}',
            "release_payload": '{"mode": "auto"}',
            "availability_topic": f"{topic}/availability",
            "rated_charge_w": 2500,
            "rated_discharge_w": 2500,
            "watchdog_s": 60,
        }
        device = MqttBattery("127.0.0.1", broker.port, simulated, time.monotonic, topic=topic)
        return Part(device, lambda: entry)

    return battery


async def test_a_step_is_held_with_everything_on_a_broker(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker:
        batteries = [battery_on(broker, f"house/b{n}") for n in range(3)]
        others = [battery_on(broker, f"other/b{n}") for n in range(3)]
        worlds = {
            "meter": (meter_on(broker, "single/meter"), [marstek] * 3),
            "batteries": (p1_meter, others),
            "all": (meter_on(broker, "house/meter"), batteries),
        }
        results = await asyncio.gather(
            *(step(tmp_path / name, meter=m, batteries=b) for name, (m, b) in worlds.items())
        )
    for name, result in zip(worlds, results, strict=True):
        print(f"{name} on MQTT: {result}")
        assert result.settle_s <= 12
        assert result.overshoot_w <= 300
