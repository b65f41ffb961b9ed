"""The closed-loop step with every meter, in houses of their own, all at once."""

import asyncio
from pathlib import Path

import pytest
from step_world import p1_meter, step

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

METERS = {"dsmr": p1_meter}


async def test_a_step_is_held_through_every_meter(tmp_path: Path) -> None:
    results = await asyncio.gather(*(step(tmp_path / name, meter=meter) for name, meter in METERS.items()))
    for name, result in zip(METERS, results, strict=True):
        print(f"{name}: {result}")
        assert result.settle_s <= 12
        assert result.overshoot_w <= 300
