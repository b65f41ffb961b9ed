"""Nord Pool, EnergyZero and ENTSO-E, each against a fake that speaks its format on a real socket."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynordpool
import pytest
from aiohttp import web
from pydantic import ValidationError
from source_fakes import (
    FakeService,
    acknowledgement,
    document,
    energyzero,
    local,
    nord_pool,
    place,
    price_of,
    series,
    starts,
)

from phasewise.model.prices import MarketPrice
from phasewise.sources.base import SourceBadData, SourceError, SourceRefused, SourceUnreachable
from phasewise.sources.energyzero import EnergyZeroPrices
from phasewise.sources.entsoe import ZONES, EntsoeOptions, EntsoePrices
from phasewise.sources.nord_pool import NordPoolOptions, NordPoolPrices

NOW = local("2026-11-23 14:00")
TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)
SPRING, AUTUMN = date(2027, 3, 28), date(2027, 10, 31)
"""23 and 25 hours long."""


def check_prices(prices: tuple[MarketPrice, ...], days: tuple[date, ...], step_s: int = 900) -> None:
    """Exactly these days, whole, each price that of its moment."""
    expected = [at for day in days for at in starts(day, step_s)]
    assert [p.start_utc_s for p in prices] == expected
    for price in prices:
        assert price.end_utc_s - price.start_utc_s == step_s
        assert price.eur_kwh == pytest.approx(price_of(price.start_utc_s) / 1000.0, abs=1e-5)


# EnergyZero


async def test_energyzero_today_and_tomorrow() -> None:
    async with FakeService(energyzero([TODAY, TOMORROW])).running() as service:
        prices = await EnergyZeroPrices(place(), url=service.url).fetch(NOW)
    check_prices(prices, (TODAY, TOMORROW))
    assert [asked["date"] for asked in service.asked] == ["23-11-2026", "24-11-2026"]


async def test_energyzero_without_tomorrow_is_no_error() -> None:
    async with FakeService(energyzero([TODAY])).running() as service:
        check_prices(await EnergyZeroPrices(place(), url=service.url).fetch(NOW), (TODAY,))


@pytest.mark.parametrize(("day", "quarters"), [(SPRING, 92), (AUTUMN, 100)])
async def test_energyzero_on_a_day_of_23_or_25_hours(day: date, quarters: int) -> None:
    async with FakeService(energyzero([day])).running() as service:
        prices = await EnergyZeroPrices(place(), url=service.url).fetch(local(f"{day} 14:00"))
    assert len(prices) == quarters
    check_prices(prices, (day,))


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ({"base": [{"start": "2026-11-23T00:00:00Z"}]}, SourceBadData, "missing required field `end`"),
        ({"base": "none"}, SourceBadData, "another form"),
        (
            {
                "base": [
                    {"start": "2026-11-23T00:00:00", "end": "2026-11-23T01:00:00Z", "price": {"value": 1}}
                ]
            },
            SourceBadData,
            "no offset",
        ),
        (
            {
                "base": [
                    {"start": "2026-11-23T00:00:00Z", "end": "2026-11-23T01:00:00Z", "price": {"value": "x"}}
                ]
            },
            SourceBadData,
            "could not convert",
        ),
        (
            {
                "base": [
                    {"start": "2026-11-23T00:00:00Z", "end": "2026-11-23T01:00:00Z", "price": {"value": 87}}
                ]
            },
            SourceBadData,
            "87 EUR/kWh at 2026-11-23 00:00 UTC: that cannot be",
        ),
        (web.Response(text="<html>maintenance</html>"), SourceBadData, "maintenance"),
        (web.Response(text="too many", status=429), SourceRefused, "429 Too Many Requests: too many"),
        (web.Response(body=b"x" * 5_100_000), SourceBadData, "more than 5 MB"),
    ],
)
async def test_energyzero_answers_that_are_not_prices(
    answer: Any, kind: type[SourceError], says: str
) -> None:
    async with FakeService(lambda _: answer).running() as service:
        with pytest.raises(kind) as caught:
            await EnergyZeroPrices(place(), url=service.url).fetch(NOW)
    assert says in str(caught.value)


async def test_nobody_there() -> None:
    async with FakeService(energyzero([])).running() as service:
        url = service.url
    with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1 can't be reached"):
        await EnergyZeroPrices(place(), url=url).fetch(NOW)


# Nord Pool


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library waits 7 s between its own three attempts."""

    async def no_wait(seconds: float) -> None:
        assert seconds > 0

    monkeypatch.setattr("pynordpool.asyncio", SimpleNamespace(sleep=no_wait))


def nord_pool_source(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, time_zone: str = "Europe/Amsterdam"
) -> NordPoolPrices:
    monkeypatch.setattr(pynordpool, "API", f"{service.url}/api")
    return NordPoolPrices(NordPoolOptions(area="NL"), place(time_zone=time_zone))


async def test_nord_pool_today_and_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeService(nord_pool([TODAY, TOMORROW])).running() as service:
        prices = await nord_pool_source(service, monkeypatch).fetch(NOW)
    check_prices(prices, (TODAY, TOMORROW))
    assert {(asked["deliveryArea"], asked["currency"]) for asked in service.asked} == {("NL", "EUR")}


async def test_nord_pool_by_the_hour_and_without_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeService(nord_pool([TODAY], step_s=3600)).running() as service:
        check_prices(await nord_pool_source(service, monkeypatch).fetch(NOW), (TODAY,), 3600)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
async def test_nord_pool_over_a_change_of_the_clocks(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    async with FakeService(nord_pool([day])).running() as service:
        check_prices(await nord_pool_source(service, monkeypatch).fetch(local(f"{day} 01:00")), (day,))


async def test_nord_pool_days_cover_a_day_of_another_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Finnish day begins an hour before the market's."""
    async with FakeService(nord_pool([])).running() as service:
        now = local("2026-11-23 00:30", "Europe/Helsinki")
        assert await nord_pool_source(service, monkeypatch, "Europe/Helsinki").fetch(now) == ()
    assert [asked["date"] for asked in service.asked] == ["2026-11-22", "2026-11-23", "2026-11-24"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (web.Response(status=403), SourceUnreachable, "No access"),
        (web.Response(status=500, text="oops"), SourceUnreachable, "oops"),
        (web.Response(text="<html>", content_type="text/html"), SourceUnreachable, "Could not return json"),
        ({"multiAreaEntries": [{"deliveryStart": "x"}]}, SourceBadData, "another form"),
        ({"multiAreaEntries": []}, SourceBadData, "KeyError: 'blockPriceAggregates'"),
    ],
)
async def test_nord_pool_answers_that_are_not_prices(
    monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[SourceError], says: str
) -> None:
    async with FakeService(lambda _: answer).running() as service:
        with pytest.raises(kind) as caught:
            await nord_pool_source(service, monkeypatch).fetch(NOW)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


async def test_nord_pool_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeService(nord_pool([])).running() as service:
        source = nord_pool_source(service, monkeypatch)
    with pytest.raises(SourceUnreachable, match="can't be reached"):
        await source.fetch(NOW)


def test_nord_pool_area() -> None:
    with pytest.raises(ValidationError, match=r"'XX' is not an area of Nord Pool; allowed: .*NL"):
        NordPoolOptions(area="XX")


# ENTSO-E


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret-token\n")
    return tmp_path


def entsoe(service: FakeService, folder: Path, zone: str = "NL") -> EntsoePrices:
    return EntsoePrices(EntsoeOptions(zone=zone, token_file="token"), place(folder), url=f"{service.url}/api")


def quarters(day: date) -> list[float | None]:
    return [price_of(at) for at in starts(day, 900)]


@pytest.mark.parametrize("days", [(TODAY, TOMORROW), (TODAY,), (SPRING,), (AUTUMN,)])
async def test_entsoe_days(folder: Path, days: tuple[date, ...]) -> None:
    answer = [series(starts(day, 900)[0], quarters(day)) for day in days]
    async with FakeService(lambda _: document(*answer)).running() as service:
        prices = await entsoe(service, folder).fetch(local(f"{days[0]} 14:00"))
    check_prices(prices, days)


async def test_what_entsoe_is_asked(folder: Path) -> None:
    async with FakeService(lambda _: acknowledgement("999", "No matching data found")).running() as service:
        assert await entsoe(service, folder).fetch(NOW) == ()
    assert service.asked == [
        {
            "securityToken": "secret-token",
            "documentType": "A44",
            "in_Domain": "10YNL----------L",
            "out_Domain": "10YNL----------L",
            "periodStart": "202611222300",
            "periodEnd": "202611242300",
        }
    ]


async def test_entsoe_leaves_out_what_repeats(folder: Path) -> None:
    begin = starts(TODAY, 900)[0]
    answer = series(begin, [10.0, None, None, 20.5, None, -3.0, None, None])
    async with FakeService(lambda _: document(answer)).running() as service:
        prices = await entsoe(service, folder).fetch(NOW)
    told = [10.0, 10.0, 10.0, 20.5, 20.5, -3.0, -3.0, -3.0]
    assert [p.eur_kwh for p in prices] == pytest.approx([price / 1000.0 for price in told])
    assert [p.start_utc_s for p in prices] == [begin + 900 * n for n in range(8)]


async def test_entsoe_other_auctions_are_left_out(folder: Path) -> None:
    begin = starts(TODAY, 900)[0]
    others = [series(begin, [1.0] * 4, sequence="2"), series(begin, [2.0] * 4, contract="A07")]
    wanted = series(begin, [99.0], resolution="PT60M", sequence=None)
    async with FakeService(lambda _: document(*others, wanted)).running() as service:
        source = entsoe(service, folder, "DE-LU")
        assert await source.fetch(NOW) == (MarketPrice(begin, begin + 3600, 0.099),)
        service.answers = lambda _: document(*others)
        with pytest.raises(SourceBadData, match="other auctions"):
            await source.fetch(NOW)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (acknowledgement("402", "Invalid period"), SourceRefused, "refused: Invalid period"),
        (web.Response(status=401, text="Unauthorized"), SourceRefused, "refused the token in"),
        (web.Response(status=429, text="slow down"), SourceRefused, "429"),
        (web.Response(text="not xml"), SourceBadData, "not XML: not xml"),
        (web.Response(text="<Other/>"), SourceBadData, "sent a Other"),
        (document(series(0.0, [1.0], currency="PLN")), SourceBadData, "PLN"),
        (document(series(0.0, [None, 1.0])), SourceBadData, "first price is missing"),
        (document(series(0.0, [1.0]).replace("PT15M", "P1D")), SourceBadData, "P1D"),
        (document(series(0.0, [1.0]).replace(">1.0<", ">n/a<")), SourceBadData, "n/a"),
        (document(series(0.0, [1e6])), SourceBadData, "that cannot be"),
        (document(series(0.0, [1.0]), series(0.0, [2.0])), SourceBadData, "two things of 1970-01-01 00:00"),
        (
            web.Response(text='<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;&c;</d>'),
            SourceBadData,
            "not XML",
        ),
    ],
)
async def test_entsoe_answers_that_are_not_prices(
    folder: Path, answer: web.Response, kind: type[SourceError], says: str
) -> None:
    async with FakeService(lambda _: answer).running() as service:
        with pytest.raises(kind) as caught:
            await entsoe(service, folder).fetch(NOW)
    assert says in str(caught.value)
    assert "secret-token" not in str(caught.value)


async def test_entsoe_entities_are_not_expanded_without_end(folder: Path) -> None:
    """What the parser is trusted with."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE d [<!ENTITY e0 "aaaaaaaaaa">{levels}]><d>&e9;</d>'
    async with FakeService(lambda _: web.Response(text=bomb)).running() as service:
        with pytest.raises(SourceBadData, match="not XML"):
            await entsoe(service, folder).fetch(NOW)


async def test_entsoe_without_a_token(tmp_path: Path) -> None:
    async with FakeService(lambda _: document()).running() as service:
        source = entsoe(service, tmp_path)
        with pytest.raises(SourceUnreachable, match="token"):
            await source.fetch(NOW)
        (tmp_path / "token").write_text("\n")
        with pytest.raises(SourceUnreachable, match="is empty"):
            await source.fetch(NOW)
    assert service.asked == []


async def test_entsoe_not_there_does_not_tell_the_token(folder: Path) -> None:
    async with FakeService(lambda _: document()).running() as service:
        source = entsoe(service, folder)
    with pytest.raises(SourceUnreachable) as caught:
        await source.fetch(NOW)
    assert "secret-token" not in str(caught.value)


def test_entsoe_zones() -> None:
    assert all(len(code) == 16 for code in ZONES.values())
    assert EntsoeOptions(zone="10YGR-HTSO-----Y", token_file="t").zone == "10YGR-HTSO-----Y"
    with pytest.raises(ValidationError, match="'Netherlands' is not a bidding zone; allowed: AT, "):
        EntsoeOptions(zone="Netherlands", token_file="t")
