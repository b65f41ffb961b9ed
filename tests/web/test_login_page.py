"""The login page in a real browser, under its real security policy."""

from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect
from web_fakes import FakeControls

from phasewise.web import Access, WebServer, create_app

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: install Debian's chromium")
async def test_a_wrong_token_is_explained_and_the_right_one_opens_the_dashboard(
    controls: FakeControls, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><h1>All phases</h1>")
    app = create_app(controls, access=Access("correct-horse"), static_dir=tmp_path)
    server = WebServer(app, "127.0.0.1", 0)
    await server.start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(server.url)
        await page.get_by_label("Access token").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_have_text("That is not the access token.")
        await page.get_by_label("Access token").fill("correct-horse")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading")).to_have_text("All phases")
        assert not [text for text in complaints if "Content Security Policy" in text]
        await browser.close()
    controls.live.close()
    await server.stop()
