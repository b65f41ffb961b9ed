"""Settings changed through the running daemon: file, control and what the next look shows."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from test_application import alarms, battery, running, state_of, until

from phasewise.app import Application
from phasewise.config import Change
from phasewise.config.secrets import MASK
from phasewise.engine.controls import NotSavedError, SettingsError


@pytest.fixture
async def live(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[tuple[Application, Path]]:
    async with running(tmp_path, unused_tcp_port) as (app, path, _):
        yield app, path


async def change(
    app: Application, *changes: Change, revision: str | None = None, dry_run: bool = False
) -> str:
    saved = await app.change_settings(changes, revision=revision, dry_run=dry_run)
    assert saved.persisted is not dry_run
    return saved.revision


async def test_settings_go_to_the_file_and_into_effect(live: tuple[Application, Path]) -> None:
    app, path = live
    before, seen = path.read_text(), await app.settings()
    assert (seen.detail, seen.errors, seen.file) == (None, (), str(path))
    revision = await change(
        app,
        Change(("batteries", "garage", "max_charge_w"), 600),
        Change(("site", "name"), "Elsewhere"),
        Change(("control", "strategy"), "standby"),
        revision=seen.revision,
    )
    after = await app.settings()
    assert after.revision == revision != seen.revision
    assert after.values["site"]["name"] == "Elsewhere"
    await until(lambda: state_of(app).site == "Elsewhere")
    await until(lambda: battery(app, "garage").max_charge_w == 600)
    await until(lambda: state_of(app).strategy.selected == "standby")
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in path.read_text().splitlines() if line.lstrip().startswith("#")] == comments
    with pytest.raises(NotSavedError, match="meanwhile"):
        await change(app, Change(("site", "name"), "x"), revision=seen.revision)


async def test_a_battery_goes_and_comes(live: tuple[Application, Path]) -> None:
    app, path = live
    (entry,) = [b for b in (await app.settings()).values["batteries"] if b["id"] == "shed"]
    await change(app, Change(("batteries", "shed"), remove=True))
    await until(lambda: all(b.id != "shed" for b in state_of(app).batteries))
    assert "shed" not in path.read_text()
    await change(app, Change(("batteries", "shed"), {**entry, "phase": "L2"}))
    await until(lambda: [b.phase for b in state_of(app).batteries if b.id == "shed"] == ["L2"])


async def test_nothing_is_changed_by_a_dry_run_or_by_what_is_wrong(live: tuple[Application, Path]) -> None:
    app, path = live
    before = path.read_bytes()
    await change(app, Change(("site", "name"), "Elsewhere"), dry_run=True)
    with pytest.raises(SettingsError) as caught:
        await change(app, Change(("site", "name"), "x"), Change(("batteries", "attic", "phase"), "L7"))
    assert [error.path for error in caught.value.errors] == [("batteries", "attic", "phase")]
    assert path.read_bytes() == before
    assert state_of(app).site != "Elsewhere"


async def test_a_file_that_cannot_be_written_stays_and_is_said(
    live: tuple[Application, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, path = live
    before = path.read_bytes()
    monkeypatch.setattr("os.access", lambda *_, **__: False)  # root may write everything
    path.chmod(stat.S_IRUSR)
    assert "read-only" in ((await app.settings()).detail or "")
    with pytest.raises(NotSavedError, match="read-only"):
        await change(app, Change(("site", "name"), "x"))
    assert path.read_bytes() == before


async def test_a_broken_file_is_shown_and_can_be_mended(live: tuple[Application, Path]) -> None:
    app, path = live
    path.write_text(path.read_text() + "history:\n  keep_days: -1  # oops\n")
    await until(lambda: "config-invalid" in alarms(app))
    assert [error.path for error in (await app.settings()).errors] == [("history", "keep_days")]
    await change(app, Change(("history", "keep_days"), 5))
    await until(lambda: "config-invalid" not in alarms(app))
    assert path.read_text().endswith("  keep_days: 5  # oops\n")


async def test_what_needs_a_restart_is_said(live: tuple[Application, Path]) -> None:
    app, _ = live
    saved = await app.change_settings([Change(("web", "port"), 8099)], revision=None, dry_run=False)
    assert "Restart" in (saved.detail or "")
    await until(lambda: "config-restart-needed" in alarms(app))


async def test_secrets_stay_in_the_file(live: tuple[Application, Path]) -> None:
    app, path = live
    url = "http://me:hidden@127.0.0.1:1/prices"
    await change(app, Change(("prices",), {"driver": "http-json", "url": url, "headers": {"X": "hidden"}}))
    shown = (await app.settings()).values["prices"]
    assert (shown["url"], shown["headers"]) == (url.replace("hidden", MASK), {"X": MASK})
    await change(app, Change(("prices",), {**shown, "unit": "EUR/MWh"}))
    assert path.read_text().count("hidden") == 2


async def test_changes_from_two_forms_are_both_made(live: tuple[Application, Path]) -> None:
    app, _ = live
    names = (Change(("batteries", id_, "name"), id_.upper()) for id_ in ("garage", "attic", "shed"))
    await asyncio.gather(*(change(app, one) for one in names))
    assert [b["name"] for b in (await app.settings()).values["batteries"]] == ["GARAGE", "ATTIC", "SHED"]
