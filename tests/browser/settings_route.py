"""The routes of the settings in a browser: the real schema and a real file."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route

from phasewise.config import Change, EditError
from phasewise.config.settings import WrongSettingsError
from phasewise.config.settings_file import SettingsFile, revision_of
from phasewise.registry import Plugins, load_plugins


@cache
def installed() -> Plugins:
    """Loading it takes half a second."""
    return load_plugins()


def serve_settings(page: Page, path: Path) -> list[list[dict[str, Any]]]:
    """Answer for the settings from this file; the changes of each PATCH that was saved are noted."""
    settings = SettingsFile(path, installed().registry())
    saved: list[list[dict[str, Any]]] = []

    def answer(route: Route) -> None:
        if route.request.method == "GET":
            state = asdict(settings.state())
            route.fulfill(json=state | {"writable": state["detail"] is None})
            return
        asked: dict[str, Any] = json.loads(route.request.post_data or "")
        changes = [Change(tuple(one["path"]), one.get("value"), "remove" in one) for one in asked["changes"]]
        try:
            text = settings.edited(path.read_text(), changes, asked["revision"])
        except WrongSettingsError as error:
            route.fulfill(
                status=422, json={"detail": str(error), "errors": [asdict(one) for one in error.wrong]}
            )
            return
        except EditError as error:
            route.fulfill(status=409, json={"detail": str(error)})
            return
        if not asked["dry_run"]:
            path.write_text(text)
            saved.append(asked["changes"])
        route.fulfill(json={"persisted": not asked["dry_run"], "detail": None, "revision": revision_of(text)})

    page.route("**/api/v1/settings", answer)
    return saved
