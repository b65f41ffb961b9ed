"""What holds for every test."""

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "unhurried", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")
"""How long an example takes says how busy the machine is, not whether the code is right."""

*_PROCESSORS, _ = structlog.get_config()["processors"]
structlog.configure(
    processors=[
        *_PROCESSORS,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""As the daemon has it: where rich is installed, every traceback would cost a good part of a second."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in real time come first: they mostly wait, and others can be run meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
