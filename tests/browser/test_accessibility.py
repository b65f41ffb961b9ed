"""Everybody can read and use every view: axe finds nothing serious, and the keyboard reaches all of it."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from homes import three_phase_home, with_alarm, with_battery, with_protection, with_strategy
from msgspec.structs import replace
from playwright.sync_api import BrowserContext, Page, expect

from phasewise.config import SettingsFile
from phasewise.engine.state import IdentifyPhaseState, IdentifySampleState, IdentifyState, MappingState
from phasewise.registry import load_plugins

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
WIDTHS_PX = (390, 1280)
GRAVE = ("serious", "critical")
VIEWS = {
    "live": "Phases",
    "strategy": "Strategy",
    "history": "Days",
    "why": "Garage is held at 1.2 kW",
    "settings": "Home & meter",
    "settings?group=batteries": "Marstek",
    "settings?group=strategies": "Strategies",
}
"""Address of each, and what it says once it has what it shows."""

COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules that see a difference between light and dark."""

RUN = """async ([place, runOnly]) => {
    const found = await axe.run(place, { resultTypes: ["violations"], ...(runOnly && { runOnly }) });
    return found.violations.map(({ id, impact, nodes }) =>
        ({ id, impact, where: nodes.map(node => `${node.target} ${node.any.map(a => a.message)}`) }));
}"""

NOW_S = 1_782_043_200
"""The time in three_phase_home, as Unix time."""
STEPS = range(NOW_S - 6 * 3600, NOW_S, 300)
CURVE = [200.0 * (step % 17) - 900.0 for step in range(len(STEPS))]
SERIES = ("grid.total_w", "load_w", "L1.power_w", "L2.power_w", "L3.power_w", "battery.m1.power_w")

HISTORY = {
    "from": STEPS[0],
    "to": NOW_S,
    "step_s": 300,
    "time": list(STEPS),
    "series": {name: {"mean": CURVE, "min": CURVE, "max": CURVE} for name in SERIES},
}
EVENTS = {
    "events": [
        {
            "id": number,
            "time": f"2026-06-21T11:{50 + number}:00Z",
            "kind": "alarm-began",
            "severity": severity,
            "phase": "L1",
            "battery_id": "m1",
            "battery_ids": ["m1"],
            "text": "Garage is held at 1.2 kW because the house draws 18 A on L1.",
        }
        for number, severity in enumerate(("info", "warning", "alarm"), 1)
    ][::-1],
    "next": None,
    "recorded": {"begin": "2026-06-20T12:00:00Z", "end": "2026-06-21T12:00:00Z"},
}
DAY = {
    "measured_s": 43_000,
    "import_wh": 4100.0,
    "export_wh": 900.0,
    "exchanged_wh": 300.0,
    "load_wh": 5000.0,
    "pv_wh": None,
    "ev_wh": None,
    "batteries": {"m1": {"charged_wh": 1000.0, "discharged_wh": 400.0}},
    "cost_eur": 1.2,
    "cost_without_eur": 1.5,
    "saved_eur": 0.3,
}
ENERGY = {
    "days": [
        {
            "date": f"2026-06-{day}",
            "start": f"2026-06-{day - 1}T22:00:00Z",
            "end": f"2026-06-{day}T22:00:00Z",
            **DAY,
        }
        for day in (20, 21)
    ]
}
HOURS = [(f"2026-06-21T{hour:02}:00:00Z", f"2026-06-21T{hour + 1:02}:00:00Z") for hour in range(12, 23)]
OUTLOOK = {
    "prices": [
        {"start": start, "end": end, "buy_eur_kwh": 0.2 + index / 100, "sell_eur_kwh": 0.1, "mark": mark}
        for index, (start, end) in enumerate(HOURS)
        for mark in ("charge" if index < 3 else None,)
    ],
    "plan": [
        {"start": start, "end": end, "action": "charge", "power_w": 1000.0, "soc_pct": 60.0}
        for start, end in HOURS[:3]
    ],
    "windows": [],
    "pv_forecast": [{"start": start, "power_w": 1500.0} for start, _ in HOURS],
    "load_forecast": [{"start": start, "power_w": 400.0} for start, _ in HOURS],
}
BATTERY = {"kind": "battery", "driver": "marstek", "url": "tcp://192.168.1.41:502"}
SETUP = {
    "mode": "setup",
    "file": "/etc/phasewise/home.yaml",
    "ranges": ["192.168.1.0/24"],
    "ports": [502, 8088],
    "drivers": [{"kind": kind, "name": name, "options": {}} for kind, name in
                (("meter", "dsmr"), ("battery", "marstek"))],
    "scan": {
        "state": "done",
        "range": "192.168.1.0/24",
        "ports": [502, 8088],
        "progress": 1.0,
        "text": "Done.",
        "problems": ["192.168.1.9 did not answer in time."],
        "findings": [
            {**BATTERY, "name": "Marstek Venus E", "detail": "serial MVE0123", "configured": False,
             "suggestions": [{"kind": "battery", "driver": "marstek", "options": {"url": BATTERY["url"]}}]},
        ],
    },
}  # fmt: skip

IDENTIFYING = IdentifyState(
    battery_id="m1",
    state="running",
    code=None,
    text="Cycle 2.",
    cycle=2,
    progress=0.4,
    outcome="L2",
    confidence=0.98,
    configured="L1",
    matches=False,
    high_w=1000.0,
    low_w=-1000.0,
    steps=6,
    agreeing=6,
    expected_w=(2000.0, -2000.0),
    phases={
        "L1": IdentifyPhaseState((12.0, 30.0), 0.0, 0.0),
        "L2": IdentifyPhaseState((1990.0, 1900.0), 1.0, 0.9),
        "L3": IdentifyPhaseState((-8.0, 650.0), 0.0, 0.0),
    },
    samples=tuple(
        IdentifySampleState(2.0 * at, power_w, (400.0, 900.0 + power_w, -200.0))
        for at, power_w in enumerate((0.0, 1000.0, -1000.0, 1000.0))
    ),
)


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """A real file and the real schema, as the daemon shows them."""
    found = SettingsFile(ROOT / "tests/config/contract.yaml", load_plugins().registry()).state()
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(found)))
    return plain | {"writable": found.detail is None}


@pytest.fixture
def daemon(daemon: FakeDaemon, settings: dict[str, Any]) -> FakeDaemon:
    """A daemon that has something to show in every view."""
    home = with_protection(three_phase_home())
    daemon.state = with_alarm(home, "alarm", "Attic does not answer.")
    daemon.answers |= {
        "api/v1/history": HISTORY,
        "api/v1/energy": ENERGY,
        "api/v1/events": EVENTS,
        "api/v1/outlook": OUTLOOK,
        "api/v1/settings": settings,
    }
    return daemon


@pytest.fixture
def context(context: BrowserContext) -> Iterator[BrowserContext]:
    """Every page has axe. Nothing moves, so that no colour is caught half-way to another."""
    assert AXE.is_file(), f"{AXE} is missing: npm --prefix frontend ci"
    context.add_init_script(path=AXE)
    return context


def grave(page: Page, place: str) -> list[dict[str, Any]]:
    """The serious and critical violations in light and dark, on a phone and a large screen."""
    found = []
    for width_px in WIDTHS_PX:
        page.set_viewport_size({"width": width_px, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            expect(page.locator("html")).to_have_attribute("data-theme", scheme)
            rules = None if scheme == "light" else COLOURS
            looks = {"width_px": width_px, "scheme": scheme}
            found += [looks | one for one in page.evaluate(RUN, [place, rules]) if one["impact"] in GRAVE]
    return found


def test_axe_finds_nothing_serious_in_any_view(page: Page) -> None:
    found = {}
    for address, shows in VIEWS.items():
        page.evaluate("address => { location.hash = address; }", f"#/{address}")
        expect(page.locator("main").get_by_text(shows).first).to_be_attached()
        found[address] = grave(page, "body")
    assert {address: there for address, there in found.items() if there} == {}


def test_axe_finds_nothing_serious_in_the_set_up(context: BrowserContext, daemon: FakeDaemon) -> None:
    daemon.answers["api/v1/setup"] = SETUP
    page = context.new_page()
    page.goto(daemon.url)
    expect(page.locator("main").get_by_role("button").first).to_be_visible()
    assert grave(page, "body") == []


def test_axe_finds_nothing_serious_in_the_display_dialog(page: Page) -> None:
    page.get_by_role("button", name="Display").click()
    expect(page.get_by_role("dialog", name="Display")).to_be_visible()
    assert grave(page, "dialog[open]") == []


def test_axe_finds_nothing_serious_in_the_identify_dialog(page: Page, daemon: FakeDaemon) -> None:
    page.get_by_role("button", name="Phase of Garage").click()
    page.get_by_role("button", name="I do not know: find out").click()
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    expect(dialog.get_by_role("button", name="Begin")).to_be_visible()
    assert grave(page, "dialog[open]") == []
    for run in (IDENTIFYING, replace(IDENTIFYING, state="done", progress=1.0)):
        daemon.state = replace(daemon.state, identify=run)
        expect(dialog.get_by_role("progressbar")).to_have_count(int(run.state == "running"))
        assert grave(page, "dialog[open]") == []


def test_axe_finds_nothing_serious_in_a_doubtful_card_and_its_details(page: Page, daemon: FakeDaemon) -> None:
    mapping = MappingState("L2", 0.97, True, "12 of 13 steps were seen on L2.")
    daemon.state = with_battery(daemon.state, "m1", mapping=mapping)
    page.get_by_role("button", name="Change the phase").click()
    page.get_by_label("Which phase is Garage connected to?").select_option("L2")
    assert grave(page, "article[aria-labelledby='battery-m1']") == []
    page.get_by_role("button", name="Details and settings of Garage").click()
    page.get_by_label("What decides").select_option("hold")
    assert grave(page, "dialog[open]") == []


def test_axe_finds_nothing_serious_in_the_time_windows(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_strategy(daemon.state, selected="timed", executing="standby", why="time")
    page.get_by_role("link", name="Strategy", exact=True).click()
    card = page.get_by_role("region", name="Time windows")
    card.get_by_role("button", name="Add a window").click()
    expect(card.get_by_label("From", exact=True)).to_be_focused()
    assert grave(page, "main") == []


def test_axe_would_find_what_is_wrong_in_light_and_in_dark(page: Page) -> None:
    page.evaluate("""() => {
        const button = document.createElement("button"), faint = document.createElement("p");
        faint.append("Too faint to read");
        faint.style.color = "#777";
        faint.style.background = "#666";
        document.querySelector("main").append(button, faint);
    }""")
    found = {(one["id"], one["scheme"]) for one in grave(page, "main")}
    assert found == {("button-name", "light"), ("color-contrast", "light"), ("color-contrast", "dark")}


CONTROLS = "a:visible, button:visible:enabled, input:visible:enabled, select:visible:enabled"
NUMBER_THEM = "all => all.forEach((element, number) => { element.dataset.number = number; })"
FOCUSED = "document.activeElement.dataset.number ?? null"
OUTLINED = """() => {
    const focused = document.activeElement;
    const marks = [focused, ...focused.parentElement.querySelectorAll(":focus ~ *")];
    return marks.map(mark => getComputedStyle(mark)).some(({ outlineStyle, outlineWidth }) =>
        outlineStyle !== "none" && parseFloat(outlineWidth) >= 1);
}"""
"""Whether what has the focus shows it, or what stands beside it for the eye, as with a switch."""


def test_the_keyboard_reaches_every_control_of_the_live_view_and_shows_where_it_is(page: Page) -> None:
    controls = page.locator(CONTROLS)
    controls.evaluate_all(NUMBER_THEM)
    missed = {str(number) for number in range(controls.count())}
    assert len(missed) > 8
    for _ in range(len(missed) + 5):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            continue
        assert page.evaluate(OUTLINED), page.evaluate("document.activeElement.outerHTML")
        expect(page.locator(":focus")).to_be_in_viewport()
        missed.discard(focused)
    assert {page.locator(f"[data-number='{number}']").inner_text() for number in missed} == set()
