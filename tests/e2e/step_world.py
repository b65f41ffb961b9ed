"""The closed-loop step: any meter and any batteries on real sockets, the real application in process.

A house with batteries on its phases is held at 0 W; then the load steps, and what the grid sees is followed
in real time. `step` returns the figures. Many of them run at once, so that the wait is paid once:

    results = await asyncio.gather(*(step(tmp_path / name, batteries=...) for name ...))

A fake device is told how to be configured by a `Part`: a server with `start` and `stop`, and the entry of the
configuration, asked for when everything runs (ports are known then).
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from world import METER_DELAY_S, free_port

from phasewise.app import Application
from phasewise.engine.state import SystemState
from phasewise.registry import load_plugins
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.house import DelayLine, MeterSample, PerPhase, SimHouse
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server

PHASES = ("L1", "L2", "L3")
STEP_W: PerPhase = (3000.0, 0.0, 0.0)
"""An induction hob on L1; what three batteries of 2.5 kW carry."""
BAND_W = 100.0
"""Within this the grid counts as held at 0 W."""
HELD_S = 4.0
SETTLED_WITHIN_S = 60.0
TRACE_S = 25.0
TRACE_STEP_S = 0.1


class Server(Protocol):
    """A fake device."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True)
class Part:
    """One fake device and its entry of the configuration."""

    server: Server
    """Several parts may share one: it is started once."""
    entry: Callable[[], Mapping[str, object]]
    """`driver` and the driver's options; for a battery whatever else its entry should say."""


SampleSource = Callable[[], MeterSample | None]
"""What the meter sees now; None for nothing new since it was last asked."""
MeterMaker = Callable[[SampleSource], Part]
BatteryMaker = Callable[[SimBattery], Part]
"""The battery's clock is `time.monotonic`."""


def p1_meter(seen: SampleSource) -> Part:
    """A DSMR 5 meter: one telegram a second."""
    server = P1Server(seen)
    return Part(server, lambda: {"driver": "dsmr", "url": server.url})


def marstek(battery: SimBattery) -> Part:
    """A Marstek Venus E v3 on Modbus TCP."""
    server = MarstekServer(battery, model="venus-e-v3", now=time.monotonic)
    return Part(
        server,
        lambda: {
            "driver": "marstek",
            "url": f"modbus-tcp://127.0.0.1:{server.port}?unit=1",
            "model": "venus-e-v3",
        },
    )


@dataclass(frozen=True)
class StepResult:
    """What became of one step."""

    first_settled_s: float
    """From the start of the application until the grid was first held near 0 W."""
    settle_s: float
    """Seconds after the step until the grid stays within `BAND_W` of 0 W."""
    overshoot_w: float
    """The most beyond 0 W, to the other side of the step."""
    state: SystemState
    """The application's own view at the end, with the batteries still working."""
    trace: Sequence[tuple[float, float]] = field(repr=False)
    """(seconds after the step, true total in W), ten a second."""

    def __str__(self) -> str:
        return f"settled in {self.settle_s:.1f} s, overshoot {self.overshoot_w:.0f} W"


async def step(
    folder: Path,
    *,
    meter: MeterMaker = p1_meter,
    batteries: Sequence[BatteryMaker] = (marstek, marstek, marstek),
    spec: BatterySpec | None = None,
    phases: Sequence[str] = PHASES,
    load_w: PerPhase = (200.0, 150.0, 150.0),
    step_w: PerPhase = STEP_W,
    meter_delay_s: float = METER_DELAY_S,
    settled_within_s: float = SETTLED_WITHIN_S,
    trace_s: float = TRACE_S,
    more: Mapping[str, object] | None = None,
    during: Callable[[Application, SimHouse], Awaitable[None]] | None = None,
) -> StepResult:
    """Hold `load_w` at 0 W, step by `step_w`, follow for `trace_s`; AssertionError when it never settles.

    `spec`: of every simulated battery. `phases`: of each battery, "three-phase" too. `meter_delay_s`: how old
    what the meter sees is. `more`: further parts of the configuration. `during`: run after the trace, with
    everything still at work, for a test's own questions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    loads_w = list(load_w)
    house = _house(loads_w, spec or BatterySpec(dead_time_s=0.8), phases[: len(batteries)])
    parts = [meter(_seen(house, meter_delay_s))]
    parts += [make(battery) for make, (_, battery) in zip(batteries, house.batteries, strict=True)]
    servers = list({id(part.server): part.server for part in parts}.values())
    for server in servers:
        await server.start()
    try:
        path = folder / "home.yaml"
        path.write_text(_configuration(parts, phases, more or {}), encoding="utf-8")
        app = Application(path, load_plugins())
        running = asyncio.create_task(app.run())
        try:
            first_settled_s = await _settled(house, app, running, settled_within_s)
            for index, power_w in enumerate(step_w):
                loads_w[index] += power_w
            trace = await _trace(house, trace_s)
            state = app.live.current
            if during is not None:
                await during(app, house)
        finally:
            app.stop()
            await running
    finally:
        for server in reversed(servers):
            await server.stop()
    assert state is not None
    return _result(first_settled_s, trace, sum(step_w), state)


def _house(loads_w: list[float], spec: BatterySpec, phases: Sequence[str]) -> SimHouse:
    def loads(_: float) -> PerPhase:
        return (loads_w[0], loads_w[1], loads_w[2])

    now_s = time.monotonic()
    indices = [PHASES.index(phase) if phase in PHASES else None for phase in phases]
    return SimHouse(loads, [(index, SimBattery(spec, now_s=now_s)) for index in indices], noise_w=5.0)


def _seen(house: SimHouse, delay_s: float) -> SampleSource:
    line = DelayLine(delay_s)

    def seen() -> MeterSample | None:
        now_s = time.monotonic()
        line.put(house.sample(now_s))
        return line.due(now_s)

    return seen


def _configuration(parts: Sequence[Part], phases: Sequence[str], more: Mapping[str, object]) -> str:
    """JSON is YAML."""
    meter, *batteries = parts
    entries = [
        {"id": f"b{n}", "phase": phase, **part.entry()}
        for n, (part, phase) in enumerate(zip(batteries, phases, strict=False), start=1)
    ]
    config = {
        "site": {"name": "Step", "main_fuse_a": 25},
        "meter": dict(meter.entry()),
        "web": {"port": free_port()},
        "batteries": entries,
        **more,
    }
    return json.dumps(config, indent=2)


async def _settled(house: SimHouse, app: Application, running: asyncio.Task[None], within_s: float) -> float:
    """Wait until the grid is held near 0 W; the seconds until then."""
    began_s = time.monotonic()
    since_s: float | None = None
    while (now_s := time.monotonic()) - began_s < within_s + HELD_S:
        if running.done():
            await running
        if abs(sum(house.power_w(now_s))) < BAND_W:
            since_s = now_s if since_s is None else since_s
            if now_s - since_s >= HELD_S:
                return since_s - began_s
        else:
            since_s = None
        await asyncio.sleep(TRACE_STEP_S)
    raise AssertionError(f"not settled within {within_s:g} s; {_said(house, app)}")


async def _trace(house: SimHouse, seconds: float) -> list[tuple[float, float]]:
    began_s = time.monotonic()
    trace = []
    while (at_s := time.monotonic() - began_s) < seconds:
        trace.append((at_s, sum(house.power_w(time.monotonic()))))
        await asyncio.sleep(TRACE_STEP_S)
    return trace


def _result(
    first_settled_s: float, trace: Sequence[tuple[float, float]], step_w: float, state: SystemState
) -> StepResult:
    outside_s = [at_s for at_s, total_w in trace if abs(total_w) > BAND_W]
    beyond_w = [-total_w if step_w > 0 else total_w for _, total_w in trace]
    return StepResult(first_settled_s, max(outside_s, default=0.0), max(0.0, *beyond_w), state, tuple(trace))


def _said(house: SimHouse, app: Application) -> str:
    """What the house and the application know, for a test that failed."""
    state = app.live.current
    powers = [round(battery.ac_power_w) for _, battery in house.batteries]
    said = "no state yet" if state is None else f"alarms: {state.alarms}; batteries: {state.batteries}"
    return f"total {sum(house.power_w(time.monotonic())):.0f} W, batteries {powers} W; {said}"
