"""What holds for every test."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from coverage import Coverage
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


def pytest_configure(config: pytest.Config) -> None:
    """A daemon that a test starts in real time is not slowed by measuring which lines it runs."""
    if hasattr(config, "workerinput"):
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """See the marker `simulated`."""
    measuring = Coverage.current() if item.get_closest_marker("simulated") else None
    if measuring is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        measuring.start()


IN_REAL_TIME = {"app", "browser", "devices", "discovery", "e2e", "integrations", "setup", "web"}
"""Folders of tests on real sockets, processes and browsers, which a machine that stands still can fail."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in real time have a second try, which the summary tells (decision 12). Those of whole programs
    come first: they mostly wait, and others can be run meanwhile.
    """
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in IN_REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
