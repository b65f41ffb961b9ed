"""Every strategy, selected over HTTP in one running daemon: the batteries soon do what it says."""

import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from world import World, world

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
WITHIN_S = 20.0
FULL_W = 7000.0
"""Three batteries at 2.5 kW each, less what a strategy may leave out."""
NEAR_W = 100.0
MORE_CONFIG = """\
prices: {driver: file, file: prices.csv}
control:
  dynamic: {algorithm: plan}
  timed: {default: standby, windows: [{start: "00:00", end: "24:00", strategy: charge-pv}]}
  phase-reserve: {reserve_pct: 90}
"""
"""Half full is less than the example's reserve."""
DRAWS_W, GIVES_W = 600.0, -1500.0
EXPECTED = [
    ("standby", DRAWS_W, "standby", 0.0),
    ("charge", DRAWS_W, "charge", FULL_W),
    ("sell", DRAWS_W, "sell", -FULL_W),
    ("zero-import", DRAWS_W, "zero-import", -DRAWS_W),
    ("charge-pv", DRAWS_W, "charge-pv", 0.0),
    ("timed", GIVES_W, "charge-pv", -GIVES_W),
    ("self-consumption", GIVES_W, "self-consumption", -GIVES_W),
    ("dynamic", DRAWS_W, "charge", FULL_W),
    ("phase-reserve", DRAWS_W, "phase-reserve", 0.0),
    ("full-stop", DRAWS_W, "full-stop", 0.0),
    ("self-consumption", DRAWS_W, "self-consumption", -DRAWS_W),
]
"""What is selected, what the house draws, which strategy then runs, and what all batteries do together."""


def installed(package: Path, folder: Path) -> Path:
    """The package, built and installed into a folder of its own."""
    uv = shutil.which("uv") or shutil.which("uv", path=ROOT / ".tools" / "bin")
    if uv is None:
        pytest.skip("no uv to build the example package with: make setup")
    command = [uv, "pip", "install", "--no-deps", "--target", str(folder), str(package)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


def prices() -> str:
    """From yesterday on: cheap now, a little less so in each hour that follows, dear from the sixth on."""
    hour = time.time() // 3600
    rows = [
        f"{datetime.fromtimestamp((hour + n) * 3600, UTC).isoformat()},{0.05 + 0.01 * n if n < 6 else 0.40}"
        for n in range(-26, 30)
    ]
    return "\n".join(["start,price", *rows, ""])


async def selected(house: World, name: str, load_w: float, runs: str, power_w: float) -> None:
    house.loads_w[0] = load_w - house.loads_w[1] - house.loads_w[2]
    answer = await house.client.put("/api/v1/strategy", json={"selected": name})
    assert answer.status_code == 200, answer.text

    def does() -> bool:
        now_w = sum(house.battery_w())
        if abs(power_w) == FULL_W:
            return now_w / power_w >= 1.0
        return abs(now_w - power_w) <= NEAR_W

    await house.until(does, WITHIN_S, hold_s=1.0)
    strategy = (await house.state())["strategy"]
    assert (strategy["selected"], strategy["executing"]) == (name, runs)


async def test_each_strategy_does_what_it_says_soon_after_it_was_selected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = installed(ROOT / "examples" / "phasewise-strategy-example", tmp_path / "packages")
    monkeypatch.setenv("PYTHONPATH", str(example))
    (tmp_path / "prices.csv").write_text(prices())
    async with world(tmp_path, load_w=DRAWS_W, more_config=MORE_CONFIG) as house:
        await house.settled()
        available = (await house.state())["strategy"]["available"]
        assert {name for name, *_ in EXPECTED} <= set(available)
        for name, load_w, runs, power_w in EXPECTED:
            await selected(house, name, load_w, runs, power_w)
        assert await house.alarms() == set()
        code, _ = await house.terminate()
        assert code == 0, house.log.read_text()
