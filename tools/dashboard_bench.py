"""What the dashboard costs: bytes to load, time to first paint and to draw a day, time for open dashboards.

    uv run python tools/dashboard_bench.py --seconds 60

Runs `phasewise demo` as a process of its own. Open dashboards are plain readers of the live stream, a third
of them in each language. Needs Chromium for the first paint: `apt-get install chromium`.
"""

import argparse
import gzip
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright
from screenshot import CHROMIUM, CHROMIUM_ARGS

import phasewise.web

STATIC = Path(phasewise.web.__file__).parent / "static"
LANGUAGES = ("en", "nl", "de")
"""A browser loads the texts of one."""
LANGUAGES = ("en", "nl", "de")
STARTS_WITHIN_S = 60.0
PAINTS = 7
DRAWN = "history drawn"
"""What the history view calls the time that drawing takes."""


@contextmanager
def demo() -> Iterator[tuple[str, int]]:
    """A running demo: its address, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "phasewise.cli", "demo", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
    url = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(f"{url}api/v1/state")
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str) -> None:
    deadline_s = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1.0).close()  # noqa: S310 - our own daemon, http
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.2)
        else:
            return


def bundle() -> tuple[float, float, float]:
    """Compressed kB of scripts and styles in the largest language.

    Before the first paint; with all views of a home that is set up; with set-up too, which only the first run
    loads.
    """
    files = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css"}]
    sizes = {path.name: len(gzip.compress(path.read_bytes())) / 1000.0 for path in files}
    texts = {name: sizes.pop(name) for name in list(sizes) if name.split("-")[0] in LANGUAGES}
    if len(texts) != len(LANGUAGES):
        raise RuntimeError(
            f"expected the texts of {', '.join(LANGUAGES)}, found {', '.join(texts) or 'none'}"
        )
    page = (STATIC / "index.html").read_text()
    first_kb = sum(size for name, size in sizes.items() if re.search(rf"\b{re.escape(name)}\b", page))
    setup_kb = sum(size for name, size in sizes.items() if name.startswith("SetupView-"))
    all_kb, text_kb = sum(sizes.values()), max(texts.values())
    return first_kb + text_kb, all_kb - setup_kb + text_kb, all_kb + text_kb


def first_paints_ms(url: str) -> list[float]:
    """First contentful paint, each with an empty cache."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for _ in range(PAINTS):
            page = browser.new_context().new_page()
            page.goto(url)
            page.get_by_role("region", name="Status").wait_for()
            found.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            page.context.close()
        browser.close()
    return found


def history_draws_ms(url: str) -> list[float]:
    """From the answer with a day of three phases to the drawn chart, by the page's own clock."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for _ in range(PAINTS):
            page = browser.new_context().new_page()
            page.goto(f"{url}#/history?span=day&show=phases")
            # The page's own policy forbids what Playwright's wait_for_function would do.
            while not (
                durations := page.evaluate(f"performance.getEntriesByName('{DRAWN}').map(e => e.duration)")
            ):
                page.wait_for_timeout(50)
            found.append(durations[0])
            page.context.close()
        browser.close()
    return found


def cpu_pct(pid: int, seconds: float) -> float:
    """Share of one core that a process takes for some seconds."""

    def used_s() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    began_s, before_s = time.monotonic(), used_s()
    time.sleep(seconds)
    return 100.0 * (used_s() - before_s) / (time.monotonic() - began_s)


@contextmanager
def open_dashboards(url: str, count: int) -> Iterator[list[int]]:
    """Readers of the live stream, each in its thread; bytes that each has read so far."""
    read = [0] * count
    stop = threading.Event()

    def follow(number: int) -> None:
        language = LANGUAGES[number % len(LANGUAGES)]
        with urllib.request.urlopen(f"{url}api/v1/stream?lang={language}", timeout=30.0) as stream:  # noqa: S310 - our own daemon, http
            while not stop.is_set():
                read[number] += len(stream.readline())

    threads = [threading.Thread(target=follow, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield read
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the dashboard costs.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each share of a core")
    parser.add_argument("--dashboards", type=int, default=20)
    args = parser.parse_args()
    first_kb, home_kb, all_kb = bundle()
    print(
        f"bundle, compressed, in one language: {first_kb:.1f} kB before the first paint, "
        f"{home_kb:.1f} kB with all views, {all_kb:.1f} kB with set-up"
    )
    with ExitStack() as stack:
        url, pid = stack.enter_context(demo())
        if Path(CHROMIUM).exists():
            paints_ms = first_paints_ms(url)
            print(f"first paint: median {statistics.median(paints_ms):.0f} ms, worst {max(paints_ms):.0f} ms")
            draws_ms = history_draws_ms(url)
            print(f"a day drawn: median {statistics.median(draws_ms):.0f} ms, worst {max(draws_ms):.0f} ms")
        alone_pct = cpu_pct(pid, args.seconds)
        read = stack.enter_context(open_dashboards(url, args.dashboards))
        time.sleep(2.0)
        before = sum(read)
        together_pct = cpu_pct(pid, args.seconds)
        per_second_kb = (sum(read) - before) / args.seconds / args.dashboards / 1000.0
        print(
            f"{args.dashboards} dashboards: {together_pct - alone_pct:.1f} % of a core more "
            f"({alone_pct:.1f} % without), {per_second_kb:.1f} kB a second each"
        )


if __name__ == "__main__":
    main()
