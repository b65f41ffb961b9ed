"""HTTP API, live stream and dashboard."""

from phasewise.web.access import Access
from phasewise.web.app import create_app
from phasewise.web.server import ServerStartError, WebServer

__all__ = ["Access", "ServerStartError", "WebServer", "create_app"]
