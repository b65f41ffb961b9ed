"""The backtest: the model adds up, nobody knows the future, and the planner wins."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from test_report import check
from typer.testing import CliRunner

from phasewise.cli import cli
from phasewise.config import ConfigError
from phasewise.control.plan import Mark, Storage
from phasewise.model.prices import PriceInterval
from phasewise.sim.backtest.command import run_backtest
from phasewise.sim.backtest.home import Home, forecast_w, quarters
from phasewise.sim.backtest.prices import (
    Contract,
    PriceUnit,
    generated_prices,
    read_prices,
    under_contract,
)
from phasewise.sim.backtest.report import html_report
from phasewise.sim.backtest.run import Course, Stage, horizons

# The planner's oracle lives with the planner's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "control"))
from plan_kit import Instance, highs_cost_eur

pytestmark = pytest.mark.simulated

ZONE = ZoneInfo("Europe/Amsterdam")
REAL = Path(__file__).parents[3] / "shared" / "data" / "prices" / "NL_DA_2024.csv"
STORE = Storage(1000.0, 1000.0, 11_000.0, 5000.0, 4000.0, 0.9, 0.95)
WEEKS = 3


@pytest.fixture(scope="module", params=list(Contract))
def year(request: pytest.FixtureRequest) -> tuple[tuple[Course, ...], Home]:
    """Three generated weeks, under both contracts."""
    _, courses, home = run_backtest(None, None, contract=request.param, days=7 * WEEKS, seed=3)
    return courses, home


def small_home(days: int = 3, net_w: float = 500.0) -> Home:
    steps = quarters(under_contract(generated_prices(days, ZONE), Contract.SEPARATE), ZONE)
    return Home(steps, (net_w,) * len(steps), (0.0,) * len(steps))


def test_strategies_rank_as_they_must(year: tuple[tuple[Course, ...], Home]) -> None:
    cost = [course.row.cost_eur for course in year[0]]
    nothing, own_use, pairs_cover, pairs_sell, cover, cover_5, sell, sell_5, habit, perfect, clairvoyant = (
        cost
    )
    # Knowing more is never worse; and pair matching has even had the best spread in hindsight.
    assert clairvoyant <= min(cost) + 1e-6
    assert perfect < min(nothing, own_use, pairs_cover, pairs_sell)
    assert habit < min(nothing, own_use, pairs_cover, pairs_sell)
    assert perfect <= habit + 1e-6
    # The strategy beats pair matching, and is no further from the planner that it is made of than from it.
    assert min(cover, sell) < min(pairs_cover, pairs_sell)
    assert min(cover, sell) - habit < min(pairs_cover, pairs_sell) - min(cover, sell)
    # Its default spares the battery, and costs energy for it.
    assert cover < cover_5 < nothing
    assert sell < sell_5 < nothing


def test_the_clairvoyant_optimum_is_that_of_a_linear_programme(year: tuple[tuple[Course, ...], Home]) -> None:
    _, home = year
    # Above zero every interval is convex, and HiGHS can be asked.
    steps = tuple(
        replace(
            step,
            price=replace(
                step.price,
                buy_eur_kwh=max(step.price.buy_eur_kwh, 0.0),
                sell_eur_kwh=max(step.price.sell_eur_kwh, 0.0),
            ),
        )
        for step in home.steps[: 7 * 96]
    )
    stage = Stage(Home(steps, home.load_w[: len(steps)], home.pv_w[: len(steps)]), STORE)
    ours = stage.run("clairvoyant", stage.clairvoyant()).row.cost_eur
    instance = Instance(stage.prices, STORE, stage.net_w)
    assert ours == pytest.approx(highs_cost_eur(instance, integer=False), abs=1e-6)


def test_the_account_adds_up(year: tuple[tuple[Course, ...], Home]) -> None:
    courses, home = year
    for course in courses:
        row = course.row
        assert len(course.daily_eur) == 7 * WEEKS
        assert sum(course.daily_eur) == pytest.approx(row.cost_eur)
        assert row.saves_eur == pytest.approx(courses[0].row.cost_eur - row.cost_eur)
        # What came in and did not go out was used, lost in the battery, or is still stored.
        used_kwh = sum(home.net_w) * 0.25 / 1e3
        room_kwh = 13.5168
        taken_kwh = row.cycles * room_kwh
        left_kwh = (course.stored_wh[-1] - 0.12 * 15_360.0) / 1e3
        charged_kwh = (taken_kwh + left_kwh) / 0.95
        lost_kwh = charged_kwh - left_kwh - taken_kwh * 0.95
        assert row.import_kwh - row.export_kwh == pytest.approx(used_kwh + left_kwh + lost_kwh, abs=1e-3)


def test_no_strategy_leaves_what_the_store_allows() -> None:
    home = small_home()
    stage = Stage(home, STORE)
    asked = iter([9000.0, -9000.0] * len(home.steps))
    course = stage.run("greedy", asked)
    assert course.stored_wh[0] == pytest.approx(1000.0 + 5000.0 * 0.25 * 0.9)
    # 4000 W would take 1053 Wh: that is there.
    assert course.stored_wh[1] == pytest.approx(course.stored_wh[0] - 1000.0 / 0.95)
    assert all(1000.0 <= wh <= 11_000.0 for wh in course.stored_wh)
    full = stage.run("charge", iter([9000.0] * len(home.steps)))
    assert full.stored_wh[-1] == pytest.approx(11_000.0)


def test_marks_become_powers() -> None:
    home = small_home(1)
    stage = Stage(home, STORE)
    marks = [Mark.CHEAP, Mark.EXPENSIVE, Mark.NEUTRAL] + [Mark.NEUTRAL] * (len(home.steps) - 3)
    assert list(stage.by_marks(marks, sells=True))[:3] == [5000.0, -4000.0, 0.0]
    assert list(stage.by_marks(marks, sells=False))[:3] == [5000.0, -500.0, -500.0]


def test_a_plan_uses_no_price_that_is_not_published_yet() -> None:
    home = small_home(4)
    for begin, until, known in horizons(home):
        last = home.steps[known - 1]
        at = home.steps[begin]
        assert begin < until <= known
        assert last.day <= at.day + (1 if at.slot >= 13 * 4 else 0)
    starts = [begin for begin, _, _ in horizons(home)]
    ends = [until for _, until, _ in horizons(home)]
    assert starts == [0, *ends[:-1]]
    assert ends[-1] == len(home.steps)


@pytest.mark.parametrize("date", [datetime(2024, 3, 30, tzinfo=ZONE), datetime(2024, 10, 26, tzinfo=ZONE)])
def test_plans_follow_the_clock_where_it_changes(date: datetime) -> None:
    start = date.astimezone(UTC).timestamp()
    prices = [PriceInterval(start + 3600.0 * n, start + 3600.0 * (n + 1), 0.2, 0.2) for n in range(72)]
    steps = quarters(prices, ZONE)
    home = Home(steps, (0.0,) * len(steps), (0.0,) * len(steps))
    slots = [(steps[begin].slot, steps[until - 1].slot) for begin, until, _ in horizons(home)]
    assert slots[:4] == [(0, 51), (52, 95), (0, 51), (52, 95)]


def test_a_forecast_does_not_depend_on_its_own_day_or_later() -> None:
    home = small_home(30)
    base = [load - sun for load, sun in zip(*forecast_w(home), strict=True)]
    day = home.steps[0].day + 20
    changed = tuple(
        9999.0 if step.day >= day else load for step, load in zip(home.steps, home.load_w, strict=True)
    )
    forecasts = forecast_w(Home(home.steps, changed, home.pv_w))
    other = [load - sun for load, sun in zip(*forecasts, strict=True)]
    for step, before, after in zip(home.steps, base, other, strict=True):
        # Tomorrow's forecast is made today: a day may be used from the day after next on.
        assert (before == after) or step.day >= day + 2
    assert base != other


def test_a_weekly_habit_is_forecast() -> None:
    home = small_home(30)
    load_w = tuple(100.0 * (step.day % 7) + step.slot for step in home.steps)
    found, _ = forecast_w(Home(home.steps, load_w, home.pv_w))
    later = [index for index, step in enumerate(home.steps) if step.day >= home.steps[0].day + 7]
    assert [found[i] for i in later] == pytest.approx([load_w[i] for i in later])


def test_generated_prices_have_the_shape_of_a_market() -> None:
    market = generated_prices(366, ZONE)
    assert len(market) == 366 * 24
    by_hour: dict[int, list[float]] = {}
    for price in market:
        hour = datetime.fromtimestamp(price.start_utc_s, UTC).astimezone(ZONE).hour
        by_hour.setdefault(hour, []).append(price.eur_kwh)
    mean = {hour: sum(values) / len(values) for hour, values in by_hour.items()}
    assert mean[19] > 1.5 * mean[4] > 1.5 * mean[13]
    assert 100 < sum(price.eur_kwh < 0.0 for price in market) < 800
    assert market == generated_prices(366, ZONE)
    assert market != generated_prices(366, ZONE, seed=2)


def test_contracts_differ_in_what_selling_earns() -> None:
    market = generated_prices(1, ZONE)
    netting = under_contract(market, Contract.NETTING)[0]
    separate = under_contract(market, Contract.SEPARATE)[0]
    assert netting.buy_eur_kwh == netting.sell_eur_kwh == separate.buy_eur_kwh
    assert separate.buy_eur_kwh == pytest.approx((market[0].eur_kwh + 0.13) * 1.21)
    assert separate.sell_eur_kwh == pytest.approx(market[0].eur_kwh - 0.02)


PRICE_ROWS = ["2024-01-01 00:00+01:00,50", "2024-01-01 01:00+01:00,-20", "2024-01-01 02:00+01:00,80"]


def write(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["time,price", *rows, ""]))
    return path


def test_a_file_of_prices(tmp_path: Path) -> None:
    # Public data repeats some rows.
    market = read_prices(write(tmp_path / "p.csv", [*PRICE_ROWS, PRICE_ROWS[-1]]), PriceUnit.EUR_MWH, ZONE)
    assert [price.eur_kwh for price in market] == pytest.approx([0.05, -0.02, 0.08])
    assert market[-1].end_utc_s - market[0].start_utc_s == 3 * 3600.0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([PRICE_ROWS[0], PRICE_ROWS[1], "2024-01-01 05:00+01:00,80"], "no price from 2024-01-01 01:00 UTC"),
        (["yesterday,1"], "is not a time"),
        ([], "no price"),
    ],
)
def test_a_file_of_prices_that_cannot_be_used(tmp_path: Path, rows: list[str], says: str) -> None:
    path = write(tmp_path / "p.csv", rows)
    with pytest.raises(ConfigError, match=says) as caught:
        read_prices(path, PriceUnit.EUR_MWH, ZONE)
    assert str(path) in str(caught.value)


def test_prices_in_another_unit_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unit must be another one"):
        read_prices(write(tmp_path / "p.csv", PRICE_ROWS), PriceUnit.EUR_KWH, ZONE)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_prices(tmp_path / "none.csv", PriceUnit.EUR_KWH, ZONE)


def test_the_command(tmp_path: Path) -> None:
    days = generated_prices(2, ZONE)
    rows = [f"{datetime.fromtimestamp(p.start_utc_s, UTC).isoformat()},{1e3 * p.eur_kwh}" for p in days]
    prices = write(tmp_path / "p.csv", rows)
    load = tmp_path / "day.csv"
    load.write_text("t,L1_w,L2_w,L3_w\n0,300,200,100\n43200,-500,-500,-500\n64800,900,200,100\n86400,0,0,0\n")
    report = tmp_path / "report.html"
    arguments = ["backtest", "--prices", str(prices), "--unit", "EUR/MWh", "--load", str(load)]
    done = CliRunner().invoke(cli, [*arguments, "--report", str(report)])
    assert done.exit_code == 0, done.output
    for text in ("no battery", "clairvoyant optimum", "2024-01-01 to 2024-01-02, 2 days", "p.csv", "day.csv"):
        assert text in done.output
    check(report.read_text())
    as_json = CliRunner().invoke(cli, [*arguments, "--json"])
    found = json.loads(as_json.stdout)
    assert found["rows"][0]["name"] == "no battery"
    # 600 W for 12 h, -1500 W for 6 h, 1200 W for 6 h: twice.
    assert found["rows"][0]["import_kwh"] == pytest.approx(28.8)
    assert found["rows"][0]["export_kwh"] == pytest.approx(18.0)


def test_the_command_names_a_file_that_is_not_there() -> None:
    done = CliRunner().invoke(cli, ["backtest", "--prices", "nowhere.csv"])
    assert done.exit_code == 2
    assert "nowhere.csv" in done.output


def test_the_report_is_one_well_formed_file(year: tuple[tuple[Course, ...], Home]) -> None:
    found, courses, home = run_backtest(None, None, days=2)
    parsed = check(html_report(found, courses, home))
    text = " ".join(parsed.text)
    assert "Saved so far" in text
    assert "generated, with the usual shape of a day" in text
    assert all(course.row.name in text for course in courses)


@pytest.mark.skipif(not REAL.exists(), reason="the real prices of 2024 are not here")
def test_the_real_prices_of_2024_can_be_read() -> None:
    market = read_prices(REAL, PriceUnit.EUR_MWH, ZONE)
    assert len(market) == 8784
    assert sum(price.eur_kwh < 0.0 for price in market) == 458
