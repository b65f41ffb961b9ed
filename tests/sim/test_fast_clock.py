"""The clock of the fast demonstration: as fast as it says, in the order of its sleepers, and no leaps."""

import asyncio
import time

import pytest

from phasewise.sim.drivers import MOST_STEP_S, FastClock

SPEED = 60.0


async def test_it_is_as_fast_as_it_says_and_never_faster() -> None:
    clock, began_s = FastClock(SPEED, utc_s=1000.0), time.perf_counter()
    await clock.sleep(30.0)
    took_s = time.perf_counter() - began_s
    assert 30.0 <= clock.now_s() <= took_s * SPEED * 1.001
    assert clock.utc_s() == pytest.approx(1000.0 + clock.now_s(), abs=0.1)


async def test_while_the_computer_is_busy_it_stands_still() -> None:
    clock = FastClock(SPEED, utc_s=0.0)
    sleeper = asyncio.create_task(clock.sleep(10.0))
    await asyncio.sleep(0)
    before_s = clock.now_s()
    time.sleep(0.5)  # noqa: ASYNC251 - the stall
    assert clock.now_s() - before_s <= MOST_STEP_S
    assert not sleeper.done()
    await sleeper
    assert clock.now_s() >= 10.0


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = FastClock(SPEED, utc_s=0.0), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now_s()))

    await asyncio.gather(*(sleeper(seconds) for seconds in (12.0, 0.0, 3.0, 7.5)))
    assert [seconds for seconds, _ in woken] == [0.0, 3.0, 7.5, 12.0]
    assert all(seconds <= at_s for seconds, at_s in woken)
