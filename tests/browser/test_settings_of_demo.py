"""Settings of a running daemon while somebody else edits its file, too."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo_daemon import Demo, running_demo
from playwright.sync_api import BrowserContext, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def file(demo: Demo) -> Iterator[Path]:
    """As it was, afterwards."""
    before = demo.config.read_text()
    yield demo.config
    demo.config.write_text(before)


@pytest.fixture
def settings(context: BrowserContext, demo: Demo) -> Page:
    page = context.new_page()
    page.goto(f"{demo.url.rstrip('/')}/#/settings?group=site")
    expect(page.get_by_role("textbox", name="Name", exact=True).first).to_have_value("Demo house")
    return page


def save(page: Page) -> Locator:
    return page.get_by_role("button", name="Save", exact=True)


def rename(page: Page, name: str) -> Locator:
    field = page.get_by_role("textbox", name="Name", exact=True).first
    field.fill(name)
    return field


def test_a_file_changed_meanwhile_is_not_written_over_but_loaded_again(settings: Page, file: Path) -> None:
    field = rename(settings, "Mine")
    theirs = file.read_text().replace("Demo house", "Theirs")
    file.write_text(theirs)
    save(settings).click()
    expect(settings.get_by_role("alert").filter(has_text="Nothing was saved")).to_contain_text(
        "it was changed meanwhile"
    )
    expect(field).to_have_value("Mine")
    assert file.read_text() == theirs
    settings.get_by_role("button", name="Discard and load again").click()
    expect(field).to_have_value("Theirs")
    rename(settings, "Ours")
    save(settings).click()
    expect(settings.get_by_role("status").filter(has_text="Saved, and in effect.")).to_be_visible()
    assert file.read_text() == theirs.replace("Theirs", "Ours")


def test_a_wrong_value_written_by_hand_is_shown_and_corrected_here(settings: Page, file: Path) -> None:
    text = re.sub(r"main_fuse_a: \S+", "main_fuse_a: -25", file.read_text())
    assert "-25" in text
    file.write_text(text)
    settings.reload()
    expect(settings.get_by_text("Until they are corrected, Phasewise goes on")).to_be_visible()
    expect(settings.get_by_text("site.main_fuse_a", exact=True)).to_be_visible()
    settings.get_by_role("textbox", name="Main fuse").fill("25")
    save(settings).click()
    expect(settings.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(settings.get_by_text("Until they are corrected")).to_have_count(0)


def test_a_file_that_is_no_yaml_any_more_is_said_and_left_alone(settings: Page, file: Path) -> None:
    whole = file.read_text()
    field = rename(settings, "Mine")
    file.write_text(whole + "site: [\n")
    save(settings).click()
    expect(settings.get_by_role("alert").filter(has_text="Nothing was saved")).to_be_visible()
    assert file.read_text() == whole + "site: [\n"
    settings.get_by_role("button", name=re.compile("^Discard")).click()
    said = settings.get_by_text(re.compile(f"There are mistakes in .*{file.name}"))
    expect(said).to_be_visible()
    file.write_text(whole)
    settings.get_by_role("button", name="Try again").click()
    expect(field).to_have_value("Demo house")
    expect(said).to_have_count(0)


def test_what_counts_after_a_restart_says_so(settings: Page, demo: Demo, file: Path) -> None:
    settings.get_by_role("navigation", name="Groups of settings").get_by_role(
        "link", name="Web & access"
    ).click()
    settings.locator("main summary").first.click()
    settings.get_by_role("textbox", name="Port").fill("8899")
    save(settings).click()
    expect(settings.get_by_role("status").filter(has_text="after the next restart")).to_be_visible()
    assert "8899" in file.read_text()
    assert demo.state()["site"] == "Demo house"
