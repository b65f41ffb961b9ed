"""Fixtures of the engine tests."""

from collections.abc import Callable

import pytest
from rig import Scenario, make_rig
from virtual_time import run_virtual


@pytest.fixture
def play() -> Callable[[Scenario], None]:
    """Run a scenario against a fresh, started rig; the engine is stopped at the end."""

    def run(scenario: Scenario) -> None:
        async def main() -> None:
            rig = make_rig()
            rig.engine.start()
            await scenario(rig)
            await rig.engine.stop()

        run_virtual(main())

    return run
