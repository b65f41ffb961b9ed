"""The sections `prices` and `forecast`, with the sources that come with Phasewise."""

# ruff: noqa: E501 - a message and the text that causes it are easier to compare unbroken
import math
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from config_fakes import REGISTRY

from phasewise.config import Config, ConfigError, Registry, SourceEntry, parse_config
from phasewise.model.prices import PriceFormula, TariffPeriod
from phasewise.sources.energyzero import EnergyZeroOptions
from phasewise.sources.entsoe import EntsoeOptions
from phasewise.sources.file import ForecastFileOptions, PriceFileOptions
from phasewise.sources.forecast_solar import ForecastSolarOptions
from phasewise.sources.http_json import PriceHttpOptions

HEAD = "meter: {driver: dsmr, url: x}\nbatteries: []\n"
WITH_SOURCES = Registry(
    REGISTRY.meters,
    REGISTRY.batteries,
    REGISTRY.strategies,
    prices={
        "file": SourceEntry(PriceFileOptions),
        "http-json": SourceEntry(PriceHttpOptions),
        "energyzero": SourceEntry(EnergyZeroOptions),
        "entsoe": SourceEntry(EntsoeOptions),
    },
    forecasts={
        "file": SourceEntry(ForecastFileOptions),
        "forecast-solar": SourceEntry(ForecastSolarOptions),
    },
)


def config(text: str) -> Config:
    return parse_config(HEAD + text, Path("home.yaml"), WITH_SOURCES)


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "prices: null\nforecast: null\n", "prices:\nforecast:\n"])
def test_without_prices(text: str) -> None:
    assert config(text).prices is None
    assert config(text).forecast is None


def test_a_source_without_a_tariff() -> None:
    prices = config("prices: {driver: energyzero}\n").prices
    assert prices is not None
    assert (prices.driver, prices.options, prices.tariff) == ("energyzero", EnergyZeroOptions(), ())


TARIFF = """\
prices:
  driver: file
  file: prices.csv
  value: DA_price
  unit: EUR/MWh
  tariff:
    - netting: true
      buy: {add_eur_kwh: 0.11, vat_pct: 21}
    - from: 2027-01-01
      buy: {factor: 1.02, add_eur_kwh: 0.12, vat_pct: 21}
      sell: {add_eur_kwh: -0.02}
    - from: "2028-07-01"
"""


def test_a_tariff_with_dates() -> None:
    prices = config(TARIFF).prices
    assert prices is not None
    assert prices.options == PriceFileOptions(file="prices.csv", value="DA_price", unit="EUR/MWh")
    zone = ZoneInfo("Europe/Amsterdam")
    assert prices.tariff == (
        TariffPeriod(-math.inf, PriceFormula(1.0, 0.11, 21.0), None),
        TariffPeriod(
            datetime(2027, 1, 1, tzinfo=zone).timestamp(),
            PriceFormula(1.02, 0.12, 21.0),
            PriceFormula(1.0, -0.02),
        ),
        TariffPeriod(datetime(2028, 7, 1, tzinfo=zone).timestamp(), PriceFormula(), PriceFormula()),
    )


def test_dates_are_those_of_the_site() -> None:
    there = config(
        "site: {time_zone: Europe/Helsinki}\nprices: {driver: energyzero, tariff: [{from: 2027-01-01}]}\n"
    )
    assert there.prices is not None
    assert there.prices.tariff[0].from_utc_s == datetime.fromisoformat("2027-01-01T00:00+02:00").timestamp()


def test_a_forecast() -> None:
    text = "forecast: {driver: forecast-solar, latitude: 52.1, longitude: 5, declination: 35, azimuth: -10, kwp: 4.2}\n"
    forecast = config(text).forecast
    assert forecast is not None
    assert forecast.options == ForecastSolarOptions(
        latitude=52.1, longitude=5.0, declination=35.0, azimuth=-10.0, kwp=4.2
    )


WRONG = {
    "prices: true\n": "home.yaml:3: prices: true is not a mapping (key: value)",
    "prices: []\n": "home.yaml:3: prices: a list is not a mapping (key: value)",
    "prices: {}\n": "home.yaml:3: prices.driver: missing; allowed: file, http-json, energyzero, entsoe",
    "prices: {driver: entso-e}\n": "home.yaml:3: prices.driver: 'entso-e' is not a driver in this version (did you mean 'entsoe'?); allowed: file, http-json, energyzero, entsoe",
    "prices:\n  driver: entsoe\n  zone: NL\n": "home.yaml:3: prices.token_file: missing",
    "prices:\n  driver: entsoe\n  zone: XX\n  token_file: t\n": "home.yaml:5: prices.zone: 'XX' is not a bidding zone; allowed: AT, BE",
    "prices:\n  driver: file\n  file: prices.txt\n": "home.yaml:5: prices.file: 'prices.txt' is not a file of a known kind; allowed: .csv, .json",
    "prices:\n  driver: file\n  file: p.csv\n  unit: EUR/MW\n": "home.yaml:6: prices.unit: 'EUR/MW' is not a unit (did you mean 'EUR/MWh'?); allowed: EUR/kWh, EUR/MWh, ct/kWh",
    "prices:\n  driver: file\n  file: p.csv\n  untit: EUR\n": "home.yaml:6: prices.untit: unknown key (did you mean 'unit'?)",
    "prices:\n  driver: http-json\n  url: example.org\n": "home.yaml:5: prices.url: 'example.org' is not a web address; allowed: http://HOST/... or https://HOST/...",
    "prices:\n  driver: http-json\n  url: http://h\n  path: 'a['\n": "home.yaml:6: prices.path: 'a[' is not a JMESPath expression",
    "prices:\n  driver: energyzero\n  tariff:\n    - from: 1 January\n": "home.yaml:6: prices.tariff[#1].from: '1 January' is not a date; allowed: such as 2027-01-01",
    "prices:\n  driver: energyzero\n  tariff:\n    - buy: {vat: 21}\n": "home.yaml:6: prices.tariff[#1].buy.vat: unknown key (did you mean 'vat_pct'?)",
    "prices:\n  driver: energyzero\n  tariff:\n    - buy: {vat_pct: -21}\n": "home.yaml:6: prices.tariff[#1].buy.vat_pct: -21 is too low; allowed: 0 or more",
    "prices:\n  driver: energyzero\n  tariff:\n    - netting: true\n      sell: {factor: 1}\n": "home.yaml:7: prices.tariff[#1].sell: with 'netting: true' what is sold earns what buying costs; remove one of the two",
    "prices:\n  driver: energyzero\n  tariff:\n    - from: 2027-01-01\n    - from: 2026-01-01\n": "home.yaml:7: prices.tariff[#2].from: '2026-01-01' must be later than the date of the entry before it",
    "prices:\n  driver: energyzero\n  tariff:\n    - from: 2027-01-01\n    - netting: true\n": "home.yaml:7: prices.tariff[#2].from: missing: only the first entry can do without a date",
    "forecast: x\n": "home.yaml:3: forecast: 'x' is not a mapping (key: value)",
    "forecast: {driver: forecast.solar}\n": "home.yaml:3: forecast.driver: 'forecast.solar' is not a driver in this version (did you mean 'forecast-solar'?); allowed: file, forecast-solar",
    "forecast:\n  driver: file\n  file: p.csv\n  unit: kWp\n": "home.yaml:6: forecast.unit: 'kWp' is not a unit (did you mean 'kW'?); allowed: W, kW, Wh, kWh",
    "forecast:\n  driver: forecast-solar\n  latitude: 95\n  longitude: 5\n  declination: 35\n  azimuth: 0\n  kwp: 4\n": "home.yaml:5: forecast.latitude: 95 is out of range; allowed: at most 90",
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), WRONG.items(), ids=range(len(WRONG)))
def test_a_wrong_section(text: str, says: str) -> None:
    found = problems(text)
    assert found.startswith(says)
    assert len(found.splitlines()) == 1


def test_every_problem_of_the_section_at_once() -> None:
    found = problems("prices:\n  driver: entsoe\n  zone: XX\n  tariff:\n    - from: soon\n")
    assert [line.split(":")[2].strip() for line in found.splitlines()] == [
        "prices.token_file",
        "prices.zone",
        "prices.tariff[#1].from",
    ]
