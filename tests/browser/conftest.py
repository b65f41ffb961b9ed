"""A real Chromium, and the built dashboard served by a fake daemon."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon
from homes import three_phase_home
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

import phasewise.web

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
"""Runs as root and in small containers, and calls nobody."""

expect.set_options(timeout=15_000)  # a busy machine is no defect of the page

STATIC = Path(phasewise.web.__file__).parent / "static"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    assert (STATIC / "index.html").is_file(), (
        "the dashboard is not built: run `uv sync --reinstall-package phasewise`"
    )
    with FakeDaemon(STATIC, three_phase_home()) as daemon:
        yield daemon


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Europe/Amsterdam"
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, daemon: FakeDaemon) -> Iterator[Page]:
    """The dashboard, showing its first state. At the end: no script error, and no rule of the CSP broken."""
    page = context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(daemon.url)
    page.get_by_role("region", name="Status").wait_for()
    yield page
    assert errors == []
