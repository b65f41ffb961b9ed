"""Settings in a browser: the real schema and the real file, served by the fake daemon."""

import json
import re
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon
from playwright.sync_api import Locator, Page, expect
from settings_route import serve_settings

pytestmark = pytest.mark.browser

FILE = """\
# Our home.
site:
  name: Home  # shown
  main_fuse_a: 25
meter: {driver: dsmr, url: "tcp://192.168.1.20:23"}
batteries:
  - id: m1
    name: Garage
    driver: marstek
    url: modbus-tcp://192.168.1.30
    model: venus-e-v3
  - id: m2
    name: Attic
    driver: marstek
    url: modbus-tcp://192.168.1.31
    model: venus-e-v3
    phase: L2
"""
FOUND = {
    "kind": "battery",
    "driver": "marstek",
    "url": "modbus-tcp://192.168.1.32",
    "name": "Marstek 192.168.1.32",
    "detail": "It answers.",
    "configured": False,
    "suggestions": [
        {
            "kind": "battery",
            "driver": "marstek",
            "options": {"url": "modbus-tcp://192.168.1.32", "model": "venus-a"},
        }
    ],
}
TESTED = {
    "ok": True,
    "text": "It answers.",
    "meter": None,
    "battery": {
        "power_w": 0,
        "soc_pct": 55,
        "temperature_c": None,
        "name": None,
        "max_charge_w": 1200,
        "max_discharge_w": 1200,
    },
}


@pytest.fixture
def file(page: Page, tmp_path: Path) -> Path:
    """A configuration file behind the routes of the settings."""
    path = tmp_path / "home.yaml"
    path.write_text(FILE)
    serve_settings(page, path)
    return path


def group(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Groups of settings").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=2, name=name)).to_be_visible()


def save(page: Page) -> Locator:
    return page.get_by_role("button", name="Save", exact=True)


def test_a_value_is_changed_refused_in_place_corrected_and_reset(page: Page, file: Path) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("textbox", name="Main fuse").fill("-3")
    expect(page.get_by_role("alert").filter(has_text="At least 0")).to_be_visible()
    expect(save(page)).to_be_disabled()
    page.get_by_role("textbox", name="Main fuse").fill("35,5")
    page.get_by_role("button", name="Reset Name to its default").click()
    expect(page.get_by_text("2 changes not saved")).to_be_visible()
    group(page, "Batteries")
    page.get_by_text("Garage").click()
    page.get_by_role("textbox", name="Charge at most with").first.fill("9000")
    expect(page.get_by_role("alert").filter(has_text="more than the 2500 W")).to_be_visible()
    save(page).click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was saved")).to_be_visible()
    assert file.read_text() == FILE
    page.get_by_role("textbox", name="Charge at most with").first.fill("1200")
    save(page).click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    text = file.read_text()
    assert text.startswith("# Our home.\n")
    assert "main_fuse_a: 35.5" in text
    assert "name: Home" not in text
    assert "max_charge_w: 1200" in text
    assert "margin_a" not in text


def test_a_battery_is_found_tested_and_added_and_another_removed(
    page: Page, daemon: FakeDaemon, file: Path
) -> None:
    scan = {"state": "done", "range": "", "ports": [], "progress": 1, "text": "Done.", "problems": []}
    daemon.answers["api/v1/setup"] = {
        "mode": "running",
        "file": "home.yaml",
        "ranges": ["192.168.1.0/24"],
        "ports": [502],
        "drivers": [],
        "scan": scan | {"findings": [FOUND]},
    }
    page.route("**/api/v1/setup/test*", lambda route: route.fulfill(body=json.dumps(TESTED)))
    page.get_by_role("link", name="Settings").click()
    group(page, "Batteries")
    page.get_by_role("button", name="Add a battery").click()
    dialog = page.get_by_role("dialog", name="Add a battery")
    dialog.get_by_role("button", name="Test Marstek").click()
    expect(dialog).to_contain_text("55%")
    dialog.get_by_role("button", name="Use Marstek").click()
    expect(dialog).to_be_hidden()
    added = page.locator("details", has_text="Known in the file as m3")
    expect(added.get_by_label("Phase")).to_have_value("unassigned")
    added.get_by_label("Name").fill("Shed")
    page.get_by_text("Garage").click()
    page.get_by_role("button", name="Remove Garage").click()
    save(page).click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    text = file.read_text()
    assert "id: m1" not in text
    assert "name: Shed" in text
    assert text.count("phase:") == 1


@pytest.mark.parametrize(
    ("language", "words"),
    {
        "nl": ("Instellingen", "Fasebewaking", "Marge"),
        "de": ("Einstellungen", "Phasenschutz", "Abstand"),
    }.items(),
)
def test_on_a_phone_the_groups_come_first_in_each_language(
    page: Page, file: Path, language: str, words: tuple[str, str, str]
) -> None:
    title, protection, margin = words
    page.evaluate(f"localStorage.setItem('phasewise.language', '{language}')")
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    page.goto(page.url + "#/settings")
    expect(page.get_by_role("link", name=protection)).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_have_count(0)
    page.get_by_role("link", name=protection).click()
    expect(page.get_by_role("heading", level=2, name=protection)).to_be_visible()
    page.locator("summary").first.click()
    expect(page.get_by_role("textbox", name=margin)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("main").get_by_role("link", name=title).click()
    expect(page.get_by_role("link", name=protection)).to_be_visible()


def test_a_viewer_sees_everything_and_changes_nothing(page: Page, daemon: FakeDaemon, file: Path) -> None:
    daemon.answers["api/v1/session"] = {"role": "viewer", "login_needed": True}
    page.reload()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("You are logged in to look only. Log in as owner")).to_be_visible()
    expect(page.get_by_role("textbox", name="Main fuse")).to_have_value("25")
    expect(page.get_by_role("textbox", name="Main fuse")).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Reset")).first).to_be_disabled()


def test_a_file_that_cant_be_written_can_be_looked_at(
    page: Page, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not hold for root, as which tests may run.
    monkeypatch.setattr(
        "phasewise.config.settings_file.why_not_writable", lambda _: "It is mounted read-only."
    )
    page.get_by_role("link", name="Settings").click()
    said = page.get_by_text("can't be written, so nothing can be changed here")
    expect(said).to_contain_text("It is mounted read-only.")
    expect(page.get_by_role("textbox", name="Main fuse")).to_have_value("25")
    expect(page.get_by_role("textbox", name="Main fuse")).to_be_disabled()
    expect(save(page)).to_have_count(0)
