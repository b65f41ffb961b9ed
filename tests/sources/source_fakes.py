"""Price and weather services on real sockets, speaking the format of the real ones. Written from their
documentation and from what their libraries read, not recorded."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from phasewise.sources.base import SourcePlace

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def place(folder: Path = Path(), time_zone: str = "Europe/Amsterdam") -> SourcePlace:
    return SourcePlace(time_zone, folder)


def local(text: str, time_zone: str = "Europe/Amsterdam") -> float:
    """Unix time of a local time such as `2026-11-23 14:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(time_zone)).timestamp()


def iso(utc_s: float) -> str:
    return datetime.fromtimestamp(utc_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def starts(day: date, step_s: int, zone: ZoneInfo = AMSTERDAM) -> list[float]:
    """When each interval of a local day begins: 92, 96 or 100 quarters."""
    begin, end = (
        int(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) for d in (day, day + timedelta(days=1))
    )
    return [float(at) for at in range(begin, end, step_s)]


def price_of(utc_s: float) -> float:
    """EUR/MWh; different for each quarter hour of a month, negative ones too."""
    return round((utc_s / 900.0 % 2976) / 10.0 - 50.0, 2)


class FakeService:
    """One service. `answers` decides; a test may replace it at any time."""

    def __init__(self, answers: Callable[[web.Request], Any]) -> None:
        self.answers = answers
        self.asked: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        self.headers.append(dict(request.headers))
        self.paths.append(request.path)
        answer = self.answers(request)
        if isinstance(answer, web.Response) and answer.prepared:
            answer = web.Response(body=answer.body, status=answer.status, content_type=answer.content_type)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeService"]:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


def energyzero(known: Iterable[date]) -> Callable[[web.Request], Any]:
    """The REST service of EnergyZero: one day a question, 404 for a day that is not known yet."""
    days = set(known)

    def answer(request: web.Request) -> Any:
        day = datetime.strptime(request.query["date"], "%d-%m-%Y").date()  # noqa: DTZ007 - only its date
        assert request.query["energyType"] == "ENERGY_TYPE_ELECTRICITY"
        step_s = {"INTERVAL_QUARTER": 900, "INTERVAL_HOUR": 3600}[request.query["interval"]]
        if day not in days:
            return web.json_response({"code": 5, "message": "no prices", "details": []}, status=404)

        def stream(vat: float) -> list[dict[str, Any]]:
            return [
                {
                    "start": iso(at),
                    "end": iso(at + step_s),
                    "price": {"value": f"{price_of(at) / 1000 * vat:.5f}"},
                }
                for at in starts(day, step_s)
            ]

        return {"base": stream(1.0), "base_with_vat": stream(1.21), "all_in": [], "all_in_with_vat": []}

    return answer


def nord_pool(known: Iterable[date], step_s: int = 900) -> Callable[[web.Request], Any]:
    """The data portal of Nord Pool: days of central European time, 204 for one that is not known yet."""
    days = set(known)

    def answer(request: web.Request) -> Any:
        query = request.query
        assert request.path.endswith("/DayAheadPrices")
        assert query["market"] == "DayAhead"
        day, area = date.fromisoformat(query["date"]), query["deliveryArea"]
        if day not in days:
            return web.Response(status=204)
        return {
            "deliveryDateCET": day.isoformat(),
            "version": 3,
            "updatedAt": "2026-11-23T12:00:15.8832404Z",
            "deliveryAreas": [area],
            "market": "DayAhead",
            "multiAreaEntries": [
                {
                    "deliveryStart": iso(at),
                    "deliveryEnd": iso(at + step_s),
                    "entryPerArea": {area: price_of(at)},
                }
                for at in starts(day, step_s)
            ],
            "blockPriceAggregates": [],
            "currency": query["currency"],
            "exchangeRate": 1,
            "areaStates": [{"state": "Final", "areas": [area]}],
            "areaAverages": [{"areaCode": area, "price": 1.0}],
        }

    return answer


NAMESPACE = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"


def series(
    begin_s: float,
    prices: list[float | None],
    *,
    resolution: str = "PT15M",
    sequence: str | None = "1",
    contract: str = "A01",
    currency: str = "EUR",
) -> str:
    """A time series of ENTSO-E; None is a point that is left out because it repeats the one before."""
    step_s = {"PT15M": 900, "PT30M": 1800, "PT60M": 3600}[resolution]
    stamp = "%Y-%m-%dT%H:%MZ"
    start, end = (
        datetime.fromtimestamp(at, UTC).strftime(stamp) for at in (begin_s, begin_s + len(prices) * step_s)
    )
    points = "".join(
        f"<Point><position>{n}</position><price.amount>{price}</price.amount></Point>"
        for n, price in enumerate(prices, start=1)
        if price is not None
    )
    name = "classificationSequence_AttributeInstanceComponent.position"
    place_in_order = f"<{name}>{sequence}</{name}>" if sequence else ""
    return (
        f"<TimeSeries><mRID>1</mRID><auction.type>A01</auction.type><businessType>A62</businessType>"
        f"<contract_MarketAgreement.type>{contract}</contract_MarketAgreement.type>"
        f"<currency_Unit.name>{currency}</currency_Unit.name>"
        f"<price_Measure_Unit.name>MWH</price_Measure_Unit.name>{place_in_order}<curveType>A03</curveType>"
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{points}</Period></TimeSeries>"
    )


def document(*all_series: str) -> web.Response:
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><Publication_MarketDocument xmlns="{NAMESPACE}">'
        f"<mRID>7a3</mRID><type>A44</type>{''.join(all_series)}</Publication_MarketDocument>"
    )
    return web.Response(text=text, content_type="text/xml")


def acknowledgement(code: str, text: str, status: int = 200) -> web.Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"<Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    )
    return web.Response(text=body, content_type="text/xml", status=status)


def forecast_solar(energy_wh: dict[str, int]) -> Callable[[web.Request], Any]:
    """Forecast.Solar with `time=utc`: by moment, the energy since the moment before."""

    def answer(request: web.Request) -> Any:
        assert request.query["time"] == "utc"
        body = {
            "result": {
                "watts": dict.fromkeys(energy_wh, 0),
                "watt_hours_period": energy_wh,
                "watt_hours": dict.fromkeys(energy_wh, 0),
                "watt_hours_day": {},
            },
            "message": {
                "code": 0,
                "type": "success",
                "text": "",
                "info": {"place": "Somewhere", "timezone": "Europe/Amsterdam"},
                "ratelimit": {"zone": "IP 127.0.0.1", "period": 3600, "limit": 12, "remaining": 10},
            },
        }
        limits = {"X-Ratelimit-Limit": "12", "X-Ratelimit-Period": "3600", "X-Ratelimit-Remaining": "10"}
        return web.json_response(body, headers=limits)

    return answer
