"""The routes of history: as described, quick, streamed, and clear about what they do not take."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Never

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from web_fakes import FakeControls, make_state

from phasewise.store import History, Run, UnreadableError, energy, open_to_write, query, write_runs
from phasewise.web import Access, create_app, history

NOW = int(datetime(2026, 3, 29, 14, tzinfo=UTC).timestamp())
"""The afternoon of a day of 23 hours."""
QUARTER = NOW - 7200
DEADLINE_S = 20.0

PAIRS: dict[type[msgspec.Struct], type[BaseModel]] = {
    query.Curve: history.Curve,
    query.Curves: history.History,
    energy.BatteryEnergy: history.BatteryEnergy,
    energy.Day: history.Day,
}


@pytest.mark.parametrize(("struct", "model"), PAIRS.items(), ids=lambda c: c.__name__)
def test_fields_agree(struct: type[msgspec.Struct], model: type[BaseModel]) -> None:
    sent = [field.encode_name for field in msgspec.structs.fields(struct)]
    assert sent == [field.alias or name for name, field in model.model_fields.items()]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    path = tmp_path / "h.db"
    with closing(open_to_write(path)) as db:
        db.execute("BEGIN")
        columns = {"grid.total_w": [n % 60 for n in range(3600)], "battery.m1.soc_pct": [505] * 3600}
        write_runs(db, [Run(QUARTER, columns)], keep_days=7.0)
        energy.add(db, {(QUARTER, energy.IMPORT): 500.0, (QUARTER, energy.MEASURED): 900.0})
        db.execute("COMMIT")
    async with serving(History(path, lambda: "Europe/Amsterdam", lambda: NOW)) as client:
        yield client


def serving(past: History | None) -> httpx.AsyncClient:
    app = create_app(FakeControls(make_state()), access=Access(), history=past, static_dir=Path("none"))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8080")


async def test_curves_are_sent_as_described(client: httpx.AsyncClient) -> None:
    params = {
        "from": str(QUARTER),
        "to": "2026-03-29T15:00",
        "points": "60",
        "series": "grid.total_w, battery.m1.soc_pct",
    }
    answer = await client.get("/api/v1/history", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    sent = history.History.model_validate_json(answer.content)
    assert (sent.begin, sent.end, sent.step_s) == (QUARTER, QUARTER + 3600, 60)
    assert sent.time == tuple(range(QUARTER, QUARTER + 3600, 60))
    assert list(sent.series) == ["grid.total_w", "battery.m1.soc_pct"]
    total = sent.series["grid.total_w"]
    assert (set(total.mean), set(total.min), set(total.max)) == ({29.5}, {0.0}, {59.0})
    assert set(sent.series["battery.m1.soc_pct"].mean) == {50.5}


async def test_without_parameters_it_is_the_last_day(client: httpx.AsyncClient) -> None:
    answer = history.History.model_validate_json((await client.get("/api/v1/history")).content)
    assert (answer.end, answer.begin) == (NOW, NOW - 86_400)
    assert {"grid.total_w", "load_w", "pv_w", "L1.power_w", "L3.power_w"} <= set(answer.series)
    assert len(answer.time) <= 1000


async def test_days_are_sent_as_described_and_today_is_the_last(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/energy")
    days = history.Energy.model_validate_json(answer.content).days
    assert [day.date for day in days] == [f"2026-03-{n}" for n in range(23, 30)]
    assert (days[-1].import_wh, days[-1].cost_eur) == (500.0, None)
    assert (days[-1].start, days[-1].end) == ("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z")


@pytest.mark.parametrize(
    ("begin", "end", "first", "last"),
    [
        ("2026-03-28", "2026-03-30", "2026-03-28", "2026-03-29"),
        ("2026-03-28T23:59", "2026-03-29T00:01", "2026-03-28", "2026-03-29"),
        ("2026-03-28T23:00Z", "2026-03-29T10:00+02:00", "2026-03-29", "2026-03-29"),
        (str(NOW), str(NOW + 0.5), "2026-03-29", "2026-03-29"),
        # In an address a plus sign means a space.
        ("2026-03-28T23:00:00 00:00", "2026-03-29T10:00 02:00", "2026-03-29", "2026-03-29"),
        ("2026-03-28 23:59", "2026-03-29 00:01", "2026-03-28", "2026-03-29"),
    ],
)
async def test_all_days_that_are_touched(
    client: httpx.AsyncClient, begin: str, end: str, first: str, last: str
) -> None:
    answer = await client.get("/api/v1/energy", params={"from": begin, "to": end})
    days = answer.json()["days"]
    assert (days[0]["date"], days[-1]["date"]) == (first, last)


async def test_a_file_of_rows(client: httpx.AsyncClient) -> None:
    params = {"from": str(QUARTER), "to": str(QUARTER + 3600), "points": "4000", "series": "grid.total_w"}
    answer = await client.get("/api/v1/history.csv", params=params)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="phasewise-2026-03-29.csv"'
    lines = answer.text.splitlines()
    assert lines[:2] == ["time,grid.total_w (W)", "2026-03-29T12:00:00Z,0"]
    assert len(lines) == 3601


async def test_a_long_file_is_made_in_parts(tmp_path: Path) -> None:
    past = History(tmp_path / "none.db", lambda: "UTC", lambda: NOW)
    lines = past.csv(NOW - 86_400, NOW, 100_000, ["grid.total_w"])
    sizes = [len(part) async for part in history._text(next(lines), lines)]
    assert sum(sizes) > 1_500_000
    assert max(sizes) < 1_000_000
    assert len(sizes) > 4


WRONG = {
    ("history", "from", "yesterday"): "from: is no ISO date",
    ("history", "to", "nan"): "to: must lie between",
    ("history", "to", "-5"): "to: must lie between",
    ("history", "to", "1e30"): "to: must lie between",
    ("history", "from", str(NOW + 1)): "from: must be before 'to'",
    ("history", "points", "9"): "points: ",
    ("history", "points", "10001"): "points: ",
    ("history", "points", "many"): "points: ",
    ("history", "series", "L4.power_w"): "series: there is no 'L4.power_w'; there are: grid.total_w, ",
    ("history", "series", ""): "series: there is no ''",
    ("history", "series", "battery.m1.power_w;drop"): "series: there is no",
    ("history", "series", ",".join(f"battery.m{n}.power_w" for n in range(101))): "series: 101 names",
    ("history", "from", "x" * 41): "from: ",
    ("history.csv", "points", "1000001"): "points: ",
    ("history.csv", "series", "nothing"): "series: there is no 'nothing'",
    ("energy", "from", "2020-01-01"): "from, to: at most 1100 days",
    ("energy", "from", "2026-13-01"): "from: is no ISO date",
    ("energy", "from", "2030-01-01"): "from: must be before 'to'",
}


@pytest.mark.parametrize(("asked", "says"), WRONG.items(), ids=lambda v: str(v)[:60])
async def test_what_makes_no_sense_is_named(
    client: httpx.AsyncClient, asked: tuple[str, str, str], says: str
) -> None:
    route, name, value = asked
    answer = await client.get(f"/api/v1/{route}", params={name: value})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(says)


async def test_an_answer_has_a_size(client: httpx.AsyncClient) -> None:
    params = {"points": "2001", "series": ",".join(f"battery.m{n}.power_w" for n in range(100))}
    answer = await client.get("/api/v1/history", params=params)
    assert (answer.status_code, answer.json()["detail"][:35]) == (422, "points: at most 2000 for 100 series")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60))
def test_any_text_is_answered_or_refused(begin: str, end: str, names: str) -> None:
    past = History(Path("none.db"), lambda: "Europe/Amsterdam", lambda: NOW)
    for ask in (
        lambda: history._asked(begin, end, names, past),
        lambda: history._days(begin, end, past),
    ):
        try:
            ask()
        except history.RefusedError as error:
            assert str(error).split(":")[0] in {"from", "to", "series", "from, to"}  # noqa: PT017 - or none


async def test_before_the_first_batch_all_is_unknown_and_without_history_it_says_so(tmp_path: Path) -> None:
    async with serving(History(tmp_path / "none.db", lambda: "UTC", lambda: NOW)) as client:
        answer = await client.get("/api/v1/history", params={"series": "load_w"})
        assert set(answer.json()["series"]["load_w"]["mean"]) == {None}
        assert (await client.get("/api/v1/energy")).json()["days"][-1]["measured_s"] == 0.0
    async with serving(None) as client:
        answer = await client.get("/api/v1/history")
        assert (answer.status_code, "not kept" in answer.json()["detail"]) == (503, True)


@pytest.mark.parametrize("route", ["history", "history.csv", "energy"])
async def test_a_damaged_file_is_said(tmp_path: Path, route: str) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"no database" * 1000)
    async with serving(History(path, lambda: "UTC", lambda: NOW)) as client:
        answer = await client.get(f"/api/v1/{route}")
    assert answer.status_code == 503
    assert "h.db: file is not a database" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["history", "history.csv", "energy"])
async def test_nobody_waits_for_a_large_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    """Rows are looked up and encoded outside the loop: control and other clients live in it."""
    threads: list[int] = []

    def noted(work: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            threads.append(threading.get_ident())
            return work(*args, **kwargs)

        return noting

    monkeypatch.setattr(query, "reading", noted(query.reading))
    monkeypatch.setattr(history, "_curves", noted(history._curves))
    assert (await client.get(f"/api/v1/{route}")).status_code == 200
    assert threads
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("route", ["history", "history.csv", "energy"])
async def test_a_disk_that_hangs_takes_no_thread_that_others_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    """Such as for the name of a battery, which is looked up in the loop's own threads."""
    disk = threading.Event()

    def hanging(_: Path) -> Never:
        disk.wait(DEADLINE_S)
        raise UnreadableError("it hung")

    monkeypatch.setattr(query, "reading", hanging)
    async with serving(History(tmp_path / "h.db", lambda: "Europe/Amsterdam", lambda: NOW)) as client:
        await client.get("/health")  # so that all of the following come as far as the disk
        asked = [asyncio.create_task(client.get(f"/api/v1/{route}")) for _ in range(40)]
        try:
            await asyncio.sleep(0.5)
            async with asyncio.timeout(DEADLINE_S / 2):
                await asyncio.to_thread(int)
        finally:
            disk.set()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {503}
