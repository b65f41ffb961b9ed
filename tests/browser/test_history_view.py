"""The history view: spans, zoom, gaps, days, the file, and a history that can't be read."""

import math
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

pytestmark = pytest.mark.browser

STEP_S = 120
BEGIN_S = 1_700_006_400
"""15 November 2023, 0:00 UTC: long past, as nothing later than now is shown."""


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


def plot_at_rest(chart: Locator) -> FloatRect:
    """Where what is drawn lies, once nothing scrolls and nothing comes in above it any more."""
    plot, found = chart.locator(".u-over"), []
    while len(found) < 5 or found[-5:] != found[-1:] * 5:
        chart.page.wait_for_timeout(50)
        found.append(plot.bounding_box())
    assert found[-1] is not None
    return found[-1]


def test_dragging_across_the_chart_zooms_and_the_keyboard_too(page: Page, daemon: FakeDaemon) -> None:
    seen(page, daemon)
    chart = page.get_by_role("img", name=re.compile("^Power from"))
    box = plot_at_rest(chart)
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


def opened(page: Page, daemon: FakeDaemon) -> Locator:
    """The day of the curves, whatever day it is today."""
    answers(daemon)
    page.evaluate(f"location.hash = '#/history?from={BEGIN_S}&to={BEGIN_S + 86_400}'")
    chart = page.get_by_role("img", name=re.compile("^Power from"))
    expect(chart).to_be_visible()
    return chart


COUNT = """(chart, [share, name]) => {
    const [canvas, over] = [chart.querySelector("canvas"), chart.querySelector(".u-over")];
    const [all, plot] = [canvas.getBoundingClientRect(), over.getBoundingClientRect()];
    const perPx = canvas.width / all.width;
    const colour = getComputedStyle(chart).getPropertyValue(`--${name}`).trim();
    const wanted = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
    const x = Math.round((plot.left - all.left + plot.width * share) * perPx);
    const [y, height] = [(plot.top - all.top) * perPx, plot.height * perPx];
    const { data } = canvas.getContext("2d").getImageData(x - 1, y, 3, height);
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
        const near = wanted.every((value, part) => Math.abs(data[at + part] - value) < 40);
        if (near && data[at + 3] > 128) found += 1;
    }
    return found;
}"""
"""How many pixels of a colour there are in the upright at a share of the plot's width."""


def pixels(chart: Locator, share: float, colour: str) -> int:
    return int(chart.evaluate(COUNT, [share, colour]))


def test_what_was_not_measured_is_a_gap_and_events_are_marked(page: Page, daemon: FakeDaemon) -> None:
    at = datetime.fromtimestamp(BEGIN_S + 0.75 * 86_400, UTC).isoformat()
    event = {"id": 1, "time": at, "kind": "relief-began", "severity": "warning", "phase": "L1"}
    more = {"battery_id": None, "battery_ids": [], "text": "L1 went over its limit."}
    answers(daemon)
    daemon.answers["api/v1/events"] = {"events": [event | more], "next": None, "recorded": None}
    page.evaluate(f"location.hash = '#/history?from={BEGIN_S}&to={BEGIN_S + 86_400}'")
    marked = page.get_by_role("link", name="1 warning in this stretch")
    expect(marked).to_have_attribute("href", re.compile(rf"severity=warning.*from={BEGIN_S}"))
    chart = page.get_by_role("img", name=re.compile("^Power from"))
    for share in (0.40, 0.47, 0.50):
        assert pixels(chart, share, "import") > 0, share
    for missing in (307, 315, 324):
        assert pixels(chart, missing / 720, "import") == 0, missing
    assert pixels(chart, 0.75, "warning") > 100
    assert pixels(chart, 0.70, "warning") == 0


def test_the_legend_tells_the_newest_value_there_is_and_the_one_under_the_cursor(
    page: Page, daemon: FakeDaemon
) -> None:
    chart = opened(page, daemon)
    legend = page.locator("figcaption").filter(has_text="Grid")
    # 23:58 in UTC is the next day here.
    expect(legend).to_contain_text("00:58")
    expect(legend).not_to_contain_text("\u2013")
    box = plot_at_rest(chart)
    page.mouse.move(box["x"] + box["width"] * 315 / 720, box["y"] + 50)
    expect(legend).to_contain_text("\u2013")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    expect(legend).to_contain_text("13:00")
    expect(legend).to_contain_text(f"{round(1500 * math.sin(360 / 40))} W")


def test_shift_and_drag_moves_it_and_keeps_its_width(page: Page, daemon: FakeDaemon) -> None:
    box = plot_at_rest(opened(page, daemon))
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=5)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect_shown(page, BEGIN_S - 0.25 * 86_400, 86_400, within_s=600)
    assert shown(page)[1] == pytest.approx(86_400, abs=2)


def shown(page: Page) -> tuple[float, float]:
    """Begin and width, in seconds."""
    found = re.search(r"from=(\d+)&to=(\d+)", page.url)
    assert found is not None, page.url
    return float(found[1]), float(found[2]) - float(found[1])


def expect_shown(page: Page, begin: float, width: float, within_s: float) -> None:
    """The address follows a moment after the last movement, or after one of them on a busy machine."""
    end_s = time.monotonic() + 15
    wanted = pytest.approx((begin, width), rel=0, abs=within_s)
    while shown(page) != wanted and time.monotonic() < end_s:
        page.wait_for_timeout(50)
    assert shown(page) == wanted


def test_two_fingers_zoom_and_one_scrolls_the_page(chromium: Browser, daemon: FakeDaemon) -> None:
    context = chromium.new_context(
        viewport={"width": 390, "height": 700}, has_touch=True, timezone_id="Europe/Amsterdam"
    )
    page = context.new_page()
    page.goto(daemon.url)
    chart = opened(page, daemon)
    chart.scroll_into_view_if_needed()
    touch = context.new_cdp_session(page)

    def fingers(kind: str, *shares: float, y: float = 0.5) -> None:
        points = [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["height"] * y} for x in shares]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    box = plot_at_rest(chart)
    fingers("touchStart", 0.4, 0.6)
    for apart in (0.15, 0.2, 0.3, 0.4):
        fingers("touchMove", 0.5 - apart, 0.5 + apart)
    fingers("touchEnd")
    # What was 0.2 of the width between the fingers is 0.8 of it now, and noon stays in the middle.
    expect_shown(page, BEGIN_S + 86_400 * 3 / 8, 86_400 / 4, within_s=900)
    # Last, as a page that still glides takes the next touch for a stop.
    zoomed, before = shown(page), box
    fingers("touchStart", 0.4)
    for y in (0.4, 0.3, 0.2):
        fingers("touchMove", 0.4, y=y)
    fingers("touchEnd")
    while plot_at_rest(chart)["y"] >= before["y"]:
        page.wait_for_timeout(50)
    assert shown(page) == zoomed
    context.close()


def test_the_keyboard_moves_zooms_and_returns_to_now(page: Page, daemon: FakeDaemon) -> None:
    opened(page, daemon).focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(rf"from={BEGIN_S - 21_600}&to={BEGIN_S + 64_800}"))
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(rf"from={BEGIN_S}&to={BEGIN_S + 43_200}"))
    page.keyboard.press("-")
    expect(page).to_have_url(re.compile(rf"from={BEGIN_S - 21_600}&to={BEGIN_S + 64_800}"))
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("from="))


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
