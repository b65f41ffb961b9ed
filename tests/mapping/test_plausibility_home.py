"""The plausibility check in whole simulated days, under the real control, and the tool that runs years."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.simulated

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
    ("case", "seed", "first_day", "wrong"),
    [
        pytest.param(0, 1000, 0, {"swapped": 3, "rotated": 1, "one wrong": 6}, id="one battery per phase"),
        pytest.param(
            4, 1004, 4, {"swapped": 2, "rotated": 1, "one wrong": 6}, id="two on one phase, slow telemetry"
        ),
    ],
)
def test_a_day_is_enough_to_find_a_wrong_phase_and_a_right_one_is_left_alone(
    case: int, seed: int, first_day: int, wrong: dict[str, int]
) -> None:
    outcome = year.block(year.CASES[case], aware=False, seed=seed, first_day=first_day, days=1)
    assert (outcome.false, outcome.false_anew) == (0, 0)
    assert {kind: len(hours) for kind, hours in outcome.found_h.items()} == wrong
    assert max(outcome.found_h["swapped"]) < 24.0
    assert max(outcome.found_h["rotated"]) < 24.0
    assert max(outcome.found_h["one wrong"]) < 24.0
    assert min(outcome.moves) >= 15
    assert outcome.misled < 0.02 * sum(outcome.moves)
    text = year.summary([outcome])
    assert "1 days: 0 false warnings" in text
    swaps = wrong["swapped"]
    assert f"swapped: found within a day in {swaps} of {swaps} configurations" in text
    assert f"swapped {swaps}/{swaps} within a day" in year.line(7, year.CASES[case], outcome)


def test_wrong_mappings_differ_from_the_right_one_as_they_say() -> None:
    assert year.wrong_mappings("112") == {
        "swapped": ["211", "121"],
        "rotated": ["223"],
        "one wrong": ["212", "312", "122", "132", "111", "113"],
    }


def test_a_warning_about_a_right_phase_is_false_and_one_about_a_wrong_phase_is_found() -> None:
    case = year.CASES[0]
    configured = [("right", "123"), ("swapped", "213"), ("one wrong", "122")]
    judged = [year.settings_of(case, text, year.PLAIN) for _, text in configured]
    check, anew = year.Check(judged, "123"), year.Check(judged[:1], "123", forget_s=3600.0)
    check.raised = [
        (3600.0, 1, "m0"),
        (7200.0, 1, "m2"),
        (7200.0, 2, "m2"),
        (7200.0, 2, "m0"),
        (7200.0, 0, "m0"),
    ]
    anew.raised = [(7200.0, 0, "m0")]
    outcome = year.outcome_of(case, 5, configured, [check, anew])
    assert (outcome.false, outcome.false_anew) == (2, 1)
    assert outcome.found_h == {"swapped": [1.0], "one wrong": [2.0]}
