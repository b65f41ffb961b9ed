"""A backtest as a table, as JSON, and as one HTML file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from itertools import accumulate
from zoneinfo import ZoneInfo

from msgspec import Struct

from phasewise.control.plan import Storage
from phasewise.sim.backtest.home import STEP_S, Home
from phasewise.sim.backtest.prices import BUY, SELL, Contract
from phasewise.sim.backtest.run import Course, Row
from phasewise.sim.report import page
from phasewise.sim.svg import Line, chart

DAY_S = 86_400.0
WEEK_STEPS = 7 * 96
COLOURS = 6
HEADER = ("", "cost EUR", "saves EUR", "import kWh", "export kWh", "full cycles")


class Result(Struct, frozen=True):
    """What a backtest found, and on which assumptions."""

    title: str
    assumptions: tuple[str, ...]
    rows: tuple[Row, ...]


def result(
    courses: Sequence[Course],
    home: Home,
    storage: Storage,
    zone: ZoneInfo,
    *,
    contract: Contract,
    prices_from: str,
    house_from: str,
) -> Result:
    """The figures of all strategies. `prices_from`, `house_from`: words for where they come from."""
    first, last = home.steps[0].price.start_utc_s, home.steps[-1].price.end_utc_s
    days = len(courses[0].daily_eur)
    begin, end = (_date(utc_s, zone) for utc_s in (first, last - 1.0))
    round_trip_pct = 100.0 * storage.charge_efficiency * storage.discharge_efficiency
    tax = f"(market + {BUY.add_eur_kwh:g}) x {1.0 + BUY.vat_pct / 100.0:g}"
    sell = "the same" if contract is Contract.NETTING else f"market - {-SELL.add_eur_kwh:g}"
    assumptions = (
        f"Prices: {prices_from}. Buying costs {tax} EUR/kWh, selling earns {sell}.",
        f"House: {house_from}; {sum(home.load_w) * STEP_S / 3.6e6:,.0f} kWh drawn, "
        f"{sum(home.pv_w) * STEP_S / 3.6e6:,.0f} kWh of sun.",
        f"Batteries: {(storage.ceiling_wh - storage.floor_wh) / 1e3:.1f} kWh usable, "
        f"{storage.max_charge_w / 1e3:g} kW, {round_trip_pct:.0f} % round trip, empty at the start.",
        "Means of quarters of an hour: what happens within one is not seen. Wear is not counted.",
    )
    return Result(
        f"{begin} to {end}, {days} days, {contract} prices", assumptions, tuple(c.row for c in courses)
    )


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    return (
        row.name,
        f"{row.cost_eur:,.0f}",
        f"{row.saves_eur:,.0f}",
        f"{row.import_kwh:,.0f}",
        f"{row.export_kwh:,.0f}",
        f"{row.cycles:,.0f}",
    )


def html_report(found: Result, courses: Sequence[Course], home: Home) -> str:
    """The table, what each strategy saved as the year went on, and the week in its middle."""
    without, others = courses[0], courses[1:]
    saved = [
        Line(
            course.row.name,
            1 + index % COLOURS,
            list(accumulate(a - b for a, b in zip(without.daily_eur, course.daily_eur, strict=True))),
            dashed=course is others[-1],
        )
        for index, course in enumerate(others)
    ]
    begin = _midnight(home, (len(home.steps) - WEEK_STEPS) // 2)
    week = slice(begin, begin + WEEK_STEPS)
    stored = [
        Line(c.row.name, 1 + index % COLOURS, [wh / 1e3 for wh in c.stored_wh[week]], dashed=c is others[-1])
        for index, c in enumerate(others)
    ]
    steps = home.steps[week]
    prices = [
        Line("buying", 1, [100.0 * step.price.buy_eur_kwh for step in steps]),
        Line("selling", 3, [100.0 * step.price.sell_eur_kwh for step in steps]),
    ]
    day = datetime.fromordinal(steps[0].day).strftime("%-d %B %Y")
    body = [
        f"<header><h1>Backtest</h1><p>{escape(found.title)}</p></header>",
        _section("What it cost", _table(found.rows)),
        _section("Saved so far", chart(saved, label="Saved since the start", unit="EUR", tick_s=DAY_S)),
        _section(
            f"Prices in the week from {day}", chart(prices, label="Prices", unit="ct/kWh", tick_s=STEP_S)
        ),
        _section("Stored in that week", chart(stored, label="Stored energy", unit="kWh", tick_s=STEP_S)),
        _section("What was assumed", "".join(f"<p>{escape(text)}</p>" for text in found.assumptions)),
    ]
    return page("Backtest - Phasewise", "".join(body))


def _midnight(home: Home, near: int) -> int:
    """The first step of the local day that a step lies in."""
    day = home.steps[max(near, 0)].day
    return next(index for index, step in enumerate(home.steps) if step.day == day)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f"<th scope='col'>{escape(cell)}</th>" for cell in HEADER)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _date(utc_s: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(utc_s, UTC).astimezone(zone).date().isoformat()
