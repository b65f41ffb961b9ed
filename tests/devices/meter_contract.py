"""What every meter driver must do, tested against a simulated meter on a real connection.

A driver's tests derive from `MeterContract` and give it a fixture `bench`, a `MeterBench` that is already
serving, several samples a second. Time is real, but the driver's clock is a `HastyClock`: its pauses are
short and noted. Give the driver short limits for silence, too.
"""

import asyncio
import gc
import math
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

import pytest

from phasewise.control.freshness import MeterWatch, Verdict, admit
from phasewise.devices.base import MeterDriver, SystemClock
from phasewise.model import GridReading, PhaseReading, Site
from phasewise.sim.house import MeterSample

WITHIN_S = 15.0
"""Real time within which everything that is waited for must have happened."""
SAMPLE = MeterSample(
    time_s=0.0,
    power_w=(100.0, -200.0, 1500.0),
    current_a=(0.5, 0.9, 6.6),
    voltage_v=(230.0, 231.0, 229.0),
    energy_import_wh=1_234_567.0,
    energy_export_wh=89_012.0,
)
EXPORTING = MeterSample(
    time_s=0.0,
    power_w=(-1200.0, 30.0, -700.0),
    current_a=(5.2, 0.2, 3.1),
    voltage_v=(231.0, 229.0, 232.0),
    energy_import_wh=1_234_567.0,
    energy_export_wh=89_013.0,
)
SITE = Site(main_fuse_a=(25.0, 25.0, 25.0))
REPLAYED_S = 0.5
"""So long old content is told again: at the cadence of a bench ten times and more."""
CLOCK_TOLERANCE_S = 5.0
"""How far a meter's own time may be from ours here: one clock, whole seconds. Hours are time zones."""
BACKOFF_GROWS_TO_S = 8.0
BACKOFF_MAX_S = 60.0
"""A meter that came back is found within a minute; one that is gone is not asked every second."""


class Trouble(StrEnum):
    """What can be wrong with the meter or the way to it."""

    NONE = "none"
    SILENT = "silent"
    """The connection stands, or is taken, and nothing comes."""
    DOWN = "down"
    """Connections are dropped and refused."""
    GARBAGE = "garbage"
    """What comes has no meaning."""
    REPLAY = "replay"
    """What it sent before is sent again."""
    ABSURD = "absurd"
    """Powers and currents a thousand times too high, well-formed."""
    NOT_A_NUMBER = "not-a-number"
    """A total power that is no number, else well-formed."""
    NO_TOTAL = "no-total"
    """No total power at all, else well-formed."""


class HastyClock(SystemClock):
    """Real time, but every pause is short, and is noted."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        await asyncio.sleep(0.01)


class MeterBench(ABC):
    """A driver, the meter that it reads, and the truth about both."""

    clock: HastyClock
    driver: MeterDriver
    sample: MeterSample = SAMPLE
    """What the meter measures from now on."""
    power_step_w: float = 1.0
    """Resolution of the powers that it tells."""
    current_step_a: float | None = 1.0
    """Resolution of the currents that it tells; None when it tells none."""
    rejects = frozenset({Trouble.GARBAGE, Trouble.ABSURD, Trouble.NOT_A_NUMBER, Trouble.NO_TOTAL})
    """Troubles that the driver itself must recognise: less only where the way to the meter lacks one."""

    @abstractmethod
    def new_driver(self) -> MeterDriver:
        """Another driver for the same meter, not started."""

    @abstractmethod
    def trouble(self, trouble: Trouble) -> None:
        """From now on this is wrong (or nothing)."""

    @abstractmethod
    def poorest(self) -> set[str]:
        """From now on the meter tells as little per phase as its poorest model does: the fields of
        `PhaseReading` that it then leaves out; all of them where it says nothing of the phase."""

    @property
    @abstractmethod
    def connection_count(self) -> int:
        """How many connections the meter serves now."""


class Reader:
    """Reads a driver in a task, as the engine does, and judges freshness as the engine does."""

    def __init__(self, driver: MeterDriver) -> None:
        self.driver = driver
        self.readings: list[GridReading] = []
        self.accepted: list[GridReading] = []
        self._watch = MeterWatch()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for reading in self.driver.readings():
            self.readings.append(reading)
            self._watch, verdict, _ = admit(self._watch, reading, SITE)
            if verdict is Verdict.ACCEPTED:
                self.accepted.append(reading)

    async def more(self, count: int = 1) -> list[GridReading]:
        """The next readings, whatever they are."""
        start = len(self.readings)
        await self.until(lambda: len(self.readings) >= start + count)
        return self.readings[start:]

    async def shows(self, sample: MeterSample) -> GridReading:
        """The first reading that is of this sample."""
        start = len(self.readings)

        def shown() -> list[GridReading]:
            return [r for r in self.readings[start:] if abs(r.total_power_w - sample.total_w) < 2]

        await self.until(lambda: bool(shown()))
        return shown()[0]

    async def says_something(self) -> str:
        """What the status says as soon as all is no longer well."""
        await self.until(lambda: self.driver.status is not None)
        return self.driver.status or ""

    async def until(self, condition: Callable[[], bool]) -> None:
        """Fails when the driver's stream ends or breaks before the condition holds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                while not condition() and not self.task.done():  # noqa: ASYNC110 - no event for most of it
                    await asyncio.sleep(0.01)
        if self.task.done() and not self.task.cancelled() and (error := self.task.exception()):
            raise error
        said = f"status: {self.driver.status}; {len(self.readings)} readings"
        assert condition(), f"the stream ended; {said}" if self.task.done() else f"never so; {said}"


@asynccontextmanager
async def reading(driver: MeterDriver) -> AsyncIterator[Reader]:
    """Read this driver meanwhile, and close it then."""
    reader = Reader(driver)
    try:
        yield reader
    finally:
        reader.task.cancel()
        await asyncio.wait([reader.task])
        await driver.close()


async def gone(condition: Callable[[], bool]) -> None:
    """Wait until so."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - a socket's end at the other side has no event here
            await asyncio.sleep(0.01)


def fields(of_phase: PhaseReading | None) -> dict[str, float | None]:
    """The quantities of a phase by name; None for every one when nothing is said of it."""
    read = of_phase or PhaseReading()
    return {name: getattr(read, name) for name in PhaseReading.__struct_fields__}


class MeterContract:
    """The contract."""

    async def test_signs_per_phase_and_in_total(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            for sample in (SAMPLE, EXPORTING):
                bench.sample = sample
                shown = await reader.shows(sample)
                assert shown.total_power_w == pytest.approx(sample.total_w, abs=1.5 * bench.power_step_w)
                for of_phase, power_w in zip(shown.phases, sample.power_w, strict=True):
                    assert of_phase is not None
                    assert of_phase.power_w == pytest.approx(power_w, abs=bench.power_step_w)

    async def test_currents_and_how_exact_they_are(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            for sample in (SAMPLE, EXPORTING):
                bench.sample = sample
                shown = await reader.shows(sample)
                told = [fields(of_phase)["current_a"] for of_phase in shown.phases]
                if bench.current_step_a is None:
                    assert told == [None] * 3
                    assert shown.current_quantum_a is None
                    continue
                assert shown.current_quantum_a == bench.current_step_a
                assert 0.0 <= shown.current_allowance_a <= bench.current_step_a
                for told_a, true_a in zip(told, sample.current_a, strict=True):
                    assert told_a is not None
                    assert told_a == pytest.approx(true_a, abs=bench.current_step_a)
                    assert true_a - told_a <= shown.current_allowance_a + 1e-9

    async def test_what_the_meter_leaves_out_is_none(self, bench: MeterBench):
        absent = bench.poorest()
        assert absent <= set(PhaseReading.__struct_fields__)
        bench.sample = EXPORTING
        async with reading(bench.driver) as reader:
            shown = await reader.shows(EXPORTING)
            for index, of_phase in enumerate(shown.phases):
                told = fields(of_phase)
                for name, true in (
                    ("power_w", EXPORTING.power_w[index]),
                    ("current_a", EXPORTING.current_a[index]),
                    ("voltage_v", EXPORTING.voltage_v[index]),
                ):
                    value = told[name]
                    assert (value is None) if name in absent else (value == pytest.approx(true, abs=1.0))
            assert bench.driver.rejected == 0

    async def test_energies_are_in_watt_hours_or_absent(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            shown = await reader.shows(SAMPLE)
        assert shown.energy_import_wh in (None, pytest.approx(SAMPLE.energy_import_wh, abs=10))
        assert shown.energy_export_wh in (None, pytest.approx(SAMPLE.energy_export_wh, abs=10))

    async def test_times_make_sense(self, bench: MeterBench):
        before_s = bench.clock.now_s()
        async with reading(bench.driver) as reader:
            readings = await reader.more(4)
            now_s = bench.clock.now_s()
        received_s = [r.received_s for r in readings]
        assert received_s == sorted(received_s)
        assert all(before_s <= at_s <= now_s for at_s in received_s)
        assert all(0.0 <= r.sample_age_s <= 60.0 for r in readings)
        for r in readings:
            assert r.meter_time_s is None or abs(r.meter_time_s - time.time()) < CLOCK_TOLERANCE_S + WITHIN_S

    async def test_replayed_content_is_never_taken_for_new(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            await reader.shows(SAMPLE)
            bench.sample = EXPORTING
            assert (await reader.shows(EXPORTING)).content_id is not None
            bench.trouble(Trouble.REPLAY)
            await asyncio.sleep(0.15)  # what was under way has arrived
            accepted, known = len(reader.accepted), {r.content_id for r in reader.readings}
            start = len(reader.readings)
            await asyncio.sleep(REPLAYED_S)
            assert {r.content_id for r in reader.readings[start:]} <= known
            assert len(reader.accepted) == accepted
            bench.trouble(Trouble.NONE)
            bench.sample = SAMPLE
            await reader.until(lambda: len(reader.accepted) > accepted)

    async def test_a_replay_on_a_new_connection_is_not_new_either(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            await reader.shows(SAMPLE)
            bench.sample = EXPORTING
            await reader.shows(EXPORTING)
            bench.trouble(Trouble.DOWN)
            await reader.says_something()
            accepted = len(reader.accepted)
            bench.trouble(Trouble.REPLAY)
            await gone(lambda: bench.connection_count > 0)
            await asyncio.sleep(REPLAYED_S)
            assert len(reader.accepted) == accepted

    async def test_other_content_has_another_id(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            first = await reader.shows(SAMPLE)
            bench.sample = EXPORTING
            second = await reader.shows(EXPORTING)
        assert first.content_id != second.content_id

    @pytest.mark.parametrize("trouble", [Trouble.SILENT, Trouble.DOWN, Trouble.GARBAGE])
    async def test_it_says_what_is_wrong_and_comes_back_by_itself(self, bench: MeterBench, trouble: Trouble):
        async with reading(bench.driver) as reader:
            await reader.more(2)
            assert bench.driver.status is None
            bench.trouble(trouble)
            said = await reader.says_something()
            assert said.endswith("."), said
            assert len(said) > 30
            bench.trouble(Trouble.NONE)
            await reader.until(lambda: bench.driver.status is None)
            await reader.more(2)
            assert not reader.task.done()

    @pytest.mark.parametrize(
        "trouble", [Trouble.GARBAGE, Trouble.ABSURD, Trouble.NOT_A_NUMBER, Trouble.NO_TOTAL]
    )
    async def test_nothing_wrong_is_passed_on(self, bench: MeterBench, trouble: Trouble):
        if trouble not in bench.rejects:
            pytest.skip(f"the way to this meter knows no {trouble}")
        async with reading(bench.driver) as reader:
            await reader.more(2)
            assert bench.driver.rejected == 0
            bench.trouble(trouble)
            await reader.until(lambda: bench.driver.rejected >= 2 and bench.driver.status is not None)
            bench.trouble(Trouble.NONE)
            await reader.more(2)
            await reader.until(lambda: bench.driver.status is None)
            for r in reader.readings:
                assert r.total_power_w == pytest.approx(SAMPLE.total_w, abs=1.5 * bench.power_step_w)
                told = [value for phase in r.phases for value in fields(phase).values() if value is not None]
                assert all(math.isfinite(value) and abs(value) < 10_000 for value in told)

    async def test_a_meter_that_is_not_there_yet(self, bench: MeterBench):
        bench.trouble(Trouble.DOWN)
        async with reading(bench.driver) as reader:
            assert await reader.says_something()
            await reader.until(lambda: len(bench.clock.pauses_s) >= 2)
            assert reader.readings == []
            bench.trouble(Trouble.NONE)
            await reader.more(2)
            assert bench.driver.status is None

    async def test_a_dead_meter_is_tried_ever_more_slowly(self, bench: MeterBench):
        bench.trouble(Trouble.DOWN)
        async with reading(bench.driver) as reader:
            await reader.until(lambda: len(bench.clock.pauses_s) >= 8)
            pauses_s = bench.clock.pauses_s[:8]
        assert pauses_s == sorted(pauses_s)
        assert BACKOFF_GROWS_TO_S <= pauses_s[-1] <= BACKOFF_MAX_S

    async def test_status_is_a_sentence_before_anything_came(self, bench: MeterBench):
        status = bench.driver.status
        assert status is not None
        assert status.endswith(".")
        assert bench.driver.rejected == 0

    async def test_close_ends_the_readings_and_may_be_repeated(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            await reader.more()
            assert bench.connection_count == 1
            await bench.driver.close()
            await bench.driver.close()
            await asyncio.wait_for(asyncio.shield(reader.task), WITHIN_S)
            await gone(lambda: bench.connection_count == 0)

    async def test_close_ends_the_readings_of_a_dead_meter_too(self, bench: MeterBench):
        bench.trouble(Trouble.DOWN)
        async with reading(bench.driver) as reader:
            await reader.until(lambda: len(bench.clock.pauses_s) >= 2)
            await bench.driver.close()
            await asyncio.wait_for(asyncio.shield(reader.task), WITHIN_S)

    async def test_closed_before_it_began_nothing_is_connected(self, bench: MeterBench):
        await bench.driver.close()
        async with reading(bench.driver) as reader:
            await asyncio.wait_for(asyncio.shield(reader.task), WITHIN_S)
        assert bench.connection_count == 0

    async def test_cancelled_it_leaves_nothing_behind(self, bench: MeterBench):
        loop = asyncio.get_running_loop()
        complaints: list[dict[str, object]] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        before = asyncio.all_tasks()
        for n in range(12):
            driver = bench.new_driver()
            reader = Reader(driver)
            await asyncio.sleep(0.004 * n)
            reader.task.cancel()
            await asyncio.wait([reader.task])
            await gone(lambda: bench.connection_count == 0)
            await driver.close()
            del driver, reader
        gc.collect()  # what was not closed complains when it is thrown away
        await asyncio.sleep(0)
        await gone(lambda: asyncio.all_tasks() <= before)
        assert complaints == []

    async def test_another_driver_reads_the_same_meter_afterwards(self, bench: MeterBench):
        async with reading(bench.driver) as reader:
            await reader.more()
        async with reading(bench.new_driver()) as reader:
            await reader.shows(SAMPLE)
