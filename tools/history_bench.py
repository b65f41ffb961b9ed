"""What history costs: bytes per day, and how long a day, a month and a year take to fetch.

    uv run python tools/history_bench.py [FILE]

One day of a home with three phases and six batteries is written as the daemon does, second by second with a
noisy meter, then repeated until the file is as full as it gets in a year.
"""

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from phasewise.engine.historian import Historian
from phasewise.engine.state import (
    BatteryState,
    GridState,
    PhaseState,
    PricesState,
    ProtectionState,
    StrategyState,
    SubmeterState,
    SystemState,
)
from phasewise.model.forecast import ForecastInterval
from phasewise.sim.household import Household
from phasewise.store import History, open_to_write
from phasewise.store.tiers import DAY_S, KEEP_MINUTES_S, MINUTES, QUARTERS, SECONDS

BEGIN = 1_764_547_200
"""2025-12-01 00:00 UTC."""
BATTERIES = 6
BATCH = 8
REPEATS = 7


def states(seconds: int) -> Iterator[SystemState]:
    """A household, its batteries and the noise of everything that measures."""
    rng, household = random.Random(1), Household(seed=3)  # noqa: S311 - noise, not a secret
    socs = [50.0] * BATTERIES
    for second in range(seconds):
        loads_w = household.loads_w(float(second))
        powers_w = [-loads_w[i % 3] / 2 + rng.gauss(0.0, 2.0) for i in range(BATTERIES)]
        phases_w = [loads_w[p] + powers_w[p] + powers_w[p + 3] + rng.gauss(0.0, 3.0) for p in range(3)]
        socs = [
            min(100.0, max(10.0, soc + power_w / 184_000.0))
            for soc, power_w in zip(socs, powers_w, strict=True)
        ]
        yield _state(second, phases_w, powers_w, socs, sum(loads_w), rng)


def _state(
    second: int,
    phases_w: list[float],
    powers_w: list[float],
    socs: list[float],
    load_w: float,
    rng: random.Random,
) -> SystemState:
    at = datetime.fromtimestamp(BEGIN + second, UTC)
    phases = {}
    for number, power_w in enumerate(phases_w, 1):
        voltage_v = round(231.0 + rng.gauss(0.0, 0.3), 1)
        current_a = round(abs(power_w) / voltage_v, 2)
        phases[f"L{number}"] = PhaseState(
            round(power_w), current_a, voltage_v, 25.0, 24.0, "fresh", 0.0, 0.0, (), ()
        )
    limited = {
        name: msgspec.structs.replace(phase, limit_lo_w=-5520.0, limit_hi_w=5520.0)
        for name, phase in phases.items()
    }
    return SystemState(
        time=f"{at:%Y-%m-%dT%H:%M:%S}.{rng.randrange(100, 300)}Z",
        version="bench",
        site="Home",
        strategy=StrategyState("self-consumption", "self-consumption", ()),
        grid=GridState(
            round(sum(phases_w)), "fresh", 0.1, 1.0, limited, 1e6 + second // 10, 2e6 + second // 20
        ),
        load_w=round(load_w, 1),
        target_grid_w=0.0,
        batteries=tuple(
            BatteryState(
                f"m{i}", f"M{i}", "L1", round(soc, 1), round(power_w), round(power_w / 5) * 5.0, True, True,
                "charge", 0.5, round(24.0 + second / 20_000.0, 1), 2500.0, 2500.0, 12.0, 100.0, (),
            )
            for i, (power_w, soc) in enumerate(zip(powers_w, socs, strict=True))
        ),
        alarms=(),
        protection=ProtectionState(True, True, "worst-case"),
        prices=PricesState(None, False, 0.25 + second // 3600 / 100.0, 0.20, None),
        pv=SubmeterState(round(max(0.0, 1000.0 - load_w)), "fresh"),
    )  # fmt: skip


def write_day(db: sqlite3.Connection) -> tuple[float, float]:
    """A day and the quarter that closes it; returns the mean and the longest time of a batch, in ms."""
    forecast = (ForecastInterval(BEGIN, BEGIN + 2.0 * DAY_S, 800.0),)
    historian = Historian(lambda: forecast, keep_days=lambda: 7.0)
    took_ms = []
    for number, state in enumerate(states(DAY_S + 60)):
        historian.saw(state)
        if number % BATCH:
            continue
        began = time.perf_counter()
        job = historian.take()
        if job is not None:
            db.execute("BEGIN IMMEDIATE")
            job(db)
            db.execute("COMMIT")
        took_ms.append((time.perf_counter() - began) * 1000.0)
    return statistics.fmean(took_ms), max(took_ms)


def repeat_day(db: sqlite3.Connection) -> None:
    """The same day again and again, back in time, as far as each tier is kept."""
    db.execute("BEGIN IMMEDIATE")
    for tier, days in ((SECONDS, 7), (MINUTES, KEEP_MINUTES_S // DAY_S), (QUARTERS, 400)):
        for day in range(1, days):
            db.execute(
                "INSERT INTO chunk SELECT step_s, start - ?, data FROM chunk "
                "WHERE step_s = ? AND start >= ? AND start < ?",
                (day * DAY_S, tier.step_s, BEGIN, BEGIN + DAY_S),
            )
    for day in range(1, 400):
        db.execute(
            "INSERT INTO energy SELECT quarter - ?, name, value FROM energy "
            "WHERE quarter >= ? AND quarter < ?",
            (day * DAY_S, BEGIN, BEGIN + DAY_S),
        )
    db.execute("COMMIT")


def report_size(db: sqlite3.Connection, path: Path) -> None:
    """What the tables hold."""
    for tier in (SECONDS, MINUTES, QUARTERS):
        of_day = "SELECT sum(length(data)) FROM chunk WHERE step_s = ? AND start >= ? AND start < ?"
        (size,) = db.execute(of_day, (tier.step_s, BEGIN, BEGIN + DAY_S)).fetchone()
        print(f"tier of {tier.step_s:3} s: {size / 1e6:.3f} MB a day")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(f"file: {path.stat().st_size / 1e6:.2f} MB")


def report_queries(past: History) -> None:
    """Median milliseconds, JSON included."""
    names = ["grid.total_w", "load_w", *(f"L{n}.{f}" for n in (1, 2, 3) for f in ("power_w", "current_a"))]
    end = BEGIN + DAY_S + 0.0
    for what, days, points in (
        ("24 h, 1,000 points", 1.0, 1000),
        ("24 h, 2,000 points", 1.0, 2000),
        ("24 h, every second (86,400)", 1.0, 90_000),
        ("12 h, 2,000 points, from seconds", 0.5, 2000),
        ("30 d, 2,000 points", 30.0, 2000),
        ("1 y, 2,000 points", 365.0, 2000),
    ):
        took_ms, size = [], 0
        for _ in range(REPEATS):
            began = time.perf_counter()
            found = past.curves(end - days * DAY_S, end, points, names)
            size = len(msgspec.json.encode(found))
            took_ms.append((time.perf_counter() - began) * 1000.0)
        kb, ms = size / 1000.0, statistics.median(took_ms)
        print(f"{what}: {ms:.0f} ms for {len(names)} series, step {found.step_s} s, {kb:.0f} kB")


def report_days(past: History) -> None:
    """A year of energy by the day."""
    last = datetime.fromtimestamp(BEGIN, UTC).date()
    began = time.perf_counter()
    days = past.days(last - timedelta(days=365), last)
    print(f"energy of {len(days)} days: {(time.perf_counter() - began) * 1000.0:.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "bench.history.db"
        db = open_to_write(path)
        mean_ms, most_ms = write_day(db)
        print(
            f"batch of {BATCH} s: {mean_ms:.2f} ms in the mean, {most_ms:.1f} ms at most (closes a quarter)"
        )
        print("one day:")
        report_size(db, path)
        repeat_day(db)
        print("a year:")
        report_size(db, path)
        past = History(path, lambda: "Europe/Amsterdam", time.time)
        report_queries(past)
        report_days(past)


if __name__ == "__main__":
    main()
