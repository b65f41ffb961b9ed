"""History and why-log of the running demo: what is drawn, added up and downloaded is what the daemon kept."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from demo_daemon import Demo, running_demo
from playwright.sync_api import BrowserContext, Locator, Page, expect
from typer.testing import CliRunner

from phasewise.cli import cli

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

ZONE = ZoneInfo("Europe/Amsterdam")
"""Of the demo's house, and of the browser."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def opened(context: BrowserContext, demo: Demo, view: str) -> Page:
    page = context.new_page()
    page.goto(f"{demo.url.rstrip('/')}/#/{view}")
    page.get_by_role("main").wait_for()
    return page


def saved(link: Locator, folder: Path) -> Path:
    """The file that the browser keeps, under the name that it was given."""
    with link.page.expect_download() as download:
        link.click()
    assert download.value.failure() is None
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def yesterday() -> tuple[datetime, datetime]:
    midnight = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=1), midnight


def test_yesterday_is_drawn_and_its_file_holds_the_same(
    context: BrowserContext, demo: Demo, tmp_path: Path
) -> None:
    begin, end = yesterday()
    asked = f"from={begin.timestamp():.0f}&to={end.timestamp():.0f}"
    page = opened(context, demo, f"history?show=phases&{asked}")
    chart = page.get_by_role("img", name=re.compile("^Phases from"))
    for phase in ("L1", "L2", "L3"):
        expect(chart).to_have_accessible_name(re.compile(rf"{phase}: between .*W and .*W, .* on average"))
    file = saved(page.get_by_role("link", name="Save as CSV"), tmp_path)
    assert file.name == f"phasewise-{begin:%Y-%m-%d}.csv"
    with file.open(newline="") as lines:
        head, *rows = csv.reader(lines)
    series = [
        f"{phase}.{what}" for phase in ("L1", "L2", "L3") for what in ("power_w", "limit_hi_w", "limit_lo_w")
    ]
    assert head == ["time", *(f"{name} {of} (W)" for name in series for of in ("mean", "min", "max"))]
    times = [datetime.fromisoformat(row[0]) for row in rows]
    step = times[1] - times[0]
    assert all(after - before == step for before, after in pairwise(times))
    assert begin - step < times[0] <= begin.astimezone(UTC)
    assert times[-1] < end <= times[-1] + 2 * step
    kept = demo.get(f"history?{asked}&points=1000&series=L1.power_w")
    assert [at.timestamp() for at in times] == kept["time"]
    assert [float(row[1]) for row in rows] == pytest.approx(kept["series"]["L1.power_w"]["mean"])


def kwh(text: str) -> list[float]:
    """Of "5.7 kWh / 612 Wh"."""
    return [float(n) / (1 if k else 1000) for n, k in re.findall(r"([\d.]+)\s(k?)Wh", text)]


def test_each_day_is_added_up_with_what_was_exchanged_and_what_it_cost(
    context: BrowserContext, demo: Demo
) -> None:
    begin, _ = yesterday()
    page = opened(context, demo, "history")
    energy = page.get_by_role("region", name="Energy by the day")
    energy.get_by_text("As a table").click()
    kept = next(day for day in demo.get("energy")["days"] if day["date"] == f"{begin:%Y-%m-%d}")
    table = energy.get_by_role("table")
    names = table.get_by_role("columnheader").all_inner_texts()
    row = table.get_by_role("row").filter(has_text=f"{begin:%-d %b}")
    said = dict(zip(names, row.locator("th, td").all_inner_texts(), strict=True))
    for column, wh in {
        "Imported": kept["import_wh"],
        "Exported": kept["export_wh"],
        "Exchanged between phases": kept["exchanged_wh"],
        "Solar": kept["pv_wh"],
    }.items():
        assert kwh(said[column]) == [pytest.approx(wh / 1000, rel=0.01, abs=0.06)], column
    for battery in demo.state()["batteries"]:
        moved = kept["batteries"][battery["id"]]
        both = [moved["charged_wh"] / 1000, moved["discharged_wh"] / 1000]
        assert kwh(said[f"{battery['name']}\nCharged / Discharged"]) == pytest.approx(
            both, rel=0.01, abs=0.06
        )
    assert said["Cost"] == f"€{kept['cost_eur']:.2f}"
    assert said["Saved"] == f"€{kept['saved_eur']:.2f}"


def test_the_recording_of_a_stretch_is_downloaded_and_replays_the_same(
    context: BrowserContext, demo: Demo, tmp_path: Path
) -> None:
    page = opened(context, demo, "why")
    began = page.get_by_role("listitem").filter(has_text="started")
    for link in (
        began.get_by_role("link", name=re.compile("^Recording around")),
        page.get_by_role("region", name="Recording for replay").get_by_role("link"),
    ):
        file = saved(link, tmp_path)
        assert file.suffix == ".recording"
        replayed = CliRunner().invoke(cli, ["replay", str(file)])
        assert replayed.exit_code == 0, replayed.output
        assert "Identical" in replayed.output
        assert int(replayed.output.split(" decisions", maxsplit=1)[0]) >= 1
        file.unlink()
