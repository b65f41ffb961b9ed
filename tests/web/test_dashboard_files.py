"""The pages: what is built is served, what is not built is said."""

import re
from pathlib import Path

import httpx
import pytest
from web_fakes import Connect

from phasewise.web import Access, dashboard

PAGES = Path(dashboard.__file__).parent / "pages"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Dashboard</title>")
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "app-3f2a.js").write_text("let a")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


async def test_a_missing_build_is_said_in_plain_words(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "not built" in answer.text
    assert "make setup" in answer.text


async def test_the_dashboard_is_served(connect: Connect, built: Path) -> None:
    client = connect(static_dir=built)
    index = await client.get("/")
    assert (index.status_code, index.text) == (200, "<title>Dashboard</title>")
    assert index.headers["cache-control"] == "no-cache"
    asset = await client.get("/assets/app-3f2a.js")
    assert asset.status_code == 200
    assert "immutable" in asset.headers["cache-control"]
    assert "javascript" in asset.headers["content-type"]
    icon = await client.get("/favicon.svg")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert icon.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/%2e%2e%2findex.html",
        "/assets",
        "/assets/",
        "/assets/app-3f2a.js/",
        "/%00",
        "/login.html",
        "/" + "a" * 3000,
    ],
)
async def test_nothing_else_can_be_read(connect: Connect, built: Path, path: str) -> None:
    answer = await connect(static_dir=built).get(path)
    assert answer.status_code in {307, 404}
    assert "secret" not in answer.text


async def test_a_login_leads_to_the_dashboard(connect: Connect, built: Path) -> None:
    client = connect(Access("token"), static_dir=built)
    assert "Dashboard" not in (await client.get("/")).text
    await client.post("/api/v1/login", json={"token": "token"})
    assert "Dashboard" in (await client.get("/")).text


@pytest.mark.parametrize("html", [page.read_text() for page in sorted(PAGES.glob("*.html"))])
async def test_own_pages_keep_to_the_security_policy(html: str, client: httpx.AsyncClient) -> None:
    assert not re.search(r"<style|style=|<script(?! src=)|\son\w+=", html)
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert links
    for link in links:
        assert (await client.get(link)).status_code == 200, link
