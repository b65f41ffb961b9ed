"""Battery cards and their settings, against a daemon that a test scripts."""

import json
import re

import pytest
from fake_daemon import FakeDaemon
from homes import with_battery, with_protection
from playwright.sync_api import Locator, Page, Route, expect

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


def test_a_hold_may_have_an_end_in_local_time_and_a_refusal_is_said(page: Page, daemon: FakeDaemon) -> None:
    dialog = details(page, "Garage")
    dialog.get_by_label("What decides").select_option("hold")
    dialog.get_by_label("Power, W").fill("")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_text("Please give a number.")).to_be_visible()
    assert daemon.changes == []
    dialog.get_by_label("Power, W").fill("750")
    dialog.get_by_label("Until").fill("2026-06-21T18:00")
    daemon.refusal = (422, "That moment is in the past.")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.get_by_text("Not changed: That moment is in the past.")).to_be_visible()
    hold = {"power_w": 750, "until": "2026-06-21T16:00:00.000Z"}
    assert daemon.changes == [("PATCH", "api/v1/batteries/m1", {"override": {"hold": hold}})]


def test_out_of_service_and_back_to_automatic(page: Page, daemon: FakeDaemon) -> None:
    for before, choice in (("auto", "Out of service"), ("out-of-service", "Automatic: the strategy")):
        daemon.state = with_battery(daemon.state, "m1", override=before)
        expect(card(page, "Garage").get_by_text("Out of service")).to_have_count(int(before != "auto"))
        dialog = details(page, "Garage")
        expect(dialog.get_by_label("What decides")).to_have_value(before)
        dialog.get_by_label("What decides").select_option(label=choice)
        with page.expect_response("**/api/v1/batteries/m1"):
            dialog.get_by_role("button", name="Apply").click()
        dialog.get_by_role("button", name="Close").click()
    assert [body["override"] for _, _, body in daemon.changes] == ["out-of-service", "auto"]


def test_only_a_changed_limit_is_sent_and_a_refusal_is_said(page: Page, daemon: FakeDaemon) -> None:
    daemon.refusal = (422, "9000 W is more than this model can do")
    dialog = details(page, "Garage")
    dialog.get_by_label(re.compile("^Charge with at most")).fill("9000")
    dialog.get_by_role("button", name="Save limits").click()
    expect(dialog.get_by_role("alert").filter(has_text="9000 W is more")).to_be_visible()
    change = {"path": ["batteries", "m1", "max_charge_w"], "value": 9000}
    assert daemon.changes == [("PATCH", "api/v1/settings", {"changes": [change]})]


def test_limits_are_sent_together_and_wrong_ones_are_said_in_place(page: Page, daemon: FakeDaemon) -> None:
    dialog = details(page, "Garage")
    floor, ceiling = dialog.get_by_label("Keep at least"), dialog.get_by_label("Charge up to")
    floor.fill("")
    dialog.get_by_role("button", name="Save limits").click()
    expect(floor).to_have_attribute("aria-invalid", "true")
    assert daemon.changes == []
    floor.fill("20")
    ceiling.fill("90")
    with page.expect_response("**/api/v1/settings"):
        dialog.get_by_role("button", name="Save limits").click()
    sent = {change["path"][-1]: change["value"] for change in daemon.changes[0][2]["changes"]}
    assert sent == {"min_soc_pct": 20, "max_soc_pct": 90}
    error = {
        "path": ["batteries", "m1", "max_soc_pct"],
        "message": "90 is too little",
        "allowed": "95 to 100",
    }

    def refuse(route: Route) -> None:
        route.fulfill(status=422, content_type="application/json", body=json.dumps({"errors": [error]}))

    page.route("**/api/v1/settings", refuse)
    dialog.get_by_role("button", name="Save limits").click()
    expect(dialog.get_by_text("90 is too little (allowed: 95 to 100)")).to_be_visible()
    expect(ceiling).to_have_attribute("aria-invalid", "true")
    expect(floor).to_have_attribute("aria-invalid", "false")
    expect(ceiling).to_have_value("90")


def test_the_order_of_use_is_changed_and_a_refusal_takes_it_back(page: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/settings"] = {"values": {"control": {"priority": ["m2"]}}}
    dialog = details(page, "Shed")
    order = dialog.get_by_role("listitem")
    expect(order).to_have_text(["Attic", "Garage", "Shed"])
    expect(dialog.get_by_role("button", name="Later: Shed")).to_be_disabled()
    dialog.get_by_role("button", name="Earlier: Shed").click()
    expect(order).to_have_text(["Attic", "Shed", "Garage"])
    expect(page.get_by_text("Saved.")).to_be_visible()
    change = {"path": ["control", "priority"], "value": ["m2", "m3", "m1"]}
    assert daemon.changes == [("PATCH", "api/v1/settings", {"changes": [change]})]
    daemon.refusal = (409, "home.yaml is read-only.")
    dialog.get_by_role("button", name="Earlier: Shed").click()
    expect(dialog.get_by_text("Not changed: home.yaml is read-only.")).to_be_visible()
    expect(order).to_have_text(["Attic", "Shed", "Garage"])


def test_a_doubtful_phase_is_said_with_a_next_step(page: Page, daemon: FakeDaemon) -> None:
    mapping = MappingState("L2", 0.97, True, "12 of 13 steps were seen on L2.")
    daemon.state = with_battery(daemon.state, "m1", mapping=mapping)
    expect(card(page, "Garage")).to_contain_text("12 of 13 steps were seen on L2.")
    card(page, "Garage").get_by_role("button", name="Identify the phase").click()
    expect(page.get_by_role("dialog", name="Which phase is Garage on?")).to_contain_text("Nothing is changed")
    assert daemon.changes == []


def test_a_doubtful_phase_is_changed_by_the_user_alone(page: Page, daemon: FakeDaemon) -> None:
    mapping = MappingState("L2", 0.97, True, "12 of 13 steps were seen on L2.")
    daemon.state = with_protection(with_battery(daemon.state, "m1", mapping=mapping))
    garage = card(page, "Garage")
    garage.get_by_role("button", name="Change the phase").click()
    picker = garage.get_by_label("Which phase is Garage connected to?")
    expect(picker).to_be_focused()
    expect(picker).to_have_value("L1")
    expect(garage).to_contain_text("its power shows on L2. You decide")
    picker.select_option("unassigned")
    expect(garage.get_by_role("status")).to_contain_text("only what is safe on every one of them")
    picker.select_option("L2")
    expect(garage.get_by_role("status")).to_contain_text("protection uses it for L2, and for no other phase")
    assert daemon.changes == []
    garage.get_by_role("button", name="Save").click()
    expect(garage.get_by_role("button", name="Save")).to_have_count(0)
    assert daemon.changes == [("PATCH", "api/v1/batteries/m1", {"phase": "L2"})]


def test_a_card_says_the_day_and_the_limits_and_leads_to_what_was(page: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/energy"] = {
        "days": [{"batteries": {"m1": {"charged_wh": 3210.0, "discharged_wh": 840.0}}}]
    }
    page.reload()
    garage = card(page, "Garage")
    expect(garage).to_contain_text("3.2 kWh charged")
    expect(garage).to_contain_text("840 Wh discharged")
    expect(garage).to_contain_text("12% to 100%, at most 2.50 kW")
    expect(garage).to_contain_text("24 °C")
    garage.get_by_role("link", name="Why-log of Garage").click()
    expect(page.get_by_role("combobox", name="Battery", exact=True)).to_have_value("m1")
    page.go_back()
    card(page, "Garage").get_by_role("link", name="History of Garage").click()
    expect(page.get_by_role("tab", name="Batteries")).to_have_attribute("aria-selected", "true")


def test_a_viewer_sees_the_details_and_changes_nothing(page: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/session"] = {"role": "viewer", "login_needed": True}
    mapping = MappingState("L2", 0.97, True, "12 of 13 steps were seen on L2.")
    daemon.state = with_battery(daemon.state, "m1", mapping=mapping)
    page.reload()
    expect(card(page, "Garage")).to_contain_text("12 of 13 steps were seen on L2.")
    for name in ("Phase of Garage", "Identify the phase", "Change the phase"):
        expect(card(page, "Garage").get_by_role("button", name=name)).to_be_disabled()
    dialog = details(page, "Garage")
    expect(dialog).to_contain_text("24 °C")
    for name in ("Apply", "Save limits", "Earlier: Garage", "Later: Garage"):
        expect(dialog.get_by_role("button", name=name)).to_be_disabled()
    expect(dialog.locator("input:enabled, select:enabled")).to_have_count(0)


def test_phone_width_in_german(page: Page, daemon: FakeDaemon) -> None:
    page.evaluate("localStorage.setItem('phasewise.language', 'de')")
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    expect(card(page, "Garage")).to_contain_text("Ladestand")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name=re.compile("^Details und Einstellungen von Garage")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Reihenfolge")
    assert page.evaluate("document.querySelector('dialog[open] .body').scrollWidth") <= 340
