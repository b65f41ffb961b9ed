"""The dashboard in a real browser: what a household sees, and what its clicks send."""

import re
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from homes import (
    battery,
    phase,
    three_phase_home,
    with_alarm,
    with_battery,
    with_phase,
    with_protection,
    with_strategy,
)
from msgspec.structs import replace
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

LOST = "Connection to Phasewise lost"
DASH = "\N{EN DASH}"


def phase_card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name="Phases").get_by_role("article", name=name)


def battery_card(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name="Batteries", exact=True).get_by_role("article", name=name)


def assign(page: Page, name: str, label: str) -> Locator:
    """Choose another phase on a battery's card and save it; returns the card."""
    card = battery_card(page, name)
    card.get_by_role("button", name=re.compile("^Phase of")).click()
    expect(card).to_contain_text("This only tells Phasewise where the battery is connected")
    card.get_by_label(re.compile("Which phase")).select_option(label=label)
    with page.expect_response("**/api/v1/batteries/*"):
        card.get_by_role("button", name="Save").click()
    return card


def test_shows_the_grid_and_each_phase_with_its_direction(page: Page) -> None:
    power = page.get_by_role("region", name="Power now")
    expect(power).to_contain_text(re.compile(r"Grid\s*Importing\s*3\.87 kW"))
    expect(power).to_contain_text(re.compile(r"House\s*Using\s*3\.25 kW"))
    expect(power).to_contain_text(re.compile(r"Batteries\s*Charging\s*620 W"))
    for name, texts in {
        "L1": ("8 A", "Exporting", "1.88 kW", "231 V", "Live", "limit 24 A", "of 25 A fuse"),
        "L2": ("2 A", "Importing", "438 W"),
        "L3": ("23 A", "Importing", "5.31 kW", "Near limit"),
    }.items():
        for text in texts:
            expect(phase_card(page, name)).to_contain_text(text)
    expect(page.get_by_role("region", name="Status")).to_contain_text("L3 is near its limit: 23 A of 24 A.")


def test_protection_at_work_is_seen_on_its_phase(page: Page, daemon: FakeDaemon) -> None:
    home = with_protection(three_phase_home())
    heated = {"relief_w": -1200.0, "missing_w": -300.0, "binding": True, "fuse_used_pct": 61.0}
    home = with_phase(home, "L3", current_a=26.0, headroom_import_a=-2.0, headroom_export_a=50.0, **heated)
    daemon.state = with_phase(home, "L2", freshness="lost", power_w=None, current_a=None)
    for text in ("2 A over the import limit", "lowered by 1.20 kW", "300 W more than"):
        expect(phase_card(page, "L3")).to_contain_text(text)
    expect(phase_card(page, "L3")).to_contain_text(re.compile(r"Fuse heat\s*61%"))
    expect(page.get_by_role("region", name="Phases")).to_contain_text("Phase protection is on.")
    expect(phase_card(page, "L2")).to_contain_text("Lost")
    expect(phase_card(page, "L2")).to_contain_text(re.compile(rf"Room\s*{DASH}"))
    expect(phase_card(page, "L1")).to_contain_text(re.compile(r"Room\s*32\.1 A import\s*15\.9 A export"))


def test_before_the_first_battery_gets_a_phase_it_says_what_that_means(
    page: Page, daemon: FakeDaemon
) -> None:
    home = with_protection(three_phase_home(), active=False)
    for battery_id in ("m1", "m2"):
        home = with_battery(home, battery_id, phase="unassigned")
    daemon.state = home
    expect(page.get_by_role("region", name="Phases")).to_contain_text("can't act yet: no battery has a phase")
    card = battery_card(page, "Garage")
    card.get_by_role("button", name=re.compile("^Phase of")).click()
    expect(card).not_to_contain_text("safe on every phase")
    card.get_by_label(re.compile("Which phase")).select_option(label="L1")
    expect(card).to_contain_text(
        "Until Attic and Shed have one too, they do only what is safe on every phase"
    )


def test_gauge_is_spoken_and_drawn_on_the_right_side(page: Page) -> None:
    gauge = phase_card(page, "L1").get_by_role("img")
    expect(gauge).to_have_accessible_name("L1: 8 A exporting, operating limit 24 A, fuse 25 A")
    middles = {}
    for name in ("L1", "L3"):
        card = phase_card(page, name)
        fill, zero = card.locator(".fill").bounding_box(), card.locator(".zero").bounding_box()
        assert fill is not None
        assert zero is not None
        middles[name] = fill["y"] + fill["height"] / 2 - zero["y"]
    assert middles["L1"] > 0, "export is drawn below zero"
    assert middles["L3"] < 0, "import is drawn above zero"


def test_shows_each_battery_with_its_phase_beside_its_name(page: Page) -> None:
    groups = {"On L1": ("Garage", "L1"), "On L2": ("Attic", "L2"), "Unassigned": ("Shed", "Unassigned")}
    for group, (name, label) in groups.items():
        card = page.get_by_role("region", name=group, exact=True).get_by_role("article", name=name)
        expect(card.locator("header")).to_have_text(re.compile(rf"^\s*{name}\s*{label}\s*$"))
    garage = battery_card(page, "Garage")
    for text in ("78%", "Charging", "1.24 kW", "told to charge 1.25 kW"):
        expect(garage).to_contain_text(text)
    expect(battery_card(page, "Shed").get_by_role("list", name="Why")).to_have_text(
        "It is full: 300 W less than wanted."
    )
    expect(page.get_by_role("region", name="On L1")).to_contain_text("Can lower L1 by 3.74 kW")
    expect(page.get_by_role("region", name="On L3")).to_contain_text("No battery.")


def test_unknown_values_are_dashes(page: Page, daemon: FakeDaemon) -> None:
    nothing: dict[str, Any] = {"power_w": None, "current_a": None, "voltage_v": None, "freshness": "lost"}
    home = with_phase(three_phase_home(), "L2", **nothing)
    home = with_battery(home, "m2", soc_pct=None, power_w=None, setpoint_w=None, reachable=False, age_s=200.0)
    daemon.state = replace(home, load_w=None, grid=replace(home.grid, total_power_w=None))
    card = phase_card(page, "L2")
    expect(card).to_contain_text("Lost")
    expect(card).to_contain_text(
        re.compile(rf"{DASH}\s*of 25 A fuse\s*limit 24 A\s*Unknown\s*{DASH}\s*{DASH}\s*Room\s*{DASH}")
    )
    attic = battery_card(page, "Attic")
    expect(attic).to_contain_text("Unreachable, last heard 3 min ago")
    expect(attic).to_contain_text(re.compile(rf"State of charge\s*{DASH}\s*Unknown\s*{DASH}\s*told {DASH}"))
    power = page.get_by_role("region", name="Power now")
    expect(power).to_contain_text(re.compile(rf"Grid\s*Unknown\s*{DASH}"))


def test_values_follow_the_stream(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_phase(three_phase_home(), "L1", power_w=4600.0, current_a=20.0)
    expect(phase_card(page, "L1")).to_contain_text("20 A")
    expect(phase_card(page, "L1")).to_contain_text("Importing")


def test_a_phase_change_is_sent_and_the_battery_moves(page: Page, daemon: FakeDaemon) -> None:
    assign(page, "Shed", "L3")
    expect(battery_card(page, "Shed").get_by_role("combobox")).to_have_count(0)
    assert daemon.changes == [("PATCH", "api/v1/batteries/m3", {"phase": "L3"})]
    daemon.state = with_battery(daemon.state, "m3", phase="L3")
    moved = page.get_by_role("region", name="On L3").get_by_role("article", name="Shed")
    expect(moved.get_by_role("button", name="Phase of Shed: L3. Change")).to_be_focused()
    expect(page.get_by_role("region", name="Unassigned")).to_have_count(0)


def test_a_change_that_is_not_kept_in_the_file_says_so_where_the_battery_moves_to(
    page: Page, daemon: FakeDaemon
) -> None:
    daemon.saved = {"persisted": False, "detail": "The file is read-only."}
    assign(page, "Shed", "L3")
    daemon.state = with_battery(daemon.state, "m3", phase="L3")
    moved = page.get_by_role("region", name="On L3").get_by_role("article", name="Shed")
    expect(moved).to_contain_text("In effect, but only until Phasewise restarts. The file is read-only.")


def test_a_refused_phase_change_is_said_and_taken_back(page: Page, daemon: FakeDaemon) -> None:
    daemon.refusal = (409, "home.yaml can not be written: it is read-only.")
    card = assign(page, "Garage", "Unassigned")
    expect(card.get_by_role("alert")).to_have_text(
        "Not changed: home.yaml can not be written: it is read-only."
    )
    expect(card.get_by_role("combobox")).to_have_value("L1")
    expect(card.get_by_role("button", name="Phase of Garage: L1. Change")).to_be_visible()


def test_the_phase_can_be_changed_by_keyboard_alone(page: Page, daemon: FakeDaemon) -> None:
    battery_card(page, "Garage").get_by_role("button", name=re.compile("^Phase of")).focus()
    page.keyboard.press("Enter")
    expect(battery_card(page, "Garage").get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(battery_card(page, "Garage").get_by_role("button", name=re.compile("^Phase of"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(battery_card(page, "Garage").get_by_role("combobox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(battery_card(page, "Garage").get_by_role("combobox")).to_have_count(0)
    assert daemon.changes == [("PATCH", "api/v1/batteries/m1", {"phase": "L2"})]


def test_full_stop_is_one_click(page: Page, daemon: FakeDaemon) -> None:
    strategy = page.get_by_role("region", name="Strategy")
    with page.expect_response("**/api/v1/strategy"):
        strategy.get_by_role("button", name="Full stop").click()
    daemon.state = with_strategy(daemon.state, selected="full-stop", executing="full-stop")
    expect(strategy.get_by_role("button", name="Stopped")).to_have_attribute("aria-pressed", "true")
    assert daemon.changes == [("PUT", "api/v1/strategy", {"selected": "full-stop"})]


def test_another_strategy_is_chosen_and_a_refusal_is_said(page: Page, daemon: FakeDaemon) -> None:
    page.get_by_role("link", name="Strategy", exact=True).click()
    strategy = page.get_by_role("region", name="Strategy")
    daemon.refusal = (422, "There is no strategy standby.")
    strategy.get_by_role("button", name="Standby").click()
    expect(strategy).to_contain_text("Not changed: There is no strategy standby.")
    expect(strategy.get_by_role("button", name="Self-consumption")).to_have_attribute("aria-pressed", "true")
    daemon.refusal = None
    with page.expect_response("**/api/v1/strategy"):
        strategy.get_by_role("button", name="Charge PV").click()
    daemon.state = with_strategy(daemon.state, selected="charge-pv", executing="safe")
    expect(strategy.locator(".name")).to_have_text("Charge PV")
    expect(strategy).to_contain_text("Running now: safe state")
    assert daemon.changes[-1] == ("PUT", "api/v1/strategy", {"selected": "charge-pv"})


def test_alarms_are_announced_with_severity_and_since(page: Page, daemon: FakeDaemon) -> None:
    alarms = page.get_by_role("region", name="Alarms")
    expect(alarms).to_have_attribute("aria-live", "polite")
    expect(alarms).to_have_text("")
    daemon.state = with_alarm(three_phase_home(), "alarm", "Attic does not answer; trying again.")
    expect(alarms).to_have_text(
        re.compile(r"Alarm:\s+Attic does not answer; trying again\.\s+Since (\d+ \w+, )?13:55\.")
    )
    expect(page.get_by_role("region", name="Status")).to_contain_text("Something is wrong")
    daemon.state = three_phase_home()
    expect(alarms).to_have_text("")


def test_a_silent_stream_is_noticed_and_recovers(page: Page, daemon: FakeDaemon) -> None:
    daemon.silent = True
    banner = page.get_by_text(LOST)
    expect(banner).to_be_visible(timeout=7_000)
    expect(page.get_by_role("alert").filter(has=banner)).to_contain_text("What you see below is of 14:00:00")
    expect(page.locator(".content")).to_have_css("opacity", "0.5")
    expect(page.get_by_role("region", name="Status")).to_have_count(0)
    expect(page.get_by_role("button", name="Full stop")).to_be_disabled()
    expect(page.get_by_role("button", name="Phase of Garage: L1. Change")).to_be_disabled()
    daemon.silent = False
    expect(banner).to_have_count(0)
    expect(page.locator(".content")).to_have_css("opacity", "1")


def test_a_daemon_that_goes_down_is_noticed_at_once_and_found_again(page: Page, daemon: FakeDaemon) -> None:
    daemon.down = True
    expect(page.get_by_text(LOST)).to_be_visible(timeout=3_000)
    daemon.state = with_phase(three_phase_home(), "L1", current_a=11.0)
    daemon.down = False
    expect(page.get_by_text(LOST)).to_have_count(0)
    expect(phase_card(page, "L1")).to_contain_text("11 A")


def test_nothing_is_wider_than_the_screen(page: Page, daemon: FakeDaemon) -> None:
    long_name = "Battery-beside-the-heat-pump-in-the-cellar"
    home = with_alarm(three_phase_home(), "warning", f"{long_name * 2} does not answer.")
    daemon.state = with_battery(home, "m1", name=long_name)
    page.get_by_role("button", name=re.compile(f"^Phase of {long_name}")).click()
    for width in (1280, 820, 390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_single_phase_home_offers_only_its_phase(page: Page, daemon: FakeDaemon) -> None:
    home = three_phase_home()
    daemon.state = replace(
        home,
        grid=replace(home.grid, phases={"L1": phase(900.0, 4.0)}),
        batteries=(battery("m1", "Garage", "L1"), battery("m2", "Attic", "L2")),
    )
    expect(page.get_by_role("region", name="Phases").get_by_role("article")).to_have_count(1)
    battery_card(page, "Garage").get_by_role("button", name=re.compile("^Phase of")).click()
    expect(battery_card(page, "Garage").get_by_role("option")).to_have_text(["L1", "Unassigned"])
    elsewhere = page.get_by_role("region", name="On a phase that the meter does not show")
    expect(elsewhere.get_by_role("article", name="Attic")).to_be_visible()
