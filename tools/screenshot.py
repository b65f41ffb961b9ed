"""Take a picture of a running dashboard, for the documentation.

    uv run python tools/screenshot.py http://127.0.0.1:8080/ dashboard.png --width 1280 --dark
    uv run python tools/screenshot.py 'http://127.0.0.1:8080/#/history' history.png

Needs Chromium: `apt-get install chromium`.
"""

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
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
"""It runs as root and in small containers, and must not call home."""


SETTLE_MS = 700
"""For charts that ask for their data when they are shown."""


def screenshot(url: str, out: Path, *, width: int, height: int, dark: bool) -> None:
    """Write a PNG of the whole page, once it shows live values; `width` and `height` in CSS pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = browser.new_page(
            viewport={"width": width, "height": height},
            device_scale_factor=2,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page.goto(url)
        page.locator("main .card").first.wait_for()
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=out, full_page=True)
        browser.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Take a picture of a running Phasewise dashboard.")
    parser.add_argument("url")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--dark", action="store_true")
    args = parser.parse_args()
    screenshot(args.url, args.out, width=args.width, height=args.height, dark=args.dark)


if __name__ == "__main__":
    main()
