"""The pages: the built dashboard, and what stands in for it without a build or without a login."""

from collections.abc import Sequence
from pathlib import Path

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

STATIC_DIR = Path(__file__).parent / "static"
"""Where the front end is built into the package."""
_PAGES_DIR = Path(__file__).parent / "pages"

_NO_CACHE = {"Cache-Control": "no-cache"}
_IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Names under /assets/ hold a hash of the content, so they never change."""


def login_page(ways: Sequence[str]) -> Response:
    """Asks for what can be logged in with: `password`, `token`, or either of both."""
    page = (_PAGES_DIR / "login.html").read_text(encoding="utf-8")
    return HTMLResponse(page.replace('data-ways=""', f'data-ways="{" ".join(ways)}"'), 401, _NO_CACHE)


def dashboard_router(directory: Path) -> APIRouter:
    """Serves a built dashboard: `index.html`, files beside it, and hashed files under `assets`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> Response:
        page = directory / "index.html"
        if page.is_file():
            return FileResponse(page, headers=_NO_CACHE)
        return FileResponse(_PAGES_DIR / "not-built.html", 503, _NO_CACHE)

    @router.get("/assets/{name}")
    async def asset(name: str) -> Response:
        return _file(directory / "assets", name, _IMMUTABLE)

    @router.get("/{name}")
    async def beside_index(name: str) -> Response:
        folder = _PAGES_DIR if name in {"login.js", "pages.css"} else directory
        return _file(folder, name, _NO_CACHE)

    return router


def _file(folder: Path, name: str, headers: dict[str, str]) -> Response:
    """One file of exactly that folder: the name is looked up in its listing, so no path can lead out."""
    listing = folder.iterdir() if folder.is_dir() else ()
    found = next((entry for entry in listing if entry.name == name and entry.is_file()), None)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return FileResponse(found, headers=headers)
