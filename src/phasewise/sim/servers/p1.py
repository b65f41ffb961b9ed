"""A simulated P1 meter on a real socket, with every fault that a meter or its converter may have.

Written from the standards, independently of the parser: its formats and its checksum are its own.
"""

import asyncio
import contextlib
import math
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from phasewise.sim.house import MeterSample
from phasewise.sim.servers.tasks import end

QUARTER_S = 900
"""Demand is measured per clock quarter."""
REPLAYED_TELEGRAMS = 5
"""How many recent telegrams the fault `replay` repeats."""
GARBAGE_BYTES = 700
"""Random bytes per cadence with the fault `garbage`: as many as a telegram has."""
MAX_UNSENT_BYTES = 65536
"""A client that does not read is dropped beyond this."""

_ZONE = ZoneInfo("Europe/Amsterdam")


class Style(StrEnum):
    """Whose telegrams are imitated."""

    DSMR4 = "dsmr4"
    """Netherlands, older: whole amps, no voltages."""
    DSMR5 = "dsmr5"
    """Netherlands: whole amps, rounded."""
    FLUVIUS = "fluvius"
    """Belgium: 0.01 A, demand of the quarter, peak of the month."""


class Fault(StrEnum):
    """What is wrong with the meter."""

    NONE = "none"
    SILENT = "silent"
    """Connections stand, nothing is sent."""
    FROZEN = "frozen"
    """The same telegram for ever."""
    GARBAGE = "garbage"
    """Random bytes."""
    REPLAY = "replay"
    """The last few telegrams, again and again."""
    ABSURD = "absurd"
    """Power and current a thousand times too high, with a right checksum."""
    NAN = "nan"
    """The word `nan` for every power, with a right checksum."""
    CLOSED = "closed"
    """Connections are dropped and refused."""


def checksum(data: bytes) -> int:
    """CRC-16/ARC, bit by bit."""
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return register


def seal(lines: list[str]) -> bytes:
    """A telegram of these lines (the first one the identification): CR LF, and the checksum."""
    body = "\r\n".join([lines[0], "", *lines[1:], "!"]).encode("ascii")
    return body + b"%04X\r\n" % checksum(body)


def format_telegram(
    sample: MeterSample,
    utc_s: float,
    style: Style | str = Style.DSMR5,
    *,
    quarter_demand_w: float = 0.0,
    month_peak_w: float = 0.0,
) -> bytes:
    """What a meter of that style sends for `sample` at Unix time `utc_s`.

    Rounding is the meter's: 1 W, 0.1 V, 1 A or 0.01 A, 1 Wh. The demands are only in `fluvius`.
    """
    style = Style(style)
    belgian = style is Style.FLUVIUS
    stamp = _timestamp(utc_s)
    lines = [
        "/FLU5\\253770234_A" if belgian else "/SIM5\\2P1METER",
        "0-0:96.1.4(50217)" if belgian else f"1-3:0.2.8({'42' if style is Style.DSMR4 else '50'})",
        "0-0:96.1.1(53494D303031)",
        f"0-0:1.0.0({stamp})",
        f"1-0:1.8.1({sample.energy_import_wh / 1000:010.3f}*kWh)",
        "1-0:1.8.2(000000.000*kWh)",
        f"1-0:2.8.1({sample.energy_export_wh / 1000:010.3f}*kWh)",
        "1-0:2.8.2(000000.000*kWh)",
        "0-0:96.14.0(0001)",
    ]
    if belgian:
        lines.append(f"1-0:1.4.0({_kilowatts(quarter_demand_w)}*kW)")
        lines.append(f"1-0:1.6.0({stamp})({_kilowatts(month_peak_w)}*kW)")
    lines.append(f"1-0:1.7.0({_kilowatts(sample.total_w)}*kW)")
    lines.append(f"1-0:2.7.0({_kilowatts(-sample.total_w)}*kW)")
    lines.append("0-0:96.13.0()")
    lines.extend(_phase_lines(sample, style))
    if belgian:
        lines.extend(("0-0:17.0.0(999.9*kW)", "1-0:31.4.0(999*A)"))
    return seal(lines)


def _phase_lines(sample: MeterSample, style: Style) -> list[str]:
    volts = [f"1-0:{base}2.7.0({v:05.1f}*V)" for base, v in zip("357", sample.voltage_v, strict=True)]
    current_format = "06.2f" if style is Style.FLUVIUS else "03.0f"
    amps = [
        f"1-0:{base}1.7.0({format(a, current_format)}*A)"
        for base, a in zip("357", sample.current_a, strict=True)
    ]
    imports = [f"1-0:{base}1.7.0({_kilowatts(w)}*kW)" for base, w in zip("246", sample.power_w, strict=True)]
    exports = [f"1-0:{base}2.7.0({_kilowatts(-w)}*kW)" for base, w in zip("246", sample.power_w, strict=True)]
    return [*([] if style is Style.DSMR4 else volts), *amps, *imports, *exports]


def _kilowatts(power_w: float) -> str:
    return f"{max(0.0, power_w) / 1000:06.3f}"


def _timestamp(utc_s: float) -> str:
    local = datetime.fromtimestamp(utc_s, tz=UTC).astimezone(_ZONE)
    return local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")


class Demand:
    """Energy imported in the running clock quarter, as the mean power it makes over 15 minutes."""

    def __init__(self) -> None:
        self.month_peak_w = 0.0
        self._start: tuple[int, float] | None = None
        self._demand_w = 0.0

    def update(self, utc_s: float, energy_import_wh: float) -> float:
        """The demand so far of the quarter that `utc_s` lies in."""
        quarter = int(utc_s // QUARTER_S)
        if self._start is None or quarter != self._start[0]:
            self.month_peak_w = max(self.month_peak_w, self._demand_w)
            self._start = (quarter, energy_import_wh)
        self._demand_w = (energy_import_wh - self._start[1]) * 3600.0 / QUARTER_S
        return self._demand_w


class P1Server:
    """Sends telegrams to any number of TCP clients.

    `sample_source` gives what the meter measures now, None for nothing new. Every `cadence_s`
    seconds of real time one telegram is sent; with `cadence_s=None` only `emit` sends. `utc_s` is
    the meter's clock, which its telegrams show in whole seconds.
    """

    def __init__(
        self,
        sample_source: Callable[[], MeterSample | None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        cadence_s: float | None = 1.0,
        style: Style | str = Style.DSMR5,
        utc_s: Callable[[], float] = time.time,
        seed: int = 1,
    ) -> None:
        self.host = host
        self.port = port
        """0 until `start` unless given; then the real one, which stays."""
        self.style = Style(style)
        self._sample_source = sample_source
        self._cadence_s = cadence_s
        self._utc_s = utc_s
        self._due_s: float | None = None
        self._random = random.Random(seed)
        self._fault = Fault.NONE
        self._recent: deque[bytes] = deque(maxlen=REPLAYED_TELEGRAMS)
        self._demand = Demand()
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> Fault:
        """What is wrong now: a `Fault` or its text. `closed` acts at once, others at the next emit."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | str) -> None:
        self._fault = Fault(fault)
        if self._fault is Fault.CLOSED:
            self._hang_up()

    @property
    def url(self) -> str:
        """For the `url` of a meter's configuration."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen, and begin to send."""
        await self._listen()
        if self._cadence_s is not None:
            self._task = asyncio.create_task(self._run(self._cadence_s))

    async def stop(self) -> None:
        """Drop all clients and stop. Idempotent."""
        await end(self._task)
        writers = tuple(self._clients)
        self._hang_up()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def emit(self) -> bytes:
        """Measure once and send what the fault makes of it to every client; returns what was sent."""
        if self._fault is Fault.CLOSED:
            return b""
        await self._listen()
        payload = self._payload()
        for writer in tuple(self._clients):
            if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                writer.transport.abort()
            else:
                writer.write(payload)
        return payload

    async def _run(self, cadence_s: float) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            # A meter's clock does not wait for a busy computer: no two telegrams are of the same second.
            self._due_s = due_s
            await self.emit()
            due_s += cadence_s * max(1, math.ceil((loop.time() - due_s) / cadence_s))
            await asyncio.sleep(due_s - loop.time())

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
            self.port = int(self._server.sockets[0].getsockname()[1])

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._clients):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _payload(self) -> bytes:
        match self._fault:
            case Fault.SILENT:
                return b""
            case Fault.GARBAGE:
                return self._random.randbytes(GARBAGE_BYTES)
            case Fault.FROZEN if self._recent:
                return self._recent[-1]
            case Fault.REPLAY if self._recent:
                self._recent.rotate(-1)
                return self._recent[-1]
        sample = self._sample_source()
        if sample is None:
            return b""
        return self._live(sample)

    def _live(self, sample: MeterSample) -> bytes:
        if self._fault is Fault.ABSURD:
            sample = _thousandfold(sample)
        utc_s = self._utc_s()
        if self._due_s is not None:
            utc_s -= asyncio.get_running_loop().time() - self._due_s
        telegram = format_telegram(
            sample,
            utc_s,
            self.style,
            quarter_demand_w=self._demand.update(utc_s, sample.energy_import_wh),
            month_peak_w=self._demand.month_peak_w,
        )
        if self._fault is Fault.NAN:
            return _without_powers(telegram)
        if self._fault is Fault.NONE:
            self._recent.append(telegram)
        return telegram


def _thousandfold(sample: MeterSample) -> MeterSample:
    p1, p2, p3 = sample.power_w
    a1, a2, a3 = sample.current_a
    return MeterSample(
        time_s=sample.time_s,
        power_w=(p1 * 1000, p2 * 1000, p3 * 1000),
        current_a=(a1 * 1000, a2 * 1000, a3 * 1000),
        voltage_v=sample.voltage_v,
        energy_import_wh=sample.energy_import_wh,
        energy_export_wh=sample.energy_export_wh,
    )


def _without_powers(telegram: bytes) -> bytes:
    lines = telegram.decode("ascii").split("\r\n")
    blanked = [line.split("(", 1)[0] + "(nan*kW)" if line.endswith("*kW)") else line for line in lines]
    return seal([blanked[0], *blanked[2:-2]])
