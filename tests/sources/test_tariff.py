"""From market prices to what is paid: formulas, dates, netting."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_fakes import local, place

from phasewise.config import parse_config
from phasewise.model.prices import MarketPrice, PriceFormula, TariffPeriod, price_at
from phasewise.registry import load_plugins
from phasewise.sources.base import SourceOptions
from phasewise.sources.tariff import applied, with_tariff

DOCS = Path(__file__).parents[2] / "docs"
BUY = PriceFormula(add_eur_kwh=0.1, vat_pct=21.0)
SELL = PriceFormula(add_eur_kwh=-0.02)
NEW_YEAR = local("2027-01-01 00:00")
DUTCH = (TariffPeriod(local("2026-01-01 00:00"), BUY), TariffPeriod(NEW_YEAR, BUY, SELL))


def test_a_formula_in_numbers() -> None:
    assert applied(PriceFormula(1.02, 0.1, 21.0), 0.2) == pytest.approx(0.36784)
    assert applied(PriceFormula(), -0.2) == -0.2


def test_netting_ends_at_local_midnight_of_new_year() -> None:
    market = [MarketPrice(NEW_YEAR + n * 900, NEW_YEAR + n * 900 + 900, 0.2) for n in (-1, 0)]
    before, after = with_tariff(market, DUTCH)
    assert before.buy_eur_kwh == before.sell_eur_kwh == pytest.approx(0.363)
    assert (after.buy_eur_kwh, after.sell_eur_kwh) == (pytest.approx(0.363), pytest.approx(0.18))


def test_before_the_first_date_the_first_entry_holds() -> None:
    (price,) = with_tariff([MarketPrice(0.0, 900.0, 0.2)], DUTCH)
    assert price.buy_eur_kwh == price.sell_eur_kwh == pytest.approx(0.363)


@given(st.lists(st.floats(-1, 5), max_size=5))
def test_without_a_tariff_both_prices_are_the_markets(values: list[float]) -> None:
    market = [MarketPrice(n * 900.0, n * 900.0 + 900.0, value) for n, value in enumerate(values)]
    for price, paid in zip(market, with_tariff(market, ()), strict=True):
        assert (paid.start_utc_s, paid.end_utc_s) == (price.start_utc_s, price.end_utc_s)
        assert paid.buy_eur_kwh == paid.sell_eur_kwh == price.eur_kwh


@given(st.integers(-10, 110))
def test_the_price_at_a_moment(at: int) -> None:
    """Intervals of 10 s with a gap between 40 and 60."""
    prices = with_tariff([MarketPrice(s, s + 10.0, s) for s in (0.0, 10.0, 20.0, 30.0, 60.0, 70.0)], ())
    found = price_at(prices, at)
    expected = at // 10 * 10 if 0 <= at < 40 or 60 <= at < 80 else None
    assert (None if found is None else found.start_utc_s) == expected


@pytest.mark.parametrize("page", ["prices.md", "forecast.md"])
def test_every_example_of_the_documentation_is_valid(page: str, tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) >= 3
    registry = load_plugins().registry()
    for example in examples:
        text = "meter: {driver: dsmr, url: 'tcp://127.0.0.1:23'}\nbatteries: []\n" + example
        config = parse_config(text, tmp_path / "home.yaml", registry)
        assert config.prices is not None or config.forecast is not None


def test_every_key_of_every_source_is_documented() -> None:
    plugins = load_plugins()
    for page, sources in (("prices.md", plugins.prices), ("forecast.md", plugins.forecasts)):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert sources
        for name, source in sources.items():
            assert f"`{name}`" in text
            for key in source.options_model.model_fields:
                assert f"`{key}`" in text, (page, name, key)


def test_a_source_takes_only_its_own_options() -> None:
    class Others(SourceOptions):
        """Of nobody."""

    plugins = load_plugins()
    for source in (*plugins.prices.values(), *plugins.forecasts.values()):
        with pytest.raises(TypeError, match="are needed, not Others"):
            source.from_options(Others(), place())
