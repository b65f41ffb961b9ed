"""The frame around the views, and the live view: languages, looks, roles, alarms, the flow of power."""

import re

import pytest
from fake_daemon import FakeDaemon
from homes import three_phase_home, with_alarm, with_phase, with_protection, with_strategy
from msgspec.structs import replace
from playwright.sync_api import BrowserContext, Page, expect

from phasewise.engine.state import AlarmState, GoalState, SubmeterState

pytestmark = pytest.mark.browser

NAMES = ("Live", "Strategy", "History", "Why", "Settings")
WORDS = {
    "nl": ("Alles is in orde.", "Fasen", "Laadt", "1,24 kW"),
    "de": ("Alles ist in Ordnung.", "Phasen", "Lädt", "1,24 kW"),
}


def quiet(page: Page, daemon: FakeDaemon) -> None:
    """A home where all is right."""
    daemon.state = with_phase(three_phase_home(), "L3", current_a=9.0, power_w=2070.0)
    expect(page.get_by_role("region", name="Status")).to_contain_text("Everything is all right.")


def choose(page: Page, label: str, option: str) -> None:
    """Change one of the display preferences."""
    page.get_by_role("button", name="Display").click()
    page.get_by_role("dialog", name="Display").get_by_label(label).select_option(label=option)


def test_every_view_has_an_address_and_the_back_button_works(page: Page) -> None:
    navigation = page.get_by_role("navigation", name="Views")
    for name in NAMES:
        navigation.get_by_role("link", name=name).click()
        expect(navigation.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
        expect(page).to_have_url(re.compile(rf"#/{name.lower()}(\?|$)"))
        expect(page).to_have_title(re.compile(f"^{name}"))
    page.go_back()
    expect(navigation.get_by_role("link", name="Why")).to_have_attribute("aria-current", "page")
    page.reload()
    expect(navigation.get_by_role("link", name="Why")).to_have_attribute("aria-current", "page")


def test_the_daemons_sentence_is_what_the_page_says(page: Page, daemon: FakeDaemon) -> None:
    sentence = "Charging with 3.1 kW of surplus. Garage is held at 1.2 kW because the house draws 18 A on L1."
    daemon.state = replace(three_phase_home(), summary=sentence)
    expect(page.get_by_role("region", name="Status")).to_contain_text(sentence)


def test_solar_power_and_the_car_have_places_of_their_own_where_a_meter_shows_them(
    page: Page, daemon: FakeDaemon
) -> None:
    power = page.get_by_role("region", name="Power now")
    expect(power.get_by_role("term")).to_have_text(["Grid", "House", "Batteries"])
    daemon.state = replace(
        three_phase_home(), pv=SubmeterState(2600.0, "fresh"), ev=SubmeterState(3500.0, "fresh")
    )
    expect(power.get_by_role("term")).to_have_text(["Grid", "Solar", "House", "Car", "Batteries"])
    expect(power).to_contain_text(re.compile(r"Solar\s*Producing\s*2\.60 kW"))
    expect(power).to_contain_text(re.compile(r"House\s*Using\s*2\.35 kW"))
    daemon.state = replace(three_phase_home(), load_w=-900.0)
    expect(power).to_contain_text("no meter shows it by itself")


def test_what_a_phase_would_carry_without_its_batteries_is_said(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_phase(with_protection(three_phase_home()), "L1", load_w=-3115.0)
    phase = page.get_by_role("region", name="Phases").get_by_role("article", name="L1")
    expect(phase).to_contain_text(re.compile(r"Without its batteries: 3\.12 kW exporting"))
    expect(phase.get_by_role("list", name="Batteries on L1")).to_contain_text(
        re.compile(r"Garage\s*Charging\s*1\.24 kW")
    )
    elsewhere = page.get_by_role("list", name="Batteries that are on no single phase")
    expect(elsewhere).to_contain_text(re.compile(r"Shed\s*Idle\s*0 W"))


def test_the_strategy_that_runs_and_its_goal_are_said(page: Page, daemon: FakeDaemon) -> None:
    goal = GoalState("Until the batteries are at 90%.", 0.4)
    daemon.state = with_strategy(three_phase_home(), selected="charge", executing="safe", goal=goal)
    strategy = page.get_by_role("region", name="Strategy")
    expect(strategy).to_contain_text("Until the batteries are at 90%.")
    expect(strategy).to_contain_text("Running now")
    expect(strategy.get_by_role("progressbar")).to_have_js_property("value", 0.4)


def test_an_alarm_is_acknowledged(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_alarm(three_phase_home(), "alarm", "Attic does not answer.")
    alarms = page.get_by_role("region", name="Alarms")
    with page.expect_response("**/api/v1/alarms/acknowledge"):
        alarms.get_by_role("button", name="Acknowledge: Attic does not answer.").click()
    alarm = daemon.state.alarms[0]
    change = {"code": alarm.code, "subject": alarm.subject}
    assert daemon.changes == [("POST", "api/v1/alarms/acknowledge", change)]
    daemon.state = replace(daemon.state, alarms=(replace(alarm, acknowledged=True),))
    expect(alarms.get_by_role("button")).to_have_count(0)
    expect(alarms.get_by_text("Attic does not answer.")).to_be_hidden()
    alarms.get_by_text("1 acknowledged").click()
    expect(alarms.get_by_text("Attic does not answer.")).to_be_visible()
    expect(page.get_by_role("region", name="Status")).to_contain_text("Something is wrong")


def test_an_acknowledgement_that_is_refused_says_so(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_alarm(three_phase_home(), "warning", "Odd.")
    daemon.refusal = (404, "There is no such alarm now.")
    page.get_by_role("button", name="Acknowledge: Odd.").click()
    expect(page.get_by_text("Not changed: There is no such alarm now.")).to_be_visible()


@pytest.mark.parametrize("language", WORDS)
def test_the_page_speaks_the_language_of_the_browser(
    context: BrowserContext, daemon: FakeDaemon, language: str
) -> None:
    page = context.new_page()
    page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{get: () => ['{language}']}})")
    daemon.state = with_phase(three_phase_home(), "L3", current_a=9.0, power_w=2070.0)
    page.goto(daemon.url)
    for word in WORDS[language]:
        expect(page.locator("main")).to_contain_text(word)
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert ("api/v1/stream", {"lang": language}) in daemon.asked
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_another_language_is_chosen_and_remembered(page: Page, daemon: FakeDaemon) -> None:
    quiet(page, daemon)
    with page.expect_request("**/api/v1/stream?lang=nl"):
        choose(page, "Language", "Nederlands")
    expect(page.get_by_role("region", name="Status")).to_contain_text("Alles is in orde.")
    page.reload()
    expect(page.get_by_role("region", name="Status")).to_contain_text("Alles is in orde.")
    expect(page.get_by_role("region", name="Vermogen nu")).to_contain_text("3,87 kW")


def test_colours_and_size_are_chosen_and_remembered(page: Page) -> None:
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    size = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    choose(page, "Colours", "Dark")
    expect(root).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Escape")
    choose(page, "Size", "Large, for a tablet on the wall")
    page.reload()
    expect(root).to_have_attribute("data-theme", "dark")
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > size
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_colours_follow_the_device(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_dialog_keeps_the_focus_and_gives_it_back(page: Page) -> None:
    opener = page.get_by_role("button", name="Display")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Display")
    expect(dialog).to_be_visible()
    inside = (
        "document.activeElement === document.body"
        " || document.querySelector('dialog[open]').contains(document.activeElement)"
    )
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_viewer_can_look_but_not_change(page: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/session"] = {"role": "viewer", "login_needed": True}
    daemon.state = with_alarm(three_phase_home(), "warning", "Odd.")
    page.reload()
    stop = page.get_by_role("button", name="Full stop")
    expect(stop).to_be_disabled()
    expect(stop).to_have_attribute("title", re.compile("look only"))
    expect(page.get_by_role("button", name="Acknowledge: Odd.")).to_be_disabled()
    page.get_by_role("button", name="Display").click()
    expect(page.get_by_role("button", name="Log out")).to_be_enabled()


def test_a_session_that_has_ended_leads_to_the_login(page: Page, daemon: FakeDaemon) -> None:
    daemon.locked = True
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    daemon.locked = False
    page.reload()
    expect(page.get_by_role("region", name="Status")).to_be_visible()


def test_before_it_is_set_up_there_is_only_the_set_up(context: BrowserContext, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/setup"] = {"mode": "setup"}
    page = context.new_page()
    page.goto(f"{daemon.url}#/history")
    expect(page).to_have_title(re.compile("^Set-up"))
    expect(page.get_by_role("navigation")).to_have_count(0)
    daemon.down = True
    expect(page.get_by_text("Connection to Phasewise lost")).to_have_count(0)
    daemon.down = False
    daemon.answers["api/v1/setup"] = {"mode": "running"}
    page.reload()
    expect(page).to_have_title(re.compile("^History"))


def test_a_lost_connection_is_seen_wherever_the_page_was_scrolled_to(page: Page, daemon: FakeDaemon) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    page.mouse.wheel(0, 1200)
    daemon.down = True
    expect(page.get_by_text("Connection to Phasewise lost")).to_be_in_viewport()
    expect(page.locator("header.bar")).to_contain_text("Last seen")


SPY = """
window.notified = [];
ServiceWorkerRegistration.prototype.showNotification = async (title, { body }) => {
  window.notified.push([title, body]);
  document.documentElement.dataset.notified = window.notified.length;
};
document.hasFocus = () => window.looking ?? false;
"""
"""Notes what would be shown: a browser without a screen shows nothing."""


def test_notifications_are_off_until_asked_for_then_told_once_and_only_to_who_does_not_look(
    context: BrowserContext, daemon: FakeDaemon
) -> None:
    context.grant_permissions(["notifications"])
    page = context.new_page()
    page.add_init_script(SPY)
    daemon.state = with_alarm(three_phase_home(), "warning", "There before.")
    page.goto(daemon.url)

    def another(text: str, code: str) -> None:
        alarm = AlarmState(code, "warning", None, text, "2026-06-21T11:56:00Z")
        daemon.state = replace(daemon.state, alarms=(*daemon.state.alarms, alarm))
        expect(page.get_by_role("region", name="Alarms")).to_contain_text(text)

    another("While they are off.", "one")
    page.get_by_role("button", name="Display").click()
    switch = page.get_by_role("switch", name="Notify me of alarms on this device")
    expect(switch).not_to_be_checked()
    switch.check(force=True)
    page.keyboard.press("Escape")
    another("While they are on.", "two")
    expect(page.locator("html")).to_have_attribute("data-notified", "1")
    page.evaluate("window.looking = true")
    another("While somebody looks.", "three")
    assert page.evaluate("window.notified") == [["Phasewise, Home", "Warning: While they are on."]]


def test_a_refused_permission_for_notifications_is_explained(page: Page) -> None:
    page.evaluate("""() => {
        Notification.requestPermission = async () => "denied";
        Object.defineProperty(Notification, "permission", { get: () => "denied" });
    }""")
    page.get_by_role("button", name="Display").click()
    switch = page.get_by_role("switch", name="Notify me of alarms on this device")
    switch.click(force=True)
    expect(switch).not_to_be_checked()
    expect(switch).to_be_disabled()
    expect(switch).to_have_accessible_description(re.compile("was told not to show notifications"))
