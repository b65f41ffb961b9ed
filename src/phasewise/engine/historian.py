"""Turns each published state into what history keeps: a value per second, and energy per quarter hour.

A state holds until the next one. Where none follows in time there is a gap: nothing is made up for it.
"""

import math
import sqlite3
import threading
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter

import msgspec
import structlog
from msgspec import Struct

from phasewise.engine.habit import KEEP_DAYS
from phasewise.engine.live import Live
from phasewise.engine.state import SystemState
from phasewise.model.forecast import ForecastInterval
from phasewise.store import History, Job, Run, energy, series, write_runs

HOLD_S = 10.0
"""A state comes at least every 2.5 s; when it takes longer the daemon, or its clock, stood still."""
LEAST_OF_SECOND = 0.5
"""A second of which less is known counts as unknown."""
QUARTER_S = 900
MOST_SECONDS = 7200
"""So many wait while the writer hangs in a broken disk, the oldest go first: two hours, some ten MB."""
MOST_W = 100_000.0
"""More than any home's connection: a register that runs faster is another meter's, or was misread."""
COUNT_S = 60.0
"""A register may tell so much time at once: it counts in steps, of 1 Wh to 1 kWh."""
LONGEST_S = 31 * 86_400.0
"""What a meter counted while Phasewise was off longer belongs to no day any more."""
REGISTERS = "registers"
"""The fact that keeps the last registers over a restart."""
_KNOWN = ("fresh", "aging")

log = structlog.get_logger("phasewise.history")

Values = dict[str, int]
"""What is known, by series, in parts of the unit."""


class Registers(Struct, frozen=True):
    """What the meter has counted."""

    utc_s: float
    import_wh: float | None
    export_wh: float | None


class _Moment(Struct, frozen=True):
    """A state, as far as history is concerned."""

    utc_s: float
    state: SystemState
    values: Values


class Historian:
    """Follows the state; what has gathered is taken by the store's writer, in its own thread."""

    def __init__(
        self,
        forecast: Callable[[], Sequence[ForecastInterval]],
        *,
        keep_days: Callable[[], float],
    ) -> None:
        """`forecast`: of the panels, now. `keep_days`: how long seconds are kept, now."""
        self._forecast = forecast
        self._keep_days = keep_days
        self._registers: Registers | None = None
        self._last: _Moment | None = None
        self._seconds = _Seconds()
        self._lock = threading.Lock()
        self._added: defaultdict[tuple[int, str], float] = defaultdict(float)

    def recall(self, registers: Registers | None) -> None:
        """The registers as they were last seen before the start: what the meter counted since is not lost."""
        self._registers = registers

    async def follow(self, live: Live) -> None:
        """Until cancelled, or the stream ends."""
        async for state in live.changes():
            try:
                self.saw(state)
            except Exception:  # history must never decide over what is controlled
                log.exception("a state was not kept", next="history goes on with the next one")

    def saw(self, state: SystemState) -> None:
        """One state. One that is not newer than the last is left out."""
        utc_s = datetime.fromisoformat(state.time).timestamp()
        last = self._last
        if last is not None and utc_s == last.utc_s:
            return
        with self._lock:
            steady = last is not None and 0.0 < utc_s - last.utc_s <= HOLD_S
            if last is not None and steady:
                self._seconds.take(last.utc_s, utc_s, last.values)
                self._integrate(last, utc_s)
            else:
                self._seconds.interrupt()
            self._count(state, utc_s, last if steady else None)
            expected = _expected_w(self._forecast(), utc_s)
            self._last = _Moment(utc_s, state, values_of(state, expected))

    def take(self) -> Job | None:
        """What has gathered since the last call, as a job for the writer; None when nothing has."""
        with self._lock:
            seconds, added = self._seconds.taken(), self._added
            self._added, registers = defaultdict(float), self._registers
        if not seconds and not added:
            return None
        # As columns already: they may wait in memory for hours.
        runs, keep_days = list(runs_of(seconds)), self._keep_days()

        def write(db: sqlite3.Connection) -> None:
            write_runs(db, runs, keep_days=keep_days)
            energy.add(db, added)
            if registers is not None:
                put = "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)"
                db.execute(put, (REGISTERS, msgspec.json.encode(registers).decode()))

        return write

    def _integrate(self, moment: _Moment, until_s: float) -> None:
        """Energy and money of the time for which a state holds."""
        rates = list(_rates(moment.state, counted=self._registers))
        for quarter, seconds in by_quarter(moment.utc_s, until_s):
            for name, per_s in rates:
                self._added[quarter, name] += per_s * seconds

    def _count(self, state: SystemState, utc_s: float, last: _Moment | None) -> None:
        """What the registers say since they were last seen, spread evenly over that time."""
        grid = state.grid
        if grid.freshness not in _KNOWN:
            return
        before, self._registers = self._registers, None
        if grid.energy_import_wh is None and grid.energy_export_wh is None:
            return
        self._registers = Registers(utc_s, grid.energy_import_wh, grid.energy_export_wh)
        if before is None or not 0.0 < utc_s - before.utc_s <= LONGEST_S:
            return
        price = last.state.prices if last is not None else None
        for name, was, now, sign in (
            (energy.IMPORT, before.import_wh, grid.energy_import_wh, 1.0),
            (energy.EXPORT, before.export_wh, grid.energy_export_wh, -1.0),
        ):
            counted_wh = _counted_wh(was, now, utc_s - before.utc_s)
            if not counted_wh:
                continue
            eur_kwh = None if price is None else price.buy_eur_kwh if sign > 0 else price.sell_eur_kwh
            for quarter, seconds in by_quarter(before.utc_s, utc_s):
                part_wh = counted_wh * seconds / (utc_s - before.utc_s)
                self._added[quarter, name] += part_wh
                if eur_kwh is not None:
                    self._added[quarter, energy.COST] += sign * part_wh / 1000.0 * eur_kwh


class _Seconds:
    """Means per second, of states that hold for any time."""

    def __init__(self) -> None:
        self._done: deque[tuple[int, Values]] = deque(maxlen=MOST_SECONDS)
        self._second = 0
        self._parts: list[tuple[float, Values]] = []

    def take(self, begin_s: float, end_s: float, values: Values) -> None:
        """These values held from one moment to another."""
        while begin_s < end_s:
            second = math.floor(begin_s)
            if second != self._second:
                self._close()
                self._second = second
            until_s = min(end_s, second + 1.0)
            self._parts.append((until_s - begin_s, values))
            begin_s = until_s

    def interrupt(self) -> None:
        """Nothing is known from here on."""
        self._close()

    def taken(self) -> list[tuple[int, Values]]:
        """The seconds that are over since the last call."""
        done = list(self._done)
        self._done.clear()
        return done

    def _close(self) -> None:
        parts, self._parts = self._parts, []
        if sum(part_s for part_s, _ in parts) < LEAST_OF_SECOND:
            return
        self._done.append((self._second, parts[0][1] if len(parts) == 1 else _mean(parts)))


def values_of(state: SystemState, pv_forecast_w: float | None) -> Values:
    """What is known in a state, by series."""
    values = {}
    for name, value in _named(state, pv_forecast_w):
        kept = series.kept(name, value)
        if kept is not None:
            values[name] = kept
    return values


def _named(state: SystemState, pv_forecast_w: float | None) -> Iterator[tuple[str, float | None]]:
    grid = state.grid
    known = grid.freshness in _KNOWN
    yield series.TOTAL, grid.total_power_w if known else None
    yield series.LOAD, state.load_w if known else None
    for phase_name, phase in grid.phases.items():
        if phase.freshness in _KNOWN:
            for field in series.OF_PHASE:
                yield f"{phase_name}.{field}", getattr(phase, field)
    yield series.PV, _submeter_w(state, "pv")
    yield series.EV, _submeter_w(state, "ev")
    yield series.PV_FORECAST, pv_forecast_w
    for battery in state.batteries:
        if battery.reachable:
            for field in series.OF_BATTERY:
                yield f"battery.{battery.id}.{field}", getattr(battery, field)
    if state.prices is not None:
        yield series.BUY, state.prices.buy_eur_kwh
        yield series.SELL, state.prices.sell_eur_kwh


def _submeter_w(state: SystemState, role: str) -> float | None:
    meter = state.pv if role == "pv" else state.ev
    return meter.power_w if meter is not None and meter.freshness in _KNOWN else None


def _rates(state: SystemState, counted: Registers | None) -> Iterator[tuple[str, float]]:
    """What each second adds, in Wh, EUR or s. `counted`: where the meter counts itself, this does not."""
    grid = state.grid
    if grid.freshness in _KNOWN and grid.total_power_w is not None:
        total_w, load_w = grid.total_power_w, state.load_w
        imported = counted is not None and counted.import_wh is not None
        exported = counted is not None and counted.export_wh is not None
        yield energy.MEASURED, 1.0
        if not imported:
            yield energy.IMPORT, max(total_w, 0.0) / 3600.0
        if not exported:
            yield energy.EXPORT, max(-total_w, 0.0) / 3600.0
        yield from _money(state, total_w, imported=imported, exported=exported)
        if load_w is not None:
            yield energy.LOAD, load_w / 3600.0
        yield from _exchanged(state)
    for name, role in ((energy.PV, "pv"), (energy.EV, "ev")):
        power_w = _submeter_w(state, role)
        if power_w is not None:
            yield name, power_w / 3600.0
    for battery in state.batteries:
        if battery.power_w:
            direction = energy.CHARGED if battery.power_w > 0 else energy.DISCHARGED
            yield direction + battery.id, abs(battery.power_w) / 3600.0


def _money(
    state: SystemState, total_w: float, *, imported: bool, exported: bool
) -> Iterator[tuple[str, float]]:
    prices = state.prices
    if prices is None or prices.buy_eur_kwh is None or prices.sell_eur_kwh is None:
        return
    buy, sell = prices.buy_eur_kwh / 3.6e6, prices.sell_eur_kwh / 3.6e6
    # Zero too: a day with prices has a sum, also one without a Wh.
    costs = 0.0 if imported else max(total_w, 0.0) * buy
    earns = 0.0 if exported else max(-total_w, 0.0) * sell
    yield energy.COST, costs - earns
    if state.load_w is not None:
        without, with_batteries = (w * (buy if w > 0 else sell) for w in (state.load_w, total_w))
        yield energy.SAVED, without - with_batteries


def _exchanged(state: SystemState) -> Iterator[tuple[str, float]]:
    """What goes in on one phase and out on another at the same moment."""
    powers_w = [phase.power_w for phase in state.grid.phases.values() if phase.freshness in _KNOWN]
    known_w = [power_w for power_w in powers_w if power_w is not None]
    imported_w = sum(max(power_w, 0.0) for power_w in known_w)
    exported_w = sum(max(-power_w, 0.0) for power_w in known_w)
    yield energy.EXCHANGED, min(imported_w, exported_w) / 3600.0


def _counted_wh(was: float | None, now: float | None, seconds: float) -> float:
    """0 where the register is new, went back, or ran faster than any home."""
    if was is None or now is None:
        return 0.0
    counted_wh = now - was
    return counted_wh if 0.0 <= counted_wh <= MOST_W * max(seconds, COUNT_S) / 3600.0 else 0.0


def by_quarter(begin_s: float, end_s: float) -> Iterator[tuple[int, float]]:
    """The quarter hours of UTC that this time lies in, and how many seconds of it lie in each."""
    while begin_s < end_s:
        quarter = int(begin_s // QUARTER_S) * QUARTER_S
        until_s = min(end_s, quarter + QUARTER_S)
        yield quarter, until_s - begin_s
        begin_s = until_s


def runs_of(seconds: Sequence[tuple[int, Values]]) -> Iterator[Run]:
    """Stretches without a gap, as columns."""
    begin = 0
    for index in range(1, len(seconds) + 1):
        if index < len(seconds) and seconds[index][0] == seconds[index - 1][0] + 1:
            continue
        part = [values for _, values in seconds[begin:index]]
        names = dict.fromkeys(name for values in part for name in values)
        yield Run(seconds[begin][0], {name: [values.get(name) for values in part] for name in names})
        begin = index


def _mean(parts: Sequence[tuple[float, Values]]) -> Values:
    """Of what was known for at least half a second."""
    sums: defaultdict[str, float] = defaultdict(float)
    lengths: defaultdict[str, float] = defaultdict(float)
    for part_s, values in parts:
        for name, value in values.items():
            sums[name] += part_s * value
            lengths[name] += part_s
    return {name: round(sums[name] / length) for name, length in lengths.items() if length >= LEAST_OF_SECOND}


def _expected_w(forecast: Sequence[ForecastInterval], utc_s: float) -> float | None:
    index = bisect_right(forecast, utc_s, key=attrgetter("start_utc_s")) - 1
    return forecast[index].power_w if index >= 0 and utc_s < forecast[index].end_utc_s else None


def registers_of(fact: str | None) -> Registers | None:
    """What was kept under `REGISTERS`; None of nothing, or of something else."""
    try:
        return None if fact is None else msgspec.json.decode(fact, type=Registers)
    except msgspec.MsgspecError:
        return None


def load_means(past: History, now_s: float) -> list[tuple[float, float]]:
    """What the house drew in the last weeks, without panels: quarter hours and means in W, for `Habit`.

    What was expected of the panels stands for what they gave, as it does while the habit is learnt.
    Raises UnreadableError.
    """
    names = (series.LOAD, series.PV_FORECAST)
    found = past.quarters(now_s - KEEP_DAYS * 86_400.0, now_s, names)
    loads_w, suns_w = (found.series[name].mean for name in names)
    return [
        (float(start), load_w + (sun_w or 0.0))
        for start, load_w, sun_w in zip(found.time, loads_w, suns_w, strict=True)
        if load_w is not None
    ]
