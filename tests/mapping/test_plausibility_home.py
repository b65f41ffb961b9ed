"""The plausibility check in whole simulated days, under the real control, and the tool that runs years."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "plausibility_year.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(TOOL.stem, TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its types are looked up by module name.
    sys.modules[TOOL.stem] = module
    spec.loader.exec_module(module)
    return module


year = load()


@pytest.mark.timeout(600)  # a simulated day takes 10 s of a free core, and minutes of a busy one
@pytest.mark.parametrize(
    ("case", "seed", "first_day"),
    [
        pytest.param(0, 1000, 0, id="one battery per phase"),
        pytest.param(4, 1004, 4, id="two on one phase, slow telemetry"),
    ],
)
def test_a_day_is_enough_to_find_a_wrong_phase_and_a_right_one_is_left_alone(
    case: int, seed: int, first_day: int
) -> None:
    outcome = year.block(year.CASES[case], aware=False, seed=seed, first_day=first_day, days=1)
    assert outcome.false == 0
    assert set(outcome.found_h) == {"swapped", "rotated", "one wrong"}
    assert max(outcome.found_h.values()) < 24.0
    assert min(outcome.moves) >= 20
    assert outcome.misled < 0.05 * sum(outcome.moves)
    text = year.summary([outcome])
    assert "1 days: 0 false warnings" in text
    assert "swapped: found within a day in 1 of 1 homes" in text


def test_wrong_mappings_differ_from_the_right_one_as_they_say() -> None:
    wrong = year.wrong_mappings("1123")
    assert wrong == {"swapped": "2113", "rotated": "2231", "one wrong": "1122"}
