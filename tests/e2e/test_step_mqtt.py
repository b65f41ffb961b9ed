"""The closed-loop step with everything, or the meter alone, on an MQTT broker."""

import asyncio
import time
from pathlib import Path

import pytest
from step_world import BatteryMaker, MeterMaker, Part, SampleSource, marstek, step

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


def kilowatts_on(broker: Mosquitto, topic: str) -> MeterMaker:
    """Plain numbers, a topic for each, import and export apart."""

    def meter(seen: SampleSource) -> Part:
        def way(name: str) -> dict[str, object]:
            return {"topic": f"{topic}/{name}", "scale": 1000}

        phases = {
            f"L{n}": {"power": way(f"delivered_l{n}"), "export": way(f"returned_l{n}")} for n in (1, 2, 3)
        }
        total = {"total_power": way("delivered"), "total_export": way("returned")}
        entry = {"driver": "mqtt", "url": broker.url, **total, **phases}
        return Part(MqttMeter("127.0.0.1", broker.port, seen, topic=topic, single=True), lambda: entry)

    return meter


async def test_a_step_is_held_over_a_broker(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker:
        batteries = [battery_on(broker, f"house/b{n}") for n in range(3)]
        worlds = {
            "everything": (meter_on(broker, "house/meter"), batteries),
            "a meter in kW": (kilowatts_on(broker, "dsmr"), [marstek] * 3),
        }
        results = await asyncio.gather(
            *(step(tmp_path / name, meter=m, batteries=b, trace_s=14) for name, (m, b) in worlds.items())
        )
    for name, result in zip(worlds, results, strict=True):
        print(f"{name} on MQTT: {result}")
        assert result.settle_s <= 12
        assert result.overshoot_w <= 300
