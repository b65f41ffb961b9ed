"""Phasewise on a real broker: what it says, what it takes, and what outlives a restart of either."""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker import Listener, Mosquitto, listening, mosquitto, needs_mosquitto
from phasewise.app import Application
from phasewise.demo import CONFIG, InProcess
from phasewise.engine.state import in_language
from phasewise.integrations import mqtt as mqtt_room
from phasewise.integrations.mqtt_state import shortened
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock

pytestmark = needs_mosquitto

PLUGINS = load_plugins()
PUBLISH_S = mqtt_room.PUBLISH_S
"""As it is outside of tests."""
NOWHERE = "tcp://127.0.0.1:1"
URLS = dict.fromkeys(("garage", "attic", "shed"), "modbus-tcp://127.0.0.1:1?unit=1")
ANNOUNCED = "homeassistant/device/phasewise/config"
EV = "  ev_override: {input: Car & guests}\n"
STATES = {
    "phasewise/availability",
    "phasewise/grid",
    "phasewise/control",
    "phasewise/alarms",
    "phasewise/inputs",
    "phasewise/energy",
    *(f"phasewise/phase/L{n}" for n in (1, 2, 3)),
    *(f"phasewise/battery/{name}" for name in URLS),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens, only sooner."""
    paces = {
        "PUBLISH_S": 0.1,
        "ENERGY_S": 0.2,
        "LOOK_S": 0.2,
        "GRACE_S": 0.5,
        "RETRY_MIN_S": 0.1,
        "RETRY_MAX_S": 0.4,
    }
    for name, seconds in paces.items():
        monkeypatch.setattr(mqtt_room, name, seconds)


def link(broker: Mosquitto, **more: str) -> str:
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return f"mqtt: {{url: '{broker.url}'{rest}}}\n"


def text_of(port: int, extra: str) -> str:
    text = CONFIG.format(meter=NOWHERE, roof=NOWHERE, port=port, **URLS)
    return text.replace("  phase_protection", EV + "  phase_protection") + extra


@asynccontextmanager
async def running(
    folder: Path, port: int, extra: str, *, speed: float = 5.0, text: str | None = None
) -> AsyncIterator[tuple[Application, Path]]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "home.yaml"
    path.write_text(text or text_of(port, extra), encoding="utf-8")
    clock = FastClock(speed, utc_s=1_800_000_000.0)
    app = Application(path, PLUGINS, clock=clock, devices=InProcess(PLUGINS, clock))
    app.chronicle.writer._batch_s = 0.2
    task = asyncio.create_task(app.run())
    try:
        yield app, path
    finally:
        app.stop()
        await task


@asynccontextmanager
async def scene(
    folder: Path, port: int, *, speed: float = 5.0
) -> AsyncIterator[tuple[Mosquitto, Listener, Application, Path]]:
    """A broker, somebody who listens, and Phasewise, all there."""
    async with (
        mosquitto(folder / "broker") as broker,
        listening(broker) as others,
        running(folder / "home", port, link(broker), speed=speed) as (app, path),
    ):
        await others.until(
            lambda: others.now["phasewise/availability"] == b"online" and set(others.now) >= STATES
        )
        yield broker, others, app, path


def value(component: dict[str, Any], others: Listener) -> Any:
    """What Home Assistant would show; a template of ours means the same in Python."""
    (expression,) = re.fullmatch(r"\{\{ (.*) \}\}", component["value_template"]).groups()
    return eval(expression, {"value_json": others.json(component["state_topic"])})  # noqa: S307 - our own template


async def say(others: Listener, topic: str, payload: str, *, retain: bool = False) -> None:
    await others.client.publish(f"phasewise/{topic}", payload, qos=1, retain=retain)


async def test_one_device_is_announced_with_everything_that_can_be_seen_and_set(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with scene(tmp_path, unused_tcp_port) as (broker, others, app, _):
        announced = others.json(ANNOUNCED)
        assert announced["origin"]["name"] == "Phasewise"
        assert announced["device"]["identifiers"] == ["phasewise"]
        assert announced["availability_topic"] == "phasewise/availability"
        components = announced["components"]
        ids = [component["unique_id"] for component in components.values()]
        assert len(ids) == len(set(ids)) > 50
        for name, component in components.items():
            assert re.fullmatch(r"[A-Za-z0-9_%-]+", name)
            assert component["platform"] in {"sensor", "binary_sensor", "select", "number", "switch"}
            shown = value(component, others)
            if component["platform"] == "select":
                assert shown in component["options"], name
                assert component["command_topic"].endswith("/set")
            elif "state_class" in component and shown is not None:
                assert isinstance(shown, int | float), name
                assert component["unit_of_measurement"] in {"W", "A", "%", "kWh"}
        state = app.live.current
        assert state is not None
        assert value(components["strategy"], others) == "self-consumption"
        assert value(components["battery_shed_phase"], others) == "Unassigned"
        assert value(components["battery_garage_phase"], others) == "L1"
        assert components["battery_shed_phase"]["options"] == ["Unassigned", "L1", "L2", "L3", "three-phase"]
        assert components["battery_garage_override"]["options"] == ["auto", "out-of-service"]
        assert set(components["strategy"]["options"]) == set(PLUGINS.strategies)
        assert (
            components["input_Car%20%26%20guests"]["command_topic"]
            == "phasewise/input/Car%20%26%20guests/set"
        )
        assert value(components["input_Car%20%26%20guests"], others) == "OFF"
        for name in (
            "grid_import",
            "grid_export",
            "battery_garage_charged",
            "battery_shed_discharged",
            "pv_energy",
        ):
            assert components[name]["state_class"] == "total_increasing"
            assert components[name]["device_class"] == "energy"
        # Somebody who comes later finds all of it.
        async with listening(broker) as late:
            await late.until(lambda: {*STATES, ANNOUNCED} <= set(late.now), 5)
            assert all(heard.retained for heard in late.heard[: len(STATES)])


async def test_texts_are_in_the_language_that_the_file_names(tmp_path: Path, unused_tcp_port: int) -> None:
    said: dict[str, set[str]] = {"en": set(), "nl": set(), "de": set()}

    async def listen(app: Application) -> None:
        async for state in app.live.changes():
            for lang, summaries in said.items():
                summaries.add(shortened(in_language(state.summary, lang)))

    def heard(others: Listener, lang: str) -> bool:
        return others.json("phasewise/control")["summary"] in said[lang] - said["en"]

    async with scene(tmp_path, unused_tcp_port) as (_, others, app, path):
        listening_on = asyncio.create_task(listen(app))
        plain = path.read_text()
        for lang in ("nl", "de"):
            path.write_text(plain.replace("site:\n", f"site:\n  language: {lang}\n"))
            own = said[lang]
            await others.until(
                lambda own=own: others.json("phasewise/control")["summary"] in own - said["en"]
            )
        listening_on.cancel()


async def test_commands_are_the_apis_and_wrong_ones_are_answered_with_the_truth(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with scene(tmp_path, unused_tcp_port) as (_, others, _app, path):
        before = path.read_text()
        await say(others, "battery/shed/phase/set", "L3")
        await others.until(lambda: others.json("phasewise/battery/shed")["phase"] == "L3")
        added = set(path.read_text().splitlines()) - set(before.splitlines())
        assert added == {"    phase: L3"}
        await say(others, "battery/shed/phase/set", "Unassigned")
        await others.until(lambda: others.json("phasewise/battery/shed")["phase"] == "unassigned")
        await say(others, "target/set", "-150.0")
        await others.until(lambda: others.json("phasewise/control")["target_grid_w"] == -150)
        assert "target_grid_w: -150" in path.read_text()
        await say(others, "strategy/set", "standby")
        await others.until(lambda: others.json("phasewise/control")["strategy"] == "standby")
        await say(others, "battery/attic/override/set", "out-of-service")
        await others.until(lambda: others.json("phasewise/battery/attic")["override"] == "out-of-service")
        await say(others, "battery/attic/override/set", "auto")
        await others.until(lambda: others.json("phasewise/battery/attic")["override"] == "auto")
        await say(others, "input/Car%20%26%20guests/set", "ON")
        await others.until(lambda: others.json("phasewise/inputs") == {"Car & guests": "ON"})

        held = path.read_text()
        wrong = {
            "battery/shed/phase/set": ("L4", "battery/shed"),
            "battery/garage/override/set": ("away", "battery/garage"),
            "battery/nobody/phase/set": ("L1", None),
            "strategy/set": ("magic", "control"),
            "target/set": ("nan", "control"),
            "input/x/set": ("ON", "inputs"),
            "input/Car%20%26%20guests/set": ("yes", "inputs"),
        }
        with capture_logs() as logs:
            for topic, (payload, shown) in wrong.items():
                count = len(others.heard)
                await say(others, topic, payload)
                if shown is not None:
                    await others.until(partial(others.has_heard, f"phasewise/{shown}", since=count + 1), 3)
            await say(others, "target/set", "1e999")
            await say(others, "target/set", "x" * 1000)
            await asyncio.sleep(1.0)
        refused = [entry for entry in logs if entry["event"] == "command refused"]
        assert {entry["topic"] for entry in refused} == set(wrong)
        assert path.read_text() == held
        assert others.json("phasewise/control")["strategy"] == "standby"
        assert others.json("phasewise/control")["target_grid_w"] == -150


def said_of(others: Listener, topic: str) -> list[bytes]:
    return [message.payload for message in others.heard if message.topic == topic]


async def test_the_broker_restarts_and_home_assistant_too(tmp_path: Path, unused_tcp_port: int) -> None:
    async with scene(tmp_path, unused_tcp_port) as (broker, _others, app, _):
        await broker.stop()
        await asyncio.sleep(0.5)
        await broker.start()
        began_s = time.monotonic()
        async with listening(broker) as after:
            await after.until(lambda: {*STATES, ANNOUNCED} <= set(after.now))
            assert after.now["phasewise/availability"] == b"online"
            print(f"all back {time.monotonic() - began_s:.1f} s after the broker")

            await asyncio.sleep(0.5)
            count = len(after.heard)
            await after.client.publish("homeassistant/status", "online")
            await after.until(lambda: {*STATES, ANNOUNCED} <= {h.topic for h in after.heard[count:]}, 3)
            # An old connection's last will does not make a living Phasewise look dead.
            await after.client.publish("phasewise/availability", "offline", retain=True)
            await after.until(
                lambda: said_of(after, "phasewise/availability")[-2:] == [b"offline", b"online"], 5
            )
            assert app.health().ok


async def test_only_what_changed_is_said_and_at_most_once_a_second(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times as fast as in reality, so that there is always something new."""
    assert PUBLISH_S >= 1.0
    monkeypatch.setattr(mqtt_room, "PUBLISH_S", PUBLISH_S)
    async with scene(tmp_path, unused_tcp_port) as (_, others, _app, _path):
        await asyncio.sleep(1.5)
        count, began_s = len(others.heard), time.monotonic()
        await asyncio.sleep(3.0)
        heard, took_s = others.heard[count:], time.monotonic() - began_s
        each = Counter(message.topic for message in heard)
        count_s, bytes_s = len(heard) / took_s, sum(len(h.payload) for h in heard) / took_s
        print(f"{count_s:.1f} messages and {bytes_s:.0f} bytes a second")
        assert max(each.values()) <= took_s + 2
        assert not {ANNOUNCED, "phasewise/availability", "phasewise/inputs"} & set(each)
        last: dict[str, bytes] = {}
        for message in heard:
            assert last.get(message.topic) != message.payload
            last[message.topic] = message.payload


async def test_a_removed_battery_is_gone_and_the_file_may_name_another_place_or_none(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with scene(tmp_path, unused_tcp_port) as (broker, others, app, path):
        text = path.read_text()
        begin, end = text.index("  - id: shed"), text.index("control:")
        count = len(others.heard)
        path.write_text(text[:begin] + text[end:])
        await others.until(lambda: "phasewise/battery/shed" not in others.now)
        told = [json.loads(h.payload)["components"] for h in others.heard[count:] if h.topic == ANNOUNCED]
        assert told[0]["battery_shed_phase"] == {"platform": "select"}
        assert told[0]["battery_shed_power"] == {"platform": "sensor"}
        assert not [name for name in told[-1] if "shed" in name]
        assert "battery_garage_power" in told[-1]

        path.write_text(path.read_text().replace(link(broker), link(broker, topic="house/one")))
        await others.until(lambda: others.now["house/one/availability"] == b"online")
        assert "homeassistant/device/house_one/config" in others.now
        assert not [topic for topic in others.now if topic.startswith("phasewise/") or topic == ANNOUNCED]
        path.write_text(path.read_text().replace(link(broker, topic="house/one"), ""))
        await others.until(lambda: not others.now)
        assert app.health().ok


async def test_what_was_removed_while_phasewise_was_off_is_removed_at_the_start(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with mosquitto(tmp_path / "broker") as broker, listening(broker) as others:
        async with running(tmp_path / "home", unused_tcp_port, link(broker)):
            await others.until(lambda: set(others.now) >= STATES)
        await others.until(lambda: others.now["phasewise/availability"] == b"offline")
        assert "phasewise/battery/shed" in others.now
        await say(others, "strategy/set", "full-stop", retain=True)
        text = (tmp_path / "home" / "home.yaml").read_text()
        less = text[: text.index("  - id: shed")] + text[text.index("control:") :]
        count = len(others.heard)
        async with running(tmp_path / "home", unused_tcp_port, "", text=less):
            await others.until(lambda: others.now["phasewise/availability"] == b"online")
            told = [json.loads(h.payload)["components"] for h in others.heard[count:] if h.topic == ANNOUNCED]
            assert told[0]["battery_shed_phase"] == {"platform": "select"}
            assert not [name for name in told[-1] if "shed" in name]
            assert "phasewise/battery/shed" not in others.now
            await asyncio.sleep(0.5)
            # What was asked of another run, who knows when, is not done now.
            assert others.json("phasewise/control")["strategy"] == "self-consumption"


RUN = """
import asyncio, sys, time
from pathlib import Path
from phasewise.app import Application
from phasewise.demo import InProcess
from phasewise.integrations import mqtt
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock

mqtt.ENERGY_S = 0.2

async def main():
    plugins, clock = load_plugins(), FastClock(400.0, utc_s=1_800_000_000.0 + 400.0 * time.monotonic())
    app = Application(Path(sys.argv[1]), plugins, clock=clock, devices=InProcess(plugins, clock))
    app.chronicle.writer._batch_s = 0.2
    await app.run()

asyncio.run(main())
"""
"""The daemon with the house of the demonstration, so fast that a batch of history is a good part of a kWh."""


def energies(others: Listener) -> list[dict[str, float]]:
    """All that was told, in order."""
    found = []
    for message in others.heard:
        if message.topic == "phasewise/energy" and message.payload:
            flat = json.loads(message.payload)
            batteries = flat.pop("batteries")
            flat |= {f"{id_} {key}": kwh for id_, each in batteries.items() for key, kwh in each.items()}
            found.append(flat)
    return found


def has_told(others: Listener, count: int) -> bool:
    return len(energies(others)) >= count


async def test_killed_it_is_offline_and_its_energies_never_fall(tmp_path: Path, unused_tcp_port: int) -> None:
    async with mosquitto(tmp_path / "broker") as broker, listening(broker) as others:
        path = tmp_path / "home.yaml"
        path.write_text(text_of(unused_tcp_port, link(broker)), encoding="utf-8")
        with (tmp_path / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", RUN, str(path), stdout=log, stderr=log
            )
        try:
            await others.until(partial(has_told, others, 4), 40)
            assert others.now["phasewise/availability"] == b"online"
        finally:
            process.kill()
            killed_s = time.monotonic()
            await process.wait()
        await others.until(lambda: others.now["phasewise/availability"] == b"offline")
        print(f"offline {time.monotonic() - killed_s:.2f} s after kill -9")
        count = len(energies(others))
        async with running(tmp_path, unused_tcp_port, link(broker), speed=400.0):
            await others.until(partial(has_told, others, count + 4))
        told = energies(others)
        print(f"{len(told)} energies, the last {told[-1]}")
        for before, after in pairwise(told):
            assert all(after[name] >= kwh for name, kwh in before.items()), (before, after)
        assert sum(told[-1].values()) > sum(told[count - 1].values()) > 0


async def test_a_broker_out_of_reach_is_an_alarm_and_control_goes_on(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    def codes(app: Application) -> set[str]:
        state = app.live.current
        return set() if state is None else {alarm.code for alarm in state.alarms}

    async def until(true: Callable[[], bool]) -> None:
        for _ in range(300):
            if true():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("not reached")

    user = ("phasewise", "s3cr3t-of-the-broker")
    async with mosquitto(tmp_path / "broker", user=user, tls=True) as broker:
        certificate = broker.folder / "broker.crt"
        extra = link(broker, username="phasewise", password_file="mqtt-password", ca_file=str(certificate))
        with capture_logs() as logs:
            async with running(tmp_path / "home", unused_tcp_port, extra) as (app, path):
                await until(lambda: "mqtt-unreachable" in codes(app))
                assert "mqtt-password" in app.mqtt.alarm().detail
                assert app.health().ok
                (path.parent / "mqtt-password").write_text("wrong\n")
                await until(lambda: "uthor" in (app.mqtt._problem or ""))
                (path.parent / "mqtt-password").write_text(user[1] + "\n")
                await until(lambda: app.mqtt._problem is None)
                await until(lambda: "mqtt-unreachable" not in codes(app))
                # It stands still: nobody waits for it, neither control nor the end.
                broker.pause()
                decisions = app.counters().decisions
                await asyncio.sleep(1.0)
                assert app.counters().decisions > decisions + 2
                began_s = time.monotonic()
            took_s = time.monotonic() - began_s
            broker.resume()
        assert took_s < 9
        print(f"ended {took_s:.1f} s after being told, with a broker that stands still")
        assert user[1] not in json.dumps(logs, default=str)


async def test_a_broker_that_lets_in_and_throws_out_is_an_alarm_too(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    visits = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await reader.read(1)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK: welcome
        await reader.read(1000)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    extra = f"mqtt: {{url: 'mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}'}}\n"
    async with running(tmp_path, unused_tcp_port, extra) as (app, _):
        for _ in range(200):
            if app.mqtt.alarm() is not None:
                break
            await asyncio.sleep(0.05)
        alarm = app.mqtt.alarm()
        assert alarm is not None
        assert "broke" in alarm.detail
        # Ever more slowly: as often as the shortest pause it would be ten a second.
        count = visits
        await asyncio.sleep(1.5)
        assert visits - count <= 5
    server.close()
