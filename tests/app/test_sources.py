"""Prices in the running daemon: configured, shown, changed by hand, and gone again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from phasewise.app import Application
from phasewise.cli import cli
from phasewise.demo import CONFIG, InProcess
from phasewise.engine.state import PricesState
from phasewise.registry import load_plugins
from phasewise.sim.drivers import FastClock

PLUGINS = load_plugins()
NOW_UTC_S = datetime(2026, 11, 23, 11, 5, tzinfo=UTC).timestamp()
METER = "tcp://127.0.0.1:1"
URLS = dict.fromkeys(("garage", "attic", "shed"), "modbus-tcp://127.0.0.1:1?unit=1")
PRICES = """
prices:
  driver: file
  file: prices.csv
  unit: EUR/MWh
  tariff:
    - buy: {add_eur_kwh: 0.10, vat_pct: 21}
      sell: {}
forecast: {driver: file, file: sun.csv}
"""


def rows(name: str, value: Callable[[int], float]) -> str:
    """Two days by the hour, from local midnight."""
    lines = [f"2026-11-{23 + h // 24}T{h % 24:02}:00+01:00,{value(h)}" for h in range(48)]
    return "\n".join([f"start,{name}", *lines]) + "\n"


@asynccontextmanager
async def running(folder: Path, port: int, extra: str) -> AsyncIterator[tuple[Application, Path]]:
    path = folder / "home.yaml"
    path.write_text(CONFIG.format(meter=METER, roof=METER, port=port, **URLS) + extra, encoding="utf-8")
    (folder / "prices.csv").write_text(rows("price", lambda h: 100.0 + h))
    (folder / "sun.csv").write_text(rows("power", lambda h: 1000.0 if h % 24 == 12 else 0.0))
    clock = FastClock(60.0, utc_s=NOW_UTC_S)
    app = Application(path, PLUGINS, clock=clock, devices=InProcess(PLUGINS, clock))
    task = asyncio.create_task(app.run())
    try:
        yield app, path
    finally:
        app.stop()
        await task


async def until(true: Callable[[], bool], within_s: float = 10.0) -> None:
    for _ in range(round(within_s / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not reached")


def shown(app: Application) -> PricesState | None:
    return app.live.current.prices if app.live.current is not None else None


def buys_at(app: Application, eur_kwh: float) -> bool:
    prices = shown(app)
    return prices is not None and prices.buy_eur_kwh == eur_kwh


async def test_prices_are_shown_and_follow_the_file(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port, PRICES) as (app, path):
        await until(lambda: buys_at(app, round((0.112 + 0.10) * 1.21, 5)))
        prices = shown(app)
        assert prices is not None
        assert prices == PricesState("2026-11-24T23:00:00.000Z", False, prices.buy_eur_kwh, 0.112, None)
        assert len(app.engine.outlook.prices) == 48
        assert max(i.power_w for i in app.engine.outlook.forecast) == 1000.0
        path.write_text(path.read_text().replace("vat_pct: 21", "vat_pct: 0"))
        await until(lambda: buys_at(app, 0.212))
        path.write_text(path.read_text().replace(PRICES, "").partition("\nprices:")[0] + "\n")
        await until(lambda: shown(app) is None)
        assert app.engine.outlook.prices == app.engine.outlook.forecast == ()


async def test_a_source_that_fails_is_said_and_control_goes_on(tmp_path: Path, unused_tcp_port: int) -> None:
    missing = PRICES.replace("prices.csv", "nowhere.csv")
    async with running(tmp_path, unused_tcp_port, missing) as (app, _):
        await until(lambda: (now := shown(app)) is not None and now.problem is not None)
        prices = shown(app)
        assert prices is not None
        assert prices.stale
        assert (prices.until, prices.buy_eur_kwh, prices.sell_eur_kwh) == (None, None, None)
        assert prices.problem is not None
        assert "nowhere.csv cannot be read: No such file" in str(prices.problem)
        before = app.counters().decisions
        await until(lambda: app.counters().decisions > before + 20)


def test_check_says_whom_it_would_ask(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    meters = "meters: [{driver: dsmr, role: pv, name: Roof, url: 'tcp://127.0.0.1:24'}]\n"
    path.write_text("meter: {driver: dsmr, url: 'tcp://127.0.0.1:23'}\nbatteries: []\n" + meters + PRICES)
    result = CliRunner().invoke(cli, ["check", str(path)])
    assert result.exit_code == 0
    assert "  pv: Roof, meter dsmr\n" in result.output
    assert "  prices from file\n  forecast from file\n" in result.output
