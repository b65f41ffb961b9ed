"""Forecast.Solar, against a fake that speaks its format on a real socket."""

from typing import Any

import pytest
from aiohttp import web
from forecast_solar import ForecastSolar
from source_fakes import FakeService, forecast_solar, local, place
from yarl import URL

from phasewise.model.forecast import ForecastInterval
from phasewise.sources.base import SourceBadData, SourceError, SourceUnreachable
from phasewise.sources.forecast_solar import ForecastSolarForecast, ForecastSolarOptions

NOW = local("2026-11-23 07:00")
OPTIONS = ForecastSolarOptions(latitude=52.1, longitude=5.2, declination=35, azimuth=-10, kwp=4.2)
ENERGY_WH = {
    "2026-11-23T07:30:00+00:00": 0,
    "2026-11-23T08:00:00+00:00": 50,
    "2026-11-23T09:00:00+00:00": 400,
    "2026-11-23T15:40:00+00:00": 2000,
    "2026-11-24T07:30:00+00:00": 0,
    "2026-11-24T08:00:00+00:00": 60,
}


def source(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> ForecastSolarForecast:
    monkeypatch.setattr(ForecastSolar, "_base_url", URL(service.url))
    return ForecastSolarForecast.from_options(OPTIONS, place())


def refused(status: int, text: str) -> web.Response:
    limits = {"period": 3600, "limit": 12, "retry-at": "2026-11-23T08:00:00+01:00"}
    message = {"code": status, "type": "error", "text": text, "ratelimit": limits}
    return web.json_response({"result": None, "message": message}, status=status)


async def test_energy_becomes_the_power_since_the_moment_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeService(forecast_solar(ENERGY_WH)).running() as service:
        found = await source(service, monkeypatch).fetch(NOW)
    assert service.paths == ["/estimate/52.1/5.2/35.0/-10.0/4.2"]
    sunrise = local("2026-11-23 08:30")
    assert found[:2] == (
        ForecastInterval(sunrise, sunrise + 1800, 100.0),
        ForecastInterval(sunrise + 1800, sunrise + 5400, 400.0),
    )
    assert sum(interval.energy_wh for interval in found) == pytest.approx(sum(ENERGY_WH.values()))
    night = found[3]
    assert (night.power_w, night.end_utc_s - night.start_utc_s) == (0.0, 57000.0)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refused(429, "Rate limit"), SourceUnreachable, "Rate limit"),
        (refused(422, "wrong kwp"), SourceUnreachable, "wrong kwp"),
        (web.Response(status=503), SourceUnreachable, "unreachable"),
        (web.Response(status=500, text="oops"), SourceUnreachable, "500"),
        (web.Response(text="hello"), SourceBadData, "KeyError"),
    ],
)
async def test_answers_that_are_no_forecast(
    monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[SourceError], says: str
) -> None:
    async with FakeService(lambda _: answer).running() as service:
        with pytest.raises(kind, match=says):
            await source(service, monkeypatch).fetch(NOW)


async def test_times_without_an_offset_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    naive = {moment.removesuffix("+00:00"): wh for moment, wh in ENERGY_WH.items()}
    async with FakeService(forecast_solar(naive)).running() as service:
        with pytest.raises(SourceBadData, match="no offset"):
            await source(service, monkeypatch).fetch(NOW)


async def test_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeService(forecast_solar(ENERGY_WH)).running() as service:
        gone = source(service, monkeypatch)
    with pytest.raises(SourceUnreachable, match="can't be reached"):
        await gone.fetch(NOW)


async def test_the_certificate_is_checked_though_the_library_would_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import aiohttp

    asked: list[dict[str, Any]] = []
    real = aiohttp.ClientSession.request

    def request(self: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        asked.append(options)
        return real(self, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "request", request)
    async with FakeService(forecast_solar(ENERGY_WH)).running() as service:
        await source(service, monkeypatch).fetch(NOW)
    assert [options.get("ssl", True) for options in asked] == [True]
