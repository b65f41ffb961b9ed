"""Simulated devices on a real MQTT broker: a meter, and a battery as firmware of makers' own projects has it.

Each is a client that publishes every `cadence_s`, and is back by itself when the broker was away. The battery
counts discharging positive, takes `{"mode": "remote", "power": W}` or `{"mode": "auto"}`, and goes back to
`auto` when nothing came for `watchdog_s`.
"""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum

import aiomqtt

from phasewise.sim.battery import BatteryFault, SimBattery
from phasewise.sim.house import MeterSample

RETRY_S = 0.05


class Fault(StrEnum):
    """What is wrong with the device."""

    NONE = "none"
    SILENT = "silent"
    """It neither says nor takes anything."""
    DOWN = "down"
    """It is switched off: the broker tells its last will."""
    GARBAGE = "garbage"
    """Messages without meaning."""
    REPLAY = "replay"
    """It tells again what it told before."""
    ABSURD = "absurd"
    """Powers and currents a thousand times too high."""
    NOT_A_NUMBER = "not-a-number"
    """The total power is no number."""
    NO_TOTAL = "no-total"
    """The total power is missing."""
    IGNORES = "ignores"
    """Takes setpoints and does nothing with them."""
    LOSES_CONTROL = "loses-control"
    """Starts anew: it is in its own mode, once."""


class _Device(ABC):
    """A client of the broker."""

    def __init__(self, host: str, port: int, topic: str, cadence_s: float) -> None:
        self.topic = topic
        self.messages = 0
        """Sent so far."""
        self._host, self._port, self._cadence_s = host, port, cadence_s
        self._fault = Fault.NONE
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)

    async def start(self) -> None:
        """Connect, now or as soon as the broker is there."""
        self._task = asyncio.create_task(self._run(), name=f"simulated {self.topic}")

    async def stop(self) -> None:
        """Be gone. Idempotent."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.5)

    async def _run(self) -> None:
        while True:
            if self._fault is not Fault.DOWN:
                with contextlib.suppress(aiomqtt.MqttError):
                    await self._connect()
            await asyncio.sleep(RETRY_S)

    async def _connect(self) -> None:
        will = aiomqtt.Will(f"{self.topic}/availability", "offline", retain=True)
        client = aiomqtt.Client(self._host, self._port, will=will, timeout=1.0)
        async with client:
            await client.publish(f"{self.topic}/availability", "online", retain=True)
            await client.subscribe(f"{self.topic}/command", qos=1)
            listening = asyncio.create_task(self._listen(client), name=f"simulated {self.topic} listens")
            try:
                await self._tell(client, listening)
            finally:
                listening.cancel()

    async def _tell(self, client: aiomqtt.Client, listening: asyncio.Task[None]) -> None:
        """Until it is switched off, or the connection breaks. Raises MqttError."""
        while self._fault is not Fault.DOWN and not listening.done():
            if self._fault is not Fault.SILENT:
                for topic, payload in self._payloads().items():
                    await client.publish(topic, payload)
                    self.messages += 1
            await asyncio.sleep(self._cadence_s)
        if not listening.done():
            await client.publish(f"{self.topic}/availability", "offline", retain=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        with contextlib.suppress(aiomqtt.MqttError):
            async for message in client.messages:
                if self._fault is not Fault.SILENT:
                    self._hear(message.payload)

    @abstractmethod
    def _payloads(self) -> dict[str, str]:
        """What is to be said now, by topic."""

    @abstractmethod
    def _hear(self, payload: bytes) -> None:
        """A command."""


class MqttMeter(_Device):
    """A meter that tells a whole sample as one JSON, or each quantity in kW under a topic of its own."""

    def __init__(
        self,
        host: str,
        port: int,
        sample_source: Callable[[], MeterSample | None],
        *,
        topic: str = "meter",
        cadence_s: float = 1.0,
        single: bool = False,
    ) -> None:
        """`sample_source` gives what is measured now, None for nothing new. `single`: a topic for each."""
        super().__init__(host, port, topic, cadence_s)
        self.without: set[str] = set()
        """Fields of a phase that it leaves out: `power`, `current`, `voltage`."""
        self._sample_source = sample_source
        self._single = single
        self._last: dict[str, str] = {}

    def _payloads(self) -> dict[str, str]:
        if self._fault is Fault.REPLAY:
            return self._last
        sample = self._sample_source()
        if sample is None:
            return {}
        said = self._singles(sample) if self._single else {f"{self.topic}/state": self._json(sample)}
        if self._fault is Fault.GARBAGE:
            return dict.fromkeys(said, '{"oops": [')
        if self._fault is Fault.NONE:
            self._last = said
        return said

    def _hear(self, payload: bytes) -> None:
        """A meter takes none."""

    def _json(self, sample: MeterSample) -> str:
        much = 1000.0 if self._fault is Fault.ABSURD else 1.0
        phases = {}
        for index, name in enumerate(("l1", "l2", "l3")):
            phase = {
                "power": round(sample.power_w[index] * much, 1),
                "current": round(sample.current_a[index] * much, 2),
                "voltage": round(sample.voltage_v[index], 1),
            }
            phases[name] = {key: value for key, value in phase.items() if key not in self.without}
        total: object = round(sample.total_w * much, 1)
        if self._fault is Fault.NOT_A_NUMBER:
            total = "much"
        said: dict[str, object] = {"power": total, **phases}
        if self._fault is Fault.NO_TOTAL:
            del said["power"]
        energies = {"import": sample.energy_import_wh, "export": sample.energy_export_wh}
        return json.dumps(
            {**said, "kwh": {k: None if v is None else v / 1000.0 for k, v in energies.items()}}
        )

    def _singles(self, sample: MeterSample) -> dict[str, str]:
        """In kW, import and export apart, as a reader of P1 meters has them."""
        found = {}
        of = {"": sample.total_w} | {f"_l{n}": w for n, w in enumerate(sample.power_w, start=1)}
        for name, power_w in of.items():
            found[f"{self.topic}/delivered{name}"] = f"{max(power_w, 0.0) / 1000.0:.3f}"
            found[f"{self.topic}/returned{name}"] = f"{max(-power_w, 0.0) / 1000.0:.3f}"
        return found


class MqttBattery(_Device):
    """A battery."""

    def __init__(
        self,
        host: str,
        port: int,
        battery: SimBattery,
        now: Callable[[], float],
        *,
        topic: str = "battery",
        cadence_s: float = 1.0,
        watchdog_s: float | None = 60.0,
    ) -> None:
        """`now`: the battery's clock."""
        super().__init__(host, port, topic, cadence_s)
        self.battery = battery
        self.mode = "auto"
        self.received: list[bytes] = []
        """Every message that arrived."""
        self.command_count = 0
        """Those that it understood."""
        self.held_w: list[float] = []
        """Every power that it was made to run at, charging positive; one after the other, not repeated."""
        self._now = now
        self._watchdog_s = watchdog_s
        self._heard_s = 0.0

    @property
    def fault(self) -> Fault:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        self.battery.fault = BatteryFault.NONE
        if self._fault is Fault.LOSES_CONTROL:
            self._let_go()

    def advance(self) -> None:
        """Bring it up to the clock."""
        now_s = self._now()
        if (
            self._watchdog_s is not None
            and self.mode == "remote"
            and now_s - self._heard_s >= self._watchdog_s
        ):
            self.battery.advance(self._heard_s + self._watchdog_s)
            self._let_go()
        self.battery.advance(now_s)

    def _let_go(self) -> None:
        self.mode = "auto"
        self._hold(0.0)

    def _hold(self, power_w: float) -> None:
        if self.held_w[-1:] != [power_w]:
            self.held_w.append(power_w)
        self.battery.command(power_w, self._now())

    def _payloads(self) -> dict[str, str]:
        self.advance()
        topic = f"{self.topic}/state"
        if self._fault is Fault.GARBAGE:
            return {topic: '{"power": "', f"{self.topic}/soc": "full"}
        held_w = self.held_w[-1] if self.mode == "remote" else None
        return {
            # Before the state, so that whoever waits for that has it.
            f"{self.topic}/soc": f"{self.battery.soc_pct:.1f}",
            topic: json.dumps(
                {
                    "power": round(-self.battery.ac_power_w, 1),
                    "mode": self.mode,
                    "count": self.messages,
                    "setpoint": None if held_w is None else -held_w,
                }
            ),
        }

    def _hear(self, payload: bytes) -> None:
        self.advance()
        self.received.append(payload)
        command = json.loads(payload)
        if command["mode"] not in {"auto", "remote"}:
            return
        self.command_count += 1
        if self._fault is Fault.IGNORES:
            return
        self._heard_s = self._now()
        if command["mode"] == "auto":
            self.mode = "auto"
            self.battery.command(0.0, self._now())
        else:
            self.mode = "remote"
            self._hold(-float(command["power"]))
