"""A real Home Assistant as a process of its own, with the entities that existing set-ups have.

Its own Modbus integration reads and writes simulated Marstek units; selects and numbers on top of that are
templates, as in the packages that people use.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

VERSION = "2025.4.4"
START_S = 180.0
"""The first start of an installation compiles and sets up a lot."""
CLIENT_ID = "http://127.0.0.1/"

BASE = """\
homeassistant:
  name: Test
  latitude: 52.1
  longitude: 5.2
  elevation: 0
  unit_system: metric
  time_zone: Europe/Amsterdam
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
websocket_api:
config:
logger:
  default: warning
input_select:
  marstek_m1_phase: {{options: [Unassigned, L1, L2, L3], initial: L1}}
  marstek_m2_phase: {{options: [Unassigned, L1, L2, L3], initial: L2}}
  house_battery_strategy:
    options: [Full stop, Self-consumption, Timed, Dynamic, Charge, Charge PV, Sell]
    initial: Self-consumption
input_number:
  house_battery_count: {{min: 1, max: 4, initial: 2}}
  house_battery_control_prioritize_battery: {{min: 1, max: 4, initial: 2}}
  marstek_m1_charging_cutoff_capacity: {{min: 80, max: 100, initial: 98}}
  marstek_m1_discharging_cutoff_capacity: {{min: 12, max: 80, initial: 15}}
  marstek_m2_charging_cutoff_capacity: {{min: 80, max: 100, initial: 100}}
  marstek_m2_discharging_cutoff_capacity: {{min: 12, max: 80, initial: 12}}
automation:
  - alias: Another controller
    triggers:
      - trigger: event
        event_type: another_controller
    actions:
      - action: number.set_value
        target: {{entity_id: "{{{{ trigger.event.data.entity_id }}}}"}}
        data: {{value: "{{{{ trigger.event.data.value }}}}"}}
modbus:
"""
HUB = """\
  - name: {x}
    type: tcp
    host: 127.0.0.1
    port: {port}
    timeout: 3
    sensors:
"""
SENSORS = (
    ("AC power", 30006, "int16", 1, "W", 1),
    ("Battery power", 30001, "int16", 1, "W", 1),
    ("Battery state of charge", 37005, "uint16", 1, "%", 5),
    ("Battery total energy", 32105, "uint16", 0.001, "kWh", 30),
    ("Inverter state number", 35100, "uint16", 1, "", 1),
    ("RS485 control mode number", 42000, "uint16", 1, "", 2),
    ("Forcible charge discharge number", 42010, "uint16", 1, "", 2),
    ("Forcible charge power number", 42020, "uint16", 1, "W", 2),
    ("Forcible discharge power number", 42021, "uint16", 1, "W", 2),
    ("User work mode number", 43000, "uint16", 1, "", 5),
    ("Max charge power number", 44002, "uint16", 1, "W", 10),
    ("Max discharge power number", 44003, "uint16", 1, "W", 10),
)
SELECTS = (
    ("RS485 control mode", "rs485_control_mode_number", 42000, {21947: "disable", 21930: "enable"}),
    (
        "Forcible charge discharge",
        "forcible_charge_discharge_number",
        42010,
        {0: "stop", 1: "charge", 2: "discharge"},
    ),
    ("User work mode", "user_work_mode_number", 43000, {0: "manual", 1: "anti-feed", 2: "ai"}),
)
NUMBERS = (
    ("Forcible charge power", "forcible_charge_power_number", 42020),
    ("Forcible discharge power", "forcible_discharge_power_number", 42021),
    ("Max charge power", "max_charge_power_number", 44002),
    ("Max discharge power", "max_discharge_power_number", 44003),
)


def configuration(port: int, modbus_ports: Mapping[str, int]) -> str:
    """YAML for a Home Assistant on `port`, with a Marstek `m1`... behind each port."""
    parts = [BASE.format(port=port)]
    for x, modbus_port in modbus_ports.items():
        parts.append(HUB.format(x=x, port=modbus_port))
        for name, address, kind, scale, unit, every_s in SENSORS:
            entry: dict[str, Any] = {
                "name": f"Marstek {x} {name}",
                "unique_id": f"{x}_{address}",
                "address": address,
                "slave": 1,
                "input_type": "holding",
                "data_type": kind,
                "scale": scale,
                "scan_interval": every_s,
            }
            if unit:
                entry["unit_of_measurement"] = unit
            parts.append(f"      - {json.dumps(entry)}\n")
    parts.append("template:\n")
    for x in modbus_ports:
        parts.append(f"  - {json.dumps({'select': [_select(x, *of) for of in SELECTS]})}\n")
        parts.append(f"  - {json.dumps({'number': [_number(x, *of) for of in NUMBERS]})}\n")
    return "".join(parts)


def _select(x: str, name: str, sensor: str, address: int, words: Mapping[int, str]) -> dict[str, Any]:
    by_word = {word: value for value, word in words.items()}
    return {
        "name": f"Marstek {x} {name}",
        "unique_id": f"{x}_select_{address}",
        "options": "{{ " + str(list(by_word)) + " }}",
        "state": f"{{{{ {words}.get(states('sensor.marstek_{x}_{sensor}') | int(-1), 'unknown') }}}}",
        "select_option": [_write(x, address, f"{{{{ {by_word}[option] }}}}")],
    }


def _number(x: str, name: str, sensor: str, address: int) -> dict[str, Any]:
    return {
        "name": f"Marstek {x} {name}",
        "unique_id": f"{x}_number_{address}",
        "state": f"{{{{ states('sensor.marstek_{x}_{sensor}') | float(0) }}}}",
        "set_value": [_write(x, address, "{{ value | int }}")],
        "min": 0,
        "max": 2500,
        "step": 1,
        "unit_of_measurement": "W",
        "optimistic": True,
    }


def _write(x: str, address: int, value: str) -> dict[str, Any]:
    data = {"hub": x, "slave": 1, "address": address, "value": value}
    return {"action": "modbus.write_register", "data": data}


class RealHass:
    """The process, its owner's token, and its HTTP API."""

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""
        self.token_file = folder / "token"
        self.ready_s = 0.0
        """How long it took from its start until it could be used."""
        self._program = program
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def log(self) -> str:
        return (self._folder / "hass.log").read_text(errors="replace")

    async def start(self) -> None:
        began_s = time.monotonic()
        with (self._folder / "hass.log").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                self._program, "-c", self._folder, "--skip-pip", stdout=output, stderr=output
            )
        self._session = aiohttp.ClientSession()
        await self._until_up()
        await self._onboard()
        while (await self.get("config"))["state"] != "RUNNING":  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
        self.ready_s = time.monotonic() - began_s

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 30)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def get(self, path: str) -> Any:
        """None when there is no such thing."""
        return await self._call("GET", path)

    async def post(self, path: str, **content: Any) -> Any:
        return await self._call("POST", path, content)

    async def state(self, entity_id: str) -> str | None:
        found = await self.get(f"states/{entity_id}")
        return None if found is None else found["state"]

    async def show(self, entity_id: str, state: str, unit: str) -> None:
        """As an integration reports it."""
        await self.post(f"states/{entity_id}", state=state, attributes={"unit_of_measurement": unit})

    async def act(self, action: str, entity_id: str, **data: Any) -> None:
        await self.post(f"services/{action.replace('.', '/')}", entity_id=entity_id, **data)

    async def until_state(self, entity_id: str, state: str, within_s: float = 30.0) -> None:
        end_s = time.monotonic() + within_s
        while (seen := await self.state(entity_id)) != state:
            assert time.monotonic() < end_s, f"{entity_id} is {seen}, not {state}"
            await asyncio.sleep(0.1)

    async def _call(self, method: str, path: str, content: Any = None) -> Any:
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/api/{path}"
        async with self._session.request(method, url, json=content, headers=headers) as answer:
            if answer.status == 404:
                return None
            assert answer.status < 300, f"{method} {path}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def _until_up(self) -> None:
        assert self._session is not None
        assert self._process is not None
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s:
            assert self._process.returncode is None, f"Home Assistant ended:\n{self.log}"
            try:
                async with self._session.get(f"{self.url}/api/onboarding") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.3)
        raise AssertionError(f"Home Assistant did not start within {START_S:g} s:\n{self.log}")

    async def _onboard(self) -> None:
        """An owner, as a person makes one, and a long-lived token, as in the profile."""
        owner = {"name": "Owner", "username": "owner", "password": "a password", "language": "en"}
        answer = await self.post("onboarding/users", client_id=CLIENT_ID, **owner)
        assert self._session is not None
        form = {"grant_type": "authorization_code", "code": answer["auth_code"], "client_id": CLIENT_ID}
        async with self._session.post(f"{self.url}/auth/token", data=form) as tokens:
            self.token = (await tokens.json())["access_token"]
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            await socket.receive_json()
            ask = {
                "id": 1,
                "type": "auth/long_lived_access_token",
                "client_name": "Phasewise",
                "lifespan": 30,
            }
            await socket.send_json(ask)
            self.token = (await socket.receive_json())["result"]
        self.token_file.write_text(self.token)
