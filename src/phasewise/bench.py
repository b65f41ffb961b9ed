"""`phasewise bench`: what control costs on this machine.

Part one times `decide` alone, in several rounds: what else runs on the computer only ever adds, so the
quietest round says what a decision costs, and the slowest how much the computer adds. Part two runs the
installed daemon as a process of its own against a simulated house with six batteries on real sockets, and
watches it from outside.
"""

import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.model import (
    Assignment,
    BatterySettings,
    Capabilities,
    ControlSettings,
    Decision,
    PhaseProtection,
    Settings,
    Site,
    Snapshot,
    Split,
)
from phasewise.model.memory import Memory
from phasewise.sim.battery import BatterySpec, SimBattery
from phasewise.sim.closed_loop import ClosedLoop
from phasewise.sim.house import PerPhase, SimHouse
from phasewise.sim.household import Household
from phasewise.sim.servers.marstek import MarstekServer
from phasewise.sim.servers.p1 import P1Server

BATTERIES = 6
DECIDE_SECONDS = 1800.0
"""Simulated time: half an hour of a busy household, so steady and moving moments both count."""
HUNDRED_SECONDS = 200.0
ROUNDS = 3
"""Before the daemon is watched, and as many after it: neighbours of a virtual machine are busy in turns."""
HOUSE_W = 4800.0
"""What all batteries of the timed home can do together, however many they are."""
WARM_UP_S = 10.0
STEP_EVERY_S = 8
"""Seconds between load steps: each finds the loop at rest again."""
STEP_W = 600.0
FRAME_PAUSE_MS = 150
"""A Marstek v3 wants this between two frames, so a write may have to wait for it."""
POWER_REGISTERS = (42010, 42020, 42021)

CONFIG = """\
meter: {{driver: dsmr, url: "{meter}"}}
control: {{phase_protection: {{enabled: true}}}}
web: {{port: {port}}}
batteries:
"""
BATTERY = """\
  - id: m{n}
    driver: marstek
    url: "modbus-tcp://127.0.0.1:{port}?unit=1"
    model: venus-e-v3
    phase: L{phase}
"""


class DecideTime(Struct, frozen=True):
    """Time that one decision takes, in microseconds."""

    median_us: float
    p99_us: float
    slowest_us: float
    """Median of the slowest round; the others are of the quietest."""


class DecideTimes(Struct, frozen=True):
    """Time that one decision takes."""

    plain: DecideTime
    """Six batteries, aggregate control."""
    everything: DecideTime
    """Six batteries, with everything on that reads the mapping."""
    hundred: DecideTime
    """The same for a hundred batteries."""


class BenchResult(Struct, frozen=True):
    """Everything that was measured."""

    decide: DecideTimes
    write_median_ms: float
    """Telegram sent to the first setpoint register written at a battery."""
    write_p99_ms: float
    writes_timed: int
    cpu_share_pct: float
    """Of one core, at one telegram a second."""
    resident_mb: float
    first_decision_s: float
    """From the start of the process to the first decision on a meter reading."""


class BenchError(Exception):
    """The daemon could not be measured. The text says why."""


class _Timed:
    """The real controller, with a stopwatch around each decision."""

    def __init__(self, settings: Settings, strategies: dict[str, Strategy]) -> None:
        self.settings = settings
        self.memory = Memory()
        self.strategies = strategies
        self.took_ns: list[int] = []

    def control(self, snapshot: Snapshot) -> Decision:
        began_ns = time.perf_counter_ns()
        decision, self.memory = decide(snapshot, self.settings, self.memory, self.strategies)
        self.took_ns.append(time.perf_counter_ns() - began_ns)
        return decision


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def bench_decide(
    strategies: dict[str, Strategy],
    seconds: float = DECIDE_SECONDS,
    *,
    count: int = BATTERIES,
    everything: bool,
) -> DecideTime:
    """What one decision costs in a busy household.

    `everything`: with phase protection near its limits, own phase first, SoC balance, a three-phase and an
    unassigned battery; else aggregate control.
    """
    ids = [f"m{n}" for n in range(count)]
    size_w = HOUSE_W / count
    capabilities = Capabilities(max_charge_w=size_w, max_discharge_w=size_w)
    phases = [Assignment(f"L{n % 3 + 1}") for n in range(count)]
    if everything:
        phases[-2:] = [Assignment.THREE_PHASE, Assignment.UNASSIGNED]
    settings = Settings(
        Site(main_fuse_a=(16.0, 16.0, 16.0)) if everything else Site(),
        tuple(
            BatterySettings(i, i, capabilities, phase, size_w, size_w)
            for i, phase in zip(ids, phases, strict=True)
        ),
        ControlSettings(
            phase_protection=PhaseProtection(enabled=True), prefer_own_phase=True, split=Split.SOC_BALANCE
        )
        if everything
        else ControlSettings(),
    )
    household = Household(seed=1, pace=6.0)
    spec = BatterySpec(max_charge_w=size_w, max_discharge_w=size_w)
    house = SimHouse(
        lambda now_s: household.loads_w(43_200.0 + now_s),
        [
            (None if phase is Assignment.THREE_PHASE else n % 3, SimBattery(spec))
            for n, phase in enumerate(phases)
        ],
        noise_w=5.0,
    )
    timed = _Timed(settings, strategies)
    ClosedLoop(house, ids, timed, site=settings.site).run(seconds)
    took_us = [ns / 1000.0 for ns in timed.took_ns]
    median_us = round(statistics.median(took_us), 1)
    return DecideTime(median_us, round(_percentile(took_us, 0.99), 1), median_us)


def _decide_round(strategies: dict[str, Strategy]) -> DecideTimes:
    return DecideTimes(
        bench_decide(strategies, everything=False),
        bench_decide(strategies, everything=True),
        bench_decide(strategies, HUNDRED_SECONDS, count=100, everything=True),
    )


def quietest(rounds: Sequence[DecideTime]) -> DecideTime:
    """The quietest round, with how slow the slowest was."""
    slowest_us = max(of_round.median_us for of_round in rounds)
    return replace(min(rounds, key=lambda of_round: of_round.median_us), slowest_us=slowest_us)


async def bench_daemon(seconds: float) -> tuple[list[float], float, float, float]:
    """Run the daemon for that long: write latencies in ms, CPU share in %, memory in MB, start in s."""
    house = _SteppingHouse()
    async with AsyncExitStack() as stack:
        meter = P1Server(lambda: house.house.sample(time.monotonic()), cadence_s=None)
        await meter.start()
        stack.push_async_callback(meter.stop)
        servers = []
        for _, battery in house.house.batteries:
            server = MarstekServer(battery, model="venus-e-v3", now=time.monotonic)
            await server.start()
            stack.push_async_callback(server.stop)
            servers.append(server)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="phasewise-bench-")))
        port = _free_port()
        config = _write_config(folder, meter.url, [server.port for server in servers], port)
        sending = asyncio.create_task(_send(meter, house))
        stack.callback(sending.cancel)
        log_file = stack.enter_context((folder / "log").open("wb"))
        began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phasewise.cli", "run", str(config), stderr=log_file, stdout=log_file
        )
        try:
            if not await _first_decision(process, port):
                said = (folder / "log").read_text()
                raise BenchError(f"the daemon made no decision within 30 s. Its log:\n{said}")
            first_s = time.monotonic() - began_s
            await asyncio.sleep(WARM_UP_S)
            house.sent_s.clear()
            cpu_s, since_s = _cpu_s(process.pid), time.monotonic()
            await asyncio.sleep(seconds)
            share_pct = 100.0 * (_cpu_s(process.pid) - cpu_s) / (time.monotonic() - since_s)
            resident_mb = _resident_mb(process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        return _latencies_ms(house.sent_s, servers), share_pct, resident_mb, first_s


class _SteppingHouse:
    """A steady house whose load steps up and down, so that each step must be written."""

    def __init__(self) -> None:
        self.extra_w = 0.0
        self.sent_s: list[float] = []
        """When each telegram that showed a step was sent."""
        spec = BatterySpec(dead_time_s=0.3, ramp_w_s=12_500.0)
        now_s = time.monotonic()
        self.house = SimHouse(
            self._loads_w, [(n % 3, SimBattery(spec, now_s=now_s)) for n in range(BATTERIES)]
        )

    def _loads_w(self, _: float) -> PerPhase:
        return (1000.0 + self.extra_w, 1000.0, 1000.0)


async def _send(meter: P1Server, house: _SteppingHouse) -> None:
    """One telegram a second, every STEP_EVERY_S with a step in it."""
    count = 0
    while True:
        stepped = count % STEP_EVERY_S == 0
        if stepped:
            house.extra_w = STEP_W - house.extra_w
        await meter.emit()
        if stepped:
            house.sent_s.append(time.monotonic())
        count += 1
        await asyncio.sleep(1.0)


def _latencies_ms(sent_s: Sequence[float], servers: Sequence[MarstekServer]) -> list[float]:
    """From each telegram with a step to the first setpoint written after it, anywhere."""
    written_s = sorted(
        write.time_s for server in servers for write in server.writes if write.register in POWER_REGISTERS
    )
    found = []
    for at_s in sent_s:
        first_s = next((w for w in written_s if w >= at_s), None)
        if first_s is not None and first_s - at_s < STEP_EVERY_S:
            found.append(1000.0 * (first_s - at_s))
    return found


def _write_config(folder: Path, meter_url: str, ports: Sequence[int], web_port: int) -> Path:
    path = folder / "bench.yaml"
    batteries = (BATTERY.format(n=n, port=port, phase=n % 3 + 1) for n, port in enumerate(ports))
    path.write_text(CONFIG.format(meter=meter_url, port=web_port) + "".join(batteries), encoding="utf-8")
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


async def _first_decision(process: asyncio.subprocess.Process, port: int) -> bool:
    """Wait until the daemon has decided on a meter reading; False if that takes too long."""
    url = f"http://127.0.0.1:{port}/api/v1/state"
    deadline_s = time.monotonic() + 30.0
    while time.monotonic() < deadline_s and process.returncode is None:
        state = await asyncio.to_thread(_get, url)
        if state is not None and state["load_w"] is not None:
            return True
        await asyncio.sleep(0.02)
    return False


def _get(url: str) -> dict[str, object] | None:
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:  # noqa: S310 - our own daemon, http
            state: dict[str, object] = json.load(answer)
            return state
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def bench(strategies: dict[str, Strategy], *, seconds: float) -> BenchResult:
    """Run both parts. `seconds`: how long the daemon is watched. Raises BenchError."""
    rounds = [_decide_round(strategies) for _ in range(ROUNDS)]
    latencies_ms, share_pct, resident_mb, first_s = asyncio.run(bench_daemon(seconds))
    rounds += [_decide_round(strategies) for _ in range(ROUNDS)]
    if not latencies_ms:
        raise BenchError("no setpoint was written after any step of the load")
    return BenchResult(
        decide=DecideTimes(
            quietest([of_round.plain for of_round in rounds]),
            quietest([of_round.everything for of_round in rounds]),
            quietest([of_round.hundred for of_round in rounds]),
        ),
        write_median_ms=round(statistics.median(latencies_ms), 1),
        write_p99_ms=round(_percentile(latencies_ms, 0.99), 1),
        writes_timed=len(latencies_ms),
        cpu_share_pct=round(share_pct, 2),
        resident_mb=round(resident_mb, 1),
        first_decision_s=round(first_s, 2),
    )


def _took(took: DecideTime) -> str:
    return f"{took.median_us:,.0f} / {took.p99_us:,.0f} us (slowest {took.slowest_us:,.0f} us)"


def bench_rows(result: BenchResult) -> list[tuple[str, str, str]]:
    """The result as a table: what, measured, and the most it should be."""
    r = result
    return [
        (f"decide, 6 batteries, median / p99 (quietest of {2 * ROUNDS})", _took(r.decide.plain), "100 us"),
        ("decide, 6 batteries, everything on", _took(r.decide.everything), "150 us"),
        ("the same against plain", f"{r.decide.everything.median_us / r.decide.plain.median_us:.2f} x", ""),
        ("decide, 100 batteries, everything on", _took(r.decide.hundred), "5,000 us"),
        (f"telegram to Modbus write, median of {r.writes_timed}", f"{r.write_median_ms} ms", ""),
        ("telegram to Modbus write, p99", f"{r.write_p99_ms} ms", f"50 + {FRAME_PAUSE_MS} ms frame pause"),
        ("CPU share at 1 Hz, 6 batteries", f"{r.cpu_share_pct} % of a core", "2 %"),
        ("resident memory", f"{r.resident_mb} MB", "120 MB"),
        ("start to first decision", f"{r.first_decision_s} s", "4 s"),
    ]
