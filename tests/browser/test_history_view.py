"""The history view: spans, zoom, gaps, days, the file, and a history that can't be read."""

import math
import re
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

STEP_S = 120
BEGIN_S = 1_795_305_600


def curves() -> dict[str, Any]:
    """A day of the grid, with an hour of it missing."""
    count = 86_400 // STEP_S
    mean = [None if 300 <= at < 330 else round(1500 * math.sin(at / 40)) for at in range(count)]
    curve = {"mean": mean, "min": mean, "max": mean}
    time = [BEGIN_S + at * STEP_S for at in range(count)]
    return {
        "from": BEGIN_S,
        "to": BEGIN_S + 86_400,
        "step_s": STEP_S,
        "time": time,
        "series": {"grid.total_w": curve, "L1.power_w": curve},
    }


def day(date: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "date": date,
        "start": f"{date}T00:00:00.000Z",
        "end": f"{date}T23:59:59.000Z",
        "measured_s": 86400.0,
        "import_wh": 5200.0,
        "export_wh": 1100.0,
        "exchanged_wh": 700.0,
        "load_wh": 9000.0,
        "pv_wh": None,
        "ev_wh": None,
        "batteries": {},
        "cost_eur": None,
        "cost_without_eur": None,
        "saved_eur": None,
    }
    return plain | changes


def answers(daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/history"] = curves()
    daemon.answers["api/v1/energy"] = {"days": [day("2026-11-21"), day("2026-11-22")]}
    daemon.answers["api/v1/events"] = {"events": [], "next": None, "recorded": None}


def seen(page: Page, daemon: FakeDaemon) -> None:
    answers(daemon)
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_role("img", name=re.compile("^Power from"))).to_be_visible()


def widths(daemon: FakeDaemon) -> list[float]:
    asked = [params for path, params in daemon.asked if path == "api/v1/history"]
    return [float(params["to"]) - float(params["from"]) for params in asked]


def test_a_span_and_a_zoom_fetch_what_they_need(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    assert widths(daemon)[-1] >= 86_400
    with page.expect_response(re.compile(r"api/v1/history\?")):
        page.get_by_role("button", name="Hour").click()
    assert 3_600 <= widths(daemon)[-1] < 7_200
    with page.expect_response(re.compile(r"api/v1/history\?")):
        page.get_by_role("button", name="Zoom in").click()
    assert 1_800 <= widths(daemon)[-1] < 3_600
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
    page.get_by_role("button", name="Back to now").click()
    expect(page).not_to_have_url(re.compile(r"from="))


def test_dragging_across_the_chart_zooms_and_the_keyboard_too(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    chart = page.get_by_role("img", name=re.compile("^Power from"))
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 100, steps=4)
    with page.expect_response(re.compile(r"api/v1/history\?")):
        page.mouse.up()
    dragged = widths(daemon)[-1]
    assert dragged < 0.5 * 86_400
    chart.focus()
    with page.expect_response(re.compile(r"api/v1/history\?")):
        page.keyboard.press("+")
    assert widths(daemon)[-1] < dragged


def test_it_says_what_the_chart_shows_and_how_long_drawing_took(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    chart = page.get_by_role("img", name=re.compile("Grid: between \u22121.50 kW and 1.50 kW"))
    expect(chart).to_be_visible()
    measure = "performance.getEntriesByName('history drawn').at(-1).duration"
    assert 0 < page.evaluate(measure) < 5_000


def test_days_are_added_up_and_without_prices_it_says_so(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    energy = page.get_by_role("region", name="Energy by the day")
    expect(energy).to_contain_text("10.4 kWh")
    expect(energy).to_contain_text("no prices are set up")
    energy.get_by_text("As a table").click()
    expect(energy.get_by_role("row")).to_have_count(3)


def test_the_file_holds_what_is_shown(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    page.get_by_role("tab", name="Phases").click()
    link = page.get_by_role("link", name="Save as CSV")
    expect(link).to_have_attribute("href", re.compile(r"^api/v1/history\.csv\?from=\d+&to=\d+.*L1\.power_w"))


def test_a_history_that_cant_be_read_is_said_calmly(page: Page) -> None:
    page.route(
        re.compile(r"api/v1/history\?"),
        lambda route: route.fulfill(status=503, json={"detail": "History can't be read now: disk."}),
    )
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Control is not affected")).to_be_visible()
    page.unroute_all()


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Energy by the day"), ("nl", "Energie per dag"), ("de", "Energie je Tag")]
)
def test_it_fits_a_phone_in_every_language(page: Page, daemon: FakeDaemon, language: str, name: str) -> None:
    answers(daemon)
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate(f"localStorage.setItem('phasewise.language', '{language}'); location.hash = '#/history'")
    page.reload()
    expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.locator(".u-wrap").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
