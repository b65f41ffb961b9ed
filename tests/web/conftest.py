"""A client for the application in this process, as a browser on this machine would see it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from web_fakes import Connect, FakeControls, make_state

from phasewise.web import Access, create_app

LOCAL = "http://localhost:8080"


@pytest.fixture
def controls() -> FakeControls:
    return FakeControls(make_state())


@pytest.fixture
async def connect(controls: FakeControls, tmp_path: Path) -> AsyncIterator[Connect]:
    """connect(access, base_url=..., peer=..., static_dir=...) -> a client for a fresh application."""
    async with AsyncExitStack() as stack:

        def connect(
            access: Access = Access(),  # noqa: B008 - frozen
            base_url: str = LOCAL,
            peer: str = "127.0.0.1",
            static_dir: Path = tmp_path,
        ) -> httpx.AsyncClient:
            app = create_app(controls, access=access, static_dir=static_dir)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 50000))
            client = httpx.AsyncClient(transport=transport, base_url=base_url)
            stack.push_async_callback(client.aclose)
            return client

        yield connect


@pytest.fixture
def client(connect: Connect) -> httpx.AsyncClient:
    return connect()
