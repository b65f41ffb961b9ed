"""The time before the demonstration: consistent in itself, and read by history like a real one."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from phasewise.demo.past import (
    CAPACITY_WH,
    CEILING_PCT,
    FLOOR_PCT,
    HOURS,
    MOST_W,
    QUARTER_S,
    Past,
    write_past,
)
from phasewise.demo.prices import market_prices, write_prices
from phasewise.model.prices import price_at
from phasewise.sources.tariff import with_tariff
from phasewise.store import History

NOW_S = 1_790_000_000.0


ZONE = ZoneInfo("Europe/Amsterdam")


def past_of(path: Path, now_s: float = NOW_S) -> History:
    market = market_prices(now_s, 11.5 * 3600.0)
    write_past(
        path,
        Past(
            loads_w=lambda utc_s: (3000.0 if utc_s % 7200.0 < 900.0 else 100.0, -400.0, 150.0),
            pv_w=lambda _: 400.0,
            prices=with_tariff(market, ()),
            batteries=[("m1", 0, 40.0), ("m2", 2, 90.0)],
        ),
        now_s,
    )
    return History(path, lambda: ZONE.key, lambda: now_s)


@pytest.mark.parametrize(
    "day", [date(2026, 3, 29), date(2026, 3, 30), date(2026, 10, 25), date(2026, 10, 26)]
)
@pytest.mark.parametrize("at", [time(0, 1), time(6, 20), time(12), time(23, 59)], ids=str)
def test_yesterday_is_whole_at_any_time_of_the_day(tmp_path: Path, day: date, at: time) -> None:
    """Also where yesterday or today has 23 or 25 hours."""
    now_s = datetime.combine(day, at, ZONE).timestamp()
    begin_s, end_s = (datetime.combine(day - timedelta(days=d), time(), ZONE).timestamp() for d in (1, 0))
    history = past_of(tmp_path / "h.db", now_s)
    kept = history.curves(begin_s, end_s, 2000, ("grid.total_w", "price.buy_eur_kwh")).series
    for name, curve in kept.items():
        assert None not in curve.mean[:-1], name


def test_what_is_shown_adds_up(tmp_path: Path) -> None:
    names = ("grid.total_w", "load_w", "L1.power_w", "L2.power_w", "L3.power_w", "battery.m1.power_w")
    names += ("battery.m2.power_w", "battery.m1.soc_pct", "pv_w")
    curves = past_of(tmp_path / "h.db").curves(NOW_S - 24 * 3600.0, NOW_S - QUARTER_S, 2000, names).series
    total, load, *phases = (curves[name].mean for name in names[:5])
    m1, m2 = (curves[name].mean for name in names[5:7])
    assert all(value is not None for value in total[:-1])
    for values in list(zip(total, load, m1, m2, *phases, strict=True))[:-1]:
        total_w, load_w, m1_w, m2_w, *phases_w = (value or 0.0 for value in values)
        assert total_w == pytest.approx(load_w + m1_w + m2_w, abs=2.0)
        assert total_w == pytest.approx(sum(phases_w), abs=2.0)
    assert max(abs(w or 0.0) for w in (*m1, *m2)) <= MOST_W
    socs = [soc for soc in curves["battery.m1.soc_pct"].mean if soc is not None]
    assert FLOOR_PCT - 0.1 <= min(socs) < max(socs) <= CEILING_PCT
    assert set(curves["pv_w"].mean[:-1]) == {400.0}


def test_energy_is_that_of_the_curves(tmp_path: Path) -> None:
    history = past_of(tmp_path / "h.db")
    curves = history.curves(NOW_S - 51 * 3600.0, NOW_S, 4000, ("battery.m1.power_w", "grid.total_w"))
    hours = curves.step_s / 3600.0
    days = history.days(*(history_day(offset) for offset in (-3, 1)))
    charged_wh = sum(day.batteries["m1"].charged_wh for day in days if "m1" in day.batteries)
    shown_wh = sum(max(w or 0.0, 0.0) for w in curves.series["battery.m1.power_w"].mean) * hours
    assert charged_wh == pytest.approx(shown_wh, rel=0.01)
    assert charged_wh < 2 * CAPACITY_WH
    assert sum(day.import_wh for day in days) > 0.0
    assert sum(day.saved_eur or 0.0 for day in days) != 0.0


def history_day(offset: int) -> date:
    return (datetime.fromtimestamp(NOW_S, UTC) + timedelta(days=offset)).date()


def test_prices_are_cheap_at_noon_and_dear_in_the_evening(tmp_path: Path) -> None:
    market = market_prices(NOW_S, 11.5 * 3600.0)
    at_h: dict[int, float] = {}
    prices = with_tariff(market, ())
    for hour in (13, 19):
        found = price_at(prices, NOW_S + (hour - 11.0) * 3600.0)
        assert found is not None
        at_h[hour] = found.buy_eur_kwh
    assert at_h[13] < 0.05
    assert at_h[19] > 0.2
    assert prices[0].start_utc_s <= NOW_S - HOURS * 3600.0
    assert prices[-1].end_utc_s >= NOW_S + 24 * 3600.0
    write_prices(tmp_path / "prices.csv", market)
    assert len((tmp_path / "prices.csv").read_text().splitlines()) == len(market) + 1
