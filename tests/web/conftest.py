"""A client for the application in this process, as a browser on this machine would see it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from web_fakes import Connect, FakeControls, make_state

from phasewise.web import Access, create_app

LOCAL = "http://localhost:8080"


@pytest.fixture
def controls() -> FakeControls:
    return FakeControls(make_state())


@pytest.fixture(scope="session")
def routers() -> dict[Path, APIRouter]:
    """Those whose routes are built, by the folder of their pages: that takes longer than a request."""
    return {}


@pytest.fixture(scope="session")
def no_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder without a dashboard."""
    return tmp_path_factory.mktemp("no-pages")


@pytest.fixture
async def connect(
    controls: FakeControls, routers: dict[Path, APIRouter], no_pages: Path
) -> AsyncIterator[Connect]:
    """connect(access, base_url=..., peer=..., static_dir=...) -> a client for a fresh application."""
    async with AsyncExitStack() as stack:

        def connect(
            access: Access = Access(),  # noqa: B008 - frozen
            base_url: str = LOCAL,
            peer: str = "127.0.0.1",
            static_dir: Path = no_pages,
        ) -> httpx.AsyncClient:
            app = create_app(controls, access=access, static_dir=static_dir)
            # Routes know nothing of the application that serves them: it comes with each request.
            app.router = routers.setdefault(static_dir, app.router)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 50000))
            client = httpx.AsyncClient(transport=transport, base_url=base_url)
            stack.push_async_callback(client.aclose)
            return client

        yield connect


@pytest.fixture
def client(connect: Connect) -> httpx.AsyncClient:
    return connect()
