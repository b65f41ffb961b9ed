"""Everything `phasewise backtest` does but printing."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from phasewise.sim.backtest.home import Home, generated_home, quarters, recorded_home
from phasewise.sim.backtest.prices import (
    Contract,
    PriceUnit,
    generated_prices,
    read_prices,
    under_contract,
)
from phasewise.sim.backtest.report import Result, result
from phasewise.sim.backtest.run import STORAGE, Course, backtest
from phasewise.sim.household import PV_PEAK_W

DAYS = 366
"""A generated year."""


def run_backtest(
    prices_csv: Path | None,
    load_csv: Path | None,
    *,
    contract: Contract = Contract.SEPARATE,
    unit: PriceUnit = PriceUnit.EUR_KWH,
    time_zone: str = "Europe/Amsterdam",
    pv_peak_w: float | None = None,
    seed: int = 1,
    days: int = DAYS,
    progress: Callable[[str], None] = lambda doing: None,
) -> tuple[Result, tuple[Course, ...], Home]:
    """Try all strategies. Without a file, prices (`days` of them) or the house are generated.

    `pv_peak_w`: None = the usual panels on a generated house, none beside a recording, which has its own.
    Raises ConfigError when a file cannot be used.
    """
    zone = ZoneInfo(time_zone)
    if prices_csv is None:
        market, prices_from = (
            generated_prices(days, zone, seed=seed),
            "generated, with the usual shape of a day",
        )
    else:
        market, prices_from = read_prices(prices_csv, unit, zone), prices_csv.name
    prices = under_contract(market, contract)
    progress("the house")
    steps = quarters(prices, zone)
    if load_csv is None:
        home = generated_home(steps, seed=seed, pv_peak_w=PV_PEAK_W if pv_peak_w is None else pv_peak_w)
        house_from = f"generated, seed {seed}"
    else:
        home = recorded_home(steps, load_csv, pv_peak_w=pv_peak_w or 0.0, seed=seed)
        house_from = f"{load_csv.name}, again and again (so habit forecasts it well)"
    courses = backtest(home, prices, time_zone, progress=progress)
    found = result(
        courses, home, STORAGE, zone, contract=contract, prices_from=prices_from, house_from=house_from
    )
    return found, courses, home
