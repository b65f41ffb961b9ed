"""The why-log: filters, pages, new events, and the recording of a stretch."""

import re
from typing import Any

import pytest
from fake_daemon import FakeDaemon
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

KEPT = {"begin": "2026-11-22T09:00:00.000Z", "end": "2026-11-23T11:00:00.000Z"}


def event(number: int, severity: str = "info") -> dict[str, Any]:
    return {
        "id": number,
        "time": "2026-11-23T10:00:00.000Z",
        "kind": "relief-began",
        "severity": severity,
        "phase": "L1",
        "battery_id": "m1",
        "battery_ids": ["m1"],
        "text": f"L1 went over its limit, number {number}.",
    }


def log(daemon: FakeDaemon, *events: dict[str, Any], older: int | None = None) -> None:
    daemon.answers["api/v1/events"] = {"events": list(events), "next": older, "recorded": KEPT}


def seen(page: Page) -> None:
    page.get_by_role("link", name="Why", exact=True).click()
    expect(page.get_by_role("listitem").filter(has_text="number 7")).to_be_visible()


def asked(daemon: FakeDaemon) -> dict[str, str]:
    return [params for path, params in daemon.asked if path == "api/v1/events"][-1]


def test_events_are_sentences_with_their_severity_in_words(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7, "warning"))
    seen(page)
    row = page.get_by_role("listitem").filter(has_text="number 7")
    expect(row).to_contain_text("Warning")
    expect(row).to_contain_text("L1")
    log(daemon, event(8, "alarm"), event(7, "warning"))
    expect(page.get_by_role("listitem").filter(has_text="number 8")).to_contain_text("Alarm")
    expect(page.get_by_role("listitem").filter(has_text="number 7")).to_have_count(1)


def test_only_what_is_new_is_read_out(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7), older=7)
    seen(page)
    assert page.locator("[aria-live], [role=status]").filter(has_text="number 7").count() == 0
    said = page.get_by_role("status").filter(has_text="New")
    log(daemon, event(8), event(7), older=7)
    expect(said).to_have_text("New: L1 went over its limit, number 8.")
    log(daemon, event(10), event(9), event(8), event(7), older=7)
    said = page.get_by_role("status").filter(has_text="new entries")
    expect(said).to_have_text("2 new entries. The newest: L1 went over its limit, number 10.")


def test_times_and_days_are_as_the_locale_writes_them(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7) | {"time": "2023-11-14T23:30:05.000Z"})
    page.goto(f"{daemon.url}#/why")
    # Half past midnight here, on the next day.
    for language, day in (
        ("en", "Wednesday 15 November"),
        ("nl", "woensdag 15 november"),
        ("de", "Mittwoch, 15. November"),
    ):
        page.evaluate(f"localStorage.setItem('phasewise.language', '{language}')")
        page.reload()
        expect(page.get_by_role("heading", level=3)).to_have_text(day)
        expect(page.get_by_role("listitem").filter(has_text="number 7").locator("time")).to_have_text(
            "00:30:05"
        )


def test_filters_are_asked_for_and_stand_in_the_address(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7))
    seen(page)
    with page.expect_response(re.compile("phase=L1")):
        page.get_by_label("Phase").select_option("L1")
    with page.expect_response(re.compile("battery=")):
        page.get_by_label("Battery").select_option(index=1)
    page.get_by_label("Severity").select_option("alarm")
    with page.expect_response(re.compile("severity=alarm.*from=")):
        page.get_by_role("combobox", name="Time").select_option("day")
    assert asked(daemon)["phase"] == "L1"
    expect(page).to_have_url(re.compile(r"#/why\?.*battery=.*time=day|#/why\?.*time=day.*battery="))
    expect(page.get_by_role("heading", name=re.compile("right now"))).to_be_visible()
    page.get_by_role("button", name="Show everything").click()
    expect(page).to_have_url(re.compile("#/why$"))


def test_older_pages_come_when_asked_for(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7), older=7)
    seen(page)
    page.route(
        re.compile("before=7"),
        lambda route: route.fulfill(json={"events": [event(6)], "next": None, "recorded": KEPT}),
    )
    page.get_by_role("button", name="Show older").click()
    expect(page.get_by_role("listitem").filter(has_text="number 6")).to_be_visible()
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)
    page.unroute_all()


def test_the_recording_of_an_event_and_of_what_is_shown(page: Page, daemon: FakeDaemon) -> None:
    log(daemon, event(7))
    seen(page)
    expect(page.get_by_role("link", name=re.compile("Recording around"))).to_have_attribute(
        "href", re.compile(r"^api/v1/recording\?from=\d+&to=\d+$")
    )
    card = page.get_by_role("region", name="Recording for replay")
    expect(card).to_contain_text("no passwords")
    expect(card.get_by_role("link")).to_have_attribute("href", re.compile(r"^api/v1/recording\?from="))


def test_a_log_that_cant_be_read_is_said_calmly_and_it_fits_a_phone(page: Page, daemon: FakeDaemon) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.get_by_role("link", name="Why", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Control is not affected")).to_be_visible()
    log(daemon, event(7))
    expect(page.get_by_role("listitem").filter(has_text="number 7")).to_be_visible()
    for language, title in (("nl", "Waarom deed het dat?"), ("de", "Warum war das so?")):
        page.evaluate(f"localStorage.setItem('phasewise.language', '{language}')")
        page.reload()
        expect(page.get_by_role("region", name=title)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
