"""Take the pictures of the documentation anew: `docs/images`, from the demonstration.

    uv run python tools/pictures.py

Runs `phasewise demo` for a minute. Needs Chromium: `apt-get install chromium`.
"""

import time
from pathlib import Path

from dashboard_bench import demo
from screenshot import screenshot

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WARM_UP_S = 45.0
"""So that charts and batteries have something to show."""
WIDE, PHONE = 1280, 390
PICTURES = (
    ("dashboard", "#/live", WIDE, False),
    ("dashboard-phone", "#/live", PHONE, True),
    ("strategy", "#/strategy", WIDE, False),
    ("history", "#/history", WIDE, False),
    ("why", "#/why", WIDE, False),
    ("settings", "#/settings", WIDE, False),
)
"""File, place in the dashboard, width in CSS pixels, dark."""


def main() -> None:
    """Take them all."""
    with demo() as (url, _):
        time.sleep(WARM_UP_S)
        for name, place, width, dark in PICTURES:
            out = IMAGES / f"{name}.png"
            screenshot(f"{url}{place}", out, width=width, height=800, dark=dark)
            print(f"{out.name}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
