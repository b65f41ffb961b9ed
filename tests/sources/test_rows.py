"""Files and any JSON over HTTP: rows, times, units, and what is said when they do not fit."""

import itertools
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from source_fakes import AMSTERDAM, FakeService, iso, local, place, price_of, starts

from phasewise.model.forecast import ForecastInterval
from phasewise.model.prices import MarketPrice
from phasewise.sources.base import SourceBadData, SourceError, SourceRefused, SourceUnreachable
from phasewise.sources.file import ForecastFile, ForecastFileOptions, PriceFile, PriceFileOptions
from phasewise.sources.http_json import (
    ForecastHttpJson,
    ForecastHttpOptions,
    PriceHttpJson,
    PriceHttpOptions,
)
from phasewise.sources.rows import PriceRowOptions, json_spans

NOW = local("2026-11-23 14:00")
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "prices" / "NL_DA_2024.csv"
AUTUMN, SPRING = date(2027, 10, 31), date(2027, 3, 28)


async def from_file(folder: Path, name: str, text: str, **options: Any) -> tuple[MarketPrice, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    return await PriceFile(PriceFileOptions(file=name, **options), place(folder)).fetch(NOW)


async def test_csv(tmp_path: Path) -> None:
    text = "start,price\n2026-11-23T00:00+01:00,0.21\n2026-11-23T00:15+01:00,-0.05\n"
    begin = local("2026-11-23 00:00")
    assert await from_file(tmp_path, "p.csv", text) == (
        MarketPrice(begin, begin + 900, 0.21),
        MarketPrice(begin + 900, begin + 1800, -0.05),
    )


async def test_csv_of_a_spreadsheet(tmp_path: Path) -> None:
    text = "\ufeffvan;tot;prijs\n2026-11-23 00:00;2026-11-23 01:00;12,5\n"
    options = {"start": "van", "end": "tot", "value": "prijs", "unit": "ct/kWh"}
    begin = local("2026-11-23 00:00")
    assert await from_file(tmp_path, "p.csv", text, **options) == (MarketPrice(begin, begin + 3600, 0.125),)


async def test_json_with_a_path_and_unix_times(tmp_path: Path) -> None:
    rows = [{"at": {"ms": (NOW + n * 900) * 1000}, "eur": str(100 + n)} for n in range(3)]
    text = json.dumps({"data": {"today": rows[:1], "tomorrow": rows[1:]}})
    options = {"path": "data.[today, tomorrow][][]", "start": "at.ms", "value": "eur", "unit": "EUR/MWh"}
    found = await from_file(tmp_path, "p.json", text, **options)
    assert [(p.start_utc_s, p.end_utc_s) for p in found] == [
        (NOW + n * 900, NOW + n * 900 + 900) for n in range(3)
    ]
    assert [p.eur_kwh for p in found] == pytest.approx([0.1, 0.101, 0.102])


@pytest.mark.parametrize("step_s", [900, 3600])
@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2026, 11, 23)])
async def test_local_times_without_an_offset(tmp_path: Path, day: date, step_s: int) -> None:
    """The hour that clocks repeat in autumn stands twice in the file: the second is the later one."""
    from datetime import datetime

    lines = [
        f"{datetime.fromtimestamp(at, AMSTERDAM):%Y-%m-%d %H:%M},{price_of(at) / 1000}"
        for at in starts(day, step_s)
    ]
    found = await from_file(tmp_path, "p.csv", "start,price\n" + "\n".join(lines))
    assert [p.start_utc_s for p in found] == starts(day, step_s)
    assert [p.end_utc_s for p in found] == [at + step_s for at in starts(day, step_s)]


async def test_real_dutch_prices_of_2024() -> None:
    if not REAL.exists():
        pytest.skip("the Dutch prices of 2024 are not here (see the README of the data)")
    options = PriceFileOptions(file=REAL.name, start="time", value="DA_price", unit="EUR/MWh")
    found = await PriceFile(options, place(REAL.parent)).fetch(NOW)
    assert len(found) == 366 * 24, "each hour of a leap year once, though four stand there twice"
    assert found[0].start_utc_s == local("2024-01-01 00:00")
    assert found[-1].end_utc_s == local("2025-01-01 00:00")
    assert all(a.end_utc_s == b.start_utc_s for a, b in itertools.pairwise(found))
    assert min(p.eur_kwh for p in found) == pytest.approx(-0.2)
    assert sum(p.eur_kwh < 0 for p in found) >= 450


WRONG_FILES = [
    ("p.csv", "start;prijs\n2026-11-23;1\n", "has no column 'price'; columns: start, prijs"),
    ("p.csv", "", "has no column 'start'; columns: none"),
    ("p.csv", "start,price\nsoon,1\n", "row 1: 'soon' is not a time; allowed: ISO 8601"),
    ("p.csv", "start,price\n2026-11-23,\n", "row 1: '' is not a number"),
    ("p.csv", "start,price\n2026-11-23\n", "row 1: None is not a number"),
    ("p.csv", "start,price\n2026-11-23,nan\n2026-11-23T01:00,1\n", "has no number at 2026-11-22 23:00 UTC"),
    ("p.csv", "start,price\n2026-11-23,0.2\n", "the rows do not tell how long they hold; name their `end`"),
    ("p.csv", "start,price\n2026-11-23,0.2\n2026-11-25,0.3\n", "do not tell how long"),
    ("p.csv", "start,price\n2026-11-23T00:00,87\n2026-11-23T01:00,90\n", "87 EUR/kWh"),
    (
        "p.csv",
        "start,price\n2026-11-23T00:00,1\n2026-11-23T01:00,2\n2026-11-23T00:00Z,3\n",
        "two things of 2026-11-23 00:00 UTC: 2 and 3",
    ),
    ("p.json", "{", "not JSON"),
    ("p.json", "{}", "the path '@' leads to dict, not a list"),
    ("p.json", "null", "leads to nothing"),
    ("p.json", '[{"start": true, "price": 1}]', "True is not a time"),
    ("p.json", '[{"start": "2026-11-23T00:00", "price": true}]', "True is not a number"),
    ("p.json", '["x"]', "None is not a time"),
]


@pytest.mark.parametrize(("name", "text", "says"), WRONG_FILES, ids=range(len(WRONG_FILES)))
async def test_a_file_that_is_not_understood(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(SourceBadData) as caught:
        await from_file(tmp_path, name, text)
    assert says in str(caught.value)
    assert name in str(caught.value)


async def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    source = PriceFile(PriceFileOptions(file="p.csv"), place(tmp_path))
    with pytest.raises(SourceUnreachable, match=r"p\.csv cannot be read: No such file"):
        await source.fetch(NOW)
    (tmp_path / "p.csv").write_bytes(b"start,price\n\xff")
    with pytest.raises(SourceBadData, match="not UTF-8"):
        await source.fetch(NOW)
    (tmp_path / "p.csv").write_bytes(b" " * 10_000_001)
    with pytest.raises(SourceBadData, match="more than 10 MB"):
        await source.fetch(NOW)


def test_a_gap_is_not_filled() -> None:
    rows = [{"start": at, "price": 1.0} for at in (0, 3600, 4 * 3600, 4 * 3600 + 900)]
    spans = json_spans(rows, PriceRowOptions(), AMSTERDAM, "x")
    assert [(s.start_utc_s, s.end_utc_s) for s in spans] == [
        (0, 3600),
        (3600, 7200),
        (14400, 15300),
        (15300, 16200),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["start", "price", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_the_document_is_the_answer_is_rows_or_a_sentence(document: object) -> None:
    try:
        spans = json_spans(document, PriceRowOptions(), AMSTERDAM, "the service")
    except SourceBadData as error:
        assert "the service" in str(error)  # noqa: PT017 - either is right, and each is checked
    else:
        assert isinstance(document, list)
        assert len(spans) == len(document)


# over HTTP


def http(service: FakeService, query: str = "", **options: Any) -> PriceHttpJson:
    return PriceHttpJson(PriceHttpOptions(url=f"{service.url}/prices{query}", **options), place())


def body(day: date) -> Any:
    return {"prices": [{"from": iso(at), "price": price_of(at)} for at in starts(day, 3600)]}


async def test_http_json() -> None:
    async with FakeService(lambda _: body(date(2026, 11, 23))).running() as service:
        source = http(
            service, path="prices", start='"from"', unit="EUR/MWh", headers={"Authorization": "Bearer x"}
        )
        found = await source.fetch(NOW)
    assert [p.start_utc_s for p in found] == starts(date(2026, 11, 23), 3600)
    assert found[0].eur_kwh == pytest.approx(price_of(found[0].start_utc_s) / 1000.0)
    assert service.headers[0]["Authorization"] == "Bearer x"
    assert service.headers[0]["User-Agent"].startswith("phasewise/")


async def test_a_day_in_the_address_is_asked_for_today_and_tomorrow() -> None:
    known = {date(2026, 11, 23)}

    def answer(request: web.Request) -> Any:
        day = date.fromisoformat(request.query["d"])
        return body(day) if day in known else web.Response(status=404)

    async with FakeService(answer).running() as service:
        source = http(service, "?d={day}", path="prices", start='"from"', unit="EUR/MWh")
        assert len(await source.fetch(NOW)) == 24
        known.add(date(2026, 11, 24))
        assert len(await source.fetch(NOW)) == 48
        known.clear()
        with pytest.raises(SourceRefused, match="404"):
            await source.fetch(NOW)
    assert [asked["d"] for asked in service.asked] == ["2026-11-23", "2026-11-24"] * 2 + ["2026-11-23"]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            web.Response(status=500, text="broken\n  inside"),
            SourceRefused,
            "500 Internal Server Error: broken",
        ),
        (web.Response(text="<html>"), SourceBadData, "not JSON: <html>"),
        ({"other": []}, SourceBadData, "the path 'prices' leads to nothing"),
    ],
)
async def test_http_answers_that_are_not_prices(answer: Any, kind: type[SourceError], says: str) -> None:
    async with FakeService(lambda _: answer).running() as service:
        with pytest.raises(kind) as caught:
            await http(service, "?key=secret", path="prices").fetch(NOW)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(text=f"<p>{'x' * 165} who asks with s3cr3t-in-query or s3cr3t-in-header?</p>"),
        web.Response(text="Bearer s3cr3t-in-header has no prices", status=429),
        {"prices": [{"start": "s3cr3t-in-query", "price": "s3cr3t-in-header"}]},
        [{"s3cr3t-in-query": 1}],
    ],
)
async def test_a_service_that_repeats_secrets_in_its_answer_does_not_spread_them(answer: Any) -> None:
    headers = {"Authorization": "Bearer s3cr3t-in-header"}
    async with FakeService(lambda _: answer).running() as service:
        source = http(service, "?key=s3cr3t-in-query", path="prices", headers=headers)
        with pytest.raises(SourceError) as caught:
            await source.fetch(NOW)
    assert "s3cr3t" not in str(caught.value)


async def test_a_forecast_over_http_and_from_a_file(tmp_path: Path) -> None:
    rows = [{"start": iso(NOW + n * 1800), "power": 0.4 * n} for n in range(3)]
    expected = tuple(
        ForecastInterval(NOW + n * 1800, NOW + n * 1800 + 1800, pytest.approx(400.0 * n)) for n in range(3)
    )
    async with FakeService(lambda _: rows).running() as service:
        options = ForecastHttpOptions(url=service.url, unit="kW")
        assert await ForecastHttpJson(options, place()).fetch(NOW) == expected
    energy = [{"start": row["start"], "wh": 200.0 * n} for n, row in enumerate(rows)]
    (tmp_path / "f.json").write_text(json.dumps(energy))
    of_file = ForecastFileOptions(file="f.json", value="wh", unit="Wh")
    assert await ForecastFile(of_file, place(tmp_path)).fetch(NOW) == expected


@pytest.mark.parametrize("power", [-1.0, 2e6])
async def test_a_power_that_cannot_be(tmp_path: Path, power: float) -> None:
    rows = [{"start": NOW, "power": power}, {"start": NOW + 900, "power": 0}]
    (tmp_path / "f.json").write_text(json.dumps(rows))
    with pytest.raises(SourceBadData, match="that cannot be"):
        await ForecastFile(ForecastFileOptions(file="f.json"), place(tmp_path)).fetch(NOW)


@pytest.mark.parametrize(("minutes", "says"), [(0, "of 0 min"), (-15, "of -15 min"), (61, "of 61 min")])
async def test_an_interval_of_an_impossible_length(tmp_path: Path, minutes: int, says: str) -> None:
    rows = [{"start": NOW, "until": NOW + minutes * 60, "price": 0.2}]
    with pytest.raises(SourceBadData, match=f"{says} at 2026-11-23 13:00 UTC; up to 60 min"):
        await from_file(tmp_path, "p.json", json.dumps(rows), end="until")


async def test_a_path_that_does_not_fit_the_answer(tmp_path: Path) -> None:
    with pytest.raises(SourceBadData, match="'sort_by\\(@, &x\\)' does not fit the answer"):
        await from_file(tmp_path, "p.json", '[{"x": 1}, {"x": "y"}]', path="sort_by(@, &x)")
