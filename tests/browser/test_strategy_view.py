"""The strategy view in Chromium: choosing, settings in place, windows, prices and plan, quarter, limits."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_daemon import FakeDaemon
from homes import STRATEGIES, three_phase_home, with_protection, with_strategy
from playwright.sync_api import Locator, Page, expect
from ruamel.yaml import YAML
from settings_route import serve_settings

from phasewise.engine.state import GoalState, InputState, PricesState, QuarterState, SystemState

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
FILE = """\
site: {main_fuse_a: 25, time_zone: Europe/Amsterdam}
meter: {driver: dsmr, url: "tcp://192.168.1.20:23"}
batteries:
  - {id: m1, driver: marstek, url: modbus-tcp://192.168.1.30, model: venus-e-v3}
control:
  peak: {import_w: 6000}
  timed:
    windows:
      - {start: "01:00", end: "05:00", strategy: charge}  # cheap
      - {start: "17:00", end: "20:00", days: [mon, tue, wed, thu, fri], strategy: zero-import}
"""


def hours(first: int, last: int) -> dict[str, str]:
    return {
        "start": (NOW + timedelta(hours=first)).isoformat(),
        "end": (NOW + timedelta(hours=last)).isoformat(),
    }


OUTLOOK: dict[str, Any] = {
    "time": NOW.isoformat(),
    "prices": [
        hours(n, n + 1) | {"buy_eur_kwh": 0.1 + 0.02 * n, "sell_eur_kwh": 0.05, "mark": mark}
        for n, mark in zip(range(-2, 10), ["charge", "pv", *[None] * 8, "discharge", None], strict=True)
    ],
    "plan": [],
    "soc_pct": 40.0,
    "windows": [],
    "pv_forecast": [hours(n, n + 1) | {"power_w": 100.0 * n} for n in range(6)],
    "load_forecast": [],
}
PLAN = [hours(n, n + 1) | {"action": "charge", "power_w": 1000.0, "soc_pct": 55.0 + n} for n in range(3)]


def rich_home(
    selected: str = "timed", executing: str = "zero-import", why: str | None = "time"
) -> SystemState:
    state = with_strategy(
        with_protection(three_phase_home()),
        selected=selected,
        executing=executing,
        why=why,
        goal=GoalState("At 80 %.", 0.5),
        available=(*STRATEGIES, "charge", "sell", "timed", "dynamic"),
    )
    grid = msgspec.structs.replace(
        state.grid,
        phases={
            name: msgspec.structs.replace(phase, limit_lo_w=-5400.0, limit_hi_w=5500.0)
            for name, phase in state.grid.phases.items()
        },
    )
    return msgspec.structs.replace(
        state,
        grid=grid,
        prices=PricesState(OUTLOOK["prices"][-1]["end"], False, 0.21, 0.05, None),
        quarter=QuarterState(1200.0, 2400.0, 2500.0, None, 2100.0),
        inputs=(InputState("car", False, None),),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "home.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def saved(page: Page, file: Path) -> list[list[dict[str, Any]]]:
    """Changes that were saved in the file."""
    return serve_settings(page, file)


@pytest.fixture
def view(page: Page, daemon: FakeDaemon, saved: list[list[dict[str, Any]]]) -> Page:
    daemon.answers["api/v1/outlook"] = OUTLOOK
    daemon.state = rich_home()
    page.get_by_role("link", name="Strategy", exact=True).click()
    strategy = page.get_by_role("region", name="Strategy")
    expect(strategy).to_contain_text("Running now: Zero import, as the time windows say.")
    return page


@pytest.fixture
def charging(view: Page, daemon: FakeDaemon) -> Locator:
    """The settings of charge."""
    daemon.state = rich_home("charge", "charge", None)
    card = view.get_by_role("region", name="Settings of Charge")
    expect(card).to_be_visible()
    return card


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def windows(page: Page) -> Locator:
    return page.get_by_role("region", name="Time windows")


def test_goal_quarter_prices_and_limits_are_shown(view: Page) -> None:
    strategy = view.get_by_role("region", name="Strategy")
    expect(strategy.get_by_role("progressbar")).to_have_js_property("value", 0.5)
    quarter = view.get_by_role("region", name="This quarter of an hour")
    expect(quarter.get_by_role("img")).to_have_attribute("aria-label", "Will end at 2.40 kW of 2.50 kW.")
    expect(quarter).to_contain_text("2.10 kW")
    prices = view.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("Now 21.0 ct/kWh; feeding in earns 5.0 ct/kWh.")
    expect(prices.get_by_role("listitem")).to_have_text(["Charge", "Store the sun alone", "Discharge"])
    expect(view.get_by_role("region", name="What is expected")).to_contain_text("Solar, expected")
    limits = view.get_by_role("region", name="Limits")
    expect(limits.get_by_role("row", name="The whole home")).to_contain_text(re.compile("6.00 kW.*No limit"))
    expect(limits.get_by_role("row", name="L2")).to_contain_text(re.compile("5.50 kW.*5.40 kW"))
    limits.get_by_role("link", name="Limits of the home").click()
    expect(view).to_have_url(re.compile("#/settings.group=peaks"))


def test_a_strategy_is_chosen_and_a_refusal_is_said(view: Page, daemon: FakeDaemon) -> None:
    strategy = view.get_by_role("region", name="Strategy")
    strategy.get_by_role("button", name="Zero import").click()
    expect(strategy.get_by_role("button", name="Zero import")).to_be_enabled()
    assert daemon.changes[-1] == ("PUT", "api/v1/strategy", {"selected": "zero-import"})
    daemon.refusal = (409, "The file can't be written.")
    strategy.get_by_role("button", name="Standby").click()
    expect(strategy.get_by_role("status")).to_have_text("Not changed: The file can't be written.")
    expect(strategy.get_by_role("button", name="Timed")).to_have_attribute("aria-pressed", "true")


def test_a_viewer_sees_settings_and_windows_and_changes_nothing(view: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/session"] = {"role": "viewer", "login_needed": True}
    view.reload()
    card = windows(view)
    expect(card).to_contain_text("You are logged in to look only.")
    expect(card.get_by_role("button", name="Add a window")).to_be_disabled()
    expect(card.get_by_role("button", name="Remove window 1, 01:00 to 05:00")).to_be_disabled()
    card.get_by_role("radio", name="Sunday").check(force=True)
    expect(card.get_by_role("img")).to_have_attribute("aria-label", re.compile("^Sunday: "))
    card.get_by_role("button", name=re.compile("Window 1: ")).click()
    expect(card.get_by_label("From", exact=True)).to_be_disabled()
    expect(view.get_by_role("button", name="Standby")).to_be_disabled()


def test_settings_of_charge_are_changed_in_place(
    view: Page, charging: Locator, saved: list[list[dict[str, Any]]], file: Path
) -> None:
    charging.get_by_label("Done when").select_option(label="At a state of charge")
    soc = charging.get_by_role("textbox", name="State of charge")
    expect(charging.get_by_role("alert").filter(has_text="Something has to stand here.")).to_be_visible()
    soc.fill("180")
    expect(charging.get_by_role("alert").filter(has_text="From 0 to 100.")).to_be_visible()
    expect(view.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    soc.fill("80")
    save(view)
    expect(view.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert saved == [
        [
            {"path": ["control", "charge", "goal"], "value": "soc"},
            {"path": ["control", "charge", "soc_pct"], "value": 80},
        ]
    ]
    assert "# cheap" in file.read_text()


def test_what_was_changed_by_hand_meanwhile_is_not_overwritten(
    view: Page, charging: Locator, file: Path
) -> None:
    file.write_text(FILE.replace("control:", "control:\n  charge: {follow_up: zero-import}"))
    charging.get_by_label("Then").select_option(label="Standby")
    save(view)
    bar = view.get_by_role("region", name="1 change not saved")
    expect(bar.get_by_role("alert")).to_contain_text("it was changed meanwhile")
    bar.get_by_role("button", name="Discard and load again").click()
    expect(charging.get_by_label("Then", exact=True)).to_have_value("zero-import")
    assert "standby" not in file.read_text()


def test_what_was_changed_by_hand_elsewhere_meanwhile_is_kept_too(
    view: Page, charging: Locator, file: Path
) -> None:
    """Such as the choice of the strategy itself, which is written while its settings are on the screen."""
    file.write_text(FILE.replace("control:", "control:\n  charge: {grid_limit_w: 3000}"))
    charging.get_by_label("Then").select_option(label="Standby")
    save(view)
    expect(view.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(charging.get_by_role("textbox", name="Grid power meanwhile")).to_have_value("3000")
    charge = YAML(typ="safe").load(file.read_text())["control"]["charge"]
    assert charge == {"grid_limit_w": 3000, "follow_up": "standby"}


def test_what_was_changed_is_still_there_in_the_settings(view: Page, charging: Locator, file: Path) -> None:
    charging.get_by_label("Then").select_option(label="Standby")
    view.get_by_role("link", name="Settings", exact=True).click()
    expect(view.get_by_role("region", name="1 change not saved")).to_be_visible()
    view.get_by_role("link", name="Strategy", exact=True).click()
    expect(charging.get_by_label("Then", exact=True)).to_have_value("standby")
    save(view)
    expect(view.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert YAML(typ="safe").load(file.read_text())["control"]["charge"] == {"follow_up": "standby"}


def test_a_window_is_added_with_the_keyboard_alone(
    view: Page, saved: list[list[dict[str, Any]]], file: Path
) -> None:
    card = windows(view)
    expect(card.get_by_role("listitem")).to_have_count(2)
    keys = view.keyboard
    card.get_by_role("button", name="Add a window").focus()
    keys.press("Enter")
    start, end = card.get_by_label("From", exact=True), card.get_by_label("Until", exact=True)
    expect(start).to_be_focused()
    # An A or P for the half of the day, which a clock of 24 hours does not take.
    keys.type("1130P")
    expect(start).to_have_value("23:30")
    end.focus()
    keys.type("0600A")
    card.get_by_label("Strategy", exact=True).focus()
    keys.type("Stand")
    for day in ("Mo", "Tu", "We", "Th", "Su"):
        card.get_by_role("checkbox", name=day).focus()
        keys.press("Space")
    expect(card.get_by_role("listitem").nth(2)).to_contain_text("23:30 to 06:00 the next day")
    expect(card.get_by_role("listitem").nth(2)).to_contain_text("Fri and Sat")
    expect(card).to_contain_text("From 01:00 to 05:00 window 1 goes first.")
    view.get_by_role("button", name="Save", exact=True).focus()
    keys.press("Enter")
    expect(view.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert [change["path"] for change in saved[0]] == [["control", "timed", "windows"]]
    added = {"start": "23:30", "end": "06:00", "strategy": "standby", "days": ["fri", "sat"]}
    assert saved[0][0]["value"][2] == added
    assert "# cheap" in file.read_text()


def test_windows_go_first_are_changed_and_removed(view: Page, saved: list[list[dict[str, Any]]]) -> None:
    card = windows(view)
    day = card.get_by_role("img")
    card.get_by_role("radio", name="Monday").check(force=True)
    card.get_by_role("button", name=re.compile("Window 2")).click()
    card.get_by_label("From", exact=True).fill("04:00")
    expect(day).to_have_attribute(
        "aria-label", re.compile("01:00 to 05:00 Charge, 05:00 to 20:00 Zero import")
    )
    card.get_by_role("button", name="Let this one go first").click()
    expect(day).to_have_attribute(
        "aria-label", re.compile("01:00 to 04:00 Charge, 04:00 to 20:00 Zero import")
    )
    card.get_by_role("radio", name="Saturday").check(force=True)
    rest = "Self-consumption"
    parts = f"00:00 to 01:00 {rest}, 01:00 to 05:00 Charge and 05:00 to 24:00 {rest}"
    expect(day).to_have_attribute("aria-label", f"Saturday: {parts}.")
    card.get_by_role("button", name="Remove window 2, 01:00 to 05:00").click()
    expect(card.get_by_role("button", name="Add a window")).to_be_focused()
    save(view)
    expect(view.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    days = ["mon", "tue", "wed", "thu", "fri"]
    window = {"start": "04:00", "end": "20:00", "strategy": "zero-import", "days": days}
    assert saved == [[{"path": ["control", "timed", "windows"], "value": [window]}]]


def test_a_window_without_a_time_is_not_saved(view: Page) -> None:
    card = windows(view)
    card.get_by_role("button", name=re.compile("Window 1")).click()
    card.get_by_label("From", exact=True).fill("")
    expect(card.get_by_role("alert").filter(has_text="Something has to stand here.")).to_be_visible()
    expect(view.get_by_role("button", name="Save", exact=True)).to_be_disabled()


def test_stale_prices_and_a_failed_outlook_are_said(view: Page, daemon: FakeDaemon) -> None:
    stale = PricesState(None, True, None, None, "Nord Pool: no answer. Asked again in 5 min.")
    daemon.state = msgspec.structs.replace(daemon.state, prices=stale)
    prices = view.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("No price is known for now")
    expect(prices).to_contain_text("Nord Pool: no answer.")
    del daemon.answers["api/v1/outlook"]
    view.reload()
    expect(prices.get_by_role("status")).to_contain_text("What is ahead could not be loaded:")
    expect(prices.get_by_role("status")).to_contain_text("asked again every 15 seconds")


def test_a_plan_is_drawn_and_in_the_legends(view: Page, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/outlook"] = OUTLOOK | {"plan": PLAN}
    view.reload()
    prices = view.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("Charge of the batteries, planned")
    expect(prices.get_by_role("listitem").first).to_have_text("Charge, planned")
    expect(view.get_by_role("region", name="What is expected")).to_contain_text("Batteries, planned")


def test_an_input_is_switched_and_a_refusal_is_said(view: Page, daemon: FakeDaemon) -> None:
    card = view.get_by_role("region", name="Car and heavy appliances")
    with view.expect_response("**/api/v1/inputs/car"):
        card.get_by_text("car", exact=True).click()
    assert daemon.changes[-1] == ("PUT", "api/v1/inputs/car", {"on": True})
    daemon.refusal = (404, "There is no input car.")
    card.get_by_text("car", exact=True).click()
    expect(card).to_contain_text("Not changed: There is no input car.")


def test_without_prices_or_settings_it_says_so(page: Page) -> None:
    page.get_by_role("link", name="Strategy", exact=True).click()
    card = page.get_by_role("region", name="Settings of Self-consumption")
    expect(card).to_contain_text("The settings could not be loaded:")
    expect(card.get_by_role("button", name="Try again")).to_be_enabled()
    prices = page.get_by_role("region", name="Prices and plan")
    expect(prices).to_contain_text("No source of prices is configured.")
    prices.get_by_role("link", name="Add one in the settings").click()
    expect(page).to_have_url(re.compile(r"#/settings\?group=prices"))


@pytest.mark.parametrize(
    ("language", "name", "window"), [("nl", "Tijdschema", "Venster"), ("de", "Zeitplan", "Fenster")]
)
def test_on_a_phone_in_other_languages_nothing_is_wider_than_the_screen(
    view: Page, language: str, name: str, window: str
) -> None:
    view.set_viewport_size({"width": 360, "height": 740})
    view.evaluate(f"localStorage.setItem('phasewise.language', '{language}')")
    view.reload()
    expect(view.locator(".name").first).to_have_text(name)
    expect(view.locator("canvas").first).to_be_visible()
    view.get_by_role("button", name=re.compile(f"{window} 1: ")).click()
    expect(view.locator("input[type=time]")).to_have_count(2)
    assert view.evaluate("document.documentElement.scrollWidth") <= 360
