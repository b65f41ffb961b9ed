"""Finding out which phase a battery is on, in a real browser."""

import re

import pytest
from fake_daemon import FakeDaemon
from homes import with_battery
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from phasewise.engine.state import IdentifyPhaseState, IdentifySampleState, IdentifyState

pytestmark = [pytest.mark.browser]


def run(state: str, **changes: object) -> IdentifyState:
    """A run of m1 that found L2."""
    samples = tuple(
        IdentifySampleState(2.0 * at, w, (400.0, 900.0 + w, -200.0))
        for at, w in enumerate((0.0, 1000.0, -1000.0, 1000.0))
    )
    plain = IdentifyState(
        battery_id="m1",
        state=state,
        code=None,
        text="What the daemon says.",
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
            "L2": IdentifyPhaseState((1990.0, -2700.0), 1.0, 0.9),
            "L3": IdentifyPhaseState((-8.0, 0.0), 0.0, 0.0),
        },
        samples=samples,
    )
    return replace(plain, **changes)


def test_a_run_survives_a_reload_and_only_the_user_assigns(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = replace(daemon.state, identify=run("running"))
    page.reload()
    page.get_by_role("button", name="Show").click()
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    expect(dialog.get_by_role("progressbar")).to_have_attribute("value", "0.4")
    expect(dialog.get_by_role("img")).to_be_visible()
    daemon.state = replace(daemon.state, identify=run("done", progress=1.0))
    expect(dialog).to_contain_text("Garage is on L2.")
    assert daemon.changes == []
    dialog.get_by_role("button", name="Set Garage to L2").click()
    expect(dialog).to_have_count(0)
    assert daemon.changes[0] == ("PATCH", "api/v1/batteries/m1", {"phase": "L2"})


def test_the_evidence_is_said_in_words_and_figures_while_it_grows(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = replace(daemon.state, identify=run("running", steps=2, outcome="unclear"))
    page.get_by_role("button", name="Show").click()
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    expect(dialog.get_by_role("status")).to_contain_text("So far L2 followed in 1 of 2 steps.")
    expect(dialog.get_by_role("status")).to_contain_text("after 5 steps at the earliest; 2 so far")
    rows = dialog.get_by_role("table").get_by_role("row")
    cells = [re.sub(r"\s+", " ", text).strip() for text in rows.all_inner_texts()]
    assert cells[1:3] == ["1 +2,000 +12 +1,990 follows \u22128", "2 \u22122,000 +30 \u22122,700 0"]
    expect(rows.last).to_contain_text("1 of 2")
    dialog.get_by_role("button", name="Stop").click()
    expect(dialog.get_by_role("button", name="Stop")).to_be_enabled()
    assert daemon.changes == [("DELETE", "api/v1/identify", {})]


def test_what_stands_in_the_way_is_said_before_the_start(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = with_battery(daemon.state, "m1", override="out-of-service")
    page.get_by_role("button", name="Phase of Garage").click()
    page.get_by_role("button", name="I do not know: find out").click()
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    expect(dialog.get_by_role("listitem").filter(has_text="not on automatic")).to_be_visible()


def test_a_stopped_run_says_what_to_do_and_offers_no_phase(page: Page, daemon: FakeDaemon) -> None:
    daemon.state = replace(daemon.state, identify=run("aborted", code="overload"))
    page.get_by_role("button", name="Show").click()
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    expect(dialog).to_contain_text("A phase came above its limit. Please try again when less is switched on.")
    expect(dialog.get_by_role("button", name="Set Garage")).to_have_count(0)


def test_a_refusal_to_begin_is_said_in_place(page: Page, daemon: FakeDaemon) -> None:
    page.get_by_role("button", name="Phase of Garage").click()
    page.get_by_role("button", name="I do not know: find out").click()
    daemon.refusal = (409, "L3 has no room.")
    dialog = page.get_by_role("dialog", name="Which phase is Garage on?")
    dialog.get_by_role("button", name="Begin").click()
    expect(dialog).to_contain_text("It did not begin: L3 has no room.")
