"""Battery cards and their settings, against a daemon that a test scripts."""

import re

import pytest
from fake_daemon import FakeDaemon
from homes import with_battery
from playwright.sync_api import Locator, Page, expect

from phasewise.engine.state import MappingState

pytestmark = pytest.mark.browser


def card(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def details(page: Page, name: str) -> Locator:
    page.get_by_role("button", name=f"Details and settings of {name}").click()
    return page.get_by_role("dialog", name=name)


def test_an_override_is_sent_and_seen_on_the_card(page: Page, daemon: FakeDaemon) -> None:
    dialog = details(page, "Garage")
    dialog.get_by_label("What decides").select_option("hold")
    dialog.get_by_label("Direction").select_option(label="Discharge")
    dialog.get_by_label("Power, W").fill("400")
    with page.expect_response("**/api/v1/batteries/m1"):
        dialog.get_by_role("button", name="Apply").click()
    hold = {"override": {"hold": {"power_w": -400, "until": None}}}
    assert daemon.changes == [("PATCH", "api/v1/batteries/m1", hold)]
    daemon.state = with_battery(daemon.state, "m1", override="out-of-service")
    expect(card(page, "Garage")).to_contain_text("Out of service: left alone at 0 W")


def test_only_a_changed_limit_is_sent_and_a_refusal_is_said(page: Page, daemon: FakeDaemon) -> None:
    daemon.refusal = (422, "9000 W is more than this model can do")
    dialog = details(page, "Garage")
    dialog.get_by_label(re.compile("^Charge with at most")).fill("9000")
    dialog.get_by_role("button", name="Save limits").click()
    expect(dialog.get_by_role("alert").filter(has_text="9000 W is more")).to_be_visible()
    change = {"path": ["batteries", "m1", "max_charge_w"], "value": 9000}
    assert daemon.changes == [("PATCH", "api/v1/settings", {"changes": [change]})]


def test_a_doubtful_phase_is_said_with_a_next_step(page: Page, daemon: FakeDaemon) -> None:
    mapping = MappingState("L2", 0.97, True, "12 of 13 steps were seen on L2.")
    daemon.state = with_battery(daemon.state, "m1", mapping=mapping)
    expect(card(page, "Garage")).to_contain_text("12 of 13 steps were seen on L2.")
    card(page, "Garage").get_by_role("button", name="Identify the phase").click()
    expect(page.get_by_role("dialog", name="Which phase is Garage on?")).to_contain_text("Nothing is changed")
    assert daemon.changes == []


def test_phone_width_in_german(page: Page, daemon: FakeDaemon) -> None:
    page.evaluate("localStorage.setItem('phasewise.language', 'de')")
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    expect(card(page, "Garage")).to_contain_text("Ladestand")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name=re.compile("^Details und Einstellungen von Garage")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Reihenfolge")
    assert page.evaluate("document.querySelector('dialog[open] .body').scrollWidth") <= 340
