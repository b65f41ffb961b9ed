"""The strategy view in Chromium: choosing, goal, prices, windows, the quarter, inputs."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from fake_daemon import FakeDaemon
from homes import three_phase_home, with_strategy
from playwright.sync_api import Page, expect

from phasewise.engine.state import GoalState, InputState, PricesState, QuarterState, SystemState

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def hours(first: int, last: int) -> dict[str, str]:
    return {
        "start": (NOW + timedelta(hours=first)).isoformat(),
        "end": (NOW + timedelta(hours=last)).isoformat(),
    }


OUTLOOK = {
    "time": NOW.isoformat(),
    "prices": [
        hours(n, n + 1)
        | {"buy_eur_kwh": 0.1 + 0.02 * n, "sell_eur_kwh": 0.05, "mark": "charge" if n < 2 else None}
        for n in range(-2, 10)
    ],
    "plan": [hours(0, 1) | {"action": "charge", "power_w": 1000.0, "soc_pct": 55.0}],
    "windows": [
        hours(-6, -1) | {"strategy": "charge"},
        hours(-1, 6) | {"strategy": "zero-import"},
        hours(6, 18) | {"strategy": "self-consumption"},
    ],
    "pv_forecast": [hours(n, n + 1) | {"power_w": 100.0 * n} for n in range(6)],
    "load_forecast": [],
}


def rich_home() -> SystemState:
    state = with_strategy(
        three_phase_home(), selected="timed", executing="zero-import", goal=GoalState("At 80 %.", 0.5)
    )
    return msgspec.structs.replace(
        state,
        prices=PricesState(OUTLOOK["prices"][-1]["end"], False, 0.21, 0.05, None),
        quarter=QuarterState(1200.0, 2400.0, 2500.0, None, 2100.0),
        inputs=(InputState("car", False, None),),
    )


@pytest.fixture
def view(page: Page, daemon: FakeDaemon) -> Page:
    daemon.answers["api/v1/outlook"] = OUTLOOK
    daemon.state = rich_home()
    page.get_by_role("link", name="Strategy", exact=True).click()
    expect(page.get_by_role("region", name="Strategy")).to_contain_text("Running now: Zero import.")
    return page


def test_goal_quarter_windows_and_prices_are_shown(view: Page) -> None:
    strategy = view.get_by_role("region", name="Strategy")
    expect(strategy.get_by_role("progressbar")).to_have_js_property("value", 0.5)
    quarter = view.get_by_role("region", name="This quarter of an hour")
    expect(quarter.get_by_role("img")).to_have_attribute("aria-label", "Will end at 2.40 kW of 2.50 kW.")
    expect(quarter).to_contain_text("2.10 kW")
    day = view.get_by_role("region", name="The day in windows")
    expect(day.get_by_role("listitem")).to_have_count(3)
    expect(day.get_by_role("listitem").nth(1)).to_contain_text("Zero import (Now)")
    prices = view.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("Now 21.0 ct/kWh; feeding in earns 5.0 ct/kWh.")
    expect(prices).to_contain_text("Charge")
    expect(view.get_by_role("region", name="What is expected")).to_contain_text("Solar, expected")


def test_an_input_is_switched_and_a_refusal_is_said(view: Page, daemon: FakeDaemon) -> None:
    card = view.get_by_role("region", name="Car and heavy appliances")
    with view.expect_response("**/api/v1/inputs/car"):
        card.get_by_text("car", exact=True).click()
    assert daemon.changes[-1] == ("PUT", "api/v1/inputs/car", {"on": True})
    daemon.refusal = (404, "There is no input car.")
    card.get_by_text("car", exact=True).click()
    expect(card).to_contain_text("Not changed: There is no input car.")


def test_without_prices_it_says_where_to_add_them(page: Page) -> None:
    page.get_by_role("link", name="Strategy", exact=True).click()
    prices = page.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("No source of prices is configured.")
    prices.get_by_role("link", name="Add one in the settings").click()
    expect(page).to_have_url(re.compile(r"#/settings\?group=prices"))


@pytest.mark.parametrize(("language", "name"), [("nl", "Tijdschema"), ("de", "Zeitplan")])
def test_on_a_phone_in_other_languages_nothing_is_wider_than_the_screen(
    view: Page, language: str, name: str
) -> None:
    view.set_viewport_size({"width": 360, "height": 740})
    view.evaluate(f"localStorage.setItem('phasewise.language', '{language}')")
    view.reload()
    expect(view.locator(".name")).to_have_text(name)
    expect(view.locator("canvas").first).to_be_visible()
    assert view.evaluate("document.documentElement.scrollWidth") <= 360
